// Room-internal: the verdict on one value by the class of its field.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "event/catalogue.h"
#include "event/value.h"
#include "guard/secret_scan.h"
#include "guard/word_memo.h"

namespace sightglass::guard {

enum class Verdict : std::uint8_t {
  kPass,
  kOther,       // passes, but as "_OTHER": outside its closed list
  kIdentifier,  // passes as the pseudonym that the caller makes
  kClass,       // dropped: the class never passes
  kKind,        // dropped: a number where text belongs, and so on
  kForm,        // dropped: text that is not in its class's form
  kSecret,      // dropped: looks like a secret
};

// A closed list of words, looked up without hashing the whole word.
class ValueSet {
 public:
  explicit ValueSet(const std::vector<std::string>& values);
  bool contains(std::string_view word) const;

 private:
  static std::size_t slot_of(std::string_view word, std::size_t mask);
  std::vector<std::string> words_;
  std::vector<std::uint8_t> slots_;  // index + 1 into words_; power of two, at most half full
};

// One field's rule. Threads: const use from any.
class FieldGuard {
 public:
  explicit FieldGuard(const event::Field& field)
      : class_(field.field_class),
        kind_(field.kind),
        is_companion_(field.companion_of != event::kNoField || field.door_made),
        identifier_kind_(field.identifier_kind.empty() ? '\0' : field.identifier_kind[0]),
        values_(field.values) {}

  event::FieldClass field_class() const { return class_; }
  // The kind whose values pass as they are, whatever they hold; kNull where there is none.
  event::Kind plain_kind() const {
    if (class_ == event::FieldClass::kFlag) return event::Kind::kBool;
    const bool numeric = class_ <= event::FieldClass::kTime;
    return numeric && kind_ == event::Kind::kInt ? event::Kind::kInt : event::Kind::kNull;
  }
  char identifier_kind() const { return identifier_kind_; }
  bool is_companion() const { return is_companion_; }  // only the door fills it

  // Judges `value` and brings it to the field's kind. Text made from a number goes to `arena`,
  // which must have kNumberBytes of capacity left. `rule` is set with kSecret.
  Verdict judge(event::Value& value, std::string& arena, WordMemo& memo,
                const SecretRule*& rule) const;

  static constexpr std::size_t kNumberBytes = 24;

 private:
  Verdict judge_number(event::Value& value) const;
  Verdict judge_time(const event::Value& value) const;
  Verdict judge_word(event::Value& value, std::string& arena, WordMemo& memo,
                     const SecretRule*& rule) const;
  static Verdict judge_source_position(const event::Value& value, WordMemo& memo,
                                       const SecretRule*& rule);

  event::FieldClass class_;
  event::Kind kind_;
  bool is_companion_;
  char identifier_kind_;
  ValueSet values_;
};

// [A-Za-z0-9._:/@+-]{1,128}
bool is_word(std::string_view text);
// The two phrases that are one word to people: `POST /api/chat`, `text/plain; charset=utf-8`.
bool is_phrase(std::string_view text);
// Begins with a year and month and holds nothing that a point in time would not.
bool is_timestamp(std::string_view text);
// name.ext:line, without a folder.
bool is_source_position(std::string_view text);

}  // namespace sightglass::guard
