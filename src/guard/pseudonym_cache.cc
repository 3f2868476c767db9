#include "guard/pseudonym_cache.h"

#include <cstring>

#include "base/name.h"

namespace sightglass::guard {

std::size_t PseudonymCache::slot_of(char kind, std::uint32_t epoch, std::string_view raw) {
  return (Name::of(raw).hash ^ epoch * 0x9e3779b9u ^ static_cast<unsigned char>(kind) * 0x85ebu) %
         kEntries;
}

std::string_view PseudonymCache::find(char kind, std::uint32_t epoch, std::string_view raw) const {
  const auto& entry = entries()[slot_of(kind, epoch, raw)];
  const bool same = entry.kind == kind && entry.epoch == epoch &&
                    std::string_view(entry.raw, entry.raw_size) == raw;
  return same ? std::string_view(entry.pseudonym, entry.pseudonym_size) : std::string_view();
}

void PseudonymCache::put(char kind, std::uint32_t epoch, std::string_view raw,
                         std::string_view pseudonym) {
  if (raw.empty() || raw.size() > sizeof(Entry::raw)) return;
  if (pseudonym.size() > sizeof(Entry::pseudonym)) return;
  auto& entry = entries()[slot_of(kind, epoch, raw)];
  guard::wipe(reinterpret_cast<char*>(&entry), sizeof entry);
  entry.epoch = epoch;
  entry.kind = kind;
  entry.raw_size = static_cast<std::uint8_t>(raw.size());
  entry.pseudonym_size = static_cast<std::uint8_t>(pseudonym.size());
  std::memcpy(entry.raw, raw.data(), raw.size());
  std::memcpy(entry.pseudonym, pseudonym.data(), pseudonym.size());
}

}  // namespace sightglass::guard
