// Room-internal: the names of a closed list → numbers, in one probe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/name.h"

namespace sightglass::codec {

// Names may stand in several scopes (the objects of a tree), each with a number of its own.
// Threads: const use from any. Cost: about 7 ns (std::unordered_map: 16).
class NameTable {
 public:
  static constexpr std::uint32_t kNone = 0xffffffff;

  explicit NameTable(std::size_t names = 0);
  // At most as many as were announced; a name that is there already gets the new number.
  void add(std::uint32_t scope, std::string_view name, std::uint32_t id);
  std::uint32_t find(std::uint32_t scope, const Name& name) const {
    for (auto at = slot_of(scope, name);; ++at) {
      const auto& entry = entries_[at & mask_];
      if (entry.id == kNone) return kNone;
      if (is(entry, scope, name)) return entry.id;
    }
  }

 private:
  struct Entry {
    std::uint64_t head = 0, tail = 0;
    std::uint32_t scope = 0;
    std::uint32_t size = 0;
    std::uint32_t id = kNone;  // kNone: free
    std::uint32_t text = 0;    // where it begins in texts_
  };
  static std::size_t slot_of(std::uint32_t scope, const Name& name) {
    return static_cast<std::size_t>(name.hash ^ scope * 0x9e3779b1ull);
  }
  bool is(const Entry& entry, std::uint32_t scope, const Name& name) const {
    if (entry.head != name.head || entry.tail != name.tail || entry.size != name.text.size() ||
        entry.scope != scope) {
      return false;
    }
    return name.has_middle(texts_.data() + entry.text + 8);
  }

  std::vector<Entry> entries_;  // open addressing, a power of two, at most a quarter full
  std::size_t mask_;
  std::string texts_;
};

}  // namespace sightglass::codec
