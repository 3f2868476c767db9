// Damage inside the files: never silent, never a crash, and everything intact elsewhere is read.
#include <algorithm>
#include <set>

#include "base/crc32c.h"
#include "journal/testing.h"

namespace sightglass::journal {
namespace {

// Three segments with a few batches each; what they held, and which byte belongs to which batch.
struct Original {
  struct Span {
    std::string file;
    std::uint64_t begin = 0, end = 0;
    Position first = 0, last = 0;
  };
  std::map<std::string, std::string> files;
  std::vector<std::pair<Position, std::string>> records;
  std::vector<Span> batches;
};

Original write_original() {
  Bench bench;
  bench.options.segment_bytes = 1024 + 250;
  auto journal = bench.open();
  Original out;
  for (int i = 0; i < 12; ++i) {
    const auto a = "a" + std::to_string(i), b = "SGB1" + std::to_string(i);
    const Draft drafts[] = {
        {RecordKind::kEvent, a}, {RecordKind::kEvent, b}, {RecordKind::kTick, ""}};
    const auto segments_before = journal->segments();
    EXPECT_TRUE(journal->append_all(drafts));
    const auto segment = journal->segments().back();
    const auto size_before = segments_before.back().first == segment.first
                                 ? segments_before.back().size_bytes
                                 : kFirstBatchOffset;
    const auto last = journal->committed();
    out.batches.push_back(
        {segment_name(segment.first), size_before, segment.size_bytes, last - 2, last});
  }
  (void)journal->close();
  out.records = bench.read(nullptr).records;
  for (const auto& name : bench.segment_files()) {
    out.files[name] = bench.fs.content("data/journal/" + name).value();
  }
  EXPECT_GE(out.files.size(), 2u);
  return out;
}

void restore(Bench& bench, const Original& original) {
  (void)bench.fs.create_directories("data/journal/control");
  for (const auto& [name, bytes] : original.files) {
    bench.fs.set_content("data/journal/" + name, bytes);
  }
}

std::string last_segment(const Original& original) { return original.files.rbegin()->first; }

TEST(Damage, OfAnyByteIsReportedAndCostsItsOwnBatchAtMost) {
  const auto original = write_original();
  for (const auto& [name, bytes] : original.files) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      for (const char mask : {'\x01', '\xff'}) {
        Bench bench;
        restore(bench, original);
        auto damaged = bytes;
        damaged[i] = static_cast<char>(damaged[i] ^ mask);
        bench.fs.set_content("data/journal/" + name, damaged);

        std::set<Position> at_risk;
        for (const auto& batch : original.batches) {
          if (batch.file != name || i < batch.begin || i >= batch.end) continue;
          for (auto p = batch.first; p <= batch.last; ++p) at_risk.insert(p);
        }
        // As it lies: a hole is counted, damage at the very end is an error.
        const auto raw = bench.read(nullptr);
        ASSERT_EQ(raw.records.size() + at_risk.size(), original.records.size()) << name << " " << i;
        ASSERT_TRUE(at_risk.empty() || raw.skipped == at_risk.size() || !raw.error.empty());

        auto journal = bench.open();
        ASSERT_NE(journal, nullptr) << name << " " << i;
        const auto& found = journal->recovery();
        ASSERT_TRUE(!found.damage.empty() || found.torn_bytes > 0) << name << " " << i;
        for (const auto& damage : found.damage) {
          EXPECT_EQ(damage.segment, name);
          EXPECT_NE(bench.log.text().find(name + ": "), std::string::npos);
        }
        const auto got = bench.read(journal.get());
        ASSERT_EQ(got.error, "");
        std::vector<std::pair<Position, std::string>> expected;
        for (const auto& record : original.records) {
          if (!at_risk.contains(record.first)) expected.push_back(record);
        }
        ASSERT_EQ(got.records, expected) << name << " " << i;
      }
    }
  }
}

TEST(Damage, CutsATornTailAtEveryLength) {
  const auto original = write_original();
  const auto name = last_segment(original);
  const auto& bytes = original.files.at(name);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    Bench bench;
    restore(bench, original);
    bench.fs.set_content("data/journal/" + name, bytes.substr(0, size));
    auto journal = bench.open();
    ASSERT_NE(journal, nullptr) << size;
    Position whole = parse_segment_name(name).value() - 1;
    std::uint64_t kept = size < kFirstBatchOffset ? 0 : kFirstBatchOffset;
    for (const auto& batch : original.batches) {
      if (batch.file == name && batch.end <= size) whole = batch.last, kept = batch.end;
    }
    ASSERT_EQ(journal->recovery().last, whole) << size;
    ASSERT_EQ(journal->recovery().torn_bytes, size - kept) << size;
    ASSERT_TRUE(journal->recovery().damage.empty()) << size;
    ASSERT_EQ(bench.read(journal.get()).records.size(), whole) << size;
  }
}

TEST(Damage, FindsTheNextIntactBatchBehindALostBlock) {
  const auto original = write_original();
  const auto& first = original.batches.front();
  for (std::uint64_t length = 1; length < 200; length += 7) {
    Bench bench;
    restore(bench, original);
    auto bytes = original.files.at(first.file);
    const auto start = first.begin + 3;
    std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(start),
                std::min<std::size_t>(length, bytes.size() - start), '\0');
    bench.fs.set_content("data/journal/" + first.file, bytes);
    auto journal = bench.open();
    ASSERT_EQ(journal->recovery().damage.size(), 1u) << length;
    const auto& damage = journal->recovery().damage[0];
    EXPECT_EQ(damage.offset, first.begin);
    const auto got = bench.read(journal.get());
    EXPECT_EQ(got.skipped, damage.records);
    EXPECT_EQ(got.records.size() + damage.records, original.records.size());
  }
}

