#include "event/pattern.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "base/text.h"
#include "event/event_test_support.h"
#include "event/pattern_node.h"

namespace sightglass::event {
namespace {

constexpr std::string_view kPack = R"(
pack: test
version: 1
fields:
  x: { kind: any, class: content, aliases: [sse.firstTokenMs] }
  y: { kind: any, class: free_text, aliases: [cluster.name] }
  user_id: { kind: text, class: identifier, identifier: u }
  outcome: { kind: text, class: type, values: [ok, error] }
  n: { kind: int, class: count }
events:
  proxy_session_response: {}
  stream_completed: {}
  chat_completion_success: {}
  error: {}
  jwt_validation_error: {}
  Error: {}
  session_close_error: {}
  session_open_proxy_error: {}
  session_error: {}
  x_session_close_error: {}
  proxy_request_error: {}
  stream_proxy_error: {}
  session_created: {}
)";

class PatternTest : public ::testing::Test {
 protected:
  PatternTest() : catalogue_(must_parse(kPack)) {}

  bool matches(std::string_view text, const Event& event) {
    const auto pattern = Pattern::parse(text);
    if (!pattern) {
      ADD_FAILURE() << pattern.error().message;
      return false;
    }
    return pattern->matches(*catalogue_, event);
  }
  // An event whose field x is `value`; with a null: an explicit one.
  Event with_x(Value value) const {
    Event event;
    event.fields = {{catalogue_->field("x"), value}};
    return event;
  }
  bool holds_for(std::string_view condition, Value value) {
    return matches("{ $.x " + std::string(condition) + " }", with_x(value));
  }
  bool holds_without(std::string_view condition) {
    return matches("{ $.x " + std::string(condition) + " }", Event());
  }
  Event of_type(std::string_view name) const {
    Event event;
    event.type = catalogue_->event_type(name);
    EXPECT_NE(event.type, kOtherEvent) << name;
    return event;
  }
  static std::string error_of(std::string_view text) {
    const auto pattern = Pattern::parse(text);
    return pattern ? "no error" : pattern.error().message;
  }

