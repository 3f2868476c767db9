// What identifiers read before the door made pseudonyms of them, for the one sink that an operator
// switched to plain. Nothing of it is ever written by us but by that sink.
#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace sightglass::event {

// Threads: any. Lifetime: this process; after a restart a name is unknown until its owner is heard
// of again, and the sink prints the pseudonym meanwhile.
// Bounds: `capacity` names; past it the half not heard of for longest is forgotten.
class PlainNames {
 public:
  explicit PlainNames(std::size_t capacity = 100'000) : half_(capacity / 2 + 1) {}

  void put(std::string_view pseudonym, std::string_view plain);
  std::string find(std::string_view pseudonym) const;  // "" when it is not known (any more)

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
  };
  using Names = std::unordered_map<std::string, std::string, Hash, std::equal_to<>>;

  mutable std::mutex mutex_;
  std::size_t half_;
  Names recent_, older_;
};

}  // namespace sightglass::event
