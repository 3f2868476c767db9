// Receipts, the window of event_ids, and the fold over them.
#include "ingest/marks_fold.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "journal/fold_harness.h"
#include "journal/format.h"

namespace sightglass::ingest {
namespace {

Receipt receipt(std::string source, std::uint64_t end, std::uint64_t accepted,
                std::vector<EventKey> ids = {}) {
  Receipt out;
  out.source = std::move(source);
  out.end = end;
  out.accepted = accepted;
  out.ids = std::move(ids);
  return out;
}

TEST(Receipt, ReadsBackAsItWasWritten) {
  auto given = receipt("host:/var/log/app.log", 1ull << 40, 12, {event_key("a"), event_key("b")});
  given.rejected = 3;
  given.duplicates = 4;
  const auto read = decode_receipt(encode(given));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->source, given.source);
  EXPECT_EQ(read->end, given.end);
  EXPECT_EQ(read->accepted, 12u);
  EXPECT_EQ(read->rejected, 3u);
  EXPECT_EQ(read->duplicates, 4u);
  EXPECT_EQ(read->ids, given.ids);
}

TEST(Receipt, MalformedBytesAreRefused) {
  const auto good = encode(receipt("s", 5, 1, {event_key("a")}));
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(decode_receipt(Bytes(good).substr(0, size))) << size;
  }
  EXPECT_FALSE(decode_receipt(good + "x"));
  EXPECT_FALSE(decode_receipt("\x02" + good.substr(1))) << "a newer version";
  EXPECT_FALSE(decode_receipt(encode(receipt("not a source", 5, 1))));
}

TEST(Receipt, SourcesArePlainWords) {
  EXPECT_TRUE(is_source_id("host:/var/log/app.log-1_2"));
  EXPECT_TRUE(is_source_id(std::string(128, 'a')));
  for (const auto& bad : {std::string(), std::string(129, 'a'), std::string("a b"),
                          std::string("a\n"), std::string("ä")}) {
    EXPECT_FALSE(is_source_id(bad)) << bad;
  }
}

