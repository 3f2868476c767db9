#include "admin/reconcile.h"

#include <algorithm>
#include <map>

#include "base/json_writer.h"

namespace sightglass::admin {

bool EventSum::holds() const {
  return acknowledged == ingested &&
         (!has_store || accepted == stored + no_row + sampled + unreadable);
}

std::optional<EventSum> sum_of(const journal::Account& meter, const journal::Account& ingest,
                               const journal::Account* store) {
  if (!meter.since || meter.since != ingest.since) return std::nullopt;
  EventSum sum;
  sum.since = *meter.since;
  sum.accepted = meter.events;
  sum.ingested = meter.ingested;
  sum.acknowledged = ingest.ingested;
  sum.no_row = meter.no_row;
  sum.sampled = meter.sampled;
  sum.unreadable = meter.unreadable;
  sum.has_store = store != nullptr && meter.counts_rows;
  if (!sum.has_store) return sum;
  // Should rows of before be gone uncounted, the sum is off by them and does not hold: fewer than
  // none wraps around, and no sum of drops comes to that.
  sum.stored = store->rows + store->expired + store->lost - meter.rows_before;
  sum.expired = store->expired;
  sum.lost = store->lost;
  return sum;
}

bool Reconciliation::agree() const {
  if (!silent.empty() || witnesses.empty() || !events || !events->holds()) return false;
  for (const auto& witness : witnesses) {
    if (!(witness.totals == witnesses.front().totals)) return false;
  }
  return true;
}

Result<Reconciliation> Reconciler::run(Nanos deadline_ns) {
  const Nanos until = clock_.monotonic_ns() + deadline_ns;
  settle_(deadline_ns);
  // Ids are told apart within this process only: barriers of an earlier life were folded before.
  const auto id = (static_cast<std::uint64_t>(clock_.wall_ns()) << 8) ^ next_.fetch_add(1);
  std::string payload;
  ByteWriter(payload).u64(id);
  Reconciliation result;
  SG_ASSIGN(result.position, journal_.append(journal::RecordKind::kBarrier, payload));
  std::map<std::string, journal::Account, std::less<>> accounts;
  for (const auto& source : sources_) {
    const Nanos left = std::max<Nanos>(0, until - clock_.monotonic_ns());
    source.runner->wait_position(result.position, left);
    const auto totals = source.runner->barrier_totals(source.fold, id);
    const auto account = source.runner->barrier_account(source.fold, id);
    if (!totals || !account) {
      result.silent.push_back(source.fold);
      continue;
    }
    if (source.counts_requests) result.witnesses.push_back({source.fold, *totals});
    accounts.emplace(source.fold, *account);
  }
  const auto meter = accounts.find("meter"), ingest = accounts.find("ingest");
  const auto store = accounts.find("store");
  if (meter != accounts.end() && ingest != accounts.end()) {
    result.events =
        sum_of(meter->second, ingest->second, store == accounts.end() ? nullptr : &store->second);
  }
  if (!result.events) result.silent.emplace_back("events");
  return result;
}

namespace {

void write_sum(const EventSum& sum, JsonWriter& json) {
  json.key("events").begin_object();
  json.key("since").unsigned_integer(sum.since);
  json.key("accepted").unsigned_integer(sum.accepted);
  if (sum.has_store) {
    json.key("stored").unsigned_integer(sum.stored);
    json.key("dropped").begin_object();
    json.key("no_row").unsigned_integer(sum.no_row);
    json.key("sampled").unsigned_integer(sum.sampled);
    json.key("unreadable").unsigned_integer(sum.unreadable);
    json.end_object();
    json.key("expired").unsigned_integer(sum.expired);
    json.key("lost").unsigned_integer(sum.lost);
  }
  json.key("ingested").unsigned_integer(sum.ingested);
  json.key("acknowledged").unsigned_integer(sum.acknowledged);
  json.key("holds").boolean(sum.holds());
  json.end_object();
}

}  // namespace

std::string to_json(const Reconciliation& result) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("agree").boolean(result.agree());
  json.key("position").unsigned_integer(result.position);
  json.key("witnesses").begin_object();
  for (const auto& [fold, totals] : result.witnesses) {
    json.key(fold).begin_object();
    json.key("requests").unsigned_integer(totals.requests);
    json.key("input_tokens").unsigned_integer(totals.input_tokens);
    json.key("output_tokens").unsigned_integer(totals.output_tokens);
    json.key("cost_nanousd").integer(totals.cost_nanousd);
    json.key("unpriced").unsigned_integer(totals.unpriced);
    json.end_object();
  }
  json.end_object();
  if (result.events) write_sum(*result.events, json);
  json.key("silent").begin_array();
  for (const auto& fold : result.silent) json.string(fold);
  json.end_array().end_object();
  return out;
}

}  // namespace sightglass::admin
