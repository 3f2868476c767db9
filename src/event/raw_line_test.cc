#include "event/raw_line.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "event/event_test_support.h"
#include "event/json_select.h"
#include "event/pattern_node.h"
#include "event/tokens.h"

namespace sightglass::event {
namespace {

Pattern must_pattern(std::string_view text) {
  auto pattern = Pattern::parse(text);
  if (!pattern) {
    ADD_FAILURE() << pattern.error().message;
    std::abort();
  }
  return std::move(*pattern);
}

// With and without the prefilter, which must never lose a match.
bool matches(std::string_view text, std::string_view line) {
  const auto pattern = must_pattern(text);
  RawLine raw;
  raw.set(line);
  const bool out = raw.matches(pattern);
  EXPECT_TRUE(!out || Prefilter(pattern).can_match(line)) << text << "\n" << line;
  EXPECT_EQ(raw.explain(pattern).matches, out);
  return out;
}

std::string event_line(std::string_view type) {
  return R"({"timestamp":"2025-10-06T10:00:00Z","level":"info","event_type":")" +
         std::string(type) + "\"}";
}

// S0-P01 to S0-P12 as printed: hit and near miss of each row.
TEST(RawLine, SeedPatternsHitAndMissOnRawLines) {
  struct Row {
    std::string_view pattern;
    std::vector<std::string_view> hits;
    std::vector<std::string_view> misses;
  };
  const Row rows[] = {
      {R"({ $.event_type = "proxy_session_response" })",
       {"proxy_session_response"},
       {"proxy_session_responses", "proxy_session_closed", ""}},
      {R"({ $.event_type = "proxy_session_closed" })",
       {"proxy_session_closed"},
       {"proxy_session_close_error"}},
      {R"({ $.event_type = "session_retry_start" })",
       {"session_retry_start"},
       {"stream_retry_start"}},
      {R"({ $.event_type = "chat_completion_request_start" })",
       {"chat_completion_request_start"},
       {"chat_completions_start"}},
      {R"({ $.event_type = "stream_completed" })", {"stream_completed"}, {"stream_complete"}},
      {R"({ $.event_type = "chat_completion_success" })",
       {"chat_completion_success"},
       {"Chat_completion_success"}},
      {R"({ $.event_type = "stream_completed" || $.event_type = "chat_completion_success" })",
       {"stream_completed", "chat_completion_success"},
       {"stream_complete"}},
      {R"({ $.event_type = *error* })",
       {"error", "jwt_validation_error", "session_proxy_check_error"},
       {"Error", "err"}},
      {R"({ $.event_type = "session_*_error" })",
       {"session_close_error", "session_open_proxy_error"},
       {"session_error", "x_session_close_error"}},
      {R"({ $.event_type = "proxy_*_error" })", {"proxy_request_error"}, {"stream_proxy_error"}},
      {R"({ $.event_type = "chat_completions_error" || $.event_type = "stream_generator_error" })",
       {"chat_completions_error", "stream_generator_error"},
       {"chat_completions_stream_error"}},
      {R"({ $.event_type = "user_creation" })", {"user_creation"}, {"user_created_from_cognito"}},
  };
  for (const auto& row : rows) {
    for (const auto hit : row.hits) EXPECT_TRUE(matches(row.pattern, event_line(hit))) << hit;
    for (const auto miss : row.misses) EXPECT_FALSE(matches(row.pattern, event_line(miss))) << miss;
    // S0-B05, S0-P01: no event_type, no JSON.
    EXPECT_FALSE(matches(row.pattern, R"({"event":"stream_completed error user_creation"})"));
    EXPECT_FALSE(matches(row.pattern, "stream_completed error proxy_session_response"));
    EXPECT_FALSE(matches(row.pattern, ""));
  }
}

// S0-P13
TEST(RawLine, PresenceWantsAScalar) {
  const auto pattern = R"({ $.event_type = "session_created" && $.user_id = * })";
  const auto line = [](std::string_view rest) {
    return R"({"event_type":"session_created")" + std::string(rest) + "}";
  };
  EXPECT_TRUE(matches(pattern, line(R"(,"user_id":7)")));
  EXPECT_TRUE(matches(pattern, line(R"(,"user_id":"u")")));
  EXPECT_TRUE(matches(pattern, line(R"(,"user_id":false)")));
  EXPECT_FALSE(matches(pattern, line(R"(,"user_id":null)")));
  EXPECT_FALSE(matches(pattern, line(R"(,"user_id":{"id":7})")));
  EXPECT_FALSE(matches(pattern, line("")));
}

TEST(RawLine, SelectorsReachNestedDottedIndexedAndEveryMember) {
  constexpr std::string_view kLine =
      R"({"sse":{"firstTokenMs":620},"a.b":1,"c":{"d.e":2},"list":[[1,2],{"k":"v"},"x",null],)"
      R"("o":{"p":{"q":"r"}}})";
  for (const auto* hit :
       {"{ $.sse.firstTokenMs > 600 }", "{ $.['sse.firstTokenMs'] > 600 }", "{ $.a.b = 1 }",
        "{ $.['a.b'] = 1 }", "{ $.c.d.e = 2 }", "{ $.list[0][1] = 2 }", "{ $.list[1].k = v }",
        "{ $.list[*] = x }", "{ $.list[*].k = v }", "{ $.list[*] IS NULL }", "{ $.* = 1 }",
        "{ $.o.*.q = r }", "{ $.list[3] IS NULL }", "{ $.list[4] NOT EXISTS }",
        "{ $.list NOT EXISTS || $.list != x }", "{ $.sse.x NOT EXISTS }"}) {
    EXPECT_TRUE(matches(hit, kLine)) << hit;
  }
  for (const auto* miss :
       {"{ $.list[*] = y }", "{ $.list[0] = 1 }", "{ $.list[4] = * }", "{ $.sse = * }",
        "{ $.sse IS NULL }", "{ $.sse NOT EXISTS }", "{ $.list[*] NOT EXISTS }",
        "{ $.*.firstTokenMs < 600 }", "{ $[0] = * }", "{ $.firstTokenMs = * }"}) {
    EXPECT_FALSE(matches(miss, kLine)) << miss;
  }
  EXPECT_TRUE(matches("{ $[1] = b && $[*] = a }", R"(["a","b"])"));
}

TEST(RawLine, OddJsonIsReadOrNoMatch) {
  EXPECT_TRUE(matches("{ $.a = 2 }", R"({"a":1,"a":2})")) << "of duplicate keys the last";
  EXPECT_FALSE(matches("{ $.a = 1 }", R"({"a":1,"a":2})"));
  EXPECT_TRUE(matches("{ $.a = 1e30 }", R"({"a":1000000000000000000000000000000,"b":"12"})"))
      << "integers past 64 bits are doubles";
  EXPECT_TRUE(matches("{ $.b = 9223372036854775807 }",
                      R"({"a":99999999999999999999999,"b":9223372036854775807})"))
      << "and leave others exact";
  EXPECT_TRUE(matches("{ $.s = \"1234567890123456789012\" }",
                      R"({"a":99999999999999999999999,"s":"1234567890123456789012"})"));
  EXPECT_TRUE(matches("{ $.a = error }", R"({"a":"\u0065rror"})")) << "escapes hide no word";
  EXPECT_TRUE(matches("{ $.a = *00 }", R"({"a":1e2})")) << "nor do exponents";
  EXPECT_TRUE(matches("{ $.a = x }", "  {\"a\":\"x\"}\r"));
  for (const auto* broken : {R"({"a":"x")", R"({"a":"x"} {)", "{\"a\":\"x\",\"b\":\"\xff\"}",
                             "\"x\"", "x", "[", "{\"a\":\"x\",\"b\":1e999}"}) {
    EXPECT_FALSE(matches("{ $.a = x }", broken)) << broken;
    EXPECT_FALSE(matches("{ $.a != x }", broken)) << broken;
  }
  EXPECT_FALSE(matches("{ $.a = * }", std::string(5000, '[') + std::string(5000, ']')));
  EXPECT_TRUE(matches("", "anything"));
  EXPECT_TRUE(matches("{ $.a = x* }", "{\"a\":\"x" + std::string(1 << 20, 'y') + "\"}"));
}

std::vector<std::string> tokens_of(std::string_view line) {
  std::vector<Token> tokens;
  split_tokens(line, tokens);
  std::vector<std::string> out;
  for (const auto& token : tokens) out.emplace_back(token.text);
  return out;
}

TEST(Tokens, QuotesAndBracketsGroupWhereTheyCloseAtABlank) {
  using Words = std::vector<std::string>;
  EXPECT_EQ(tokens_of("  a b\tc "), (Words{"a", "b", "c"}));
  EXPECT_EQ(tokens_of("[10/Oct 13:55] \"GET / HTTP\" 200\r"),
            (Words{"10/Oct 13:55", "GET / HTTP", "200"}));
  EXPECT_EQ(tokens_of("[METRIC] [u@example.com] llm_call k=v"),
            (Words{"METRIC", "u@example.com", "llm_call", "k=v"}));
  EXPECT_EQ(tokens_of("[ERROR]: x"), (Words{"[ERROR]:", "x"})) << "not closed at a blank";
  EXPECT_EQ(tokens_of("\"open x"), (Words{"\"open", "x"}));
  EXPECT_EQ(tokens_of(R"("a \" b" c)"), (Words{R"(a \" b)", "c"}));
  EXPECT_EQ(tokens_of("\"\" [] x=\"a b\""), (Words{"", "", "x=\"a", "b\""}));
  EXPECT_EQ(tokens_of(""), Words());
  EXPECT_EQ(tokens_of("\r"), Words());
}

