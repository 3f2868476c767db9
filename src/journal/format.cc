#include "journal/format.h"

#include <charconv>
#include <cstdio>
#include <limits>

#include "base/crc32c.h"
#include "base/text.h"

namespace sightglass::journal {
namespace {

constexpr std::size_t kHashBytes = 32;
constexpr std::string_view kSuffix = ".sgj";
constexpr std::size_t kDigits = 20;

std::string from_hex(std::string_view hex) {
  std::string out;
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    out.push_back(static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1])));
  }
  return out;
}

template <typename T>
T read_at(Bytes bytes, std::size_t offset) {
  T value{};
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

Result<SegmentHeader> decode_header(Bytes bytes) {
  if (bytes.size() < kSegmentHeaderBytes || !bytes.starts_with(kSegmentMagic)) {
    return fail(Code::kCorrupt, "not a journal segment");
  }
  const auto stored = read_at<std::uint32_t>(bytes, kSegmentHeaderBytes - 4);
  if (stored != crc32c(bytes.substr(0, kSegmentHeaderBytes - 4))) {
    return fail(Code::kCorrupt, "the segment header fails its checksum");
  }
  ByteReader in(bytes.substr(kSegmentMagic.size()));
  const auto version = in.u32();
  if (version != kFormatVersion) {
    return fail(Code::kVersion, "written by a newer version (format " + std::to_string(version) +
                                    "); this one reads up to " + std::to_string(kFormatVersion));
  }
  in.u32();  // header size, for tools
  SegmentHeader header;
  header.first = in.u64();
  header.accept_floor_ns = in.i64();
  const auto hash = in.raw(kHashBytes);
  if (hash.find_first_not_of('\0') != Bytes::npos) header.catalogue_hash = to_hex(hash);
  const std::size_t id_bytes = in.u8();
  if (header.first == 0 || id_bytes > kMaxGatewayIdBytes) {
    return fail(Code::kCorrupt, "the segment header breaks its rules");
  }
  header.gateway_id = in.raw(id_bytes);
  header.checksum = stored;
  return header;
}

}  // namespace

std::string segment_name(Position first) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%020llu", static_cast<unsigned long long>(first));
  return std::string(digits).append(kSuffix);
}

std::optional<Position> parse_segment_name(std::string_view name) {
  if (name.size() != kDigits + kSuffix.size() || !name.ends_with(kSuffix)) return std::nullopt;
  Position first = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + kDigits, first);
  if (error != std::errc() || end != name.data() + kDigits || first == 0) return std::nullopt;
  return first;
}

std::string encode_segment_head(SegmentHeader& header) {
  std::string out(kSegmentMagic);
  ByteWriter w(out);
  w.u32(kFormatVersion);
  w.u32(kSegmentHeaderBytes);
  w.u64(header.first);
  w.i64(header.accept_floor_ns);
  w.raw(header.catalogue_hash.empty() ? std::string(kHashBytes, '\0')
                                      : from_hex(header.catalogue_hash));
  const auto id = Bytes(header.gateway_id).substr(0, kMaxGatewayIdBytes);
  w.u8(static_cast<std::uint8_t>(id.size()));
  w.raw(id);
  out.resize(kSegmentHeaderBytes - 4, '\0');
  header.checksum = crc32c(out);
  w.u32(header.checksum);
  const auto copy = out;
  out.resize(kHeaderCopyOffset, '\0');
  out += copy;
  out.resize(kFirstBatchOffset, '\0');
  return out;
}

Result<SegmentHeader> decode_segment_head(Bytes head) {
  auto header = decode_header(head);
  if (!header && header.error().code == Code::kCorrupt && head.size() > kHeaderCopyOffset) {
    auto copy = decode_header(head.substr(kHeaderCopyOffset));
    if (copy || copy.error().code == Code::kVersion) header = std::move(copy);
  }
  if (header) {
    auto again = *header;
    header->whole = encode_segment_head(again) == head.substr(0, kFirstBatchOffset);
  }
  return header;
}