// Held against a plain set with the same rules.
TEST(IdWindow, KnowsWhatANaiveSetKnows) {
  IdWindow window(500);
  std::deque<std::pair<EventKey, Nanos>> naive;
  std::mt19937_64 random(7);
  Nanos now = 1'763'700'000 * kSecond;
  for (int i = 0; i < 20'000; ++i) {
    now += static_cast<Nanos>(random() % 400) * kSecond;
    const auto key = event_key(std::to_string(random() % 1'500));
    const auto known = [&] {
      return std::any_of(naive.begin(), naive.end(), [&](const auto& n) { return n.first == key; });
    };
    ASSERT_EQ(window.contains(key), known()) << i;
    if (!known()) {
      while (!naive.empty() &&
             naive.front().second < now - IdWindow::kWindow - IdWindow::kClockSlack) {
        naive.pop_front();
      }
      if (naive.size() == 500) naive.pop_front();
      naive.emplace_back(key, now);
    }
    window.add(key, now);
    ASSERT_EQ(window.size(), naive.size()) << i;
  }
}

TEST(IdWindow, TheHorizonFollowsWhatHadToGo) {
  IdWindow window(2);
  const Nanos now = 1'763'700'000 * kSecond;
  EXPECT_EQ(window.horizon(now), now - IdWindow::kWindow);
  window.add(event_key("a"), now);
  window.add(event_key("b"), now + kSecond);
  window.add(event_key("c"), now + 2 * kSecond);
  EXPECT_FALSE(window.contains(event_key("a")));
  EXPECT_EQ(window.horizon(now + 2 * kSecond), now + IdWindow::kClockSlack);
}

TEST(MarksFold, IsPure) {
  std::vector<journal::Reader::Batch> batches;
  journal::Position at = 1;
  const auto add = [&](Nanos accept_ns, const std::vector<Receipt>& receipts) {
    std::vector<std::pair<journal::RecordKind, std::string>> records;
    for (const auto& r : receipts) {
      records.emplace_back(journal::RecordKind::kEvent, "not read here");
      records.emplace_back(journal::RecordKind::kReceipt, encode(r));
    }
    batches.push_back(journal::make_batch(at, accept_ns, nullptr, records));
    at += records.size();
  };
  const Nanos now = 1'763'700'000 * kSecond;
  add(now, {receipt("a", 10, 2), receipt("", 0, 1, {event_key("1"), event_key("2")})});
  add(now + kSecond, {receipt("b", 7, 1), receipt("a", 20, 1), receipt("c", 1, 1)});
  add(now + 30 * 3600 * kSecond, {receipt("", 0, 1, {event_key("3")})});
  EXPECT_EQ(journal::check_fold_is_pure([] { return std::make_unique<MarksFold>(2); }, batches),
            "");
  MarksFold fold(2);
  for (const auto& batch : batches) fold.apply(batch);
  EXPECT_EQ(fold.mark("a"), 20u);
  EXPECT_EQ(fold.mark("c"), 1u);
  EXPECT_FALSE(fold.mark("b").has_value()) << "heard of longest ago, and there is room for two";
  EXPECT_EQ(fold.sums().accepted, 7u);
  EXPECT_FALSE(fold.knows(event_key("1"))) << "a day has passed";
  EXPECT_TRUE(fold.knows(event_key("3")));
}

TEST(MarksFold, AccountsForWhatWasAcknowledgedSinceItsRecord) {
  const auto receipt_of = [](std::uint64_t accepted) {
    return std::pair(journal::RecordKind::kReceipt, encode(receipt("", 0, accepted)));
  };
  MarksFold fold;
  fold.apply(journal::make_batch(1, kSecond, nullptr, {receipt_of(3)}));
  EXPECT_EQ(fold.account().since, journal::Position{0});
  EXPECT_EQ(fold.account().ingested, 3u);
  fold.apply(journal::make_batch(
      2, kSecond, nullptr,
      {{journal::RecordKind::kAccount, journal::encode_account(0)}, receipt_of(5)}));
  EXPECT_EQ(fold.account().since, journal::Position{2});
  EXPECT_EQ(fold.account().ingested, 5u);
  EXPECT_EQ(fold.sums().accepted, 8u);
  MarksFold middle;
  middle.apply(journal::make_batch(7, kSecond, nullptr, {receipt_of(1)}));
  EXPECT_FALSE(middle.account().since.has_value()) << "it saw only a part of the journal";
}

TEST(MarksFold, ASnapshotOfTheVersionBeforeHasNoAccount) {
  MarksFold fold;
  fold.apply(journal::make_batch(1, kSecond, nullptr,
                                 {{journal::RecordKind::kReceipt, encode(receipt("a", 10, 2))}}));
  std::string saved;
  fold.save(saved);
  // What version 2 added stands behind the three sums.
  std::string old = saved;
  old[0] = 1;
  old.erase(1 + 8 + 3 * 8, 1 + 8 + 8);
  MarksFold again;
  ASSERT_TRUE(again.load(old).has_value());
  EXPECT_EQ(again.mark("a"), 10u);
  EXPECT_EQ(again.sums().accepted, 2u);
  EXPECT_FALSE(again.account().since.has_value());
}

TEST(MarksFold, ADamagedSnapshotIsRefused) {
  MarksFold fold;
  fold.apply(journal::make_batch(
      1, kSecond, nullptr,
      {{journal::RecordKind::kReceipt, encode(receipt("a", 10, 2, {event_key("1")}))}}));
  std::string good;
  fold.save(good);
  ASSERT_TRUE(MarksFold().load(good).has_value());
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(MarksFold().load(Bytes(good).substr(0, size)).has_value()) << size;
  }
  good[0] = 9;
  EXPECT_EQ(MarksFold().load(good).error().code, Code::kVersion);
}

}  // namespace
}  // namespace sightglass::ingest
