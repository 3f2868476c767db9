#include "store/rollup.h"

#include <algorithm>
#include <limits>
#include <span>

#include "base/crc32c.h"

namespace sightglass::store {
namespace {

constexpr std::string_view kMagic = "SGRU";
constexpr std::uint32_t kVersion = 2;
constexpr Nanos kMinute = 60 * kSecond, kHour = 60 * kMinute, kDay = 24 * kHour;
constexpr std::size_t kMaxNameBytes = 4096;
// Rows have such times only; steps and partitions of others could not be counted in 64 bits.
constexpr Nanos kEarliest = -9'000'000'000 * kSecond, kLatest = 9'000'000'000 * kSecond;

std::int64_t saturated_sum(std::int64_t a, std::int64_t b) {
  std::int64_t out = 0;
  if (!__builtin_add_overflow(a, b, &out)) return out;
  return a < 0 ? std::numeric_limits<std::int64_t>::min()
               : std::numeric_limits<std::int64_t>::max();
}

constexpr std::string RollupKey::* kNames[] = {&RollupKey::provider, &RollupKey::client,
                                               &RollupKey::model,    &RollupKey::key,
                                               &RollupKey::outcome,  &RollupKey::error_type};
constexpr std::uint64_t RollupCell::* kCounts[] = {&RollupCell::requests,
                                                   &RollupCell::unpriced,
                                                   &RollupCell::timed,
                                                   &RollupCell::input_values,
                                                   &RollupCell::cache_read_values,
                                                   &RollupCell::cache_write_5m_values,
                                                   &RollupCell::cache_write_1h_values,
                                                   &RollupCell::output_values,
                                                   &RollupCell::total_values,
                                                   &RollupCell::cost_values};
constexpr std::size_t kFirstCounts = 3;  // those of version 1
constexpr std::int64_t RollupCell::* kSums[] = {
    &RollupCell::input_tokens,          &RollupCell::cache_read_tokens,
    &RollupCell::cache_write_5m_tokens, &RollupCell::cache_write_1h_tokens,
    &RollupCell::output_tokens,         &RollupCell::total_tokens,
    &RollupCell::cost_nanousd,          &RollupCell::latency_us};

// Version 1: buckets alone, that of what is not above 0 before the others.
void read_first_latency(ByteReader& in, ValueHistogram& out) {
  constexpr int kNotAbove = -1, kLargest = 2'206;
  const auto size = in.varint();
  if (size > static_cast<std::uint64_t>(kLargest - kNotAbove) + 1) return in.invalidate();
  int behind = kNotAbove - 1;
  std::uint64_t all = 0;
  for (std::uint64_t i = 0; i < size && in.ok(); ++i) {
    const auto step = in.varint();
    const auto n = in.varint();
    if (step == 0 || step > static_cast<std::uint64_t>(kLargest - behind) || n == 0 ||
        __builtin_add_overflow(all, n, &all)) {
      return in.invalidate();
    }
    behind += static_cast<int>(step);
    if (behind == kNotAbove) {
      out.add(0, n);
    } else {
      out.add_bucket(behind, n);
    }
  }
}

constexpr std::uint8_t kUncounted = 4;  // added to how a cell says whether it is of streaming

}  // namespace

std::string_view step_name(RollupStep step) {
  switch (step) {
    case RollupStep::kMinute:
      return "minute";
    case RollupStep::kHour:
      return "hour";
    case RollupStep::kDay:
      return "day";
  }
  return "";
}

Nanos step_ns(RollupStep step) {
  return step == RollupStep::kMinute ? kMinute : step == RollupStep::kHour ? kHour : kDay;
}

Nanos partition_ns(RollupStep step) {
  return step == RollupStep::kMinute ? kHour : step == RollupStep::kHour ? kDay : 30 * kDay;
}

Nanos begin_of(Nanos time_ns, Nanos length_ns) {
  const auto past = time_ns % length_ns;  // of the sign of time_ns
  return time_ns - (past < 0 ? past + length_ns : past);
}

void RollupCell::add(const RollupCell& other) {
  for (const auto count : kCounts) this->*count += other.*count;
  for (const auto sum : kSums) this->*sum = saturated_sum(this->*sum, other.*sum);
  last_ns = std::max(last_ns, other.last_ns);
  latency.merge(other.latency);
  counted = counted && other.counted;
}

void RollupTable::add(const RollupKey& key, const RollupCell& cell) {
  // Most come in order: those of a file, and those of the next minute.
  const bool last = cells_.empty() || cells_.rbegin()->first < key;
  const auto at = last ? cells_.end() : cells_.lower_bound(key);
  if (at != cells_.end() && at->first == key) return at->second.add(cell);
  if (cells_.size() < kMaxCells) {
    cells_.emplace_hint(at, key, cell);
  } else if (auto [other, fresh] = cells_.try_emplace(other_of(key), cell); !fresh) {
    other->second.add(cell);
  }
}

RollupKey RollupTable::other_of(const RollupKey& key) {
  auto out = key;
  for (auto* const name : {&out.client, &out.model, &out.key, &out.error_type}) *name = kOther;
  return out;
}

void RollupTable::add(const RollupTable& other) {
  for (const auto& [key, cell] : other.cells_) add(key, cell);
}

RollupTable RollupTable::coarser(RollupStep step) const {
  RollupTable out;
  for (const auto& [key, cell] : cells_) {
    auto longer = key;
    longer.start_ns = begin_of(key.start_ns, step_ns(step));
    out.add(longer, cell);
  }
  return out;
}

void read_cell(ByteReader& in, const RollupHead& head, RollupKey& key, RollupCell& cell) {
  const auto number = in.varint();
  if (number >= static_cast<std::uint64_t>(partition_ns(head.step) / step_ns(head.step))) {
    return in.invalidate();
  }
  key.start_ns = head.partition_ns + static_cast<Nanos>(number) * step_ns(head.step);
  for (const auto name : kNames) {
    key.*name = in.string();
    if ((key.*name).size() > kMaxNameBytes) return in.invalidate();
  }
  auto streaming = in.u8();
  const bool first = head.version == 1;
  if (first) cell = {};  // it has fewer values
  cell.counted = !first && streaming < kUncounted;
  if (!first && !cell.counted) streaming = static_cast<std::uint8_t>(streaming - kUncounted);
  if (streaming > 2) return in.invalidate();
  key.streaming = static_cast<std::int8_t>(streaming - 1);
  for (const auto count : std::span(kCounts).first(first ? kFirstCounts : std::size(kCounts))) {
    cell.*count = in.varint();
  }
  for (const auto sum : kSums) cell.*sum = in.zigzag();
  cell.last_ns = in.zigzag();
  if (first) return read_first_latency(in, cell.latency);
  if (!cell.latency.load(in)) in.invalidate();
}

void begin_rollup(ByteWriter& out, RollupStep step, Nanos partition, std::size_t cells) {
  out.raw(kMagic);
  out.u32(kVersion);
  out.u8(static_cast<std::uint8_t>(step));
  out.i64(partition);
  out.varint(cells);
}

void write_cell(ByteWriter& out, RollupStep step, Nanos partition, const RollupKey& key,
                const RollupCell& cell) {
  out.varint(static_cast<std::uint64_t>((key.start_ns - partition) / step_ns(step)));
  for (const auto name : kNames) out.string(key.*name);
  out.u8(static_cast<std::uint8_t>(key.streaming + 1 + (cell.counted ? 0 : kUncounted)));
  for (const auto count : kCounts) out.varint(cell.*count);
  for (const auto sum : kSums) out.zigzag(cell.*sum);
  out.zigzag(cell.last_ns);
  cell.latency.save(out);
}

std::string encode_rollup(RollupStep step, Nanos partition, const RollupTable& table) {
  std::string bytes;
  ByteWriter out(bytes);
  begin_rollup(out, step, partition, table.cells().size());
  for (const auto& [key, cell] : table.cells()) write_cell(out, step, partition, key, cell);
  out.u32(crc32c(bytes));
  return bytes;
}

Result<RollupHead> read_rollup_head(Bytes untrusted, ByteReader& cells) {
  const auto damaged = [] { return fail(Code::kCorrupt, "a roll-up file is damaged"); };
  constexpr std::size_t kCrcBytes = 4;
  if (untrusted.size() < kMagic.size() + kCrcBytes || !untrusted.starts_with(kMagic)) {
    return damaged();
  }
  const auto body = untrusted.substr(0, untrusted.size() - kCrcBytes);
  if (ByteReader(untrusted.substr(body.size())).u32() != crc32c(body)) return damaged();
  ByteReader in(body.substr(kMagic.size()));
  RollupHead out;
  out.version = in.u32();
  if (out.version > kVersion) {
    return fail(Code::kVersion, "a roll-up file was written by a newer version of Sightglass");
  }
  if (out.version == 0) return damaged();
  const auto step = in.u8();
  out.partition_ns = in.i64();
  if (step >= kRollupSteps.size()) return damaged();
  out.step = static_cast<RollupStep>(step);
  if (out.partition_ns < kEarliest - partition_ns(out.step) || out.partition_ns > kLatest ||
      begin_of(out.partition_ns, partition_ns(out.step)) != out.partition_ns) {
    return damaged();
  }
  out.cells = in.varint();
  cells = in;
  return out;
}

Status visit_cells(ByteReader in, const RollupHead& head, const RollupVisitor& each) {
  const auto damaged = [] { return fail(Code::kCorrupt, "a roll-up file is damaged"); };
  RollupKey keys[2];  // this one and the one before, by turns: their texts keep their room
  RollupCell cell;
  for (std::uint64_t i = 0; i < head.cells && in.ok(); ++i) {
    auto& key = keys[i % 2];
    read_cell(in, head, key, cell);
    if (!in.ok() || (i > 0 && !(keys[(i + 1) % 2] < key))) return damaged();  // each once, in order
    if (!each(key, cell)) return {};
  }
  if (!in.ok() || !in.empty()) return damaged();
  return {};
}

Result<DecodedRollup> decode_rollup(Bytes untrusted) {
  ByteReader in({});
  SG_ASSIGN(const auto head, read_rollup_head(untrusted, in));
  DecodedRollup out;
  out.step = head.step;
  out.partition_ns = head.partition_ns;
  auto& cells = out.table.cells_;
  // As they stand: the bound of cells was kept by who wrote them.
  SG_TRY(visit_cells(in, head, [&](RollupKey& key, RollupCell& cell) {
    cells.emplace_hint(cells.end(), key, std::move(cell));
    return true;
  }));
  return out;
}

bool RollupQuery::wants(const RollupKey& k) const {
  const auto fits = [](const std::optional<std::string>& wanted, const std::string& name) {
    return !wanted || *wanted == name;
  };
  return k.start_ns >= start_ns && k.start_ns < end_ns && fits(provider, k.provider) &&
         fits(client, k.client) && fits(model, k.model) && fits(key, k.key) &&
         fits(outcome, k.outcome) && fits(error_type, k.error_type) &&
         (!streaming || k.streaming == (*streaming ? 1 : 0));
}

}  // namespace sightglass::store
