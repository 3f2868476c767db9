#include "store/latency_sketch.h"

#include <algorithm>
#include <cmath>

namespace sightglass::store {

int LatencySketch::bucket_of(std::int64_t value) {
  if (value <= 0) return kBelow;
  const auto exact = std::ceil(std::log(static_cast<double>(value)) / std::log(kGrowth));
  return std::clamp(static_cast<int>(exact), 0, kLargest);
}

void LatencySketch::add_bucket(int bucket, std::uint64_t count) {
  if (count == 0) return;
  const auto key = static_cast<std::int16_t>(std::clamp(bucket, kBelow, kLargest));
  const auto at = std::lower_bound(buckets_.begin(), buckets_.end(), key,
                                   [](const auto& one, auto k) { return one.first < k; });
  if (at != buckets_.end() && at->first == key) {
    at->second += count;
  } else {
    buckets_.insert(at, {key, count});
  }
}

void LatencySketch::add(const LatencySketch& other) {
  std::vector<std::pair<std::int16_t, std::uint64_t>> sum;
  sum.reserve(buckets_.size() + other.buckets_.size());
  auto a = buckets_.begin();
  auto b = other.buckets_.begin();
  while (a != buckets_.end() || b != other.buckets_.end()) {
    if (b == other.buckets_.end() || (a != buckets_.end() && a->first < b->first)) {
      sum.push_back(*a++);
    } else if (a == buckets_.end() || b->first < a->first) {
      sum.push_back(*b++);
    } else {
      sum.emplace_back(a->first, a->second + b->second);
      ++a, ++b;
    }
  }
  buckets_ = std::move(sum);
}

std::uint64_t LatencySketch::count() const {
  std::uint64_t out = 0;
  for (const auto& [bucket, n] : buckets_) out += n;
  return out;
}

double LatencySketch::quantile(double q) const {
  const auto all = count();
  if (all == 0) return 0;
  const auto exact = std::ceil(std::clamp(q, 0.0, 1.0) * static_cast<double>(all));
  // Doubles past 2^53 are rounded, and that may be up to 2^64, which is no count any more.
  const bool last = exact >= static_cast<double>(all);
  const auto rank = last ? all : std::max<std::uint64_t>(static_cast<std::uint64_t>(exact), 1);
  std::uint64_t below = 0;
  for (const auto& [bucket, n] : buckets_) {
    below += n;
    if (below < rank) continue;
    // The point whose relative distance to both ends is the same: (g-1)/(g+1) = 0.99 %.
    return bucket == kBelow ? 0 : 2 * std::pow(kGrowth, bucket) / (kGrowth + 1);
  }
  return 0;
}

// Buckets as differences: most of them are neighbours.
void LatencySketch::save(ByteWriter& out) const {
  out.varint(buckets_.size());
  int behind = kBelow - 1;
  for (const auto& [bucket, n] : buckets_) {
    out.varint(static_cast<std::uint64_t>(bucket - behind));
    out.varint(n);
    behind = bucket;
  }
}

void LatencySketch::load(ByteReader& in) {
  buckets_.clear();
  const auto size = in.varint();
  if (size > static_cast<std::uint64_t>(kLargest - kBelow) + 1) return in.invalidate();
  int behind = kBelow - 1;
  std::uint64_t all = 0;
  for (std::uint64_t i = 0; i < size && in.ok(); ++i) {
    const auto step = in.varint();
    const auto n = in.varint();
    if (step == 0 || step > static_cast<std::uint64_t>(kLargest - behind) || n == 0 ||
        __builtin_add_overflow(all, n, &all)) {
      return in.invalidate();
    }
    behind += static_cast<int>(step);
    buckets_.emplace_back(static_cast<std::int16_t>(behind), n);
  }
}

}  // namespace sightglass::store