// A line of half a million opening quotes would take hours if each were searched to the end.
TEST(Tokens, UnclosedGroupsCostNoMoreThanOneSearch) {
  std::string line;
  while (line.size() < (1u << 20)) line += "\"a [b ";
  EXPECT_EQ(tokens_of(line).size(), 2 * (line.size() / 6));
}

constexpr std::string_view kAccess =
    R"(127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534)";

TEST(RawLine, DelimitedPatternsNameTheTokens) {
  for (const auto* hit :
       {"[ip, id, user, time, request, status = 4*, bytes]",
        "[ip, id, user, time, request = GET*, status_code = 404 || status_code = 410, bytes]",
        "[..., status >= 400 && status < 500, bytes > 1000]", "[ip = 127.*, ...]",
        "[ip, ..., bytes = 1534]", "[ip, rest]", "[line]", "[...]", "[..., a, b, c, d, e, f, g]",
        "[ip, id, user, time, request = %\\.html HTTP/1\\.\\d$%, ...]",
        "[ip, id, user, time = \"10/Oct/*\", ...]", "[ip, (id = \"-\" || id = x), ...]"}) {
    EXPECT_TRUE(matches(hit, kAccess)) << hit;
  }
  for (const auto* miss :
       {"[ip, id, user, time, request, status = 5*, bytes]",
        "[ip, id, user, time, request, status, bytes, more]", "[ip, id = \"-\"]",
        "[..., status = 4*]", "[..., a, b, c, d, e, f, g, h]", "[time = \"[10*\", ...]"}) {
    EXPECT_FALSE(matches(miss, kAccess)) << miss;
  }
  // The user guide's own example: a last field without a condition takes what is left.
  EXPECT_TRUE(matches("[w1 = ERROR, w2]", "ERROR there went something very wrong"));
  EXPECT_FALSE(matches("[w1 = ERROR, w2]", "ERROR"));
  // Seed 001's line.
  EXPECT_TRUE(matches("[tag = METRIC, user, event = llm_call, ...]",
                      "[METRIC] [user@example.com] llm_call model=gpt-4"));
  EXPECT_TRUE(matches("[tag = METRIC, user, event = llm_call, ...]", "[METRIC] [u] llm_call"));
  EXPECT_FALSE(matches("[a]", "   "));
}