  std::shared_ptr<const Catalogue> catalogue_;
};

// S0-P01 to S0-P13: the seed's patterns, each with a hit and a miss.
TEST_F(PatternTest, SeedPatternsHitAndMissAsPrinted) {
  const auto one = "{ $.event_type = \"proxy_session_response\" }";
  EXPECT_TRUE(matches(one, of_type("proxy_session_response")));
  EXPECT_FALSE(matches(one, of_type("stream_completed")));
  const auto either =
      "{ $.event_type = \"stream_completed\" || $.event_type = \"chat_completion_success\" }";
  EXPECT_TRUE(matches(either, of_type("stream_completed")));
  EXPECT_TRUE(matches(either, of_type("chat_completion_success")));
  EXPECT_FALSE(matches(either, of_type("session_created")));
  const auto any_error = "{ $.event_type = *error* }";
  EXPECT_TRUE(matches(any_error, of_type("error")));
  EXPECT_TRUE(matches(any_error, of_type("jwt_validation_error")));
  EXPECT_FALSE(matches(any_error, of_type("Error")));
  const auto session = "{ $.event_type = \"session_*_error\" }";
  EXPECT_TRUE(matches(session, of_type("session_close_error")));
  EXPECT_TRUE(matches(session, of_type("session_open_proxy_error")));
  EXPECT_FALSE(matches(session, of_type("session_error"))) << "needs both underscores";
  EXPECT_FALSE(matches(session, of_type("x_session_close_error")));
  const auto proxy = "{ $.event_type = \"proxy_*_error\" }";
  EXPECT_TRUE(matches(proxy, of_type("proxy_request_error")));
  EXPECT_FALSE(matches(proxy, of_type("stream_proxy_error")));
}

// S0-P13
TEST_F(PatternTest, PresenceHoldsForAnyScalarButNotForNullOrAbsence) {
  const auto pattern = "{ $.event_type = \"session_created\" && $.user_id = * }";
  auto event = of_type("session_created");
  EXPECT_FALSE(matches(pattern, event));
  event.fields = {{catalogue_->field("user_id"), Value::integer(7)}};
  EXPECT_TRUE(matches(pattern, event));
  event.fields[0].value = Value::text("u");
  EXPECT_TRUE(matches(pattern, event));
  event.fields[0].value = Value();
  EXPECT_FALSE(matches(pattern, event));
  for (const auto* any : {"= *", "= \"*\"", "= **"}) {
    EXPECT_TRUE(holds_for(any, Value::text(""))) << any;
    EXPECT_TRUE(holds_for(any, Value::integer(0))) << any;
    EXPECT_TRUE(holds_for(any, Value::number(0.5))) << any;
    EXPECT_TRUE(holds_for(any, Value::boolean(false))) << any;
    EXPECT_FALSE(holds_for(any, Value())) << any;
    EXPECT_FALSE(holds_without(any)) << any;
  }
}

TEST_F(PatternTest, NotEqualIsTheComplementOfEqualAlways) {
  const Value values[] = {Value(),          Value::integer(4),  Value::number(4.5),
                          Value::text("4"), Value::text("abc"), Value::boolean(true)};
  for (const auto* literal : {"4", "\"4\"", "abc", "a*", "*", "true", "4.5", "\"\""}) {
    const std::string word(literal);
    for (const auto& value : values) {
      EXPECT_NE(holds_for("= " + word, value), holds_for("!= " + word, value)) << word;
    }
    EXPECT_FALSE(holds_without("= " + word)) << word;
    EXPECT_TRUE(holds_without("!= " + word)) << word;
  }
}

TEST_F(PatternTest, EqualityComparesNumbersAsNumbersAndTextsAsTexts) {
  EXPECT_TRUE(holds_for("= 404", Value::integer(404)));
  EXPECT_TRUE(holds_for("= 404", Value::number(404.0)));
  EXPECT_TRUE(holds_for("= 404", Value::text("404")));
  EXPECT_TRUE(holds_for("= 404", Value::text("4.04e2"))) << "both read as numbers";
  EXPECT_FALSE(holds_for("= 404", Value::text("404 Not Found")));
  EXPECT_TRUE(holds_for("= \"404\"", Value::integer(404)));
  EXPECT_TRUE(holds_for("= \"404\"", Value::text("404")));
  EXPECT_FALSE(holds_for("= \"404\"", Value::text("404.0"))) << "a quoted literal against text";
  EXPECT_TRUE(holds_for("= 4.5e1", Value::integer(45)));
  EXPECT_TRUE(holds_for("= -7", Value::integer(-7)));
  EXPECT_TRUE(holds_for("= +7", Value::integer(7)));
  EXPECT_TRUE(holds_for("= 9223372036854775807", Value::integer(INT64_MAX)));
  EXPECT_FALSE(holds_for("= 9223372036854775806", Value::integer(INT64_MAX)));
  EXPECT_FALSE(holds_for("= abc", Value::text("ABC"))) << "case matters";
  EXPECT_TRUE(holds_for("= \"\"", Value::text("")));
  EXPECT_FALSE(holds_for("= 404", Value::boolean(true)));
  EXPECT_FALSE(holds_for("= 0x10", Value::integer(16)));
  EXPECT_FALSE(holds_for("= abc", Value::integer(1)));
}

// S0-E24
TEST_F(PatternTest, FlagsAreTrueAndFalseOrTheirWords) {
  EXPECT_TRUE(holds_for("= true", Value::boolean(true)));
  EXPECT_TRUE(holds_for("= \"true\"", Value::boolean(true)));
  EXPECT_TRUE(holds_for("= t*", Value::boolean(true)));
  EXPECT_FALSE(holds_for("= true", Value::boolean(false)));
  EXPECT_FALSE(holds_for("= 1", Value::boolean(true)));
  EXPECT_TRUE(holds_for("IS TRUE", Value::boolean(true)));
  EXPECT_FALSE(holds_for("IS TRUE", Value::boolean(false)));
  EXPECT_TRUE(holds_for("IS FALSE", Value::boolean(false)));
  EXPECT_FALSE(holds_for("IS TRUE", Value::text("true")));
  EXPECT_TRUE(holds_for("= true", Value::text("true")));
  EXPECT_FALSE(holds_without("IS TRUE"));
  EXPECT_FALSE(holds_without("IS FALSE"));
}

TEST_F(PatternTest, NullIsPresentAndIsNull) {
  EXPECT_TRUE(holds_for("IS NULL", Value()));
  EXPECT_FALSE(holds_for("NOT EXISTS", Value()));
  EXPECT_FALSE(holds_without("IS NULL"));
  EXPECT_TRUE(holds_without("NOT EXISTS"));
  EXPECT_FALSE(holds_for("IS NULL", Value::text("null")));
  EXPECT_FALSE(holds_for("NOT EXISTS", Value::text("")));
}

TEST_F(PatternTest, OrderComparesNumbersOnly) {
  EXPECT_TRUE(holds_for("> 600", Value::integer(601)));
  EXPECT_FALSE(holds_for("> 600", Value::integer(600)));
  EXPECT_TRUE(holds_for(">= 600", Value::integer(600)));
  EXPECT_TRUE(holds_for("< 1e-3", Value::number(0.0009)));
  EXPECT_TRUE(holds_for("<= -1.5", Value::number(-1.5)));
  EXPECT_TRUE(holds_for("> 600", Value::text("601"))) << "text that reads as a number";
  EXPECT_FALSE(holds_for("> 600", Value::text("many")));
  EXPECT_FALSE(holds_for("> 0", Value::boolean(true)));
  EXPECT_FALSE(holds_for("> 0", Value()));
  EXPECT_FALSE(holds_for("<= 1", Value::number(__builtin_nan(""))));
  EXPECT_FALSE(holds_for("> 1", Value::number(__builtin_nan(""))));
  EXPECT_FALSE(holds_without("< 600"));
  EXPECT_TRUE(holds_for("< 9223372036854775807", Value::integer(INT64_MAX - 1)))
      << "past 2^53 as well";
}

TEST_F(PatternTest, WildcardsStandForAnyRunAlsoInQuotesAndForNumbers) {
  EXPECT_TRUE(holds_for("= *error*", Value::text("an error here")));
  EXPECT_TRUE(holds_for("= \"*error*\"", Value::text("error")));
  EXPECT_TRUE(holds_for("= a*b*c", Value::text("axxbyyc")));
  EXPECT_TRUE(holds_for("= a*b*c", Value::text("abc")));
  EXPECT_FALSE(holds_for("= a*b*c", Value::text("acb")));
  EXPECT_FALSE(holds_for("= ab*ba", Value::text("aba"))) << "prefix and suffix do not overlap";
  EXPECT_TRUE(holds_for("= 4*", Value::integer(404)));
  EXPECT_FALSE(holds_for("= 5*", Value::integer(404)));
  EXPECT_TRUE(holds_for("= *.5", Value::number(2.5)));
  EXPECT_TRUE(holds_for("= 123.123.*", Value::text("123.123.0.1")));
}

// The oracle is base's glob_match, which shares no code.
TEST_F(PatternTest, WildcardsAgreeWithShellMatching) {
  SeededRandom random(5);
  const auto make = [&](std::string_view alphabet, std::size_t size) {
    std::string out;
    while (out.size() < size) out += alphabet[random.below(alphabet.size())];
    return out;
  };
  int hits = 0;
  for (int i = 0; i < 20'000; ++i) {
    const auto pattern = make("ab*", 1 + random.below(7));
    const auto text = make("ab", random.below(9));
    if (!pattern.contains('*')) continue;
    const bool expected = glob_match(pattern, text, false);
    ASSERT_EQ(holds_for("= \"" + pattern + "\"", Value::text(text)), expected)
        << pattern << " " << text;
    hits += expected;
  }
  EXPECT_GT(hits, 1000);
}

TEST_F(PatternTest, BackslashMakesQuoteBackslashAndStarPlain) {
  EXPECT_TRUE(holds_for(R"(= "a\*b")", Value::text("a*b")));
  EXPECT_FALSE(holds_for(R"(= "a\*b")", Value::text("axb")));
  EXPECT_TRUE(holds_for(R"(= "a\"b")", Value::text("a\"b")));
  EXPECT_TRUE(holds_for(R"(= "a\\b")", Value::text("a\\b")));
  EXPECT_TRUE(holds_for(R"(= "C:\new")", Value::text("C:\\new")));
}

