#include "guard/secret_shapes.h"

#include <array>
#include <bit>
#include <cstdint>

#include "guard/secret_scan.h"
#include "guard/secret_text.h"

namespace sightglass::guard {
namespace {

constexpr auto kNone = std::string_view::npos;

bool begins_word(std::string_view value, std::size_t at) {
  return at == 0 || !is(value[at - 1], kAlnum);
}

// Where `word` (lower case) stands at or behind `from`, whatever its case.
std::size_t find_any_case(std::string_view value, std::string_view word, std::size_t from) {
  for (std::size_t i = from; i + word.size() <= value.size(); ++i) {
    std::size_t n = 0;
    while (n < word.size() && lower_of(value[i + n]) == word[n]) ++n;
    if (n == word.size()) return i;
  }
  return kNone;
}

bool has_marker(std::string_view value, std::string_view marker, std::size_t whole_bytes,
                std::uint8_t classes) {
  if (value.size() < whole_bytes) return false;
  for (auto at = value.find(marker); at != kNone; at = value.find(marker, at + 1)) {
    auto begin = at;
    while (begin > 0 && is(value[begin - 1], classes)) --begin;
    if (run_of(value, begin, classes).size() >= whole_bytes) return true;
  }
  return false;
}

}  // namespace

bool has_openai_marker(std::string_view value, std::size_t, std::size_t) {
  return has_marker(value, "T3BlbkFJ", 24, kWord);  // base64 of "OpenAI"
}
bool has_azure_marker(std::string_view value, std::size_t, std::size_t) {
  return has_marker(value, "JQQJ99", 52, kAlnum);
}
bool has_terraform_marker(std::string_view value, std::size_t, std::size_t) {
  return has_marker(value, ".atlasv1.", 50, kWord | kDot);
}

bool has_azure_client_secret(std::string_view value, std::size_t, std::size_t) {
  for (auto at = value.find("Q~"); at != kNone; at = value.find("Q~", at + 1)) {
    if (at < 4 || !is(value[at - 1], kDigit)) continue;
    std::size_t end = at + 2;
    while (end < value.size() && (is(value[end], kWord | kDot) || value[end] == '~')) ++end;
    if (end - at - 2 >= 31) return true;
  }
  return false;
}

bool has_telegram_token(std::string_view value, std::size_t, std::size_t) {
  for (auto at = value.find(":A"); at != kNone; at = value.find(":A", at + 1)) {
    auto begin = at;
    while (begin > 0 && is(value[begin - 1], kDigit)) --begin;
    if (at - begin >= 7 && run_of(value, at + 1, kWord).size() >= 33) return true;
  }
  return false;
}

bool has_discord_token(std::string_view value, std::size_t, std::size_t) {
  for (auto dot = value.find('.'); dot != kNone; dot = value.find('.', dot + 1)) {
    auto begin = dot;
    while (begin > 0 && is(value[begin - 1], kWord)) --begin;
    // Account numbers are digits, so that the first part decodes to them: it begins with M, N, O.
    if (dot - begin < 23 || dot - begin > 28 || value[begin] < 'M' || value[begin] > 'O') continue;
    const auto time = run_of(value, dot + 1, kWord);
    const auto next = dot + 1 + time.size();
    if (time.size() != 6 || next >= value.size() || value[next] != '.') continue;
    if (run_of(value, next + 1, kWord).size() >= 27) return true;
  }
  return false;
}

bool has_email(std::string_view value, std::size_t, std::size_t) {
  for (auto sign = value.find('@'); sign != kNone; sign = value.find('@', sign + 1)) {
    const bool has_local =
        sign > 0 && (is(value[sign - 1], kWord | kDot) || value[sign - 1] == '+');
    if (!has_local) continue;
    // A domain: labels and dots, the last label of letters only. Versions (`@20240620`) have none.
    auto domain = value.substr(sign + 1);
    std::size_t end = 0;
    while (end < domain.size() && (is(domain[end], kAlnum | kDot) || domain[end] == '-')) ++end;
    domain = domain.substr(0, end);
    while (domain.ends_with('.')) domain.remove_suffix(1);
    const auto dot = domain.rfind('.');
    if (dot == kNone || dot == 0) continue;
    const auto top = domain.substr(dot + 1);
    if (top.size() >= 2 && run_of(top, 0, kLower | kUpper).size() == top.size()) return true;
  }
  return false;
}

bool has_url_password(std::string_view value, std::size_t, std::size_t) {
  for (auto scheme = value.find("://"); scheme != kNone; scheme = value.find("://", scheme + 3)) {
    auto authority = value.substr(scheme + 3);
    authority = authority.substr(0, authority.find('/'));
    const auto sign = authority.rfind('@');
    if (sign != kNone && authority.substr(0, sign).find(':') != kNone) return true;
  }
  return false;
}

bool has_assigned_secret(std::string_view value, std::size_t, std::size_t) {
  constexpr std::string_view kNames[] = {
      "password",     "passwd",     "passphrase", "pwd",        "secret",          "api_key",
      "apikey",       "api-key",    "accountkey", "access_key", "sharedaccesskey", "private_key",
      "access_token", "auth_token", "authtoken",  "sig",        "client_secret",   "token"};
  for (auto sign = value.find_first_of("=:"); sign != kNone;
       sign = value.find_first_of("=:", sign + 1)) {
    auto end = sign;
    while (end > 0 && (value[end - 1] == '"' || value[end - 1] == ' ')) --end;
    bool named = false;
    for (const auto name : kNames) {
      named |= end >= name.size() &&
               find_any_case(value.substr(end - name.size(), name.size()), name, 0) == 0;
    }
    if (!named) continue;
    auto at = sign + 1;
    while (at < value.size() && (value[at] == '"' || value[at] == ' ')) ++at;
    std::size_t size = 0;
    bool digit = false;
    for (auto i = at; i < value.size() && value[i] > ' ' && value[i] != '"' && value[i] != '&' &&
                      value[i] != ';' && value[i] != ',';
         ++i, ++size) {
      digit |= is(value[i], kDigit);
    }
    // `token:count` is a name of ours; behind a colon only what no word is counts.
    if (value[sign] == '=' ? size >= 4 : size >= 7 && digit) {
      // A number is a measure (`token:1250000`), no password.
      if (run_of(value, at, kDigit | kDot).size() < size) return true;
    }
  }
  return false;
}

bool has_credentials(std::string_view value, std::size_t, std::size_t) {
  for (const std::string_view scheme : {"bearer", "basic"}) {
    for (auto at = find_any_case(value, scheme, 0); at != kNone;
         at = find_any_case(value, scheme, at + 1)) {
      auto next = at + scheme.size();
      if (!begins_word(value, at) || next >= value.size()) continue;
      if (value[next] != ' ' && value[next] != ':' && value[next] != '=') continue;
      while (next < value.size() && (value[next] == ' ' || value[next] == ':')) ++next;
      const auto token = run_of(value, next, kWord | kDot | kBase64Mark);
      const auto shape = shape_of(token);
      if (token.size() >= 8 && (shape.digits > 0 || shape.upper > 1)) return true;
    }
  }
  return false;
}

// --- numbers of persons ---------------------------------------------------------------------

namespace {

bool passes_luhn(const std::uint8_t* digits, std::size_t size) {
  unsigned sum = 0;
  for (std::size_t i = 0; i < size; ++i) {
    unsigned digit = digits[size - 1 - i];
    if (i % 2 == 1) digit = digit < 5 ? digit * 2 : digit * 2 - 9;
    sum += digit;
  }
  return sum % 10 == 0;
}

// Lengths and leading digits of the large issuers (ISO/IEC 7812); the check digit alone would find
// one number in ten.
bool is_card(const std::uint8_t* d, std::size_t size) {
  const unsigned two = d[0] * 10u + d[1];
  const unsigned four = two * 100u + d[2] * 10u + d[3];
  const bool visa = d[0] == 4 && (size == 13 || size == 16 || size == 19);
  const bool mastercard =
      size == 16 && ((two >= 51 && two <= 55) || (four >= 2221 && four <= 2720));
  const bool amex = size == 15 && (two == 34 || two == 37);
  const bool discover = size == 16 && (four == 6011 || two == 64 || two == 65);
  const bool diners = size == 14 && (two == 36 || two == 38 || two == 30);
  const bool jcb = size == 16 && two == 35;
  const bool unionpay = size >= 16 && two == 62;
  return (visa || mastercard || amex || discover || diners || jcb || unionpay) &&
         passes_luhn(d, size);
}

struct Country {
  char code[3];
  std::uint8_t size;
};
// The IBAN registry's lengths.
constexpr Country kCountries[] = {
    {"AD", 24}, {"AE", 23}, {"AL", 28}, {"AT", 20}, {"AZ", 28}, {"BA", 20}, {"BE", 16}, {"BG", 22},
    {"BH", 22}, {"BR", 29}, {"BY", 28}, {"CH", 21}, {"CR", 22}, {"CY", 28}, {"CZ", 24}, {"DE", 22},
    {"DK", 18}, {"DO", 28}, {"EE", 20}, {"EG", 29}, {"ES", 24}, {"FI", 18}, {"FO", 18}, {"FR", 27},
    {"GB", 22}, {"GE", 22}, {"GI", 23}, {"GL", 18}, {"GR", 27}, {"GT", 28}, {"HR", 21}, {"HU", 28},
    {"IE", 22}, {"IL", 23}, {"IQ", 23}, {"IS", 26}, {"IT", 27}, {"JO", 30}, {"KW", 30}, {"KZ", 20},
    {"LB", 28}, {"LC", 32}, {"LI", 21}, {"LT", 20}, {"LU", 20}, {"LV", 21}, {"LY", 25}, {"MC", 27},
    {"MD", 24}, {"ME", 22}, {"MK", 19}, {"MR", 27}, {"MT", 31}, {"MU", 30}, {"NL", 18}, {"NO", 15},
    {"PK", 24}, {"PL", 28}, {"PS", 29}, {"PT", 25}, {"QA", 29}, {"RO", 24}, {"RS", 22}, {"SA", 24},
    {"SC", 31}, {"SE", 24}, {"SI", 19}, {"SK", 24}, {"SM", 27}, {"TN", 24}, {"TR", 26}, {"UA", 29},
    {"VA", 22}, {"VG", 24}, {"XK", 20}};

std::size_t iban_size(char first, char second) {
  for (const auto& country : kCountries) {
    if (country.code[0] == first && country.code[1] == second) return country.size;
  }
  return 0;
}

// ISO 7064, mod 97-10: the first four characters count last, letters as 10 to 35.
bool passes_mod97(const std::array<char, 34>& text, std::size_t size) {
  unsigned rest = 0;
  for (std::size_t i = 0; i < size; ++i) {
    const char c = text[(i + 4) % size];
    const bool digit = is(c, kDigit);
    const auto number = static_cast<unsigned>(digit ? c - '0' : c - 'A' + 10);
    rest = (rest * (digit ? 10 : 100) + number) % 97;
  }
  return rest == 1;
}

bool is_card_number(std::string_view text) {
  if (text.size() < 13 || text.size() > 19) return false;
  std::array<std::uint8_t, 19> digits;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!is(text[i], kDigit)) return false;
    digits[i] = static_cast<std::uint8_t>(text[i] - '0');
  }
  return is_card(digits.data(), text.size());
}

}  // namespace

