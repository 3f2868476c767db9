// Answers of whoever listens where a ClickHouse should: none stops us, none makes us drop a row,
// and what cannot be read is called so.
// Parser: export/clickhouse_answers.cc
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "export/clickhouse.h"
#include "export/rows.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sightglass::exporting;
  using Kind = Verdict::Kind;
  if (size == 0) return 0;
  const int status = 200 + data[0];
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto verdict = read_clickhouse_answer(status, text, text);
  require(verdict.kind == Kind::kRetry || (verdict.kind == Kind::kTaken && status == 200));
  require(verdict.dropped == 0 && !verdict.maybe_taken);
  require(verdict.retry_after_ns >= 0 && verdict.retry_after_ns <= 3'600 * sightglass::kSecond);
  require(!clickhouse_sentence(verdict.reason).empty());
  if (const auto present = read_present(text)) {
    require(present->checks[0] >= 0 && present->checks[1] >= 0 && present->running >= 0);
  }
  require(column_differences(text, row_columns()).size() <= row_columns().size());
  return 0;
}