TEST_F(PatternTest, AndBindsBeforeOrAndBracketsGroup) {
  const auto event = [&](bool a, bool b) {
    Event e;
    e.fields = {{catalogue_->field("x"), Value::boolean(a)},
                {catalogue_->field("y"), Value::boolean(b)}};
    return e;
  };
  const auto loose = "{ $.x IS TRUE || $.y IS TRUE && $.y IS FALSE }";
  EXPECT_TRUE(matches(loose, event(true, false)));
  EXPECT_FALSE(matches(loose, event(false, true)));
  const auto grouped = "{ ($.x IS TRUE || $.y IS TRUE) && $.y IS FALSE }";
  EXPECT_TRUE(matches(grouped, event(true, false)));
  EXPECT_FALSE(matches(grouped, event(true, true)));
}

// S3-J01 names $.sse.firstTokenMs.
TEST_F(PatternTest, SelectorsReachNamesAliasesPathsAndQuotedKeys) {
  const auto event = with_x(Value::integer(620));
  EXPECT_TRUE(matches("{ $.sse.firstTokenMs > 600 }", event));
  EXPECT_TRUE(matches("{ $.['sse.firstTokenMs'] > 600 }", event));
  EXPECT_TRUE(matches("{ $['sse']['firstTokenMs'] > 600 }", event));
  EXPECT_FALSE(matches("{ $.['cluster.name'] = * }", event));
}

