#include "journal/forget.h"

#include <algorithm>
#include <cstring>

#include "base/sha256.h"
#include "base/text.h"

namespace sightglass::journal {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kEpochDigits = 10;
constexpr std::size_t kDigits = 26;

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_base32(char c) { return is_lower(c) || (c >= '2' && c <= '7'); }

}  // namespace

std::string_view pseudonym_at(std::string_view text, std::size_t at) {
  const auto rest = text.substr(std::min(at, text.size()));
  if (rest.size() < 4 + kDigits || !is_lower(rest[0]) || rest[1] != ':') return {};
  std::size_t end = 2;
  while (end < rest.size() && is_digit(rest[end]) && end < 2 + kEpochDigits) ++end;
  if (end == 2 || end >= rest.size() || rest[end] != '.') return {};
  ++end;
  if (rest.size() - end < kDigits) return {};
  for (std::size_t i = 0; i < kDigits; ++i) {
    if (!is_base32(rest[end + i])) return {};
  }
  return rest.substr(0, end + kDigits);
}

Forget::Hash Forget::hash_of(std::string_view text) {
  const auto digest = sha256(text);
  Hash out;
  std::memcpy(out.data(), digest.data(), out.size());
  return out;
}

Forget::Forget(const std::vector<std::string>& texts) {
  for (const auto& text : texts) hashes_.push_back(hash_of(text));
  std::sort(hashes_.begin(), hashes_.end());
  hashes_.erase(std::unique(hashes_.begin(), hashes_.end()), hashes_.end());
}

std::string Forget::encode() const {
  std::string out;
  ByteWriter writer(out);
  writer.u8(kVersion);
  writer.varint(hashes_.size());
  for (const auto& hash : hashes_) out.append(hash.data(), hash.size());
  return out;
}

std::optional<Forget> Forget::decode(Bytes payload) {
  ByteReader in(payload);
  if (in.u8() != kVersion) return std::nullopt;
  const auto n = in.varint();
  if (!in.ok() || n > kMaxTexts) return std::nullopt;
  Forget out;
  for (std::uint64_t i = 0; i < n; ++i) {
    const auto bytes = in.raw(sizeof(Hash));
    if (!in.ok()) return std::nullopt;
    Hash hash;
    std::memcpy(hash.data(), bytes.data(), hash.size());
    out.hashes_.push_back(hash);
  }
  if (!in.empty() || !std::is_sorted(out.hashes_.begin(), out.hashes_.end())) return std::nullopt;
  return out;
}

bool Forget::names(std::string_view text) const {
  if (pseudonym_at(text, 0).size() != text.size() || text.empty()) return false;
  return std::binary_search(hashes_.begin(), hashes_.end(), hash_of(text));
}

bool Forget::overwrite(std::string& bytes) const {
  constexpr std::string_view kWord = "forgotten";
  bool any = false;
  for (auto colon = bytes.find(':'); colon != std::string::npos;
       colon = bytes.find(':', colon + 1)) {
    if (colon == 0) continue;
    const auto found = pseudonym_at(bytes, colon - 1);
    if (found.empty() || !names(found)) continue;
    const auto size = found.size();
    bytes.replace(colon - 1, size, std::string(kWord) + std::string(size - kWord.size(), '.'));
    any = true;
  }
  return any;
}

std::vector<std::string> Forget::hex() const {
  std::vector<std::string> out;
  for (const auto& hash : hashes_) out.push_back(to_hex({hash.data(), hash.size()}));
  return out;
}

}  // namespace sightglass::journal
