#include "meter/definition.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/text.h"

namespace sightglass::meter {
namespace {

__extension__ typedef unsigned __int128 UInt128;

std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  const UInt128 product = static_cast<UInt128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

bool is_ascii(std::string_view text) {
  std::uint64_t all = 0;
  std::size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + i, 8);
    all |= word;
  }
  for (; i < text.size(); ++i) all |= static_cast<unsigned char>(text[i]);
  return (all & 0x8080808080808080ull) == 0;
}

// Valid UTF-8 of at most kMaxLabelBytes: label values must be UTF-8 in both expositions, and two
// that look the same after repair must be one series.
std::string repaired(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const auto length = utf8_sequence_length(text.substr(i));
    const std::string_view piece =
        length == 0 ? std::string_view("\xEF\xBF\xBD") : text.substr(i, length);
    if (out.size() + piece.size() > kMaxLabelBytes) break;
    out.append(piece);
    i += std::max<std::size_t>(length, 1);
  }
  return out;
}

void append_text_label(std::string& key, std::string_view text) {
  ByteWriter writer(key);
  if (text.size() <= kMaxLabelBytes && is_ascii(text)) {
    writer.string(text);
  } else {
    writer.string(repaired(text));
  }
}

}  // namespace

Definition Definition::of(const event::Meter& meter) {
  Definition out;
  out.name = meter.name;
  out.dotted = meter.dotted;
  out.rule_hash = meter.rule_hash;
  out.help = meter.help;
  out.unit = meter.unit;
  out.created_with = meter.created_with;
  out.type = meter.type;
  for (const auto& label : meter.labels) out.labels.push_back(label.name);
  out.scale = meter.scale;
  if (meter.type == event::MeterType::kHistogram) out.buckets = meter.buckets;
  out.max_series = std::max<std::uint32_t>(meter.max_series, 1);
  out.window = meter.window;
  out.grace_ns = meter.grace_ns;
  out.keep_windows = meter.keep_windows;
  out.default_value = meter.default_value;
  return out;
}

bool Definition::same_rule(const Definition& other) const {
  return name == other.name && rule_hash == other.rule_hash && type == other.type &&
         labels == other.labels && scale == other.scale && buckets == other.buckets;
}

void Definition::save(ByteWriter& out) const {
  out.string(name);
  out.string(rule_hash);
  out.string(help);
  out.string(unit);
  out.string(created_with);
  out.u8(static_cast<std::uint8_t>(type));
  out.varint(labels.size());
  for (const auto& label : labels) out.string(label);
  out.zigzag(scale);
  out.varint(buckets.size());
  for (const double bound : buckets) out.f64(bound);
  out.u32(max_series);
  out.string(dotted);
  out.u8(static_cast<std::uint8_t>(window));
  out.i64(grace_ns);
  out.u32(keep_windows);
  out.u8(default_value ? 1 : 0);
  if (default_value) out.f64(*default_value);
}

bool Definition::load(ByteReader& in, int version) {
  name = in.string();
  rule_hash = in.string();
  help = in.string();
  unit = in.string();
  created_with = in.string();
  const auto kind = in.u8();
  if (kind > static_cast<std::uint8_t>(event::MeterType::kDistinct)) return false;
  type = static_cast<event::MeterType>(kind);
  const auto n_labels = in.varint();
  if (n_labels > in.remaining()) return false;
  for (std::uint64_t i = 0; i < n_labels; ++i) labels.emplace_back(in.string());
  const auto power = in.zigzag();
  if (power < -18 || power > 18) return false;
  scale = static_cast<int>(power);
  const auto n_buckets = in.varint();
  if (n_buckets > in.remaining() / 8) return false;
  for (std::uint64_t i = 0; i < n_buckets; ++i) buckets.push_back(in.f64());
  max_series = in.u32();
  if (version >= 2) {
    dotted = in.string();
    const auto length = in.u8();
    if (length > static_cast<std::uint8_t>(event::Window::kDay)) return false;
    window = static_cast<event::Window>(length);
    grace_ns = in.i64();
    keep_windows = in.u32();
    const auto has_default = in.u8();
    if (has_default > 1) return false;
    if (has_default == 1) default_value = in.f64();
    if (grace_ns < 0 || (window != event::Window::kNone && keep_windows == 0)) return false;
  }
  return in.ok() && max_series > 0;
}

void append_label(std::string& key, const event::Value& value) {
  char buffer[32];
  switch (value.kind()) {
    case event::Kind::kNull:
      key.push_back('\0');
      return;
    case event::Kind::kText:
      append_text_label(key, value.as_text());
      return;
    case event::Kind::kBool:
      ByteWriter(key).string(value.as_bool() ? "true" : "false");
      return;
    case event::Kind::kInt: {
      const auto end = std::to_chars(buffer, buffer + sizeof buffer, value.as_int()).ptr;
      ByteWriter(key).string({buffer, static_cast<std::size_t>(end - buffer)});
      return;
    }
    case event::Kind::kDouble: {
      const auto end = std::to_chars(buffer, buffer + sizeof buffer, value.as_double()).ptr;
      ByteWriter(key).string({buffer, static_cast<std::size_t>(end - buffer)});
      return;
    }
  }
}

void split_key(std::string_view key, std::vector<std::string_view>& out) {
  out.clear();
  ByteReader reader(key);
  while (reader.ok() && !reader.empty()) out.push_back(reader.string());
}

// A multiply-and-fold hash in the manner of wyhash: 16 bytes a step. Not keyed: the budget bounds
// what colliding labels could cost.
std::uint64_t hash_key(std::string_view key) {
  constexpr std::uint64_t kA = 0xa0761d6478bd642full;
  constexpr std::uint64_t kB = 0xe7037ed1a0b428dbull;
  std::uint64_t h = kA ^ key.size();
  const char* p = key.data();
  std::size_t left = key.size();
  const auto word = [](const char* at) {
    std::uint64_t w = 0;
    std::memcpy(&w, at, 8);
    return w;
  };
  for (; left >= 16; p += 16, left -= 16) h = mix(word(p) ^ kB, word(p + 8) ^ h);
  std::uint64_t a = 0;
  std::uint64_t b = 0;
  if (left >= 8) {
    a = word(p);
    b = word(p + left - 8);
  } else if (left > 0) {
    std::memcpy(&a, p, left);
  }
  return mix(a ^ kB, mix(b ^ h, kA));
}

}  // namespace sightglass::meter
