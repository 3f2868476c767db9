#include "export/fake_influx.h"
#include "export/influx.h"
#include "export/outbox_bench.h"
#include "export/points.h"
#include "export/text_destination.h"

namespace sightglass::exporting {
namespace {

class OutboxTest : public OutboxBench {
 protected:
  void start(const FakeInflux& fake, Nanos timeout_ns = 5 * kSecond) {
    InfluxOptions influx;
    influx.addr = fake.url();
    influx.bucket = "b";
    influx.token = "hush-token";
    influx.timeout_ns = timeout_ns;
    start_to(make_destination(std::make_unique<PointWriter>("llm_request", "gw-1"),
                              *make_influx(influx, clock_)));
  }
  void expect_all_in(const FakeInflux& fake) {
    expect_no_lag();
    EXPECT_EQ(fake.points().size(), static_cast<std::size_t>(recorded_));
    EXPECT_EQ(fake.sum("input_tokens"), tally());
  }
};

TEST_F(OutboxTest, SendsEachRequestOnceInBatches) {
  FakeInflux fake;
  record(20);
  start(fake);
  expect_all_in(fake);
  record(3);
  expect_all_in(fake);
  EXPECT_EQ(counted("sightglass_export_sent_points_total"), 23);
  EXPECT_GE(fake.requests(), 4);
  stop();
}

TEST_F(OutboxTest, WhateverThePeerDoesEverythingArrivesAsItIs) {
  SeededRandom chance(7);
  std::mutex mutex;
  FakeInflux fake([&](const FakeInflux::Request& request) -> FakeInflux::Act {
    const std::scoped_lock lock(mutex);
    if (request.number > 60) return {};
    switch (chance.below(7)) {
      case 0:
        return {true, ""};  // took it, and the answer is lost
      case 1:
        return {false, ""};
      case 2:
        return {false, "220 mail.example ESMTP\r\n"};
      case 3:
        return {false, FakeInflux::answer(500)};
      case 4:
        return {false, FakeInflux::answer(200, "<html>sign in</html>")};
      case 5:
        return {true, FakeInflux::answer(204), std::chrono::milliseconds(40)};  // too slow
      default:
        return {};
    }
  });
  record(150);
  for (int restart = 0; restart < 4; ++restart) {
    start(fake, 20 * kMillisecond);
    record(25);
    eventually([&] { return fake.requests() > 12 * (restart + 1); });
    stop();
  }
  start(fake);
  expect_all_in(fake);
  EXPECT_GT(counted("sightglass_export_retries_total"), 0);
  EXPECT_GT(counted("sightglass_export_repeated_points_total"), 0);
  stop();
}

TEST_F(OutboxTest, ARestartGoesOnBehindTheCursor) {
  FakeInflux fake;
  options_.batch_age_ns = 3'600 * kSecond;  // by their number alone
  record(14);
  start(fake);
  expect_all_in(fake);
  stop(kSecond);
  const auto before = fake.requests();
  record(7);
  start(fake);
  expect_all_in(fake);
  EXPECT_EQ(fake.requests(), before + 1);
  stop(kSecond);
  bench_.fs.set_content("data/export/influxdb", "sgex1nonsense");
  start(fake);
  expect_all_in(fake);  // once more, as the same points
  EXPECT_NE(bench_.log.text().find("cannot be read"), std::string::npos);
  stop();
}

TEST_F(OutboxTest, ADeadEngineKeepsNobodyWaiting) {
  auto fake = std::make_unique<FakeInflux>([](const FakeInflux::Request&) {
    return FakeInflux::Act{false, FakeInflux::answer(401, "unauthorized hush-token")};
  });
  record(30);
  start(*fake);  // returns, though nothing can be sent
  EXPECT_TRUE(eventually([&] { return !outbox_->health().ok; }));
  EXPECT_EQ(outbox_->health().reason, Reason::kDenied);
  record(5);
  EXPECT_GE(outbox_->lag().records, 30u);
  EXPECT_EQ(counted("sightglass_export_up"), 0);
  EXPECT_GT(counted("sightglass_export_errors_total", {{"reason", "denied"}}), 0);
  stop();  // returns, too
  EXPECT_NE(bench_.log.text().find("check the token"), std::string::npos) << bench_.log.text();
  EXPECT_EQ(bench_.log.text().find("hush-token"), std::string::npos);
  FakeInflux alive;
  start(alive);
  expect_all_in(alive);
  stop();
}

TEST_F(OutboxTest, PartialWritesAreCountedAndNotSentForEver) {
  FakeInflux fake([](const FakeInflux::Request& request) {
    return request.number == 1
               ? FakeInflux::Act{true, FakeInflux::answer(
                                           400, R"({"error":"partial write: x dropped=2"})")}
               : FakeInflux::Act{};
  });
  options_.batch_age_ns = 3'600 * kSecond;  // by their number alone
  record(14);
  start(fake);
  expect_all_in(fake);
  EXPECT_EQ(fake.requests(), 2);
  EXPECT_EQ(counted("sightglass_export_dropped_points_total", {{"reason", "rejected"}}), 2);
  EXPECT_EQ(counted("sightglass_export_sent_points_total"), 12);
  stop();
}

TEST_F(OutboxTest, OnePointThatIsRefusedDoesNotTakeTheOthersAlong) {
  FakeInflux fake([](const FakeInflux::Request& request) {
    const bool bad = request.lines.find("input_tokens=3i") != std::string::npos;
    return bad ? FakeInflux::Act{false, FakeInflux::answer(400, "no")} : FakeInflux::Act{};
  });
  record(14);
  start(fake);
  EXPECT_TRUE(eventually([&] { return outbox_->lag().records == 0; }));
  EXPECT_EQ(fake.points().size(), 13u);
  EXPECT_EQ(fake.sum("input_tokens"), tally() - 3);
  EXPECT_EQ(counted("sightglass_export_dropped_points_total", {{"reason", "rejected"}}), 1);
  stop();
}

TEST_F(OutboxTest, WhoRefusesEverythingLosesAtMostAFew) {
  std::atomic<bool> refusing = true;
  FakeInflux fake([&](const FakeInflux::Request&) {
    return refusing ? FakeInflux::Act{false, FakeInflux::answer(400, "no")} : FakeInflux::Act{};
  });
  record(70);
  start(fake);
  EXPECT_TRUE(eventually([&] { return fake.requests() > 60; }));
  refusing = false;
  EXPECT_TRUE(eventually([&] { return outbox_->lag().records == 0; }));
  const auto dropped = counted("sightglass_export_dropped_points_total", {{"reason", "rejected"}});
  EXPECT_LE(dropped, 8);
  EXPECT_EQ(static_cast<double>(fake.points().size()) + dropped, 70);
  stop();
}

TEST_F(OutboxTest, WhatIsTooLargeIsSentInSmallerParts) {
  FakeInflux fake([](const FakeInflux::Request& request) {
    const auto lines = std::count(request.lines.begin(), request.lines.end(), '\n');
    return lines > 2 ? FakeInflux::Act{false, FakeInflux::answer(413)} : FakeInflux::Act{};
  });
  record(30);
  start(fake);
  expect_all_in(fake);
  EXPECT_LE(counted("sightglass_export_errors_total", {{"reason", "too_large"}}), 4);
  stop();
}

TEST_F(OutboxTest, PastTheLagThatIsAllowedBatchesAreGivenUpAndCounted) {
  FakeInflux dead(
      [](const FakeInflux::Request&) { return FakeInflux::Act{false, FakeInflux::answer(500)}; });
  (void)journal_->close();
  journal_.reset();
  bench_.options.segment_bytes = 1'000;
  journal_ = bench_.open();
  options_.max_lag_bytes = 3'000;
  start(dead);
  record(300);
  EXPECT_TRUE(eventually([&] { return outbox_->health().gap_records > 100; }));
  stop();
  EXPECT_LE(counted("sightglass_export_gap_records_total", {{"reason", "lag"}}) +
                counted("sightglass_export_gap_records_total", {{"reason", "skipped"}}),
            300);
  // Whether the outbox sees the lag first or is moved ahead by its runner is a matter of moments.
  EXPECT_GT(counted("sightglass_export_gap_records_total", {{"reason", "lag"}}) +
                counted("sightglass_export_gap_records_total", {{"reason", "skipped"}}),
            100);
  EXPECT_NE(bench_.log.text().find("records of the journal are lost to it"), std::string::npos);
  FakeInflux alive;
  start(alive);
  expect_no_lag();
  EXPECT_GE(alive.points().size() + outbox_->health().gap_records, 300u);
  // All of the lag may have been given up by then. One record at a time is within the bound: with
  // segments that small each is in one of its own.
  for (std::size_t n = 1; n <= 5; ++n) {
    record(1);
    EXPECT_TRUE(eventually([&] { return alive.points().size() >= n; })) << bench_.log.text();
  }
  stop();
}

TEST_F(OutboxTest, ACursorThatCannotBeWrittenHoldsTheJournalAndIsSaid) {
  FakeInflux fake;
  record(7);
  start(fake);
  expect_all_in(fake);
  stop(kSecond);
  bench_.fs.set_fault([](std::string_view operation) -> std::optional<Error> {
    if (operation.find("export/") == std::string_view::npos) return std::nullopt;
    return Error{Code::kNoSpace, "full"};
  });
  start(fake);
  record(7);
  expect_all_in(fake);
  stop(kSecond);
  EXPECT_NE(bench_.log.text().find("cursor of influxdb cannot be written"), std::string::npos);
  bench_.fs.set_fault(nullptr);
  start(fake);
  expect_all_in(fake);
  stop();
}

}  // namespace
}  // namespace sightglass::exporting
