// The sum of what was accepted against what is stored and dropped: when it holds, and what it says
// when a fold tells something else.
#include "admin/reconcile.h"

#include <gtest/gtest.h>

namespace sightglass::admin {
namespace {

journal::Account metered() {
  journal::Account out;
  out.since = 0;
  out.events = 100;
  out.ingested = 60;
  out.no_row = 30;
  out.sampled = 5;
  out.unreadable = 1;
  return out;
}

journal::Account told(std::uint64_t acknowledged) {
  journal::Account out;
  out.since = 0;
  out.ingested = acknowledged;
  return out;
}

journal::Account stored(std::uint64_t rows) {
  journal::Account out;
  out.rows = rows;
  return out;
}

TEST(EventSum, HoldsWhenEveryEventIsARowOrWasDroppedForAReason) {
  const auto store = stored(64);
  const auto sum = sum_of(metered(), told(60), &store);
  ASSERT_TRUE(sum.has_value());
  EXPECT_EQ(sum->stored, 64u);
  EXPECT_TRUE(sum->holds());
}

TEST(EventSum, DoesNotHoldWhenOneRowIsMissingOrTooMany) {
  for (const std::uint64_t rows : {63, 65, 0}) {
    const auto store = stored(rows);
    EXPECT_FALSE(sum_of(metered(), told(60), &store)->holds()) << rows;
  }
}

TEST(EventSum, DoesNotHoldWhenApplicationsWereToldAnotherNumber) {
  const auto store = stored(64);
  EXPECT_FALSE(sum_of(metered(), told(61), &store)->holds());
  EXPECT_FALSE(sum_of(metered(), told(59), nullptr)->holds()) << "also without a store";
}

TEST(EventSum, CountsRowsThatRetentionOrDamageTookAsStored) {
  auto store = stored(50);
  store.expired = 10;
  store.lost = 4;
  const auto sum = sum_of(metered(), told(60), &store);
  EXPECT_EQ(sum->stored, 64u);
  EXPECT_TRUE(sum->holds());
}

TEST(EventSum, LeavesOutTheRowsOfBeforeItBegan) {
  auto meter = metered();
  auto ingest = told(60);
  meter.since = ingest.since = 4711;
  meter.rows_before = 1000;
  const auto store = stored(1064);
  const auto sum = sum_of(meter, ingest, &store);
  EXPECT_EQ(sum->since, 4711u);
  EXPECT_EQ(sum->stored, 64u);
  EXPECT_TRUE(sum->holds());
  const auto gone = stored(10);
  EXPECT_FALSE(sum_of(meter, ingest, &gone)->holds());
}

TEST(EventSum, CannotBeToldWhereTheFoldsBeganApart) {
  auto meter = metered();
  const auto store = stored(64);
  meter.since = 7;
  EXPECT_FALSE(sum_of(meter, told(60), &store).has_value());
  meter.since.reset();
  auto ingest = told(60);
  EXPECT_FALSE(sum_of(meter, ingest, &store).has_value());
  ingest.since.reset();
  EXPECT_FALSE(sum_of(meter, ingest, &store).has_value()) << "two that know nothing do not agree";
}

Reconciliation agreed() {
  Reconciliation out;
  out.position = 9;
  out.witnesses = {{"meter", {}}, {"live", {}}};
  const auto store = stored(64);
  out.events = sum_of(metered(), told(60), &store);
  return out;
}

TEST(Reconciliation, DoesNotAgreeWhenTheSumDoesNotHold) {
  auto result = agreed();
  EXPECT_TRUE(result.agree());
  result.events->sampled += 1;
  EXPECT_FALSE(result.agree());
  result.events.reset();
  EXPECT_FALSE(result.agree());
}

TEST(Reconciliation, SaysTheWholeSum) {
  const auto json = to_json(agreed());
  EXPECT_TRUE(json.starts_with("{\"agree\":true,\"position\":9,")) << json;
  EXPECT_NE(json.find(R"("events":{"since":0,"accepted":100,"stored":64,"dropped":{"no_row":30,)"
                      R"("sampled":5,"unreadable":1},"expired":0,"lost":0,"ingested":60,)"
                      R"("acknowledged":60,"holds":true},"silent":[]})"),
            std::string::npos)
      << json;
}

}  // namespace
}  // namespace sightglass::admin