std::array<char, kBatchHeaderBytes> encode_batch_header(const BatchHeader& header, Bytes records,
                                                        std::uint32_t seed) {
  std::array<char, kBatchHeaderBytes> out;
  std::size_t at = 0;
  const auto put = [&](auto value) {
    std::memcpy(out.data() + at, &value, sizeof value);
    at += sizeof value;
  };
  put(kBatchMagic);
  put(static_cast<std::uint32_t>(records.size()));
  put(header.first);
  put(header.accept_ns);
  put(header.count);
  put(crc32c(records, seed));
  put(crc32c(Bytes(out.data(), at), seed));
  return out;
}

std::optional<RawBatchHeader> decode_batch_header(Bytes bytes, std::uint32_t seed) {
  if (bytes.size() < kBatchHeaderBytes) return std::nullopt;
  ByteReader in(bytes.substr(0, kBatchHeaderBytes));
  if (in.u32() != kBatchMagic) return std::nullopt;
  RawBatchHeader header;
  header.length = in.u32();
  header.batch.first = in.u64();
  header.batch.accept_ns = in.i64();
  header.batch.count = in.u32();
  header.payload_crc = in.u32();
  const auto stored = in.u32();
  if (stored != crc32c(bytes.substr(0, kBatchHeaderBytes - 4), seed)) return std::nullopt;
  // A record takes two bytes at least; positions do not wrap.
  const auto& batch = header.batch;
  if (header.length > kMaxBatchBytes || batch.count == 0 || batch.count > header.length / 2 ||
      batch.first == 0 || batch.first > std::numeric_limits<Position>::max() - batch.count) {
    return std::nullopt;
  }
  return header;
}

std::size_t framed_bytes(std::size_t payload_bytes) {
  std::size_t varint_bytes = 1;
  for (auto left = payload_bytes; left >= 0x80; left >>= 7) ++varint_bytes;
  return varint_bytes + 1 + payload_bytes;
}

char* write_framed(char* out, RecordKind kind, Bytes payload) {
  auto left = payload.size();
  for (; left >= 0x80; left >>= 7) *out++ = static_cast<char>(left | 0x80);
  *out++ = static_cast<char>(left);
  *out++ = static_cast<char>(kind);
  if (!payload.empty()) std::memcpy(out, payload.data(), payload.size());
  return out + payload.size();
}

void append_framed(std::string& out, RecordKind kind, Bytes payload) {
  const auto start = out.size();
  out.resize(start + framed_bytes(payload.size()));
  write_framed(out.data() + start, kind, payload);
}

bool parse_records(Bytes records, const BatchHeader& header, std::vector<Record>& out) {
  out.clear();
  ByteReader in(records);
  for (std::uint32_t i = 0; i < header.count; ++i) {
    const auto size = in.varint();
    const auto kind = in.u8();
    const auto payload = in.raw(size);
    if (!in.ok() || size > kMaxPayloadBytes) return false;
    out.push_back({header.first + i, static_cast<RecordKind>(kind), payload});
  }
  return in.empty();
}

std::string encode_control(const Control& control) {
  std::string out;
  ByteWriter w(out);
  w.string(control.kind);
  w.string(control.hash);
  return out;
}

std::optional<Control> decode_control(Bytes payload) {
  ByteReader in(payload);
  Control control;
  control.kind = in.string();
  control.hash = in.string();
  if (!in.ok() || !in.empty()) return std::nullopt;
  return control;
}

std::string encode_barrier(std::uint64_t id) {
  std::string out;
  ByteWriter(out).u64(id);
  return out;
}

std::optional<std::uint64_t> decode_barrier(Bytes payload) {
  ByteReader in(payload);
  const auto id = in.u64();
  if (!in.ok() || !in.empty()) return std::nullopt;
  return id;
}

std::string encode_account(std::uint64_t rows_before) { return encode_barrier(rows_before); }
std::optional<std::uint64_t> decode_account(Bytes payload) { return decode_barrier(payload); }

}  // namespace sightglass::journal
