#include "price/rates.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

namespace sightglass::price {
namespace {

constexpr std::int64_t kFemtosPerNano = 1'000'000;
constexpr std::int64_t kMaxFemtousd = 1'000'000'000'000'000'000;  // 1,000 dollars

// Half to even; `dividend` is not negative, `divisor` is positive.
Int128 divide_half_even(Int128 dividend, Int128 divisor) {
  const Int128 quotient = dividend / divisor;
  const Int128 twice = (dividend % divisor) * 2;
  const bool up = twice > divisor || (twice == divisor && quotient % 2 != 0);
  return quotient + (up ? 1 : 0);
}

bool strip_suffix(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.remove_suffix(suffix.size());
  return true;
}

// Takes "_above_200k_tokens" off the end; 0 when there is none, nullopt when it is malformed.
std::optional<std::int64_t> strip_context(std::string_view& name) {
  std::string_view rest = name;
  if (!strip_suffix(rest, "k_tokens")) return 0;
  constexpr std::string_view kAbove = "_above_";
  const auto at = rest.rfind(kAbove);
  if (at == std::string_view::npos) return 0;
  const auto digits = rest.substr(at + kAbove.size());
  std::int64_t thousands = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), thousands);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  if (thousands <= 0 || thousands > 1'000'000'000) return std::nullopt;
  name = rest.substr(0, at);
  return thousands * 1000;
}

struct Digits {
  Int128 value = 0;   // at most 30 significant digits
  int exponent = 0;   // of ten
  bool dust = false;  // digits past the thirtieth that were not all zero
};

// The JSON grammar of RFC 8259 section 6, without the minus sign.
std::optional<Digits> parse_number(std::string_view text) {
  Digits out;
  std::size_t i = 0;
  int significant = 0;
  const auto digit = [&] { return i < text.size() && text[i] >= '0' && text[i] <= '9'; };
  const auto take = [&](bool fraction) {
    const std::size_t begin = i;
    for (; digit(); ++i) {
      const int d = text[i] - '0';
      if (significant < 30) {
        out.value = out.value * 10 + d;
        if (out.value != 0) ++significant;
        if (fraction) --out.exponent;
      } else {
        out.dust = out.dust || d != 0;
        if (!fraction) ++out.exponent;
      }
    }
    return i != begin;
  };
  if (!take(false)) return std::nullopt;
  if (text[0] == '0' && i > 1) return std::nullopt;
  if (i < text.size() && text[i] == '.') {
    ++i;
    if (!take(true)) return std::nullopt;
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    const bool negative = i < text.size() && text[i] == '-';
    if (i < text.size() && (text[i] == '-' || text[i] == '+')) ++i;
    int exponent = 0;
    const auto [end, error] = std::from_chars(text.data() + i, text.data() + text.size(), exponent);
    if (error != std::errc{} || exponent < 0 || exponent > 10'000) return std::nullopt;
    i = static_cast<std::size_t>(end - text.data());
    out.exponent += negative ? -exponent : exponent;
  }
  if (i != text.size()) return std::nullopt;
  return out;
}

}  // namespace

std::optional<ServiceTier> service_tier(std::string_view name) {
  static constexpr std::pair<std::string_view, ServiceTier> kNames[] = {
      {"", ServiceTier::kStandard},          {"default", ServiceTier::kStandard},
      {"auto", ServiceTier::kStandard},      {"standard", ServiceTier::kStandard},
      {"on_demand", ServiceTier::kStandard}, {"batch", ServiceTier::kBatch},
      {"flex", ServiceTier::kFlex},          {"priority", ServiceTier::kPriority},
      {"ultrafast", ServiceTier::kUltrafast}};
  for (const auto& [known, tier] : kNames) {
    if (known == name) return tier;
  }
  return std::nullopt;
}

std::optional<PriceField> price_field(std::string_view name) {
  static constexpr std::pair<std::string_view, ServiceTier> kTiers[] = {
      {"_batches", ServiceTier::kBatch},
      {"_flex", ServiceTier::kFlex},
      {"_priority", ServiceTier::kPriority},
      {"_ultrafast", ServiceTier::kUltrafast}};
  static constexpr std::pair<std::string_view, Part> kNames[] = {
      {"input_cost_per_token", Part::kInput},
      {"output_cost_per_token", Part::kOutput},
      {"cache_read_input_token_cost", Part::kCacheRead},
      {"input_cost_per_token_cache_hit", Part::kCacheRead},
      {"cache_creation_input_token_cost", Part::kCacheWrite5m},
      {"cache_creation_input_token_cost_above_1hr", Part::kCacheWrite1h},
      {"output_cost_per_reasoning_token", Part::kReasoning},
      {"input_cost_per_audio_token", Part::kInputAudio},
      {"output_cost_per_audio_token", Part::kOutputAudio}};
  PriceField out;
  for (const auto& [suffix, tier] : kTiers) {
    if (strip_suffix(name, suffix)) {
      out.tier = tier;
      break;
    }
  }
  const auto above = strip_context(name);
  if (!above) return std::nullopt;
  out.above_tokens = *above;
  for (const auto& [known, part] : kNames) {
    if (known == name) {
      out.part = part;
      return out;
    }
  }
  return std::nullopt;
}

std::optional<std::int64_t> parse_femtousd(std::string_view number) {
  const auto digits = parse_number(number);
  if (!digits) return std::nullopt;
  if (digits->value == 0) return 0;
  const int shift = digits->exponent + 15;
  Int128 femtousd = digits->value;
  if (shift >= 0) {
    for (int i = 0; i < shift; ++i) {
      femtousd *= 10;
      if (femtousd > kMaxFemtousd) return std::nullopt;
    }
  } else if (shift < -36) {
    femtousd = 0;  // below 1e-21 dollars
  } else {
    Int128 divisor = 1;
    for (int i = 0; i < -shift; ++i) divisor *= 10;
    // Dust past thirty digits can matter only on an exact half: lift the value off it.
    if (digits->dust && divisor > 1 && (femtousd % divisor) * 2 == divisor) femtousd += 1;
    femtousd = divide_half_even(femtousd, divisor);
  }
  if (femtousd > kMaxFemtousd) return std::nullopt;
  return static_cast<std::int64_t>(femtousd);
}

std::optional<std::int64_t> round_to_nanousd(Int128 femtousd) {
  const Int128 nanousd = divide_half_even(femtousd, kFemtosPerNano);
  if (nanousd > std::numeric_limits<std::int64_t>::max()) return std::nullopt;
  return static_cast<std::int64_t>(nanousd);
}

std::int64_t Rates::find(Part part, ServiceTier tier, std::int64_t above_tokens) const {
  std::int64_t found = kUnlisted;  // the last one wins, as with any duplicate key
  for (const auto& entry : listed_) {
    if (entry.field.part == part && entry.field.tier == tier &&
        entry.field.above_tokens == above_tokens) {
      found = entry.femtousd;
    }
  }
  return found;
}

bool Rates::lists(ServiceTier tier) const {
  return std::any_of(listed_.begin(), listed_.end(),
                     [&](const Listed& entry) { return entry.field.tier == tier; });
}

void Rates::resolve() {
  std::vector<std::int64_t> thresholds{0};
  for (const auto& entry : listed_) thresholds.push_back(entry.field.above_tokens);
  std::sort(thresholds.begin(), thresholds.end());
  thresholds.erase(std::unique(thresholds.begin(), thresholds.end()), thresholds.end());

  for (std::size_t t = 0; t < kServiceTiers; ++t) {
    const auto tier = static_cast<ServiceTier>(t);
    steps_[t].clear();
    if (!lists(tier)) continue;
    for (const auto above : thresholds) {
      Step step{above, {}};
      for (std::size_t p = 0; p < kParts; ++p) {
        const auto part = static_cast<Part>(p);
        auto rate = find(part, tier, above);
        if (rate == kUnlisted) rate = find(part, ServiceTier::kStandard, above);
        if (rate == kUnlisted && !steps_[t].empty()) rate = steps_[t].back().femtousd[p];
        step.femtousd[p] = rate;
      }
      steps_[t].push_back(step);
    }
  }
}

Cost Rates::price(ServiceTier tier, const Usage& usage) const {
  const auto& steps = steps_[static_cast<std::size_t>(tier)];
  if (steps.empty()) {
    return {0, tier == ServiceTier::kStandard ? Unpriced::kNoPrice : Unpriced::kNoTier};
  }
  const auto count = [](std::int64_t n) { return std::max<std::int64_t>(n, 0); };
  const auto input = count(usage.input);
  const auto output = count(usage.output);
  const auto whole_input = static_cast<Int128>(input) + count(usage.cache_read) +
                           count(usage.cache_write_5m) + count(usage.cache_write_1h);
  const Step* step = &steps.front();
  for (const auto& candidate : steps) {
    if (whole_input > candidate.above_tokens) step = &candidate;
  }

  Int128 femtousd = 0;
  bool known = true;
  const auto charge = [&](Part part, std::int64_t tokens) {
    const auto rate = step->femtousd[static_cast<std::size_t>(part)];
    if (tokens == 0) return;
    if (rate == kUnlisted) known = false;
    femtousd += static_cast<Int128>(rate) * tokens;
  };
  const auto lists_part = [&](Part part) {
    return step->femtousd[static_cast<std::size_t>(part)] != kUnlisted;
  };
  const auto input_audio = std::min(count(usage.input_audio), input);
  const auto output_audio = std::min(count(usage.output_audio), output);
  // Reasoning costs what output costs unless the list says otherwise.
  const auto reasoning =
      lists_part(Part::kReasoning) ? std::min(count(usage.reasoning), output - output_audio) : 0;
  charge(Part::kInput, input - input_audio);
  charge(Part::kInputAudio, input_audio);
  charge(Part::kCacheRead, count(usage.cache_read));
  charge(Part::kCacheWrite5m, count(usage.cache_write_5m));
  charge(Part::kCacheWrite1h, count(usage.cache_write_1h));
  charge(Part::kOutput, output - output_audio - reasoning);
  charge(Part::kOutputAudio, output_audio);
  charge(Part::kReasoning, reasoning);
  if (!known) return {0, Unpriced::kNoPrice};
  const auto nanousd = round_to_nanousd(femtousd);
  if (!nanousd) return {0, Unpriced::kNoPrice};
  return {*nanousd, Unpriced::kPriced};
}

}  // namespace sightglass::price
