#include "export/clickhouse_forget.h"

#include "base/text.h"

namespace sightglass::exporting {
namespace {

constexpr Nanos kAgain = 60 * kSecond;

// Of the fixed columns those whose class is identifier.
constexpr std::string_view kIdentifiers[] = {"user_id", "session_id"};

// Whether a text is one of them. Only what has a pseudonym's form is hashed.
std::string is_named(const std::string& text, const journal::Forget& texts) {
  std::string hashes;
  for (const auto& hash : texts.hex()) hashes += (hashes.empty() ? "'" : ", '") + hash + "'";
  return "(" + text + " LIKE '" + std::string(journal::kPseudonymLike) + "' AND has([" + hashes +
         "], lower(substring(hex(SHA256(" + text + ")), 1, 32))))";
}

std::string of_column(std::string_view column, const journal::Forget& texts) {
  return is_named("ifNull(" + std::string(column) + ", '')", texts);
}

std::string condition(const ClickHouseOptions& options, const journal::Forget& texts,
                      journal::Position up_to) {
  auto sql =
      "gateway = " + sql_text(options.gateway) + " AND pos <= " + std::to_string(up_to) + " AND (";
  for (const auto column : kIdentifiers) sql += of_column(column, texts) + " OR ";
  return sql + "arrayExists(x -> " + is_named("x", texts) + ", texts.value))";
}

std::unexpected<Error> unavailable(Reason reason) {
  return fail(Code::kUnavailable, "clickhouse: " + std::string(clickhouse_sentence(reason)));
}

}  // namespace

std::string count_named(const ClickHouseOptions& options, const journal::Forget& texts,
                        journal::Position up_to) {
  return "SELECT toString(count()) FROM " + options.table + " WHERE " +
         condition(options, texts, up_to);
}

std::string rewrite_named(const ClickHouseOptions& options, const journal::Forget& texts,
                          journal::Position up_to) {
  auto sql = "ALTER TABLE " + options.table + " UPDATE ";
  for (const auto column : kIdentifiers) {
    const std::string name(column);
    sql += name + " = if(" + of_column(column, texts) + ", NULL, " + name + "), ";
  }
  return sql + "`texts.value` = arrayMap(x -> if(" + is_named("x", texts) +
         ", '', x), texts.value) WHERE " + condition(options, texts, up_to);
}

Result<std::unique_ptr<ClickHouseForgetting>> ClickHouseForgetting::make(
    const ClickHouseOptions& options, const Clock& clock) {
  std::unique_ptr<ClickHouseForgetting> out(new ClickHouseForgetting(options, clock));
  for (const auto& url : options.replicas) {
    SG_ASSIGN(auto node, ClickHouseNode::make(options, url, clock));
    out->nodes_.push_back(std::move(node));
  }
  return out;
}

Result<std::int64_t> ClickHouseForgetting::number(ClickHouseNode& node, const std::string& sql) {
  const auto answer = node.ask(sql);
  const auto value = answer ? parse_int(trim(*answer)) : std::nullopt;
  if (value) return *value;
  const auto reason = answer ? Reason::kNonsense : answer.error().reason;
  return unavailable(reason);
}

// A replicated table shows what it was told only some seconds later.
Status ClickHouseForgetting::rewrite(ClickHouseNode& node, const std::string& sql) {
  const auto now = clock_.monotonic_ns();
  if (sql == last_sql_ && now - told_ns_ < kAgain) return {};
  const auto verdict = node.run(sql);
  if (verdict.kind != Verdict::Kind::kTaken) return unavailable(verdict.reason);
  last_sql_ = sql;
  told_ns_ = now;
  return {};
}

Result<bool> ClickHouseForgetting::forget(const journal::Forget& texts, journal::Position up_to) {
  bool done = true;
  for (const auto& node : nodes_) {
    SG_ASSIGN(const auto rows, number(*node, count_named(options_, texts, up_to)));
    if (rows == 0) continue;
    done = false;
    SG_ASSIGN(const auto running,
              number(*node, "SELECT toString(count()) FROM system.mutations WHERE database = " +
                                sql_text(options_.database) +
                                " AND table = " + sql_text(options_.table) + " AND is_done = 0"));
    if (running > 0) continue;
    SG_TRY(rewrite(*node, rewrite_named(options_, texts, up_to)));
    return false;  // the other replicas of its table do the same by themselves
  }
  return done;
}

void ClickHouseForgetting::stop_by(Nanos monotonic_ns) {
  for (const auto& node : nodes_) node->stop_by(monotonic_ns);
}

}  // namespace sightglass::exporting
