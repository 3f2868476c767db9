// A meter's rule as its series carry it, and label values as one string.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "event/catalogue.h"
#include "event/value.h"

namespace sightglass::meter {

inline constexpr std::string_view kOverflowLabel = "__other__";
inline constexpr std::size_t kMaxLabelBytes = 200;  // longer values are cut at a character

// What a series needs to be added to, stored and shown without its catalogue.
struct Definition {
  std::string name, dotted, rule_hash, help, unit, created_with;
  event::MeterType type = event::MeterType::kCounter;
  std::vector<std::string> labels;
  int scale = 0;                // shown = sum × 10^scale
  std::vector<double> buckets;  // upper bounds without +Inf, after scaling
  std::uint32_t max_series = 0;
  event::Window window = event::Window::kNone;
  Nanos grace_ns = 0;
  std::uint32_t keep_windows = 0;
  std::optional<double> default_value;

  static Definition of(const event::Meter& meter);
  // Whether series counted under `other` may go on under this one.
  bool same_rule(const Definition& other) const;

  void save(ByteWriter& out) const;
  // `version`: of the snapshot; what an older one does not say stays at its default. False when
  // the bytes are malformed.
  [[nodiscard]] bool load(ByteReader& in, int version);
};

// Label values as one string: per label a varint length and its bytes, valid UTF-8.
void append_label(std::string& key, const event::Value& value);
// The values of a key, in order. Views into `key`.
void split_key(std::string_view key, std::vector<std::string_view>& out);
std::uint64_t hash_key(std::string_view key);

}  // namespace sightglass::meter
