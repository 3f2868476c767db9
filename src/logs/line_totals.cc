// What lines and events add up to.
#include <charconv>
#include <initializer_list>

#include "logs/json_line.h"

namespace sightglass::logs {
namespace {

// The text behind `,"key":` (or `{"key":`) in one of our lines. Quotes inside values are escaped,
// so this sequence stands nowhere else.
std::string_view value_of(std::string_view line, std::string_view key) {
  std::string needle = "\"";
  needle.append(key).append("\":");
  for (std::size_t at = line.find(needle); at != std::string_view::npos;
       at = line.find(needle, at + 1)) {
    if (at == 0 || (line[at - 1] != ',' && line[at - 1] != '{')) continue;
    const auto from = at + needle.size();
    return line.substr(from, line.find_first_of(",}", from) - from);
  }
  return {};
}

// "2.1" with 7 digits → 21'000'000: back from a decimal without a double.
std::int64_t decimal_of(std::string_view text, int digits) {
  std::int64_t value = 0;
  std::size_t i = 0;
  const bool negative = !text.empty() && text[0] == '-';
  if (negative) ++i;
  int left = -1;  // digits still to come behind the point
  for (; i < text.size(); ++i) {
    if (text[i] == '.' && left < 0) {
      left = digits;
      continue;
    }
    if (text[i] < '0' || text[i] > '9') return 0;
    if (left == 0) continue;
    if (__builtin_mul_overflow(value, 10, &value)) return 0;
    if (__builtin_add_overflow(value, text[i] - '0', &value)) return 0;
    if (left > 0) --left;
  }
  for (left = left < 0 ? digits : left; left > 0; --left) {
    if (__builtin_mul_overflow(value, 10, &value)) return 0;
  }
  return negative ? -value : value;
}

// The first of the names that the line has.
std::int64_t count_of(std::string_view line, std::initializer_list<std::string_view> names) {
  for (const auto name : names) {
    const auto text = value_of(line, name);
    if (!text.empty()) return decimal_of(text, 0);
  }
  return 0;
}

std::int64_t cost_of(std::string_view line) {
  if (const auto text = value_of(line, "costCents"); !text.empty()) return decimal_of(text, 7);
  if (const auto text = value_of(line, "cost"); !text.empty()) return decimal_of(text, 9);
  return count_of(line, {"cost_nanousd"});
}

}  // namespace

journal::Position line_seq(std::string_view line) {
  if (!line.starts_with("{\"") || !line.ends_with("}")) return 0;
  const auto text = value_of(line, "seq");
  journal::Position seq = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), seq);
  return result.ec == std::errc() && result.ptr == text.data() + text.size() ? seq : 0;
}

void add_line_totals(std::string_view line, journal::Totals& totals) {
  if (value_of(line, "outcome").empty() || value_of(line, "ingested") == "true") return;
  ++totals.requests;
  totals.input_tokens += static_cast<std::uint64_t>(
      count_of(line, {"tokensIn", "input_tokens"}) + count_of(line, {"cache_read_tokens"}) +
      count_of(line, {"cache_write_5m_tokens"}) + count_of(line, {"cache_write_1h_tokens"}));
  totals.output_tokens +=
      static_cast<std::uint64_t>(count_of(line, {"tokensOut", "output_tokens"}));
  totals.cost_nanousd += cost_of(line);
  totals.unpriced += value_of(line, "unpriced_reason").empty() ? 0 : 1;
}

EventTotals::EventTotals(const event::Catalogue& catalogue)
    : roles_(catalogue.fields().size(), kNone) {
  const auto give = [&](std::string_view name, Role role) {
    if (const auto id = catalogue.field(name); id < roles_.size()) roles_[id] = role;
  };
  give("outcome", kOutcome);
  for (const auto part :
       {"input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens"}) {
    give(part, kInput);
  }
  give("output_tokens", kOutput);
  give("cost_nanousd", kCost);
  give("unpriced_reason", kUnpriced);
  give("ingested", kIngested);
}

bool EventTotals::add(const event::Event& event, journal::Totals& totals) const {
  journal::Totals more;
  bool ends = false;
  for (const auto& f : event.fields) {
    if (f.field >= roles_.size() || f.value.is_null()) continue;
    switch (roles_[f.field]) {
      case kNone:
        break;
      case kOutcome:
        ends = true;
        break;
      case kInput:
        more.input_tokens += static_cast<std::uint64_t>(f.value.as_int());
        break;
      case kOutput:
        more.output_tokens += static_cast<std::uint64_t>(f.value.as_int());
        break;
      case kCost:
        more.cost_nanousd += f.value.as_int();
        break;
      case kUnpriced:
        more.unpriced = 1;
        break;
      case kIngested:
        if (f.value.as_bool()) return false;
        break;
    }
  }
  if (!ends) return false;
  ++totals.requests;
  totals.input_tokens += more.input_tokens;
  totals.output_tokens += more.output_tokens;
  totals.cost_nanousd += more.cost_nanousd;
  totals.unpriced += more.unpriced;
  return true;
}

}  // namespace sightglass::logs
