// What stands left of an operator in a filter pattern: `$.sse.firstTokenMs`, `$.choices[0].index`,
// `$.tags[*]`, `$.*`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sightglass::event {

struct SelectorStep {
  enum class Kind : std::uint8_t {
    kPath,         // keys joined by dots; a record may hold it nested or with the dots in a key
    kIndex,        // [n] of an array, from 0
    kEachElement,  // [*] of an array
    kEachMember,   // .* of an object
  };
  Kind kind = Kind::kPath;
  std::string path;         // kPath
  std::uint32_t index = 0;  // kIndex
};

// Neighbouring keys are one step, so a selector made of keys alone is one path: a field's name.
// Ownership: a value. Bounds: the parser allows 32 steps, one of them a wildcard.
class Selector {
 public:
  void add_key(std::string_view key);
  void add(SelectorStep::Kind kind, std::uint32_t index = 0);

  const std::vector<SelectorStep>& steps() const { return steps_; }
  bool empty() const { return steps_.empty(); }
  bool is_path() const { return steps_.size() == 1 && steps_[0].kind == SelectorStep::Kind::kPath; }
  // "" unless is_path().
  std::string_view path() const { return is_path() ? steps_[0].path : std::string_view(); }
  bool has_wildcard() const;  // may name several values, of which any can satisfy a condition

  // A text that parses to the same selector; equal selectors have equal texts.
  std::string text() const;

 private:
  std::vector<SelectorStep> steps_;
};

}  // namespace sightglass::event
