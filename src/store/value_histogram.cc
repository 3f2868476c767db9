#include "store/value_histogram.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace sightglass::store {
namespace {

constexpr double kGrowth = ValueHistogram::kGrowth;
constexpr double kLeast = 1e-9, kGreatest = 1e19;
constexpr std::int32_t kFirstBucket = -1'100, kLastBucket = 2'300;  // those of the two, and some

std::int32_t index_of(double size) {
  static const double kPerLog = 1 / std::log(kGrowth);
  return static_cast<std::int32_t>(std::ceil(std::log(std::min(size, kGreatest)) * kPerLog));
}

double middle_of(std::int32_t bucket) { return 2 * std::pow(kGrowth, bucket) / (kGrowth + 1); }

}  // namespace

void ValueHistogram::Side::add(std::int32_t bucket, std::uint64_t count) {
  if (counts.empty()) first = bucket;
  if (bucket < first) {
    counts.insert(counts.begin(), static_cast<std::size_t>(first - bucket), 0);
    first = bucket;
  }
  const auto at = static_cast<std::size_t>(bucket - first);
  if (at >= counts.size()) counts.resize(at + 1);
  counts[at] += count;
}

void ValueHistogram::Side::merge(const Side& other) {
  for (std::size_t i = 0; i < other.counts.size(); ++i) {
    if (other.counts[i] == 0) continue;
    add(other.first + static_cast<std::int32_t>(i), other.counts[i]);
  }
}

void ValueHistogram::add(double value, std::uint64_t count) {
  if (!std::isfinite(value) || count == 0) return;
  if (value >= kLeast) return add_bucket(index_of(value), count);
  count_ += count;
  if (value > -kLeast) {
    zeros_ += count;
  } else {
    negative_.add(index_of(-value), count);
  }
}

void ValueHistogram::add_bucket(std::int32_t bucket, std::uint64_t count) {
  if (count == 0) return;
  count_ += count;
  positive_.add(std::clamp(bucket, kFirstBucket, kLastBucket - 1), count);
}

void ValueHistogram::merge(const ValueHistogram& other) {
  positive_.merge(other.positive_);
  negative_.merge(other.negative_);
  zeros_ += other.zeros_;
  count_ += other.count_;
}

double ValueHistogram::quantile(std::uint32_t q) const {
  if (count_ == 0) return 0;
  // In whole numbers, for 0.95 × 100 is not always 95 in doubles; 128 bits hold the product.
  __extension__ using Wide = unsigned __int128;
  const auto product = static_cast<Wide>(count_) * std::min<std::uint32_t>(q, 100'000);
  auto rank = std::max<std::uint64_t>(1, static_cast<std::uint64_t>((product + 99'999) / 100'000));
  for (std::size_t i = negative_.counts.size(); i-- > 0;) {
    if (rank <= negative_.counts[i]) {
      return -middle_of(negative_.first + static_cast<std::int32_t>(i));
    }
    rank -= negative_.counts[i];
  }
  if (rank <= zeros_) return 0;
  rank -= zeros_;
  for (std::size_t i = 0; i < positive_.counts.size(); ++i) {
    if (rank <= positive_.counts[i]) {
      return middle_of(positive_.first + static_cast<std::int32_t>(i));
    }
    rank -= positive_.counts[i];
  }
  return 0;  // not reached: the counts add up
}

void ValueHistogram::Side::save(ByteWriter& out) const {
  out.varint(counts.size());
  if (counts.empty()) return;
  out.zigzag(first);
  for (const auto count : counts) out.varint(count);
}

bool ValueHistogram::Side::load(ByteReader& in, std::uint64_t& total) {
  const auto size = in.varint();
  if (!in.ok() || size > in.remaining()) return false;
  if (size == 0) return true;
  const auto from = in.zigzag();
  if (from < kFirstBucket || from + static_cast<std::int64_t>(size) > kLastBucket) return false;
  first = static_cast<std::int32_t>(from);
  counts.resize(size);
  for (auto& count : counts) {
    count = in.varint();
    if (__builtin_add_overflow(total, count, &total)) return false;
  }
  return in.ok();
}

void ValueHistogram::save(ByteWriter& out) const {
  out.varint(zeros_);
  negative_.save(out);
  positive_.save(out);
}

bool ValueHistogram::load(ByteReader& in) {
  *this = ValueHistogram();
  zeros_ = in.varint();
  count_ = zeros_;
  return negative_.load(in, count_) && positive_.load(in, count_) && in.ok();
}

double bucket_of(double value) {
  // By table, for 10^k of a logarithm is not always 10^k.
  static const std::vector<double> bounds = [] {
    std::vector<double> out;
    for (int exponent = -9; exponent <= 18; ++exponent) {
      for (const char digit : {'1', '2', '5'}) {
        out.push_back(
            std::strtod((std::string(1, digit) + "e" + std::to_string(exponent)).c_str(), nullptr));
      }
    }
    return out;
  }();
  if (value == 0 || std::isnan(value)) return value;
  if (value > 0) {
    const auto at = std::lower_bound(bounds.begin(), bounds.end(), value);
    return at == bounds.end() ? bounds.back() : *at;
  }
  const auto at = std::upper_bound(bounds.begin(), bounds.end(), -value);
  return at == bounds.begin() ? 0 : -*(at - 1);
}

}  // namespace sightglass::store
