// The filter language (CloudWatch Logs metric filter patterns), compiled.
//
// Three forms: JSON patterns, `{ $.a = "x" && ($.b[0] > 2 || $.c = *suffix || $.d = %regex%) }`;
// patterns over a line's blank-separated fields, `[ip, ..., status = 4*, bytes]`; search terms,
// `ERROR "could not" -retrying ?timeout`.
// Grammar and semantics, with the user guide's open points settled: docs/filter-language.md.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "event/event.h"

namespace sightglass::event {

struct PatternNode;       // the parsed form: event/pattern_node.h
struct DelimitedPattern;  // event/line_pattern.h
struct TermPattern;

// One parsed pattern. Threads: const use from any.
class Pattern {
 public:
  static constexpr std::size_t kMaxBytes = 4096;
  enum class Form : std::uint8_t {
    kEverything,  // the empty pattern
    kJson,
    kDelimited,
    kTerms,
  };

  // Bounds: 4096 bytes, 256 conditions, 64 brackets deep, 32 steps and one wildcard a selector, 16
  // regular expressions, 256 delimited fields.
  // Errors: kInvalid with the column and a caret line under the pattern; kTooLarge.
  static Result<Pattern> parse(std::string_view text);
  Pattern(Pattern&&) noexcept;
  Pattern& operator=(Pattern&&) noexcept;
  ~Pattern();

  Form form() const;
  // Whether it is decided by a line's text rather than by an event's fields. A reader of lines does
  // that (LinePlan) and says so in the pattern's match-only slot.
  bool reads_line() const { return form() == Form::kDelimited || form() == Form::kTerms; }

  // The plain evaluator: the oracle that the plan is held against.
  bool matches(const Catalogue& catalogue, const Event& event) const;

  // What is legal but can hardly be meant: fields and event types that no pack knows, values
  // outside a closed list, `?` terms that are ignored; each one sentence, with the nearest known
  // name.
  std::vector<std::string> warnings(const Catalogue& catalogue) const;
  // Only those about event types that no pack knows.
  std::vector<std::string> event_type_warnings(const Catalogue& catalogue) const;

  // Whether the pattern can be decided from what the door lets through (history, queries, the live
  // view). Errors: kInvalid, naming the first field whose class does not pass whole.
  Status check_behind_door(const Catalogue& catalogue) const;

  // A text that parses to the same pattern, with one blank where blanks are free. It is hashed into
  // a meter's identity: changing it restarts counters.
  std::string canonical() const;

  // Every selector but event_type and level, each once.
  std::vector<Selector> selectors() const;

  // Whether the pattern can only hold where a condition on event_type does.
  bool needs_event_type() const;

  const PatternNode& root() const;            // kJson; for a pattern over lines: never
  const DelimitedPattern* delimited() const;  // null unless it is of that form
  const TermPattern* terms() const;
  const std::string& text() const { return text_; }

 private:
  Pattern();
  std::string text_;
  struct Parsed;
  std::unique_ptr<Parsed> parsed_;
};

// All meters' patterns of a catalogue in one plan: conditions shared between patterns are decided
// once per event, and patterns that fix event_type are tried for that type only.
// Threads: match() from any, with a Scratch of one's own.
class MatchPlan {
 public:
  struct Scratch {
    std::vector<std::uint64_t> holds;     // one bit a condition
    std::vector<std::uint64_t> hits;      // one bit a pattern
    std::vector<std::uint64_t> given_at;  // match-only slot → the event it was last given in
    std::uint64_t event = 0;
  };

  static Result<std::unique_ptr<MatchPlan>> compile(std::shared_ptr<const Catalogue> catalogue);
  ~MatchPlan();

  // Fills event.meters from event.type and event.fields (event_type, level and every field can be
  // selected) and its match-only slots; of a field given twice the last counts, of a slot with many
  // values any. A meter whose value field the door keeps
  // back, or whose number another field gives, gets the number with the hit. Cost: target 150 ns
  // for the gateway pack.
  void match(Event& event, Scratch& scratch) const;

  // Pattern::warnings of every meter, each with the meter's name in front; for `check`.
  const std::vector<std::string>& warnings() const;

 private:
  MatchPlan();
  struct Compiled;
  std::unique_ptr<Compiled> compiled_;
};

}  // namespace sightglass::event
