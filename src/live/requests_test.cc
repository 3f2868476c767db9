// The requests in flight: rows, order, the version and its waiters.
#include "live/requests.h"

#include <gtest/gtest.h>

#include <thread>

#include "live/feed.h"

namespace sightglass::live {
namespace {

RequestRow row(const std::string& id, Nanos start_wall_ns) {
  RequestRow r;
  r.request_id = id;
  r.provider = "openai";
  r.model = "fast";
  r.requested_model = "openai:fast";
  r.resolved_model = "gpt-4o";
  r.qualified_model = "openai:fast";
  r.is_streaming = true;
  r.start_wall_ns = start_wall_ns;
  r.start_monotonic_ns = 1;
  r.input_tokens = 5;
  return r;
}

// S2-A04, S2-F01, S2-F02, S2-F07, S2-F14: the seed system's row, key by key.
TEST(Requests, ARowIsTheEighteenFieldsInTheirOrder) {
  std::string out;
  append_row_json(row("b7c1a5f9-2b2e-4ac6-9f0d-9f6d2e0b7a6e", 1'795'217'100'110'000'000),
                  1 + 41 * kMillisecond, out);
  EXPECT_EQ(out,
            "{\"request_id\":\"b7c1a5f9-2b2e-4ac6-9f0d-9f6d2e0b7a6e\",\"provider\":\"openai\","
            "\"model\":\"fast\",\"requested_model\":\"openai:fast\",\"resolved_model\":\"gpt-4o\","
            "\"qualified_model\":\"openai:fast\",\"is_streaming\":true,"
            "\"start_time\":1795217100.11,\"duration_ms\":41,\"input_tokens\":5,"
            "\"output_tokens\":0,\"cache_read_tokens\":0,\"cache_creation_tokens\":0,"
            "\"tool_uses\":0,\"tool_results\":0,\"tool_calls\":0,\"request_size\":0,"
            "\"message_count\":0}");
}

TEST(Requests, DurationsAreRoundedAndNeverNegative) {
  std::string out;
  append_row_json(row("a", 0), 1 + 1'500 * kMicrosecond, out);
  EXPECT_NE(out.find("\"duration_ms\":2,"), std::string::npos);
  out.clear();
  append_row_json(row("a", 0), 0, out);
  EXPECT_NE(out.find("\"duration_ms\":0,"), std::string::npos);
}

TEST(Requests, TheSnapshotHasTheNewestStartFirstAndSaysWhenItWasCut) {
  ManualClock clock;
  Requests requests(clock);
  auto& a = requests.add_table(300);
  auto& b = requests.add_table(300);
  for (int i = 0; i < 300; ++i) (i % 2 == 0 ? a : b).start(row(std::to_string(i), i * kSecond));
  bool truncated = true;
  const auto all = requests.snapshot(1000, truncated);
  EXPECT_FALSE(truncated);
  ASSERT_EQ(all.size(), 300u);
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(all[static_cast<std::size_t>(i)].request_id, std::to_string(299 - i));
  }
  const auto some = requests.snapshot(7, truncated);
  EXPECT_TRUE(truncated);
  ASSERT_EQ(some.size(), 7u);
  EXPECT_EQ(some[6].request_id, "293");
}

TEST(Requests, PastATablesCapacityARequestRunsUnlistedAndIsCounted) {
  ManualClock clock;
  Requests requests(clock);
  auto& table = requests.add_table(1);
  const auto first = table.start(row("a", 0));
  const auto second = table.start(row("b", 0));
  EXPECT_EQ(second, Requests::Table::kNone);
  EXPECT_EQ(requests.dropped(), 1u);
  table.update(second, [](RequestRow&) { FAIL() << "an unlisted request has no row"; });
  table.end(second);
  EXPECT_EQ(requests.count(), 1u);
  table.end(first);
  table.end(first);  // a second end is nothing
  EXPECT_EQ(requests.count(), 0u);
  EXPECT_NE(table.start(row("c", 0)), Requests::Table::kNone);
}

// S2-B41
TEST(Requests, TheVersionGrowsOnEveryStartAndEndAndNotOnUpdates) {
  ManualClock clock;
  Requests requests(clock);
  auto& table = requests.add_table(4);
  const auto handle = table.start(row("a", 0));
  EXPECT_EQ(requests.version(), 1u);
  table.update(handle, [](RequestRow& r) { r.output_tokens = 9; });
  EXPECT_EQ(requests.version(), 1u);
  bool truncated = false;
  EXPECT_EQ(requests.snapshot(9, truncated)[0].output_tokens, 9);
  table.end(handle);
  EXPECT_EQ(requests.version(), 2u);
}

// S2-B42: a change between two waits is not missed.
TEST(Requests, AWaiterSeesAChangeThatCameBeforeItWaited) {
  ManualClock clock;
  Requests requests(clock);
  auto& table = requests.add_table(4);
  const auto seen = requests.version();
  table.end(table.start(row("a", 0)));
  EXPECT_EQ(requests.wait_change(seen, 3600 * kSecond), seen + 2);
  EXPECT_EQ(requests.wait_change(seen + 2, kMillisecond), seen + 2);  // times out
}

// S2-B42: 1,000 random changes, a slow reader: its last view is the true state.
TEST(Requests, WaitersEndWithTheTrueStateAfterAThousandChanges) {
  ManualClock clock;
  Requests requests(clock);
  std::atomic<bool> done{false};
  std::vector<std::thread> workers;
  for (int w = 0; w < 2; ++w) {
    auto& table = requests.add_table(16);
    workers.emplace_back([&table, w] {
      std::vector<Requests::Table::Handle> open;
      for (int i = 0; i < 500; ++i) {
        if (open.size() < 9 && (i * 7 + w) % 3 != 0) {
          open.push_back(table.start(row(std::to_string(i), i)));
        } else if (!open.empty()) {
          table.update(open.back(), [](RequestRow& r) { ++r.output_tokens; });
          table.end(open.back());
          open.pop_back();
        }
      }
    });
  }
  std::size_t last = 0;
  std::uint64_t last_version = 0;
  std::thread reader([&] {
    std::uint64_t seen = 0;
    while (true) {
      const bool final_look = done.load();
      seen = requests.wait_change(seen, 10 * kMillisecond);
      bool truncated = false;
      last = requests.snapshot(100, truncated).size();
      last_version = seen;
      if (final_look) return;
    }
  });
  for (auto& worker : workers) worker.join();
  done = true;
  reader.join();
  EXPECT_EQ(last, requests.count());
  EXPECT_EQ(last_version, requests.version());
}

// S2-F34
TEST(Feed, AFrameIsAnUpdateEventWithTheWholeSnapshot) {
  ManualClock clock(1'795'217'100'500'000'000);
  Requests requests(clock);
  Feed feed(requests);
  EXPECT_TRUE(feed.refresh());
  EXPECT_EQ(feed.frame(),
            "event: update\ndata: {\"disabled\":false,\"active_requests\":[],"
            "\"timestamp\":1795217100.5}\n\n");
  auto& table = requests.add_table(4);
  table.start(row("a", 1));
  EXPECT_TRUE(feed.refresh());
  std::string expected = "event: update\ndata: {\"disabled\":false,\"active_requests\":[";
  append_row_json(row("a", 1), clock.monotonic_ns(), expected);
  EXPECT_EQ(feed.frame(), expected + "],\"timestamp\":1795217100.5}\n\n");
}

// S2-B37: idle is silence, a request in flight makes each tick differ.
TEST(Feed, RefreshTellsWhetherViewersWantTheFrame) {
  ManualClock clock;
  Requests requests(clock);
  auto& table = requests.add_table(4);
  Feed feed(requests);
  EXPECT_TRUE(feed.refresh());
  clock.advance(2 * kSecond);
  EXPECT_FALSE(feed.refresh());
  const auto handle = table.start(row("a", 1));
  EXPECT_TRUE(feed.refresh());
  clock.advance(2 * kSecond);
  EXPECT_TRUE(feed.refresh());
  table.end(handle);
  EXPECT_TRUE(feed.refresh());
  EXPECT_FALSE(feed.refresh());
}

TEST(Feed, SaysWhenRowsWereLeftOut) {
  ManualClock clock;
  Requests requests(clock);
  auto& table = requests.add_table(4);
  table.start(row("a", 1));
  table.start(row("b", 2));
  Feed feed(requests, 1);
  feed.refresh();
  EXPECT_NE(feed.frame().find("],\"truncated\":true,\"timestamp\":"), std::string::npos);
  EXPECT_EQ(feed.frame().find("\"request_id\":\"a\""), std::string::npos);
}

// S2-F35, S2-F36, S2-G01
TEST(Feed, TheDisabledFormsSuggestWhatHelps) {
  EXPECT_EQ(disabled_frame(DisabledBy::kRequestMetrics),
            "event: disabled\ndata: {\"disabled\":true,\"message\":\"Request metrics logging is "
            "disabled\",\"suggestion\":\"Set LOG_REQUEST_METRICS=true to enable tracking\"}\n\n");
  EXPECT_EQ(disabled_frame(DisabledBy::kSse),
            "event: disabled\ndata: {\"disabled\":true,\"message\":\"SSE for active requests is "
            "disabled\",\"suggestion\":\"Unset VDM_ACTIVE_REQUESTS_SSE_ENABLED (or set to "
            "true)\"}\n\n");
  EXPECT_EQ(active_requests_disabled_json(),
            "{\"disabled\":true,\"message\":\"Request metrics logging is disabled\","
            "\"suggestion\":\"Set LOG_REQUEST_METRICS=true to enable tracking\","
            "\"active_requests\":[]}");
  EXPECT_EQ(kHeartbeatFrame, ": heartbeat\n\n");
}

TEST(Feed, ActiveRequestsAreAsPrinted) {
  ManualClock clock;
  Requests requests(clock);
  EXPECT_EQ(active_requests_json(requests), "{\"disabled\":false,\"active_requests\":[]}");
}

// S2-A06, S2-B26, S2-F03, S2-F12, S2-F13
TEST(Feed, LogsHaveTheTargetTheErrorsAndTheTraces) {
  Trace trace;
  trace.seq = 3;
  trace.end_ns = 1'795'217'100'100'000'000;
  trace.request_id = "r1";
  trace.provider = "openrouter";
  trace.model = "x/y:free";  // the original cuts this at the colon
  trace.outcome = "ok";
  trace.duration_us = 10'318;
  trace.input_tokens = 7;
  trace.output_tokens = 2;
  trace.tool_calls = 1;
  Trace failed = trace;
  failed.seq = 4;
  failed.outcome = "timeout";
  failed.error_type = "provider_timeout";
  const std::string ok_json =
      "{\"seq\":3,\"ts\":1795217100.1,\"request_id\":\"r1\",\"provider\":\"openrouter\","
      "\"model\":\"x/y:free\",\"is_streaming\":false,\"duration_ms\":10.318,\"input_tokens\":7,"
      "\"output_tokens\":2,\"cache_read_tokens\":0,\"cache_creation_tokens\":0,"
      "\"tool_use_count\":0,\"tool_call_count\":1,\"tool_result_count\":0,\"status\":\"ok\","
      "\"error\":null,\"error_type\":null}";
  const auto json = logs_json({true, false, "console"}, {failed}, {failed, trace});
  EXPECT_TRUE(json.starts_with(
      "{\"systemd\":{\"requested\":true,\"effective\":false,\"handler\":\"console\"},"
      "\"errors\":[{\"seq\":4,"))
      << json;
  EXPECT_TRUE(json.ends_with("," + ok_json + "]}")) << json;
  EXPECT_NE(json.find("\"status\":\"error\",\"error\":\"upstream read timeout\","
                      "\"error_type\":\"provider_timeout\"}"),
            std::string::npos);
}

}  // namespace
}  // namespace sightglass::live
