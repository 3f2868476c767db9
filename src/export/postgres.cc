#include "export/postgres.h"

#include <utility>

#include "base/failpoint.h"
#include "base/text.h"
#include "export/hourly_batch.h"
#include "export/sqlstate.h"

namespace sightglass::exporting {
namespace {

using Kind = Verdict::Kind;
template <typename T>
using Outcome = PgLink::Outcome<T>;

constexpr const char* kVersion = "select version from sightglass.schema_version";

constexpr const char* kFirstMark =
    "insert into sightglass.gateway_marks (gateway, journal) values ($1, $2) "
    "on conflict do nothing";

// Locks it: what an earlier connection of ours still does there is over then, one way or the other.
constexpr const char* kMark =
    "select accepted_ns, pos from sightglass.gateway_marks where gateway = $1 and journal = $2 "
    "for update";

constexpr const char* kMoveMark =
    "update sightglass.gateway_marks set accepted_ns = $3::bigint, pos = $4::bigint, "
    "as_of = to_timestamp($3::bigint / 1000000000) where gateway = $1 and journal = $2";

constexpr const char* kAddSums =
    "insert into sightglass.hourly_usage as t (hour, gateway, client, provider, model, outcome, "
    "requests, errors, input_tokens, cache_read_tokens, cache_write_5m_tokens, "
    "cache_write_1h_tokens, output_tokens, total_tokens, cost_nanousd, unpriced_requests, "
    "timed_requests, latency_us, latency_max_us) "
    "select hour, $1, client, provider, model, outcome, requests, errors, input_tokens, "
    "cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, output_tokens, total_tokens, "
    "cost_nanousd, unpriced_requests, timed_requests, latency_us, latency_max_us "
    "from jsonb_to_recordset($2::jsonb) as r (hour timestamptz, client text, provider text, "
    "model text, outcome text, requests bigint, errors bigint, input_tokens numeric, "
    "cache_read_tokens numeric, cache_write_5m_tokens numeric, cache_write_1h_tokens numeric, "
    "output_tokens numeric, total_tokens numeric, cost_nanousd numeric, unpriced_requests bigint, "
    "timed_requests bigint, latency_us numeric, latency_max_us bigint) "
    "on conflict (hour, gateway, client, provider, model, outcome) do update set "
    "requests = t.requests + excluded.requests, "
    "errors = t.errors + excluded.errors, "
    "input_tokens = t.input_tokens + excluded.input_tokens, "
    "cache_read_tokens = t.cache_read_tokens + excluded.cache_read_tokens, "
    "cache_write_5m_tokens = t.cache_write_5m_tokens + excluded.cache_write_5m_tokens, "
    "cache_write_1h_tokens = t.cache_write_1h_tokens + excluded.cache_write_1h_tokens, "
    "output_tokens = t.output_tokens + excluded.output_tokens, "
    "total_tokens = t.total_tokens + excluded.total_tokens, "
    "cost_nanousd = t.cost_nanousd + excluded.cost_nanousd, "
    "unpriced_requests = t.unpriced_requests + excluded.unpriced_requests, "
    "timed_requests = t.timed_requests + excluded.timed_requests, "
    "latency_us = t.latency_us + excluded.latency_us, "
    "latency_max_us = greatest(t.latency_max_us, excluded.latency_max_us)";

// Local to the transaction, so that a pool between us and the server may hand the connection on.
// The commit is to be on disk when it is answered, whatever the server's settings are.
std::string begin_statement(Nanos timeout_ns) {
  const auto ms = std::to_string(timeout_ns / kMillisecond + 1);
  return "begin isolation level read committed; set local statement_timeout = " + ms +
         "; set local lock_timeout = " + ms +
         "; set local idle_in_transaction_session_timeout = " + ms +
         "; set local synchronous_commit = on; set local search_path = pg_catalog";
}

std::unexpected<PgFailure> failed(Reason reason) { return std::unexpected(PgFailure{reason, {}}); }

bool ended_meanwhile(const PgFailure& failure) {
  return failure.reason == Reason::kReset || failure.code.starts_with("57P");
}

class Postgres final : public HourlyBatch {
 public:
  Postgres(std::unique_ptr<PgLink> link, Nanos timeout_ns, std::string gateway, std::string journal)
      : link_(std::move(link)),
        begin_(begin_statement(timeout_ns)),
        gateway_(std::move(gateway)),
        journal_(std::move(journal)) {}

