#include "guard/door.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <thread>

#include "base/text.h"
#include "guard/guard_test_support.h"

namespace sightglass::guard {
namespace {

using event::Event;
using event::FieldId;
using event::Value;

constexpr std::string_view kPack = R"(
pack: test
version: 1
fields:
  n: { kind: int, class: count }
  size_bytes: { kind: int, class: size }
  latency_ms: { kind: double, class: duration }
  cost_nanousd: { kind: int, class: money }
  start_ns: { kind: int, class: time }
  expires_at: { kind: any, class: time }
  status: { kind: any, class: category }
  route: { kind: text, class: category }
  is_streaming: { kind: bool, class: flag }
  outcome: { kind: text, class: type, values: [ok, error] }
  provider: { kind: text, class: category }
  status_code: { kind: int, class: category }
  model: { kind: text, class: name }
  request_id: { kind: text, class: correlation }
  caller: { kind: text, class: source_position }
  user_id: { kind: text, class: identifier, identifier: u }
  actor_id: { kind: text, class: identifier, identifier: u }
  session_id: { kind: text, class: identifier, identifier: s }
  focus_id: { kind: text, class: identifier, identifier: f }
  api_key: { kind: text, class: secret }
  prompt: { kind: text, class: content }
  rating: { kind: double, class: content }
  error: { kind: text, class: free_text }
events:
  done: { level: info, terminal: true }
meters:
  - metric: errors_total
    type: counter
    help: Events that carry an error's text.
    match: '{ $.error = *timeout* }'
  - metric: rating
    type: gauge
    help: A number that the door keeps back.
    match: '{ $.rating = * }'
    value: $.rating
  - metric: of_person_total
    type: counter
    help: By raw identifier.
    match: '{ $.user_id = "alice@example.com" }'
)";

class DoorTest : public ::testing::Test {
 protected:
  DoorTest()
      : catalogue_(parse_catalogue(kPack)),
        plan_(compile_plan(catalogue_)),
        door_(catalogue_, plan_, ring_.keys(), telemetry_) {}

  void set(std::string_view name, Value value) {
    raw_.fields.push_back({catalogue_->field(name), value});
  }
  // The decoded payload, by field name.
  std::map<std::string, Value> pass() {
    payload_.clear();
    raw_.type = catalogue_->event_type("done");
    raw_.time_ns = ring_.clock().wall_ns();
    door_.pass(raw_, payload_);
    EXPECT_TRUE(event::decode(payload_, decoded_));
    std::map<std::string, Value> out;
    for (const auto& f : decoded_.fields) out[catalogue_->fields()[f.field].name] = f.value;
    raw_ = {};
    return out;
  }
  // One field in, what became of it out.
  Value passed(std::string_view name, Value value) {
    set(name, value);
    return pass()[std::string(name)];
  }
  double counted(std::string_view metric, std::string_view label) const {
    return sample(telemetry_, metric, label);
  }

