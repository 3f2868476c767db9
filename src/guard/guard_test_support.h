// For the tests of this room: a key ring on a file system in memory, and small shorthands.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/fake_file_system.h"
#include "base/random.h"
#include "base/telemetry.h"
#include "event/catalogue.h"
#include "event/pattern.h"
#include "guard/pseudonym.h"

namespace sightglass::guard {

class TestRing {
 public:
  explicit TestRing(std::uint64_t seed = 1) : random_(seed) { reopen(); }

  void reopen() {
    keys_.reset();
    auto opened = open();
    if (!opened) {
      ADD_FAILURE() << opened.error().message;
      std::abort();
    }
    keys_ = std::move(*opened);
  }
  Result<std::unique_ptr<KeyRing>> open() {
    KeyRing::Options options;
    options.path = path();
    return KeyRing::open(options, fs_, random_, clock_);
  }
  static std::string path() { return "/keys/ring"; }
  FakeFileSystem& files() { return fs_; }
  KeyRing& keys() { return *keys_; }
  ManualClock& clock() { return clock_; }
  void make_unwritable() {
    fs_.set_fault([](std::string_view operation) -> std::optional<Error> {
      if (!operation.starts_with("append")) return std::nullopt;
      return Error{Code::kNoSpace, "full"};
    });
  }
  void make_writable() { fs_.set_fault(nullptr); }

 private:
  FakeFileSystem fs_;
  SeededRandom random_;
  ManualClock clock_;
  std::unique_ptr<KeyRing> keys_;
};

inline std::shared_ptr<const event::Catalogue> parse_catalogue(std::string_view text) {
  auto parsed = event::Catalogue::parse(std::string(text));
  if (!parsed) {
    ADD_FAILURE() << parsed.error().message;
    std::abort();
  }
  return *parsed;
}

inline std::shared_ptr<const event::MatchPlan> compile_plan(
    std::shared_ptr<const event::Catalogue> catalogue) {
  auto plan = event::MatchPlan::compile(std::move(catalogue));
  if (!plan) {
    ADD_FAILURE() << plan.error().message;
    std::abort();
  }
  return std::move(*plan);
}

// The sum of a family's samples whose first label has this value.
inline double sample(const Telemetry& telemetry, std::string_view metric, std::string_view label) {
  double sum = 0;
  for (const auto& family : telemetry.collect()) {
    if (family.name != metric) continue;
    for (const auto& s : family.samples) {
      if (s.labels.empty() ? label.empty() : s.labels[0].second == label) sum += s.value;
    }
  }
  return sum;
}

}  // namespace sightglass::guard
