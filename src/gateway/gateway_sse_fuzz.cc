// Streams from a provider, cut anywhere. The first byte chooses dialect and hiding, the second the
// cuts. What the client gets is what came, or what came less whole events; and what is learnt does
// not depend on the cuts.
// Parser: gateway/sse_scanner.cc gateway/answer_meter.cc gateway/answer_reader.cc
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "gateway/answer_meter.h"

namespace {

using namespace sightglass::gateway;

struct Learnt {
  std::string client;
  Tokens tokens;
  std::int64_t tool_calls = 0;
  std::int64_t chunks = 0;
  std::size_t hidden = 0;
};

Learnt read_in_pieces(std::string_view stream, const AnswerMeter::Answer& answer,
                      std::size_t step) {
  AnswerMeter meter;
  JsonScratch scratch;
  Learnt out;
  meter.start(answer);
  for (std::size_t at = 0; at < stream.size(); at += step) {
    const std::string read(stream.substr(at, step));
    out.client += meter.feed(read, static_cast<sightglass::Nanos>(at + 1), scratch);
  }
  out.client += meter.finish(scratch);
  out.tokens = meter.reader().tokens();
  out.tool_calls = meter.reader().tool_calls();
  out.chunks = meter.chunks();
  out.hidden = meter.hidden();
  return out;
}

void require(bool fact) {
  if (!fact) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view stream(reinterpret_cast<const char*>(data) + 2, size - 2);
  const auto dialect = static_cast<Dialect>(data[0] % 8);
  const auto hide = (data[0] & 0x80) != 0 ? HideUsage::kYes : HideUsage::kNo;
  const AnswerMeter::Answer answer{dialect, AnswerMeter::Form::kStream, ContentCoding::kIdentity,
                                   hide};
  const auto whole = read_in_pieces(stream, answer, stream.size() + 1);
  const auto cut = read_in_pieces(stream, answer, 1 + data[1] % 50);
  require(whole.tokens == cut.tokens && whole.tool_calls == cut.tool_calls);
  require(whole.chunks == cut.chunks && whole.tokens.total() >= 0);
  if (hide == HideUsage::kNo) require(whole.client == stream && cut.client == stream);
  if (whole.hidden == 0) require(whole.client == stream);
  if (whole.hidden == cut.hidden) require(whole.client == cut.client);

  // The same bytes as a body, and as something compressed.
  AnswerMeter meter;
  JsonScratch scratch;
  for (const auto coding :
       {ContentCoding::kIdentity, ContentCoding::kGzip, ContentCoding::kDeflate}) {
    meter.start({dialect, AnswerMeter::Form::kBody, coding, HideUsage::kNo});
    require(meter.feed(stream, 1, scratch) == stream);
    meter.finish(scratch);
    require(meter.reader().tokens().total() >= 0);
  }
  return 0;
}
