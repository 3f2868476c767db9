#include "store/value_histogram.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace sightglass::store {
namespace {

std::int32_t within_bounds(std::int32_t bucket) {
  return std::clamp(bucket, ValueHistogram::kFirstBucket, ValueHistogram::kLastBucket);
}

}  // namespace

// A histogram of many values has most buckets between its ends: then a bucket's place is as far
// from the first one's as its number is, and never farther.
void ValueHistogram::add(Side& side, std::int32_t number, std::uint64_t count) {
  if (side.empty() || side.back().number < number) {
    side.push_back({number, count});
    return;
  }
  const auto distance = static_cast<std::int64_t>(number) - side.front().number;
  const auto guess = std::clamp<std::int64_t>(distance, 0, std::ssize(side) - 1);
  auto at = side.begin() + guess;
  if (at->number != number) {
    at = std::lower_bound(side.begin(), at + 1, number,
                          [](const Bucket& bucket, std::int32_t n) { return bucket.number < n; });
  }
  if (at != side.end() && at->number == number) {
    at->count += count;
  } else {
    side.insert(at, {number, count});
  }
}

void ValueHistogram::merge(Side& into, const Side& from) {
  // A roll-up's cell has few buckets beside those of its group: no need to copy these.
  constexpr std::size_t kFew = 4;
  if (from.size() * kFew < into.size()) {
    for (const auto& bucket : from) add(into, bucket.number, bucket.count);
    return;
  }
  Side sum;
  sum.reserve(std::max(into.size(), from.size()));
  auto a = into.begin();
  auto b = from.begin();
  while (a != into.end() || b != from.end()) {
    if (b == from.end() || (a != into.end() && a->number < b->number)) {
      sum.push_back(*a++);
    } else if (a == into.end() || b->number < a->number) {
      sum.push_back(*b++);
    } else {
      sum.push_back({a->number, a->count + b->count});
      ++a, ++b;
    }
  }
  into = std::move(sum);
}

void ValueHistogram::add(double value, std::uint64_t count) {
  if (!std::isfinite(value) || count == 0) return;
  if (value >= kLeastBucketed) return add_bucket(log_bucket(value), count);
  if (value <= -kLeastBucketed) return add_negative_bucket(log_bucket(-value), count);
  count_ += count;
  zeros_ += count;
}

void ValueHistogram::add_bucket(std::int32_t bucket, std::uint64_t count) {
  if (count == 0) return;
  count_ += count;
  add(positive_, within_bounds(bucket), count);
}

void ValueHistogram::add_negative_bucket(std::int32_t bucket, std::uint64_t count) {
  if (count == 0) return;
  count_ += count;
  add(negative_, within_bounds(bucket), count);
}

void ValueHistogram::merge(const ValueHistogram& other) {
  merge(positive_, other.positive_);
  merge(negative_, other.negative_);
  zeros_ += other.zeros_;
  count_ += other.count_;
}

double ValueHistogram::quantile(std::uint32_t q) const {
  if (count_ == 0) return 0;
  // In whole numbers, for 0.95 × 100 is not always 95 in doubles; 128 bits hold the product.
  __extension__ using Wide = unsigned __int128;
  const auto product = static_cast<Wide>(count_) * std::min<std::uint32_t>(q, 100'000);
  auto rank = std::max<std::uint64_t>(1, static_cast<std::uint64_t>((product + 99'999) / 100'000));
  for (auto bucket = negative_.rbegin(); bucket != negative_.rend(); ++bucket) {
    if (rank <= bucket->count) return -middle_of_bucket(bucket->number);
    rank -= bucket->count;
  }
  if (rank <= zeros_) return 0;
  rank -= zeros_;
  for (const auto& bucket : positive_) {
    if (rank <= bucket.count) return middle_of_bucket(bucket.number);
    rank -= bucket.count;
  }
  return 0;  // not reached: the counts add up
}

// Buckets as differences: most of them are neighbours.
void ValueHistogram::save(const Side& side, ByteWriter& out) {
  out.varint(side.size());
  std::int32_t behind = kFirstBucket - 1;
  for (const auto& bucket : side) {
    out.varint(static_cast<std::uint64_t>(bucket.number - behind));
    out.varint(bucket.count);
    behind = bucket.number;
  }
}

bool ValueHistogram::load(Side& side, ByteReader& in, std::uint64_t& total) {
  const auto size = in.varint();
  if (!in.ok() || size > in.remaining() / 2) return false;
  side.reserve(size);
  std::int32_t behind = kFirstBucket - 1;
  for (std::uint64_t i = 0; i < size; ++i) {
    const auto step = in.varint();
    const auto count = in.varint();
    if (!in.ok() || step == 0 || step > static_cast<std::uint64_t>(kLastBucket - behind) ||
        count == 0 || __builtin_add_overflow(total, count, &total)) {
      return false;
    }
    behind += static_cast<std::int32_t>(step);
    side.push_back({behind, count});
  }
  return true;
}

void ValueHistogram::save(ByteWriter& out) const {
  out.varint(zeros_);
  save(negative_, out);
  save(positive_, out);
}

bool ValueHistogram::load(ByteReader& in) {
  negative_.clear(), positive_.clear();  // they keep their room
  zeros_ = in.varint();
  count_ = zeros_;
  return in.ok() && load(negative_, in, count_) && load(positive_, in, count_);
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
