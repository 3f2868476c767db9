#include "ingest/marks_fold.h"

namespace sightglass::ingest {

namespace {
constexpr std::uint8_t kSnapshotVersion = 2;  // 1: without the account
}

void MarksFold::apply(const journal::Reader::Batch& batch) {
  const std::scoped_lock lock(mutex_);
  if (position_ == 0 && batch.header.first == 1) since_ = 0;
  for (const auto& record : batch.records) {
    if (record.position <= position_) continue;
    position_ = record.position;
    if (record.kind == journal::RecordKind::kAccount) {
      since_ = record.position;
      accepted_before_ = sums_.accepted;
    }
    if (record.kind != journal::RecordKind::kReceipt) continue;
    if (const auto receipt = decode_receipt(record.payload)) {
      take(*receipt, record.position, batch.header.accept_ns);
    }
  }
}

void MarksFold::take(const Receipt& receipt, journal::Position at, Nanos accept_ns) {
  sums_.accepted += receipt.accepted;
  sums_.rejected += receipt.rejected;
  sums_.duplicates += receipt.duplicates;
  if (!receipt.source.empty()) set_mark(receipt.source, receipt.end, at);
  for (const auto& id : receipt.ids) ids_.add(id, accept_ns);
}

void MarksFold::set_mark(const std::string& source, std::uint64_t end, journal::Position at) {
  auto found = marks_.find(source);
  if (found == marks_.end()) {
    if (marks_.size() >= max_sources_) {
      marks_.erase(heard_.begin()->second);
      heard_.erase(heard_.begin());
    }
    found = marks_.emplace(source, Mark{}).first;
  } else {
    heard_.erase(found->second.heard);
  }
  found->second = {end, at};
  heard_.emplace(at, source);
}

void MarksFold::save(std::string& out) const {
  const std::scoped_lock lock(mutex_);
  ByteWriter w(out);
  w.u8(kSnapshotVersion);
  w.u64(position_);
  w.u64(sums_.accepted);
  w.u64(sums_.rejected);
  w.u64(sums_.duplicates);
  w.u8(since_ ? 1 : 0);
  w.u64(since_.value_or(0));
  w.u64(accepted_before_);
  w.varint(heard_.size());
  for (const auto& [at, source] : heard_) {
    w.string(source);
    w.varint(marks_.at(source).end);
    w.varint(at);
  }
  ids_.save(w);
}

Status MarksFold::load(Bytes snapshot) {
  const std::scoped_lock lock(mutex_);
  ByteReader in(snapshot);
  const auto version = in.u8();
  if (in.ok() && version > kSnapshotVersion) {
    return fail(Code::kVersion, "the ingest snapshot was written by a newer version");
  }
  marks_.clear();
  heard_.clear();
  position_ = in.u64();
  sums_.accepted = in.u64();
  sums_.rejected = in.u64();
  sums_.duplicates = in.u64();
  since_.reset();
  accepted_before_ = 0;
  if (version >= 2) {
    const bool begun = in.u8() != 0;
    const auto since = in.u64();
    if (begun) since_ = since;
    accepted_before_ = in.u64();
  }
  const auto n = in.varint();
  bool good = version != 0 && in.ok() && n <= max_sources_;
  for (std::uint64_t i = 0; good && i < n; ++i) {
    const std::string source(in.string());
    const auto end = in.varint();
    const auto at = in.varint();
    good = in.ok() && is_source_id(source) && heard_.emplace(at, source).second &&
           marks_.emplace(source, Mark{end, at}).second;
  }
  if (good && ids_.load(in) && in.ok() && in.empty()) return {};
  return fail(Code::kCorrupt, "the ingest snapshot is damaged");
}

journal::Position MarksFold::position() const {
  const std::scoped_lock lock(mutex_);
  return position_;
}

std::optional<std::uint64_t> MarksFold::mark(std::string_view source) const {
  const std::scoped_lock lock(mutex_);
  const auto found = marks_.find(source);
  if (found == marks_.end()) return std::nullopt;
  return found->second.end;
}

bool MarksFold::knows(const EventKey& key) const {
  const std::scoped_lock lock(mutex_);
  return ids_.contains(key);
}

Nanos MarksFold::horizon(Nanos accept_ns) const {
  const std::scoped_lock lock(mutex_);
  return ids_.horizon(accept_ns);
}

journal::Account MarksFold::account() const {
  const std::scoped_lock lock(mutex_);
  journal::Account out;
  out.since = since_;
  out.ingested = sums_.accepted - accepted_before_;
  return out;
}

MarksFold::Sums MarksFold::sums() const {
  const std::scoped_lock lock(mutex_);
  return sums_;
}

}  // namespace sightglass::ingest
