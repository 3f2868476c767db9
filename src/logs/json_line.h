// An event as one JSON line, in the shape that a profile names.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "event/catalogue.h"
#include "event/event.h"
#include "journal/fold.h"

namespace sightglass::logs {

struct Profile;  // logs/profile.h

const Profile* find_profile(std::string_view name);  // null when there is none
const Profile& default_profile();

// What stands in each line whatever the event says.
struct LineDefaults {
  std::string service, env;
};

// Renders events of one catalogue in the order that the profile's tables say (logs/profile.h).
// Fields of a class that never passes are left out, should one ever be there. No key stands twice.
// Threads: one. Cost: about 0.5 µs a line of 30 fields (logs_bench).
class LineWriter {
 public:
  LineWriter(const Profile& profile, LineDefaults defaults,
             std::shared_ptr<const event::Catalogue> catalogue);

  void append(const event::Event& event, journal::Position seq, std::string& out) const;

 private:
  // What other names are derived from.
  enum Source : std::uint8_t { kOutcome, kStreaming, kLatency, kAttempts, kEndpoint, kNoSource };
  struct Column {
    std::uint8_t slot;
    std::uint8_t unit = 0;
    Source source = kNoSource;
    std::string key;  // `,"latency_us":`, for fields without a name in the profile
  };
  struct Slot {
    std::string key;         // `,"latencyMs":`
    std::uint8_t group = 0;  // 0: the line itself
    std::uint8_t derived = 0;
  };
  struct Order {
    std::uint8_t marker;  // a slot; kFits: for all
    std::vector<std::uint8_t> slots;
  };
  struct TypeTexts {
    std::string name, words, logger, caller;
  };
  struct Line;  // one event on its way

  void add_field(std::size_t id);
  void add_order(std::size_t shape);
  void append_named(std::string_view path, std::vector<std::uint8_t>& to) const;
  const Order& order_for(const Line& line) const;
  bool has(const Line& line, std::uint8_t slot) const;
  void write_derived(Line& line, std::uint8_t slot) const;
  void write_names(Line& line) const;
  void write_rest(Line& line) const;
  void write_time(Line& line) const;

  const Profile& profile_;
  LineDefaults defaults_;
  std::shared_ptr<const event::Catalogue> catalogue_;
  std::vector<Column> columns_;      // by FieldId
  std::vector<Slot> slots_;          // as the profile lists its names
  std::vector<std::string> groups_;  // `,"sse":{`; the first is none
  std::vector<Order> orders_;
  std::vector<TypeTexts> types_;  // by EventTypeId, as JSON
  mutable std::string second_text_;
  mutable Nanos second_ = std::numeric_limits<Nanos>::min();
};

// The other way round, for a start after a crash: what a line of any profile says.
// The position of a complete line; 0 when it has none (a line that is not ours).
journal::Position line_seq(std::string_view line);
// What a terminal's line adds to the totals; nothing for other lines.
void add_line_totals(std::string_view line, journal::Totals& totals);
// What a terminal event adds to the totals.
class EventTotals {
 public:
  explicit EventTotals(const event::Catalogue& catalogue);
  // Whether the event ends a request of the gateway; an application's never does.
  bool add(const event::Event& event, journal::Totals& totals) const;

 private:
  enum Role : std::uint8_t { kNone, kOutcome, kInput, kOutput, kCost, kUnpriced, kIngested };
  std::vector<Role> roles_;  // by FieldId
};

}  // namespace sightglass::logs