// Digits, single hyphens or blanks between them allowed, that are not part of a longer word.
bool has_card_number(std::string_view value, std::size_t, std::size_t) {
  for (std::size_t i = 0; i < value.size();) {
    if (!is(value[i], kDigit) || !begins_word(value, i)) {
      ++i;
      continue;
    }
    std::array<std::uint8_t, 20> digits;
    std::size_t n = 0;
    std::size_t end = i;
    while (end < value.size() && n < digits.size()) {
      const bool gap = value[end] == '-' || value[end] == ' ';
      if (is(value[end], kDigit)) {
        digits[n++] = static_cast<std::uint8_t>(value[end] - '0');
      } else if (!gap || end + 1 == value.size() || !is(value[end + 1], kDigit)) {
        break;
      }
      ++end;
    }
    const bool whole = end == value.size() || !is(value[end], kAlnum);
    if (whole && n >= 13 && n <= 19 && is_card(digits.data(), n)) return true;
    i = std::max(end, i + 1);
  }
  return false;
}

bool has_iban(std::string_view value, std::size_t, std::size_t) {
  for (std::size_t i = 0; i + 15 <= value.size(); ++i) {
    if (!is(value[i], kUpper) || !is(value[i + 1], kUpper) || !is(value[i + 2], kDigit) ||
        !is(value[i + 3], kDigit) || !begins_word(value, i)) {
      continue;
    }
    const auto size = iban_size(value[i], value[i + 1]);
    std::array<char, 34> text;
    std::size_t n = 0;
    auto at = i;
    for (; size != 0 && at < value.size() && n < size; ++at) {
      const bool gap = value[at] == '-' || value[at] == ' ';
      if (!gap && !is(value[at], kUpper | kDigit)) break;
      if (!gap) text[n++] = value[at];
    }
    const bool whole = at == value.size() || !is(value[at], kAlnum);
    if (whole && size != 0 && n == size && passes_mod97(text, n)) return true;
  }
  return false;
}

