#include "store/rollup_merge.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "base/crc32c.h"

namespace sightglass::store {
namespace {

constexpr std::string RollupKey::* kNames[] = {&RollupKey::provider, &RollupKey::client,
                                               &RollupKey::model,    &RollupKey::key,
                                               &RollupKey::outcome,  &RollupKey::error_type};
constexpr int kNumbers = 10 + 8 + 1;    // behind the names: counts, sums, the newest
constexpr std::uint8_t kStreaming = 3;  // the bits of the key's in a cell's byte

// A cell as it lies in the file.
struct Lying {
  std::uint64_t number = 0;  // of its step in the partition
  std::array<Bytes, std::size(kNames)> names;
  std::uint8_t streaming = 0;  // one more than the key's
  Bytes bytes;                 // all of it
};

// Steps over a cell. Its numbers are read with it when it is changed.
Lying lying_cell(ByteReader& in, Bytes rest) {
  Lying out;
  out.number = in.varint();
  for (auto& name : out.names) name = in.string();
  out.streaming = in.u8() & kStreaming;
  for (int i = 0; i < kNumbers; ++i) (void)in.varint();
  (void)in.varint();  // latencies of 0, then the buckets below and above it
  for (int side = 0; side < 2; ++side) {
    const auto buckets = in.varint();
    for (std::uint64_t i = 0; i < buckets && in.ok(); ++i) {
      (void)in.varint();
      (void)in.varint();
    }
  }
  out.bytes = rest.substr(0, rest.size() - in.remaining());
  return out;
}

// The order of RollupKey.
std::strong_ordering order(const Lying& a, const Lying& b) {
  if (const auto by = a.number <=> b.number; by != 0) return by;
  for (std::size_t i = 0; i < a.names.size(); ++i) {
    if (const auto by = a.names[i] <=> b.names[i]; by != 0) return by;
  }
  return a.streaming <=> b.streaming;
}

Lying lying_key(const RollupKey& key, const RollupHead& head) {
  Lying out;
  out.number = static_cast<std::uint64_t>((key.start_ns - head.partition_ns) / step_ns(head.step));
  for (std::size_t i = 0; i < out.names.size(); ++i) out.names[i] = key.*kNames[i];
  out.streaming = static_cast<std::uint8_t>(key.streaming + 1);
  return out;
}

class Merging {
 public:
  Merging(RollupHead head, std::vector<Lying> old) : head_(head), old_(std::move(old)) {}

  // As RollupTable::add(): past the bound a new key goes to another's.
  void add(const RollupKey& key, const RollupCell& cell) {
    if (!is_old(key) && !changed_.contains(key)) {
      if (size() >= RollupTable::kMaxCells) return add_to(RollupTable::other_of(key), cell);
      ++fresh_;
    }
    join(key, cell);
  }

  Result<std::string> finish(std::size_t size_hint) {
    std::string bytes;
    bytes.reserve(size_hint);
    ByteWriter out(bytes);
    begin_rollup(out, head_.step, head_.partition_ns, size());
    auto next = changed_.begin();
    for (const auto& old : old_) {
      for (; next != changed_.end() && order(lying_key(next->first, head_), old) < 0; ++next) {
        write_cell(out, head_.step, head_.partition_ns, next->first, next->second);
      }
      if (next == changed_.end() || order(lying_key(next->first, head_), old) != 0) {
        out.raw(old.bytes);
        continue;
      }
      RollupKey key;
      RollupCell cell;
      ByteReader in(old.bytes);
      read_cell(in, head_, key, cell);
      if (!in.ok()) return fail(Code::kCorrupt, "a roll-up file is damaged");
      cell.add(next->second);
      write_cell(out, head_.step, head_.partition_ns, key, cell);
      ++next;
    }
    for (; next != changed_.end(); ++next) {
      write_cell(out, head_.step, head_.partition_ns, next->first, next->second);
    }
    out.u32(crc32c(bytes));
    return bytes;
  }

 private:
  std::size_t size() const { return old_.size() + fresh_; }
  bool is_old(const RollupKey& key) const {
    const auto wanted = lying_key(key, head_);
    const auto at =
        std::lower_bound(old_.begin(), old_.end(), wanted,
                         [](const Lying& a, const Lying& b) { return order(a, b) < 0; });
    return at != old_.end() && order(*at, wanted) == 0;
  }
  void add_to(const RollupKey& other, const RollupCell& cell) {
    if (!changed_.contains(other) && !is_old(other)) ++fresh_;
    join(other, cell);
  }
  void join(const RollupKey& key, const RollupCell& cell) {
    const auto [at, fresh] = changed_.try_emplace(key, cell);
    if (!fresh) at->second.add(cell);
  }

  const RollupHead head_;
  const std::vector<Lying> old_;
  RollupTable::Cells changed_;
  std::size_t fresh_ = 0;  // of them, those that the file did not have
};

// Cells of version 1 are shorter: their file is written anew.
Result<std::string> merge_old(Bytes untrusted_file, RollupCells added) {
  SG_ASSIGN(auto old, decode_rollup(untrusted_file));
  for (auto at = added.first; at != added.last; ++at) old.table.add(at->first, at->second);
  return encode_rollup(old.step, old.partition_ns, old.table);
}

}  // namespace

Result<std::string> merge_rollup(Bytes untrusted_file, RollupCells added) {
  const auto damaged = [] { return fail(Code::kCorrupt, "a roll-up file is damaged"); };
  ByteReader in({});
  SG_ASSIGN(const auto head, read_rollup_head(untrusted_file, in));
  if (head.version == 1) return merge_old(untrusted_file, added);
  std::vector<Lying> old;
  constexpr std::size_t kLeastBytes = 30;  // of a cell: so that no number makes us reserve more
  if (head.cells > in.remaining() / kLeastBytes) return damaged();
  old.reserve(head.cells);
  auto rest = untrusted_file.substr(untrusted_file.size() - sizeof(std::uint32_t) - in.remaining(),
                                    in.remaining());
  for (std::uint64_t i = 0; i < head.cells; ++i) {
    auto cell = lying_cell(in, rest);
    if (!in.ok() || (!old.empty() && order(old.back(), cell) >= 0)) return damaged();
    rest.remove_prefix(cell.bytes.size());
    old.push_back(cell);
  }
  if (!in.empty()) return damaged();
  Merging merging(head, std::move(old));
  for (auto at = added.first; at != added.last; ++at) merging.add(at->first, at->second);
  return merging.finish(untrusted_file.size() + untrusted_file.size() / 4);
}

std::string encode_rollup(RollupStep step, Nanos partition, RollupCells cells) {
  std::string bytes;
  ByteWriter out(bytes);
  begin_rollup(out, step, partition,
               static_cast<std::size_t>(std::distance(cells.first, cells.last)));
  for (auto at = cells.first; at != cells.last; ++at) {
    write_cell(out, step, partition, at->first, at->second);
  }
  out.u32(crc32c(bytes));
  return bytes;
}

}  // namespace sightglass::store
