// Follows the segments: gives out what is committed, in order, and walks round what is damaged.
#include <algorithm>
#include <limits>
#include <optional>

#include "journal/control_files.h"
#include "journal/journal.h"
#include "journal/segment_scan.h"

namespace sightglass::journal {
namespace {

constexpr Position kNoEnd = std::numeric_limits<Position>::max();

class ReaderImpl final : public Reader {
 public:
  ReaderImpl(std::string directory, FileSystem& fs, const Journal* journal, Position after)
      : directory_(std::move(directory)),
        fs_(fs),
        journal_(journal),
        position_(after),
        resume_at_(after + 1) {}

  // Whether the journal still holds what comes after position().
  Status check_begin() {
    SG_TRY(refresh_layout());
    if (firsts_.empty() || firsts_.front() <= position_ + 1) return {};
    return fail(Code::kNotFound, "the journal begins at record " + std::to_string(firsts_.front()) +
                                     ", later than " + std::to_string(position_ + 1));
  }

  Position position() const override { return position_; }
  std::uint64_t skipped() const override { return skipped_; }

  Result<bool> next(Batch& out) override {
    for (;;) {
      // First what is committed, then where it lies: the writer goes the other way round.
      const auto limit = journal_ != nullptr ? journal_->committed() : kNoEnd;
      if (position_ >= limit) return false;
      SG_TRY(refresh_layout());
      if (firsts_.empty()) return nothing_to_read();
      if (!scan_) {
        SG_ASSIGN(const bool opened, open_segment());
        if (!opened) continue;
      }
      const auto end = first_after(current_);
      SG_ASSIGN(const bool found, scan_->next(position_ + 1, end, found_, out.bytes, out.records));
      if (found) {
        give_out(out);
        return true;
      }
      if (end == kNoEnd) return nothing_intact_follows();
      scan_.reset();
      resume_at_ = end;
    }
  }

 private:
  // The segments' first positions. With a journal they are listed again only when they changed.
  Status refresh_layout() {
    if (journal_ == nullptr) {
      if (layout_version_ == 0) SG_TRY(list_segments());
      layout_version_ = 1;
      return {};
    }
    const auto version = journal_->layout_version();
    if (version == layout_version_) return {};
    firsts_.clear();
    for (const auto& segment : journal_->segments()) firsts_.push_back(segment.first);
    layout_version_ = version;
    return {};
  }

  Status list_segments() {
    SG_ASSIGN(const auto names, fs_.list(directory_));
    firsts_.clear();
    for (const auto& name : names) {
      if (const auto first = parse_segment_name(name)) firsts_.push_back(*first);
    }
    return {};
  }

  Position first_after(Position first) const {
    const auto next = std::upper_bound(firsts_.begin(), firsts_.end(), first);
    return next == firsts_.end() ? kNoEnd : *next;
  }

  // Opens the segment that holds resume_at_, or the first one behind it. False: it cannot be read,
  // and resume_at_ now stands behind it.
  Result<bool> open_segment() {
    auto it = std::upper_bound(firsts_.begin(), firsts_.end(), resume_at_);
    if (it != firsts_.begin()) --it;
    const auto first = *it;
    const auto path = directory_ + "/" + segment_name(first);
    auto scan = SegmentScan::open(fs_, path, first);
    if (!scan) {
      SG_TRY(skip_segment(first, std::move(scan).error()));
      return false;
    }
    SG_TRY(use_catalogue(scan->header().catalogue_hash));
    current_ = first;
    scan_.emplace(std::move(*scan));
    return true;
  }

  Status skip_segment(Position first, Error error) {
    if (error.code == Code::kNotFound && journal_ != nullptr &&
        journal_->layout_version() != layout_version_) {
      return {};  // Cut away between the look at the layout and the opening: look again.
    }
    if (error.code != Code::kCorrupt && error.code != Code::kNotFound) {
      return std::unexpected(std::move(error));
    }
    resume_at_ = first_after(first);
    if (resume_at_ != kNoEnd) return {};
    resume_at_ = position_ + 1;
    return std::unexpected(Error{Code::kCorrupt, std::move(error.message)});
  }

  Result<bool> nothing_to_read() const {
    if (journal_ == nullptr) return false;
    return fail(Code::kCorrupt,
                "no segment holds the records from " + std::to_string(position_ + 1));
  }

  // Without a journal the end of the last segment is the end; anything else was promised.
  Result<bool> nothing_intact_follows() const {
    SG_ASSIGN(const auto tail_bytes, scan_->tail_bytes());
    if (journal_ == nullptr && tail_bytes == 0) return false;
    return fail(Code::kCorrupt, directory_ + "/" + segment_name(current_) +
                                    ": nothing intact follows byte " +
                                    std::to_string(scan_->offset()) + " (" +
                                    std::to_string(tail_bytes) + " bytes); records from " +
                                    std::to_string(position_ + 1) + " on cannot be read");
  }

  Status use_catalogue(const std::string& hash) {
    if (hash.empty()) {
      catalogue_ = nullptr;
      return {};
    }
    if (catalogue_ != nullptr && catalogue_->hash() == hash) return {};
    if (journal_ != nullptr) {
      if (auto in_force = journal_->catalogue(); in_force != nullptr && in_force->hash() == hash) {
        catalogue_ = std::move(in_force);
        return {};
      }
    }
    SG_ASSIGN(catalogue_, load_control(fs_, directory_, hash));
    return {};
  }

  void give_out(Batch& out) {
    out.header = found_.header;
    out.catalogue = catalogue_;
    const auto expected = position_ + 1;
    if (out.header.first > expected) skipped_ += out.header.first - expected;
    position_ = out.header.first + out.header.count - 1;
    if (out.header.first < expected) {
      const auto known = static_cast<std::ptrdiff_t>(expected - out.header.first);
      out.records.erase(out.records.begin(), out.records.begin() + known);
      out.header.first = expected;
      out.header.count -= static_cast<std::uint32_t>(known);
    }
  }

  const std::string directory_;
  FileSystem& fs_;
  const Journal* const journal_;
  Position position_;
  Position resume_at_;  // where to go on once no segment is open
  std::uint64_t skipped_ = 0;

  std::vector<Position> firsts_;
  std::uint64_t layout_version_ = 0;
  std::optional<SegmentScan> scan_;
  Position current_ = 0;  // the first position of the segment being read
  std::shared_ptr<const event::Catalogue> catalogue_;
  SegmentScan::Found found_;
};

}  // namespace

Result<std::unique_ptr<Reader>> open_reader(const Options& options, FileSystem& fs,
                                            const Journal* journal, Position after) {
  auto reader = std::make_unique<ReaderImpl>(options.directory, fs, journal, after);
  SG_TRY(reader->check_begin());
  return reader;
}

}  // namespace sightglass::journal
