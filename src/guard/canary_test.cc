// Proof 6 of the guard, and the door's half of the canary proof: texts planted in every field of
// the gateway's pack that must not let them pass are found in no byte that leaves, in none of six
// encodings; and markers that may pass are found, so that the search cannot be blind.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/text.h"
#include "guard/door.h"
#include "guard/guard_test_support.h"
#include "guard/secret_samples.h"

namespace sightglass::guard {
namespace {

using event::Event;
using event::FieldClass;
using event::Value;

std::string base64(std::string_view bytes, std::size_t offset) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  unsigned bits = 0;
  int n = 0;
  for (const char c : bytes.substr(offset)) {
    bits = (bits << 8) | static_cast<unsigned char>(c);
    for (n += 8; n >= 6; n -= 6) out += kDigits[(bits >> (n - 6)) & 63];
  }
  return out;  // without the last, incomplete digit
}

// How a canary could hide; base64 in its three alignments.
std::vector<std::string> encodings(const std::string& canary) {
  std::string escaped;
  for (const char c : canary) {
    const auto byte = std::string(1, c);
    escaped += "\\u00" + to_hex(byte);
  }
  return {canary,
          std::string(canary.rbegin(), canary.rend()),
          to_hex(canary),
          escaped,
          base64(canary, 0),
          base64(canary, 1),
          base64(canary, 2),
          to_lower(canary)};
}

bool contains_any(std::string_view bytes, const std::vector<std::string>& needles) {
  return std::any_of(needles.begin(), needles.end(), [&](const std::string& needle) {
    return bytes.find(needle) != std::string_view::npos;
  });
}

std::string gateway_pack() {
  const char* const root = std::getenv("SIGHTGLASS_SOURCE_DIR");
  std::ifstream in(std::string(root == nullptr ? "." : root) + "/packs/gateway.yaml");
  return std::string(std::istreambuf_iterator<char>(in), {});
}

struct Canary {
  FieldClass field_class;
  std::string text;
};

// For each class, texts of a kind that must not come through a field of it.
std::vector<Canary> canaries_for(FieldClass field_class) {
  const std::vector<std::string> secrets = {"sk-proj-C4n4ryAbCdEf0123456789XyZ",
                                            "sk-ant-api03-C4n4ry0123456789abcdefABCDEF",
                                            "sg_C4n4ry0123456789abcdefABCDEF",
                                            "ghp_C4n4ry0123456789abcdefABCDEF012345",
                                            "AKIAC4N4RY0123456789",
                                            "eyJhbGciOiJIUzI1NiJ9.eyJDNG40cnkiOjF9.c2lnbmF0dXJl",
                                            "c4n4ry.person@example.com",
                                            "4012888888881881",
                                            "c0ffee00c4a4a7c0ffee00c4a4a7c0ff"};
  const std::vector<std::string> sentences = {
      "Canary prompt: what is the capital of France?", "/home/canary/secret plan.txt",
      "Zürich-Kanarienvogel", "canary\nline\ttwo", "{\"canary\":\"json \\\"quoted\\\"\"}"};
  std::vector<Canary> out;
  const auto add = [&](const std::vector<std::string>& texts) {
    for (const auto& text : texts) out.push_back({field_class, text});
  };
  add(sentences);
  switch (field_class) {
    case FieldClass::kCorrelation:  // 32 hex digits are a trace id
      add({"canary-not-an-id", "c4n4ry.person@example.com"});
      break;
    default:
      add(secrets);
      break;
  }
  if (!event::passes(field_class)) add({"canaryword", "CANARY12"});
  if (field_class == FieldClass::kIdentifier) add({"canaryword", "user-canary-77", "u:canary"});
  if (field_class == FieldClass::kType || field_class < FieldClass::kType) add({"canaryword"});
  return out;
}

TEST(Canary, NoPlantedTextLeavesTheDoorInAnyEncoding) {
  TestRing ring;
  Telemetry telemetry;
  const auto catalogue = parse_catalogue(gateway_pack());
  Door door(catalogue, compile_plan(catalogue), ring.keys(), telemetry);
  std::size_t planted = 0;
  std::string everything;
  for (std::size_t id = 0; id < catalogue->fields().size(); ++id) {
    const auto& field = catalogue->fields()[id];
    for (const auto& canary : canaries_for(field.field_class)) {
      Event event;
      event.type = catalogue->event_type("stream_completed");
      event.time_ns = ring.clock().wall_ns();
      event.fields = {{static_cast<event::FieldId>(id), Value::text(canary.text)},
                      {catalogue->field("provider"), Value::text("permitted-marker")},
                      {catalogue->field("outcome"), Value::text("error")}};
      if (id == catalogue->field("provider")) std::swap(event.fields[0], event.fields[1]);
      std::string out;
      door.pass(event, out);
      ++planted;
      EXPECT_FALSE(contains_any(out, encodings(canary.text))) << field.name << ": " << canary.text;
      if (id != catalogue->field("provider")) {
        EXPECT_NE(out.find("permitted-marker"), std::string::npos) << "the search is blind";
      }
      everything += out;
    }
  }
  EXPECT_GT(planted, 1000u);
  EXPECT_EQ(everything.find("anary"), std::string::npos);
  EXPECT_EQ(everything.find("4n4ry"), std::string::npos);
  EXPECT_EQ(everything.find("example.com"), std::string::npos);
}

// All at once, in one event, as an ingested line could bring them.
TEST(Canary, NothingLeavesWhenEveryFieldIsPlanted) {
  TestRing ring;
  Telemetry telemetry;
  const auto catalogue = parse_catalogue(gateway_pack());
  Door door(catalogue, compile_plan(catalogue), ring.keys(), telemetry);
  const std::string canary = "Canary prompt: what is the capital of France?";
  Event event;
  event.type = catalogue->event_type("stream_completed");
  for (std::size_t id = 0; id < catalogue->fields().size(); ++id) {
    event.fields.push_back({static_cast<event::FieldId>(id), Value::text(canary)});
  }
  std::string out;
  door.pass(event, out);
  EXPECT_FALSE(contains_any(out, encodings(canary)));
  Event decoded;
  ASSERT_TRUE(event::decode(out, decoded));
  for (const auto& field : decoded.fields) {
    const auto field_class = catalogue->fields()[field.field].field_class;
    EXPECT_TRUE(field_class == FieldClass::kType || field_class == FieldClass::kIdentifier)
        << catalogue->fields()[field.field].name;
  }
}

constexpr std::string_view kClassesPack = R"(
pack: classes
version: 1
fields:
  a_name: { kind: text, class: name }
  a_category: { kind: text, class: category }
  a_type: { kind: text, class: type, values: [ok] }
  a_correlation: { kind: text, class: correlation }
  a_position: { kind: text, class: source_position }
  a_person: { kind: text, class: identifier, identifier: u }
  a_secret: { kind: text, class: secret }
  a_text: { kind: text, class: free_text }
  a_count: { kind: int, class: count }
  a_flag: { kind: bool, class: flag }
  marker: { kind: text, class: name }
events:
  seen: { level: info }
)";

