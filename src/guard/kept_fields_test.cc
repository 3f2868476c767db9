// Fields that no pack knows, where a pack has a rule for them: what passes, under which names, and
// how much of it.
#include "guard/kept_fields.h"

#include "guard/door.h"
#include "guard/guard_test_support.h"

namespace sightglass::guard {
namespace {

using event::Event;
using event::Value;

constexpr std::string_view kPack = R"(
pack: shop
version: 1
fields:
  n: { kind: int, class: count }
events:
  checkout_done: { level: info }
  checkout_failed: { level: error }
  other_thing: { level: info }
unknown_fields:
  - { events: checkout_*, class: count, max_names: 3 }
  - { events: checkout_*, class: flag }
  - { events: checkout_done, class: category }
)";

class KeptFields : public ::testing::Test {
 protected:
  KeptFields()
      : catalogue_(parse_catalogue(kPack)),
        names_(std::make_shared<KeptNames>(*catalogue_)),
        door_(catalogue_, compile_plan(catalogue_), ring_.keys(), telemetry_, names_) {}

  // The text that the door kept; "" where it kept none.
  std::string kept(std::string_view type, std::vector<event::UnknownField> unknown) {
    Event raw;
    raw.type = catalogue_->event_type(type);
    raw.time_ns = ring_.clock().wall_ns();
    raw.unknown = std::move(unknown);
    std::string payload;
    door_.pass(raw, payload);
    left_ = raw.unknown.size();
    Event decoded;
    EXPECT_TRUE(event::decode(payload, decoded));
    return std::string(decoded.get(catalogue_->kept_fields()).as_text());
  }

  TestRing ring_;
  Telemetry telemetry_;
  std::shared_ptr<const event::Catalogue> catalogue_;
  std::shared_ptr<KeptNames> names_;
  Door door_;
  std::size_t left_ = 0;
};

TEST_F(KeptFields, ValuesThatFitARuleOfTheTypeAreKeptAsOneText) {
  EXPECT_EQ(kept("checkout_done", {{"items", Value::integer(3)},
                                   {"weight.kg", Value::number(1.5)},
                                   {"gift", Value::boolean(true)},
                                   {"shop-id", Value::text("north/2")}}),
            R"({"items":3,"weight.kg":1.5,"gift":true,"shop-id":"north/2"})");
  EXPECT_EQ(left_, 4u);
  EXPECT_EQ(kept("checkout_failed", {{"gift", Value::boolean(false)}, {"x", Value::text("word")}}),
            R"({"gift":false})")
      << "no rule for words there";
  EXPECT_EQ(left_, 1u);
  EXPECT_EQ(kept("other_thing", {{"items", Value::integer(3)}}), "");
  EXPECT_EQ(kept("_other", {{"items", Value::integer(3)}}), "");
}

TEST_F(KeptFields, WhatMayNotPassDoesNotPassHere) {
  EXPECT_EQ(kept("checkout_done", {{"note", Value::text("a whole sentence of a person")}}), "");
  EXPECT_EQ(kept("checkout_done", {{"mail", Value::text("alice@example.com")}}), "");
  EXPECT_EQ(
      kept("checkout_done", {{"key", Value::text("sk-proj-a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6")}}),
      "");
  EXPECT_EQ(kept("checkout_done", {{"alice@example.com", Value::boolean(true)}}), "")
      << "nor as a name";
  EXPECT_EQ(kept("checkout_done", {{"two words", Value::boolean(true)},
                                   {std::string_view("q\"x"), Value::boolean(true)},
                                   {"", Value::boolean(true)}}),
            "");
}

TEST_F(KeptFields, OnlySoManyNamesAreKept) {
  for (const auto* name : {"a", "b", "c"}) {
    EXPECT_NE(kept("checkout_failed", {{name, Value::integer(1)}}), "") << name;
  }
  EXPECT_EQ(kept("checkout_failed", {{"d", Value::integer(1)}}), "") << "one too many";
  EXPECT_NE(kept("checkout_failed", {{"b", Value::integer(2)}}), "") << "it was there before";
  EXPECT_NE(kept("checkout_failed", {{"d", Value::boolean(true)}}), "") << "another rule";
  // A second door of the same packs has the same bound.
  Door second(catalogue_, compile_plan(catalogue_), ring_.keys(), telemetry_, names_);
  Event raw;
  raw.type = catalogue_->event_type("checkout_failed");
  raw.unknown = {{"e", Value::integer(1)}};
  std::string payload;
  second.pass(raw, payload);
  EXPECT_TRUE(raw.unknown.empty());
}

TEST_F(KeptFields, TheTextIsBounded) {
  std::vector<event::UnknownField> many;
  std::vector<std::string> names;
  const std::string word(120, 'w');
  for (int i = 0; i < 60; ++i) names.push_back("name_" + std::to_string(i));
  for (const auto& name : names) many.push_back({name, Value::text(word)});
  const auto text = kept("checkout_done", many);
  EXPECT_LE(text.size(), UnknownGuard::kMostBytes);
  EXPECT_GT(left_, 5u);
  EXPECT_LT(left_, 60u);
}

TEST_F(KeptFields, NobodyCanSendTheFieldItself) {
  EXPECT_EQ(catalogue_->field("kept_fields"), event::kNoField);
  Event raw;
  raw.type = catalogue_->event_type("checkout_done");
  raw.fields = {{catalogue_->kept_fields(), Value::text("CANARY")}};
  std::string payload;
  door_.pass(raw, payload);
  EXPECT_EQ(payload.find("CANARY"), std::string::npos);
}

}  // namespace
}  // namespace sightglass::guard
