#include "ingest/service.h"

#include <algorithm>
#include <unordered_set>

#include "base/text.h"

namespace sightglass::ingest {
namespace {

using codec::Verdict;

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

struct KeyHash {
  std::size_t operator()(const EventKey& key) const { return key[0]; }
};

Refusal refusal_of(const Error& error) {
  switch (error.code) {
    case Code::kBusy:
      return Refusal::kBehind;
    case Code::kUnavailable:
    case Code::kNoSpace:
    case Code::kIo:
      return Refusal::kUnavailable;
    default:
      return Refusal::kInternal;
  }
}

// The body as it was before its coding; the request's own is let go.
Refusal inflated(Request& request, Share& share, std::string& out) {
  if (request.coding == codec::Coding::kIdentity) {
    out = std::move(request.body);
    return Refusal::kNone;
  }
  const auto done = codec::inflate(request.coding, request.body, out,
                                   [&](std::size_t bytes) { return share.grow(bytes); });
  request.body = std::string();
  switch (done) {
    case codec::Inflated::kDone:
      return Refusal::kNone;
    case codec::Inflated::kTooLarge:
      return Refusal::kTooLarge;
    case codec::Inflated::kNoRoom:
      return Refusal::kNoMemory;
    case codec::Inflated::kMalformed:
      break;
  }
  return Refusal::kMalformedCoding;
}

// Lines of which the first happens to be an array: it ends there, and there are more.
bool is_array_line(std::string_view text) {
  const auto end = text.find('\n');
  if (end == std::string_view::npos) return false;
  codec::ArrayCutter cutter(text.substr(0, end));
  codec::RawRecord record;
  while (cutter.next(record)) {
  }
  return !cutter.broken();
}

}  // namespace

// One request on its way.
struct Service::Run {
  Request& request;
  Outcome& out;
  Intake& intake;
  Nanos accept_ns = 0;
  std::string text;  // the body, inflated, and padding behind it
  Batch& batch;
  Receipt receipt;                            // of the batch in hand
  std::unordered_set<EventKey, KeyHash> ids;  // likewise
  std::unique_lock<std::mutex> ids_lock;
  Tally recorded;  // as of the last commit
  bool committed = false;
};

Service::Service(Parts parts)
    : parts_(std::move(parts)),
      ledger_(parts_.marks),
      lines_(parts_.telemetry.counter("sightglass_ingest_lines_total",
                                      "Records that were sent: accepted, rejected or known.")),
      accepted_(parts_.telemetry.counter("sightglass_ingest_accepted_total",
                                         "Records that became events in the journal.")),
      duplicates_(parts_.telemetry.counter(
          "sightglass_ingest_duplicates_total",
          "Records that had been accepted before, by their event_id; they are not counted again.")),
      bytes_(parts_.telemetry.counter("sightglass_ingest_bytes_total",
                                      "Bytes of bodies, after inflating them.")),
      unknown_fields_(parts_.telemetry.counter("sightglass_guard_dropped_by_reason_total",
                                               "Fields that did not pass the door, by reason.",
                                               {{"reason", "unknown_field"}})) {
  for (std::size_t i = 0; i < codec::kVerdicts; ++i) {
    const auto verdict = static_cast<Verdict>(i);
    rejected_.push_back(
        verdict == Verdict::kAccepted
            ? nullptr
            : &parts_.telemetry.counter("sightglass_ingest_rejected_total",
                                        "Records that became no event, by reason.",
                                        {{"reason", std::string(codec::verdict_name(verdict))}}));
  }
}

std::unique_ptr<Intake> Service::borrow() {
  {
    const std::scoped_lock lock(mutex_);
    if (!idle_.empty()) {
      auto intake = std::move(idle_.back());
      idle_.pop_back();
      return intake;
    }
  }
  return std::make_unique<Intake>(parts_.make_door());
}

void Service::give_back(std::unique_ptr<Intake> intake) {
  const std::scoped_lock lock(mutex_);
  idle_.push_back(std::move(intake));
}

Status Service::with_no_one_inside(const std::function<Status()>& change) {
  const std::unique_lock alone(inside_);
  SG_TRY(change());
  const std::scoped_lock lock(mutex_);
  idle_.clear();
  return {};
}

Outcome Service::take(Request& request, Share& share) {
  Outcome out;
  std::string text;
  out.refusal = inflated(request, share, text);
  if (out.refusal != Refusal::kNone) return out;
  if (request.range) {
    const auto& range = *request.range;
    const auto claimed = ledger_.claim(range.source, range.first, range.end, kSourceWait);
    out.next = claimed.next;
    out.duplicate = claimed.claim == Ledger::Claim::kDuplicate;
    if (claimed.claim == Ledger::Claim::kConflict) out.refusal = Refusal::kConflict;
    if (claimed.claim == Ledger::Claim::kBusy) out.refusal = Refusal::kBusySource;
    if (claimed.claim != Ledger::Claim::kYours) return out;
  }
  const std::shared_lock entered(inside_);
  auto intake = borrow();
  auto& batch = intake->batch();
  batch.clear();
  Run run{request, out, *intake, parts_.clock.wall_ns(), std::move(text), batch, {}, {},
          {},      {},  false};
  bytes_.add(run.text.size());
  if (run.request.range) {
    run.receipt.source = run.request.range->source;
    run.receipt.end = run.request.range->end;
  }
  read_all(run);
  if (request.range && !run.committed) ledger_.settle(request.range->source, 0, 0);
  out.tally = std::move(run.recorded);
  count(out.tally);
  for (std::size_t i = 0; i < out.tally.by_type.size(); ++i) {
    if (out.tally.by_type[i] == 0) continue;
    out.events.emplace_back(run.intake.catalogue().event_types()[i].name, out.tally.by_type[i]);
  }
  std::sort(out.events.begin(), out.events.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  if (out.events.size() > kMaxEventNames) out.events.resize(kMaxEventNames);
  give_back(std::move(intake));
  return out;
}

void Service::read_all(Run& run) {
  const auto size = run.text.size();
  run.text.append(codec::kPadding, ' ');
  std::string_view text(run.text.data(), size);
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  const auto trimmed = trim(text);
  const auto& request = run.request;
  if (request.form == Form::kLines || request.one_a_line || request.range) {
    read_lines(run, text);
  } else if (trimmed.starts_with('[') && !is_array_line(trimmed)) {
    read_array(run, trimmed);
  } else if (!read_whole(run, trimmed)) {
    read_lines(run, text);
  }
  if (run.out.refusal == Refusal::kNone) (void)commit(run);
}

void Service::read_array(Run& run, std::string_view text) {
  codec::ArrayCutter cutter(text);
  codec::RawRecord record;
  while (cutter.next(record)) {
    auto verdict = run.intake.read(record.text, Form::kJson, run.accept_ns);
    // What stands behind a broken array is nobody's element, even if it can be read.
    if (cutter.broken() && verdict == Verdict::kAccepted) verdict = Verdict::kBadJson;
    if (!settle_record(run, record, verdict)) return;
  }
}

// One object over several lines, as people write it. False: the body is not that.
bool Service::read_whole(Run& run, std::string_view text) {
  const auto end = text.find('\n');
  if (end == std::string_view::npos || text.size() > codec::kMaxRecordBytes) return false;
  const auto first = run.intake.read(trim(text.substr(0, end)), Form::kJson, run.accept_ns);
  if (first != Verdict::kTruncated) return false;
  const auto verdict = run.intake.read(text, Form::kJson, run.accept_ns);
  if (verdict == Verdict::kBadJson || verdict == Verdict::kTruncated) return false;
  (void)settle_record(run, {text, 1}, verdict);
  return true;
}

void Service::read_lines(Run& run, std::string_view text) {
  const auto ahead = run.intake.look_ahead(text, run.request.form);
  codec::LineCutter cutter(text);
  codec::RawRecord record;
  while (cutter.next(record)) {
    const auto verdict = run.intake.read(record.text, run.request.form, run.accept_ns);
    if (!settle_record(run, record, verdict)) return;
  }
}

// False: the request cannot go on.
bool Service::settle_record(Run& run, const codec::RawRecord& record, Verdict verdict) {
  auto& tally = run.out.tally;
  if (verdict != Verdict::kAccepted) {
    tally.refuse(record.line, verdict);
    return true;
  }
  if (!run.request.range && !run.intake.notes().event_id.empty() && is_known(run, record.line)) {
    return true;
  }
  if (run.batch.bytes() >= kBatchBytes || run.receipt.ids.size() >= kMaxReceiptIds) {
    if (run.request.range) {
      run.out.refusal = Refusal::kRangeTooLarge;
      return false;
    }
    // The record in hand borrows from the reader, which the commit leaves alone.
    if (!commit(run)) return false;
    run.out.resume_line = record.line;
  }
  run.intake.pass(run.request.headers, run.batch, tally);
  ++run.receipt.accepted;
  return true;
}

// By its event_id: whether the record in hand is a second copy, or so old that it cannot be told.
bool Service::is_known(Run& run, std::uint64_t line) {
  if (!run.ids_lock.owns_lock()) run.ids_lock = ledger_.lock_ids();
  const auto key = event_key(run.intake.notes().event_id);
  if (run.ids.contains(key) || ledger_.knows(key)) {
    ++run.out.tally.duplicates;
    return true;
  }
  if (run.intake.time_ns() < ledger_.horizon(run.accept_ns)) {
    run.out.tally.refuse(line, Verdict::kExpired);
    return true;
  }
  run.ids.insert(key);
  run.receipt.ids.push_back(key);
  return false;
}

// False: nothing of the batch was recorded, and the outcome says why.
bool Service::commit(Run& run) {
  auto& tally = run.out.tally;
  if (run.receipt.accepted > 0 || run.request.range) {
    run.receipt.rejected = tally.rejected() - run.recorded.rejected();
    run.receipt.duplicates = tally.duplicates - run.recorded.duplicates;
    const auto receipt = encode(run.receipt);
    const auto position = parts_.journal.append_all(run.batch.drafts(receipt));
    if (!position) {
      run.out.refusal = refusal_of(position.error());
      return false;
    }
    run.committed = true;
    if (!run.receipt.ids.empty()) ledger_.add_ids(run.receipt.ids, *position);
    if (run.request.range) {
      ledger_.settle(run.receipt.source, run.receipt.end, *position);
      run.out.next = run.receipt.end;
    }
  }
  run.recorded = tally;
  run.receipt.accepted = 0;
  run.receipt.ids.clear();
  run.ids.clear();
  run.batch.clear();
  return true;
}

void Service::count(const Tally& tally) {
  accepted_.add(tally.accepted);
  lines_.add(tally.accepted + tally.duplicates + tally.rejected());
  duplicates_.add(tally.duplicates);
  unknown_fields_.add(tally.unknown_fields);
  for (std::size_t i = 0; i < rejected_.size(); ++i) {
    if (rejected_[i] != nullptr) rejected_[i]->add(tally.verdicts[i]);
  }
}

}  // namespace sightglass::ingest
