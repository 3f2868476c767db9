// What a forget record names: the texts (pseudonyms) that are to vanish from everything durable.
//
// They are named by the first 16 bytes of their SHA-256, so that the record itself does not hold
// what is to be forgotten. A text is removed wherever it stands: a row's value becomes null, in
// lines it is overwritten by as many bytes, a series that has it as a label goes into the overflow
// series. Numbers stay, so that totals still add up.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace sightglass::journal {

// Threads: const use from any.
class Forget {
 public:
  static constexpr std::size_t kMaxTexts = 256;  // of one record: each costs queries, too

  Forget() = default;
  explicit Forget(const std::vector<std::string>& texts);

  // Payload: u8 version (1), varint number, 16 bytes each, ascending.
  std::string encode() const;
  static std::optional<Forget> decode(Bytes payload);

  // Whether `text` is one of them. Cost: texts that are no pseudonyms are told by their form, for
  // the rest a SHA-256.
  bool names(std::string_view text) const;
  // Overwrites each of them in `bytes`, wherever it stands as a word, with as many others. True
  // when there was one.
  bool overwrite(std::string& bytes) const;

  std::size_t size() const { return hashes_.size(); }
  // Hex digits of each, for queries that hash what they look at; 32 digits.
  std::vector<std::string> hex() const;

 private:
  using Hash = std::array<char, 16>;
  static Hash hash_of(std::string_view text);
  std::vector<Hash> hashes_;  // ascending
};

// The longest pseudonym: `u:4294967295.` and 26 of base32. The longest run of word bytes that
// overwrite() must see whole.
inline constexpr std::size_t kMaxForgottenBytes = 2 + 10 + 1 + 26;

// Of a pseudonym's form in SQL, for what must not hash every text that it looks at.
inline constexpr std::string_view kPseudonymLike = "_:%.__________________________";

// The pseudonym that begins at `at`, empty when none does: a letter, a colon, digits, a point and
// 26 of a-z2-7.
std::string_view pseudonym_at(std::string_view text, std::size_t at);

}  // namespace sightglass::journal
