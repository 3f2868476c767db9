#include "store/manifest.h"

#include <gtest/gtest.h>

#include "base/crc32c.h"

namespace sightglass::store {
namespace {

Manifest example() {
  Manifest out;
  out.generation = 7;
  out.covered = 18'446'744'073'709'551'000u;
  out.columns = {{"odd \"name\"", duck::Type::kText, true}, {"n", duck::Type::kBigint, false}};
  ManifestFile file;
  file.bytes = 123;
  file.crc = 0xdeadbeef;
  file.covers_from = 1;
  file.covers_to = 99;
  file.name = file_name(1, 99, 3);
  file.facts = {.rows = 5,
                .first = 2,
                .last = 98,
                .min_time_ns = -1,
                .max_time_ns = INT64_MAX,
                .accepted_from_ns = 3,
                .accepted_to_ns = 4,
                .totals = {5, 6, 7, -8, 9}};
  out.files.push_back(file);
  file.covers_from = 100;
  file.covers_to = out.covered;
  file.name = file_name(file.covers_from, file.covers_to, 4);
  out.files.push_back(file);
  out.retired = {file_name(1, 50, 1)};
  out.rolled_up = 99;
  for (const auto step : kRollupSteps) {
    ManifestRollup rollup;
    rollup.step = step;
    rollup.partition_ns = -partition_ns(step);
    rollup.name = rollup_file_name(step, rollup.partition_ns, 12);
    rollup.bytes = 50;
    rollup.crc = 60;
    out.rollups.push_back(rollup);
  }
  out.expired_files = 1;
  out.expired_rows = 2;
  out.expired_totals = {1, 2, 3, 4, 5};
  out.expired_newest_ns = 77;
  out.lost_files = 3;
  out.lost_rows = 4;
  return out;
}

// With a checksum that is right: what is wrong is inside.
std::string resigned(std::string text) {
  text.resize(text.rfind(",\"crc32c\":\""));
  char crc[32];
  std::snprintf(crc, sizeof crc, ",\"crc32c\":\"%08x\"}\n", crc32c(text));
  return text + crc;
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const auto at = text.find(from);
  EXPECT_NE(at, text.npos) << from;
  return resigned(text.replace(at, from.size(), to));
}

TEST(Manifest, ReadsBackWhatWasWritten) {
  const auto want = example();
  const auto got = parse_manifest(write_manifest(want));
  ASSERT_TRUE(got.has_value()) << got.error().message;
  EXPECT_EQ(got->generation, want.generation);
  EXPECT_EQ(got->covered, want.covered);
  ASSERT_EQ(got->columns.size(), 2u);
  EXPECT_EQ(got->columns[0].name, want.columns[0].name);
  EXPECT_EQ(got->columns[0].type, want.columns[0].type);
  EXPECT_TRUE(got->columns[0].in_use);
  EXPECT_FALSE(got->columns[1].in_use);
  EXPECT_EQ(got->files, want.files);
  EXPECT_EQ(got->retired, want.retired);
  EXPECT_EQ(got->rolled_up, want.rolled_up);
  EXPECT_EQ(got->rollups, want.rollups);
  EXPECT_EQ(got->expired_files, want.expired_files);
  EXPECT_EQ(got->expired_rows, want.expired_rows);
  EXPECT_EQ(got->expired_totals, want.expired_totals);
  EXPECT_EQ(got->expired_newest_ns, want.expired_newest_ns);
  EXPECT_EQ(got->lost_files, want.lost_files);
  EXPECT_EQ(got->lost_rows, want.lost_rows);
}

TEST(Manifest, AnyChangedByteIsNoticed) {
  const auto text = write_manifest(example());
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto changed = text;
    changed[i] = static_cast<char>(changed[i] ^ 0x04);
    const auto got = parse_manifest(changed);
    ASSERT_FALSE(got.has_value()) << "byte " << i;
    EXPECT_EQ(got.error().code, Code::kCorrupt);
  }
}

TEST(Manifest, AnyCutIsNoticed) {
  const auto text = write_manifest(example());
  for (std::size_t i = 0; i < text.size(); ++i) {
    ASSERT_FALSE(parse_manifest(text.substr(0, i)).has_value()) << i;
  }
}

TEST(Manifest, ANewerVersionIsRefusedAsSuch) {
  const auto text = write_manifest(example());
  for (const auto& newer : {replaced(text, "\"version\":2", "\"version\":3"),
                            replaced(text, "\"schema\":1", "\"schema\":2")}) {
    const auto got = parse_manifest(newer);
    ASSERT_FALSE(got.has_value());
    EXPECT_EQ(got.error().code, Code::kVersion);
  }
}

// As version 1 wrote it, byte for byte: what it did not count is not known, the rest is.
TEST(Manifest, AVersion1ManifestIsRead) {
  const auto text = resigned(
      R"({"format":"sightglass-store","version":1,"schema":1,"generation":7,"covered":99,)"
      R"("columns":[{"name":"key","type":"VARCHAR","in_use":1}],"files":[)"
      "\n"
      R"({"name":"00000000000000000001-00000000000000000099.0000000003.parquet","bytes":5,)"
      R"("crc32c":6,"covers_from":1,"covers_to":99,"rows":5,"first_position":2,)"
      R"("last_position":98,"min_time_ns":-1,"max_time_ns":9,"requests":5,"input_tokens":6,)"
      R"("output_tokens":7,"cost_nanousd":-8,"unpriced":9}],"retired":[],)"
      R"("expired":{"files":1,"rows":2,"requests":1,"input_tokens":2,"output_tokens":3,)"
      R"("cost_nanousd":4,"unpriced":5},"lost":{"files":3,"rows":4},"crc32c":"00000000"})"
      "\n");
  const auto got = parse_manifest(text);
  ASSERT_TRUE(got.has_value()) << got.error().message;
  ASSERT_EQ(got->files.size(), 1u);
  EXPECT_EQ(got->files[0].facts.max_time_ns, 9);
  EXPECT_EQ(got->files[0].facts.accepted_to_ns, 0);
  EXPECT_EQ(got->files[0].facts.newest_accept_ns(), 9);
  EXPECT_EQ(got->expired_totals.requests, 1u);
  EXPECT_EQ(got->expired_newest_ns, 0);
}

TEST(Manifest, WhatIsWellSignedAndWrongIsRefused) {
  const auto text = write_manifest(example());
  const auto name = file_name(1, 99, 3);
  const std::string escape = "../../etc/passwd" + std::string(name.size() - 16, 'x');
  for (const auto& wrong : {
           replaced(text, name, escape),                                // not a name of ours
           replaced(text, "\"rows\":5", "\"rows\":\"5\""),              // another kind
           replaced(text, "\"covers_from\":1,", "\"covers_from\":0,"),  // positions begin at 1
           replaced(text, "\"covers_to\":99", "\"covers_to\":100"),     // overlaps the next
           replaced(text, "\"VARCHAR\"", "\"BLOB\""),                   // a type we never write
           replaced(text, "\"covered\":", "\"discovered\":"),
           replaced(text, "hour--", "day--"),  // not where a day begins
           replaced(text, "day-", "hour-"),    // twice, out of order
           replaced(text, "minute--", "minute-/"),
       }) {
    const auto got = parse_manifest(wrong);
    ASSERT_FALSE(got.has_value()) << wrong;
    EXPECT_EQ(got.error().code, Code::kCorrupt);
  }
}

TEST(Manifest, FileNamesSayWhatTheyCoverAndSortByIt) {
  const auto name = file_name(7, 18'446'744'073'709'551'615u, 42);
  ManifestFile file;
  std::uint64_t generation = 0;
  ASSERT_TRUE(parse_file_name(name, file, generation));
  EXPECT_EQ(file.covers_from, 7u);
  EXPECT_EQ(file.covers_to, 18'446'744'073'709'551'615u);
  EXPECT_EQ(generation, 42u);
  EXPECT_LT(file_name(9, 10, 1), file_name(11, 12, 1));
  for (const auto* other : {"", "a.parquet", "manifest.json"}) {
    EXPECT_FALSE(parse_file_name(other, file, generation)) << other;
  }
  EXPECT_FALSE(parse_file_name(name.substr(1) + "x", file, generation));
}

}  // namespace
}  // namespace sightglass::store
