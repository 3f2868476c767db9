// Activity lines as the seed prints them, and what else stands in an application's log.
#include "codec/text_reader.h"

#include "codec/codec_test_support.h"

namespace sightglass::codec {
namespace {

// S1-F02 to S1-F08, E01 to E06: every printed line.
TEST(TextReader, EveryPrintedActivityLineIsItsEvent) {
  Bench b;
  const auto read = [&](std::string_view line) {
    EXPECT_EQ(b.line(line), Verdict::kAccepted) << line;
    EXPECT_EQ(b.notes.unknown_fields, 0u) << line;
    EXPECT_EQ(b.get("user").as_text(), "user@example.com") << line;
    return b.type();
  };
  EXPECT_EQ(read("[METRIC] [user@example.com] llm_call model=gpt-4 message_count=5"), "llm_call");
  EXPECT_EQ(b.get("model").as_text(), "gpt-4");
  EXPECT_EQ(b.get("message_count"), event::Value::integer(5));
  EXPECT_EQ(read("[METRIC] [user@example.com] tool_call tool_name=calculator"), "tool_call");
  EXPECT_EQ(b.get("tool_name").as_text(), "calculator");
  EXPECT_EQ(read("[METRIC] [user@example.com] file_upload file_size=1024 "
                 "content_type=application/pdf"),
            "file_upload");
  EXPECT_EQ(b.get("file_size"), event::Value::integer(1024));
  EXPECT_EQ(b.get("content_type").as_text(), "application/pdf");
  EXPECT_EQ(read("[METRIC] [user@example.com] error error_type=rate_limit"), "error");
  EXPECT_EQ(b.get("error_type").as_text(), "rate_limit");
  EXPECT_EQ(b.event.level, Level::kError);
  EXPECT_EQ(read("[METRIC] [user@example.com] llm_call model=gpt-4 message_count=5 tool_count=2"),
            "llm_call");
  EXPECT_EQ(b.get("tool_count"), event::Value::integer(2));
  EXPECT_EQ(read("[METRIC] [user@example.com] tool_error tool_name=file_reader"), "tool_error");
  EXPECT_EQ(read("[METRIC] [user@example.com] file_stored file_size=2048 content_type=image/png "
                 "category=uploads"),
            "file_stored");
  EXPECT_EQ(b.get("category").as_text(), "uploads");
}

// S1-F01, S1-F15.
TEST(TextReader, AValueRunsToTheNextKey) {
  Bench b;
  ASSERT_EQ(b.line("[METRIC] [u] file_upload content_type=text/plain; charset=utf-8 file_size=3"),
            Verdict::kAccepted);
  EXPECT_EQ(b.get("content_type").as_text(), "text/plain; charset=utf-8");
  EXPECT_EQ(b.get("file_size").as_int(), 3);
  ASSERT_EQ(b.line("[METRIC] [u] file_upload content_type=text/plain; file_size=3"),
            Verdict::kAccepted);
  EXPECT_EQ(b.get("content_type").as_text(), "text/plain;");
  ASSERT_EQ(b.line("[METRIC] [u] tool_call tool_name=a b c == d file_size=3"), Verdict::kAccepted);
  EXPECT_EQ(b.get("tool_name").as_text(), "a b c == d");
  EXPECT_EQ(b.get("file_size").as_int(), 3);
}

TEST(TextReader, TheStrictFormQuotes) {
  Bench b;
  ASSERT_EQ(b.line(R"([METRIC] [u] tool_call tool_name="a b=c \"d\" \\" category="" file_size=3)"),
            Verdict::kAccepted);
  EXPECT_EQ(b.get("tool_name").as_text(), R"(a b=c "d" \)");
  EXPECT_EQ(b.get("category"), event::Value::text(""));
  EXPECT_EQ(b.get("file_size").as_int(), 3);
  ASSERT_EQ(b.line(R"([METRIC] [u] tool_call tool_name="never closed)"), Verdict::kAccepted);
  EXPECT_EQ(b.get("tool_name").as_text(), "\"never closed");
}

// S1-B12.
TEST(TextReader, AMissingUserIsUnknown) {
  Bench b;
  for (const auto* user : {"unknown", "", " ", "None", "null"}) {
    ASSERT_EQ(b.line("[METRIC] [" + std::string(user) + "] llm_call"), Verdict::kAccepted) << user;
    EXPECT_EQ(b.get("user").as_text(), "unknown") << user;
  }
}

TEST(TextReader, ValuesBecomeWhatTheirFieldHolds) {
  Bench b;
  ASSERT_EQ(b.line("[METRIC] [u] llm_call model=4 cost_cents=2.1 streaming=True message_count=None "
                   "tool_count=many"),
            Verdict::kAccepted);
  EXPECT_EQ(b.get("model"), event::Value::text("4"));
  EXPECT_EQ(b.get("cost_cents"), event::Value::number(2.1));
  EXPECT_EQ(b.get("streaming"), event::Value::boolean(true));
  EXPECT_TRUE(b.get("message_count").is_null());
  EXPECT_EQ(b.get("tool_count"), event::Value::text("many")) << "for the door to refuse";
}

// S1-R01 to R05: a pair that no pack knows.
TEST(TextReader, PairsThatNoPackKnowsAreCountedAndNeverKept) {
  Bench b;
  ASSERT_EQ(b.line("[METRIC] [u] llm_call prompt=CANARY of many words model=gpt-4 file_name=x"),
            Verdict::kAccepted);
  EXPECT_EQ(b.notes.unknown_fields, 2u);
  EXPECT_EQ(b.get("model").as_text(), "gpt-4");
  EXPECT_EQ(b.event.fields.size(), 2u) << "user and model";
}

TEST(TextReader, ALoggersPrefixGivesTheTime) {
  Bench b;
  ASSERT_EQ(b.line("2025-11-20 12:00:00,250 INFO root: [METRIC] [u] llm_call model=gpt-4"),
            Verdict::kAccepted);
  EXPECT_EQ(b.event.time_ns, 1'763'640'000'250 * kMillisecond);
  EXPECT_FALSE(b.notes.time_missing);
  ASSERT_EQ(b.line("INFO:root:[METRIC] [u] llm_call"), Verdict::kAccepted);
  EXPECT_TRUE(b.notes.time_missing);
  EXPECT_EQ(b.line("1990-11-20 12:00:00 [METRIC] [u] llm_call"), Verdict::kAncientTime);
}

TEST(TextReader, JsonInMixedTextIsRead) {
  Bench b;
  ASSERT_EQ(b.line(R"({"event_type":"llm_call","model":"m"})"), Verdict::kAccepted);
  ASSERT_EQ(b.line(R"(INFO:app: {"event_type":"tool_call","tool_name":"t"})"), Verdict::kAccepted);
  EXPECT_EQ(b.type(), "tool_call");
  EXPECT_EQ(b.get("tool_name").as_text(), "t");
}

TEST(TextReader, OtherTextIsNotAnEvent) {
  Bench b;
  for (const auto* text :
       {"hello", "", "GET / 200", "[METRIC] llm_call model=m", "[METRIC] [u]", "[METRIC] [u] ",
        "[METRIC] [u] two words", "[METRIC] [u llm_call", "set {a, b}", "[METRIC] [u] a,b x=1"}) {
    EXPECT_EQ(b.line(text), Verdict::kNotAnEvent) << text;
  }
  EXPECT_EQ(b.line("[METRIC] [u] llm_call model=\xff"), Verdict::kBadUtf8);
  EXPECT_EQ(b.line(std::string_view("[METRIC] [u] llm_call model=a\0", 30)), Verdict::kNulByte);
  EXPECT_EQ(b.line(R"({"event_type":"llm)"), Verdict::kTruncated) << "JSON keeps its own verdicts";
}

}  // namespace
}  // namespace sightglass::codec
