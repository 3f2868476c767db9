#include "ingest/intake.h"

namespace sightglass::ingest {

void Batch::clear() {
  constexpr std::size_t kKeepBytes = 16u << 20;
  if (payloads_.capacity() > kKeepBytes) payloads_ = std::string();
  payloads_.clear();
  ends_.clear();
  drafts_.clear();
}

const std::vector<journal::Draft>& Batch::drafts(Bytes receipt) {
  drafts_.clear();
  drafts_.reserve(ends_.size() + 1);
  std::size_t from = 0;
  for (const auto end : ends_) {
    drafts_.push_back({journal::RecordKind::kEvent, Bytes(payloads_).substr(from, end - from)});
    from = end;
  }
  drafts_.push_back({journal::RecordKind::kReceipt, receipt});
  return drafts_;
}

Intake::Intake(std::unique_ptr<guard::Door> door)
    : door_(std::move(door)),
      json_(door_->catalogue()),
      text_(door_->catalogue(), json_),
      lines_(event::LinePlan::compile(door_->catalogue())),
      ingested_(door_->catalogue().field("ingested")) {}

codec::Verdict Intake::read(std::string_view text, Form form, Nanos accept_ns) {
  const auto verdict = form == Form::kJson ? json_.read(text, accept_ns, event_, notes_)
                                           : text_.read(text, accept_ns, event_, notes_);
  if (verdict == codec::Verdict::kAccepted) lines_->match(text, line_scratch_, event_.fields);
  return verdict;
}

void Intake::pass(const HeaderFields& headers, Batch& batch, Tally& tally) {
  fill_missing(headers, catalogue(), event_);
  // Said by us, so that the gateway's own numbers can tell whose event it is.
  if (ingested_ != event::kNoField) {
    event_.fields.push_back({ingested_, event::Value::boolean(true)});
  }
  const auto known = catalogue().fields().size();
  std::size_t before = 0;
  for (const auto& field : event_.fields) {
    before += field.field < known && !field.value.is_null() ? 1 : 0;
  }
  const auto set_aside = event_.unknown.size();
  door_->pass(event_, batch.tail());
  batch.end_record();
  ++tally.accepted;
  tally.unknown_fields += notes_.unknown_fields + (set_aside - event_.unknown.size());
  const bool kept_some = !event_.unknown.empty();  // in a field more than there was
  const auto passed = event_.fields.size() - (kept_some ? 1 : 0);
  tally.withheld_fields += before - std::min(before, passed);
  tally.times_missing += notes_.time_missing ? 1 : 0;
  tally.times_unreadable += notes_.time_unreadable ? 1 : 0;
  if (tally.by_type.size() <= event_.type) tally.by_type.resize(catalogue().event_types().size());
  ++tally.by_type[event_.type];
}

}  // namespace sightglass::ingest
