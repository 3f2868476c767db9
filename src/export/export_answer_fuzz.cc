// Answers of whoever listens where an engine should: none stops us, and only 204 and a partial
// write count as taken.
// Parser: export/influx.cc:read_influx_answer export/influx.cc:dropped_of
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "export/influx.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using sightglass::exporting::read_influx_answer;
  using Kind = sightglass::exporting::Verdict::Kind;
  if (size == 0) return 0;
  const int status = 256 + data[0];
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto verdict = read_influx_answer(status, text, text);
  const bool partial =
      (status == 400 || status == 422) && text.find("partial write") != std::string_view::npos;
  require((verdict.kind == Kind::kTaken) == partial);
  require(partial || verdict.dropped == 0);
  require(verdict.retry_after_ns >= 0 && verdict.retry_after_ns <= 3'600 * sightglass::kSecond);
  require(!sightglass::exporting::reason_sentence(verdict.reason).empty());
  return 0;
}