TEST_F(PatternTest, EventTypeAndLevelCanBeSelected) {
  auto event = of_type("stream_completed");
  event.level = Level::kWarn;
  EXPECT_TRUE(matches("{ $.level = warn && $.event_type = stream_* }", event));
  EXPECT_FALSE(matches("{ $.level = error }", event));
  Event other;
  EXPECT_TRUE(matches("{ $.event_type = \"_other\" }", other));
}

TEST_F(PatternTest, EmptyPatternMatchesEverything) {
  EXPECT_TRUE(matches("", Event()));
  EXPECT_TRUE(matches("  \n ", Event()));
}

TEST_F(PatternTest, OfAFieldGivenTwiceTheLastCounts) {
  auto event = with_x(Value::integer(1));
  event.fields.push_back({catalogue_->field("x"), Value::integer(2)});
  EXPECT_TRUE(matches("{ $.x = 2 }", event));
  EXPECT_FALSE(matches("{ $.x = 1 }", event));
}

// A typing mistake must not count everything.
TEST_F(PatternTest, ConditionOnAFieldNobodyKnowsNeverHolds) {
  for (const auto* condition : {"= *", "!= 1", "NOT EXISTS", "IS NULL", "< 1"}) {
    EXPECT_FALSE(matches("{ $.nobody " + std::string(condition) + " }", Event())) << condition;
  }
  EXPECT_TRUE(matches("{ $.nobody = 1 || $.event_type = error }", of_type("error")));
}

