// How values are distributed, for percentiles within 1 %: a histogram whose bucket bounds grow by a
// constant factor. Queries make it of single rows, roll-ups keep it of their requests' latencies.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/log_bucket.h"

namespace sightglass::store {

// Every value v is in bucket log_bucket(|v|); a percentile is the middle of its bucket, at most
// 0.99 % of the value away. Two histograms add up exactly, in whatever order.
//
// Bounds: values within 1e-9 of 0 are 0, those past 1e19 count as 1e19; 16 bytes for each bucket
// that is in use, at most 128 KiB, some 4 KiB for latencies. Cost: 20 ns a value.
class ValueHistogram {
 public:
  static constexpr double kGrowth = kBucketGrowth;
  static constexpr std::int32_t kFirstBucket = -1'100, kLastBucket = 2'299;

  void add(double value, std::uint64_t count = 1);  // what is no finite number is left out
  // Of values above or below 0, by the bucket's number; out of bounds: the nearest.
  void add_bucket(std::int32_t bucket, std::uint64_t count);
  void add_negative_bucket(std::int32_t bucket, std::uint64_t count);
  void merge(const ValueHistogram& other);
  std::uint64_t count() const { return count_; }
  // The value with rank ceil(count × q), q in parts of 100,000 (p99.9 is 99,900). 0 when empty.
  double quantile(std::uint32_t q) const;

  std::size_t memory_bytes() const {
    return (positive_.capacity() + negative_.capacity()) * sizeof(Bucket);
  }
  // Layout: docs/store-format.md, at the end of a roll-up's cell.
  void save(ByteWriter& out) const;
  // False when the bytes are malformed.
  [[nodiscard]] bool load(ByteReader& in);
  friend bool operator==(const ValueHistogram&, const ValueHistogram&) = default;

 private:
  struct Bucket {
    std::int32_t number = 0;
    std::uint64_t count = 0;
    friend bool operator==(const Bucket&, const Bucket&) = default;
  };
  using Side = std::vector<Bucket>;  // ascending, no count is 0
  static void add(Side& side, std::int32_t number, std::uint64_t count);
  static void merge(Side& into, const Side& from);
  static void save(const Side& side, ByteWriter& out);
  [[nodiscard]] static bool load(Side& side, ByteReader& in, std::uint64_t& total);

  Side positive_, negative_;
  std::uint64_t zeros_ = 0, count_ = 0;
};

// The least of 0, …, 1, 2, 5, 10, 20, 50, … and their negatives that is not below the value: the
// upper bounds of a histogram for people. Ends at ±5e18; NaN stays.
double bucket_of(double value);

}  // namespace sightglass::store
