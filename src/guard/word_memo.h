// Room-internal: words that passed the secret scan lately. Providers, models and environments
// repeat with every request; scanning them each time would cost more than everything else here.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "base/name.h"

namespace sightglass::guard {

// What a text passed as; a phrase passes where a word does not.
enum class MemoForm : std::uint8_t { kWord = 1, kPhrase, kSourcePosition };

// Direct-mapped. Holds only what passed, compared byte by byte, so it can let nothing else through.
// Threads: one. Bounds: 1024 words of at most 62 bytes; a newer one takes an older one's place.
// Cost: 5 ns.
class WordMemo {
 public:
  WordMemo() : entries_(kEntries) {}

  bool contains(MemoForm form, std::string_view word) const {
    const auto name = Name::of(word);
    const auto& entry = entries_[slot_of(form, name)];
    return entry.form == form && entry.size == word.size() && entry.head == name.head &&
           entry.tail == name.tail && name.has_middle(entry.middle);
  }
  void add(MemoForm form, std::string_view word) {
    if (word.size() > sizeof(Entry::middle) + 16) return;
    const auto name = Name::of(word);
    auto& entry = entries_[slot_of(form, name)];
    entry.head = name.head;
    entry.tail = name.tail;
    entry.size = static_cast<std::uint8_t>(word.size());
    entry.form = form;
    if (word.size() > 16) std::memcpy(entry.middle, word.data() + 8, word.size() - 16);
  }

 private:
  static constexpr std::size_t kEntries = 1024;
  struct alignas(64) Entry {
    std::uint64_t head = 0, tail = 0;
    MemoForm form{};  // 0: empty
    std::uint8_t size = 0;
    char middle[46] = {};
  };
  static_assert(sizeof(Entry) == 64);

  static std::size_t slot_of(MemoForm form, const Name& name) {
    return (name.hash ^ static_cast<std::size_t>(form)) % kEntries;
  }

  std::vector<Entry> entries_;
};

}  // namespace sightglass::guard