bool is_personal_number(std::string_view text) {
  return is_card_number(text) || (text.size() <= 34 && has_iban(text, 0, 0));
}

bool has_phone_number(std::string_view value, std::size_t, std::size_t) {
  for (auto plus = value.find('+'); plus != kNone; plus = value.find('+', plus + 1)) {
    if (!begins_word(value, plus) || plus + 1 == value.size()) continue;
    if (value[plus + 1] < '1' || value[plus + 1] > '9') continue;
    std::size_t n = 0;
    std::size_t end = plus + 1;
    for (; end < value.size(); ++end) {
      const char c = value[end];
      if (is(c, kDigit)) {
        ++n;
      } else if (c != ' ' && c != '-' && c != '.' && c != '(' && c != ')' && c != '/') {
        break;
      }
    }
    const bool whole = end == value.size() || !is(value[end], kAlnum);
    if (whole && n >= 8 && n <= 15) return true;
  }
  return false;
}

// 3, 2 and 4 digits; not the numbers that were never given out.
bool has_social_security_number(std::string_view value, std::size_t, std::size_t) {
  for (std::size_t i = 0; i + 11 <= value.size(); ++i) {
    if (value[i + 3] != '-' || value[i + 6] != '-') continue;
    if (i > 0 && is(value[i - 1], kWord | kDot)) continue;
    if (i + 11 < value.size() && is(value[i + 11], kWord)) continue;
    bool digits = true;
    for (const std::size_t at : {0, 1, 2, 4, 5, 7, 8, 9, 10}) digits &= is(value[i + at], kDigit);
    if (!digits) continue;
    const auto area = value.substr(i, 3);
    const bool given = area != "000" && area != "666" && area[0] != '9' &&
                       value.substr(i + 4, 2) != "00" && value.substr(i + 7, 4) != "0000";
    if (given) return true;
  }
  return false;
}

