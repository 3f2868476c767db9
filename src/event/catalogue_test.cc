#include "event/catalogue.h"

#include <gtest/gtest.h>

#include <set>

#include "base/sha256.h"
#include "event/event_test_support.h"

namespace sightglass::event {
namespace {

constexpr std::string_view kHead = "pack: p\nversion: 1\n";
constexpr std::string_view kFields =
    "fields:\n"
    "  n: { kind: int, class: count }\n"
    "  provider: { kind: text, class: category, aliases: [vendor, a.b] }\n"
    "  request_id: { kind: text, class: correlation }\n"
    "  prompt: { kind: text, class: content }\n"
    "  pin: { kind: int, class: secret }\n";

std::string pack(std::string_view rest) { return std::string(kHead) + std::string(rest); }
std::string with_fields(std::string_view rest) {
  return std::string(kHead) + std::string(kFields) + std::string(rest);
}
// A meter with the given further lines, at line 9 of its pack.
std::string with_meter(std::string_view lines) {
  return with_fields("meters:\n  - metric: m_total\n    help: h\n" + std::string(lines));
}
std::string error_of(const std::string& text) {
  const auto parsed = Catalogue::parse(text);
  if (parsed) return "no error";
  return parsed.error().message;
}

TEST(Catalogue, GatewayPackParsesWithoutWarnings) {
  const auto catalogue =
      must_parse(source_file("packs/gateway.yaml") + "---\n" + source_file("packs/coo-llm.yaml"));
  EXPECT_GT(catalogue->fields().size(), 60u);
  EXPECT_EQ(catalogue->field("client_key"), catalogue->field("key"));
  EXPECT_EQ(catalogue->field("requestId"), catalogue->field("request_id"));
  EXPECT_EQ(catalogue->hash(), sha256_hex(catalogue->text()));
  std::set<std::string> hashes;
  for (const auto& meter : catalogue->meters()) {
    EXPECT_EQ(meter.rule_hash.size(), 16u);
    hashes.insert(meter.rule_hash);
  }
  EXPECT_GT(hashes.size(), 25u);
}

TEST(Catalogue, KnowsTheMeaningOfEachPartOfAPack) {
  const auto catalogue = must_parse(
      pack("fields:\n"
           "  outcome: { kind: text, class: type, values: [ok, error] }\n"
           "  user_id: { kind: text, class: identifier, identifier: u, aliases: [userId] }\n"
           "  cost_nanousd: { kind: int, class: money }\n"
           "  latency_us: { kind: int, class: duration }\n"
           "events:\n"
           "  opened: { level: debug, start: true }\n"
           "  ended: { level: error, terminal: true }\n"
           "  seen: { row: true }\n"
           "meters:\n"
           "  - metric: all_total\n"
           "    type: counter\n"
           "    help: All.\n"
           "    match: '{ $.outcome = * }'\n"
           "    labels: { outcome: $.outcome, who: $.userId }\n"
           "    max_series: 5\n"
           "  - metric: a.b.cost\n"
           "    type: gauge\n"
           "    unit: usd\n"
           "    help: Cost.\n"
           "    match: '{ $.event_type = ended }'\n"
           "    value: $.cost_nanousd\n"
           "    scale: -9\n"
           "  - metric: errors_total\n"
           "    type: counter\n"
           "    help: Errors.\n"
           "    match: '{ $.outcome = error }'\n"
           "    with: all_total\n"
           "    labels: { outcome: $.outcome, who: $.user_id }\n"
           "  - metric: latency_seconds\n"
           "    type: histogram\n"
           "    help: Time.\n"
           "    match: ''\n"
           "    value: $.['latency_us']\n"
           "    scale: -6\n"
           "    buckets: [0.1, 1, 1e1]\n"));
  ASSERT_EQ(catalogue->event_types().size(), 4u);
  EXPECT_EQ(catalogue->event_types()[kOtherEvent].name, "_other");
  EXPECT_EQ(catalogue->event_type("nobody"), kOtherEvent);
  const auto& opened = catalogue->event_types()[catalogue->event_type("opened")];
  EXPECT_TRUE(opened.start && !opened.terminal && !opened.row);
  EXPECT_EQ(opened.level, Level::kDebug);
  const auto& ended = catalogue->event_types()[catalogue->event_type("ended")];
  EXPECT_TRUE(ended.terminal && ended.row) << "a terminal event is a row";
  EXPECT_TRUE(catalogue->event_types()[catalogue->event_type("seen")].row);

  const auto& user = catalogue->fields()[catalogue->field("userId")];
  EXPECT_EQ(user.name, "user_id");
  EXPECT_EQ(user.identifier_kind, "u");
  EXPECT_EQ(user.field_class, FieldClass::kIdentifier);
  EXPECT_EQ(catalogue->fields()[catalogue->field("outcome")].values.size(), 2u);
  EXPECT_EQ(catalogue->field("nothing"), kNoField);

  const auto& meters = catalogue->meters();
  ASSERT_EQ(meters.size(), 4u);
  EXPECT_EQ(meters[0].labels[1].name, "who");
  EXPECT_EQ(meters[0].labels[1].field, catalogue->field("user_id"));
  EXPECT_EQ(meters[0].max_series, 5u);
  EXPECT_EQ(meters[0].value, kNoField);
  EXPECT_FALSE(meters[0].per_event_type);
  EXPECT_EQ(meters[1].name, "a_b_cost");
  EXPECT_EQ(meters[1].unit, "usd");
  EXPECT_EQ(meters[1].scale, -9);
  EXPECT_TRUE(meters[1].per_event_type);
  EXPECT_EQ(meters[2].created_with, "all_total");
  EXPECT_EQ(meters[3].buckets, (std::vector<double>{0.1, 1, 10}));
}

TEST(Catalogue, JoinedPacksShareFieldsAndCountLinesFromTheirOwnFirst) {
  const auto first = with_fields("events: { a: { level: info } }\n");
  const auto catalogue = must_parse(first +
                                    "---\n# second\npack: q\nversion: 1\nfields:\n"
                                    "  n: { kind: int, class: count, aliases: [number] }\n"
                                    "events: { a: { level: info }, b: {} }\n---\n");
  EXPECT_EQ(catalogue->field("number"), catalogue->field("n"));
  EXPECT_EQ(catalogue->event_types().size(), 3u);
  EXPECT_EQ(error_of(first + "---\n# second\npack: q\nversion: 1\nfield: {}\n"),
            "pack q, line 4: unknown key \"field\" in the pack; did you mean fields?");
  EXPECT_EQ(error_of(first + "---\npack: q\nversion: 1\nfields:\n"
                             "  n: { kind: int, class: size }\n"),
            "pack q, line 4: field \"n\" is declared by pack p with another kind, class or "
            "identifier; a field of another meaning needs a name of its own and this one as alias");
  EXPECT_EQ(error_of(first + "---\npack: q\nversion: 1\nevents: { a: { level: warn } }\n"),
            "pack q, line 3: event \"a\" is declared by pack p with another level, start, "
            "terminal or row");
}

TEST(Catalogue, ALaterDocumentOfTheSameNameAmendsItsPack) {
  const std::string first = with_fields(
      "prefix: shop\n"
      "events: { a: { level: info }, b: { level: info, row: true } }\n"
      "meters:\n"
      "  - { metric: x.count, type: counter, help: h, match: '{ $.n = 1 }' }\n"
      "  - { metric: y.count, type: counter, help: h, match: '{ $.n = 2 }', with: x.count }\n");
  const auto before = must_parse(first);
  EXPECT_EQ(before->meters()[0].name, "shop_x_count");
  EXPECT_EQ(before->meters()[0].dotted, "shop.x.count");
  EXPECT_EQ(before->meters()[1].created_with, "shop_x_count");
  const auto after =
      must_parse(first +
                 "---\npack: p\nversion: 1\nprefix: \"\"\nawake: false\n"
                 "events: { a: { level: warn }, b: { sample: 10 } }\n"
                 "meters:\n"
                 "  - { metric: y.count, type: counter, help: h, match: '{ $.n = 3 }' }\n");
  ASSERT_EQ(after->packs().size(), 1u);
  EXPECT_FALSE(after->packs()[0].awake);
  ASSERT_EQ(after->meters().size(), 2u);
  EXPECT_EQ(after->meters()[0].name, "x_count");
  EXPECT_FALSE(after->meters()[0].at_zero);
  EXPECT_EQ(after->meters()[1].match, "{ $.n = 3 }");
  EXPECT_TRUE(after->meters()[1].created_with.empty());
  EXPECT_EQ(after->event_types()[after->event_type("a")].level, Level::kWarn);
  const auto& sampled = after->event_types()[after->event_type("b")];
  EXPECT_EQ(sampled.sample, 10u);
  EXPECT_TRUE(sampled.row) << "what is not said stays";
  EXPECT_EQ(error_of(first + "---\npack: q\nversion: 1\nmeters:\n"
                             "  - { metric: shop.x.count, type: counter, help: h, match: '' }\n"),
            "pack q, line 4: meter \"shop_x_count\" stands twice, first in pack p");
}

TEST(Catalogue, AnAliasThatAnotherPackHasHoldsForItsOwnPacksEventsOnly) {
  const auto catalogue = must_parse(
      with_fields("events: { a: {}, shared: {} }\n"
                  "meters: [{ metric: p_total, type: counter, help: h, match: '{ $.vendor = x }' }]"
                  "\n---\n") +
      "pack: q\nversion: 1\n"
      "fields:\n"
      "  shop: { kind: text, class: name, aliases: [vendor, seller] }\n"
      "  m: { kind: int, class: count, aliases: [n] }\n"
      "events: { b: {}, shared: {} }\n"
      "meters: [{ metric: q_total, type: counter, help: h, match: '{ $.vendor = x }',"
      " labels: { v: $.vendor }, value: $.n }]\n"
      "---\npack: r\nversion: 1\n"
      "fields: { dealer: { kind: text, class: name, aliases: [vendor] } }\n"
      "events: { c: {}, shared: {} }\n");
  const auto read = [&](std::string_view type, std::string_view name) {
    const auto id =
        catalogue->field(name, catalogue->event_types()[catalogue->event_type(type)].names);
    return id == kNoField ? std::string("none") : catalogue->fields()[id].name;
  };
  EXPECT_EQ(read("a", "vendor"), "provider");
  EXPECT_EQ(read("b", "vendor"), "shop");
  EXPECT_EQ(read("c", "vendor"), "dealer");
  EXPECT_EQ(read("b", "n"), "m");
  EXPECT_EQ(read("c", "n"), "n");
  EXPECT_EQ(read("b", "a.b"), "provider") << "what a pack does not rename means the same";
  EXPECT_EQ(read("a", "seller"), "shop") << "an alias that nobody has is everybody's";
  EXPECT_EQ(read("shared", "vendor"), "dealer") << "the later pack's word counts";
  EXPECT_EQ(read("shared", "n"), "m");
  EXPECT_EQ(read("unheard_of", "vendor"), "provider");
  EXPECT_EQ(catalogue->field("vendor"), catalogue->field("provider"));
  EXPECT_EQ(catalogue->meters()[1].labels[0].field, catalogue->field("shop"));
  EXPECT_EQ(catalogue->meters()[1].value, catalogue->field("m"));
  // The plan reads each meter's match with its own pack's names.
  const auto plan = must_compile(catalogue);
  const auto hits = [&](std::string_view field) {
    Event event;
    event.fields.push_back({catalogue->field(field), Value::text("x")});
    MatchPlan::Scratch scratch;
    plan->match(event, scratch);
    std::vector<MeterId> out;
    for (const auto& hit : event.meters) out.push_back(hit.meter);
    return out;
  };
  EXPECT_EQ(hits("provider"), std::vector<MeterId>{0});
  EXPECT_EQ(hits("shop"), std::vector<MeterId>{1});
}

TEST(Catalogue, ClosedListsUniteAcrossPacks) {
  const std::string first =
      pack("fields: { end: { kind: text, class: type, values: [ok, error] } }\n---\n");
  const auto catalogue = must_parse(first +
                                    "pack: q\nversion: 1\nfields:\n"
                                    "  end: { kind: text, class: type, values: [error, late] }\n");
  EXPECT_EQ(catalogue->fields()[0].values, (std::vector<std::string>{"ok", "error", "late"}));
}

TEST(Catalogue, ErrorsInFilesNameTheFileAndItsLine) {
  const auto error = [](std::string second) {
    const auto parsed = Catalogue::parse(
        std::vector<PackFile>{{"one.yaml", pack("events: { a: {} }")}, {"own/two.yaml", second}});
    return parsed ? "no error" : parsed.error().message;
  };
  EXPECT_EQ(error("# mine\n\npack: q\nversion: 1\nevents:\n  b: { levle: info }\n"),
            "own/two.yaml:6: pack q: unknown key \"levle\" in event \"b\"; did you mean level?");
  EXPECT_EQ(error("---\npack: q\nversion: 1\n---\npack: r\nversion: 1\nevent: {}\n"),
            "own/two.yaml:7: pack r: unknown key \"event\" in the pack; did you mean events?");
  EXPECT_EQ(error("pack: q\nversion: 1\nfields: [\n").substr(0, 26), "own/two.yaml:4: pack q: th");
  EXPECT_EQ(error("pack: q\nversion: 1\nevents: { c: {} }\n"), "no error");
}

TEST(Catalogue, MeterMayNameFieldsAndMetersOfALaterPack) {
  must_parse(
      "pack: a\nversion: 1\nmeters:\n"
      "  - { metric: x_total, type: counter, help: h, match: '', with: y_total,"
      " labels: { p: $.provider } }\n"
      "---\n" +
      with_fields("meters:\n"
                  "  - { metric: y_total, type: counter, help: h, match: '',"
                  " labels: { p: $.vendor } }\n"));
}

TEST(Catalogue, SyntaxErrorsNamePackAndLine) {
  EXPECT_TRUE(error_of(pack("fields:\n  a: [1, 2\n  b: 3\n"))
                  .starts_with("pack p, line 5: this is not YAML"));
  EXPECT_EQ(error_of(""), "there is no pack in the text");
  EXPECT_EQ(error_of("# only a comment\n---\n"), "there is no pack in the text");
  EXPECT_EQ(error_of("version: 1\n"),
            "pack number 1, line 1: `pack: name` must stand on a line of its own, the name in "
            "lower-case letters, digits, - and _");
  EXPECT_EQ(error_of("pack: p\nversion: 2\n"),
            "pack p, line 1: `version: 1` is required; this program reads version 1");
  EXPECT_EQ(error_of("[1, 2]"), "pack number 1, line 1: the pack must be a map of `key: value`");
}

struct Wrong {
  std::string_view text;     // after the head; fields stand from line 3 on
  std::string_view message;  // behind "pack p, line "
};

TEST(Catalogue, FieldErrorsSayWhatAndWhere) {
  const Wrong all[] = {
      {"  a: { kind: int, clas: count }",
       "4: unknown key \"clas\" in field \"a\"; did you mean "
       "class?"},
      {"  a: { kind: int }",
       "4: field \"a\" needs a kind and a class: { kind: int, class: count }"},
      {"  a: { kind: integer, class: count }",
       "4: kind must be one of text, int, double, bool, any, not \"integer\""},
      {"  a: { kind: int, class: counts }",
       "4: class must be one of count, size, duration, money, time, flag, type, category, name, "
       "correlation, source_position, identifier, secret, content, free_text, not \"counts\"; did "
       "you mean count?"},
      {"  a: { kind: text, class: count }",
       "4: field \"a\": a field of class count is of kind int or double"},
      {"  aB: { kind: int, class: count }",
       "4: a field's name is snake_case, not \"aB\"; other spellings are its aliases"},
      {"  level: { kind: int, class: count }",
       "4: field \"level\" is built in; every event has it"},
      {"  a: { kind: int, class: count, kind: int }", "4: \"kind\" stands twice in field \"a\""},
      {"  a: { kind: int, class: count }\n  a: { kind: int, class: count }",
       "5: field \"a\" stands twice"},
      {"  a: { kind: int, class: count, aliases: [b] }\n  b: { kind: int, class: count }",
       "5: field \"b\" is an alias of \"a\" already; give it a name of its own and this one as "
       "alias"},
      {"  a: { kind: int, class: count }\n  b: { kind: int, class: count, aliases: [a] }",
       "5: the alias \"a\" belongs to field \"a\" already"},
      {"  a: { kind: int, class: count, aliases: [a] }",
       "4: the alias \"a\" belongs to field itself already"},
      {"  a: { kind: int, class: count, aliases: b }",
       "4: aliases of field \"a\" must be a list: [a, b]"},
      {"  a: { kind: int, class: count, aliases: [\"x y\"] }",
       "4: field \"a\": the alias \"x y\" has blanks, quotes, brackets or other odd characters"},
      {"  a: { kind: text, class: type }",
       "4: field \"a\": class type needs its closed list: `values: [a, b]`"},
      {"  a: { kind: text, class: name, values: [x] }",
       "4: field \"a\": `values` is for class type only"},
      {"  a: { kind: text, class: type, values: [x, x] }",
       "4: field \"a\": the value \"x\" stands twice"},
      {"  a: { kind: text, class: type, values: [\"x y\"] }",
       "4: field \"a\": the value \"x y\" is not 1 to 128 of A-Z a-z 0-9 . _ : / @ + -"},
      {"  a: { kind: text, class: identifier }",
       "4: field \"a\": an identifier says of what kind it is: `identifier: u` (u person, s "
       "session, g group)"},
      {"  a: { kind: text, class: identifier, identifier: user }",
       "4: field \"a\": `identifier` is one lower-case letter, not \"user\""},
      {"  a: { kind: text, class: name, identifier: u }",
       "4: field \"a\": `identifier` is for class identifier only"},
      {"  a: 7", "4: field \"a\" must be a map of `key: value`"},
      {"  - a", "4: fields must be a map: `name: { kind: int, class: count }`"},
  };
  for (const auto& wrong : all) {
    EXPECT_EQ(error_of(pack("fields:\n" + std::string(wrong.text) + "\n")),
              "pack p, line " + std::string(wrong.message))
        << wrong.text;
  }
}

TEST(Catalogue, EventErrorsSayWhatAndWhere) {
  const Wrong all[] = {
      {"  a: { levle: info }", "4: unknown key \"levle\" in event \"a\"; did you mean level?"},
      {"  a: { level: warning }",
       "4: level must be one of debug, info, warn, error, critical, not \"warning\""},
      {"  a: { sample: 0 }", "4: sample of event \"a\" is a whole number from 1 to 1000000"},
      {"  a: { terminal: true, sample: 2 }",
       "4: event \"a\": a terminal event is always a row, so it is never sampled"},
      {"  a: { start: yes }", "4: start of event \"a\" must be true or false"},
      {"  a: { start: true, terminal: true }", "4: event \"a\" cannot open a request and end it"},
      {"  a: { terminal: true, row: false }", "4: event \"a\": a terminal event is always a row"},
      {"  a: {}\n  a: {}", "5: event \"a\" stands twice"},
      {"  _other: {}",
       "4: an event's name is 1 to 128 of A-Z a-z 0-9 . _ : / @ + - and does not begin with _, "
       "unlike \"_other\""},
  };
  for (const auto& wrong : all) {
    EXPECT_EQ(error_of(pack("events:\n" + std::string(wrong.text) + "\n")),
              "pack p, line " + std::string(wrong.message))
        << wrong.text;
  }
}

TEST(Catalogue, MeterErrorsSayWhatAndWhere) {
  const Wrong all[] = {
      {"    type: count\n    match: ''",
       "12: meter \"m_total\": type must be counter, gauge, histogram or distinct; did you mean "
       "counter?"},
      {"    type: counter", "10: meter \"m_total\" needs a match: '{ $.event_type = \"name\" }'"},
      {"    type: counter\n    match: ''\n    label: {}",
       "14: unknown key \"label\" in a meter; did you mean labels?"},
      {"    type: counter\n    match: ''\n    labels: { p: $.provder }",
       "14: label \"p\" of meter \"m_total\" names the field \"provder\", which no pack knows; "
       "did you mean provider?"},
      {"    type: counter\n    match: ''\n    labels: { p: provider }",
       "14: label \"p\" of meter \"m_total\" names a field as $.name, not as \"provider\""},
      {"    type: counter\n    match: ''\n    labels: { p: $.prompt }",
       "14: label \"p\" of meter \"m_total\": a field of class content never passes the door, so "
       "it cannot be a label"},
      {"    type: counter\n    match: ''\n    labels: { p: $.request_id }",
       "14: label \"p\" of meter \"m_total\": a field of class correlation would make a series "
       "for every request"},
      {"    type: counter\n    match: ''\n    labels: { p: $.event_type }",
       "14: label \"p\" of meter \"m_total\": event_type can be selected in match only"},
      {"    type: counter\n    match: ''\n    labels: { 9p: $.provider }",
       "14: label \"9p\" of meter \"m_total\": a label's name is made of letters, digits and _ "
       "and does not begin with a digit or __"},
      {"    type: counter\n    match: ''\n    labels: { p: $.provider, p: $.n }",
       "14: label \"p\" of meter \"m_total\" stands twice"},
      {"    type: histogram\n    match: ''\n    value: $.n\n    buckets: [1]\n"
       "    labels: { le: $.n }",
       "16: label \"le\" of meter \"m_total\": a histogram makes le itself"},
      {"    type: counter\n    match: ''\n    value: $.provider",
       "14: value of meter \"m_total\": the field \"provider\" is not of a kind that holds "
       "numbers"},
      {"    type: counter\n    match: ''\n    value: $.pin",
       "14: value of meter \"m_total\": a secret is never a value"},
      {"    type: counter\n    match: ''\n    value: $.nn",
       "14: value of meter \"m_total\" names the field \"nn\", which no pack knows; did you mean "
       "n?"},
      {"    type: gauge\n    match: ''",
       "10: meter \"m_total\" needs a value: $.latency_ms; only a counter can count events "
       "without one"},
      {"    type: counter\n    match: ''\n    scale: -9",
       "14: meter \"m_total\": scale needs a value to scale"},
      {"    type: counter\n    match: ''\n    or_value: $.n",
       "14: meter \"m_total\": or_value stands in for a value that is a number"},
      {"    type: counter\n    match: ''\n    value: $.n\n    or_scale: 1",
       "15: meter \"m_total\": or_scale needs an or_value to scale"},
      {"    type: counter\n    match: ''\n    value: $.n\n    or_value: $.provider",
       "15: or_value of meter \"m_total\": the field \"provider\" is not of a kind that holds "
       "numbers"},
      {"    type: counter\n    match: ''\n    value: $.n\n    or_value: $.n\n    or_scale: 99",
       "16: meter \"m_total\": or_scale is a power of ten from -18 to 18"},
      {"    type: counter\n    match: ''\n    value: $.n\n    scale: 1.5",
       "15: meter \"m_total\": scale is a power of ten from -18 to 18"},
      {"    type: counter\n    match: ''\n    buckets: [1]",
       "14: meter \"m_total\": buckets are for a histogram"},
      {"    type: histogram\n    match: ''\n    value: $.n",
       "10: meter \"m_total\": a histogram needs 1 to 128 buckets: [0.1, 1, 10]"},
      {"    type: histogram\n    match: ''\n    value: $.n\n    buckets: [1, 0.5]",
       "15: meter \"m_total\": buckets ascend, but 0.5 follows 1"},
      {"    type: histogram\n    match: ''\n    value: $.n\n    buckets: [1, 1]",
       "15: meter \"m_total\": buckets ascend, but 1 follows 1"},
      {"    type: histogram\n    match: ''\n    value: $.n\n    buckets: [1, .inf]",
       "15: meter \"m_total\": the bucket \".inf\" is not a finite number; +Inf is added by "
       "itself"},
      {"    type: counter\n    match: ''\n    max_series: 0",
       "14: meter \"m_total\": max_series is a whole number from 1 to 1000000"},
      {"    type: counter\n    match: ''\n    with: n_total",
       "14: meter \"m_total\": with names \"n_total\", which is no meter; did you mean m_total?"},
      {"    type: counter\n    match: ''\n    with: m_total",
       "14: meter \"m_total\": with names a meter that has a with itself"},
      {"    type: counter\n    match: ''\n    unit: US dollars",
       "14: meter \"m_total\": a unit is one snake_case word, such as seconds or usd"},
      {"    type: counter\n    match: ''\n  - metric: m_total\n    type: counter\n"
       "    help: h\n    match: ''",
       "14: meter \"m_total\" stands twice"},
      {"    type: counter\n    match: ''\n  - metric: 9m\n    type: counter\n    help: h",
       "14: a metric's name is made of letters, digits, _ and :, does not begin with a digit and "
       "has at most 200 characters, unlike \"9m\""},
      {"    type: counter\n    match: ''\n  - type: counter",
       "14: a meter needs its name: `metric: name_total`"},
      {"    type: counter\n    match: ''\n    metric: x", "14: \"metric\" stands twice in a meter"},
      {"    type: counter\n    match: '{ $.n == 1 }'",
       "13: meter \"m_total\": match, column 7: equality is written with one =\n"
       "  { $.n == 1 }\n"
       "        ^"},
  };
  for (const auto& wrong : all) {
    EXPECT_EQ(error_of(with_meter(std::string(wrong.text) + "\n")),
              "pack p, line " + std::string(wrong.message))
        << wrong.text;
  }
}

TEST(Catalogue, WithNeedsTheSameLabels) {
  EXPECT_EQ(error_of(with_fields(
                "meters:\n"
                "  - { metric: a_total, type: counter, help: h, match: '' }\n"
                "  - { metric: b_total, type: counter, help: h, match: '', with: a_total,"
                " labels: { p: $.provider } }\n")),
            "pack p, line 11: meter \"b_total\": with needs the same labels, in the same order, as "
            "\"a_total\" has");
}

TEST(Catalogue, HostileTextsAreRefusedInTimeAndMemory) {
  std::string deep;
  for (int i = 0; i < 10'000; ++i) deep += "[";
  EXPECT_NE(error_of(pack("fields: " + deep)), "no error");
  std::string bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n";
  for (char c = 'b'; c < 'k'; ++c) {
    const std::string before(1, static_cast<char>(c - 1));
    bomb += std::string(1, c) + ": &" + c + " [";
    for (int i = 0; i < 10; ++i) bomb += "*" + before + ",";
    bomb += "]\n";
  }
  EXPECT_NE(error_of(pack(bomb)).find("too large"), std::string::npos);
  EXPECT_NE(error_of(std::string(5u << 20, ' ')).find("4 MiB"), std::string::npos);
  EXPECT_NE(error_of(pack("? [a, b]\n: c\n")), "no error");
  EXPECT_NE(error_of(pack(std::string("fields: \0\x01", 10))), "no error");
}

// The hash is a meter's identity: what it covers and what not. The value is pinned, since a change
// of it restarts every counter of everyone.
TEST(RuleHash, StaysTheSameForeverForTheSameRule) {
  const auto hash = [](std::string_view lines) {
    return must_parse(with_meter(lines))->meters()[0].rule_hash;
  };
  const auto rule = hash(
      "    type: histogram\n    match: '{ $.provider = \"a*\" && ($.n > 1e3 || $.n IS NULL) }'\n"
      "    value: $.n\n    scale: -3\n    buckets: [0.1, 1]\n    labels: { p: $.provider }\n");
  EXPECT_EQ(rule, sha256_hex("rule 1\ntype histogram\n"
                             "match { $.provider = \"a*\" && ($.n > 1e3 || $.n IS NULL) }\n"
                             "label p provider\nvalue n\nscale -3\nbucket 0.1\nbucket 1")
                      .substr(0, 16));
  EXPECT_EQ(rule, "94186e026d234998");
}

TEST(RuleHash, ChangesWithTheRuleButNotWithItsWordsAndBudgets) {
  const auto hash = [](std::string_view lines) {
    return must_parse(with_meter(lines))->meters()[0].rule_hash;
  };
  const auto base = hash("    type: counter\n    match: '{ $.n = 1 }'\n");
  EXPECT_EQ(hash("    type: counter\n    match: '{$.n=1}'\n    max_series: 7\n    unit: usd\n"),
            base);
  EXPECT_NE(hash("    type: counter\n    match: '{ $.n = 2 }'\n"), base);
  EXPECT_NE(hash("    type: counter\n    match: '{ $.n = \"1\" }'\n"), base);
  EXPECT_NE(hash("    type: counter\n    match: '{ $.n = 1 }'\n    value: $.n\n"), base);
  EXPECT_NE(hash("    type: counter\n    match: '{ $.n = 1 }'\n    labels: { p: $.provider }\n"),
            base);
}

TEST(Catalogue, RulesForUnknownFieldsHoldForTheirEventTypes) {
  auto parsed = Catalogue::parse(
      "pack: p\nversion: 1\nevents:\n  shop_a: {}\n  shop_b: {}\n  bank_a: {}\n"
      "unknown_fields:\n  - { events: 'shop_*', class: count, max_names: 7 }\n"
      "  - { events: '*', class: flag }\n  - { events: bank_a, class: name }\n");
  ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
  const auto& catalogue = **parsed;
  const auto keeps = [&](std::string_view type) {
    return catalogue.event_types()[catalogue.event_type(type)].keeps;
  };
  EXPECT_EQ(keeps("shop_a"), (std::vector<std::uint16_t>{0, 1}));
  EXPECT_EQ(keeps("bank_a"), (std::vector<std::uint16_t>{1, 2}));
  EXPECT_EQ(keeps("never_heard_of"), (std::vector<std::uint16_t>{1})) << "_other";
  EXPECT_EQ(catalogue.keep_rules()[0].max_names, 7u);
  EXPECT_NE(catalogue.kept_fields(), kNoField);
  EXPECT_EQ(catalogue.field("kept_fields"), kNoField) << "nothing from outside can name it";
}

TEST(Catalogue, ErrorsInRulesForUnknownFieldsSayWhatAndWhere) {
  const Wrong all[] = {
      {"  - { events: 'shop_*', class: identifier }",
       "4: unknown_fields: class must be one of count, size, duration, money, flag, category, "
       "name; what is of another needs a field of its own"},
      {"  - { events: 'shop_*', class: content }",
       "4: unknown_fields: class must be one of count, size, duration, money, flag, category, "
       "name; what is of another needs a field of its own"},
      {"  - { events: '*_a', class: count }",
       "4: unknown_fields: events is an event type, or the beginning of some and *: "
       "`events: shop_*`"},
      {"  - { class: count }",
       "4: unknown_fields: events is an event type, or the beginning of some and *: "
       "`events: shop_*`"},
      {"  - { events: a, klass: count }",
       "4: unknown key \"klass\" in a rule for unknown fields; did you mean class?"},
  };
  for (const auto& wrong : all) {
    EXPECT_EQ(error_of(pack("unknown_fields:\n" + std::string(wrong.text) + "\n")),
              "pack p, line " + std::string(wrong.message))
        << wrong.text;
  }
}

}  // namespace
}  // namespace sightglass::event
