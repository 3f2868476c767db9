// All meters' and measures' patterns that read a line's text (`[a, b = X*]`, search terms) in one
// plan. A reader of lines runs it on each raw line, before parsing; MatchPlan takes it from there.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "event/event.h"
#include "event/tokens.h"

namespace sightglass::event {

// Threads: match() from any, with a Scratch of one's own.
class LinePlan {
 public:
  struct Scratch {
    std::vector<std::uint64_t> words;
    std::vector<Token> tokens;
  };

  static std::unique_ptr<LinePlan> compile(const Catalogue& catalogue);
  ~LinePlan();

  // Without such patterns there is nothing to run.
  bool empty() const;

  // Appends {slot, true} to `fields` for each pattern that the line (without its LF) satisfies; the
  // slots are of Catalogue::match_only().
  // Cost: one pass for the words that the patterns need, about 2.5 ns a byte for one or a hundred;
  // then only those patterns whose words are there.
  void match(std::string_view line, Scratch& scratch, std::vector<FieldValue>& fields) const;

 private:
  LinePlan();
  struct Compiled;
  std::unique_ptr<Compiled> compiled_;
};

}  // namespace sightglass::event