// --- random text ----------------------------------------------------------------------------

namespace {

// Crockford's base32 with a time between 2004 and 2039: nothing but a ULID begins so.
bool is_ulid(std::string_view run) {
  if (run.size() != 26 || run[0] != '0' || run[1] != '1') return false;
  const auto shape = shape_of(run);
  if (shape.lower != 0 && shape.upper != 0) return false;
  return run.find_first_of("ILOUilou") == kNone;
}

int base64_digit(char c) {
  if (is(c, kUpper)) return c - 'A';
  if (is(c, kLower)) return c - 'a' + 26;
  return is(c, kDigit) ? c - '0' + 52 : -1;
}

// A number in base64 is as innocent as the number, when it is no card's.
bool is_number_in_base64(std::string_view run) {
  if (run.size() > 28 || run[0] < 'M' || run[0] > 'O') return false;
  std::array<char, 21> text;
  std::size_t n = 0;
  unsigned bits = 0;
  int n_bits = 0;
  for (const char c : run) {
    bits = bits << 6 | static_cast<unsigned>(base64_digit(c));
    n_bits += 6;
    if (n_bits < 8) continue;
    n_bits -= 8;
    const char decoded = static_cast<char>(bits >> n_bits & 0xff);
    if (!is(decoded, kDigit) || n == text.size()) return false;
    text[n++] = decoded;
  }
  return !is_card_number(std::string_view(text.data(), n));
}

// `sha256:` and its like before a run of the length that they promise.
bool is_named_digest(std::string_view before, std::size_t size) {
  struct Name {
    std::string_view text;
    std::size_t digits;
  };
  constexpr Name kNames[] = {{"md5", 32},    {"sha1", 40},   {"git", 40},
                             {"sha256", 64}, {"sha384", 96}, {"sha512", 128}};
  if (before.empty() || (before.back() != ':' && before.back() != '-')) return false;
  before.remove_suffix(1);
  for (const auto& name : kNames) {
    const auto at = before.size() - std::min(before.size(), name.text.size());
    if (name.digits == size && before.ends_with(name.text) && begins_word(before, at)) return true;
  }
  return false;
}

}  // namespace

