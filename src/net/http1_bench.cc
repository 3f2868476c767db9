// One head of about 500 bytes, as SDKs send it and as providers answer it; and a chunked stream.
#include <benchmark/benchmark.h>

#include <string>

#include "net/http1.h"

namespace sightglass::net {
namespace {

const std::string& request_text() {
  static const std::string text =
      "POST /v1/chat/completions HTTP/1.1\r\nHost: api.openai.com\r\nAccept: application/json\r\n"
      "Accept-Encoding: gzip, deflate, zstd\r\nConnection: keep-alive\r\n"
      "User-Agent: OpenAI/Python 1.99.1\r\nX-Stainless-Lang: python\r\n"
      "X-Stainless-Package-Version: 1.99.1\r\nX-Stainless-OS: Linux\r\nX-Stainless-Arch: x64\r\n"
      "X-Stainless-Runtime: CPython\r\nX-Stainless-Runtime-Version: 3.12.3\r\n"
      "Authorization: Bearer sk-proj-0123456789abcdefghijklmnopqrstuvwxyz\r\n"
      "Content-Type: application/json\r\nContent-Length: 412\r\n\r\n";
  return text;
}

void request_head(benchmark::State& state) {
  HeadParser parser;
  RequestHead head;
  std::size_t consumed = 0;
  for (auto _ : state) {
    if (parser.request(request_text(), head, consumed) != ParseState::kDone) std::abort();
    benchmark::DoNotOptimize(head);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * request_text().size()));
}
BENCHMARK(request_head);

void response_head(benchmark::State& state) {
  const std::string text =
      "HTTP/1.1 200 OK\r\nDate: Fri, 20 Nov 2026 10:00:00 GMT\r\nContent-Type: "
      "text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\nConnection: "
      "keep-alive\r\nopenai-organization: org-0123456789\r\nopenai-processing-ms: 412\r\n"
      "openai-version: 2020-10-01\r\nx-ratelimit-limit-requests: 10000\r\n"
      "x-ratelimit-remaining-requests: 9999\r\nx-ratelimit-reset-requests: 6ms\r\n"
      "x-request-id: req_0123456789abcdef0123456789abcdef\r\n"
      "strict-transport-security: max-age=31536000; includeSubDomains; preload\r\n\r\n";
  HeadParser parser;
  ResponseHead head;
  std::size_t consumed = 0;
  for (auto _ : state) {
    if (parser.response(text, false, head, consumed) != ParseState::kDone) std::abort();
    benchmark::DoNotOptimize(head);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * text.size()));
}
BENCHMARK(response_head);

void chunked_stream(benchmark::State& state) {
  std::string text;
  char header[18];
  const std::string event(160, 'e');
  constexpr int kEvents = 100;
  for (int i = 0; i < kEvents; ++i) {
    text.append(header, write_chunk_header(event.size(), header)).append(event).append("\r\n");
  }
  text += "0\r\n\r\n";
  BodyDecoder decoder;
  for (auto _ : state) {
    decoder.start(BodyKind::kChunked, 0);
    std::string_view in = text;
    while (!decoder.complete()) benchmark::DoNotOptimize(decoder.next(in));
  }
  state.SetItemsProcessed(state.iterations() * kEvents);
}
BENCHMARK(chunked_stream);

}  // namespace
}  // namespace sightglass::net
