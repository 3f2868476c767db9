#include "price/price_book.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "base/random.h"
#include "price/prices_builtin.h"
#include "price/rates.h"

namespace sightglass::price {
namespace {

constexpr Nanos kSummer2026 = 1'785'000'000 * kSecond;  // 2026-07-25

// ---- an oracle that shares nothing with the code: decimal strings and schoolbook arithmetic ----

// A non-negative decimal number: digits, least significant first, and how many are fraction.
struct Decimal {
  std::vector<int> digits;
  int fraction = 0;
};

Decimal decimal(const std::string& text) {
  Decimal out;
  std::string mantissa = text;
  int exponent = 0;
  if (const auto e = text.find_first_of("eE"); e != std::string::npos) {
    mantissa = text.substr(0, e);
    exponent = std::stoi(text.substr(e + 1));
  }
  std::string digits;
  int fraction = 0;
  bool after_point = false;
  for (const char c : mantissa) {
    if (c == '.') {
      after_point = true;
    } else {
      digits += c;
      fraction += after_point ? 1 : 0;
    }
  }
  fraction -= exponent;
  for (; fraction < 0; ++fraction) digits += '0';
  for (auto it = digits.rbegin(); it != digits.rend(); ++it) out.digits.push_back(*it - '0');
  out.fraction = fraction;
  return out;
}

Decimal multiply(const Decimal& a, std::int64_t n) {
  Decimal out = a;
  out.digits.resize(a.digits.size() + 20, 0);
  std::uint64_t carry = 0;
  for (auto& digit : out.digits) {
    const auto v = static_cast<std::uint64_t>(digit) * static_cast<std::uint64_t>(n) + carry;
    digit = static_cast<int>(v % 10);
    carry = v / 10;
  }
  return out;
}

Decimal add(Decimal a, Decimal b) {
  const auto align = [](Decimal& d, int fraction) {
    d.digits.insert(d.digits.begin(), static_cast<std::size_t>(fraction - d.fraction), 0);
    d.fraction = fraction;
  };
  const int fraction = std::max(a.fraction, b.fraction);
  align(a, fraction);
  align(b, fraction);
  a.digits.resize(std::max(a.digits.size(), b.digits.size()) + 1, 0);
  b.digits.resize(a.digits.size(), 0);
  int carry = 0;
  for (std::size_t i = 0; i < a.digits.size(); ++i) {
    const int v = a.digits[i] + b.digits[i] + carry;
    a.digits[i] = v % 10;
    carry = v / 10;
  }
  return a;
}

std::int64_t nanos_half_even(Decimal d) {
  if (d.fraction < 9) {
    d.digits.insert(d.digits.begin(), static_cast<std::size_t>(9 - d.fraction), 0);
    d.fraction = 9;
  }
  const auto cut = static_cast<std::size_t>(d.fraction - 9);
  d.digits.resize(std::max(d.digits.size(), cut + 2), 0);
  bool rest = false;
  for (std::size_t i = 0; i + 1 < cut; ++i) rest = rest || d.digits[i] != 0;
  const int first = cut == 0 ? 0 : d.digits[cut - 1];
  std::int64_t value = 0;
  for (std::size_t i = d.digits.size(); i-- > cut;) value = value * 10 + d.digits[i];
  const bool odd = d.digits[cut] % 2 != 0;
  if (first > 5 || (first == 5 && (rest || odd))) ++value;
  return value;
}

// ---- numbers ------------------------------------------------------------------------------------

TEST(ParseFemtousd, ReadsThePublishedFormsExactly) {
  EXPECT_EQ(parse_femtousd("3.75e-06"), 3'750'000'000);
  EXPECT_EQ(parse_femtousd("2.5e-07"), 250'000'000);
  EXPECT_EQ(parse_femtousd("0.00012"), 120'000'000'000);
  EXPECT_EQ(parse_femtousd("3.625e-09"), 3'625'000);
  EXPECT_EQ(parse_femtousd("9.54e-07"), 954'000'000);
  EXPECT_EQ(parse_femtousd("0"), 0);
  EXPECT_EQ(parse_femtousd("0.0"), 0);
  EXPECT_EQ(parse_femtousd("1E+0"), 1'000'000'000'000'000);
}

TEST(ParseFemtousd, RoundsTheDustOfDoublesAway) {
  EXPECT_EQ(parse_femtousd("3.0000000000000004e-07"), 300'000'000);
  EXPECT_EQ(parse_femtousd("1.2499999999999999e-06"), 1'250'000'000);
}

TEST(ParseFemtousd, RoundsHalfToEven) {
  EXPECT_EQ(parse_femtousd("0.5e-15"), 0);
  EXPECT_EQ(parse_femtousd("1.5e-15"), 2);
  EXPECT_EQ(parse_femtousd("2.5e-15"), 2);
  EXPECT_EQ(parse_femtousd("2.50000000000000000000000000000000000001e-15"), 3);
}

TEST(ParseFemtousd, RefusesWhatIsNoPrice) {
  for (const auto* text : {"", "-1e-6", "1e", "01", "1.", ".5", "nan", "\"3e-6\"", "1e99", "1001",
                           "true", "1e-6x", "1e--6", "1e-99999"}) {
    EXPECT_EQ(parse_femtousd(text), std::nullopt) << text;
  }
}

// Every number that stands in our list, against the oracle: ten million tokens of it.
TEST(ParseFemtousd, AgreesWithSchoolbookArithmeticOnEveryPriceOfTheBuiltInList) {
  const std::string text(kPricesBuiltinJson);
  std::size_t seen = 0;
  for (std::size_t at = text.find("_cost"); at != std::string::npos; at = text.find("_cost", at)) {
    const auto colon = text.find(": ", at);
    const auto end = text.find_first_of(",\n }", colon + 2);
    const auto number = text.substr(colon + 2, end - colon - 2);
    const auto femtousd = parse_femtousd(number);
    ASSERT_TRUE(femtousd) << number;
    EXPECT_EQ(round_to_nanousd(static_cast<Int128>(*femtousd) * 10'000'001),
              nanos_half_even(multiply(decimal(number), 10'000'001)))
        << number;
    ++seen;
    at = end;
  }
  EXPECT_GT(seen, 700u);
}

TEST(RoundToNanousd, RoundsOnceHalfToEven) {
  EXPECT_EQ(round_to_nanousd(500'000), 0);
  EXPECT_EQ(round_to_nanousd(1'500'000), 2);
  EXPECT_EQ(round_to_nanousd(2'500'000), 2);
  EXPECT_EQ(round_to_nanousd(2'500'001), 3);
  EXPECT_EQ(round_to_nanousd(static_cast<Int128>(1'000'000) * 9'223'372'036'854'775'807),
            9'223'372'036'854'775'807);
  EXPECT_EQ(round_to_nanousd(static_cast<Int128>(1'000'001) * 9'223'372'036'854'775'807),
            std::nullopt);
}

// ---- names of fields ----------------------------------------------------------------------------

TEST(PriceField, TakesContextAndTierOffInEitherOrderOfTheSchema) {
  const auto both = price_field("input_cost_per_token_above_200k_tokens_priority");
  ASSERT_TRUE(both);
  EXPECT_EQ(both->part, Part::kInput);
  EXPECT_EQ(both->tier, ServiceTier::kPriority);
  EXPECT_EQ(both->above_tokens, 200'000);

  const auto hour = price_field("cache_creation_input_token_cost_above_1hr_above_200k_tokens");
  ASSERT_TRUE(hour);
  EXPECT_EQ(hour->part, Part::kCacheWrite1h);
  EXPECT_EQ(hour->above_tokens, 200'000);

  EXPECT_EQ(price_field("input_cost_per_image"), std::nullopt);
  EXPECT_EQ(price_field("input_cost_per_token_above_k_tokens"), std::nullopt);
  EXPECT_EQ(price_field("input_cost_per_token_above_0k_tokens"), std::nullopt);
  EXPECT_EQ(price_field("max_tokens"), std::nullopt);
}

// ---- the book -----------------------------------------------------------------------------------

// An excerpt in the published file's own layout.
constexpr std::string_view kExcerpt = R"({
  "sample_spec": {"input_cost_per_token": "a description", "mode": "one of chat, embedding"},
  "claude-sonnet-4-5": {
    "cache_creation_input_token_cost": 3.75e-06,
    "cache_creation_input_token_cost_above_1hr": 6e-06,
    "cache_creation_input_token_cost_above_1hr_above_200k_tokens": 1.2e-05,
    "cache_creation_input_token_cost_above_200k_tokens": 7.5e-06,
    "cache_read_input_token_cost": 3e-07,
    "cache_read_input_token_cost_above_200k_tokens": 6e-07,
    "input_cost_per_token": 3e-06,
    "input_cost_per_token_above_200k_tokens": 6e-06,
    "litellm_provider": "anthropic",
    "max_output_tokens": 64000,
    "output_cost_per_token": 1.5e-05,
    "output_cost_per_token_above_200k_tokens": 2.25e-05,
    "search_context_cost_per_query": {"search_context_size_high": 0.01},
    "supports_vision": true
  },
  "gpt-5.4": {
    "cache_read_input_token_cost": 2.5e-07,
    "cache_read_input_token_cost_above_272k_tokens": 5e-07,
    "cache_read_input_token_cost_flex": 1.3e-07,
    "input_cost_per_token": 2.5e-06,
    "input_cost_per_token_above_272k_tokens": 5e-06,
    "input_cost_per_token_batches": 1.25e-06,
    "input_cost_per_token_flex": 1.25e-06,
    "output_cost_per_token": 1.5e-05,
    "output_cost_per_token_above_272k_tokens": 2.25e-05,
    "output_cost_per_token_batches": 7.5e-06,
    "output_cost_per_token_flex": 7.5e-06
  },
  "thinker": {"input_cost_per_token": 1e-06, "output_cost_per_token": 4e-06,
              "output_cost_per_reasoning_token": 9e-06},
  "speaker": {"input_cost_per_token": 1e-06, "output_cost_per_token": 4e-06,
              "input_cost_per_audio_token": 3e-05},
  "azure/gpt-5.4": {"input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06},
  "painter": {"input_cost_per_image": 0.02, "mode": "image_generation"},
  "embedder": {"input_cost_per_token": 2e-08, "aliases": ["embedder-v1"]},
  "repriced": {"input_cost_per_token": 2e-06, "output_cost_per_token": null,
               "valid_from": "2026-07-01", "valid_until": "2026-08-31",
               "history": [{"input_cost_per_token": 5e-06, "valid_from": "2026-01-01"},
                           {"input_cost_per_token": 4e-06, "valid_from": "2026-03-01"}]}
})";

std::shared_ptr<const PriceBook> excerpt() {
  auto book = PriceBook::parse(kExcerpt, "excerpt");
  EXPECT_TRUE(book) << book.error().message;
  return *book;
}

Cost cost(std::string_view model, const Usage& usage, std::string_view provider = "",
          Nanos at_ns = kSummer2026) {
  return excerpt()->price(provider, model, usage, at_ns);
}

TEST(PriceBook, ChargesTheFiveDisjointPartsEachAtItsOwnPrice) {
  const Usage usage{.input = 1000,
                    .cache_read = 2000,
                    .cache_write_5m = 300,
                    .cache_write_1h = 40,
                    .output = 500};
  // 1000·3000 + 2000·300 + 300·3750 + 40·6000 + 500·15000 nano-dollars
  const auto result = cost("claude-sonnet-4-5", usage);
  EXPECT_EQ(result.unpriced, Unpriced::kPriced);
  EXPECT_EQ(result.nanousd, 3'000'000 + 600'000 + 1'125'000 + 240'000 + 7'500'000);
}

TEST(PriceBook, TakesTheContextTierFromTheWholeInputCachedPartsIncluded) {
  const Usage at{.input = 1, .cache_read = 199'999, .output = 1};
  const Usage above{.input = 1, .cache_read = 199'999, .cache_write_5m = 1, .output = 1};
  EXPECT_EQ(cost("claude-sonnet-4-5", at).nanousd, 3'000 + 199'999 * 300 + 15'000);
  EXPECT_EQ(cost("claude-sonnet-4-5", above).nanousd, 6'000 + 199'999 * 600 + 7'500 + 22'500);
}

TEST(PriceBook, TakesTheServiceTierAndFallsBackInTheStatedOrder) {
  const auto flex = [](std::int64_t input) {
    return Usage{.input = input, .cache_read = 10, .output = 1, .service_tier = "flex"};
  };
  EXPECT_EQ(cost("gpt-5.4", flex(1)).nanousd, 1'250 + 1'300 + 7'500);
  // Above the context tier only standard prices are listed: context before service.
  EXPECT_EQ(cost("gpt-5.4", flex(300'000)).nanousd, 300'000LL * 5'000 + 5'000 + 22'500);
  // A batch lists no cache price of its own: the base one.
  EXPECT_EQ(cost("gpt-5.4", {.cache_read = 10, .service_tier = "batch"}).nanousd, 2'500);
  EXPECT_EQ(cost("gpt-5.4", {.input = 1, .service_tier = "default"}).nanousd, 2'500);
}

TEST(PriceBook, SaysWhenAServiceTierIsNotListed) {
  EXPECT_EQ(cost("gpt-5.4", {.input = 1, .service_tier = "priority"}).unpriced, Unpriced::kNoTier);
  EXPECT_EQ(cost("gpt-5.4", {.input = 1, .service_tier = "scale"}).unpriced, Unpriced::kNoTier);
}

TEST(PriceBook, NeverPricesWhatItDoesNotKnow) {
  EXPECT_EQ(cost("gpt-99", {.input = 1}).unpriced, Unpriced::kNoPrice);
  EXPECT_EQ(cost("painter", {.input = 1}).unpriced, Unpriced::kNoPrice);
  // A part that was used and is not listed leaves the whole unknown.
  EXPECT_EQ(cost("thinker", {.input = 1, .cache_read = 1}).unpriced, Unpriced::kNoPrice);
  EXPECT_EQ(cost("embedder", {.input = 50}).nanousd, 1'000);
  EXPECT_EQ(cost("embedder", {.input = 50, .output = 1}).unpriced, Unpriced::kNoPrice);
}

TEST(PriceBook, ChargesReasoningAsOutputUnlessListedApart) {
  const Usage usage{.output = 100, .reasoning = 60};
  EXPECT_EQ(cost("claude-sonnet-4-5", usage).nanousd, 100 * 15'000);
  EXPECT_EQ(cost("thinker", usage).nanousd, 40 * 4'000 + 60 * 9'000);
}

TEST(PriceBook, ChargesAudioOnlyAtAnAudioPrice) {
  EXPECT_EQ(cost("speaker", {.input = 10, .input_audio = 4}).nanousd, 6 * 1'000 + 4 * 30'000);
  EXPECT_EQ(cost("thinker", {.input = 10, .input_audio = 4}).unpriced, Unpriced::kNoPrice);
}

TEST(PriceBook, PrefersTheProvidersOwnEntry) {
  EXPECT_EQ(cost("gpt-5.4", {.input = 1}, "azure").nanousd, 1'000);
  EXPECT_EQ(cost("gpt-5.4", {.input = 1}, "openai").nanousd, 2'500);
}

TEST(PriceBook, FindsAliases) { EXPECT_EQ(cost("embedder-v1", {.input = 50}).nanousd, 1'000); }

TEST(PriceBook, PricesEachDayAtThatDaysPrice) {
  const auto on = [](std::int64_t unix_s) {
    return cost("repriced", {.input = 1000}, "", unix_s * kSecond);
  };
  EXPECT_EQ(on(1'767'225'599).unpriced, Unpriced::kNoPrice);  // 2025-12-31T23:59:59
  EXPECT_EQ(on(1'767'225'600).nanousd, 5'000'000);            // 2026-01-01
  EXPECT_EQ(on(1'772'323'200).nanousd, 4'000'000);            // 2026-03-01
  EXPECT_EQ(on(1'782'864'000).nanousd, 2'000'000);            // 2026-07-01
  EXPECT_EQ(on(1'788'220'799).nanousd, 2'000'000);            // 2026-08-31T23:59:59
  EXPECT_EQ(on(1'788'220'800).nanousd, 4'000'000);            // no end was said for the older one
}

TEST(PriceBook, OverridesWin) {
  const auto book =
      PriceBook::parse(kExcerpt, "v", R"({"gpt-5.4": {"input_cost_per_token": 1e-09}})");
  ASSERT_TRUE(book);
  EXPECT_EQ((*book)->price("", "gpt-5.4", {.input = 3}, 0).nanousd, 3);
  EXPECT_TRUE((*book)->knows("thinker"));
  EXPECT_EQ((*book)->version().substr(0, 2), "v+");
}

TEST(PriceBook, NamesModelAndFieldOfWhatIsWrong) {
  const auto error = [](std::string_view text) {
    const auto book = PriceBook::parse(text, "v");
    return book ? std::string("parsed") : book.error().message;
  };
  EXPECT_EQ(error(R"({"m": {"input_cost_per_token": "free"}})"),
            "model \"m\": field \"input_cost_per_token\" is not a price in dollars per token");
  EXPECT_EQ(error(R"({"m": {"input_cost_per_token": -1}})"),
            "model \"m\": field \"input_cost_per_token\" is not a price in dollars per token");
  EXPECT_EQ(error(R"({"m": {"valid_from": "2026-02-30"}})"),
            "model \"m\": field \"valid_from\" is not a date (YYYY-MM-DD)");
  EXPECT_EQ(error(R"({"m": {"history": 3}})"),
            "model \"m\": field \"history\" is not a list of objects");
  EXPECT_EQ(error(R"({"m": {"aliases": [3]}})"),
            "model \"m\": field \"aliases\" is not a list of names");
  EXPECT_EQ(error("{\"m\": {}} {"), "the price list is not valid JSON");
  EXPECT_EQ(error("[]"), "a price list is one JSON object with one member per model");
}

TEST(PriceBook, NamesItsVersionAfterTheFileWhenNotTold) {
  EXPECT_EQ((*PriceBook::parse(R"({"as_of": "2026-01-02"})", ""))->version(), "2026-01-02");
  EXPECT_EQ((*PriceBook::parse("{}", ""))->version().size(), 16u);
}

TEST(PriceBook, BuiltInListCoversTheMainProviders) {
  const auto book = PriceBook::built_in();
  EXPECT_EQ(book->version(), "2026-07-24");
  for (const auto* model :
       {"gpt-4o", "gpt-4o-mini", "gpt-5.4", "o3", "claude-sonnet-4-5", "claude-opus-5",
        "claude-haiku-4-5", "gemini-2.5-pro", "gemini-2.5-flash", "deepseek-chat", "grok-4.5",
        "mistral-large-2411", "command-a-03-2025", "text-embedding-3-small"}) {
    EXPECT_TRUE(book->knows(model)) << model;
    EXPECT_EQ(book->price("", model, {.input = 1000}, kSummer2026).unpriced, Unpriced::kPriced)
        << model;
  }
  EXPECT_EQ(book->max_output_tokens("claude-sonnet-4-5"), 64'000);
  EXPECT_GT(book->models().size(), 180u);
  // The promised end of a promotional price is the end of our knowledge of it.
  EXPECT_EQ(book->price("", "claude-sonnet-5", {.input = 1}, kSummer2026).nanousd, 2'000);
  EXPECT_EQ(book->price("", "claude-sonnet-5", {.input = 1}, 1'790'000'000 * kSecond).unpriced,
            Unpriced::kNoPrice);
}

// Random usages of a model with prices of every kind, against the oracle.
TEST(PriceBook, AgreesWithSchoolbookArithmeticOnRandomUsages) {
  const auto book = excerpt();
  SeededRandom random(7);
  for (int i = 0; i < 20'000; ++i) {
    const auto tokens = [&] {
      return static_cast<std::int64_t>(random.below(1ull << random.below(19)));
    };
    const Usage u{.input = tokens(),
                  .cache_read = tokens(),
                  .cache_write_5m = tokens(),
                  .cache_write_1h = tokens(),
                  .output = tokens()};
    const bool above = u.input + u.cache_read + u.cache_write_5m + u.cache_write_1h > 200'000;
    const char* prices[2][5] = {{"3e-06", "3e-07", "3.75e-06", "6e-06", "1.5e-05"},
                                {"6e-06", "6e-07", "7.5e-06", "1.2e-05", "2.25e-05"}};
    const auto& p = prices[above ? 1 : 0];
    Decimal sum = multiply(decimal(p[0]), u.input);
    sum = add(sum, multiply(decimal(p[1]), u.cache_read));
    sum = add(sum, multiply(decimal(p[2]), u.cache_write_5m));
    sum = add(sum, multiply(decimal(p[3]), u.cache_write_1h));
    sum = add(sum, multiply(decimal(p[4]), u.output));
    ASSERT_EQ(book->price("anthropic", "claude-sonnet-4-5", u, 0).nanousd, nanos_half_even(sum));
  }
}

TEST(PriceBook, NegativeCountsCostNothing) {
  EXPECT_EQ(cost("gpt-5.4", {.input = -5, .output = 2}).nanousd, 30'000);
}

}  // namespace
}  // namespace sightglass::price
