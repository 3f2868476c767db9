// ClickHouse as the table of every gateway's rows, over its HTTP interface.
// Source: ClickHouse documentation, "HTTP interface" and "Data replication"; tried on 18.16.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "export/http_caller.h"
#include "export/rows.h"
#include "export/sink.h"

namespace sightglass::exporting {

struct ClickHouseOptions {
  std::vector<std::string> replicas;  // of this gateway's shard: "http://host:8123"; at least one
  std::string database = "sightglass", table = "events";
  std::vector<RowColumn> columns = row_columns();  // of the table
  std::string query_prefix = "sightglass-";  // of inserts; inserts of other tables have another
  std::string username, password;
  std::string ca_file;
  std::string gateway;      // whose rows these are
  std::int64_t quorum = 1;  // so many replicas have a block before it counts as taken
  Nanos timeout_ns = 30 * kSecond;
};

// Inserts each part as one block: all of it is there afterwards, or nothing, and nothing twice
// (export/clickhouse_inserter.h).
// Errors: kInvalid for an address or a file of authorities that is none.
Result<std::unique_ptr<Sink>> make_clickhouse(const ClickHouseOptions& options, const Clock& clock);

// Which of so many shards a gateway's rows go to, from 0: the one where the first eight bytes of
// SHA-256("<gateway>#<number from 1>"), the first the highest, are the greatest number. One more
// shard so takes over its share of gateways, and the others stay.
std::size_t shard_of(std::string_view gateway, std::size_t shards);

// What an answer means. `body`: its beginning; nothing of it is passed on.
Verdict read_clickhouse_answer(int status, std::string_view body, std::string_view retry_after);

// As reason_sentence(), in the words of ClickHouse.
std::string_view clickhouse_sentence(Reason reason);

// ---- questions --------------------------------------------------------------------------------

// One replica and how it is asked.
// Threads: those of an HttpCaller.
class ClickHouseNode {
 public:
  static Result<std::unique_ptr<ClickHouseNode>> make(const ClickHouseOptions& options,
                                                      const std::string& url, const Clock& clock);
  // The answer's body, tab-separated; or what is wrong. The question is asked in the database;
  // ask_server() also where there is none.
  std::expected<std::string, Verdict> ask(const std::string& sql, std::string_view settings = "");
  std::expected<std::string, Verdict> ask_server(const std::string& sql);
  Verdict run(const std::string& sql);  // a statement that answers nothing
  Verdict insert(std::string_view rows, std::string_view query_id, std::int64_t quorum);

  // Whether the tables are those that rows are made for. kTaken: they are; also sets version().
  Verdict look();
  const std::string& version() const { return version_; }  // "18.16.1"; empty before look()
  const std::vector<std::string>& differences() const { return differences_; }  // of the columns
  void stop_by(Nanos monotonic_ns) { caller_->stop_by(monotonic_ns); }

 private:
  ClickHouseNode(const ClickHouseOptions& options, std::unique_ptr<HttpCaller> caller);
  std::expected<std::string, Verdict> ask_at(const std::string& target, const std::string& sql);
  std::string settings_for_inserts(std::int64_t quorum) const;
  const std::string database_, table_;
  const std::vector<RowColumn> columns_;
  const Nanos timeout_ns_;
  const std::unique_ptr<HttpCaller> caller_;
  std::string target_, fields_, insert_;
  std::string version_;
  std::vector<std::string> differences_;
  std::string packed_;
};

// `'…'` with what must be escaped in it.
std::string sql_text(std::string_view text);
// What a table lacks or has otherwise, a sentence each. `listed`: "name type" of each.
inline constexpr char kBetweenColumns = ';';  // types hold commas
std::vector<std::string> column_differences(std::string_view listed,
                                            const std::vector<RowColumn>& columns);
// What there is of a gateway from a block's first position on.
struct Present {
  journal::Position last = 0;            // the greatest position; 0: nothing
  std::array<std::int64_t, 2> checks{};  // ClickHouseBlock::checks()
  std::int64_t running = 0;              // inserts of this gateway that still run
  bool operator==(const Present&) const = default;
};
inline constexpr std::int64_t kAcceptModulus = 1'000'000'007;
// `line`: these four between tabs. nullopt: it is no such answer.
std::optional<Present> read_present(std::string_view line);

}  // namespace sightglass::exporting
