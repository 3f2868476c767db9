#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"
#include "event/event_test_support.h"
#include "event/pattern.h"

namespace sightglass::event {
namespace {

constexpr std::size_t kFields = 12;
constexpr std::size_t kTypes = 8;
constexpr std::string_view kUndeclared[] = {"$.unknown0", "$.unknown1", "$.f1[0]", "$.list[*]",
                                            "$.*"};
constexpr std::size_t kSlots = std::size(kUndeclared);

std::string_view pick(SeededRandom& random, std::span<const std::string_view> from) {
  return from[random.below(from.size())];
}

// A pack of `meters` random patterns over a few fields, so that conditions collide often.
class RandomPack {
 public:
  explicit RandomPack(std::uint64_t seed) : random_(seed) {}

  std::string make(std::size_t meters) {
    std::string out = "pack: r\nversion: 1\nfields:\n";
    for (std::size_t i = 0; i < kFields; ++i) {
      out += "  f" + std::to_string(i) + ": { kind: any, class: content, aliases: [p.a" +
             std::to_string(i) + "] }\n";
    }
    out += "events:\n";
    for (std::size_t i = 1; i < kTypes; ++i) out += "  t" + std::to_string(i) + ": {}\n";
    out += "meters:\n";
    for (std::size_t i = 0; i < meters; ++i) {
      out += "  - metric: m" + std::to_string(i) +
             "\n    type: counter\n    help: h\n    match: '" + pattern() + "'\n";
    }
    return out;
  }

  Event event() {
    Event out;
    out.type = static_cast<EventTypeId>(random_.below(kTypes));
    out.level = static_cast<Level>(random_.below(5));
    for (std::uint64_t n = random_.below(kFields + 3); n > 0; --n) {
      out.fields.push_back({static_cast<FieldId>(random_.below(kFields + kSlots + 1)), value()});
    }
    return out;
  }

 private:
  Value value() {
    static constexpr std::string_view kTexts[] = {"", "a", "ab", "ba", "1", "2.0", "true", "aXb"};
    switch (random_.below(9)) {
      case 0:
        return {};
      case 8:
        return Value::nested();
      case 1:
        return Value::boolean(random_.below(2) == 1);
      case 2:
        return Value::number(static_cast<double>(random_.below(5)) / 2);
      case 3:
      case 4:
        return Value::integer(static_cast<std::int64_t>(random_.below(4)) - 1);
      default:
        return Value::text(pick(random_, kTexts));
    }
  }
  std::string condition() {
    static constexpr std::string_view kLiterals[] = {
        "*", "a", "a*", "\"*b\"", "1", "2.0", "0", "true", "\"\"", "\"1\"", "%a.%", "%^[0-9.]+$%"};
    static constexpr std::string_view kNumbers[] = {"0", "1", "0.5", "-1"};
    switch (random_.below(12)) {
      case 0:
        return "$.event_type = t" + std::to_string(random_.below(kTypes + 1));
      case 1:
        return "$.event_type != t" + std::to_string(random_.below(kTypes));
      case 2:
        return random_.below(2) == 0 ? "$.level = warn" : "$.level != \"*r*\"";
      default:
        break;
    }
    const auto number = std::to_string(random_.below(kFields));
    auto selector = random_.below(4) == 0 ? "$.p.a" + number : "$.f" + number;
    if (random_.below(4) == 0) selector = pick(random_, kUndeclared);
    static constexpr std::string_view kRest[] = {" IS NULL", " IS TRUE", " IS FALSE",
                                                 " NOT EXISTS"};
    static constexpr std::string_view kOrders[] = {" < ", " <= ", " > ", " >= "};
    switch (random_.below(6)) {
      case 0:
        return selector + std::string(pick(random_, kRest));
      case 1:
        return selector + std::string(pick(random_, kOrders)) +
               std::string(pick(random_, kNumbers));
      case 2:
        return selector + " != " + std::string(pick(random_, kLiterals));
      default:
        return selector + " = " + std::string(pick(random_, kLiterals));
    }
  }
  std::string formula(int depth) {
    if (depth == 0 || random_.below(3) == 0) return condition();
    std::string out = "(";
    const auto* const token = random_.below(2) == 0 ? " && " : " || ";
    for (std::uint64_t n = 2 + random_.below(4); n > 0; --n) {
      out += formula(depth - 1) + (n > 1 ? token : "");
    }
    return out + ")";
  }
  std::string pattern() { return random_.below(50) == 0 ? "" : "{ " + formula(3) + " }"; }

