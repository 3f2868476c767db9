// Which files become one, on made-up manifests: no file is read.
#include "store/compaction.h"

#include <gtest/gtest.h>

#include <map>

#include "base/random.h"

namespace sightglass::store {
namespace {

constexpr Nanos kMinute = 60 * kSecond, kHour = 60 * kMinute, kDay = 24 * kHour;
constexpr Nanos kStart = 20'000 * kDay;  // a midnight
constexpr CompactionLimits kLimits{.seal_rows = 1000, .file_rows = 64'000, .file_bytes = 1 << 20};

ManifestFile file(Nanos newest_ns, std::uint64_t rows, std::uint64_t bytes = 0) {
  ManifestFile out;
  out.facts.rows = rows;
  out.facts.accepted_from_ns = newest_ns - kSecond;
  out.facts.accepted_to_ns = newest_ns;
  out.bytes = bytes == 0 ? rows : bytes;
  return out;
}

std::vector<ManifestFile> minutes(int count, std::uint64_t rows, Nanos from = kStart) {
  std::vector<ManifestFile> out;
  for (int i = 0; i < count; ++i) out.push_back(file(from + i * kMinute + kSecond, rows));
  return out;
}

void merge(std::vector<ManifestFile>& files, FileRun run) {
  auto& into = files[run.first];
  for (auto i = run.first + 1; i < run.first + run.count; ++i) {
    into.facts.rows += files[i].facts.rows;
    into.bytes += files[i].bytes;
    into.facts.accepted_to_ns = files[i].facts.accepted_to_ns;
  }
  const auto begin = files.begin() + static_cast<std::ptrdiff_t>(run.first);
  files.erase(begin + 1, begin + static_cast<std::ptrdiff_t>(run.count));
}

// How many merges until none is left.
int compact(std::vector<ManifestFile>& files, Nanos now_ns) {
  int merges = 0;
  for (auto run = next_compaction(files, kLimits, now_ns); run.count != 0;
       run = next_compaction(files, kLimits, now_ns)) {
    EXPECT_GE(run.count, 2u);
    merge(files, run);
    ++merges;
  }
  return merges;
}

TEST(Compaction, AFewFilesOfTheHourUnderWayStay) {
  EXPECT_EQ(next_compaction(minutes(15, 10), kLimits, kStart + 30 * kMinute), FileRun{});
  EXPECT_EQ(next_compaction({}, kLimits, kStart), FileRun{});
}

TEST(Compaction, SixteenSmallFilesOfOneHourBecomeOne) {
  EXPECT_EQ(next_compaction(minutes(17, 10), kLimits, kStart + 30 * kMinute), (FileRun{0, 17}));
  // Across the turn of an hour they are eight and nine.
  const auto across = minutes(17, 10, kStart + 52 * kMinute);
  const auto run = next_compaction(across, kLimits, kStart + 61 * kMinute);
  EXPECT_EQ(run, (FileRun{0, 8})) << "what is left of an hour that is over";
}

TEST(Compaction, AnHourThatIsOverBecomesOneFileAndThenADay) {
  std::vector<ManifestFile> files;
  for (int hour = 0; hour < 30; ++hour) {
    for (auto& minute : minutes(60, 10, kStart + hour * kHour)) files.push_back(minute);
    const auto now = kStart + (hour + 1) * kHour + kSecond;
    compact(files, now);
    const auto over = hour + 1;  // hours
    const std::size_t want = over < 24 ? over : 1 + (over - 24);
    ASSERT_EQ(files.size(), want) << "after hour " << hour;
  }
}

TEST(Compaction, AFileIsAsLargeAsItsLimitsAllow) {
  std::vector<ManifestFile> files;
  for (int i = 0; i < 300; ++i) files.push_back(file(kStart + i * 10 * kSecond, 1000));
  compact(files, kStart + 2 * kDay);
  std::uint64_t rows = 0;
  for (const auto& one : files) {
    EXPECT_LE(one.facts.rows, kLimits.file_rows);
    rows += one.facts.rows;
  }
  EXPECT_EQ(rows, 300'000u);
  EXPECT_LE(files.size(), 8u) << "300,000 rows in files of 64,000";
  std::vector<ManifestFile> heavy = {file(kStart, 10, 900 << 10),
                                     file(kStart + kSecond, 10, 900 << 10)};
  EXPECT_EQ(next_compaction(heavy, kLimits, kStart + 2 * kDay), FileRun{}) << "the limit of bytes";
}

// Whatever the files: no row is lost, no limit passed, no day joined with another, and there is an
// end, at which no two neighbours of a day that is over fit together.
TEST(Compaction, EndsForAnyFilesWithEachDayAsFewFilesAsFit) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SeededRandom random(seed);
    std::vector<ManifestFile> files;
    std::map<std::int64_t, std::uint64_t> rows_of_day;
    Nanos time_ns = kStart;
    for (int i = 0; i < 500; ++i) {
      time_ns += static_cast<Nanos>(random.below(20 * 60)) * kSecond;
      files.push_back(file(time_ns, 1 + random.below(random.below(10) == 0 ? 60'000 : 1000)));
      rows_of_day[time_ns / kDay] += files.back().facts.rows;
    }
    const auto now = time_ns + 2 * kDay;
    EXPECT_LT(compact(files, now), 500);
    std::map<std::int64_t, std::uint64_t> got;
    for (std::size_t i = 0; i < files.size(); ++i) {
      const auto& facts = files[i].facts;
      got[facts.accepted_to_ns / kDay] += facts.rows;
      EXPECT_LE(facts.rows, kLimits.file_rows);
      if (i == 0 || files[i - 1].facts.accepted_to_ns / kDay != facts.accepted_to_ns / kDay)
        continue;
      EXPECT_GT(files[i - 1].facts.rows + facts.rows, kLimits.file_rows);
    }
    EXPECT_EQ(got, rows_of_day);
  }
}

}  // namespace
}  // namespace sightglass::store