  TestRing ring_;
  Telemetry telemetry_;
  std::shared_ptr<const event::Catalogue> catalogue_;
  std::shared_ptr<const event::MatchPlan> plan_;
  Door door_;
  Event raw_;
  Event decoded_;
  std::string payload_;
};

TEST_F(DoorTest, APointInTimeOfAnyKindPassesAndNothingElse) {
  EXPECT_EQ(passed("expires_at", Value::integer(1'760'000'000)), Value::integer(1'760'000'000));
  EXPECT_EQ(passed("expires_at", Value::number(1.5)), Value::number(1.5));
  for (const auto* const text : {"2025-10-06T10:15:30.123456Z", "2025-10-06T10:15:30+00:00",
                                 "2025-10-06", "2025-10-06 10:15:30"}) {
    EXPECT_EQ(passed("expires_at", Value::text(text)), Value::text(text));
  }
  for (const auto* const text : {"tomorrow", "2025", "10/06/2025", "2025-10-06 at Bob's",
                                 "4111-11-1111-1111-1111-1111-1111-1111-11111111"}) {
    EXPECT_TRUE(passed("expires_at", Value::text(text)).is_null()) << text;
  }
  EXPECT_TRUE(passed("expires_at", Value::boolean(true)).is_null());
}

TEST_F(DoorTest, ACategoryOfAnyKindTakesNumbersAndWords) {  // S3-J02
  EXPECT_EQ(passed("status", Value::integer(200)), Value::integer(200));
  EXPECT_EQ(passed("status", Value::text("ok")), Value::text("ok"));
  EXPECT_TRUE(passed("status", Value::text("not at all ok")).is_null());
  EXPECT_TRUE(passed("status", Value::number(1.5)).is_null());
}

TEST_F(DoorTest, RoutesAndMediaTypesKeepTheirOneBlank) {  // S3-F02, S1-F15
  for (const auto* const text :
       {"POST /api/chat", "DELETE /a/{id}", "text/plain; charset=utf-8", "/chat"}) {
    const auto form = passed("route", Value::text(text));
    EXPECT_EQ(form.is_null(), std::string_view(text).find('{') != std::string_view::npos) << text;
  }
  for (const auto* const text :
       {"post /api/chat", "POST api", "POST /api chat", "hello world", "text; charset=utf-8",
        "text/plain; charset", "POST /users/bob@example.com", "tell me /more"}) {
    EXPECT_TRUE(passed("route", Value::text(text)).is_null()) << text;
  }
  EXPECT_TRUE(passed("model", Value::text("POST /api/chat")).is_null()) << "a name is one word";
}

TEST_F(DoorTest, NumbersPassInTheFieldsOwnKind) {
  EXPECT_EQ(passed("n", Value::integer(7)), Value::integer(7));
  EXPECT_EQ(passed("n", Value::number(7.0)), Value::integer(7));
  EXPECT_EQ(passed("latency_ms", Value::integer(3)), Value::number(3));
  EXPECT_EQ(passed("size_bytes", Value::integer(1)), Value::integer(1));
  EXPECT_EQ(passed("cost_nanousd", Value::integer(-1)), Value::integer(-1));
  EXPECT_EQ(passed("start_ns", Value::integer(5)), Value::integer(5));
}

TEST_F(DoorTest, NumericClassesDropTextFractionsAndWhatIsNoNumber) {
  EXPECT_TRUE(passed("n", Value::text("7")).is_null());
  EXPECT_TRUE(passed("n", Value::number(7.5)).is_null());
  EXPECT_TRUE(passed("n", Value::number(1e300)).is_null());
  EXPECT_TRUE(passed("n", Value::boolean(true)).is_null());
  EXPECT_TRUE(passed("latency_ms", Value::number(__builtin_nan(""))).is_null());
  EXPECT_TRUE(passed("latency_ms", Value::number(__builtin_inf())).is_null());
  EXPECT_EQ(counted("sightglass_guard_dropped_total", "count"), 4);
  EXPECT_EQ(counted("sightglass_guard_dropped_total", "duration"), 2);
  EXPECT_EQ(counted("sightglass_guard_dropped_by_reason_total", "kind"), 4);
  EXPECT_EQ(counted("sightglass_guard_dropped_by_reason_total", "form"), 2);
}

TEST_F(DoorTest, FlagsPassAndOtherKindsInTheirPlaceDoNot) {
  EXPECT_EQ(passed("is_streaming", Value::boolean(false)), Value::boolean(false));
  EXPECT_TRUE(passed("is_streaming", Value::text("true")).is_null());
  EXPECT_EQ(counted("sightglass_guard_dropped_total", "flag"), 1);
}

TEST_F(DoorTest, TypeOutsideItsClosedListBecomesOther) {
  EXPECT_EQ(passed("outcome", Value::text("ok")), Value::text("ok"));
  EXPECT_EQ(passed("outcome", Value::text("my name is Alice")), Value::text("_OTHER"));
  EXPECT_EQ(passed("outcome", Value::text("")), Value::text("_OTHER"));
  EXPECT_TRUE(passed("outcome", Value::integer(1)).is_null());
  EXPECT_EQ(counted("sightglass_guard_other_total", ""), 2);
}

TEST_F(DoorTest, CategoryPassesInItsAlphabetAndLengthOnly) {
  EXPECT_EQ(passed("provider", Value::text("azure/eu-1:a@b+c_d.e")),
            Value::text("azure/eu-1:a@b+c_d.e"));
  const std::string longest(128, 'x');
  EXPECT_EQ(passed("provider", Value::text(longest)), Value::text(longest));
  EXPECT_TRUE(passed("provider", Value::text(longest + "x")).is_null());
  EXPECT_TRUE(passed("provider", Value::text("")).is_null());
  EXPECT_TRUE(passed("provider", Value::text("two words")).is_null());
  EXPECT_TRUE(passed("provider", Value::text("ä")).is_null());
  EXPECT_TRUE(passed("provider", Value::text("a\nb")).is_null());
  EXPECT_EQ(counted("sightglass_guard_dropped_total", "category"), 5);
}

TEST_F(DoorTest, CategoryTakesCodesAsNumbersButNotLongOnes) {
  EXPECT_EQ(passed("status_code", Value::integer(404)), Value::integer(404));
  EXPECT_TRUE(passed("status_code", Value::integer(4'111'111'111'111'111)).is_null());
  EXPECT_TRUE(passed("status_code", Value::text("404")).is_null());
  EXPECT_EQ(passed("provider", Value::integer(-12)), Value::text("-12"));
}

TEST_F(DoorTest, NameThatLooksLikeASecretIsDroppedAndCountedByKind) {
  EXPECT_EQ(passed("model", Value::text("claude-3-5-sonnet@20240620")),
            Value::text("claude-3-5-sonnet@20240620"));
  EXPECT_TRUE(passed("model", Value::text("sk-proj-abcDEF123456ghiJKL789012")).is_null());
  EXPECT_TRUE(passed("provider", Value::text("alice.doe@example.com")).is_null());
  EXPECT_EQ(counted("sightglass_guard_secrets_total", "openai_key"), 1);
  EXPECT_EQ(counted("sightglass_guard_secrets_total", "email"), 1);
  EXPECT_EQ(counted("sightglass_guard_dropped_total", "name"), 1);
  EXPECT_EQ(counted("sightglass_guard_dropped_by_reason_total", "secret"), 2);
}

TEST_F(DoorTest, CorrelationPassesWholeInKnownFormsOnly) {
  const std::string_view good[] = {"123e4567-e89b-42d3-a456-426614174000",
                                   "01ARZ3NDEKTSV4RRFFQ69G5FAV", "4bf92f3577b34da6a3ce929d0e0e4736",
                                   "00f067aa0ba902b7"};
  for (const auto id : good) EXPECT_EQ(passed("request_id", Value::text(id)), Value::text(id));
  EXPECT_TRUE(passed("request_id", Value::text("4111111111111111")).is_null()) << "a card";
  EXPECT_TRUE(passed("request_id", Value::text("alice")).is_null());
  EXPECT_TRUE(passed("request_id", Value::text("abc")).is_null());
  EXPECT_TRUE(passed("request_id", Value::integer(12345678)).is_null());
  EXPECT_EQ(counted("sightglass_guard_dropped_total", "correlation"), 4);
}

TEST_F(DoorTest, SourcePositionPassesWithoutFolders) {
  EXPECT_EQ(passed("caller", Value::text("proxy_server.py:120")),
            Value::text("proxy_server.py:120"));
  EXPECT_TRUE(passed("caller", Value::text("/home/alice/x.py:1")).is_null());
  EXPECT_TRUE(passed("caller", Value::text("x.py")).is_null());
  EXPECT_TRUE(passed("caller", Value::text("x:1")).is_null());
  EXPECT_TRUE(passed("caller", Value::text("my file.py:1")).is_null());
  EXPECT_TRUE(passed("caller", Value::text("sk-proj-abcDEF123456ghiJKL789012.py:1")).is_null());
}

TEST_F(DoorTest, IdentifierPassesAsThePseudonymThatTheRingGives) {
  std::string expected;
  ASSERT_TRUE(ring_.keys().pseudonym("u", "alice", ring_.clock().wall_ns(), expected));
  EXPECT_EQ(passed("user_id", Value::text("alice")), Value::text(expected));
  EXPECT_EQ(passed("user_id", Value::text("alice")), Value::text(expected)) << "from the cache";
  EXPECT_EQ(passed("actor_id", Value::text("alice")), Value::text(expected)) << "same kind";
}

TEST_F(DoorTest, IdentifierIsNormalisedAndNumbersAreTakenAsText) {
  const std::string lower(passed("user_id", Value::text("alice@example.com")).as_text());
  EXPECT_EQ(passed("user_id", Value::text(" Alice@Example.COM ")).as_text(), lower);
  const std::string seven(passed("user_id", Value::text("7")).as_text());
  EXPECT_EQ(passed("user_id", Value::integer(7)).as_text(), seven);
  const std::string capital(passed("user_id", Value::text("Alice")).as_text());
  EXPECT_NE(passed("user_id", Value::text("alice")).as_text(), capital);
}

TEST_F(DoorTest, UnknownUserStaysPlainAndEmptyIsNothing) {
  EXPECT_EQ(passed("user_id", Value::text("[unknown]")), Value::text("unknown"));
  EXPECT_EQ(passed("user_id", Value::text("unknown")), Value::text("unknown"));
  EXPECT_TRUE(passed("user_id", Value::text("  ")).is_null());
  EXPECT_EQ(counted("sightglass_guard_dropped_total", "identifier"), 0);
}

TEST_F(DoorTest, IdentifierOfWrongKindOrLengthIsDropped) {
  EXPECT_TRUE(passed("user_id", Value::number(1.5)).is_null());
  EXPECT_TRUE(passed("user_id", Value::text(std::string(1025, 'a'))).is_null());
  EXPECT_FALSE(passed("user_id", Value::text(std::string(1024, 'a'))).is_null());
  EXPECT_EQ(counted("sightglass_guard_dropped_total", "identifier"), 2);
}

TEST_F(DoorTest, IdentifierWithoutAKeyIsDroppedAndCounted) {
  EXPECT_FALSE(passed("user_id", Value::text("alice")).is_null());
  ring_.make_unwritable();
  ring_.clock().advance(400 * 86'400 * kSecond);
  EXPECT_TRUE(passed("user_id", Value::text("alice")).is_null());
  EXPECT_FALSE(passed("session_id", Value::text("abc")).is_null()) << "its key lasts";
  EXPECT_EQ(counted("sightglass_guard_dropped_by_reason_total", "no_key"), 1);
}

TEST_F(DoorTest, SecretContentAndFreeTextNeverPass) {
  EXPECT_TRUE(passed("api_key", Value::text("x")).is_null());
  EXPECT_TRUE(passed("prompt", Value::text("x")).is_null());
  EXPECT_TRUE(passed("rating", Value::number(4)).is_null());
  EXPECT_TRUE(passed("error", Value::text("x")).is_null());
  EXPECT_EQ(counted("sightglass_guard_dropped_total", "secret"), 1);
  EXPECT_EQ(counted("sightglass_guard_dropped_total", "content"), 2);
  EXPECT_EQ(counted("sightglass_guard_dropped_total", "free_text"), 1);
  EXPECT_EQ(counted("sightglass_guard_dropped_by_reason_total", "class"), 4);
}

TEST_F(DoorTest, NullIsAbsenceAndNotADrop) {
  EXPECT_TRUE(passed("prompt", Value()).is_null());
  EXPECT_EQ(counted("sightglass_guard_dropped_total", "content"), 0);
}

TEST_F(DoorTest, FieldNumbersThatTheCatalogueLacksAreDropped) {
  raw_.fields.push_back({static_cast<FieldId>(catalogue_->fields().size()), Value::text("x")});
  raw_.fields.push_back({event::kNoField, Value::text("x")});
  pass();
  EXPECT_TRUE(decoded_.fields.empty());
  EXPECT_EQ(counted("sightglass_guard_dropped_by_reason_total", "unknown_field"), 2);
}

TEST_F(DoorTest, OfAFieldGivenTwiceTheLastCounts) {
  set("provider", Value::text("first"));
  set("n", Value::integer(1));
  set("provider", Value::text("second"));
  auto out = pass();
  EXPECT_EQ(decoded_.fields.size(), 2u);
  EXPECT_EQ(out["provider"], Value::text("second"));
  EXPECT_EQ(counted("sightglass_guard_dropped_by_reason_total", "duplicate"), 1);
}

// Patterns see what the guard removes: matching comes first.
TEST_F(DoorTest, MetersMatchOnTextsAndRawIdentifiersThatDoNotPass) {
  set("error", Value::text("upstream timeout after 30 s"));
  set("user_id", Value::text("alice@example.com"));
  pass();
  ASSERT_EQ(decoded_.meters.size(), 2u);
  EXPECT_EQ(catalogue_->meters()[decoded_.meters[0].meter].name, "errors_total");
  EXPECT_EQ(catalogue_->meters()[decoded_.meters[1].meter].name, "of_person_total");
  EXPECT_FALSE(decoded_.meters[0].has_value);
}

TEST_F(DoorTest, MeterCarriesTheNumberOfAFieldThatDoesNotPass) {
  set("rating", Value::number(4.5));
  pass();
  ASSERT_EQ(decoded_.meters.size(), 1u);
  EXPECT_TRUE(decoded_.meters[0].has_value);
  EXPECT_EQ(decoded_.meters[0].value, 4.5);
}

TEST_F(DoorTest, MeterCarriesNoTextOfAFieldThatDoesNotPass) {
  set("rating", Value::text("4111111111111111"));
  pass();
  ASSERT_EQ(decoded_.meters.size(), 1u);
  EXPECT_FALSE(decoded_.meters[0].has_value);
}

TEST_F(DoorTest, UnknownEventTypeBecomesOther) {
  raw_.type = 999;
  payload_.clear();
  door_.pass(raw_, payload_);
  ASSERT_TRUE(event::decode(payload_, decoded_));
  EXPECT_EQ(decoded_.type, event::kOtherEvent);
}

TEST_F(DoorTest, SameEventGivesTheSameBytesWhateverPassedBefore) {
  const auto make = [&] {
    Event e;
    e.type = catalogue_->event_type("done");
    e.time_ns = ring_.clock().wall_ns();
    e.fields = {{catalogue_->field("user_id"), Value::text("Bob@example.com")},
                {catalogue_->field("provider"), Value::text("openai")},
                {catalogue_->field("session_id"), Value::integer(77)},
                {catalogue_->field("error"), Value::text("timeout")}};
    return e;
  };
  std::string first;
  auto e = make();
  door_.pass(e, first);
  for (int i = 0; i < 2000; ++i) {
    const auto other = "user" + std::to_string(i);
    set("user_id", Value::text(other));
    pass();
  }
  std::string second;
  e = make();
  door_.pass(e, second);
  EXPECT_EQ(first, second);
  Telemetry telemetry;
  Door fresh(catalogue_, plan_, ring_.keys(), telemetry);
  std::string third;
  e = make();
  fresh.pass(e, third);
  EXPECT_EQ(first, third);
}

// The cache must not carry a pseudonym from one epoch into the next.
TEST_F(DoorTest, CachedPseudonymsEndWithTheirEpoch) {
  const std::string before(passed("user_id", Value::text("alice")).as_text());
  ring_.clock().advance(31 * 86'400 * kSecond);
  const std::string after(passed("user_id", Value::text("alice")).as_text());
  EXPECT_NE(before, after);
  std::string expected;
  ASSERT_TRUE(ring_.keys().pseudonym("u", "alice", ring_.clock().wall_ns(), expected));
  EXPECT_EQ(after, expected);
}

// Run under ThreadSanitizer: doors of several threads over one ring whose epochs change.
TEST_F(DoorTest, DoorsOfSeveralThreadsShareOneRing) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      Door door(catalogue_, plan_, ring_.keys(), telemetry_);
      Event event;
      Event decoded;
      std::string out;
      for (int i = 0; i < 300; ++i) {
        const auto user = "user" + std::to_string(i % 7);
        event.time_ns = ring_.clock().wall_ns();
        event.fields = {{catalogue_->field("user_id"), Value::text(user)},
                        {catalogue_->field("prompt"), Value::text("x")}};
        out.clear();
        door.pass(event, out);
        ASSERT_TRUE(event::decode(out, decoded));
        ASSERT_LE(decoded.fields.size(), 2u);  // in the overlap with its companion
        ASSERT_TRUE(decoded.fields[0].value.as_text().starts_with("u:"));
      }
    });
  }
  for (int i = 0; i < 10; ++i) {
    ring_.clock().advance(30 * 86'400 * kSecond);
    EXPECT_TRUE(ring_.keys().tend());
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(counted("sightglass_guard_dropped_total", "content"), 900);
}

// The side channel of a sink that prints people plainly: persons alone, and nothing without it.
TEST_F(DoorTest, TellsWhatThePseudonymsOfPersonsStoodForOnlyWhenAsked) {
  event::PlainNames names;
  set("user_id", Value::text("Alice@Example.com"));
  const auto before = std::string(pass()["user_id"].as_text());
  EXPECT_EQ(names.find(before), "");
  door_.tell(names);
  for (int i = 0; i < 2; ++i) {  // from the cache, too
    set("user_id", Value::text("Alice@Example.com"));
    set("session_id", Value::text("sess-1"));
    const auto passed = pass();
    EXPECT_EQ(names.find(passed.at("user_id").as_text()), "alice@example.com");
    EXPECT_EQ(names.find(passed.at("session_id").as_text()), "");
    EXPECT_EQ(payload_.find("lice@"), std::string::npos);
  }
  set("user_id", Value::text("[unknown]"));
  pass();
  EXPECT_EQ(names.find("unknown"), "");
}

TEST(PlainNames, ForgetTheHalfNotHeardOfForLongest) {
  event::PlainNames names(4);
  for (int i = 0; i < 3; ++i) names.put("u:" + std::to_string(i), std::to_string(i));
  EXPECT_EQ(names.find("u:0"), "0");
  for (int i = 3; i < 7; ++i) names.put("u:" + std::to_string(i), std::to_string(i));
  EXPECT_EQ(names.find("u:0"), "");
  EXPECT_EQ(names.find("u:6"), "6");
}

}  // namespace
}  // namespace sightglass::guard