TEST(RawLine, TermsAreAllThereUnlessTheyAreOptionalOrExcluded) {
  struct Row {
    const char* pattern;
    const char* line;
    bool matches;
  };
  const Row rows[] = {
      {"ERROR", "[ERROR 400] BAD REQUEST", true},
      {"ERROR", "error", false},
      {"ERROR ARGUMENTS", "ERROR: INVALID ARGUMENTS", true},
      {"ERROR ARGUMENTS", "ERROR", false},
      {"\"INTERNAL SERVER ERROR\"", "500 INTERNAL SERVER ERROR", true},
      {"\"INTERNAL SERVER ERROR\"", "SERVER ERROR INTERNAL", false},
      {"ERROR -EXITING", "ERROR here", true},
      {"ERROR -EXITING", "ERROR EXITING", false},
      {"-EXITING", "fine", true},
      {"-\"is fine\"", "all is fine", false},
      {"?ERROR ?WARN", "WARN", true},
      {"?ERROR ?WARN", "INFO", false},
      {"?ERROR ?ARGUMENTS REQUEST", "REQUEST", true},
      {"?ERROR ?ARGUMENTS REQUEST", "ERROR", false},
      {"?ERROR -WARN", "INFO", true},
      {"%ERR\\w+ [0-9]+%", "an ERROR 42", true},
      {"%ERR\\w+ [0-9]+%", "an ERROR x", false},
      {"-%[0-9]% a", "abc", true},
      {"-%[0-9]% a", "abc1", false},
      {"?%^a% ?b", "xb", true},
      {"\" \"", "anything", true},
      {"\" \"", "", true},
      {"this or that", "this that", false},
      {"this or that", "this or that", true},
      {R"("a \"quoted\" \\ *")", R"(a "quoted" \ *)", true},
      {"50%", "50% done", true},
      {"user@example.com", "{\"user\":\"user@example.com\"}", true},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(matches(row.pattern, row.line), row.matches) << row.pattern << " on " << row.line;
  }
}

