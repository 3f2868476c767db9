#include "export/carrier.h"

#include <gtest/gtest.h>

#include "../tests/support/batches.h"
#include "export/fake_influx.h"
#include "export/influx.h"
#include "export/points.h"
#include "export/text_destination.h"
#include "journal/testing.h"

namespace sightglass::exporting {
namespace {

using testing::Batches;
using testing::TestEvent;

// Sockets, threads and a busy machine under a sanitizer: a minute is long for all of it.
template <typename Condition>
bool eventually(const Condition& condition) {
  for (int i = 0; i < 12; ++i) {
    if (journal::eventually(condition)) return true;
  }
  return false;
}

// A journal, and an outbox that follows it to a fake engine; both can be started anew.
class OutboxTest : public ::testing::Test {
 protected:
  OutboxTest() : batches_(testing::gateway_catalogue()) {
    bench_.catalogue = testing::gateway_catalogue();
    (void)bench_.fs.create_directories("data");
    journal_ = bench_.open();
    options_.directory = "data/export";
    options_.batch_points = 7;
    options_.batch_age_ns = 0;
    options_.backoff = {kMillisecond, 4 * kMillisecond};
  }
  ~OutboxTest() override { stop(); }

  void start(const FakeInflux& fake, Nanos timeout_ns = 5 * kSecond) {
    InfluxOptions influx;
    influx.addr = fake.url();
    influx.bucket = "b";
    influx.token = "hush-token";
    influx.timeout_ns = timeout_ns;
    auto to = make_destination(std::make_unique<PointWriter>("llm_request", "gw-1"),
                               *make_influx(influx, clock_));
    auto outbox = Outbox::open(options_, std::move(to), *journal_, bench_.fs, clock_, random_,
                               bench_.telemetry, bench_.log);
    ASSERT_TRUE(outbox) << outbox.error().message;
    outbox_ = outbox->get();
    auto carrier = Carrier::make({bench_.options, "data/snapshots", *journal_, bench_.fs, clock_,
                                  bench_.telemetry, bench_.log},
                                 std::move(*outbox), options_.max_lag_bytes);
    ASSERT_TRUE(carrier) << carrier.error().message;
    carrier_ = std::move(*carrier);
    carrier_->start();
  }
  void stop(Nanos within_ns = 0) {
    if (!carrier_) return;
    EXPECT_TRUE(carrier_->stop(within_ns));
    carrier_.reset();
    outbox_ = nullptr;
  }
  void record(int requests) {
    for (int i = 0; i < requests; ++i) {
      const auto n = ++recorded_;
      TestEvent event("chat_completion_success", bench_.clock.wall_ns());
      event.with("provider", "openai").with("outcome", "ok").with("input_tokens", n);
      ASSERT_TRUE(journal_->append(journal::RecordKind::kEvent, batches_.encode(event)));
    }
  }
  std::int64_t tally() const { return std::int64_t{recorded_} * (recorded_ + 1) / 2; }
  void expect_all_in(const FakeInflux& fake) {
    EXPECT_TRUE(eventually([&] { return outbox_->lag().records == 0; })) << bench_.log.text();
    EXPECT_EQ(fake.points().size(), static_cast<std::size_t>(recorded_));
    EXPECT_EQ(fake.sum("input_tokens"), tally());
  }
  double counted(std::string_view name, const Labels& more = {}) {
    Labels labels = {{"engine", "influxdb"}};
    labels.insert(labels.end(), more.begin(), more.end());
    return bench_.metric(name, labels);
  }

  SystemClock clock_;
  SystemRandom random_;
  journal::Bench bench_;
  Batches batches_;
  std::unique_ptr<journal::Journal> journal_;
  OutboxOptions options_;
  const Outbox* outbox_ = nullptr;
  std::unique_ptr<Carrier> carrier_;
  int recorded_ = 0;
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
  // Whether the outbox sees the lag first or is moved ahead by its runner is a matter of moments.
  EXPECT_GT(counted("sightglass_export_gap_records_total", {{"reason", "lag"}}) +
                counted("sightglass_export_gap_records_total", {{"reason", "skipped"}}),
            100);
  EXPECT_NE(bench_.log.text().find("records of the journal are lost to it"), std::string::npos);
  FakeInflux alive;
  start(alive);
  EXPECT_TRUE(eventually([&] { return outbox_->lag().records == 0; }));
  const auto points = alive.points().size();
  EXPECT_GT(points, 0u);
  EXPECT_GE(points + outbox_->health().gap_records, 300u);
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
