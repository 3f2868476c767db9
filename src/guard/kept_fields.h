// Unknown fields that a pack's rule keeps: which names, which values, as which text.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "event/catalogue.h"
#include "event/event.h"
#include "guard/field_guard.h"

namespace sightglass::guard {

// The names that the rules of one catalogue have kept so far, in all doors together.
// Threads: any. Bounds: KeepRule::max_names each.
class KeptNames {
 public:
  explicit KeptNames(const event::Catalogue& catalogue);
  // Whether the rule keeps this name: it did before, or there is room for one more.
  bool admit(std::uint16_t rule, std::string_view name);

 private:
  struct Names {
    std::size_t most = 0;
    std::set<std::string, std::less<>> names;
  };
  std::mutex mutex_;
  std::vector<Names> by_rule_;
};

// Room-internal: a door's judge of unknown fields. A name is 1 to 64 of A-Z a-z 0-9 . _ - and no
// secret; a value is judged like a field of the rule's class.
// Threads: one. Bounds: kMostBytes of text an event.
class UnknownGuard {
 public:
  static constexpr std::size_t kMostBytes = 2'048;

  UnknownGuard(const event::Catalogue& catalogue, std::shared_ptr<KeptNames> names);

  bool has_rules() const { return !guards_.empty(); }

  // Leaves in `event.unknown` what is kept, and writes it to `out` as one JSON object; "" when that
  // is nothing. `rules`: EventType::keeps. `arena` as FieldGuard::judge wants it.
  void keep(const std::vector<std::uint16_t>& rules, event::Event& event, std::string& arena,
            WordMemo& words, std::string& out);

 private:
  bool admits(std::uint16_t rule, std::string_view name);

  std::vector<FieldGuard> guards_;  // by rule
  std::shared_ptr<KeptNames> names_;
  // This door's memory of what was admitted: no lock for a name that comes again.
  std::vector<std::unordered_set<std::string>> admitted_;
};

}  // namespace sightglass::guard
