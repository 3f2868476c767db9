// The outbox with an engine that keeps twice what comes twice: ClickHouse.
#include <set>

#include "export/fake_clickhouse.h"
#include "export/outbox_bench.h"
#include "export/text_destination.h"

namespace sightglass::exporting {
namespace {

class ExactOutbox : public OutboxBench {
 protected:
  ExactOutbox() {
    options_.engine = "clickhouse";
    options_.exact = true;
  }

  void start(const FakeClickHouse& fake, Nanos timeout_ns = 5 * kSecond) {
    ClickHouseOptions engine;
    engine.replicas = {fake.url()};
    engine.gateway = "gw-1";
    engine.timeout_ns = timeout_ns;
    start_to(
        make_destination(std::make_unique<RowWriter>("gw-1"), *make_clickhouse(engine, clock_)));
  }
  // What is there is what was recorded, each once.
  void expect_all_in(const FakeClickHouse& fake) {
    expect_no_lag();
    const auto rows = fake.rows();
    std::set<std::string> positions;
    for (const auto& row : rows) positions.insert(row.at("pos"));
    EXPECT_EQ(rows.size(), static_cast<std::size_t>(recorded_));
    EXPECT_EQ(positions.size(), rows.size());
    EXPECT_EQ(fake.sum("input_tokens"), tally());
  }
};

// With and without an engine that knows a block again.
class ExactOutboxOnABadDay : public ExactOutbox, public ::testing::WithParamInterface<bool> {};

TEST_P(ExactOutboxOnABadDay, WhateverThePeerDoesEachRowIsThereOnce) {
  SeededRandom chance(11);
  std::mutex mutex;
  std::atomic<int> calls{0};
  FakeClickHouse fake([&](const FakeClickHouse::Request& request) -> FakeClickHouse::Act {
    const std::scoped_lock lock(mutex);
    // Questions less often than inserts, each of which needs three.
    const bool takes = request.number > 0;
    if (++calls > 400 || (!takes && chance.below(4) != 0)) return {};
    switch (chance.below(8)) {
      case 0:
        return {takes, ""};  // took it, and the answer is lost
      case 1:
        return {false, ""};
      case 2:
        return {false, "220 mail.example ESMTP\r\n"};
      case 3:
        return {false, FakeInflux::answer(500, "Code: 252, e.displayText() = Too many parts")};
      case 4:  // it took it, and says what it does not know
        return {takes, FakeInflux::answer(500, "Code: 319, e.displayText() = Unknown status")};
      case 5:
        return {takes, FakeInflux::answer(200, ""), std::chrono::milliseconds(60)};  // too slow
      default:
        return {};
    }
  });
  fake.deduplicate(GetParam());
  record(150);
  for (int restart = 0; restart < 5; ++restart) {
    options_.batch_points = 3 + 2 * static_cast<std::size_t>(restart);
    start(fake, 40 * kMillisecond);
    record(25);
    eventually([&] { return calls > 80 * (restart + 1) || outbox_->lag().records == 0; });
    stop();
  }
  start(fake);
  expect_all_in(fake);
  EXPECT_GT(counted("sightglass_export_retries_total"), 0);
  EXPECT_EQ(counted("sightglass_export_dropped_points_total", {{"reason", "rejected"}}), 0);
  stop();
}
INSTANTIATE_TEST_SUITE_P(Deduplicates, ExactOutboxOnABadDay, ::testing::Bool());

TEST_F(ExactOutbox, ARestartMakesTheSameBlockAgainWhateverItsSizeIsNow) {
  FakeClickHouse dead([](const FakeClickHouse::Request& request) {
    return request.number > 0 ? FakeClickHouse::Act{false, ""} : FakeClickHouse::Act{};
  });
  record(5);
  start(dead);
  EXPECT_TRUE(eventually([&] { return dead.inserts() > 0; }));
  record(30);
  stop();
  const auto first = dead.blocks().at(0);
  for (const std::size_t points : {2, 100}) {
    options_.batch_points = points;
    const auto before = dead.inserts();
    start(dead);
    EXPECT_TRUE(eventually([&] { return dead.inserts() > before; }));
    stop();
    EXPECT_EQ(dead.blocks().back(), first) << points;
  }
  FakeClickHouse alive;
  start(alive);
  expect_all_in(alive);
  EXPECT_EQ(alive.blocks().at(0), first);
  stop();
}

TEST_F(ExactOutbox, ALostCursorSendsNothingTwice) {
  FakeClickHouse fake;
  fake.deduplicate(false);
  record(20);
  start(fake);
  expect_all_in(fake);
  stop(kSecond);
  (void)bench_.fs.remove("data/export/clickhouse");
  options_.batch_points = 3;
  record(2);
  start(fake);
  expect_all_in(fake);
  stop();
}

TEST_F(ExactOutbox, NothingIsSentBeforeItsEndIsOnDisk) {
  FakeClickHouse fake;
  record(5);
  bench_.fs.set_fault([](std::string_view operation) -> std::optional<Error> {
    if (operation.find("export/") == std::string_view::npos) return std::nullopt;
    return Error{Code::kNoSpace, "full"};
  });
  start(fake);
  EXPECT_TRUE(eventually([&] { return !outbox_->health().ok; }));
  EXPECT_EQ(outbox_->health().reason, Reason::kNotNoted);
  EXPECT_EQ(fake.inserts(), 0);
  bench_.fs.set_fault(nullptr);
  expect_all_in(fake);
  stop();
}

TEST_F(ExactOutbox, NoBlockHasRowsOfTwoDays) {
  FakeClickHouse fake;
  options_.batch_points = 100;
  options_.batch_age_ns = 3'600 * kSecond;
  record(3);
  bench_.clock.advance(86'400 * kSecond);
  record(3);
  bench_.clock.advance(86'400 * kSecond);
  record(1);
  start(fake);
  EXPECT_TRUE(eventually([&] { return fake.rows().size() == 6; }));
  stop(kSecond);
  EXPECT_EQ(fake.rows().size(), 7u);
  ASSERT_EQ(fake.blocks().size(), 3u);
  for (const auto& block : fake.blocks()) {
    std::set<std::string> days;
    for (const auto& row : read_rows(block)) days.insert(row.at("accept_date"));
    EXPECT_EQ(days.size(), 1u);
  }
}

}  // namespace
}  // namespace sightglass::exporting
