// The journal's bytes. Every layout here is documented in docs/journal-format.md; change both.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "journal/record.h"

namespace sightglass::journal {

inline constexpr std::string_view kSegmentMagic{"\x89SGJ\r\n\x1a\n", 8};
inline constexpr std::uint32_t kFormatVersion = 1;
inline constexpr std::size_t kSegmentHeaderBytes = 128;
inline constexpr std::size_t kHeaderCopyOffset = 512;  // survives the loss of the first sector
inline constexpr std::size_t kFirstBatchOffset = 1024;
inline constexpr std::size_t kMaxGatewayIdBytes = 59;

inline constexpr std::uint32_t kBatchMagic = 0x31424753;  // "SGB1"
inline constexpr std::size_t kBatchHeaderBytes = 36;
inline constexpr std::size_t kMaxBatchBytes = 16u << 20;    // of records; readers refuse more
inline constexpr std::size_t kMaxTogetherBytes = 8u << 20;  // of one append_all

std::string segment_name(Position first);                           // 20 digits and ".sgj"
std::optional<Position> parse_segment_name(std::string_view name);  // nullopt: not a segment

struct SegmentHeader {
  Position first = 0;
  Nanos accept_floor_ns = 0;   // no batch of this segment was accepted before
  std::string catalogue_hash;  // 64 hex digits of the one in force for all of it; empty: none
  std::string gateway_id;
  // Seeds the checksums of this segment's batches, so that a batch of another file (a stale block,
  // bytes inside a payload) is never taken for one of this.
  std::uint32_t checksum = 0;
  bool whole = true;  // as read: both copies and the padding are as they were written
};

// The header and its copy: kFirstBatchOffset bytes. Sets header.checksum.
std::string encode_segment_head(SegmentHeader& header);
// From the first kFirstBatchOffset bytes of a file. Errors: kCorrupt when neither copy is intact,
// kVersion when it is intact and newer.
Result<SegmentHeader> decode_segment_head(Bytes head);

struct RawBatchHeader {
  std::uint32_t length = 0;  // bytes of records
  BatchHeader batch;
  std::uint32_t payload_crc = 0;
  Position last() const { return batch.first + batch.count - 1; }
};

std::array<char, kBatchHeaderBytes> encode_batch_header(const BatchHeader& header, Bytes records,
                                                        std::uint32_t seed);
// nullopt: not an intact header of the segment with this seed.
std::optional<RawBatchHeader> decode_batch_header(Bytes bytes, std::uint32_t seed);

// One framed record: varint payload length, u8 kind, payload.
std::size_t framed_bytes(std::size_t payload_bytes);
char* write_framed(char* out, RecordKind kind, Bytes payload);  // framed_bytes() of room; its end
void append_framed(std::string& out, RecordKind kind, Bytes payload);
// False unless `records` frames exactly header.count records. `out` is replaced, its room kept.
bool parse_records(Bytes records, const BatchHeader& header, std::vector<Record>& out);

// Payload of kControl.
struct Control {
  std::string kind;  // "catalogue"
  std::string hash;  // 64 hex digits
};
std::string encode_control(const Control& control);
std::optional<Control> decode_control(Bytes payload);

// Payload of kBarrier.
std::string encode_barrier(std::uint64_t id);
std::optional<std::uint64_t> decode_barrier(Bytes payload);

// Payload of kAccount: the rows that the store has had so far, kNoStore where there is none.
inline constexpr std::uint64_t kNoStore = 0xffff'ffff'ffff'ffff;
std::string encode_account(std::uint64_t rows_before);
std::optional<std::uint64_t> decode_account(Bytes payload);

}  // namespace sightglass::journal
