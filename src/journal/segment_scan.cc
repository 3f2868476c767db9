#include "journal/segment_scan.h"

#include <algorithm>

#include "base/crc32c.h"

namespace sightglass::journal {
namespace {

constexpr std::size_t kWindowBytes = 256u << 10;
constexpr std::string_view kBatchMagicBytes = "SGB1";

}  // namespace

Result<SegmentScan> SegmentScan::open(FileSystem& fs, const std::string& path, Position first) {
  SG_ASSIGN(auto file, fs.open(path, OpenMode::kRead));
  std::string head(kFirstBatchOffset, '\0');
  SG_ASSIGN(const auto got, file->pread(head.data(), head.size(), 0));
  head.resize(got);
  auto header = decode_segment_head(head);
  if (!header) return fail(path, std::move(header).error());
  if (header->first != first) {
    return fail(Code::kCorrupt, path + ": is the segment from position " +
                                    std::to_string(header->first) + " under another name");
  }
  return SegmentScan(std::move(file), std::move(*header));
}

Result<std::uint64_t> SegmentScan::tail_bytes() const {
  SG_ASSIGN(const auto size, file_->size());
  return size > offset_ ? size - offset_ : 0;
}

// The bytes from `offset`, at most to the end of the file: at least `size` of them unless it ends.
Result<Bytes> SegmentScan::view(std::uint64_t offset, std::size_t size) {
  const auto window_end = window_offset_ + window_.size();
  if (offset < window_offset_ || offset + size > window_end) {
    Result<std::size_t> got = std::size_t{0};
    window_.resize_and_overwrite(std::max(kWindowBytes, size), [&](char* out, std::size_t room) {
      got = file_->pread(out, room, offset);
      return got.value_or(0);
    });
    window_offset_ = offset;
    if (!got) return std::unexpected(got.error());
  }
  return Bytes(window_).substr(static_cast<std::size_t>(offset - window_offset_));
}

Result<SegmentScan::Look> SegmentScan::look(std::uint64_t offset, Position from,
                                            RawBatchHeader& header, std::uint64_t& size_bytes,
                                            std::string& bytes, std::vector<Record>& records) {
  SG_ASSIGN(const auto head, view(offset, kBatchHeaderBytes));
  if (head.empty()) return Look::kNothing;
  size_bytes = 0;
  const auto decoded = decode_batch_header(head, header_.checksum);
  if (!decoded) return Look::kDamaged;
  header = *decoded;
  size_bytes = kBatchHeaderBytes + header.length;
  // Whoever starts in the middle of a segment need not check what lies before.
  if (header.last() < from) return Look::kSkipped;
  SG_ASSIGN(const auto whole, view(offset, static_cast<std::size_t>(size_bytes)));
  if (whole.size() < size_bytes) return Look::kDamaged;
  const auto payload = whole.substr(kBatchHeaderBytes, header.length);
  if (crc32c(payload, header_.checksum) != header.payload_crc) return Look::kDamaged;
  bytes.assign(payload);
  if (!parse_records(bytes, header.batch, records)) return Look::kDamaged;
  return Look::kBatch;
}

// Moves `offset` to the next place where a batch may begin. False: none up to the end.
Result<bool> SegmentScan::find_magic(std::uint64_t& offset) {
  for (;;) {
    SG_ASSIGN(const auto bytes, view(offset, kBatchHeaderBytes));
    if (bytes.size() < kBatchHeaderBytes) return false;
    const auto at = bytes.find(kBatchMagicBytes);
    if (at != Bytes::npos) {
      offset += at;
      return true;
    }
    offset += bytes.size() - (kBatchMagicBytes.size() - 1);
  }
}

Result<bool> SegmentScan::next(Position from, Position before, Found& found, std::string& bytes,
                               std::vector<Record>& records) {
  RawBatchHeader header;
  std::uint64_t size_bytes = 0;
  std::uint64_t at = offset_;
  found.damage_bytes = 0;
  // The window may be older than the bytes behind a live segment's last batch: read them again
  // before calling them damaged.
  bool fresh = false;
  for (;;) {
    SG_ASSIGN(const auto seen, look(at, from, header, size_bytes, bytes, records));
    if (!fresh && (seen == Look::kDamaged || seen == Look::kNothing)) {
      window_.clear();
      fresh = true;
      continue;
    }
    if (seen == Look::kNothing) return false;
    if (seen == Look::kDamaged) {
      // An intact header tells where its batch ends; else any byte may begin the next one.
      std::uint64_t candidate = at + std::max<std::uint64_t>(size_bytes, 1);
      SG_ASSIGN(const bool more, find_magic(candidate));
      if (!more) return false;
      at = candidate;
      continue;
    }
    if (seen == Look::kSkipped && at == offset_) {
      offset_ = at = at + size_bytes;
      continue;
    }
    if (seen == Look::kSkipped) {
      at += size_bytes;  // behind damage: part of what is skipped
      continue;
    }
    if (header.last() >= before) return false;
    found.header = header.batch;
    found.offset = at;
    found.damage_offset = offset_;
    found.damage_bytes = at - offset_;
    offset_ = at + size_bytes;
    return true;
  }
}

}  // namespace sightglass::journal