TEST_F(PatternTest, WarningsNameTheNearestKnownThing) {
  const auto warnings = [&](std::string_view text) {
    const auto all = Pattern::parse(text)->warnings(*catalogue_);
    return all.empty() ? std::string("none") : all[0];
  };
  EXPECT_EQ(warnings("{ $.userid = * }"),
            "no pack knows the field userid, so the condition on it never holds; did you mean "
            "user_id?");
  EXPECT_EQ(warnings("{ $.event_type = \"stream_complete\" }"),
            "no pack knows an event type that satisfies $.event_type = \"stream_complete\"; did "
            "you mean stream_completed?");
  EXPECT_EQ(warnings("{ $.event_type = zzz* }"),
            "no pack knows an event type that satisfies $.event_type = \"zzz*\"");
  EXPECT_EQ(warnings("?a b"), "terms with ? are ignored where others stand beside them");
  EXPECT_EQ(warnings("?a ?b"), "none");
  EXPECT_EQ(warnings("{ $.outcome = eror }"),
            "the list of values of outcome has none that equals the one in $.outcome = \"eror\"; "
            "did you mean error?");
  EXPECT_EQ(warnings("{ $.event_type = *error* && $.outcome = * && $.level = warn }"), "none");
}

TEST_F(PatternTest, BehindTheDoorOnlyWhatPassesCanBeAsked) {
  const auto check = [&](std::string_view text) {
    const auto status = Pattern::parse(text)->check_behind_door(*catalogue_);
    return status ? std::string("ok") : status.error().message;
  };
  EXPECT_EQ(check("{ $.n > 1 && $.event_type = error }"), "ok");
  EXPECT_EQ(check("{ $.user_id = * || $.user_id NOT EXISTS }"), "ok");
  EXPECT_EQ(check("{ $.n > 1 && $.y = *timeout* }"),
            "the field y (class free_text) never passes the door; this pattern can run at the "
            "door only, as a meter's match");
  EXPECT_EQ(check("{ $.user_id = alice }"),
            "the field user_id (class identifier) passes the door as a pseudonym, so only its "
            "presence can be asked for; this pattern can run at the door only, as a meter's "
            "match");
}

TEST_F(PatternTest, WhatReachesIntoArraysRunsAtTheDoorOnly) {
  const auto check = [&](std::string_view text) {
    return Pattern::parse(text)->check_behind_door(*catalogue_);
  };
  EXPECT_EQ(check("{ $.n > 1 && $.a[0] = 1 }").error().message,
            "$.a[0] reaches into an array or an object, which never passes the door; this pattern "
            "can run at the door only, as a meter's match");
  EXPECT_FALSE(check("{ $.* = x }"));
  EXPECT_EQ(check("[a, b]").error().message,
            "the text of a line never passes the door; this pattern can run at the door only, as "
            "a meter's match");
  EXPECT_FALSE(check("error"));
  EXPECT_TRUE(check(""));
  EXPECT_FALSE(check("{ $.user_id = %.% }")) << "a pseudonym";
  EXPECT_TRUE(check("{ $.outcome = %^(ok|error)$% }"));
}

TEST_F(PatternTest, NeedsEventTypeOnlyWhereNothingElseCanMakeItHold) {
  const auto needs = [](std::string_view text) { return Pattern::parse(text)->needs_event_type(); };
  EXPECT_TRUE(needs("{ $.event_type = a }"));
  EXPECT_TRUE(needs("{ $.event_type = a && $.x = * }"));
  EXPECT_TRUE(needs("{ $.event_type = a || $.event_type = b }"));
  EXPECT_FALSE(needs("{ $.event_type = a || $.x = * }"));
  EXPECT_FALSE(needs(""));
  EXPECT_FALSE(needs("event_type"));
  EXPECT_FALSE(needs("[event_type = a]"));
}

