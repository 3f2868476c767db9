#include "journal/format.h"

#include <gtest/gtest.h>

#include "base/crc32c.h"
#include "base/sha256.h"
#include "journal/gap.h"

namespace sightglass::journal {
namespace {

SegmentHeader some_header() {
  SegmentHeader header;
  header.first = 4711;
  header.accept_floor_ns = 1'700'000'000'000'000'001;
  header.catalogue_hash = sha256_hex("catalogue");
  header.gateway_id = "gw-1";
  return header;
}

TEST(Format, SegmentNamesSortByPositionAndReadBack) {
  EXPECT_EQ(segment_name(1), "00000000000000000001.sgj");
  EXPECT_EQ(parse_segment_name(segment_name(18446744073709551615ull)), 18446744073709551615ull);
  EXPECT_EQ(parse_segment_name("1.sgj"), std::nullopt);
  EXPECT_EQ(parse_segment_name("00000000000000000000.sgj"), std::nullopt);
  EXPECT_EQ(parse_segment_name("0000000000000000001x.sgj"), std::nullopt);
  EXPECT_EQ(parse_segment_name("99999999999999999999.sgj"), std::nullopt);
  EXPECT_EQ(parse_segment_name("00000000000000000001.sgk"), std::nullopt);
}

TEST(Format, SegmentHeadReadsBackAndLiesAsDocumented) {
  auto header = some_header();
  const auto bytes = encode_segment_head(header);
  ASSERT_EQ(bytes.size(), 1024u);
  EXPECT_EQ(bytes.substr(0, 8), "\x89SGJ\r\n\x1a\n");
  EXPECT_EQ(bytes.substr(8, 8), std::string("\1\0\0\0\x80\0\0\0", 8));
  EXPECT_EQ(bytes.substr(64, 5), "\4gw-1");
  EXPECT_EQ(bytes.substr(0, 128), bytes.substr(512, 128));
  const auto back = decode_segment_head(bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->first, header.first);
  EXPECT_EQ(back->accept_floor_ns, header.accept_floor_ns);
  EXPECT_EQ(back->catalogue_hash, header.catalogue_hash);
  EXPECT_EQ(back->gateway_id, "gw-1");
  EXPECT_EQ(back->checksum, header.checksum);
}

TEST(Format, SegmentHeadSurvivesTheLossOfOneCopyAndNotOfBoth) {
  auto header = some_header();
  for (std::size_t i = 0; i < 128; ++i) {
    auto bytes = encode_segment_head(header);
    bytes[i] = static_cast<char>(bytes[i] ^ 0x10);
    ASSERT_TRUE(decode_segment_head(bytes)) << i;
    bytes[512 + i] = static_cast<char>(bytes[512 + i] ^ 0x10);
    ASSERT_FALSE(decode_segment_head(bytes)) << i;
  }
}

TEST(Format, RefusesANewerVersionByName) {
  auto header = some_header();
  auto bytes = encode_segment_head(header);
  bytes[8] = 2;
  std::string crc;
  ByteWriter(crc).u32(crc32c(Bytes(bytes).substr(0, 124)));
  bytes.replace(124, 4, crc);
  EXPECT_EQ(decode_segment_head(Bytes(bytes).substr(0, 128)).error().code, Code::kVersion);
}

TEST(Format, BatchHeaderIsBoundToItsSegmentAndToEveryByte) {
  const BatchHeader header{77, 3, 123456789};
  const std::string records = "abcdef";
  const auto bytes = encode_batch_header(header, records, 42);
  const auto back = decode_batch_header(Bytes(bytes.data(), bytes.size()), 42);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->batch.first, 77u);
  EXPECT_EQ(back->batch.count, 3u);
  EXPECT_EQ(back->batch.accept_ns, 123456789);
  EXPECT_EQ(back->length, 6u);
  EXPECT_EQ(back->last(), 79u);
  EXPECT_EQ(back->payload_crc, crc32c(records, 42));
  EXPECT_FALSE(decode_batch_header(Bytes(bytes.data(), bytes.size()), 43));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto flipped = bytes;
    flipped[i] = static_cast<char>(flipped[i] ^ 1);
    EXPECT_FALSE(decode_batch_header(Bytes(flipped.data(), flipped.size()), 42)) << i;
  }
}

