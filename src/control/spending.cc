#include "control/spending.h"

#include <algorithm>
#include <chrono>

#include "base/json_writer.h"
#include "base/text.h"

namespace sightglass::control {
namespace {

constexpr Nanos kHourNs = 3'600 * kSecond;
constexpr Nanos kDayNs = 24 * kHourNs;
constexpr std::int64_t kMonths = 12;

std::int64_t floor_divide(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

std::int64_t saturating_add(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

}  // namespace

std::int64_t period_of(Period period, Nanos wall_ns) {
  if (period == Period::kHour) return floor_divide(wall_ns, kHourNs);
  const auto day = floor_divide(wall_ns, kDayNs);
  if (period == Period::kDay) return day;
  const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{day}}};
  return static_cast<int>(date.year()) * kMonths + static_cast<unsigned>(date.month()) - 1;
}

Nanos period_end(Period period, std::int64_t id) {
  if (period == Period::kHour) return (id + 1) * kHourNs;
  if (period == Period::kDay) return (id + 1) * kDayNs;
  const auto next = id + 1;
  const auto year = floor_divide(next, kMonths);
  const std::chrono::sys_days first{
      std::chrono::year{static_cast<int>(year)} /
      std::chrono::month{static_cast<unsigned>(next - year * kMonths + 1)} / 1};
  return first.time_since_epoch().count() * kDayNs;
}

void MoneySpent::add(std::int64_t nanousd, Nanos wall_ns) {
  for (std::size_t i = 0; i < kPeriods; ++i) {
    auto& window = windows_[i];
    const auto id = period_of(static_cast<Period>(i), wall_ns);
    if (id < window.id) continue;
    if (id > window.id) window = {id, 0};
    window.nanousd = saturating_add(window.nanousd, nanousd);
  }
}

std::int64_t MoneySpent::in(Period period, Nanos wall_ns) const {
  const auto& window = windows_[static_cast<std::size_t>(period)];
  // A clock that stepped back still sees what was spent in the later period.
  return window.id >= period_of(period, wall_ns) ? window.nanousd : 0;
}

void MoneySpent::save(ByteWriter& out) const {
  for (const auto& window : windows_) {
    out.zigzag(window.id);
    out.zigzag(window.nanousd);
  }
}

void MoneySpent::load(ByteReader& in) {
  for (auto& window : windows_) {
    window.id = in.zigzag();
    window.nanousd = in.zigzag();
    if (window.nanousd < 0) in.invalidate();
  }
}

void MinuteSum::add(std::int64_t amount, std::int64_t second) {
  if (second < 0) return;
  auto& slot = slots_[static_cast<std::size_t>(second % kSeconds)];
  if (second < slot.second) return;  // a minute and more ago
  if (second > slot.second) slot = {second, 0};
  slot.amount = saturating_add(slot.amount, amount);
}

std::int64_t MinuteSum::sum(std::int64_t now_s) const {
  std::int64_t out = 0;
  for (const auto& slot : slots_) {
    if (slot.second > now_s - kSeconds) out = saturating_add(out, slot.amount);
  }
  return out;
}

std::int64_t MinuteSum::seconds_until_free(std::int64_t amount, std::int64_t now_s) const {
  auto slots = slots_;
  std::sort(slots.begin(), slots.end(),
            [](const Slot& a, const Slot& b) { return a.second < b.second; });
  std::int64_t freed = 0;
  std::int64_t wait = 1;
  for (const auto& slot : slots) {
    if (slot.second <= now_s - kSeconds || slot.amount == 0) continue;
    freed = saturating_add(freed, slot.amount);
    wait = std::max<std::int64_t>(slot.second + kSeconds - now_s, 1);
    if (freed >= amount) break;
  }
  return wait;
}

void MinuteSum::shift(std::int64_t seconds) {
  MinuteSum moved;
  for (const auto& slot : slots_) {
    if (slot.amount != 0) moved.add(slot.amount, slot.second + seconds);
  }
  *this = moved;
}

void MinuteSum::append_text(std::string& out, std::int64_t now_s) const {
  for (const auto& slot : slots_) {
    if (slot.second <= now_s - kSeconds || slot.amount == 0) continue;
    if (!out.empty()) out += ' ';
    append_int(out, slot.second);
    out += '=';
    append_int(out, slot.amount);
  }
}

std::int64_t MinuteSum::sum_of_text(std::string_view text, std::int64_t now_s) {
  std::int64_t sum = 0;
  while (!text.empty()) {
    const auto pair = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(pair.size() + 1, text.size()));
    const auto equals = pair.find('=');
    if (equals == std::string_view::npos) continue;
    const auto second = parse_int(pair.substr(0, equals));
    const auto amount = parse_int(pair.substr(equals + 1));
    if (!second || !amount || *amount < 0 || *second <= now_s - kSeconds) continue;
    sum = saturating_add(sum, *amount);
  }
  return sum;
}

void MinuteSum::save(ByteWriter& out) const {
  for (const auto& slot : slots_) {
    out.zigzag(slot.second);
    out.zigzag(slot.amount);
  }
}

void MinuteSum::load(ByteReader& in) {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    auto& slot = slots_[i];
    slot.second = in.zigzag();
    slot.amount = in.zigzag();
    const bool empty = slot.second == -1 && slot.amount == 0;
    const bool placed = slot.second >= 0 && slot.amount >= 0 &&
                        slot.second % kSeconds == static_cast<std::int64_t>(i);
    if (!empty && !placed) in.invalidate();
  }
}

}  // namespace sightglass::control
