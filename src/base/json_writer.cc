#include "base/json_writer.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstring>

#include "base/text.h"

namespace sightglass {
namespace {

// Bytes that cannot stand as they are: controls, quote, backslash, and anything past ASCII, which
// takes the slow path to be checked as UTF-8.
constexpr std::array<bool, 256> make_special() {
  std::array<bool, 256> table{};
  for (int i = 0; i < 256; ++i) table[i] = i < 0x20 || i == '"' || i == '\\' || i >= 0x80;
  return table;
}
constexpr auto kSpecial = make_special();

void append_escaped(std::string& out, unsigned char c) {
  switch (c) {
    case '"':
      out.append("\\\"");
      return;
    case '\\':
      out.append("\\\\");
      return;
    case '\n':
      out.append("\\n");
      return;
    case '\r':
      out.append("\\r");
      return;
    case '\t':
      out.append("\\t");
      return;
    default:
      break;
  }
  constexpr char kHex[] = "0123456789abcdef";
  out.append("\\u00");
  out.push_back(kHex[c >> 4]);
  out.push_back(kHex[c & 15]);
}

void append_padded(std::string& out, std::int64_t value, int width) {
  char buffer[20];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  out.append(static_cast<std::size_t>(std::max<std::ptrdiff_t>(0, width - (end - buffer))), '0');
  out.append(buffer, end);
}

}  // namespace

// The subtractions below mark a byte wrongly only above one that they mark rightly, so "no mark" is
// always true, and a mark sends the block to the byte loop.
std::size_t json_plain_prefix(std::string_view text) {
  constexpr std::uint64_t kOnes = 0x0101010101010101, kHigh = 0x8080808080808080;
  std::size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    std::uint64_t block;
    std::memcpy(&block, text.data() + i, 8);
    const auto quote = block ^ (kOnes * '"');
    const auto backslash = block ^ (kOnes * '\\');
    const auto marks = block | ((block - kOnes * 0x20) & ~block) | ((quote - kOnes) & ~quote) |
                       ((backslash - kOnes) & ~backslash);
    if ((marks & kHigh) != 0) break;
  }
  while (i < text.size() && !kSpecial[static_cast<unsigned char>(text[i])]) ++i;
  return i;
}

void append_json_string(std::string& out, std::string_view text) {
  out.push_back('"');
  std::size_t start = 0;
  for (std::size_t i = json_plain_prefix(text); i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (!kSpecial[c]) {
      i += json_plain_prefix(text.substr(i));
      continue;
    }
    if (c >= 0x80) {
      if (const auto length = utf8_sequence_length(text.substr(i)); length != 0) {
        i += length;
        continue;
      }
    }
    out.append(text, start, i - start);
    if (c >= 0x80) {
      out.append("\xEF\xBF\xBD");
    } else {
      append_escaped(out, c);
    }
    start = ++i;
  }
  out.append(text, start, text.size() - start);
  out.push_back('"');
}

void append_int(std::string& out, std::int64_t value) {
  char buffer[24];
  out.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
}

void append_uint(std::string& out, std::uint64_t value) {
  char buffer[24];
  out.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
}

void append_double(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out.append("null");
    return;
  }
  char buffer[32];
  out.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
}

void append_decimal(std::string& out, std::int64_t value, int digits) {
  std::uint64_t magnitude = static_cast<std::uint64_t>(value);
  if (value < 0) {
    out.push_back('-');
    magnitude = 0 - magnitude;
  }
  std::uint64_t unit = 1;
  for (int i = 0; i < digits; ++i) unit *= 10;
  append_uint(out, magnitude / unit);
  auto fraction = magnitude % unit;
  if (fraction == 0) return;
  while (fraction % 10 == 0) {
    fraction /= 10;
    --digits;
  }
  out.push_back('.');
  append_padded(out, static_cast<std::int64_t>(fraction), digits);
}

void append_iso8601(std::string& out, std::int64_t unix_ns, int fraction_digits) {
  auto seconds = unix_ns / 1'000'000'000;
  auto nanos = unix_ns % 1'000'000'000;
  if (nanos < 0) {
    nanos += 1'000'000'000;
    --seconds;
  }
  auto days = seconds / 86'400;
  auto rest = seconds % 86'400;
  if (rest < 0) {
    rest += 86'400;
    --days;
  }
  // Civil date from days since 1970-01-01, for the proleptic Gregorian calendar: eras of 400 years
  // that begin in March, so that the leap day is the last of its year.
  const auto z = days + 719'468;
  const auto era = (z >= 0 ? z : z - 146'096) / 146'097;
  const auto day_of_era = z - era * 146'097;
  const auto year_of_era =
      (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const auto day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const auto month_index = (5 * day_of_year + 2) / 153;
  const auto day = day_of_year - (153 * month_index + 2) / 5 + 1;
  const auto month = month_index < 10 ? month_index + 3 : month_index - 9;
  const auto year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);

  append_padded(out, year, 4);
  out.push_back('-');
  append_padded(out, month, 2);
  out.push_back('-');
  append_padded(out, day, 2);
  out.push_back('T');
  append_padded(out, rest / 3600, 2);
  out.push_back(':');
  append_padded(out, rest / 60 % 60, 2);
  out.push_back(':');
  append_padded(out, rest % 60, 2);
  if (fraction_digits > 0) {
    for (int i = fraction_digits; i < 9; ++i) nanos /= 10;
    out.push_back('.');
    append_padded(out, nanos, fraction_digits);
  }
  out.push_back('Z');
}

}  // namespace sightglass