TEST_F(PatternTest, CanonicalTextParsesToItself) {
  for (const auto* text :
       {"{ $.a = 1 }", "{$.a!=b*&&($.c<=1||$.d NOT EXISTS)}", "{ $.['x y'] IS TRUE }",
        R"({ $.a = "q\"\\\*" })", "{ $.a.b[0]['c d'].e[*] = %^a b$% && $[3].* != %\\%% }",
        "[a, b=4*||b!=%x y%, (c = 1 || c > 2) && c = z, ..., last = \"]\"]",
        R"(a ?"b \"c\" \\" -d %e f% -%g% ?50% "*")", "[\xc3\xa4.b-c_1 = \"\"]",
        R"({ $.["a'b"].['c"d'].e = 1 })", "{ $.['$.a[0]'] = 1 || $.a[0] = 1 }", "{ (($.a = 1)) }",
        "{ $.a = 1 && ($.b = 2 && $.c = 3) }", ""}) {
    const auto once = Pattern::parse(text)->canonical();
    const auto twice = Pattern::parse(once);
    ASSERT_TRUE(twice) << once << twice.error().message;
    EXPECT_EQ(twice->canonical(), once);
  }
  EXPECT_EQ(Pattern::parse("[a,b=4*||b>5 ,... ]")->canonical(), "[a, b = \"4*\" || b > 5, ...]");
  EXPECT_EQ(Pattern::parse("a  -b ?%c%")->canonical(), "\"a\" -\"b\" ?%c%");
  EXPECT_EQ(canonical_text(Pattern::parse("{$.a!=b*&&($.c<=1||$.d NOT EXISTS)}")->root()),
            "{ $.a != \"b*\" && ($.c <= 1 || $.d NOT EXISTS) }")
      << "the spelling that meters' hashes are made of";
}

TEST_F(PatternTest, ErrorsSayColumnReasonAndPointThere) {
  EXPECT_EQ(error_of("{ $.a == 1 }"),
            "column 7: equality is written with one =\n"
            "  { $.a == 1 }\n"
            "        ^");
  EXPECT_EQ(error_of("{ $.ä = 1 && $.b }"),
            "column 18: an operator is missing; to ask whether the field is there, write = *\n"
            "  { $.ä = 1 && $.b }\n"
            "                   ^")
      << "columns count characters";
}