TEST(Damage, ReportsAMissingSegmentAndReadsOnBehindIt) {
  const auto original = write_original();
  ASSERT_GE(original.files.size(), 3u);
  const auto victim = std::next(original.files.begin())->first;
  const auto behind = std::next(original.files.begin(), 2)->first;
  Bench bench;
  restore(bench, original);
  ASSERT_TRUE(bench.fs.remove("data/journal/" + victim));
  auto journal = bench.open();
  ASSERT_EQ(journal->recovery().damage.size(), 1u);
  const auto& damage = journal->recovery().damage[0];
  EXPECT_EQ(damage.segment, behind);
  EXPECT_NE(damage.problem.find("missing"), std::string::npos);
  EXPECT_EQ(damage.records, *parse_segment_name(behind) - *parse_segment_name(victim));
  const auto got = bench.read(journal.get());
  EXPECT_EQ(got.skipped, damage.records);
  EXPECT_EQ(got.error, "");
}

TEST(Damage, RefusesToStartOnASegmentOfANewerVersion) {
  const auto original = write_original();
  Bench bench;
  restore(bench, original);
  const auto name = last_segment(original);
  auto bytes = original.files.at(name);
  bytes[8] = 9;
  std::string crc;
  ByteWriter(crc).u32(crc32c(Bytes(bytes).substr(0, kSegmentHeaderBytes - 4)));
  bytes.replace(kSegmentHeaderBytes - 4, 4, crc);
  bench.fs.set_content("data/journal/" + name, bytes);
  const auto opened = bench.try_open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kVersion);
  EXPECT_NE(opened.error().message.find(name), std::string::npos);
  auto reader = open_reader(bench.options, bench.fs, nullptr, 0).value();
  Reader::Batch batch;
  Result<bool> more = true;
  while (more && *more) more = reader->next(batch);
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code, Code::kVersion);
}

TEST(Damage, NamesForeignFilesAndLeavesThemAlone) {
  const auto original = write_original();
  Bench bench;
  restore(bench, original);
  bench.fs.set_content("data/journal/notes.txt", "mine");
  const auto garbage = segment_name(1000);
  bench.fs.set_content("data/journal/" + garbage, std::string(5000, 'g'));
  const auto copied = segment_name(5);
  bench.fs.set_content("data/journal/" + copied, original.files.begin()->second);
  auto journal = bench.open();
  ASSERT_NE(journal, nullptr);
  EXPECT_EQ(journal->recovery().unknown, std::vector<std::string>{"notes.txt"});
  EXPECT_TRUE(bench.fs.exists("data/journal/notes.txt"));
  EXPECT_EQ(bench.fs.content("data/journal/" + garbage), std::string(5000, 'g'));
  const auto log = bench.log.text();
  EXPECT_NE(log.find("notes.txt: is not a file of the journal"), std::string::npos) << log;
  EXPECT_NE(log.find(garbage + ": not a journal segment"), std::string::npos) << log;
  EXPECT_NE(log.find("under another name"), std::string::npos) << log;
  // No position that the garbage might hold is given again.
  EXPECT_GT(journal->append(RecordKind::kEvent, "x").value(), 1000u + 5000u - 1);
  EXPECT_EQ(bench.read(journal.get()).payloads().back(), "x");
}

TEST(Damage, CutsNothingWhenTheLastSegmentCannotBeRead) {
  const auto original = write_original();
  Bench bench;
  restore(bench, original);
  bench.fs.fail_reads(last_segment(original));
  EXPECT_EQ(bench.try_open().error().code, Code::kIo);
  bench.fs.fail_reads("");
  auto journal = bench.open();
  EXPECT_EQ(bench.read(journal.get()).records, original.records);
}

TEST(Damage, OfABatchUnderALiveReaderIsSkippedOnceMoreFollows) {
  Bench bench;
  auto journal = bench.open();
  ASSERT_TRUE(journal->append(RecordKind::kEvent, "a"));
  ASSERT_TRUE(journal->append(RecordKind::kEvent, "b"));
  const auto path = "data/journal/" + segment_name(1);
  auto bytes = bench.fs.content(path).value();
  bytes[bytes.size() - 1] = '!';
  bench.fs.set_content(path, bytes);
  auto reader = open_reader(bench.options, bench.fs, journal.get(), 0).value();
  Reader::Batch batch;
  ASSERT_TRUE(reader->next(batch).value());
  EXPECT_EQ(reader->next(batch).error().code, Code::kCorrupt);
  EXPECT_EQ(reader->next(batch).error().code, Code::kCorrupt);
  ASSERT_TRUE(journal->append(RecordKind::kEvent, "c"));
  ASSERT_TRUE(reader->next(batch).value());
  EXPECT_EQ(batch.records[0].payload, "c");
  EXPECT_EQ(reader->skipped(), 1u);
}

TEST(Damage, UnreadableBlocksAreAnErrorNotAnEnd) {
  Bench bench;
  auto journal = bench.open();
  ASSERT_TRUE(journal->append(RecordKind::kEvent, "a"));
  auto reader = open_reader(bench.options, bench.fs, journal.get(), 0).value();
  bench.fs.fail_reads(".sgj");
  Reader::Batch batch;
  EXPECT_EQ(reader->next(batch).error().code, Code::kIo);
  bench.fs.fail_reads("");
  EXPECT_TRUE(reader->next(batch).value());
}

}  // namespace
}  // namespace sightglass::journal