TEST(Format, RecordsReadBackAndMustFillTheirBatchExactly) {
  std::string bytes;
  append_framed(bytes, RecordKind::kEvent, std::string(300, 'x'));
  append_framed(bytes, RecordKind::kTick, "");
  EXPECT_EQ(bytes.size(), framed_bytes(300) + framed_bytes(0));
  std::vector<Record> records;
  ASSERT_TRUE(parse_records(bytes, {10, 2, 0}, records));
  EXPECT_EQ(records[0].position, 10u);
  EXPECT_EQ(records[0].payload, std::string(300, 'x'));
  EXPECT_EQ(records[1].kind, RecordKind::kTick);
  EXPECT_FALSE(parse_records(bytes, {10, 1, 0}, records));
  EXPECT_FALSE(parse_records(bytes, {10, 3, 0}, records));
  EXPECT_FALSE(parse_records(bytes.substr(0, bytes.size() - 1), {10, 2, 0}, records));
}

TEST(Format, ControlAndBarrierReadBackAndRefuseOtherBytes) {
  const auto control = decode_control(encode_control({"catalogue", "ab"}));
  ASSERT_TRUE(control);
  EXPECT_EQ(control->kind, "catalogue");
  EXPECT_EQ(control->hash, "ab");
  EXPECT_FALSE(decode_control(encode_control({"catalogue", "ab"}) + "x"));
  EXPECT_EQ(decode_barrier(encode_barrier(7)), 7u);
  EXPECT_FALSE(decode_barrier("1234567"));
}

TEST(Gap, ReadsBackAndRefusesEveryCutAndOtherVersions) {
  Gap gap;
  gap.cause = GapCause::kNoSpace;
  gap.from_ns = 5;
  gap.to_ns = 9;
  gap.lines = {{"ok", "openai", 3, 2, 100, 50, 1'000'000, 1}, {"", "", 1, 0, 0, 0, -1, 0}};
  const auto bytes = encode_gap(gap);
  const auto back = decode_gap(bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->cause, GapCause::kNoSpace);
  EXPECT_EQ(back->from_ns, 5);
  EXPECT_EQ(back->to_ns, 9);
  EXPECT_EQ(back->lines, gap.lines);
  for (std::size_t i = 0; i < bytes.size(); ++i) EXPECT_FALSE(decode_gap(bytes.substr(0, i))) << i;
  EXPECT_FALSE(decode_gap("\2" + bytes.substr(1)));
}

TEST(Gap, AggregateIsBoundedInPairsAndKeepsTheSum) {
  GapAggregate aggregate;
  for (int i = 0; i < 5000; ++i) {
    Gap::Line line;
    line.outcome = "ok";
    line.provider = "p" + std::to_string(i);
    line.events = 1;
    aggregate.add(line);
  }
  std::uint64_t sum = 0;
  for (const auto& line : aggregate.lines()) sum += line.events;
  EXPECT_EQ(sum, 5000u);
  EXPECT_LE(aggregate.lines().size(), 257u);
}

TEST(Gap, CountsWhatCannotBeReadAsUnknown) {
  GapAggregate aggregate;
  aggregate.add(RecordKind::kEvent, "garbage");
  aggregate.add(RecordKind::kTick, "");
  ASSERT_EQ(aggregate.lines().size(), 1u);
  EXPECT_EQ(aggregate.lines()[0].outcome, "__unknown__");
  EXPECT_EQ(aggregate.lines()[0].events, 1u);
}

}  // namespace
}  // namespace sightglass::journal
