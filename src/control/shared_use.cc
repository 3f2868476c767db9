#include "control/shared_use.h"

#include <algorithm>
#include <string_view>

#include "base/text.h"

namespace sightglass::control {
namespace {

std::int64_t sum(std::int64_t a, std::int64_t b) {
  std::int64_t out = 0;
  return __builtin_add_overflow(a, b, &out) ? INT64_MAX : out;
}

std::int64_t amount_of(std::string_view word) {
  return std::max<std::int64_t>(parse_int(word).value_or(0), 0);
}

std::string_view next_word(std::string_view& text) {
  const auto word = text.substr(0, text.find(' '));
  text.remove_prefix(std::min(word.size() + 1, text.size()));
  return word;
}

const auto& table(const OtherUses& others, UseTable which) {
  return others[static_cast<std::size_t>(which)];
}

}  // namespace

KnownUse known_use(const OtherUses& others, const std::array<std::int64_t, kPeriods>& periods,
                   Nanos now_ns) {
  KnownUse out;
  const auto now_s = now_ns / kSecond;
  std::int64_t open_nanousd = 0;
  for (const auto& [gateway, text] : table(others, UseTable::kOpen)) {
    std::string_view rest = text;  // "seq heard_ms running tokens nanousd"
    next_word(rest);
    const auto heard_ms = amount_of(next_word(rest));
    const auto running = amount_of(next_word(rest));
    const auto tokens = amount_of(next_word(rest));
    open_nanousd = sum(open_nanousd, amount_of(next_word(rest)));
    if (now_ns / kMillisecond - heard_ms > kLease / kMillisecond) continue;
    out.running = sum(out.running, running);
    out.tokens = sum(out.tokens, tokens);
  }
  for (const auto& [gateway, text] : table(others, UseTable::kRequests)) {
    out.requests = sum(out.requests, MinuteSum::sum_of_text(text, now_s));
  }
  for (const auto& [gateway, text] : table(others, UseTable::kTokens)) {
    out.tokens = sum(out.tokens, MinuteSum::sum_of_text(text, now_s));
  }
  constexpr std::array kMoney{UseTable::kMoneyHour, UseTable::kMoneyDay, UseTable::kMoneyMonth};
  for (std::size_t i = 0; i < kPeriods; ++i) {
    out.nanousd[i] = open_nanousd;
    if (periods[i] != period_of(static_cast<Period>(i), now_ns)) continue;
    for (const auto& [gateway, text] : table(others, kMoney[i])) {
      out.nanousd[i] = sum(out.nanousd[i], amount_of(text));
    }
  }
  return out;
}

}  // namespace sightglass::control
