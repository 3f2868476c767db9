#include "export/clickhouse.h"

#include <utility>

#include "base/sha256.h"
#include "export/clickhouse_inserter.h"

namespace sightglass::exporting {
namespace {

// Rows of single events.
class Rows final : public ClickHouseBlock {
 public:
  explicit Rows(const Part& part) : part_(part), left_(part) {}
  journal::Position first() const override { return left_.front().position; }
  journal::Position last() const override { return part_.back().position; }
  std::string checks() const override {
    const auto last_one = std::to_string(last());
    return "toString(countIf(pos <= " + last_one + ")), toString(sumIf(accept_time_ns % " +
           std::to_string(kAcceptModulus) + ", pos <= " + last_one + "))";
  }
  // Another gateway of the same name, or this one with an older data folder, has other rows at
  // these positions.
  bool begins_with(const Present& present) const override {
    const auto there = left_.up_to(present.last);
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < there.count(); ++i) sum += there[i].accept_ns % kAcceptModulus;
    return present.checks[0] == static_cast<std::int64_t>(there.count()) &&
           present.checks[1] == sum;
  }
  bool take_off(journal::Position up_to) override {
    left_ = left_.behind(up_to);
    return !left_.empty();
  }
  std::string_view rows() override { return left_.text(); }

 private:
  const Part part_;
  Part left_;  // never empty while it is asked about
};

class ClickHouse final : public Sink {
 public:
  explicit ClickHouse(ClickHouseInserter inserter) : inserter_(std::move(inserter)) {}

  Verdict send(const Part& part) override {
    Rows rows(part);
    return inserter_.send(rows);
  }
  void stop_by(Nanos monotonic_ns) override { inserter_.stop_by(monotonic_ns); }

 private:
  ClickHouseInserter inserter_;
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
  SG_ASSIGN(auto inserter, ClickHouseInserter::make(options, clock));
  return std::make_unique<ClickHouse>(std::move(inserter));
}

}  // namespace sightglass::exporting
