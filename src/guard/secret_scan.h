// Finds what looks like a secret or a personal number in a value whose class may pass: provider
// keys, tokens, passwords in addresses and pairs, long random strings, card and account numbers,
// e-mail addresses, telephone numbers.
//
// Rules are data, one row a literal: the kind (it becomes a label), the literal that a secret of
// this kind begins with, and what must follow it. Rows without a literal look at the shape of the
// whole value. Sources of the forms: the providers' and gitleaks' published patterns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace sightglass::guard {

struct SecretRule {
  // Whether a secret stands at `at`, where the literal begins (a shape rule: at 0, of the whole
  // value).
  using Check = bool (*)(std::string_view value, std::size_t at, std::size_t literal_size);

  std::string_view kind;
  std::string_view literal;     // at the beginning of a word; empty: a shape rule
  std::uint8_t body = 0;        // the characters that follow the literal (secret_text.h) …
  std::uint8_t body_bytes = 0;  // … and how many of them at the least
  Check check = nullptr;        // what must hold besides
};

std::span<const SecretRule> secret_rules();

// The first rule that finds something, or null. Any bytes are safe. When in doubt it finds: a
// dropped model name costs a label, a stored key costs a key. Three forms of ids are known and
// left whole wherever they stand: UUIDs, ULIDs, and digests that say so (`sha256:…`). Values are
// taken as they are; escapes (JSON, percent) are for whoever reads the bytes to undo first.
// Cost: linear; 10 ns for a word of up to 12 bytes, 0.2 to 0.5 µs for a long model name, which is
// why the door remembers what passed.
const SecretRule* find_secret(std::string_view value);

// The whole text is a payment card's or an account's number, though it may have the form of an id.
bool is_personal_number(std::string_view text);

}  // namespace sightglass::guard