std::string explained(std::string_view text, std::string_view line) {
  RawLine raw;
  raw.set(line);
  const auto explanation = raw.explain(must_pattern(text));
  std::string out = explanation.matches ? "match" : "no match";
  if (!explanation.why_not.empty()) out += ", " + explanation.why_not;
  for (const auto& verdict : explanation.conditions) {
    out += (verdict.holds ? "\nyes " : "\nno ") + verdict.condition + " saw " + verdict.seen;
  }
  return out;
}

TEST(RawLine, ExplainSaysWhichConditionFailedAndWhatItSaw) {
  EXPECT_EQ(explained("{ $.event_type = \"session_created\" && $.user_id = * }",
                      R"({"event_type":"session_created"})"),
            "no match\nyes $.event_type = \"session_created\" saw \"session_created\"\n"
            "no $.user_id = \"*\" saw nothing");
  EXPECT_EQ(explained("{ $.a[*] = b }", R"({"a":["x",{"y":null}]})"),
            "no match\nno $.a[*] = \"b\" saw \"x\", {\"y\":null}");
  EXPECT_EQ(explained("{ $.a = 1 }", "plain"), "no match, the line holds no JSON object or array");
  EXPECT_EQ(explained("[a, b = 4* || b = 5*, c]", "x 300 z"),
            "no match\nno b = \"4*\" saw \"300\"\nno b = \"5*\" saw \"300\"");
  EXPECT_EQ(explained("[a, b, c]", "x y"),
            "no match, the line has 2 fields, the pattern wants at least 3");
  EXPECT_EQ(explained("[a, b = 1]", "x 1 z"),
            "no match, the line has 3 fields, the pattern wants exactly 2");
  EXPECT_EQ(explained("a -b ?c", "ab"),
            "no match\nyes \"a\" saw found\nno -\"b\" saw found\n"
            "yes ?\"c\" saw ignored, since terms without ? stand beside it");
  EXPECT_LT(explained("{ $.a = 1 }", "{\"a\":\"" + std::string(9000, 'x') + "\"}").size(), 400u);
}

