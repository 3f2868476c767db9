// How many values fell where, in buckets that grow by 2 %: any quantile within 1 % of a value that
// has that rank. Histograms of parts add up to that of the whole.
//
// Method: Masson, Rim, Lee, "DDSketch" (VLDB 2019), with its first mapping and without collapsing.
// Bucket i holds values in (g^(i-1), g^i], g = 1.02; bucket -1 those that are not above 0.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace sightglass::store {

// Bounds: 2,207 buckets, since 64 bits end there; only those in use are kept.
class LatencySketch {
 public:
  static constexpr double kGrowth = 1.02;
  static constexpr int kBelow = -1;       // the bucket of what is not above 0
  static constexpr int kLargest = 2'206;  // the bucket of INT64_MAX
  static int bucket_of(std::int64_t value);

  void add(std::int64_t value) { add_bucket(bucket_of(value), 1); }
  void add_bucket(int bucket, std::uint64_t count);  // out of bounds: the nearest
  void add(const LatencySketch& other);
  std::uint64_t count() const;
  // Within 1 % of the value of rank ceil(q × count), q in [0, 1]; 0 when there is none.
  double quantile(double q) const;

  void save(ByteWriter& out) const;
  void load(ByteReader& in);  // malformed: the reader is no longer ok
  friend bool operator==(const LatencySketch&, const LatencySketch&) = default;

 private:
  std::vector<std::pair<std::int16_t, std::uint64_t>> buckets_;  // ascending, no count is 0
};

}  // namespace sightglass::store
