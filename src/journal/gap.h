// What a stretch of time without a writable journal did not record, added up: the payload of kGap.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "event/catalogue.h"
#include "event/event.h"
#include "journal/record.h"

namespace sightglass::journal {

enum class GapCause : std::uint8_t {
  kDisk = 1,       // a write, sync or creation failed
  kNoSpace = 2,    // the disk was full
  kMaxBytes = 3,   // the journal was at its bound and a required fold still needed all of it
  kQueueFull = 4,  // a producer's ring was full
};
std::string_view gap_cause_name(GapCause cause);  // "disk", "no_space", "max_bytes", "queue_full"

struct Gap {
  struct Line {
    std::string outcome;   // "" for events that end no request, "__unknown__" when not readable
    std::string provider;  // "" when the event names none; "__other__" past the bound
    std::uint64_t events = 0;
    std::uint64_t requests = 0;      // terminal events
    std::uint64_t input_tokens = 0;  // the four input parts together
    std::uint64_t output_tokens = 0;
    std::int64_t cost_nanousd = 0;
    std::uint64_t unpriced = 0;  // terminal events without a cost
    friend bool operator==(const Line&, const Line&) = default;
  };
  GapCause cause = GapCause::kDisk;
  Nanos from_ns = 0;  // wall time of the first loss and of the return
  Nanos to_ns = 0;
  std::vector<Line> lines;  // by outcome, provider
};

std::string encode_gap(const Gap& gap);
std::optional<Gap> decode_gap(Bytes payload);  // nullopt: malformed

// Adds up lost events. Bounds: 256 pairs of outcome and provider, further providers become
// "__other__". Threads: one at a time.
class GapAggregate {
 public:
  // The fields that are looked at, found once per catalogue; null: nothing can be read.
  void use(std::shared_ptr<const event::Catalogue> catalogue);

  // An event's payload under the catalogue; other kinds are not counted. Returns what it added.
  Gap::Line add(RecordKind kind, Bytes payload);
  void add(const Gap::Line& line);
  void merge_into(GapAggregate& other);  // and forgets
  bool empty() const { return lines_.empty(); }
  void clear() { lines_.clear(); }
  std::vector<Gap::Line> lines() const;  // by outcome, provider

 private:
  Gap::Line& line(std::string_view outcome, std::string_view provider);

  std::shared_ptr<const event::Catalogue> catalogue_;
  event::FieldId outcome_ = event::kNoField, provider_ = event::kNoField;
  event::FieldId cost_ = event::kNoField, output_ = event::kNoField;
  event::FieldId input_parts_[4] = {event::kNoField, event::kNoField, event::kNoField,
                                    event::kNoField};
  event::Event event_;
  std::map<std::pair<std::string, std::string>, Gap::Line> lines_;
};

}  // namespace sightglass::journal
