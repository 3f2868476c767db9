#include "redis/script.h"

#include <algorithm>

#include "base/text.h"
#include "control/limiter.h"

namespace sightglass::redis {
namespace {

constexpr std::size_t kFixedItems = 4;  // "ok", seconds, microseconds, decisions; then the tables

// Numbers of a decision: limit, what remains, seconds to wait.
std::optional<control::UseAnswer::Decision> decision_of(std::string_view text) {
  control::UseAnswer::Decision out;
  std::int64_t* parts[] = {&out.limit, &out.remaining, &out.wait_s};
  std::size_t i = 0;
  while (!text.empty()) {
    const auto word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    const auto number = parse_int(word);
    if (!number || i == std::size(parts)) return std::nullopt;
    *parts[i++] = *number;
  }
  if (i == 0 || out.limit < 0 || out.limit > 6) return std::nullopt;
  return out;
}

}  // namespace

Admission::Admission(std::string_view script, std::string_view prefix, std::string_view gateway,
                     std::string_view client_id, const control::UseQuestion& question) {
  const auto number = [this](std::int64_t n) { add(std::to_string(n)); };
  add("EVALSHA");
  add(std::string(script));
  add("1");
  add(std::string(prefix).append("limits:{").append(client_id).append("}"));
  add(std::string(gateway));
  add(std::to_string(question.seq));
  number(question.running);
  number(question.open_tokens);
  number(question.open_nanousd);
  const auto& limits = question.limits;
  number(limits.parallel_requests);
  number(limits.requests_per_minute);
  number(limits.tokens_per_minute);
  number(limits.nanousd_per_hour);
  number(limits.nanousd_per_day);
  number(limits.nanousd_per_month);
  add(question.requests);
  add(question.tokens);
  for (std::size_t i = 0; i < control::kPeriods; ++i) {
    number(question.period[i]);
    number(question.nanousd[i]);
  }
  number(question.requests_sum);
  number(question.tokens_sum);
  number(static_cast<std::int64_t>(question.waiting.size()));
  for (const auto& one : question.waiting) {
    number(one.estimate->tokens);
    number(one.estimate->nanousd);
    number(one.estimate->free ? 1 : 0);
  }
  for (std::size_t table = 0; table < control::kUseTables; ++table) {
    for (const auto& [other, word] : question.restore[table]) {
      number(static_cast<std::int64_t>(table) + 1);
      add(other);
      add(word);
    }
  }
  words_.assign(owned_.begin(), owned_.end());
}

std::optional<control::UseAnswer> read_answer(const Reply& reply, std::size_t waiting) {
  control::UseAnswer out;
  const auto& items = reply.items;
  if (items.size() == 2 && items[0].is_text("stale")) {
    const auto seq = parse_int(items[1].text);
    if (!seq || *seq < 0) return std::nullopt;
    out.stale = true;
    out.seq = static_cast<std::uint64_t>(*seq);
    return out;
  }
  if (items.size() != kFixedItems + control::kUseTables || !items[0].is_text("ok") ||
      items[3].items.size() != waiting) {
    return std::nullopt;
  }
  const auto seconds = parse_int(items[1].text);
  const auto micros = parse_int(items[2].text);
  constexpr std::int64_t kMostSeconds = 5'000'000'000;  // the year 2128
  if (!seconds || !micros || *seconds < 0 || *seconds > kMostSeconds || *micros < 0 ||
      *micros > 999'999) {
    return std::nullopt;
  }
  out.now_ns = *seconds * kSecond + *micros * kMicrosecond;
  for (const auto& item : items[3].items) {
    const auto decision = decision_of(item.text);
    if (!decision) return std::nullopt;
    out.decisions.push_back(*decision);
  }
  for (std::size_t table = 0; table < control::kUseTables; ++table) {
    const auto& list = items[kFixedItems + table].items;
    if (list.size() % 2 != 0) return std::nullopt;
    for (std::size_t i = 0; i < list.size(); i += 2) {
      out.others[table].emplace_back(list[i].text, list[i + 1].text);
    }
  }
  return out;
}

}  // namespace sightglass::redis
