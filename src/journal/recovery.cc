#include "journal/recovery.h"

#include <limits>

#include "journal/control_files.h"
#include "journal/segment_scan.h"

namespace sightglass::journal {
namespace {

constexpr Position kNoEnd = std::numeric_limits<Position>::max();

struct Candidate {
  std::string name;
  Position first = 0;
  std::uint64_t size_bytes = 0;
};

class Recoverer {
 public:
  Recoverer(FileSystem& fs, const std::string& directory) : fs_(fs), directory_(directory) {}

  Result<Recovered> run() {
    SG_TRY(find_candidates());
    std::size_t verify_from = candidates_.size();
    for (std::uint64_t sum = 0; verify_from > 0; --verify_from) {
      sum += candidates_[verify_from - 1].size_bytes;
      if (sum > kVerifiedBytes && verify_from < candidates_.size()) break;
    }
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      const bool last = i + 1 == candidates_.size();
      const auto before = last ? kNoEnd : candidates_[i + 1].first;
      SG_TRY(one(candidates_[i], before, i < verify_from ? Depth::kHead : Depth::kWhole));
    }
    if (!out_.segments.empty()) out_.catalogue_hash = out_.segments.back().catalogue_hash;
    out_.next = expected_;
    out_.report.last = expected_ - 1;
    return std::move(out_);
  }

 private:
  enum class Depth : std::uint8_t { kHead, kWhole };

  std::string path(const Candidate& segment) const { return directory_ + "/" + segment.name; }

  Status find_candidates() {
    SG_ASSIGN(const auto names, fs_.list(directory_));
    for (const auto& name : names) {
      if (const auto first = parse_segment_name(name)) {
        SG_ASSIGN(const auto file, fs_.open(directory_ + "/" + name, OpenMode::kRead));
        SG_ASSIGN(const auto size_bytes, file->size());
        candidates_.push_back({name, *first, size_bytes});
      } else if (name != kControlDirectory && name != "reserve") {
        out_.report.unknown.push_back(name);
      }
    }
    return {};
  }

  void damaged(const Candidate& segment, std::uint64_t offset, std::uint64_t bytes,
               std::uint64_t records, std::string problem) {
    out_.report.damage.push_back({segment.name, offset, bytes, records, std::move(problem)});
  }

  Status one(const Candidate& segment, Position before, Depth depth) {
    if (out_.segments.empty()) expected_ = segment.first;  // older ones were cut
    if (segment.first > expected_ && known_end_) {
      damaged(segment, 0, 0, segment.first - expected_, "a segment before it is missing");
    }
    auto scan = SegmentScan::open(fs_, path(segment), segment.first);
    if (!scan) return without_head(segment, before, std::move(scan).error());
    const bool only_head = segment.size_bytes <= kFirstBatchOffset;
    if (before == kNoEnd && only_head && !scan->header().whole) return never_finished(segment);
    out_.segments.push_back({segment.first, segment.size_bytes, scan->header().catalogue_hash});
    out_.gateway_id = scan->header().gateway_id;
    if (!scan->header().whole) {
      damaged(segment, 0, kFirstBatchOffset, 0, "a copy of the head is damaged, the other is used");
    }
    out_.accept_floor_ns = std::max(out_.accept_floor_ns, scan->header().accept_floor_ns);
    expected_ = std::max(expected_, segment.first);
    known_end_ = depth == Depth::kWhole;
    if (depth == Depth::kHead) return {};
    return batches(segment, before, *scan);
  }

  Status batches(const Candidate& segment, Position before, SegmentScan& scan) {
    SegmentScan::Found found;
    for (;;) {
      auto more = scan.next(expected_, before, found, bytes_, records_);
      if (!more && before != kNoEnd) {  // unreadable blocks, and segments behind them
        damaged(segment, scan.offset(), segment.size_bytes - scan.offset(), before - expected_,
                "cannot be read");
        expected_ = before;
        return {};
      }
      if (!more) return std::unexpected(std::move(more).error());
      if (!*more) break;
      if (found.damage_bytes > 0 || found.header.first > expected_) {
        damaged(segment, found.damage_offset, found.damage_bytes, found.header.first - expected_,
                "fails its checksum");
      }
      expected_ = found.header.first + found.header.count;
      out_.accept_floor_ns = std::max(out_.accept_floor_ns, found.header.accept_ns);
    }
    SG_ASSIGN(const auto tail_bytes, scan.tail_bytes());
    if (tail_bytes == 0) return remove_if_empty(segment, before, scan);
    if (before != kNoEnd && before > expected_) {
      damaged(segment, scan.offset(), tail_bytes, before - expected_, "fails its checksum");
      expected_ = before;
      return {};
    }
    // Bytes that no commit vouched for: the crash's, or those of a commit that failed and went on
    // in the next segment.
    out_.report.torn_bytes += tail_bytes;
    if (before != kNoEnd) return {};
    SG_ASSIGN(auto file, fs_.open(path(segment), OpenMode::kAppend));
    SG_TRY(file->truncate(scan.offset()));
    SG_TRY(file->sync_data());
    out_.segments.back().size_bytes = scan.offset();
    return remove_if_empty(segment, before, scan);
  }

  // The next segment will have the name of a last one without records.
  Status remove_if_empty(const Candidate& segment, Position before, const SegmentScan& scan) {
    if (before != kNoEnd || scan.offset() != kFirstBatchOffset) return {};
    SG_TRY(fs_.remove(path(segment)));
    out_.segments.pop_back();
    return {};
  }

  // A creation that a crash interrupted: nothing is written behind a head before it is synced.
  Status never_finished(const Candidate& segment) {
    out_.report.torn_bytes += segment.size_bytes;
    return fs_.remove(path(segment));
  }

  Status without_head(const Candidate& segment, Position before, Error error) {
    if (error.code == Code::kVersion) return std::unexpected(std::move(error));
    const bool last = before == kNoEnd;
    if (last && error.code != Code::kCorrupt) return std::unexpected(std::move(error));
    if (last && segment.size_bytes <= kFirstBatchOffset) return never_finished(segment);
    // Left alone, for whoever can make sense of it. Where nothing tells how many records it held,
    // their number is bounded by its size, and no position is given twice.
    const auto start = std::max(expected_, segment.first);
    const auto end = last ? segment.first + segment.size_bytes : before;
    damaged(segment, 0, segment.size_bytes, end > start ? end - start : 0,
            std::move(error.message));
    out_.segments.push_back({segment.first, segment.size_bytes, {}});
    expected_ = std::max(expected_, end);
    known_end_ = true;
    return {};
  }

  FileSystem& fs_;
  const std::string& directory_;
  std::vector<Candidate> candidates_;
  Recovered out_;
  Position expected_ = 1;
  bool known_end_ = true;  // whether expected_ is where the last segment ended
  std::string bytes_;
  std::vector<Record> records_;
};

}  // namespace

Result<Recovered> recover(FileSystem& fs, const std::string& directory) {
  return Recoverer(fs, directory).run();
}

}  // namespace sightglass::journal