std::string extracted(std::string_view text, std::string_view line) {
  RawLine raw;
  raw.set(line);
  std::vector<Extracted> values;
  raw.extract(must_pattern(text), values);
  std::string out;
  for (const auto& value : values) out += value.name + " " + value.json + " " + value.text + "\n";
  return out;
}

TEST(RawLine, ExtractGivesWhatThePatternNames) {
  EXPECT_EQ(extracted("[ip, id, user, time, request, status, bytes]", kAccess),
            "ip \"127.0.0.1\" 127.0.0.1\nid \"-\" -\nuser \"frank\" frank\n"
            "time \"10/Oct/2000:13:25:15 -0700\" 10/Oct/2000:13:25:15 -0700\n"
            "request \"GET /index.html HTTP/1.0\" GET /index.html HTTP/1.0\n"
            "status \"404\" 404\nbytes \"1534\" 1534\n");
  EXPECT_EQ(extracted("[tag, ..., last]", "a b c"), "tag \"a\" a\nlast \"c\" c\n");
  EXPECT_EQ(extracted("[tag, rest]", "a [b c] \"d\"  "),
            "tag \"a\" a\nrest \"[b c] \\\"d\\\"\" [b c] \"d\"\n")
      << "what is left, as it is written";
  EXPECT_EQ(extracted("{ $.a = 1 && $.b[*] = * && $.c = * && $.a != 2 }",
                      R"({"a":1,"b":["x",2],"c":"y"})"),
            "$.a 1 1\n$.b[*] [\"x\",2] [\"x\",2]\n$.c \"y\" y\n");
  EXPECT_EQ(extracted("{ $.none NOT EXISTS }", "{}"), "$.none null null\n");
}

TEST(Prefilter, KnowsAWordWhereThereIsOne) {
  const auto needles = [](std::string_view text) {
    return Prefilter(must_pattern(text)).needles();
  };
  using Words = std::vector<std::string>;
  EXPECT_EQ(needles("{ $.a = \"session_*_error\" }"), Words{"session_"});
  EXPECT_EQ(needles("{ $.a = x && $.b = longer }"), Words{"longer"});
  EXPECT_EQ(needles("{ $.a = x || $.b = y }"), (Words{"x", "y"}));
  EXPECT_EQ(needles("{ $.a = x || $.b = * }"), Words());
  EXPECT_EQ(needles("{ $.a = 404 }"), Words()) << "4.04e2";
  EXPECT_EQ(needles("{ $.a != x }"), Words());
  EXPECT_EQ(needles("{ $.a = \"a\\\"b\" }"), Words()) << "escaped in JSON";
  EXPECT_EQ(needles("[a, b = 40*]"), Words{"40"});
  EXPECT_EQ(needles("[a, b = 404]"), Words());
  EXPECT_EQ(needles("one three -seven"), Words{"three"});
  EXPECT_EQ(needles("?a ?b"), (Words{"a", "b"}));
  EXPECT_EQ(needles("?a ?%b%"), Words());
}

