#include "export/clickhouse.h"

#include <utility>

#include "base/sha256.h"

namespace sightglass::exporting {
namespace {

using Kind = Verdict::Kind;

// Whether what is there up to the block's end is the block's beginning. Another gateway of the same
// name, or this one with an older data folder, has other rows at these positions.
bool is_ours(const Part& part, const Present& present) {
  const auto there = part.up_to(present.last);
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < there.count(); ++i) sum += there[i].accept_ns % kAcceptModulus;
  return present.in_block == static_cast<std::int64_t>(there.count()) && present.accept_sum == sum;
}

class ClickHouse final : public Sink {
 public:
  ClickHouse(ClickHouseOptions options, std::vector<std::unique_ptr<ClickHouseNode>> nodes)
      : options_(std::move(options)), nodes_(std::move(nodes)) {}

  Verdict send(const Part& part) override {
    auto rest = part;
    if (in_doubt_) {
      if (auto verdict = settle(rest); verdict.kind != Kind::kTaken) return another(verdict);
      if (rest.empty()) return taken(part);
    }
    const auto verdict = node().insert(rest.text(), query_id(rest), options_.quorum);
    return verdict.kind == Kind::kTaken ? taken(part) : another(verdict);
  }

  void stop_by(Nanos monotonic_ns) override {
    for (auto& node : nodes_) node->stop_by(monotonic_ns);
  }

 private:
  ClickHouseNode& node() { return *nodes_[at_]; }
  // Where it has later ones, too (the cursor was lost), the next block is asked about as well.
  Verdict taken(const Part& part) {
    in_doubt_ = part.back().position < there_;
    return {.kind = Kind::kTaken, .reason = Reason::kNonsense};
  }
  Verdict another(const Verdict& verdict) {
    in_doubt_ = true;
    at_ = (at_ + 1) % nodes_.size();
    return verdict;
  }
  // The engine refuses a second one of the same name while the first still runs.
  std::string query_id(const Part& part) const {
    return query_prefix() + std::to_string(part.front().position) + "-" +
           std::to_string(part.back().position);
  }
  std::string query_prefix() const { return "sightglass-" + options_.gateway + "-"; }

  // Takes off what the engine already has.
  Verdict settle(Part& part) {
    if (auto verdict = node().look(); verdict.kind != Kind::kTaken) return verdict;
    const auto answer =
        node().ask(question(part),
                   options_.quorum > 1 ? "&select_sequential_consistency=1" : std::string_view());
    if (!answer) return answer.error();
    const auto present = read_present(*answer);
    if (!present) return {.kind = Kind::kRetry, .reason = Reason::kNonsense};
    if (present->running > 0) return {.kind = Kind::kRetry, .reason = Reason::kBusy};
    if (!is_ours(part, *present)) return {.kind = Kind::kRetry, .reason = Reason::kForeign};
    there_ = present->last;
    part = part.behind(present->last);
    return {.kind = Kind::kTaken, .reason = Reason::kNonsense};
  }

  // Inserts that run are counted first (a subquery is), so that none ends unseen in between.
  std::string question(const Part& part) const {
    const auto first = std::to_string(part.front().position);
    const auto last = std::to_string(part.back().position);
    return "SELECT toString(max(pos)), toString(countIf(pos <= " + last +
           ")), toString(sumIf(accept_time_ns % " + std::to_string(kAcceptModulus) +
           ", pos <= " + last +
           ")), (SELECT toString(count()) FROM system.processes WHERE startsWith(query_id, " +
           sql_text(query_prefix()) + ")) FROM " + options_.table +
           " WHERE gateway = " + sql_text(options_.gateway) + " AND pos >= " + first;
  }

  const ClickHouseOptions options_;
  const std::vector<std::unique_ptr<ClickHouseNode>> nodes_;
  std::size_t at_ = 0;
  bool in_doubt_ = true;
  journal::Position there_ = 0;  // the last of this gateway, when it was asked
};

}  // namespace

std::size_t shard_of(std::string_view gateway, std::size_t shards) {
  std::size_t best = 0;
  std::uint64_t greatest = 0;
  for (std::size_t i = 0; i < shards; ++i) {
    const auto digest = sha256(std::string(gateway) + "#" + std::to_string(i + 1));
    std::uint64_t weight = 0;
    for (std::size_t byte = 0; byte < 8; ++byte) weight = weight << 8 | digest[byte];
    if (i == 0 || weight > greatest) {
      greatest = weight;
      best = i;
    }
  }
  return best;
}

Result<std::unique_ptr<Sink>> make_clickhouse(const ClickHouseOptions& options,
                                              const Clock& clock) {
  std::vector<std::unique_ptr<ClickHouseNode>> nodes;
  for (const auto& url : options.replicas) {
    SG_ASSIGN(auto node, ClickHouseNode::make(options, url, clock));
    nodes.push_back(std::move(node));
  }
  if (nodes.empty()) return fail(Code::kInvalid, "clickhouse needs an address");
  return std::make_unique<ClickHouse>(options, std::move(nodes));
}

}  // namespace sightglass::exporting
