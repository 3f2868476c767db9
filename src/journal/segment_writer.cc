#include "journal/segment_writer.h"

#include "base/failpoint.h"

namespace sightglass::journal {

Status SegmentWriter::open(SegmentHeader header, std::uint64_t room_bytes) {
  const auto head = encode_segment_head(header);
  const auto path = directory_ + "/" + segment_name(header.first);
  SG_ASSIGN(auto file, fs_.open(path, OpenMode::kCreateNew));
  SG_FAILPOINT("journal.segment_created");
  const auto durable = [&]() -> Status {
    // No room ahead is no reason to fail: the write of the head tells whether there is any.
    (void)file->preallocate(room_bytes);
    SG_TRY(file->append(head));
    SG_TRY(file->sync_data());
    return fs_.sync_directory(directory_);
  }();
  if (!durable) {
    file.reset();
    (void)fs_.remove(path);
    return durable;
  }
  SG_FAILPOINT("journal.segment_durable");
  file_ = std::move(file);
  first_ = header.first;
  seed_ = header.checksum;
  size_bytes_ = head.size();
  list_.add({header.first, size_bytes_, header.catalogue_hash});
  return {};
}

Status SegmentWriter::commit(const BatchHeader& header, Bytes records) {
  const auto head = encode_batch_header(header, records, seed_);
  parts_.assign({Bytes(head.data(), head.size()), records});
  SG_FAILPOINT("journal.before_write");
  SG_TRY(file_->append(parts_));
  SG_FAILPOINT("journal.before_sync");
  SG_TRY(file_->sync_data());
  SG_FAILPOINT("journal.after_sync");
  size_bytes_ += head.size() + records.size();
  list_.grow_last(head.size() + records.size());
  return {};
}

void SegmentWriter::finish() {
  if (file_ == nullptr) return;
  (void)file_->truncate(size_bytes_);
  file_.reset();
  if (size_bytes_ > kFirstBatchOffset) return;
  list_.remove_last();
  (void)fs_.remove(path());
}

void SegmentWriter::abandon() {
  // The next segment takes the positions of what was not committed here, and readers heed that;
  // cutting the bytes only saves room. The file is never synced again: after a failed sync its
  // success would mean nothing.
  finish();
}

}  // namespace sightglass::journal
