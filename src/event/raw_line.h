// Patterns over one raw line of a log: what `sightglass match`, the test route and whoever asks
// before the door run. No catalogue: a selector names what stands in the line, not an alias.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "event/pattern.h"

namespace sightglass::event {

// One condition, term or field of a pattern, and how it fared.
struct ConditionVerdict {
  std::string condition;  // as canonical_text spells it
  bool holds = false;
  std::string seen;  // the value met, as JSON, cut at 200 bytes; "nothing" where none was
};

struct Explanation {
  bool matches = false;
  std::string why_not;  // what keeps the whole line from being looked at: "the line is not JSON"
  std::vector<ConditionVerdict> conditions;
};

struct Extracted {
  std::string name;  // a delimited field's name, or a selector
  std::string json;  // the value, an array of values for a wildcard; "null" where there is none
  std::string text;  // the same for people: a text without quotes
};

// Reuse one object for many lines; then nothing is allocated in the steady state.
// JSON patterns see an object or an array that the line holds; anything else does not match, and is
// no error. Delimited and term patterns see any line as text.
// Threads: one at a time. Bounds: lines to 64 MiB, JSON 1024 deep; past 4 MiB of values of one line
// the further ones read null.
class RawLine {
 public:
  RawLine();
  RawLine(RawLine&&) noexcept;
  RawLine& operator=(RawLine&&) noexcept;
  ~RawLine();

  // `line` without its LF; it must stay as it is until the next call.
  void set(std::string_view line);
  bool is_json();

  // Cost: one validating pass over a JSON line for all patterns asked together, then a walk over
  // the members of the object for each condition.
  bool matches(const Pattern& pattern);
  Explanation explain(const Pattern& pattern);
  void extract(const Pattern& pattern, std::vector<Extracted>& out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// What every matching line has in it, looked for before anything is parsed.
class Prefilter {
 public:
  explicit Prefilter(const Pattern& pattern);

  // False: `line` cannot match. Cost: a search for a word or few.
  bool can_match(std::string_view line) const;
  // One of these stands in every line that matches; none: nothing is known.
  const std::vector<std::string>& needles() const { return needles_; }

 private:
  std::vector<std::string> needles_;
  bool json_ = false;  // an escape in the line may hide a needle
};

}  // namespace sightglass::event
