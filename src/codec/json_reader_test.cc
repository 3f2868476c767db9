// JSON records: what each kind of field becomes, and each kind of fault its own verdict.
#include "codec/json_reader.h"

#include "codec/codec_test_support.h"
#include "codec/time.h"

namespace sightglass::codec {
namespace {

TEST(JsonReader, NamesAliasesAndNestedPathsAreOneField) {
  Bench b;
  ASSERT_EQ(b.json(R"({"event_type":"llm_call","modelId":"gpt-4o-mini","sse":{"firstTokenMs":620},
                       "latency_ms":842})"),
            Verdict::kAccepted);
  EXPECT_EQ(b.type(), "llm_call");
  EXPECT_EQ(b.get("model").as_text(), "gpt-4o-mini");
  EXPECT_EQ(b.get("first_token_ms").as_int(), 620);
  EXPECT_EQ(b.get("latency_ms").as_int(), 842);
  ASSERT_EQ(b.json(R"({"sse.firstTokenMs":7})"), Verdict::kAccepted);
  EXPECT_EQ(b.get("first_token_ms").as_int(), 7) << "the literal key means the same";
}

TEST(JsonReader, TheEventTypeComesFromItsKeyElseFromANameThatAPackKnows) {
  Bench b;
  const auto type_of = [&](std::string_view text) {
    EXPECT_EQ(b.json(text), Verdict::kAccepted) << text;
    return b.type();
  };
  EXPECT_EQ(type_of(R"({"event_type":"tool_call"})"), "tool_call");
  EXPECT_EQ(type_of(R"({"eventType":"tool_call"})"), "tool_call");
  EXPECT_EQ(type_of(R"({"event":"tool_call"})"), "tool_call");
  EXPECT_EQ(type_of(R"({"type":"tool_call"})"), "tool_call");
  EXPECT_EQ(type_of(R"({"event":"llm_call","event_type":"tool_call"})"), "tool_call");
  EXPECT_EQ(type_of(R"({"event_type":"never_heard_of","event":"tool_call"})"), "_other");
  EXPECT_EQ(type_of(R"({"event":"a sentence"})"), "_other");
  EXPECT_EQ(type_of(R"({"event_type":5})"), "_other");
  EXPECT_EQ(type_of(R"({})"), "_other");
}

TEST(JsonReader, LevelsAreReadInAnyFormAndElseAreTheTypesOwn) {
  Bench b;
  const auto level_of = [&](std::string_view text) {
    EXPECT_EQ(b.json(text), Verdict::kAccepted) << text;
    return b.event.level;
  };
  EXPECT_EQ(level_of(R"({"level":"WARNING"})"), Level::kWarn);
  EXPECT_EQ(level_of(R"({"level":"warn"})"), Level::kWarn);
  EXPECT_EQ(level_of(R"({"level":"Debug"})"), Level::kDebug);
  EXPECT_EQ(level_of(R"({"level":"ERROR"})"), Level::kError);
  EXPECT_EQ(level_of(R"({"level":"critical"})"), Level::kCritical);
  EXPECT_EQ(level_of(R"({"level":50})"), Level::kError);
  EXPECT_EQ(level_of(R"({"event_type":"tool_error"})"), Level::kError);
  EXPECT_EQ(level_of(R"({"event_type":"tool_error","level":"info"})"), Level::kInfo);
  EXPECT_EQ(level_of(R"({"event_type":"tool_error","level":"loud"})"), Level::kError);
}

TEST(JsonReader, UnknownKeysAreCountedAndNeverKept) {
  Bench b;
  ASSERT_EQ(b.json(R"({"model":"m","secret_plan":"CANARY","sse":{"nobody":1},"x":{"y":[1,2]}})"),
            Verdict::kAccepted);
  EXPECT_EQ(b.notes.unknown_fields, 3u);
  EXPECT_EQ(b.event.fields.size(), 1u);
}

TEST(JsonReader, WhatTheRecordSaysAboutItsOriginIsNotTaken) {
  Bench b;
  ASSERT_EQ(b.json(R"({"ingested":false})"), Verdict::kAccepted);
  EXPECT_TRUE(b.event.fields.empty());
  ASSERT_EQ(b.line("[METRIC] [u] llm_call ingested=false"), Verdict::kAccepted);
  EXPECT_TRUE(b.get("ingested").is_null());
}

TEST(JsonReader, AKeyGivenTwiceCountsAsGivenLast) {
  Bench b;
  ASSERT_EQ(b.json(R"({"latencyMs":1,"latencyMs":2,"event_type":"error","event_type":"llm_call"})"),
            Verdict::kAccepted);
  EXPECT_EQ(b.get("latency_ms").as_int(), 2);
  EXPECT_EQ(b.type(), "llm_call");
  // The second object takes the first one's place as a whole.
  ASSERT_EQ(b.json(R"({"sse":{"firstTokenMs":1,"stalls":5},"sse":{"firstTokenMs":2}})"),
            Verdict::kAccepted);
  EXPECT_EQ(b.get("first_token_ms").as_int(), 2);
  EXPECT_TRUE(b.get("stalls").is_null());
  ASSERT_EQ(b.json(R"({"sse":{"stalls":5},"sse":null})"), Verdict::kAccepted);
  EXPECT_TRUE(b.get("stalls").is_null());
}

TEST(JsonReader, IntegersPast64BitsAreDoubles) {
  Bench b;
  const auto number = [&](std::string_view digits) {
    EXPECT_EQ(
        b.json(R"({"note":"12345678901234567890123","latencyMs":)" + std::string(digits) + "}"),
        Verdict::kAccepted)
        << digits;
    return b.get("latency_ms");
  };
  EXPECT_EQ(number("9223372036854775807"), event::Value::integer(9223372036854775807));
  EXPECT_EQ(number("9223372036854775808"), event::Value::number(9223372036854775808.0));
  EXPECT_EQ(number("18446744073709551616"), event::Value::number(18446744073709551616.0));
  EXPECT_EQ(number("-9223372036854775809"), event::Value::number(-9223372036854775809.0));
  EXPECT_EQ(number("123456789012345678901234567890"), event::Value::number(1.2345678901234568e29));
  EXPECT_EQ(number("1e-400"), event::Value::number(0));
}

TEST(JsonReader, EachFaultHasItsVerdict) {
  Bench b;
  EXPECT_EQ(b.json(R"({"model":"gpt)"), Verdict::kTruncated);
  EXPECT_EQ(b.json(R"({"sse":{"stalls":1})"), Verdict::kTruncated);
  EXPECT_EQ(b.json(R"({"model" "gpt"})"), Verdict::kBadJson);
  EXPECT_EQ(b.json(R"({"a":1} {"b":2})"), Verdict::kBadJson);
  EXPECT_EQ(b.json(R"({"latencyMs":01})"), Verdict::kBadJson);
  EXPECT_EQ(b.json(R"({"latencyMs":1.})"), Verdict::kBadJson);
  EXPECT_EQ(b.json(R"({"latencyMs":+1})"), Verdict::kBadJson);
  EXPECT_EQ(b.json(""), Verdict::kBadJson);
  EXPECT_EQ(b.json("{\"model\":\"\xff\xfe\"}"), Verdict::kBadUtf8);
  EXPECT_EQ(b.json("{\"unknown\":\"\xc3\"}"), Verdict::kBadUtf8) << "what is not read counts too";
  EXPECT_EQ(b.json(std::string_view("{\"model\":\"a\0b\"}", 15)), Verdict::kNulByte);
  EXPECT_EQ(b.json(R"({"latencyMs":1e400})"), Verdict::kNumberRange);
  EXPECT_EQ(b.json(R"({"x":-1e999})"), Verdict::kNumberRange);
  EXPECT_EQ(b.json("[1,2]"), Verdict::kNotAnObject);
  EXPECT_EQ(b.json("\"text\""), Verdict::kNotAnObject);
  EXPECT_EQ(b.json("42"), Verdict::kNotAnObject);
  EXPECT_EQ(b.json("{\"x\":\"" + std::string(kMaxRecordBytes, 'a') + "\"}"), Verdict::kTooLong);
  EXPECT_EQ(b.json("{\"x\":\"" + std::string(kMaxRecordBytes - 100, 'a') + "\"}"),
            Verdict::kAccepted);
}

TEST(JsonReader, NestingPast64IsRefused) {
  Bench b;
  const auto nested = [](int depth) {
    return "{\"x\":" + std::string(static_cast<std::size_t>(depth - 1), '[') +
           std::string(static_cast<std::size_t>(depth - 1), ']') + "}";
  };
  EXPECT_EQ(b.json(nested(kMaxDepth - 1)), Verdict::kAccepted);
  EXPECT_EQ(b.json(nested(kMaxDepth + 1)), Verdict::kTooDeep);
  EXPECT_EQ(b.json(nested(100'000)), Verdict::kTooDeep);
}

TEST(JsonReader, ARecordWithoutATimeGetsTheAcceptTime) {
  Bench b;
  ASSERT_EQ(b.json("{}"), Verdict::kAccepted);
  EXPECT_EQ(b.event.time_ns, kNow);
  EXPECT_TRUE(b.notes.time_missing);
  ASSERT_EQ(b.json(R"({"ts":"yesterday"})"), Verdict::kAccepted);
  EXPECT_EQ(b.event.time_ns, kNow);
  EXPECT_TRUE(b.notes.time_unreadable);
  EXPECT_FALSE(b.notes.time_missing);
}

TEST(JsonReader, TimesFarAheadOrBeforeTheYear2000AreRefused) {
  Bench b;
  EXPECT_EQ(b.json(R"({"ts":"2025-11-21T05:30:00Z"})"), Verdict::kAccepted) << "50 minutes ahead";
  EXPECT_EQ(b.json(R"({"ts":"2025-11-21T06:00:00Z"})"), Verdict::kFutureTime);
  EXPECT_EQ(b.json(R"({"ts":"2200-01-01T00:00:00Z"})"), Verdict::kFutureTime);
  EXPECT_EQ(b.json(R"({"ts":"1999-12-31T23:59:59Z"})"), Verdict::kAncientTime);
  EXPECT_EQ(b.json(R"({"ts":0})"), Verdict::kAncientTime);
  EXPECT_EQ(b.json(R"({"ts":"2000-01-01T00:00:00Z"})"), Verdict::kAccepted);
}

TEST(Time, IsReadInTheFormsThatLoggersWrite) {
  const Nanos base = 1'755'611'952 * kSecond;  // 2025-08-19T13:59:12Z
  EXPECT_EQ(parse_time("2025-08-19T13:59:12Z"), base);
  EXPECT_EQ(parse_time("2025-08-19T13:59:12.345Z"), base + 345 * kMillisecond);
  EXPECT_EQ(parse_time("2025-08-19T13:59:12.123456789Z"), base + 123'456'789);
  EXPECT_EQ(parse_time("2025-08-19T13:59:12.1234567899Z"), base + 123'456'789);
  EXPECT_EQ(parse_time("2025-08-19T15:59:12+02:00"), base);
  EXPECT_EQ(parse_time("2025-08-19T09:29:12-0430"), base);
  EXPECT_EQ(parse_time("2025-08-19 13:59:12,345"), base + 345 * kMillisecond);
  EXPECT_EQ(parse_time("2025-08-19T13:59Z"), base - 12 * kSecond);
  EXPECT_EQ(parse_time("2024-02-29"), 1'709'164'800 * kSecond);
  EXPECT_EQ(parse_time("2016-12-31T23:59:60Z"), 1'483'228'799 * kSecond);
  for (const auto* bad : {"", "2025", "2025-13-01", "2025-02-29", "2025-08-19T24:00:00Z",
                          "2025-08-19T13:60:00Z", "2025-08-19T13:59:12.Z", "2025-08-19T13:59:12+25",
                          "2025-08-19T13:59:12Zx", "19/Aug/2025", "1500-01-01"}) {
    EXPECT_FALSE(parse_time(bad)) << bad;
  }
}

TEST(Time, OfUnixNumbersShowsItsUnitByItsSize) {
  const Nanos base = 1'755'611'952 * kSecond;
  EXPECT_EQ(unix_time(std::int64_t{1'755'611'952}), base);
  EXPECT_EQ(unix_time(std::int64_t{1'755'611'952'345}), base + 345 * kMillisecond);
  EXPECT_EQ(unix_time(std::int64_t{1'755'611'952'345'678}), base + 345'678'000);
  EXPECT_EQ(unix_time(std::int64_t{1'755'611'952'345'678'901}), base + 345'678'901);
  EXPECT_EQ(unix_time(1'755'611'952.5), base + 500 * kMillisecond);
  EXPECT_FALSE(unix_time(std::int64_t{90'000'000'000}));
  EXPECT_FALSE(unix_time(1e300));
}

std::shared_ptr<const event::Catalogue> keeping_catalogue() {
  auto parsed = event::Catalogue::parse(
      "pack: test\nversion: 1\nfields:\n  model: { kind: text, class: name }\n"
      "  ingested: { kind: bool, class: flag }\n"
      "events:\n  sale: { level: info }\n  call: { level: info }\n"
      "meters:\n  - metric: m\n    type: counter\n    help: h\n"
      "    match: '{ $.seen_by_pattern = 1 }'\n"
      "unknown_fields:\n  - { events: sale, class: category }\n");
  EXPECT_TRUE(parsed.has_value()) << (parsed ? "" : parsed.error().message);
  return parsed ? *parsed : nullptr;
}

TEST(JsonReader, UnknownKeysAreSetAsideWhereAPackHasARuleForThem) {
  Bench b(keeping_catalogue());
  ASSERT_EQ(b.json(R"({"event_type":"sale","model":"m","a":1,"b":"x","a":2,"c":null,"d":{"e":1},)"
                   R"("seen_by_pattern":1})"),
            Verdict::kAccepted);
  ASSERT_EQ(b.event.unknown.size(), 3u);
  EXPECT_EQ(b.event.unknown[0].name, "a");
  EXPECT_EQ(b.event.unknown[0].value.as_int(), 2) << "given last";
  EXPECT_EQ(b.event.unknown[1].value.as_text(), "x");
  EXPECT_EQ(b.event.unknown[2].name, "seen_by_pattern");
  EXPECT_EQ(b.notes.unknown_fields, 3u) << "the first a, null, and what is nested";
  ASSERT_EQ(b.json(R"({"event_type":"call","a":1})"), Verdict::kAccepted);
  EXPECT_TRUE(b.event.unknown.empty());
  EXPECT_EQ(b.notes.unknown_fields, 1u);
}

TEST(JsonReader, OnlySoManyUnknownKeysAreSetAside) {
  Bench b(keeping_catalogue());
  std::string text = R"({"event_type":"sale")";
  for (int i = 0; i < 100; ++i) text += ",\"k" + std::to_string(i) + "\":" + std::to_string(i);
  ASSERT_EQ(b.json(text + "}"), Verdict::kAccepted);
  EXPECT_EQ(b.event.unknown.size(), 64u);
  EXPECT_EQ(b.notes.unknown_fields, 36u);
}

TEST(TextReader, UnknownPairsAreSetAsideAsWhatTheyLookLike) {
  Bench b(keeping_catalogue());
  ASSERT_EQ(
      b.line("[METRIC] [u] sale count=3 share=0.5 gift=True shop=north none=None ingested=true"),
      Verdict::kAccepted);
  ASSERT_EQ(b.event.unknown.size(), 4u);
  EXPECT_EQ(b.event.unknown[0].value.as_int(), 3);
  EXPECT_EQ(b.event.unknown[1].value.as_double(), 0.5);
  EXPECT_TRUE(b.event.unknown[2].value.as_bool());
  EXPECT_EQ(b.event.unknown[3].value.as_text(), "north");
}

}  // namespace
}  // namespace sightglass::codec
