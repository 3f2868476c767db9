#include "event/measure.h"

#include <gtest/gtest.h>

#include "event/event_test_support.h"
#include "event/pattern.h"

namespace sightglass::event {
namespace {

constexpr std::string_view kFields =
    "pack: p\nversion: 1\n"
    "fields:\n"
    "  n: { kind: int, class: count, aliases: [number] }\n"
    "  word: { kind: text, class: category }\n"
    "  session_id: { kind: text, class: identifier, identifier: s }\n"
    "  new_session_id: { kind: text, class: identifier, identifier: s }\n"
    "  prompt: { kind: text, class: content }\n"
    "events:\n"
    "  opened: {}\n"
    "  closed: {}\n";

std::string with(std::string_view rest) { return std::string(kFields) + std::string(rest); }

std::string error_of(std::string_view rest) {
  const auto parsed = Catalogue::parse(with(rest));
  return parsed ? "no error" : parsed.error().message;
}

constexpr std::string_view kOpened = "'{ $.event_type = \"opened\" }'";

TEST(Measures, HoldWhatThePackSays) {
  const auto catalogue = must_parse(with(
      "measures:\n"
      "  opened: { match: '{ $.event_type = \"opened\" }', absent: zero, weight: $.n }\n"
      "  mean: { match: '{$.event_type=opened}', statistic: average, field: [$.number, $.n] }\n"
      "  times:\n"
      "    statistic: pairs\n"
      "    start: '{ $.event_type = \"opened\" }'\n"
      "    end: ['{ $.event_type = \"closed\" }', '{ $.event_type = *done* || $.n > 3 }']\n"
      "    join: [$.word, '$.new_session_id = $.session_id']\n"
      "    expires_after: 90m\n"
      "    stray_ends: true\n"));
  const auto& reports = catalogue->reports();
  ASSERT_EQ(reports.measures.size(), 3u);
  // Patterns that mean the same stand once.
  ASSERT_EQ(reports.patterns.size(), 3u);
  EXPECT_EQ(reports.patterns[2].event_types, std::vector<std::string>{"*done*"});
  EXPECT_TRUE(reports.measures[0].zero_when_absent);
  EXPECT_EQ(reports.measures[0].weight, catalogue->field("n"));
  EXPECT_EQ(reports.measures[1].fields, std::vector<FieldId>(2, catalogue->field("n")));
  const auto& times = reports.measures[2];
  EXPECT_EQ(times.pack, "p");
  ASSERT_EQ(times.uses.size(), 3u);
  EXPECT_EQ(times.uses[0].role, MeasureRole::kStart);
  EXPECT_EQ(times.uses[2].role, MeasureRole::kEnd);
  ASSERT_EQ(times.join.size(), 2u);
  EXPECT_EQ(times.join[0].start, times.join[0].end);
  EXPECT_EQ(times.join[1].start, catalogue->field("new_session_id"));
  EXPECT_EQ(times.join[1].end, catalogue->field("session_id"));
  EXPECT_EQ(times.expires_after_ns, 5'400 * kSecond);
  EXPECT_TRUE(times.stray_ends);
}

TEST(Measures, AnotherRuleIsAnotherMeasureAndAnotherSpellingIsNot) {
  const auto hash = [](std::string_view rest) {
    return must_parse(with("measures:\n  m: " + std::string(rest) + "\n"))
        ->reports()
        .measures[0]
        .rule_hash;
  };
  const auto plain = hash("{ match: '{ $.event_type = \"opened\" }' }");
  EXPECT_EQ(plain, hash("{ match: '{$.event_type=opened}', statistic: count }"));
  EXPECT_NE(plain, hash("{ match: '{ $.event_type = \"closed\" }' }"));
  EXPECT_NE(plain, hash("{ match: '{ $.event_type = \"opened\" }', weight: $.n }"));
  const auto mean = [&](std::string_view statistic) {
    return hash("{ match: '{ $.n = * }', statistic: " + std::string(statistic) + ", field: $.n }");
  };
  EXPECT_NE(mean("sum"), mean("average"));
}

TEST(Measures, KeyMetricsAndDashboardsNameThem) {
  const auto catalogue = must_parse(
      with("measures:\n"
           "  a: { match: '{ $.event_type = \"opened\" }' }\n"
           "  b: { match: '{ $.event_type = \"closed\" }' }\n"
           "key_metrics:\n"
           "  rate: { title: Rate, group: G, unit: ratio, definition: a over b, ratio: a,\n"
           "          to: [a, b], else_to: b, beside: [b, total] }\n"
           "  total: { title: Total, unit: events, definition: all, value: [a, b] }\n"
           "dashboards:\n"
           "  ops:\n"
           "    title: Operations\n"
           "    panels:\n"
           "      - { metric: rate, title: Its rate }\n"
           "      - { name: by_day, title: By day, unit: events, definition: d, series: a,\n"
           "          by: day }\n"));
  const auto& reports = catalogue->reports();
  ASSERT_EQ(reports.metrics.size(), 3u);
  const auto& rate = reports.metrics[0];
  EXPECT_EQ(rate.form, Form::kRatio);
  EXPECT_TRUE(rate.listed);
  EXPECT_EQ(rate.of, (std::vector<MeasureId>{0}));
  EXPECT_EQ(rate.to, (std::vector<MeasureId>{0, 1}));
  EXPECT_EQ(rate.else_to, (std::vector<MeasureId>{1}));
  ASSERT_EQ(rate.beside.size(), 2u);
  EXPECT_FALSE(rate.beside[0].is_metric);
  EXPECT_EQ(rate.beside[0].id, 1);
  EXPECT_TRUE(rate.beside[1].is_metric);
  EXPECT_EQ(rate.beside[1].id, 1);
  ASSERT_EQ(reports.dashboards.size(), 1u);
  ASSERT_EQ(reports.dashboards[0].panels.size(), 2u);
  EXPECT_EQ(reports.dashboards[0].panels[0].title, "Its rate");
  EXPECT_EQ(reports.dashboards[0].panels[1].metric, 2);
  EXPECT_FALSE(reports.metrics[2].listed);
  EXPECT_TRUE(reports.metrics[2].by_day);
}

struct Refusal {
  std::string text;
  std::string error;
};

TEST(Measures, RefusalsNameThePlaceAndTheNearestWord) {
  const std::string opened(kOpened);
  const std::string pairs = "{ statistic: pairs, start: " + opened + ", end: " + opened;
  const Refusal refusals[] = {
      {"measures: []\n", "line 12: measures must be a map"},
      {"measures:\n  Odd: { match: " + opened + " }\n", "snake_case"},
      {"measures:\n  a: { match: '{ $.x }' }\n", "match, "},
      {"measures:\n  a: {}\n", "measure \"a\" needs its match"},
      {"measures:\n  a: { match: " + opened + ", statistik: sum }\n", "did you mean statistic?"},
      {"measures:\n  a: { match: " + opened + ", statistic: averge }\n", "did you mean average?"},
      {"measures:\n  a: { match: " + opened + ", statistic: sum }\n", "sum needs its field"},
      {"measures:\n  a: { match: " + opened + ", field: $.n }\n", "count takes no field"},
      {"measures:\n  a: { match: " + opened + ", statistic: sum, field: $.word }\n",
       "holds no number"},
      {"measures:\n  a: { match: " + opened + ", statistic: top, field: $.wrd }\n",
       "did you mean word?"},
      {"measures:\n  a: { match: " + opened + ", statistic: top, field: $.prompt }\n",
       "a field of class content never passes the door"},
      {"measures:\n  a: { match: " + opened + ", statistic: top, field: word }\n", "as $.name"},
      {"measures:\n  a: { match: [" + opened + ", " + opened + "] }\n", "only the statistic last"},
      {"measures:\n  a: { match: " + opened + ", absent: nothing }\n", "absent can say zero"},
      {"measures:\n  a: " + pairs + " }\n", "1 to 4 join keys"},
      {"measures:\n  a: " + pairs + ", join: [$.word], expires_after: 3 }\n", "from 1s to 31d"},
      {"measures:\n  a: " + pairs + ", join: [$.word], expires_after: 32d }\n", "from 1s to 31d"},
      {"measures:\n  a: { match: " + opened + " }\n  a: { match: " + opened + " }\n",
       "\"a\" stands twice"},
      {"key_metrics:\n  k: { title: T, unit: u, definition: d }\n", "must say what it is"},
      {"key_metrics:\n  k: { title: T, unit: u, value: a }\n", "definition must be one line"},
      {"measures:\n  opened: { match: " + opened +
           " }\nkey_metrics:\n  k: { title: T, unit: u, definition: d, value: opned }\n",
       "\"opned\", which is no measure of this pack; did you mean opened?"},
      {"measures:\n  a: { match: " + opened +
           " }\nkey_metrics:\n  k: { title: T, unit: u, definition: d, ratio: a }\n",
       "needs `to`"},
      {"measures:\n  a: { match: " + opened +
           " }\nkey_metrics:\n  k: { title: T, unit: u, definition: d, top: a }\n",
       "needs one measure of top"},
      {"measures:\n  a: { match: " + opened +
           " }\nkey_metrics:\n  k: { title: T, unit: u, definition: d, value: a, top: a }\n",
       "either a value or a top"},
      {"dashboards:\n  d: { title: T, panels: [{ metric: x }] }\n",
       "which is no key metric of this pack"},
      {"dashboards:\n  d: { title: T }\n", "1 to 64 panels"},
      {"measures:\n  a: { match: " + opened +
           " }\nkey_metrics:\n  k: { title: T, unit: u, definition: d, value: a, beside: [q] }\n",
       "neither a key metric nor a measure"},
  };
  for (const auto& refusal : refusals) {
    EXPECT_NE(error_of(refusal.text).find(refusal.error), std::string::npos)
        << refusal.text << "\n  says: " << error_of(refusal.text);
  }
}

TEST(Measures, TheirPatternsAreMatchedBehindTheMeters) {
  const auto catalogue =
      must_parse(with("meters:\n"
                      "  - { metric: m_total, type: counter, help: h, match: '{ $.n > 1 }' }\n"
                      "measures:\n"
                      "  a: { match: '{ $.event_type = \"opened\" }' }\n"
                      "  b: { match: '{ $.n > 1 && $.event_type = \"opened\" }' }\n"));
  const auto plan = MatchPlan::compile(catalogue);
  ASSERT_TRUE(plan) << plan.error().message;
  MatchPlan::Scratch scratch;
  Event event;
  event.type = catalogue->event_type("opened");
  event.fields = {{catalogue->field("n"), Value::integer(2)}};
  (*plan)->match(event, scratch);
  std::vector<int> hits;
  for (const auto& hit : event.meters) hits.push_back(hit.meter);
  EXPECT_EQ(hits, (std::vector<int>{0, 1, 2}));
  event.fields[0].value = Value::integer(1);
  (*plan)->match(event, scratch);
  ASSERT_EQ(event.meters.size(), 1u);
  EXPECT_EQ(event.meters[0].meter, catalogue->meters().size());
  EXPECT_FALSE(event.meters[0].has_value);
}

}  // namespace
}  // namespace sightglass::event
