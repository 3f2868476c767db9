#include "export/points.h"

#include <gtest/gtest.h>

#include <set>

#include "../tests/support/batches.h"

namespace sightglass::exporting {
namespace {

using testing::Batches;
using testing::TestEvent;

constexpr Nanos kAt = 1'700'000'000'123'456'789;

std::string line_of(const TestEvent& event, journal::Position position = 42,
                    const std::string& gateway = "gw-1") {
  const Batches batches(testing::gateway_catalogue());
  PointWriter writer("llm_request", gateway);
  writer.use(testing::gateway_catalogue());
  Points points;
  writer.append(batches.encode(event), position, kAt, points);
  return points.text;
}

TestEvent done() {
  return TestEvent("chat_completion_success", kAt)
      .with("provider", "openai")
      .with("model", "gpt-4o")
      .with("key", "openai-0123")
      .with("client", "app")
      .with("outcome", "ok")
      .with("status_code", 200)
      .with("user_id", "u:1.abc")
      .with("session_id", "s:1.abc")
      .with("request_id", "0123456789abcdef")
      .with("latency_us", 150'250)
      .with("input_tokens", 10)
      .with("output_tokens", 5)
      .with("total_tokens", 15)
      .with("cost_nanousd", std::int64_t{2'500'000'001});
}

TEST(Points, ARequestIsOneLineOfInfluxsProtocol) {
  EXPECT_EQ(line_of(done()),
            "llm_request,gateway=gw-1,provider=openai,model=gpt-4o,key=openai-0123,client=app,"
            "outcome=ok,status=200 requests=1i,latency_ms=150.25,input_tokens=10i,output_tokens=5i,"
            "total_tokens=15i,cost_usd=2.500000001,cost_nanousd=2500000001i 1700000000123000042\n");
}

TEST(Points, NoPersonSessionOrRequestIsInThem) {
  const auto line = line_of(done());
  for (const auto* word : {"u:1", "s:1", "0123456789abcdef", "user", "session"}) {
    EXPECT_EQ(line.find(word), std::string::npos) << line;
  }
}

TEST(Points, WhatIsUnknownIsAbsentRatherThanZero) {
  const auto line = line_of(TestEvent("request_rejected", kAt).with("outcome", "rejected"));
  EXPECT_EQ(line, "llm_request,gateway=gw-1,outcome=rejected requests=1i 1700000000123000042\n");
}

TEST(Points, OnlyTerminalEventsOfTheGatewaysOwnBecomePoints) {
  EXPECT_EQ(line_of(TestEvent("chat_completion_request_start", kAt).with("provider", "openai")),
            "");
  EXPECT_EQ(line_of(TestEvent("tools_detected", kAt)), "");
  EXPECT_EQ(line_of(done().with("ingested", true)), "");
}

TEST(Points, TagsAreEscapedSoThatNoTextEndsThem) {
  auto event = TestEvent("chat_completion_success", kAt);
  event.with("provider", "a b,c=d").with("model", "end\\").with("key", "x\ny\t").with("client", "");
  EXPECT_EQ(line_of(event),
            "llm_request,gateway=gw-1,provider=a\\ b\\,c\\=d,model=end_,key=x_y_ "
            "requests=1i 1700000000123000042\n");
}

TEST(Points, EventsOfOneSeriesAndNanosecondAreDifferentPointsAndTheSameAgainEachTime) {
  std::set<std::string> lines;
  for (journal::Position position = 1; position <= 1'000; ++position) {
    lines.insert(line_of(done(), position));
    EXPECT_EQ(line_of(done(), position), line_of(done(), position));
  }
  EXPECT_EQ(lines.size(), 1'000u);
}

TEST(Points, LinesAreFoundByTheirNumberAndByTheirPosition) {
  const Points points{"a\nbb\nccc\n", {{2, 10, 0}, {5, 20, 0}, {9, 30, 0}}};
  EXPECT_EQ(Part(points).text(), "a\nbb\nccc\n");
  EXPECT_EQ(Part(points, 1, 2).text(), "bb\n");
  EXPECT_EQ(Part(points, 2, 2).text(), "");
  EXPECT_EQ(Part(points).behind(0).count(), 3u);
  EXPECT_EQ(Part(points).behind(10).text(), "bb\nccc\n");
  EXPECT_EQ(Part(points).behind(29).text(), "ccc\n");
  EXPECT_EQ(Part(points, 0, 2).behind(15).text(), "bb\n");
  EXPECT_TRUE(Part(points).behind(30).empty());
}

}  // namespace
}  // namespace sightglass::exporting