// The raw evaluator against the catalogue's: what a reader of records does, done the slow way.
TEST(RawLine, AgreesWithThePlanOverWhatTheCatalogueAsksFor) {
  constexpr std::string_view kConditions[] = {
      "$.s = a*",         "$.s != ab",         "$.n > 1",     "$.n = 2",      "$.o.p = x",
      "$.o.p NOT EXISTS", "$.s IS NULL",       "$.b IS TRUE", "$.l[0] = a",   "$.l[*] = %^b%",
      "$.l[*] != a",      "$.l[*] NOT EXISTS", "$.* = 2",     "$.l[1].p = x", "$.undeclared = *",
      "$.s = %[ab]{2}%",  "$.o IS NULL"};
  constexpr std::string_view kValues[] = {"\"a\"",
                                          "\"ab\"",
                                          "2",
                                          "2.0",
                                          "null",
                                          "true",
                                          "false",
                                          "{\"p\":\"x\"}",
                                          "[\"a\",\"b\"]",
                                          "[]",
                                          "[1,{\"p\":\"x\"}]"};
  constexpr std::string_view kKeys[] = {"s", "n", "o", "b", "l", "undeclared", "o.p"};
  SeededRandom random(11);
  std::string pack =
      "pack: p\nversion: 1\nfields:\n  s: { kind: any, class: content }\n"
      "  n: { kind: any, class: content }\n  b: { kind: any, class: content }\n"
      "  op: { kind: any, class: content, aliases: [o.p] }\nmeters:\n";
  for (int i = 0; i < 60; ++i) {
    std::string match(kConditions[random.below(std::size(kConditions))]);
    for (auto n = random.below(3); n > 0; --n) {
      match.append(random.below(2) == 0 ? " && " : " || ");
      match += kConditions[random.below(std::size(kConditions))];
    }
    pack += "  - { metric: m" + std::to_string(i) + ", type: counter, help: h, match: '{ " + match +
            " }' }\n";
  }
  const auto catalogue = must_parse(pack);
  auto plan = MatchPlan::compile(catalogue);
  ASSERT_TRUE(plan) << plan.error().message;
  std::vector<Pattern> patterns;
  for (const auto& meter : catalogue->meters()) patterns.push_back(must_pattern(meter.match));
  MatchPlan::Scratch scratch;
  simdjson::dom::parser parser;
  RawLine raw;
  std::size_t hits = 0;
  for (int round = 0; round < 2'000; ++round) {
    std::string line = "{";
    for (auto n = random.below(6); n > 0; --n) {
      line.append(line.size() > 1 ? "," : "").append("\"");
      line.append(kKeys[random.below(std::size(kKeys))]).append("\":");
      line += kValues[random.below(std::size(kValues))];
    }
    line += "}";
    const simdjson::padded_string padded(line);
    simdjson::dom::element root;
    ASSERT_EQ(parser.parse(padded).get(root), simdjson::SUCCESS);
    Event event;
    const auto give = [&](FieldId id, const Selector& selector) {
      select(root, selector.steps(), [&](const simdjson::dom::element& element) {
        event.fields.push_back({id, value_of(element)});
        return true;
      });
    };
    for (std::size_t i = 0; i < catalogue->fields().size(); ++i) {
      Selector selector;
      const auto& field = catalogue->fields()[i];
      selector.add_key(field.aliases.empty() ? field.name : field.aliases[0]);
      give(static_cast<FieldId>(i), selector);
    }
    for (std::size_t i = 0; i < catalogue->match_only().size(); ++i) {
      give(static_cast<FieldId>(catalogue->fields().size() + i),
           catalogue->match_only()[i].selector);
    }
    (*plan)->match(event, scratch);
    raw.set(line);
    std::vector<MeterId> actual;
    for (const auto& hit : event.meters) actual.push_back(hit.meter);
    std::vector<MeterId> expected;
    for (std::size_t m = 0; m < patterns.size(); ++m) {
      if (raw.matches(patterns[m])) expected.push_back(static_cast<MeterId>(m));
    }
    ASSERT_EQ(actual, expected) << line;
    hits += expected.size();
  }
  EXPECT_GT(hits, 10'000u);
}

}  // namespace
}  // namespace sightglass::event