  Verdict send(std::size_t first, std::size_t last) override {
    const bool was_open = link_->is_open();
    auto done = attempt(first, last);
    // A connection that ended while nothing was to be sent is nobody's fault.
    if (!done && was_open && ended_meanwhile(done.error())) done = attempt(first, last);
    Verdict verdict;
    verdict.bytes = bytes_;
    if (done) {
      verdict.kind = Kind::kTaken;
      return verdict;
    }
    verdict.reason = done.error().reason;
    verdict.code = done.error().code.empty() ? "" : "SQLSTATE " + done.error().code;
    if (verdict.reason == Reason::kRejected) verdict.kind = Kind::kInvalid;
    return verdict;
  }
  void stop_by(Nanos monotonic_ns) override { link_->stop_by(monotonic_ns); }

 private:
  Outcome<void> attempt(std::size_t first, std::size_t last) {
    bytes_ = 0;
    Outcome<void> done;
    if (!link_->is_open()) done = prepare();
    if (done) done = transaction(first, last);
    if (!done) link_->close();  // which also ends a transaction
    return done;
  }
  Outcome<void> prepare();
  Outcome<void> transaction(std::size_t first, std::size_t last);
  Outcome<JournalMark> lock_mark();
  HourlyTable sums_behind(JournalMark mark, std::size_t first, std::size_t last) const;
  Outcome<void> commit();

  const std::unique_ptr<PgLink> link_;
  const std::string begin_, gateway_, journal_;
  std::size_t bytes_ = 0;  // of the last attempt's sums
};

// Connects, and sees to it that the tables are ours and that there is a mark.
Outcome<void> Postgres::prepare() {
  if (auto opened = link_->open(); !opened) return opened;
  auto version = link_->ask(kVersion);
  if (!version) return std::unexpected(std::move(version).error());
  const bool ours =
      !version->row.empty() && version->row.front() == std::to_string(kPostgresSchema);
  if (!ours) return failed(Reason::kSchema);
  auto marked = link_->ask(kFirstMark, {gateway_, journal_});
  if (!marked) return std::unexpected(std::move(marked).error());
  return {};
}

Outcome<void> Postgres::transaction(std::size_t first, std::size_t last) {
  if (auto begun = link_->ask(begin_.c_str()); !begun) {
    return std::unexpected(std::move(begun).error());
  }
  const auto mark = lock_mark();
  if (!mark) return std::unexpected(mark.error());
  const auto table = sums_behind(*mark, first, last);
  if (table.empty()) return commit();  // all of it is there
  const auto json = hourly_json(table);
  bytes_ = json.size();
  if (auto added = link_->ask(kAddSums, {gateway_, json}); !added) {
    return std::unexpected(std::move(added).error());
  }
  SG_FAILPOINT("export.postgres.added");
  const auto& to = entries()[last - 1].mark;
  auto moved = link_->ask(
      kMoveMark, {gateway_, journal_, std::to_string(to.accept_ns), std::to_string(to.position)});
  if (!moved) return std::unexpected(std::move(moved).error());
  if (moved->tag != "UPDATE 1") return failed(Reason::kServerError);
  return commit();
}

Outcome<JournalMark> Postgres::lock_mark() {
  auto found = link_->ask(kMark, {gateway_, journal_});
  if (!found) return std::unexpected(std::move(found).error());
  // Somebody removed the row: the next connection makes it anew.
  if (found->row.size() != 2) return failed(Reason::kReset);
  const auto accept_ns = parse_int(found->row[0]);
  const auto position = parse_int(found->row[1]);
  if (!accept_ns || !position || *position < 0) return failed(Reason::kSchema);
  return JournalMark{*accept_ns, static_cast<journal::Position>(*position)};
}

HourlyTable Postgres::sums_behind(JournalMark mark, std::size_t first, std::size_t last) const {
  HourlyTable table;
  for (auto i = first; i < last; ++i) {
    const auto& entry = entries()[i];
    if (entry.mark > mark) table[entry.key].add(entry.sums);
  }
  return table;
}

Outcome<void> Postgres::commit() {
  if (auto said = link_->say("commit"); !said) return said;
  SG_FAILPOINT("export.postgres.commit_sent");
  auto heard = link_->hear();
  if (!heard) return std::unexpected(std::move(heard).error());
  if (heard->tag != "COMMIT") return failed(Reason::kServerError);  // it was rolled back
  SG_FAILPOINT("export.postgres.committed");
  return {};
}

}  // namespace

Result<std::unique_ptr<Destination>> make_postgres(PgOptions options, std::string gateway,
                                                   std::string journal, const Clock& clock) {
  const auto timeout_ns = options.timeout_ns;
  SG_ASSIGN(auto link, PgLink::make(std::move(options), clock));
  return std::make_unique<Postgres>(std::move(link), timeout_ns, std::move(gateway),
                                    std::move(journal));
}

}  // namespace sightglass::exporting
