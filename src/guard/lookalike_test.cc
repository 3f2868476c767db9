// Innocent values that look like secrets: of each sort under 1 % may be touched, through the door
// and in a field of the class that packs give such values.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "guard/door.h"
#include "guard/guard_test_support.h"
#include "guard/secret_samples.h"

namespace sightglass::guard {
namespace {

using event::Event;
using event::Value;

constexpr std::string_view kPack = R"(
pack: lookalikes
version: 1
fields:
  name: { kind: text, class: name }
  category: { kind: text, class: category }
  correlation: { kind: text, class: correlation }
events:
  seen: { level: info }
)";

std::string read_source(const std::string& path) {
  const char* const root = std::getenv("SIGHTGLASS_SOURCE_DIR");
  std::ifstream in(std::string(root == nullptr ? "." : root) + "/" + path);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// The keys of the first level: `  "name": {`.
std::vector<std::string> model_names() {
  const auto text = read_source("src/price/prices_builtin.json");
  std::vector<std::string> out;
  for (auto at = text.find("\n  \""); at != std::string::npos; at = text.find("\n  \"", at + 1)) {
    const auto end = text.find('"', at + 4);
    if (text.compare(end, 4, "\": {") == 0) out.push_back(text.substr(at + 4, end - at - 4));
  }
  return out;
}

std::string base64_of(std::string_view bytes) {
  std::string out;
  unsigned bits = 0;
  int n = 0;
  constexpr std::string_view kDigits64 =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  for (const char c : bytes) {
    bits = (bits << 8) | static_cast<unsigned char>(c);
    for (n += 8; n >= 6; n -= 6) out += kDigits64[(bits >> (n - 6)) & 63];
  }
  if (n > 0) out += kDigits64[(bits << (6 - n)) & 63];
  return out;
}

std::string two_digits(std::uint64_t n) {
  return {static_cast<char>('0' + n / 10 % 10), static_cast<char>('0' + n % 10)};
}

std::string timestamp(SeededRandom& r) {
  const auto day = "20" + two_digits(20 + r.below(10)) + "-" + two_digits(1 + r.below(12)) + "-" +
                   two_digits(1 + r.below(28)) + "T" + two_digits(r.below(24)) + ":" +
                   two_digits(r.below(60)) + ":" + two_digits(r.below(60));
  switch (r.below(4)) {
    case 0:
      return day + "Z";
    case 1:
      return day + "." + random_text(r, kDecimal, 6) + "Z";
    case 2:
      return day + "+0" + two_digits(r.below(10)).substr(1) + ":00";
    default:
      return "17" + random_text(r, kDecimal, r.below(2) == 0 ? 8 : 11);
  }
}

std::string version(SeededRandom& r) {
  auto out = std::to_string(r.below(40)) + "." + std::to_string(r.below(30)) + "." +
             std::to_string(r.below(200));
  switch (r.below(5)) {
    case 0:
      return "v" + out;
    case 1:
      return out + "-rc." + std::to_string(r.below(20));
    case 2:
      return out + "+build.20260724" + random_text(r, kDecimal, 6);
    case 3:
      return "v" + out + "-" + std::to_string(r.below(99)) + "-g" + random_text(r, kLowerHex, 9);
    default:
      return out;
  }
}

std::string uuid(SeededRandom& r) { return fill_form("{h8}-{h4}-4{h3}-a{h3}-{h12}", r); }

std::string route(SeededRandom& r) {
  constexpr std::string_view kParts[] = {
      "api",       "v1",    "v2",          "chat",      "completions", "sessions", "users",
      "admin",     "focus", "embeddings",  "providers", "metrics",     "next",     "organizations",
      "summaries", "audio", "transcripts", "ws",        "tool-calls",  "healthz"};
  std::string out;
  for (auto n = 1 + r.below(5); n > 0; --n) {
    out += "/" + std::string(kParts[r.below(std::size(kParts))]);
    if (r.below(6) == 0) out += "/" + std::to_string(r.below(100'000));
    if (r.below(12) == 0) out += "/" + uuid(r);
  }
  return out;
}

constexpr std::string_view kMimeTypes[] = {
    "application/json",
    "application/x-ndjson",
    "application/octet-stream",
    "application/pdf",
    "application/vnd.api+json",
    "application/problem+json",
    "application/x-www-form-urlencoded",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "application/vnd.oasis.opendocument.text",
    "application/vnd.ms-excel.sheet.macroEnabled.12",
    "application/x-7z-compressed",
    "audio/mpeg",
    "audio/x-wav",
    "audio/webm",
    "image/svg+xml",
    "image/png",
    "image/vnd.microsoft.icon",
    "multipart/form-data",
    "text/event-stream",
    "text/markdown",
    "text/plain",
    "video/x-matroska",
    "font/woff2"};

// What these packs' own words are: every word of their text.
std::vector<std::string> pack_words() {
  std::vector<std::string> out;
  for (const auto* file : {"packs/gateway.yaml", "packs/coo-llm.yaml"}) {
    const auto text = read_source(file);
    std::string word;
    for (const char c : text) {
      const bool in_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '_' || c == '-';
      if (in_word) {
        word += c;
      } else {
        if (word.size() > 2) out.push_back(word);
        word.clear();
      }
    }
  }
  return out;
}

struct Sort {
  std::string name;
  std::string field;
  std::vector<std::string> values;
};

std::vector<Sort> corpus() {
  SeededRandom random(11);
  const auto many = [&](auto make) {
    std::vector<std::string> out;
    for (int i = 0; i < 2000; ++i) out.push_back(make(random));
    return out;
  };
  const auto ulid = [](SeededRandom& r) { return fill_form("01{C24}", r); };
  const auto count = [](SeededRandom& r) {
    return base64_of(std::to_string(r.below(std::uint64_t{1} << (1 + r.below(62)))));
  };
  const auto little_endian = [](SeededRandom& r) {
    const auto n = r.below(std::uint64_t{1} << (1 + r.below(40)));
    return base64_of({reinterpret_cast<const char*>(&n), sizeof n});
  };
  return {
      {"uuid", "correlation", many(uuid)},
      {"uuid as a name", "name", many(uuid)},
      {"ulid", "correlation", many(ulid)},
      {"ulid as a name", "name", many(ulid)},
      {"git hash", "correlation", many([](auto& r) { return random_text(r, kLowerHex, 40); })},
      {"short git hash", "name", many([](auto& r) { return random_text(r, kLowerHex, 7); })},
      {"sha-256", "correlation", many([](auto& r) { return random_text(r, kLowerHex, 64); })},
      {"sha-256, named", "name", many([](auto& r) { return fill_form("sha256:{h64}", r); })},
      {"image by digest", "name",
       many([](auto& r) { return fill_form("ghcr.io/acme/app@sha256:{h64}", r); })},
      {"trace id", "correlation", many([](auto& r) { return random_text(r, kLowerHex, 32); })},
      {"span id", "correlation", many([](auto& r) { return random_text(r, kLowerHex, 16); })},
      {"base64 of a count", "name", many(count)},
      {"base64 of a binary count", "name", many(little_endian)},
      {"model name", "name", model_names()},
      {"mime type", "category", {std::begin(kMimeTypes), std::end(kMimeTypes)}},
      {"version", "name", many(version)},
      {"timestamp", "category", many(timestamp)},
      {"route", "category", many(route)},
      {"word of our packs", "category", pack_words()},
  };
}

TEST(LookAlikes, UnderOneInAHundredIsTouched) {
  TestRing ring;
  Telemetry telemetry;
  const auto catalogue = parse_catalogue(kPack);
  Door door(catalogue, compile_plan(catalogue), ring.keys(), telemetry);
  std::size_t all = 0;
  std::size_t all_touched = 0;
  for (const auto& sort : corpus()) {
    EXPECT_GE(sort.values.size(), 20u) << sort.name;
    std::size_t touched = 0;
    for (const auto& value : sort.values) {
      Event event;
      event.time_ns = ring.clock().wall_ns();
      event.fields = {{catalogue->field(sort.field), Value::text(value)}};
      std::string out;
      door.pass(event, out);
      const bool whole = event.fields.size() == 1 && event.fields[0].value == Value::text(value);
      if (!whole && touched++ < 3) std::cout << sort.name << " touched: " << value << "\n";
    }
    EXPECT_LT(touched * 100, std::max<std::size_t>(sort.values.size(), 1)) << sort.name;
    all += sort.values.size();
    all_touched += touched;
  }
  std::cout << "look-alikes: " << all_touched << " of " << all << " touched ("
            << static_cast<double>(all_touched) * 100.0 / static_cast<double>(all) << " %)\n";
}

}  // namespace
}  // namespace sightglass::guard
