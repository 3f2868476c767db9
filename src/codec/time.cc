#include "codec/time.h"

#include <cmath>
#include <cstdint>
#include <cstring>

namespace sightglass::codec {
namespace {

constexpr Nanos kMicrosecond = 1'000;

// Days since 1970-01-01 of the proleptic Gregorian calendar. Source: Howard Hinnant,
// "chrono-Compatible Low-Level Date Algorithms", days_from_civil.
std::int64_t days_from_civil(std::int64_t y, int m, int d) {
  y -= m <= 2 ? 1 : 0;
  const std::int64_t era = (y >= 0 ? y : y - 399) / 400;
  const auto yoe = y - era * 400;
  const auto doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
  const auto doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
  return era * 146'097 + doe - 719'468;
}

int days_in_month(int year, int month) {
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && leap ? 29 : kDays[month - 1];
}

// Reads from the front and remembers whether everything fitted.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}

  bool digits(int count, int& out) {
    if (rest_.size() < static_cast<std::size_t>(count)) return false;
    int value = 0;
    for (int i = 0; i < count; ++i) {
      const char c = rest_[static_cast<std::size_t>(i)];
      if (c < '0' || c > '9') return false;
      value = value * 10 + (c - '0');
    }
    rest_.remove_prefix(static_cast<std::size_t>(count));
    out = value;
    return true;
  }
  bool take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool empty() const { return rest_.empty(); }

  // The digits of a fraction as nanoseconds; at least one digit.
  bool fraction(Nanos& out) {
    Nanos unit = kSecond / 10;
    std::size_t n = 0;
    for (; n < rest_.size() && rest_[n] >= '0' && rest_[n] <= '9'; ++n, unit /= 10) {
      out += (rest_[n] - '0') * unit;
    }
    rest_.remove_prefix(n);
    return n > 0;
  }

 private:
  std::string_view rest_;
};

// Z, z, UTC or an offset; nothing counts as UTC.
bool read_zone(Cursor& in, Nanos& offset_ns) {
  offset_ns = 0;
  (void)in.take(' ');
  if (in.empty()) return true;
  if (in.take('Z') || in.take('z')) return in.empty();
  if (in.take('U')) return in.take('T') && in.take('C') && in.empty();
  const bool minus = in.take('-');
  if (!minus && !in.take('+')) return false;
  int hours = 0, minutes = 0;
  if (!in.digits(2, hours)) return false;
  if (!in.empty()) {
    (void)in.take(':');
    if (!in.digits(2, minutes)) return false;
  }
  if (hours > 23 || minutes > 59 || !in.empty()) return false;
  offset_ns = (hours * 60 + minutes) * 60 * kSecond * (minus ? -1 : 1);
  return true;
}

}  // namespace

std::optional<Nanos> parse_time(std::string_view text) {
  Cursor in(text);
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  Nanos fraction_ns = 0, offset_ns = 0;
  if (!in.digits(4, year) || !in.take('-') || !in.digits(2, month) || !in.take('-') ||
      !in.digits(2, day)) {
    return std::nullopt;
  }
  // What int64 nanoseconds hold.
  if (year < 1678 || year > 2261 || month < 1 || month > 12 || day < 1 ||
      day > days_in_month(year, month)) {
    return std::nullopt;
  }
  if (!in.empty()) {
    if (!in.take('T') && !in.take('t') && !in.take(' ')) return std::nullopt;
    if (!in.digits(2, hour) || !in.take(':') || !in.digits(2, minute)) return std::nullopt;
    if (in.take(':')) {
      if (!in.digits(2, second)) return std::nullopt;
      if ((in.take('.') || in.take(',')) && !in.fraction(fraction_ns)) return std::nullopt;
    }
    if (hour > 23 || minute > 59 || second > 60 || !read_zone(in, offset_ns)) return std::nullopt;
    if (second == 60) second = 59;
  }
  const auto seconds =
      days_from_civil(year, month, day) * 86'400 + hour * 3'600 + minute * 60 + second;
  return seconds * kSecond + fraction_ns - offset_ns;
}

std::optional<Nanos> TimeReader::read(std::string_view text) {
  // :12.345Z, with up to nine digits of a fraction or none, and with +00:00 for Z.
  constexpr std::size_t kShortest = kMinuteBytes + 4;
  const auto digit = [&](std::size_t i) { return static_cast<unsigned>(text[i] - '0'); };
  if (text.size() < kShortest || text[16] != ':') return parse_time(text);
  if (std::memcmp(text.data(), minute_, kMinuteBytes) != 0) {
    const auto minute = parse_time(text.substr(0, kMinuteBytes));
    if (!minute) return parse_time(text);
    std::memcpy(minute_, text.data(), kMinuteBytes);
    minute_ns_ = *minute;
  }
  const auto second = digit(17) * 10 + digit(18);
  if (digit(17) > 5 || digit(18) > 9) return parse_time(text);
  std::size_t at = kMinuteBytes + 3;
  Nanos fraction_ns = 0;
  if (text[at] == '.') {
    Nanos unit = kSecond;
    for (++at; at < text.size() && digit(at) <= 9 && unit > 1; ++at) {
      unit /= 10;
      fraction_ns = fraction_ns * 10 + digit(at);
    }
    if (unit == kSecond) return parse_time(text);
    fraction_ns *= unit;
  }
  const auto zone = text.substr(at);
  if (zone != "Z" && zone != "+00:00") return parse_time(text);
  return minute_ns_ + second * kSecond + fraction_ns;
}

std::optional<Nanos> unix_time(std::int64_t number) {
  const auto size = number < 0 ? -static_cast<double>(number) : static_cast<double>(number);
  if (size < 1e11)
    return number < -9'000'000'000 || number > 9'000'000'000 ? std::optional<Nanos>()
                                                             : number * kSecond;
  if (size < 1e14)
    return number < -9'000'000'000'000 || number > 9'000'000'000'000 ? std::optional<Nanos>()
                                                                     : number * kMillisecond;
  if (size < 1e17)
    return number < -9'000'000'000'000'000 || number > 9'000'000'000'000'000
               ? std::optional<Nanos>()
               : number * kMicrosecond;
  return number;
}

std::optional<Nanos> unix_time(double number) {
  if (!std::isfinite(number) || std::fabs(number) >= 9e18) return std::nullopt;
  const double size = std::fabs(number);
  const double unit = size < 1e11 ? 1e9 : size < 1e14 ? 1e6 : size < 1e17 ? 1e3 : 1;
  const double whole = std::trunc(number);
  const auto base = unix_time(static_cast<std::int64_t>(whole));
  if (!base) return std::nullopt;
  return *base + static_cast<Nanos>(std::llround((number - whole) * unit));
}

}  // namespace sightglass::codec