TEST_F(PatternTest, EveryMistakeHasItsOwnAdvice) {
  const std::pair<std::string_view, std::string_view> all[] = {
      {"$.a = 1", "column 1: a term cannot begin so; conditions on fields stand in braces"},
      {"event_type = error", "column 12: a term without letters and digits stands in quotes"},
      {"a || b", "column 3: a term without letters and digits stands in quotes"},
      {"a {b}", "column 3: a term cannot begin so"},
      {"*error*", "column 1: a term is found anywhere in a line, so it needs no *"},
      {"a - b", "column 4: the term follows ? or - at once"},
      {"a ?", "column 4: the term follows ? or - at once"},
      {"a \"b", "column 3: this quote is never closed"},
      {"a\"b\"", "column 2: a quote inside a bare term"},
      {"\"a\"b", "column 4: a blank was expected here"},
      {"%a[% b", "column 3: in this regular expression: the closing ]"},
      {"[a, b", "column 6: the closing bracket ] is missing"},
      {"[a, b] c", "column 8: nothing may follow the closing bracket"},
      {"[]", "column 2: a field's name was expected here"},
      {"[a,, b]", "column 4: a field's name was expected here"},
      {"[a, ..., b, ...]", "column 13: ... stands once"},
      {"[a, b, a]", "column 8: the field a stands twice"},
      {"[a = 1 || b = 2]", "column 11: between two commas all conditions are on one field, here a"},
      {"[$.a = 1]", "column 2: fields between brackets have bare names"},
      {"[a IS NULL]", "column 4: a token of a line is never null or absent"},
      {"[a b]", "column 4: a comma, ] or an operator was expected here"},
      {"[a = ]", "column 6: the value is missing"},
      {"[a = x y]", "column 8: &&, || or a comma or ] was expected here"},
      {"[a = x && (a = y]", "column 11: this bracket is never closed"},
      {"[a > b]", "column 6: <, <=, > and >= compare numbers"},
      {"{", "column 2: a condition such as"},
      {"{ }", "column 3: a condition such as"},
      {"{ $.a = 1", "column 10: the closing brace } is missing"},
      {"{ $.a = 1 } x", "column 13: nothing may follow"},
      {"{ $.a = 1 ) }", "column 11: this closing bracket has no opening one"},
      {"{ ($.a = 1 }", "column 3: this bracket is never closed"},
      {"{ $.a = 1 $.b = 2 }", "column 11: &&, || or } was expected"},
      {"{ $.a = two words }", "column 13: &&, || or } was expected"},
      {"{ $.a = 1 and $.b = 2 }", "column 11: conditions are joined by &&"},
      {"{ $.a = 1 OR $.b = 2 }", "column 11: conditions are joined by ||"},
      {"{ $.a = 1 & $.b = 2 }", "column 11: a single &"},
      {"{ $.a = 1 | $.b = 2 }", "column 11: a single |"},
      {"{ a = 1 }", "column 3: a selector begins with $."},
      {"{ !$.a = 1 }", "column 3: there is no negation sign"},
      {"{ $a = 1 }", "column 4: a selector goes on with a dot"},
      {"{ $. = 1 }", "column 5: the field's name is missing"},
      {"{ $.*.b[*] = 1 }", "column 8: a selector has at most one wildcard"},
      {"{ $.a[x] = 1 }", "column 6: brackets hold a place [0], [*] or a key"},
      {"{ $.a[1000000] = 1 }", "column 7: a place in an array is at most 999999"},
      {"{ $.a[-1] = 1 }", "column 6: brackets hold a place"},
      {"{ $.a[0 = 1 }", "column 8: the closing bracket ] is missing"},
      {"{ $.a[* = 1 }", "column 8: the closing bracket ] is missing"},
      {"{ $.['a] = 1 }", "column 4: the key's closing quote is missing"},
      {"{ $.[''] = 1 }", "column 7: the key is empty"},
      {"{ $.['a' = 1 }", "column 9: the closing bracket ]"},
      {"{ $.a ~ 1 }", "column 7: there is no ~ operator"},
      {"{ $.a <> 1 }", "column 7: inequality is written !="},
      {"{ $.a => 1 }", "column 7: the operators are written >= and <="},
      {"{ $.a like 1 }", "column 7: an operator was expected here"},
      {"{ $.a = }", "column 9: the value is missing"},
      {"{ $.a = 'x' }", "column 9: texts stand in double quotes"},
      {"{ $.a = \"x }", "column 9: this quote is never closed"},
      {"{ $.a = %% }", "column 9: this regular expression is empty"},
      {"{ $.a = %a%b% }", "column 12: the regular expression ended before this"},
      {"{ $.a = %a[b% }", "column 11: in this regular expression: the closing ] of a character"},
      {"{ $.a = %a(b% }", "column 10: in this regular expression: a bracket without its partner"},
      {"{ $.a = %a**% }", "column 11: in this regular expression: a repetition of a repetition"},
      {"{ $.a = %(?=a)% }", "column 10: in this regular expression: no such (?...) operator"},
      {"{ $.a = %\\w{1001}% }", "column 12: in this regular expression: a repetition of more"},
      {"{ $.a = %(\\w{300}){300}% }", "column 13: in this regular expression: a repetition"},
      {"{ $.a < %a% }", "column 9: <, <=, > and >= compare numbers"},
      {"{ $.a = $.b }", "column 9: fields are compared with values"},
      {"{ $.a > *1 }", "column 9: <, <=, > and >= compare numbers"},
      {"{ $.a > \"1\" }", "column 9: <, <=, > and >= compare numbers"},
      {"{ $.a < abc }", "column 9: <, <=, > and >= compare numbers"},
      {"{ $.a IS NOT NULL }", "column 10: IS NOT does not exist"},
      {"{ $.a IS null }", "column 10: IS is followed by NULL, TRUE or FALSE, in capitals"},
      {"{ $.a is null }", "column 7: IS NULL, IS TRUE, IS FALSE and NOT EXISTS are written"},
      {"{ $.a EXISTS }", "column 7: EXISTS stands only after NOT"},
      {"{ $.a NOT THERE }", "column 11: NOT is followed by EXISTS"},
  };
  for (const auto& [text, begin] : all) {
    EXPECT_TRUE(error_of(text).starts_with(begin)) << text << "\n" << error_of(text);
  }
}

