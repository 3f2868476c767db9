// For tests: a journal, and an outbox that follows it to an engine; both can be started anew.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string_view>
#include <utility>

#include "../tests/support/batches.h"
#include "export/carrier.h"
#include "journal/testing.h"

namespace sightglass::exporting {

// Sockets, threads and a busy machine under a sanitizer: a minute is long for all of it.
template <typename Condition>
bool eventually(const Condition& condition) {
  for (int i = 0; i < 12; ++i) {
    if (journal::eventually(condition)) return true;
  }
  return false;
}

class OutboxBench : public ::testing::Test {
 protected:
  OutboxBench() : batches_(testing::gateway_catalogue()) {
    bench_.catalogue = testing::gateway_catalogue();
    (void)bench_.fs.create_directories("data");
    journal_ = bench_.open();
    options_.directory = "data/export";
    options_.batch_points = 7;
    options_.batch_age_ns = 0;
    options_.backoff = {kMillisecond, 4 * kMillisecond};
  }
  ~OutboxBench() override { stop(); }

  void start_to(std::unique_ptr<Destination> to) {
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
  // Requests with 1, 2, 3, … input tokens.
  void record(int requests) {
    for (int i = 0; i < requests; ++i) {
      const auto n = ++recorded_;
      testing::TestEvent event("chat_completion_success", bench_.clock.wall_ns());
      event.with("provider", "openai").with("outcome", "ok").with("input_tokens", n);
      ASSERT_TRUE(journal_->append(journal::RecordKind::kEvent, batches_.encode(event)));
    }
  }
  std::int64_t tally() const { return std::int64_t{recorded_} * (recorded_ + 1) / 2; }
  void expect_no_lag() {
    EXPECT_TRUE(eventually([&] { return outbox_->lag().records == 0; })) << bench_.log.text();
  }
  double counted(std::string_view name, const Labels& more = {}) {
    Labels labels = {{"engine", options_.engine}};
    labels.insert(labels.end(), more.begin(), more.end());
    return bench_.metric(name, labels);
  }

  SystemClock clock_;
  SystemRandom random_;
  journal::Bench bench_;
  testing::Batches batches_;
  std::unique_ptr<journal::Journal> journal_;
  OutboxOptions options_;
  const Outbox* outbox_ = nullptr;
  std::unique_ptr<Carrier> carrier_;
  int recorded_ = 0;
};

}  // namespace sightglass::exporting