  SeededRandom random_;
};

// 400 patterns over 400 events each in four packs: 640,000 pairs against the plain evaluator.
TEST(MatchPlan, AgreesWithThePlainEvaluatorOnRandomPatternsAndEvents) {
  std::size_t hits = 0;
  std::size_t pairs = 0;
  for (const std::size_t meters : {5u, 40u, 400u, 1155u}) {
    RandomPack random(meters);
    const auto catalogue = must_parse(random.make(meters));
    const auto plan = must_compile(catalogue);
    std::vector<Pattern> patterns;
    for (const auto& meter : catalogue->meters()) {
      patterns.push_back(std::move(*Pattern::parse(meter.match)));
    }
    MatchPlan::Scratch scratch;
    for (int i = 0; i < 400; ++i) {
      auto event = random.event();
      std::vector<MeterId> expected;
      for (std::size_t m = 0; m < patterns.size(); ++m) {
        if (patterns[m].matches(*catalogue, event)) expected.push_back(static_cast<MeterId>(m));
      }
      plan->match(event, scratch);
      std::vector<MeterId> actual;
      for (const auto& hit : event.meters) actual.push_back(hit.meter);
      ASSERT_EQ(actual, expected);
      hits += expected.size();
      pairs += patterns.size();
    }
  }
  EXPECT_GE(pairs, 640'000u);
  EXPECT_GT(hits, pairs / 10);
  EXPECT_LT(hits, pairs * 9 / 10);
}

TEST(MatchPlan, MatchesTheGatewaysTerminalEventAsItsPackSays) {
  const auto catalogue =
      must_parse(source_file("packs/gateway.yaml") + "---\n" + source_file("packs/coo-llm.yaml"));
  const auto plan = must_compile(catalogue);
  EXPECT_TRUE(plan->warnings().empty()) << plan->warnings().front();
  Event event;
  event.type = catalogue->event_type("chat_completion_success");
  event.fields = {{catalogue->field("outcome"), Value::text("ok")},
                  {catalogue->field("cost_nanousd"), Value::integer(5)},
                  {catalogue->field("is_streaming"), Value::boolean(false)}};
  MatchPlan::Scratch scratch;
  plan->match(event, scratch);
  std::vector<std::string> names;
  for (const auto& hit : event.meters) {
    names.push_back(catalogue->meters()[hit.meter].name);
    EXPECT_FALSE(hit.has_value) << "its field passes";
  }
  EXPECT_EQ(names, (std::vector<std::string>{"sightglass_requests_total", "coo_llm_requests_total",
                                             "coo_llm_cost_total", "coo_llm_latency_seconds",
                                             "coo_llm_client_requests_total",
                                             "coo_llm_client_cost_total"}));
}

TEST(MatchPlan, ForgetsTheEventBefore) {
  const auto catalogue = must_parse(source_file("packs/gateway.yaml"));
  const auto plan = must_compile(catalogue);
  MatchPlan::Scratch scratch;
  Event full;
  full.fields = {{catalogue->field("outcome"), Value::text("ok")}};
  plan->match(full, scratch);
  EXPECT_FALSE(full.meters.empty());
  Event empty;
  empty.meters = {{9, true, 1}};
  plan->match(empty, scratch);
  EXPECT_TRUE(empty.meters.empty());
}

TEST(MatchPlan, UnknownTypesAndFieldsAreOtherAndNothing) {
  const auto catalogue = must_parse(source_file("packs/gateway.yaml"));
  const auto plan = must_compile(catalogue);
  MatchPlan::Scratch scratch;
  Event event;
  event.type = 60'000;
  event.level = static_cast<Level>(200);
  event.fields = {{60'000, Value::text("x")}, {kNoField, Value::text("x")}};
  plan->match(event, scratch);
  EXPECT_EQ(event.type, kOtherEvent);
  EXPECT_EQ(event.level, Level::kCritical);
  EXPECT_TRUE(event.meters.empty());
}

constexpr std::string_view kSlotPack = R"(
pack: p
version: 1
fields: { n: { kind: int, class: count, aliases: [sse.n] } }
meters:
  - { metric: first, type: counter, help: h, match: '{ $.a[0] = x }' }
  - { metric: any, type: counter, help: h, match: '{ $.tags[*] = *b* }' }
  - { metric: any_unequal, type: counter, help: h, match: '{ $.tags[*] != b }' }
  - { metric: none, type: counter, help: h, match: '{ $.tags[*] NOT EXISTS && $.sse.n = 1 }' }
  - { metric: undeclared, type: counter, help: h, match: '{ $.who.ever = %^a+$% }' }
)";

TEST(MatchPlan, SelectorsThatAreNoFieldsGetSlotsBehindTheFields) {
  const auto catalogue = must_parse(kSlotPack);
  const auto n = static_cast<FieldId>(catalogue->fields().size());
  std::vector<std::string> texts;
  for (const auto& slot : catalogue->match_only()) texts.push_back(slot.text);
  EXPECT_EQ(texts, (std::vector<std::string>{"$.a[0]", "$.tags[*]", "$.who.ever"}));
  EXPECT_FALSE(catalogue->match_only()[0].many());
  EXPECT_TRUE(catalogue->match_only()[1].many());
  EXPECT_EQ(catalogue->match_only("$.tags[*]"), n + 1);
  EXPECT_EQ(catalogue->match_only("$.n"), kNoField);
  EXPECT_EQ(catalogue->field("who.ever"), kNoField) << "a slot is no field";
}

TEST(MatchPlan, OfAWildcardAnyValueCountsAndElseTheLast) {
  const auto catalogue = must_parse(kSlotPack);
  const auto plan = must_compile(catalogue);
  MatchPlan::Scratch scratch;
  const auto hits = [&](std::vector<std::pair<std::string_view, Value>> given) {
    Event event;
    for (const auto& [text, value] : given) {
      event.fields.push_back({catalogue->match_only(text), value});
    }
    event.fields.push_back({catalogue->field("n"), Value::integer(1)});
    plan->match(event, scratch);
    std::string out;
    for (const auto& hit : event.meters) out += catalogue->meters()[hit.meter].name + " ";
    return out;
  };
  const auto text = [](std::string_view word) { return Value::text(word); };
  EXPECT_EQ(hits({{"$.tags[*]", text("abc")}, {"$.tags[*]", text("x")}}), "any any_unequal ");
  EXPECT_EQ(hits({{"$.tags[*]", text("x")}, {"$.tags[*]", text("b")}}), "any any_unequal ");
  EXPECT_EQ(hits({{"$.tags[*]", text("b")}, {"$.tags[*]", text("b")}}), "any ");
  EXPECT_EQ(hits({}), "any_unequal none ") << "no element: as for a missing field";
  EXPECT_EQ(hits({{"$.tags[*]", Value::nested()}}), "any_unequal ") << "there, but no scalar";
  EXPECT_EQ(hits({{"$.tags[*]", text("b")}, {"$.a[0]", text("x")}}), "first any ");
  EXPECT_EQ(hits({{"$.tags[*]", text("b")}, {"$.a[0]", text("x")}, {"$.a[0]", text("y")}}), "any ")
      << "one value: the last of several counts";
  EXPECT_EQ(hits({{"$.tags[*]", text("b")}, {"$.who.ever", text("aa")}}), "any undeclared ");
}

TEST(MatchPlan, WarningsNameTheMeter) {
  const auto catalogue = must_parse(
      "pack: p\nversion: 1\nfields: { outcome: { kind: text, class: category } }\nmeters:\n"
      "  - { metric: a_total, type: counter, help: h, match: '{ $.outcom = * }' }\n");
  const auto plan = must_compile(catalogue);
  ASSERT_EQ(plan->warnings().size(), 1u);
  EXPECT_EQ(plan->warnings()[0],
            "meter a_total: no pack knows the field outcom, so it is seen in raw records only, at "
            "the door; did you mean outcome?");
}

}  // namespace
}  // namespace sightglass::event
