#include "codec/name_table.h"

#include <algorithm>
#include <bit>

namespace sightglass::codec {

NameTable::NameTable(std::size_t names)
    : entries_(std::bit_ceil(std::max<std::size_t>(4 * names, 16))), mask_(entries_.size() - 1) {}

void NameTable::add(std::uint32_t scope, std::string_view text, std::uint32_t id) {
  const auto name = Name::of(text);
  auto at = slot_of(scope, name);
  while (entries_[at & mask_].id != kNone && !is(entries_[at & mask_], scope, name)) ++at;
  entries_[at & mask_] = {name.head, name.tail,
                          scope,     static_cast<std::uint32_t>(text.size()),
                          id,        static_cast<std::uint32_t>(texts_.size())};
  texts_ += text;
}

}  // namespace sightglass::codec
