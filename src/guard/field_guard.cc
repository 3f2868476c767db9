#include "guard/field_guard.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>

#include "base/random.h"

namespace sightglass::guard {
namespace {

using event::FieldClass;
using event::Kind;
using event::Value;

constexpr std::size_t kMaxWordBytes = 128;
constexpr std::size_t kMaxIdentifierBytes = 1024;
// Codes are short; a longer number in a category is a telephone, an account, a card.
constexpr std::int64_t kMaxCategoryInt = 999'999'999;

constexpr std::array<bool, 256> make_bytes(bool letters, std::string_view marks) {
  std::array<bool, 256> out{};
  for (int c = 'a'; c <= 'z'; ++c) out[static_cast<std::size_t>(c)] = letters;
  for (int c = 'A'; c <= 'Z'; ++c) out[static_cast<std::size_t>(c)] = letters;
  for (int c = '0'; c <= '9'; ++c) out[static_cast<std::size_t>(c)] = true;
  for (const char c : marks) out[static_cast<unsigned char>(c)] = true;
  return out;
}
constexpr auto kWordBytes = make_bytes(true, "._:/@+-");
constexpr auto kTimeBytes = make_bytes(false, "-T:.+Z ");

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The decimal text of an integer, in the arena.
Value text_of(std::int64_t number, std::string& arena) {
  char buffer[FieldGuard::kNumberBytes];
  const auto* const end = std::to_chars(buffer, buffer + sizeof buffer, number).ptr;
  const auto at = arena.size();
  arena.append(buffer, static_cast<std::size_t>(end - buffer));
  return Value::text(std::string_view(arena).substr(at));
}

// 2^63 is a double; the largest int64 is not.
bool is_whole(double number) {
  return number >= -0x1p63 && number < 0x1p63 && std::trunc(number) == number;
}

}  // namespace

ValueSet::ValueSet(const std::vector<std::string>& values) : words_(values) {
  slots_.assign(std::bit_ceil(std::max<std::size_t>(2 * words_.size(), 2)), 0);
  const auto mask = slots_.size() - 1;
  for (std::size_t i = 0; i < words_.size(); ++i) {
    auto slot = slot_of(words_[i], mask);
    while (slots_[slot] != 0) slot = (slot + 1) & mask;
    slots_[slot] = static_cast<std::uint8_t>(i + 1);
  }
}

std::size_t ValueSet::slot_of(std::string_view word, std::size_t mask) {
  if (word.empty()) return 0;
  const auto first = static_cast<unsigned char>(word.front());
  const auto middle = static_cast<unsigned char>(word[word.size() / 2]);
  const auto last = static_cast<unsigned char>(word.back());
  return (word.size() * 7 + first * 31u + middle * 13u + last) & mask;
}

bool ValueSet::contains(std::string_view word) const {
  const auto mask = slots_.size() - 1;
  for (auto slot = slot_of(word, mask); slots_[slot] != 0; slot = (slot + 1) & mask) {
    if (words_[slots_[slot] - 1u] == word) return true;
  }
  return false;
}

Verdict FieldGuard::judge(Value& value, std::string& arena, WordMemo& memo,
                          const SecretRule*& rule) const {
  switch (class_) {
    case FieldClass::kCount:
    case FieldClass::kSize:
    case FieldClass::kDuration:
    case FieldClass::kMoney:
      return judge_number(value);
    case FieldClass::kTime:
      return kind_ == Kind::kNull ? judge_time(value) : judge_number(value);
    case FieldClass::kFlag:
      return value.kind() == Kind::kBool ? Verdict::kPass : Verdict::kKind;
    case FieldClass::kType:
      if (value.kind() != Kind::kText) return Verdict::kKind;
      if (values_.contains(value.as_text())) return Verdict::kPass;
      value = Value::text("_OTHER");
      return Verdict::kOther;
    case FieldClass::kCategory:
    case FieldClass::kName:
      return judge_word(value, arena, memo, rule);
    case FieldClass::kCorrelation:
      if (value.kind() != Kind::kText) return Verdict::kKind;
      // Trace and span ids, 32 and 16 hex digits, are among the forms of a request id.
      if (!is_request_id(value.as_text())) return Verdict::kForm;
      return is_personal_number(value.as_text()) ? Verdict::kForm : Verdict::kPass;
    case FieldClass::kSourcePosition:
      return judge_source_position(value, memo, rule);
    case FieldClass::kIdentifier:
      if (value.kind() == Kind::kInt) value = text_of(value.as_int(), arena);
      if (value.kind() != Kind::kText) return Verdict::kKind;
      return value.as_text().size() <= kMaxIdentifierBytes ? Verdict::kIdentifier : Verdict::kForm;
    case FieldClass::kSecret:
    case FieldClass::kContent:
    case FieldClass::kFreeText:
      break;
  }
  return Verdict::kClass;
}

Verdict FieldGuard::judge_number(Value& value) const {
  if (value.kind() == kind_) {
    const bool finite = kind_ != Kind::kDouble || std::isfinite(value.as_double());
    return finite ? Verdict::kPass : Verdict::kForm;
  }
  if (kind_ == Kind::kDouble && value.kind() == Kind::kInt) {
    value = Value::number(value.as_double());
    return Verdict::kPass;
  }
  if (kind_ == Kind::kInt && value.kind() == Kind::kDouble && is_whole(value.as_double())) {
    value = Value::integer(static_cast<std::int64_t>(value.as_double()));
    return Verdict::kPass;
  }
  return Verdict::kKind;
}

// A point in time as its source gives it: a number, or the text of RFC 3339 and its relatives.
Verdict FieldGuard::judge_time(const Value& value) const {
  if (value.kind() == Kind::kInt) return Verdict::kPass;
  if (value.kind() == Kind::kDouble) {
    return std::isfinite(value.as_double()) ? Verdict::kPass : Verdict::kForm;
  }
  if (value.kind() != Kind::kText) return Verdict::kKind;
  return is_timestamp(value.as_text()) ? Verdict::kPass : Verdict::kForm;
}

Verdict FieldGuard::judge_word(Value& value, std::string& arena, WordMemo& memo,
                               const SecretRule*& rule) const {
  if (value.kind() == Kind::kInt) {
    if (value.as_int() > kMaxCategoryInt || value.as_int() < -kMaxCategoryInt) {
      return Verdict::kForm;
    }
    if (kind_ == Kind::kText) value = text_of(value.as_int(), arena);
    return Verdict::kPass;
  }
  if (value.kind() != Kind::kText || kind_ == Kind::kInt) return Verdict::kKind;
  const auto text = value.as_text();
  // The memo is shared by fields that take a phrase and those that do not.
  if (memo.contains(MemoForm::kWord, text)) return Verdict::kPass;
  const bool phrases = class_ == FieldClass::kCategory;
  if (phrases && memo.contains(MemoForm::kPhrase, text)) return Verdict::kPass;
  const bool phrase = phrases && is_phrase(text);
  if (!phrase && !is_word(text)) return Verdict::kForm;
  rule = find_secret(text);
  if (rule != nullptr) return Verdict::kSecret;
  memo.add(phrase ? MemoForm::kPhrase : MemoForm::kWord, text);
  return Verdict::kPass;
}

Verdict FieldGuard::judge_source_position(const Value& value, WordMemo& memo,
                                          const SecretRule*& rule) {
  if (value.kind() != Kind::kText) return Verdict::kKind;
  const auto text = value.as_text();
  if (memo.contains(MemoForm::kSourcePosition, text)) return Verdict::kPass;
  if (!is_source_position(text)) return Verdict::kForm;
  rule = find_secret(text);
  if (rule != nullptr) return Verdict::kSecret;
  memo.add(MemoForm::kSourcePosition, text);
  return Verdict::kPass;
}

bool is_word(std::string_view text) {
  if (text.empty() || text.size() > kMaxWordBytes) return false;
  bool all = true;
  for (const char c : text) all &= kWordBytes[static_cast<unsigned char>(c)];
  return all;
}

bool is_phrase(std::string_view text) {
  if (text.size() > kMaxWordBytes) return false;
  const auto gap = text.find(' ');
  if (gap == std::string_view::npos) return false;
  const auto first = text.substr(0, gap);
  const auto rest = text.substr(gap + 1);
  const auto is_capital = [](char c) { return c >= 'A' && c <= 'Z'; };
  if (rest.starts_with('/') && first.size() >= 3 && first.size() <= 7) {
    return std::all_of(first.begin(), first.end(), is_capital) && is_word(rest);
  }
  if (!first.ends_with(';') || first.find('/') == std::string_view::npos) return false;
  const auto sign = rest.find('=');
  return is_word(first.substr(0, first.size() - 1)) && sign != std::string_view::npos &&
         is_word(rest.substr(0, sign)) && is_word(rest.substr(sign + 1));
}

bool is_timestamp(std::string_view text) {
  if (text.size() < 7 || text.size() > 40) return false;
  // 2025-10-06, 2025-10-06T10:15:30.123456+00:00, 2025-10-06 10:15:30
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (i < 4 || i == 5 || i == 6) {
      if (!is_digit(c)) return false;
    } else if (i == 4) {
      if (c != '-') return false;
    } else if (!kTimeBytes[static_cast<unsigned char>(c)]) {
      return false;
    }
  }
  return true;
}

bool is_source_position(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || colon > 80) return false;
  const auto line = text.substr(colon + 1);
  if (line.empty() || line.size() > 7 || !std::all_of(line.begin(), line.end(), is_digit)) {
    return false;
  }
  const auto file = text.substr(0, colon);
  const auto dot = file.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return false;
  const auto extension = file.substr(dot + 1);
  const auto is_name_byte = [](char c) {
    return kWordBytes[static_cast<unsigned char>(c)] && c != '/' && c != ':' && c != '@' &&
           c != '+';
  };
  const auto is_extension_byte = [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  };
  return !extension.empty() && extension.size() <= 8 &&
         std::all_of(extension.begin(), extension.end(), is_extension_byte) &&
         std::all_of(file.begin(), file.end(), is_name_byte);
}

}  // namespace sightglass::guard
