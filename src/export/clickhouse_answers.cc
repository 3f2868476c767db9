#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "export/clickhouse.h"
#include "export/http_words.h"
#include "export/rows.h"

namespace sightglass::exporting {
namespace {

using Kind = Verdict::Kind;

struct Meaning {
  int code;
  Reason reason;
};
// Source: ClickHouse, src/Common/ErrorCodes.cpp. What is not here is an error of its own.
constexpr Meaning kMeanings[] = {
    {10, Reason::kSchema},     // NOT_FOUND_COLUMN_IN_BLOCK
    {16, Reason::kSchema},     // NO_SUCH_COLUMN_IN_TABLE
    {20, Reason::kSchema},     // NUMBER_OF_COLUMNS_DOESNT_MATCH
    {33, Reason::kSchema},     // CANNOT_READ_ALL_DATA: a column of another type
    {36, Reason::kSchema},     // BAD_ARGUMENTS
    {47, Reason::kSchema},     // UNKNOWN_IDENTIFIER
    {53, Reason::kSchema},     // TYPE_MISMATCH
    {60, Reason::kSchema},     // UNKNOWN_TABLE
    {81, Reason::kSchema},     // UNKNOWN_DATABASE
    {164, Reason::kReadOnly},  // READONLY
    {242, Reason::kReadOnly},  // TABLE_IS_READ_ONLY
    {192, Reason::kDenied},    // UNKNOWN_USER
    {193, Reason::kDenied},    // WRONG_PASSWORD
    {194, Reason::kDenied},    // REQUIRED_PASSWORD
    {195, Reason::kDenied},    // IP_ADDRESS_NOT_ALLOWED
    {291, Reason::kDenied},    // DATABASE_ACCESS_DENIED
    {497, Reason::kDenied},    // ACCESS_DENIED
    {516, Reason::kDenied},    // AUTHENTICATION_FAILED
    {243, Reason::kFull},      // NOT_ENOUGH_SPACE
    {159, Reason::kBusy},      // TIMEOUT_EXCEEDED
    {201, Reason::kBusy},      // QUOTA_EXCEEDED
    {202, Reason::kBusy},      // TOO_MANY_SIMULTANEOUS_QUERIES
    {216, Reason::kBusy},      // QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING: our own of before
    {241, Reason::kBusy},      // MEMORY_LIMIT_EXCEEDED
    {252, Reason::kBusy},      // TOO_MANY_PARTS
    {225, Reason::kQuorum},    // NO_ZOOKEEPER
    {285, Reason::kQuorum},    // TOO_FEW_LIVE_REPLICAS
    {286, Reason::kQuorum},    // UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
    {289, Reason::kQuorum},    // REPLICA_IS_NOT_IN_QUORUM
    {319, Reason::kQuorum},    // UNKNOWN_STATUS_OF_INSERT
    {999, Reason::kQuorum},    // KEEPER_EXCEPTION
};

// Of "Code: 60, e.displayText() = …" and "Code: 60. DB::Exception: …"; 0: it says none.
std::int64_t code_of(std::string_view body) {
  constexpr std::string_view kWord = "Code: ";
  if (!body.starts_with(kWord)) return 0;
  const auto digits = body.substr(kWord.size());
  return parse_int(digits.substr(0, digits.find_first_not_of("0123456789"))).value_or(0);
}

Reason reason_of_code(std::int64_t code, std::string_view body) {
  // The file system's own error comes with several codes.
  if (body.find("No space left on device") != std::string_view::npos ||
      body.find("errno: 28,") != std::string_view::npos) {
    return Reason::kFull;
  }
  const auto* const found =
      std::find_if(std::begin(kMeanings), std::end(kMeanings),
                   [&](const Meaning& meaning) { return meaning.code == code; });
  return found == std::end(kMeanings) ? Reason::kServerError : found->reason;
}

// What stands before the next `mark`, which is taken off, too.
std::string_view take_to(std::string_view& text, char mark) {
  const auto part = text.substr(0, text.find(mark));
  text.remove_prefix(std::min(text.size(), part.size() + 1));
  return part;
}

}  // namespace

Verdict read_clickhouse_answer(int status, std::string_view body, std::string_view retry_after) {
  Verdict verdict;
  verdict.retry_after_ns = pause_asked(retry_after);
  if (const auto code = code_of(body); code != 0) {
    verdict.reason = reason_of_code(code, body);
  } else if (status == 200) {
    verdict.kind = Kind::kTaken;
  } else {
    verdict.reason = reason_of_status(status);
  }
  return verdict;
}

std::string sql_text(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  return out + "'";
}

std::vector<std::string> column_differences(std::string_view listed,
                                            const std::vector<RowColumn>& columns) {
  std::vector<std::pair<std::string_view, std::string_view>> found;
  while (!listed.empty()) {
    auto column = take_to(listed, kBetweenColumns);
    const auto name = take_to(column, ' ');
    found.emplace_back(name, column);
  }
  std::vector<std::string> out;
  for (const auto& wanted : columns) {
    const auto it = std::find_if(found.begin(), found.end(),
                                 [&](const auto& column) { return column.first == wanted.name; });
    const std::string name(wanted.name), type(wanted.type);
    if (it == found.end()) {
      out.push_back("column " + name + " " + type + " is missing");
    } else if (it->second != wanted.type) {
      out.push_back("column " + name + " is not " + type);
    }
  }
  return out;
}

std::optional<Present> read_present(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  std::array<std::int64_t, 4> numbers{};
  for (auto& number : numbers) {
    const auto read = parse_int(take_to(line, '\t'));
    if (!read || *read < 0) return std::nullopt;
    number = *read;
  }
  if (!line.empty()) return std::nullopt;
  return Present{static_cast<journal::Position>(numbers[0]), {numbers[1], numbers[2]}, numbers[3]};
}

std::string_view clickhouse_sentence(Reason reason) {
  switch (reason) {
    case Reason::kSchema:
      return "its tables are missing or of another version; make them with deploy/clickhouse, and "
             "ask `sightglass doctor` what differs";
    case Reason::kReadOnly:
      return "it is read-only; the user's profile forbids writing, or the replica has lost "
             "ZooKeeper: ask `sightglass doctor`";
    case Reason::kFull:
      return "its disk is full; drop old partitions (docs/clickhouse.md) or give it more";
    case Reason::kQuorum:
      return "too few of its replicas, or no ZooKeeper, to take rows; bring them back, or lower "
             "insert_quorum";
    case Reason::kForeign:
      return "the rows that it has under this gateway's id are not those of this journal; give "
             "each gateway a gateway.id of its own, and a new one after a backup was restored";
    default:
      return reason_sentence(reason);
  }
}

}  // namespace sightglass::exporting
