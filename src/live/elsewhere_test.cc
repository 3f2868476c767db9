// Requests in flight of other gateways: their bytes, their times, what is shown of all.
#include "live/elsewhere.h"

#include <gtest/gtest.h>

#include <thread>

#include "live/feed.h"
#include "live/listing.h"

namespace sightglass::live {
namespace {

RequestRow row(const std::string& id, Nanos start_monotonic_ns = kSecond) {
  RequestRow r;
  r.request_id = id;
  r.provider = "openai";
  r.requested_model = "openai:fast";
  r.resolved_model = "gpt-4o";
  derive_names(r);
  r.is_streaming = true;
  r.start_monotonic_ns = start_monotonic_ns;
  r.input_tokens = 5;
  r.output_tokens = 1'000'000;
  r.cache_read_tokens = 7;
  r.cache_creation_tokens = 8;
  r.tool_uses = 1;
  r.tool_results = 2;
  r.tool_calls = 3;
  r.request_size = 70'000;
  r.message_count = 12;
  return r;
}

// A gateway with clocks of its own.
struct Site {
  explicit Site(Nanos wall_ns = 1'700'000'000 * kSecond) : clock(wall_ns), requests(clock) {
    table = &requests.add_table(2'000);
  }
  std::string listing() const {
    const auto bytes = write_listing(requests);
    return bytes.head + bytes.body;
  }
  ManualClock clock;
  Requests requests;
  Requests::Table* table;
};

struct Reader : Site {
  Reader() : elsewhere(clock, telemetry, [this] { ++hurries; }) {}
  void hear(const std::string& gateway, const std::string& listing, Nanos age_ns = 0) {
    elsewhere.update({{gateway, age_ns, listing, age_ns}}, true);
  }
  RequestRow only() const {
    const auto all = elsewhere.gateways();
    return all.size() == 1 && all[0].rows && all[0].rows->size() == 1 ? all[0].rows->front()
                                                                      : RequestRow();
  }
  std::uint64_t nonsense() {
    return telemetry.counter("sightglass_redis_inflight_nonsense_total", "").value();
  }
  Telemetry telemetry;
  int hurries = 0;
  Elsewhere elsewhere;
};

std::string json(const RequestRow& row) {
  std::string out;
  append_row_json(row, row.start_monotonic_ns, out);
  return out;
}

TEST(Listing, ARowComesBackWithAllItsFields) {
  Site site;
  site.clock.advance(3 * kSecond);
  site.table->start(row("a", 2 * kSecond));
  const auto listing = read_listing(site.listing());
  ASSERT_TRUE(listing);
  EXPECT_EQ(listing->told_ns / kMicrosecond, site.clock.monotonic_ns() / kMicrosecond);
  EXPECT_EQ(listing->requests, 1u);
  ASSERT_EQ(listing->rows.size(), 1u);
  EXPECT_EQ(json(listing->rows[0]), json(row("a", 2 * kSecond)));
  EXPECT_EQ(listing->rows[0].start_monotonic_ns, 2 * kSecond);
}

TEST(Listing, TheNewestRowsAreToldAndTheOthersCounted) {
  Site site;
  for (int i = 0; i < 1'000; ++i) {
    auto one = row(std::to_string(i));
    one.start_wall_ns = i;
    site.table->start(one);
  }
  const auto listing = read_listing(site.listing());
  ASSERT_TRUE(listing);
  EXPECT_EQ(listing->requests, 1'000u);
  ASSERT_EQ(listing->rows.size(), kMostListed);
  EXPECT_EQ(listing->rows[0].request_id, "999");
}

TEST(Listing, LongTextsKeepItWithinItsBytes) {
  Site site;
  for (int i = 0; i < 1'000; ++i) {
    auto one = row(std::string(128, 'x'));
    one.provider = one.requested_model = one.resolved_model = std::string(300, 'y');
    site.table->start(one);
  }
  const auto bytes = site.listing();
  EXPECT_LE(bytes.size(), kLongestListing);
  const auto listing = read_listing(bytes);
  ASSERT_TRUE(listing);
  EXPECT_EQ(listing->requests, 1'000u);
  EXPECT_GT(listing->rows.size(), 50u);
  EXPECT_LT(listing->rows.size(), 200u);
}

TEST(Listing, WhoHasNothingNewToSayHasTheSameBody) {
  Site site;
  const auto handle = site.table->start(row("a"));
  const auto first = write_listing(site.requests);
  site.clock.advance(kSecond);
  const auto second = write_listing(site.requests);
  EXPECT_NE(first.head, second.head);
  EXPECT_EQ(first.body, second.body);
  site.table->update(handle, [](RequestRow& r) { ++r.output_tokens; });
  EXPECT_NE(write_listing(site.requests).body, second.body);
}

TEST(Listing, WhatIsCutLongerOrOfAnotherVersionIsRefused) {
  Site site;
  site.table->start(row("a"));
  const auto whole = site.listing();
  for (std::size_t i = 0; i < whole.size(); ++i) EXPECT_FALSE(read_listing(whole.substr(0, i)));
  EXPECT_FALSE(read_listing(whole + "x"));
  EXPECT_FALSE(read_listing("\x02" + whole.substr(1)));
  EXPECT_FALSE(read_listing(std::string(kLongestListing + 1, '\x01')));
  // A count that no bytes follow, and texts that are none.
  EXPECT_FALSE(read_listing(std::string("\x01\x01\xff\xff\x03\xff\xff\x03", 8)));
  for (const char* bad : {"", "a b", "a\n", "\x7f", "\xc3\xa4"}) {
    Site other;
    other.table->start(row(bad));
    EXPECT_FALSE(read_listing(other.listing())) << bad;
  }
}

// Its clocks are another machine's: two days ahead by the wall, since boot something else.
TEST(Elsewhere, ARowRunsAsLongAsItDoesWhateverTheClocksShow) {
  Site far(1'700'172'800 * kSecond);
  far.clock.advance(1'000 * kSecond);
  far.table->start(row("a", far.clock.monotonic_ns()));
  far.clock.advance(30 * kSecond);
  Reader here;
  here.clock.advance(5 * kSecond);
  here.hear("far", far.listing(), 2 * kSecond);
  const auto now = here.clock.monotonic_ns();
  const auto seen = here.only();
  EXPECT_EQ(seen.request_id, "a");
  EXPECT_EQ((now - seen.start_monotonic_ns) / kMillisecond, 32'000);
  EXPECT_EQ((here.clock.wall_ns() - seen.start_wall_ns) / kMillisecond, 32'000);
}

// What came late makes a start seem later; of several readings the earliest is right.
TEST(Elsewhere, AStartDoesNotJumpWithTheTimeThatAListingTook) {
  Site far;
  far.table->start(row("a", far.clock.monotonic_ns()));
  Reader here;
  here.hear("far", far.listing());
  const auto first = here.only().start_monotonic_ns;
  for (const Nanos late : {300 * kMillisecond, 20 * kMillisecond, 700 * kMillisecond}) {
    far.clock.advance(kSecond);
    const auto told = far.listing();
    here.clock.advance(kSecond + late);  // on its way for so long, of which nobody knows
    here.hear("far", told);
    EXPECT_EQ(here.only().start_monotonic_ns, first);
    far.clock.advance(late);
  }
  // Clocks that drift, or a restart: no estimate holds for ever.
  far.clock.advance(kSecond);
  here.clock.advance(60 * kSecond);
  here.hear("far", far.listing());
  EXPECT_GT(here.only().start_monotonic_ns, first + 50 * kSecond);
}

TEST(Elsewhere, AGatewayThatIsNotHeardGoesStaleAndThenItIsGone) {
  Site far;
  far.table->start(row("a"));
  Reader here;
  here.hear("far", far.listing(), 2 * kSecond);
  EXPECT_TRUE(here.elsewhere.reachable());
  const auto version = here.elsewhere.version();
  here.clock.advance(6 * kSecond);  // Redis is away
  EXPECT_FALSE(here.elsewhere.reachable());
  ASSERT_EQ(here.elsewhere.gateways().size(), 1u);
  EXPECT_GE(here.elsewhere.gateways()[0].age_ns(here.clock.monotonic_ns()), kStaleAfter);
  here.clock.advance(2 * kSecond);
  EXPECT_TRUE(here.elsewhere.gateways().empty()) << "ten seconds after it was heard";
  here.elsewhere.update({}, true);
  EXPECT_TRUE(here.elsewhere.reachable());
  EXPECT_GT(here.elsewhere.version(), version);
}

TEST(Elsewhere, NonsenseIsCountedAndShowsNothing) {
  Site far;
  far.table->start(row("a"));
  Reader here;
  here.hear("far", far.listing());
  here.hear("far", "no listing");
  ASSERT_EQ(here.elsewhere.gateways().size(), 1u);
  EXPECT_FALSE(here.elsewhere.gateways()[0].rows);
  EXPECT_EQ(here.nonsense(), 1u);
}

TEST(Elsewhere, TheVersionGrowsWithRequestsAndGatewaysOnly) {
  Site far;
  const auto handle = far.table->start(row("a"));
  Reader here;
  here.hear("far", far.listing());
  const auto first = here.elsewhere.version();
  far.table->update(handle, [](RequestRow& r) { ++r.output_tokens; });
  here.hear("far", far.listing());
  EXPECT_EQ(here.elsewhere.version(), first);
  far.table->start(row("b"));
  here.hear("far", far.listing());
  const auto second = here.elsewhere.version();
  EXPECT_GT(second, first);
  here.hear("another", far.listing());
  EXPECT_GT(here.elsewhere.version(), second);
}

TEST(Elsewhere, ListingsAreWantedWhileSomebodyLooks) {
  Reader here;
  EXPECT_FALSE(here.elsewhere.watched());
  here.elsewhere.watch();
  EXPECT_TRUE(here.elsewhere.watched());
  here.elsewhere.watch();
  EXPECT_EQ(here.hurries, 1) << "whoever comes first asks";
  here.clock.advance(6 * kSecond);
  EXPECT_FALSE(here.elsewhere.watched());
  Site far;
  far.table->start(row("a"));
  here.hear("far", far.listing());
  here.elsewhere.update({{"far", 0, std::nullopt, 0}}, false);
  EXPECT_FALSE(here.elsewhere.gateways()[0].rows) << "no old rows for whoever looks next";
}

TEST(Elsewhere, RefreshAsksForAReadingAndWaitsForIt) {
  Reader here;
  EXPECT_FALSE(here.elsewhere.refresh(3'600 * kSecond)) << "nothing came yet: no wait";
  EXPECT_EQ(here.hurries, 1);
  here.elsewhere.update({}, false);
  EXPECT_FALSE(here.elsewhere.refresh(kMillisecond));
  EXPECT_EQ(here.hurries, 2);
  std::thread other([&] {
    for (int i = 0; i < 1'000; ++i) {
      here.elsewhere.update({}, i % 2 == 1);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      here.clock.advance(kSecond);
    }
  });
  EXPECT_TRUE(here.elsewhere.refresh(60 * kSecond));
  other.join();
  here.elsewhere.update({}, true);
  const auto before = here.hurries;
  EXPECT_TRUE(here.elsewhere.refresh(kMillisecond)) << "the last one is young enough";
  EXPECT_EQ(here.hurries, before);
}

TEST(Everywhere, RowsOfAllGatewaysComeNewestFirstAndNameTheirs) {
  Reader here;
  here.clock.advance(100 * kSecond);
  const auto now = here.clock.monotonic_ns();
  auto own = row("own", now - 2 * kSecond);
  own.start_wall_ns = here.clock.wall_ns() - 2 * kSecond;
  here.table->start(own);
  Site far;
  far.clock.advance(10 * kSecond);
  far.table->start(row("old", far.clock.monotonic_ns() - 3 * kSecond));
  far.table->start(row("new", far.clock.monotonic_ns() - kSecond));
  here.hear("far", far.listing());
  const Everywhere everywhere{here.requests, "near", &here.elsewhere};
  const auto all = active_requests_json(everywhere);
  const auto newest = all.find("\"request_id\":\"new\""), middle = all.find("\"own\""),
             oldest = all.find("\"old\"");
  EXPECT_TRUE(newest < middle && middle < oldest) << all;
  EXPECT_TRUE(
      all.ends_with(",\"message_count\":12,\"gateway\":\"far\"}],\"gateways\":["
                    "{\"gateway\":\"near\",\"state\":\"here\",\"requests\":1,\"left_out\":0},"
                    "{\"gateway\":\"far\",\"state\":\"ok\",\"requests\":2,\"left_out\":0}]}"))
      << all;
  EXPECT_EQ(active_requests_json(here.requests).find("gateway"), std::string::npos)
      << "as printed, where nobody asked for more";
}

TEST(Everywhere, SaysWhoIsStaleAndWhenNothingIsKnown) {
  Reader here;
  Site far;
  here.hear("far", far.listing());
  const Everywhere everywhere{here.requests, "near", &here.elsewhere};
  Feed feed(everywhere);
  feed.refresh();
  here.clock.advance(2 * kSecond);
  EXPECT_FALSE(feed.refresh()) << "idle is silence";
  here.clock.advance(4 * kSecond);
  EXPECT_TRUE(feed.refresh());
  EXPECT_NE(feed.frame().find("{\"gateway\":\"far\",\"state\":\"stale\",\"requests\":0,"
                              "\"left_out\":0,\"heard_ms_ago\":6000}],\"problem\":\"What other "
                              "gateways run is not known now: Redis does not answer."),
            std::string::npos)
      << feed.frame();
  const Everywhere alone{here.requests, "near", nullptr};
  EXPECT_EQ(active_requests_json(alone),
            "{\"disabled\":false,\"active_requests\":[],\"gateways\":[{\"gateway\":\"near\","
            "\"state\":\"here\",\"requests\":0,\"left_out\":0}]}");
}

TEST(Everywhere, SaysWhenRowsWereLeftOutHereOrThere) {
  Reader here;
  for (int i = 0; i < 3; ++i) here.table->start(row(std::to_string(i)));
  const Everywhere everywhere{here.requests, "near", &here.elsewhere};
  Feed feed(everywhere, 2);
  feed.refresh();
  EXPECT_NE(feed.frame().find("\"truncated\":true"), std::string::npos);
  EXPECT_NE(feed.frame().find("\"requests\":3,\"left_out\":1"), std::string::npos);
  EXPECT_EQ(active_requests_json(everywhere).find("truncated"), std::string::npos);
  Site far;
  for (int i = 0; i < 700; ++i) far.table->start(row(std::to_string(i)));
  here.hear("far", far.listing());
  const auto all = active_requests_json(everywhere);
  EXPECT_NE(all.find("\"truncated\":true"), std::string::npos);
  EXPECT_NE(all.find("\"requests\":700,\"left_out\":200"), std::string::npos);
}

}  // namespace
}  // namespace sightglass::live