TEST_F(PatternTest, RegularExpressionsSearchAnywhereInAnyScalar) {
  EXPECT_TRUE(holds_for("= %err.r%", Value::text("an error here")));
  EXPECT_FALSE(holds_for("= %^err%", Value::text("an error here")));
  EXPECT_FALSE(holds_for("= %ERR%", Value::text("err"))) << "case matters";
  EXPECT_TRUE(holds_for("= %(?i)ERR%", Value::text("err")));
  EXPECT_TRUE(holds_for("= %a b%", Value::text("a b"))) << "blanks are free inside";
  EXPECT_TRUE(holds_for("= %^(a|b)+$%", Value::text("abba"))) << "brackets too";
  EXPECT_TRUE(holds_for("= %^5\\%$%", Value::text("5%")));
  EXPECT_TRUE(holds_for("= %\\x41\\d\\s%", Value::text("A1 ")));
  EXPECT_TRUE(holds_for("= %^40[0-9]$%", Value::integer(404)));
  EXPECT_TRUE(holds_for("= %^2\\.5$%", Value::number(2.5)));
  EXPECT_TRUE(holds_for("= %^true$%", Value::boolean(true)));
  EXPECT_FALSE(holds_for("= %.*%", Value()));
  EXPECT_FALSE(holds_for("= %.*%", Value::nested()));
  EXPECT_TRUE(holds_for("= %.*%", Value::text("")));
  EXPECT_FALSE(holds_without("= %.*%"));
  EXPECT_TRUE(holds_for("!= %err%", Value::text("fine")));
  EXPECT_TRUE(holds_without("!= %err%"));
  EXPECT_TRUE(matches("{ $.x = %a% || ($.x=%b%) }", with_x(Value::text("b"))));
}

TEST_F(PatternTest, NestedIsThereButNeitherNullNorEqualToAnything) {
  for (const auto* condition :
       {"= *", "= a", "IS NULL", "IS TRUE", "IS FALSE", "> 0", "NOT EXISTS"}) {
    EXPECT_FALSE(holds_for(condition, Value::nested())) << condition;
  }
  EXPECT_TRUE(holds_for("!= a", Value::nested()));
}

TEST_F(PatternTest, LonePercentIsAText) {
  EXPECT_TRUE(holds_for("= %abc", Value::text("%abc"))) << "no partner";
  EXPECT_TRUE(matches("{ $.x = % || $.x = % }", with_x(Value::text("%"))));
  EXPECT_TRUE(holds_for("= %", Value::text("%")));
  EXPECT_TRUE(holds_for("= 5%", Value::text("5%")));
}

TEST_F(PatternTest, BoundsHold) {
  EXPECT_EQ(Pattern::parse(std::string(4097, ' ')).error().code, Code::kTooLarge);
  EXPECT_TRUE(Pattern::parse("{" + std::string(64, '(') + "$.a=1" + std::string(64, ')') + "}"));
  EXPECT_FALSE(Pattern::parse("{" + std::string(65, '(') + "$.a=1" + std::string(65, ')') + "}"));
  std::string many = "{ $.a=1";
  for (int i = 1; i < 256; ++i) many += "||$.a=1";
  EXPECT_TRUE(Pattern::parse(many + "}"));
  EXPECT_FALSE(Pattern::parse(many + "||$.a=1}"));
}

TEST_F(PatternTest, LongPatternsAreShownInPart) {
  const auto message = error_of("{ $.a = \"" + std::string(2000, 'x') + "\" && $.b == 1 }");
  EXPECT_LT(message.size(), 400u);
  EXPECT_NE(message.find("..."), std::string::npos);
  EXPECT_NE(message.find("$.b == 1"), std::string::npos);
}

}  // namespace
}  // namespace sightglass::event
