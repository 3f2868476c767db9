#include "control/output_sizes.h"

#include <algorithm>
#include <bit>

#include "control/spending.h"

namespace sightglass::control {
namespace {

constexpr std::int64_t kDayHours = 24;
constexpr std::uint16_t kBuckets = 16 + 59 * 8;

// Up to 15 each number has its own; then eight to every doubling.
std::uint16_t bucket_of(std::int64_t value) {
  const auto v = static_cast<std::uint64_t>(std::max<std::int64_t>(value, 0));
  if (v < 16) return static_cast<std::uint16_t>(v);
  const auto exponent = static_cast<unsigned>(std::bit_width(v)) - 1;
  const auto eighth = (v >> (exponent - 3)) & 7;
  return static_cast<std::uint16_t>(16 + (exponent - 4) * 8 + eighth);
}

std::int64_t largest_in(std::uint16_t bucket) {
  if (bucket < 16) return bucket;
  const auto exponent = 4 + (bucket - 16u) / 8;
  const auto eighth = (bucket - 16u) % 8;
  return static_cast<std::int64_t>((std::uint64_t{8 + eighth + 1} << (exponent - 3)) - 1);
}

}  // namespace

void OutputSizes::add(std::string_view model, std::int64_t output_tokens, Nanos time_ns) {
  const auto id = period_of(Period::kHour, time_ns);
  auto found = models_.find(model);
  if (found == models_.end()) {
    if (models_.size() >= kMaxModels) {
      models_.erase(std::min_element(
          models_.begin(), models_.end(),
          [](const auto& a, const auto& b) { return a.second.back().id < b.second.back().id; }));
    }
    found = models_.emplace(std::string(model), Hours{}).first;
  }
  auto& hours = found->second;
  // Workers' clocks of record differ by less than an hour: a late one counts where the newest does.
  if (hours.empty() || hours.back().id < id) hours.push_back({id, {}});
  ++hours.back().counts[bucket_of(output_tokens)];
  const auto oldest = hours.back().id - kDayHours;
  std::erase_if(hours, [&](const Hour& hour) { return hour.id < oldest; });
}

std::map<std::string, std::int64_t, std::less<>> OutputSizes::p99(Nanos now_ns,
                                                                  std::uint64_t least) const {
  std::map<std::string, std::int64_t, std::less<>> out;
  const auto oldest = period_of(Period::kHour, now_ns) - kDayHours;
  for (const auto& [model, hours] : models_) {
    std::map<std::uint16_t, std::uint64_t> sums;
    std::uint64_t all = 0;
    for (const auto& hour : hours) {
      if (hour.id < oldest) continue;
      for (const auto& [bucket, count] : hour.counts) {
        sums[bucket] += count;
        all += count;
      }
    }
    if (all < std::max<std::uint64_t>(least, 1)) continue;
    const auto rank = all - all / 100;  // the smallest value that 99 % do not pass
    std::uint64_t seen = 0;
    for (const auto& [bucket, count] : sums) {
      seen += count;
      if (seen < rank) continue;
      out.emplace(model, largest_in(bucket));
      break;
    }
  }
  return out;
}

void OutputSizes::save(ByteWriter& out) const {
  out.varint(models_.size());
  for (const auto& [model, hours] : models_) {
    out.string(model);
    out.varint(hours.size());
    for (const auto& hour : hours) {
      out.zigzag(hour.id);
      out.varint(hour.counts.size());
      for (const auto& [bucket, count] : hour.counts) {
        out.varint(bucket);
        out.varint(count);
      }
    }
  }
}

void OutputSizes::load(ByteReader& in) {
  const auto models = in.varint();
  if (models > kMaxModels) return in.invalidate();
  for (std::uint64_t m = 0; m < models && in.ok(); ++m) {
    auto& hours = models_[std::string(in.string())];
    const auto count = in.varint();
    if (count == 0 || count > kDayHours + 1 || !hours.empty()) return in.invalidate();
    for (std::uint64_t h = 0; h < count && in.ok(); ++h) {
      Hour hour;
      hour.id = in.zigzag();
      const auto buckets = in.varint();
      if (buckets > kBuckets || (!hours.empty() && hours.back().id >= hour.id)) {
        return in.invalidate();
      }
      for (std::uint64_t b = 0; b < buckets && in.ok(); ++b) {
        const auto bucket = in.varint();
        if (bucket >= kBuckets) return in.invalidate();
        hour.counts[static_cast<std::uint16_t>(bucket)] = in.varint();
      }
      hours.push_back(std::move(hour));
    }
  }
}

}  // namespace sightglass::control
