#include "store/compaction.h"

namespace sightglass::store {
namespace {

constexpr Nanos kHour = 3'600 * kSecond, kDay = 24 * kHour;
constexpr std::size_t kFew = 16, kMany = 64;

// Rounded down, also before 1970.
std::int64_t window_of(Nanos time_ns, Nanos length_ns) {
  return time_ns / length_ns - (time_ns % length_ns < 0 ? 1 : 0);
}

struct Rule {
  Nanos window_ns;      // only files of one window become one
  bool closed;          // the window must be over
  std::size_t least;    // so many files at least
  std::size_t most;     // and at most
  std::uint64_t small;  // rows of each at most
  std::uint64_t rows;   // of the merged file at most
};

FileRun first_run(const std::vector<ManifestFile>& files, const CompactionLimits& limits,
                  const Rule& rule, Nanos now_ns) {
  const auto today = window_of(now_ns, rule.window_ns);
  FileRun run;
  std::int64_t window = 0;
  std::uint64_t rows = 0, bytes = 0;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const auto& file = files[i];
    const auto mine = window_of(file.facts.newest_accept_ns(), rule.window_ns);
    const bool fits = file.facts.rows <= rule.small && (!rule.closed || mine < today);
    const bool goes_on = run.count != 0 && fits && mine == window && run.count < rule.most &&
                         rows + file.facts.rows <= rule.rows &&
                         bytes + file.bytes <= limits.file_bytes;
    if (!goes_on) {
      if (run.count >= rule.least) return run;
      run = {i, 0};
      rows = bytes = 0;
      window = mine;
      if (!fits) continue;
    }
    ++run.count;
    rows += file.facts.rows;
    bytes += file.bytes;
  }
  return run.count >= rule.least ? run : FileRun{};
}

}  // namespace

FileRun next_compaction(const std::vector<ManifestFile>& files, const CompactionLimits& limits,
                        Nanos now_ns) {
  const auto seal = limits.seal_rows;
  const Rule rules[] = {
      {kHour, false, kFew, kMany, seal / 4, kFew * seal},
      {kHour, false, kFew, kMany, 2 * seal, kFew * seal},
      {kHour, true, 2, files.size(), limits.file_rows, limits.file_rows},
      {kDay, true, 2, files.size(), limits.file_rows, limits.file_rows},
  };
  for (const auto& rule : rules) {
    if (const auto run = first_run(files, limits, rule, now_ns); run.count != 0) return run;
  }
  return {};
}

}  // namespace sightglass::store
