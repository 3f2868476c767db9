#include "export/hourly.h"

#include <gtest/gtest.h>

#include <limits>

#include "../tests/support/batches.h"

namespace sightglass::exporting {
namespace {

using testing::Batches;
using testing::TestEvent;

constexpr Nanos kHour = 3'600 * kSecond;
constexpr Nanos kTen = 1'699'999'200 * kSecond;  // 2023-11-14T22:00:00Z

std::vector<HourlyEntry> entries_of(const std::vector<TestEvent>& events) {
  const Batches batches(testing::gateway_catalogue());
  HourlyReader reader;
  reader.use(testing::gateway_catalogue());
  std::vector<HourlyEntry> out;
  journal::Position position = 40;
  for (const auto& event : events) reader.append(batches.encode(event), {7, ++position}, out);
  return out;
}

TestEvent done(Nanos at = kTen) {
  return TestEvent("chat_completion_success", at)
      .with("provider", "openai")
      .with("model", "gpt-4o")
      .with("key", "openai-0123")
      .with("client", "app")
      .with("outcome", "ok")
      .with("user_id", "u:1.abc")
      .with("session_id", "s:1.abc")
      .with("request_id", "0123456789abcdef")
      .with("latency_us", 150'250)
      .with("input_tokens", 10)
      .with("cache_read_tokens", 1)
      .with("cache_write_5m_tokens", 2)
      .with("cache_write_1h_tokens", 3)
      .with("output_tokens", 5)
      .with("total_tokens", 21)
      .with("cost_nanousd", std::int64_t{2'500'000'001});
}

std::string json_of(const std::vector<TestEvent>& events) {
  HourlyTable table;
  for (const auto& entry : entries_of(events)) table[entry.key].add(entry.sums);
  return hourly_json(table);
}

TEST(Hourly, ARequestIsARowOfItsHour) {
  EXPECT_EQ(json_of({done(kTen + kHour - 1)}),
            R"([{"hour":"2023-11-14T22:00:00Z","client":"app","provider":"openai",)"
            R"("model":"gpt-4o","outcome":"ok","requests":1,"errors":0,"input_tokens":10,)"
            R"("cache_read_tokens":1,"cache_write_5m_tokens":2,"cache_write_1h_tokens":3,)"
            R"("output_tokens":5,"total_tokens":21,"cost_nanousd":2500000001,)"
            R"("unpriced_requests":0,"timed_requests":1,"latency_us":150250,)"
            R"("latency_max_us":150250}])");
}

TEST(Hourly, NoPersonSessionOrRequestIsInThem) {
  const auto json = json_of({done()});
  for (const auto* word : {"u:1", "s:1", "0123456789abcdef", "user", "session"}) {
    EXPECT_EQ(json.find(word), std::string::npos) << json;
  }
}

TEST(Hourly, AnHourBeginsAndEndsToTheNanosecond) {
  const auto entries =
      entries_of({done(kTen - 1), done(kTen), done(kTen + kHour - 1), done(kTen + kHour)});
  ASSERT_EQ(entries.size(), 4u);
  EXPECT_EQ(entries[0].key.hour_ns, kTen - kHour);
  EXPECT_EQ(entries[1].key.hour_ns, kTen);
  EXPECT_EQ(entries[2].key.hour_ns, kTen);
  EXPECT_EQ(entries[3].key.hour_ns, kTen + kHour);
  EXPECT_EQ(entries[3].mark, (JournalMark{7, 44}));
}

TEST(Hourly, RequestsOfOneKeyAddUpAndTheLongestIsKept) {
  auto slow = done(kTen + 1);
  std::erase_if(slow.fields, [](const auto& field) { return field.first == "latency_us"; });
  slow.with("latency_us", 900'000);
  const auto json = json_of({done(), slow, done(kTen + 2)});
  EXPECT_NE(json.find(R"("requests":3,"errors":0,"input_tokens":30)"), std::string::npos) << json;
  EXPECT_NE(json.find(R"("latency_us":1200500,"latency_max_us":900000)"), std::string::npos)
      << json;
}

TEST(Hourly, SumsPastSixtyFourBitsAreExact) {
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  std::vector<TestEvent> events;
  for (int i = 0; i < 3; ++i) {
    events.push_back(TestEvent("chat_completion_success", kTen)
                         .with("outcome", "ok")
                         .with("input_tokens", kMost)
                         .with("cost_nanousd", i == 0 ? -kMost : std::int64_t{1}));
  }
  const auto json = json_of(events);
  EXPECT_NE(json.find("\"input_tokens\":27670116110564327421,"), std::string::npos) << json;
  EXPECT_NE(json.find("\"cost_nanousd\":-9223372036854775805,"), std::string::npos) << json;
}

TEST(Hourly, ErrorsAndUnknownCostsAreCountedAndWhatIsUnknownAddsNothing) {
  const auto one = [](const char* outcome) {
    return TestEvent("chat_completions_error", kTen).with("outcome", outcome);
  };
  const auto entries = entries_of({one("error"), one("timeout"), one("client_gone"),
                                   one("rejected").with("unpriced_reason", "no_price")});
  ASSERT_EQ(entries.size(), 4u);
  HourlySums all;
  for (const auto& entry : entries) {
    EXPECT_TRUE(entry.key.client.empty() && entry.key.provider.empty() && entry.key.model.empty());
    all.add(entry.sums);
  }
  HourlySums wanted;
  wanted.requests = 4;
  wanted.errors = 2;
  wanted.unpriced = 1;
  EXPECT_EQ(all, wanted);
}

TEST(Hourly, OnlyTerminalEventsOfTheGatewaysOwnAreRequests) {
  EXPECT_TRUE(entries_of({TestEvent("chat_completion_request_start", kTen).with("provider", "x"),
                          TestEvent("tools_detected", kTen), done().with("ingested", true)})
                  .empty());
}

TEST(Hourly, NamesHoldNothingThatAServerRefuses) {
  auto event = TestEvent("chat_completion_success", kTen);
  event.with("model", std::string("a\0b\n\xff'\"\\", 8)).with("client", std::string(300, 'c'));
  const auto entries = entries_of({event});
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].key.model, "a_b__'\"\\");
  EXPECT_EQ(entries[0].key.client.size(), 256u);
}

}  // namespace
}  // namespace sightglass::exporting
