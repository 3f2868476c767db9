#include <utility>

#include "base/text.h"
#include "export/clickhouse.h"
#include "export/http_words.h"

namespace sightglass::exporting {
namespace {

using Kind = Verdict::Kind;

constexpr std::int64_t kFirstWithAsyncInserts = 22;  // major version; 21.11 had them first

std::int64_t major_of(std::string_view version) {
  return parse_int(version.substr(0, version.find('.'))).value_or(0);
}

Verdict failed(Reason reason) { return {.kind = Kind::kRetry, .reason = reason}; }

}  // namespace

ClickHouseNode::ClickHouseNode(const ClickHouseOptions& options, std::unique_ptr<HttpCaller> caller)
    : database_(options.database),
      table_(options.table),
      columns_(options.columns),
      timeout_ns_(options.timeout_ns),
      caller_(std::move(caller)) {
  target_ = "/?database=" + percent_encoded(options.database);
  fields_ = "Content-Type: application/octet-stream\r\n" +
            basic_authorization(options.username, options.password);
  std::string names;
  for (const auto& column : columns_) {
    if (!names.empty()) names += ",";
    names += column.name;
  }
  insert_ = percent_encoded("INSERT INTO " + table_ + " (" + names + ") FORMAT RowBinary");
}

Result<std::unique_ptr<ClickHouseNode>> ClickHouseNode::make(const ClickHouseOptions& options,
                                                             const std::string& url,
                                                             const Clock& clock) {
  // Whether a block was taken is asked before it is sent again.
  SG_ASSIGN(auto caller,
            HttpCaller::make(url, options.ca_file, clock, HttpCaller::Connection::kFresh));
  return std::unique_ptr<ClickHouseNode>(new ClickHouseNode(options, std::move(caller)));
}

std::expected<std::string, Verdict> ClickHouseNode::ask_at(const std::string& target,
                                                           const std::string& sql) {
  auto answer = caller_->post(target, fields_, sql + " FORMAT TabSeparated", timeout_ns_);
  if (!answer) return std::unexpected(failed(reason_of(answer.error().error)));
  const auto verdict = read_clickhouse_answer(answer->status, answer->body, answer->retry_after);
  if (verdict.kind != Kind::kTaken) return std::unexpected(verdict);
  return std::move(answer->body);
}

std::expected<std::string, Verdict> ClickHouseNode::ask(const std::string& sql,
                                                        std::string_view settings) {
  return ask_at(target_ + std::string(settings), sql);
}

std::expected<std::string, Verdict> ClickHouseNode::ask_server(const std::string& sql) {
  return ask_at("/", sql);
}

Verdict ClickHouseNode::run(const std::string& sql) {
  const auto answer = caller_->post(target_, fields_, sql, timeout_ns_);
  if (!answer) return failed(reason_of(answer.error().error));
  return read_clickhouse_answer(answer->status, answer->body, answer->retry_after);
}

// Today's servers may be told by their profile to gather inserts of several clients into one block,
// which no longer is ours.
std::string ClickHouseNode::settings_for_inserts(std::int64_t quorum) const {
  std::string out;
  if (major_of(version_) >= kFirstWithAsyncInserts) out += "&async_insert=0";
  if (quorum > 1) {
    const auto wait_ms = std::max<Nanos>(timeout_ns_ / 2 / kMillisecond, 1);
    out += "&insert_quorum=" + std::to_string(quorum) +
           "&insert_quorum_timeout=" + std::to_string(wait_ms);
  }
  return out;
}

Verdict ClickHouseNode::insert(std::string_view rows, std::string_view query_id,
                               std::int64_t quorum) {
  if (!pack(rows, packed_)) return failed(Reason::kBusy);
  const auto answer = caller_->post(target_ + settings_for_inserts(quorum) + "&query_id=" +
                                        percent_encoded(query_id) + "&query=" + insert_,
                                    fields_ + "Content-Encoding: gzip\r\n", packed_, timeout_ns_);
  if (!answer) return failed(reason_of(answer.error().error));
  // It has nothing to say of an insert: a page that asks people to sign in does.
  if (answer->status == 200 && !answer->body.empty() && !answer->body.starts_with("Code: ")) {
    return failed(Reason::kNonsense);
  }
  return read_clickhouse_answer(answer->status, answer->body, answer->retry_after);
}

Verdict ClickHouseNode::look() {
  version_.clear();
  differences_.clear();
  const auto columns = ask_server(
      "SELECT version(), listed FROM (SELECT arrayStringConcat(groupArray(concat(name, ' ', "
      "type)), '" +
      std::string(1, kBetweenColumns) + "') AS listed FROM system.columns WHERE database = " +
      sql_text(database_) + " AND table = " + sql_text(table_) + ")");
  if (!columns) return columns.error();
  const std::string_view line = trim(*columns);
  const auto tab = line.find('\t');
  version_ = std::string(line.substr(0, tab));
  if (major_of(version_) == 0) return failed(Reason::kNonsense);
  differences_ = tab == std::string_view::npos
                     ? std::vector<std::string>{"table " + database_ + "." + table_ + " is missing"}
                     : column_differences(line.substr(tab + 1), columns_);
  if (!differences_.empty()) return failed(Reason::kSchema);
  const auto schema = ask("SELECT toString(max(version)) FROM schema_version");
  if (!schema) return schema.error();
  if (trim(*schema) != std::to_string(kRowSchemaVersion)) {
    differences_.push_back("schema_version is not " + std::to_string(kRowSchemaVersion));
    return failed(Reason::kSchema);
  }
  return {.kind = Kind::kTaken, .reason = Reason::kNonsense};
}

}  // namespace sightglass::exporting