bool has_long_hex(std::string_view value, std::size_t, std::size_t) {
  for (std::size_t i = 0; i < value.size();) {
    const auto run = run_of(value, i, kHex);
    if (run.size() >= 32 && !is_named_digest(value.substr(0, i), run.size())) {
      std::uint32_t seen = 0;
      for (const char c : run) seen |= 1u << (static_cast<unsigned char>(c) & 31u);
      if (std::popcount(seen) >= 6) return true;
    }
    i += std::max<std::size_t>(1, run.size());
  }
  return false;
}

// Mixed thoroughly, or long with digits strewn in (base32, base36).
bool has_random_run(std::string_view value, std::size_t, std::size_t) {
  for (std::size_t i = 0; i < value.size();) {
    const auto run = run_of(value, i, kAlnum);
    const auto begin = i;
    i += std::max<std::size_t>(1, run.size());
    if (run.size() < 20 || is_ulid(run) || is_number_in_base64(run) ||
        is_named_digest(value.substr(0, begin), run.size())) {
      continue;
    }
    const auto shape = shape_of(run);
    const bool both_cases = shape.lower > 0 && shape.upper > 0;
    if (both_cases && changes_often(shape, shape.digits > 0 ? 35 : 45)) return true;
    const bool strewn = run.size() >= 24 && shape.digits >= 3;
    if (strewn && changes_often(shape, run.size() >= 28 ? 20 : 25)) return true;
    // Nobody writes a name of 24 capitals and digits in one run.
    if (run.size() >= 24 && shape.lower == 0 && shape.upper > 0 && shape.digits >= 2) return true;
  }
  return false;
}

bool has_random_base64(std::string_view value, std::size_t, std::size_t) {
  const auto in_base64 = [](char c) { return is(c, kWord) || c == '+' || c == '/'; };
  for (std::size_t i = 0; i < value.size();) {
    std::size_t end = i;
    while (end < value.size() && in_base64(value[end])) ++end;
    const auto shape = shape_of(value.substr(i, end - i));
    const bool mixed = shape.lower > 3 && shape.upper > 3 && shape.digits > 0;
    if (shape.size() >= 32 && mixed && changes_often(shape, 42)) return true;
    i = end + 1;
  }
  return false;
}

}  // namespace sightglass::guard
