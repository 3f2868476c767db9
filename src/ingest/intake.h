// Records → the payloads of a journal batch: read, judge, fill, pass through the door, count.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "codec/body.h"
#include "codec/json_reader.h"
#include "codec/text_reader.h"
#include "codec/verdict.h"
#include "event/line_plan.h"
#include "guard/door.h"
#include "ingest/header_fields.h"
#include "journal/record.h"

namespace sightglass::ingest {

// What became of one request's records.
struct Tally {
  static constexpr std::size_t kMaxRefused = 1'000;

  struct Refused {
    std::uint64_t line = 0;
    codec::Verdict verdict = codec::Verdict::kBadJson;
  };
  std::uint64_t accepted = 0;
  std::uint64_t duplicates = 0;       // known by their event_id
  std::uint64_t unknown_fields = 0;   // that no pack knows
  std::uint64_t withheld_fields = 0;  // that the guard did not let pass
  std::uint64_t times_missing = 0;
  std::uint64_t times_unreadable = 0;
  std::array<std::uint64_t, codec::kVerdicts> verdicts{};  // refusals by reason
  std::vector<Refused> refused;                            // the first kMaxRefused
  std::vector<std::uint64_t> by_type;                      // accepted, by EventTypeId

  std::uint64_t rejected() const {
    std::uint64_t sum = 0;
    for (const auto n : verdicts) sum += n;
    return sum;
  }
  void refuse(std::uint64_t line, codec::Verdict verdict) {
    ++verdicts[static_cast<std::size_t>(verdict)];
    if (refused.size() < kMaxRefused) refused.push_back({line, verdict});
  }
};

// Payloads one behind the other, for one Journal::append_all.
class Batch {
 public:
  std::string& tail() { return payloads_; }
  void end_record() { ends_.push_back(payloads_.size()); }
  std::size_t records() const { return ends_.size(); }
  std::size_t bytes() const { return payloads_.size(); }
  void clear();
  // Borrowed until the next change.
  const std::vector<journal::Draft>& drafts(Bytes receipt);

 private:
  std::string payloads_;
  std::vector<std::size_t> ends_;
  std::vector<journal::Draft> drafts_;
};

enum class Form : std::uint8_t { kJson, kLines };

// One thread's readers and door. Threads: one at a time.
// Cost: the codec's, the door's, and about 50 ns.
class Intake {
 public:
  explicit Intake(std::unique_ptr<guard::Door> door);

  const event::Catalogue& catalogue() const { return door_->catalogue(); }

  // While the answer lives, the lines of `text` are read several at a time where their form allows
  // it; see codec::JsonReader::Ahead.
  codec::JsonReader::Ahead look_ahead(std::string_view text, Form form) {
    return {json_, form == Form::kJson ? text : std::string_view()};
  }
  // The record in hand, until the next call.
  codec::Verdict read(std::string_view text, Form form, Nanos accept_ns);
  const codec::RecordNotes& notes() const { return notes_; }
  Nanos time_ns() const { return event_.time_ns; }
  // Room for payloads that stays warm from request to request.
  Batch& batch() { return batch_; }
  // Puts the record in hand into the batch, as an event.
  void pass(const HeaderFields& headers, Batch& batch, Tally& tally);

 private:
  std::unique_ptr<guard::Door> door_;
  codec::JsonReader json_;
  codec::TextReader text_;
  std::unique_ptr<event::LinePlan> lines_;  // meters' patterns over the text of a line
  event::LinePlan::Scratch line_scratch_;
  event::FieldId ingested_;
  event::Event event_;
  codec::RecordNotes notes_;
  Batch batch_;
};

}  // namespace sightglass::ingest
