#include "export/clickhouse_hourly.h"

#include <algorithm>
#include <span>
#include <utility>

#include "export/clickhouse_inserter.h"
#include "export/hourly_batch.h"

namespace sightglass::exporting {
namespace {

class SummedBlock final : public ClickHouseBlock {
 public:
  SummedBlock(std::span<const HourlyEntry> entries, std::string_view gateway)
      : entries_(entries), gateway_(gateway), last_(entries.back().mark) {}
  journal::Position first() const override { return entries_.front().mark.position; }
  journal::Position last() const override { return last_.position; }
  // Of the blocks that end within this one, the last.
  std::string checks() const override {
    const auto within = "pos <= " + std::to_string(last());
    return "toString(maxIf(pos, " + within + ")), toString(maxIf(accept_time_ns, " + within + "))";
  }
  // It ends at one of our requests, or another journal's stand under our name.
  bool begins_with(const Present& present) const override {
    const auto ended = static_cast<journal::Position>(present.checks[0]);
    if (ended == 0) return true;
    const auto at = entries_.begin() + std::ssize(entries_) - std::ssize(behind(ended)) - 1;
    return at >= entries_.begin() && at->mark == JournalMark{present.checks[1], ended};
  }
  bool take_off(journal::Position up_to) override {
    const auto left = behind(up_to);
    if (!left.empty()) entries_ = left;
    return !left.empty();
  }
  std::size_t size() const { return rows_.size(); }  // of rows(), when it was asked for them
  std::string_view rows() override {
    HourlyCells cells;
    for (const auto& entry : entries_) cells[entry.key].add(entry.sums);
    rows_ = hourly_rows(cells, gateway_, last_);
    return rows_;
  }

 private:
  std::span<const HourlyEntry> behind(journal::Position position) const {
    const auto at = std::partition_point(
        entries_.begin(), entries_.end(),
        [&](const HourlyEntry& entry) { return entry.mark.position <= position; });
    return std::span<const HourlyEntry>(at, entries_.end());
  }
  std::span<const HourlyEntry> entries_;  // never empty
  const std::string_view gateway_;
  const JournalMark last_;
  std::string rows_;
};

class ClickHouseHourly final : public HourlyBatch {
 public:
  ClickHouseHourly(ClickHouseInserter inserter, std::string gateway)
      : inserter_(std::move(inserter)), gateway_(std::move(gateway)) {}

  Verdict send(std::size_t first, std::size_t last) override {
    const std::span<const HourlyEntry> all(entries());
    SummedBlock block(all.subspan(first, last - first), gateway_);
    auto verdict = inserter_.send(block);
    verdict.bytes = block.size();
    return verdict;
  }
  void stop_by(Nanos monotonic_ns) override { inserter_.stop_by(monotonic_ns); }

 private:
  ClickHouseInserter inserter_;
  const std::string gateway_;
};

}  // namespace

ClickHouseOptions hourly_options(ClickHouseOptions options) {
  options.table = kHourlyTable;
  options.columns = hourly_columns();
  options.query_prefix = "sightglass_hourly-";
  return options;
}

Result<std::unique_ptr<Destination>> make_clickhouse_hourly(const ClickHouseOptions& options,
                                                            const Clock& clock) {
  SG_ASSIGN(auto inserter, ClickHouseInserter::make(hourly_options(options), clock));
  return std::make_unique<ClickHouseHourly>(std::move(inserter), options.gateway);
}

}  // namespace sightglass::exporting
