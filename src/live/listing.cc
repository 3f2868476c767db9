#include "live/listing.h"
#include "base/text.h"

#include <algorithm>
#include <utility>

namespace sightglass::live {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kLongestText = 128;
constexpr std::size_t kLongestRow = 4 * (kLongestText + 2) + 12 * 10;
constexpr std::int64_t kMostMicros = 1'000'000'000'000'000;  // thirty years of running
constexpr std::int64_t kMostCounted = 1'000'000'000'000'000;

std::uint64_t at_least_0(std::int64_t n) {
  return static_cast<std::uint64_t>(std::clamp<std::int64_t>(n, 0, kMostCounted));
}

template <typename Row, typename Visit>
void each_number(Row& row, Visit visit) {
  for (auto* number : {&row.input_tokens, &row.output_tokens, &row.cache_read_tokens,
                       &row.cache_creation_tokens, &row.tool_uses, &row.tool_results,
                       &row.tool_calls, &row.request_size, &row.message_count}) {
    visit(*number);
  }
}

template <typename Row, typename Visit>
void each_text(Row& row, Visit visit) {
  for (auto* text : {&row.request_id, &row.provider, &row.requested_model, &row.resolved_model}) {
    visit(*text);
  }
}

void write_row(const RequestRow& row, std::string& out) {
  ByteWriter writer(out);
  each_text(row, [&](const std::string& text) {
    writer.string(std::string_view(text).substr(0, kLongestText));
  });
  writer.u8(row.is_streaming ? 1 : 0);
  writer.varint(at_least_0(row.start_monotonic_ns / kMicrosecond));
  each_number(row, [&](std::int64_t number) { writer.varint(at_least_0(number)); });
}

bool read_number(ByteReader& in, std::int64_t most, std::int64_t& out) {
  const auto value = in.varint();
  if (value > static_cast<std::uint64_t>(most)) return false;
  out = static_cast<std::int64_t>(value);
  return in.ok();
}

bool read_row(ByteReader& in, RequestRow& row) {
  bool good = true;
  each_text(row, [&](std::string& text) {
    const auto bytes = in.string();
    good = good && bytes.size() <= kLongestText && is_visible_ascii(bytes);
    if (good) text.assign(bytes);
  });
  const auto streaming = in.u8();
  std::int64_t start_us = 0;
  good =
      good && !row.request_id.empty() && streaming <= 1 && read_number(in, kMostMicros, start_us);
  row.is_streaming = streaming == 1;
  row.start_monotonic_ns = start_us * kMicrosecond;
  each_number(row,
              [&](std::int64_t& number) { good = good && read_number(in, kMostCounted, number); });
  derive_names(row);
  return good && in.ok();
}

}  // namespace

ListingBytes write_listing(const Requests& requests) {
  bool truncated = false;
  const auto rows = requests.snapshot(kMostListed, truncated);
  std::string all;
  std::size_t count = 0;
  for (const auto& row : rows) {
    if (all.size() + kLongestRow > kLongestListing - 64) break;
    write_row(row, all);
    ++count;
  }
  ListingBytes out;
  ByteWriter head(out.head);
  head.u8(kVersion);
  head.varint(at_least_0(requests.clock().monotonic_ns() / kMicrosecond));
  ByteWriter body(out.body);
  body.varint(truncated ? std::max(requests.count(), rows.size()) : rows.size());
  body.varint(count);
  body.raw(all);
  return out;
}

std::optional<Listing> read_listing(Bytes bytes) {
  ByteReader in(bytes);
  Listing out;
  std::int64_t told_us = 0, requests = 0, count = 0;
  if (bytes.size() > kLongestListing || in.u8() != kVersion ||
      !read_number(in, kMostMicros, told_us) || !read_number(in, kMostCounted, requests) ||
      !read_number(in, kMostListed, count) || count > requests) {
    return std::nullopt;
  }
  out.told_ns = told_us * kMicrosecond;
  out.requests = static_cast<std::size_t>(requests);
  for (std::int64_t i = 0; i < count; ++i) {  // room is made for what is there, not for a claim
    if (!read_row(in, out.rows.emplace_back())) return std::nullopt;
  }
  if (!in.ok() || !in.empty()) return std::nullopt;
  return out;
}

}  // namespace sightglass::live
