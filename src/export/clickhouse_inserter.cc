#include "export/clickhouse_inserter.h"

#include <utility>

namespace sightglass::exporting {
namespace {

using Kind = Verdict::Kind;

Verdict settled() { return {.kind = Kind::kTaken, .reason = Reason::kNonsense}; }

}  // namespace

Result<ClickHouseInserter> ClickHouseInserter::make(const ClickHouseOptions& options,
                                                    const Clock& clock) {
  std::vector<std::unique_ptr<ClickHouseNode>> nodes;
  for (const auto& url : options.replicas) {
    SG_ASSIGN(auto node, ClickHouseNode::make(options, url, clock));
    nodes.push_back(std::move(node));
  }
  if (nodes.empty()) return fail(Code::kInvalid, "clickhouse needs an address");
  return ClickHouseInserter(options, std::move(nodes));
}

Verdict ClickHouseInserter::send(ClickHouseBlock& block) {
  if (in_doubt_) {
    bool left = true;
    if (auto verdict = settle(block, left); verdict.kind != Kind::kTaken) return another(verdict);
    if (!left) return taken(block);
  }
  // The engine refuses a second one of the same name while the first still runs.
  const auto query_id =
      query_prefix() + std::to_string(block.first()) + "-" + std::to_string(block.last());
  const auto verdict = node().insert(block.rows(), query_id, options_.quorum);
  return verdict.kind == Kind::kTaken ? taken(block) : another(verdict);
}

void ClickHouseInserter::stop_by(Nanos monotonic_ns) {
  for (auto& node : nodes_) node->stop_by(monotonic_ns);
}

// Where it has later ones, too (the cursor was lost), the next block is asked about as well.
Verdict ClickHouseInserter::taken(const ClickHouseBlock& block) {
  in_doubt_ = block.last() < there_;
  return settled();
}

Verdict ClickHouseInserter::another(const Verdict& verdict) {
  in_doubt_ = true;
  at_ = (at_ + 1) % nodes_.size();
  return verdict;
}

// Takes off what the engine already has.
Verdict ClickHouseInserter::settle(ClickHouseBlock& block, bool& left) {
  if (auto verdict = node().look(); verdict.kind != Kind::kTaken) return verdict;
  const auto answer =
      node().ask(question(block), options_.quorum > 1 ? "&select_sequential_consistency=1" : "");
  if (!answer) return answer.error();
  const auto present = read_present(*answer);
  if (!present) return {.kind = Kind::kRetry, .reason = Reason::kNonsense};
  if (present->running > 0) return {.kind = Kind::kRetry, .reason = Reason::kBusy};
  if (!block.begins_with(*present)) return {.kind = Kind::kRetry, .reason = Reason::kForeign};
  there_ = present->last;
  left = block.take_off(there_);
  return settled();
}

std::string ClickHouseInserter::query_prefix() const {
  return options_.query_prefix + options_.gateway + "-";
}

// Inserts that run are counted first (a subquery is), so that none ends unseen in between.
std::string ClickHouseInserter::question(const ClickHouseBlock& block) const {
  return "SELECT toString(max(pos)), " + block.checks() +
         ", (SELECT toString(count()) FROM system.processes WHERE startsWith(query_id, " +
         sql_text(query_prefix()) + ")) FROM " + options_.table +
         " WHERE gateway = " + sql_text(options_.gateway) +
         " AND pos >= " + std::to_string(block.first());
}

}  // namespace sightglass::exporting