// Secrets of all kinds in fields of all classes. Hex of 32 digits and more is an id's form, so that
// it passes where ids do, and only there.
TEST(Canary, NoSecretOfAnyKindLeavesAFieldOfAnyClass) {
  TestRing ring;
  Telemetry telemetry;
  SeededRandom random(5);
  const auto catalogue = parse_catalogue(kClassesPack);
  Door door(catalogue, compile_plan(catalogue), ring.keys(), telemetry);
  const auto marker = catalogue->field("marker");
  std::size_t planted = 0;
  for (int round = 0; round < 10; ++round) {
    for (const auto& secret : plant_each(random)) {
      if (secret.kind == "random_text") continue;  // 992 of 1000: secret_scan_test.cc
      for (const auto& field : catalogue->fields()) {
        const auto id = catalogue->field(field.name);
        if (id == marker) continue;
        if (field.field_class == FieldClass::kCorrelation && secret.kind == "long_hex") continue;
        for (const auto& value : {secret.text, "x:" + secret.text, "f.py:" + secret.text}) {
          Event event;
          event.time_ns = ring.clock().wall_ns();
          event.fields = {{id, Value::text(value)}, {marker, Value::text("permitted-marker")}};
          std::string out;
          door.pass(event, out);
          ++planted;
          EXPECT_EQ(out.find(secret.text), std::string::npos) << field.name << " " << value;
          EXPECT_NE(out.find("permitted-marker"), std::string::npos) << "the search is blind";
        }
      }
    }
  }
  EXPECT_GT(planted, 30'000u);
}

// The search finds what does pass, in plain and in each encoding that it knows.
TEST(Canary, TheSearchFindsWhatIsThere) {
  const std::string canary = "canary-text";
  for (const auto& hidden : encodings(canary)) {
    EXPECT_TRUE(contains_any("before" + hidden + "after", encodings(canary))) << hidden;
  }
  EXPECT_EQ(base64("canary-text", 0).substr(0, 8), "Y2FuYXJ5");
  EXPECT_FALSE(contains_any("something else", encodings(canary)));
}

}  // namespace
}  // namespace sightglass::guard
