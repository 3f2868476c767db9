// What the request path costs beside moving bytes.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "base/fake_file_system.h"

#include "gateway/answer_meter.h"
#include "gateway/record_writer.h"
#include "gateway/request_scan.h"
#include "gateway/splice.h"

namespace sightglass::gateway {
namespace {

std::string chat_request(std::size_t messages) {
  std::string body = R"({"model":"gpt-4o","stream":true,"max_tokens":256,"messages":[)";
  for (std::size_t i = 0; i < messages; ++i) {
    if (i > 0) body += ',';
    body += R"({"role":"user","content":")" + std::string(180, 'x') + "\"}";
  }
  return body + "]}";
}

void scan_and_splice(benchmark::State& state) {
  auto body = chat_request(static_cast<std::size_t>(state.range(0)));
  body.reserve(body.size() + kJsonPadding);
  JsonScratch scratch;
  RequestScan scan;
  Splice splice;
  for (auto _ : state) {
    scan_request(body, Dialect::kOpenAiChat, scratch, scan);
    splice.make(body, scan, {.model = {}, .ask_for_usage = true});
    benchmark::DoNotOptimize(splice.size_bytes());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}
BENCHMARK(scan_and_splice)->Arg(1)->Arg(10)->Arg(100);

void meter_a_chunk(benchmark::State& state, Dialect dialect, HideUsage hide, std::string first,
                   std::string chunk) {
  AnswerMeter meter;
  JsonScratch scratch;
  meter.start({dialect, AnswerMeter::Form::kStream, ContentCoding::kIdentity, hide});
  meter.feed(first, 1, scratch);
  Nanos now = 2;
  for (auto _ : state) benchmark::DoNotOptimize(meter.feed(chunk, ++now, scratch));
}
const std::string kOpenAiChunk =
    "data: {\"id\":\"chatcmpl-9xKzJ0aBcDeFgHiJkLmNoPqR\",\"object\":\"chat.completion.chunk\","
    "\"created\":1721800000,\"model\":\"gpt-4o-2024-08-06\",\"system_fingerprint\":\"fp_1\","
    "\"choices\":[{\"index\":0,\"delta\":{\"content\":\" word\"},\"logprobs\":null,"
    "\"finish_reason\":null}],\"usage\":null}\n\n";
const std::string kAnthropicChunk =
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
    "\"delta\":{\"type\":\"text_delta\",\"text\":\" word\"}}\n\n";
BENCHMARK_CAPTURE(meter_a_chunk, openai, Dialect::kOpenAiChat, HideUsage::kNo, kOpenAiChunk,
                  kOpenAiChunk);
BENCHMARK_CAPTURE(meter_a_chunk, openai_hiding, Dialect::kOpenAiChat, HideUsage::kYes, kOpenAiChunk,
                  kOpenAiChunk);
BENCHMARK_CAPTURE(meter_a_chunk, anthropic, Dialect::kAnthropicMessages, HideUsage::kNo,
                  kAnthropicChunk, kAnthropicChunk);

std::string gateway_pack() {
  const char* root = std::getenv("SIGHTGLASS_SOURCE_DIR");
  std::ifstream in(std::string(root == nullptr ? "." : root) + "/packs/gateway.yaml");
  return {std::istreambuf_iterator<char>(in), {}};
}

class Dropped final : public journal::Producer {
 public:
  bool offer(journal::RecordKind, Bytes payload) override {
    benchmark::DoNotOptimize(payload.data());
    return true;
  }
};

void terminal_record(benchmark::State& state) {
  SystemClock clock;
  Telemetry telemetry;
  FakeFileSystem files;
  SeededRandom random(1);
  const auto keys = guard::KeyRing::open({.path = "/ring"}, files, random, clock);
  Dropped producer;
  const auto catalogue = event::Catalogue::parse(gateway_pack());
  if (!keys || !catalogue) return state.SkipWithError("run it from the project's root");
  auto plan = event::MatchPlan::compile(*catalogue);
  guard::Door door(*catalogue, std::move(*plan), **keys, telemetry);
  RecordWriter records({door, producer, clock, "gateway", "production"});
  Story story;
  story.request_id = "0f8fad5b-d9cb-469f-a165-70867728950e";
  story.trace_id = "0af7651916cd43dd8448eb211c80319c";
  story.span_id = "b7ad6b7169203331";
  story.operation = operation_of("POST", "/chat/completions");
  story.method = "POST";
  story.provider = "openai";
  story.key = "openai-0123456789abcdef";
  story.client = "anonymous";
  story.model_requested = story.model_upstream = story.model_label = "gpt-4o";
  story.model_response = "gpt-4o-2024-08-06";
  story.status = story.upstream_status = 200;
  story.tokens = {.input = 100, .cache_read = 64, .output = 20, .reasoning = 5};
  story.usage = UsageState::kExact;
  story.cost = {123'456, price::Unpriced::kPriced};
  story.price_version = "2026-07-24";
  story.latency_ns = 812'000'000;
  story.request_bytes = 2000;
  story.response_bytes = 4000;
  story.attempts = 1;
  for (auto _ : state) records.terminal(story);
}
BENCHMARK(terminal_record);

}  // namespace
}  // namespace sightglass::gateway
