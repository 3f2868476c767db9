#include "price/price_book.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <unordered_map>
#include <utility>

#include "base/sha256.h"
#include "base/text.h"
#include "price/prices_builtin.h"
#include "price/rates.h"

namespace sightglass::price {
namespace {

namespace json = simdjson::ondemand;

constexpr std::size_t kMaxFileBytes = 64u << 20;
constexpr std::size_t kMaxModels = 100'000;
constexpr Nanos kDay = 86'400 * kSecond;
constexpr Nanos kEver = std::numeric_limits<Nanos>::max();

// One object's rates and the days on which they hold.
struct Period {
  Nanos from_ns = std::numeric_limits<Nanos>::min();
  Nanos until_ns = kEver;  // exclusive
  Rates rates;
};

struct Model {
  std::vector<Period> periods;  // the current one first, then its history as listed
  std::optional<std::int64_t> max_output_tokens;

  const Period* at(Nanos at_ns) const {
    const Period* best = nullptr;
    for (const auto& period : periods) {
      if (period.from_ns > at_ns || period.until_ns <= at_ns) continue;
      if (best == nullptr || period.from_ns > best->from_ns) best = &period;
    }
    return best;
  }
};

struct Hash {
  using is_transparent = void;
  std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
};
using Models = std::unordered_map<std::string, std::shared_ptr<const Model>, Hash, std::equal_to<>>;

// "2026-07-24" to its midnight in UTC. Days from civil: the proleptic Gregorian calendar.
std::optional<Nanos> parse_day(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const auto y = parse_int(text.substr(0, 4));
  const auto m = parse_int(text.substr(5, 2));
  const auto d = parse_int(text.substr(8, 2));
  if (!y || !m || !d || *y < 1970 || *y > 2261) return std::nullopt;
  const std::chrono::year_month_day day{std::chrono::year(static_cast<int>(*y)),
                                        std::chrono::month(static_cast<unsigned>(*m)),
                                        std::chrono::day(static_cast<unsigned>(*d))};
  if (!day.ok()) return std::nullopt;
  return std::chrono::sys_days(day).time_since_epoch().count() * kDay;
}

std::string_view token_of(json::value value) { return trim(value.raw_json_token()); }

// Reads one model's object. The whole document was validated before, so that what is left to go
// wrong is meaning, not syntax; simdjson's exceptions stay inside parse_document().
class ModelReader {
 public:
  ModelReader(std::string name, Model& model) : name_(std::move(name)), model_(model) {}

  Status read(json::object object, bool is_history) {
    Period period;
    std::vector<Period> history;
    for (auto field : object) {
      const std::string key(std::string_view(field.unescaped_key()));
      json::value value = field.value();
      if (const auto price = price_field(key)) {
        if (value.is_null()) continue;
        const auto femtousd = parse_femtousd(token_of(value));
        if (!femtousd) return wrong(key, "is not a price in dollars per token");
        period.rates.list(*price, *femtousd);
      } else if (key == "valid_from" || key == "valid_until") {
        SG_TRY(read_day(key, value, period));
      } else if (key == "history" && !is_history) {
        if (value.type() != json::json_type::array) return wrong(key, "is not a list of objects");
        for (json::value entry : value.get_array()) {
          if (entry.type() != json::json_type::object)
            return wrong(key, "is not a list of objects");
          SG_TRY(read(entry.get_object(), true));
        }
      } else if (key == "aliases" && !is_history) {
        SG_TRY(read_aliases(value));
      } else if (key == "max_output_tokens" && !is_history) {
        if (const auto limit = parse_int(token_of(value))) model_.max_output_tokens = limit;
      }
    }
    period.rates.resolve();
    model_.periods.insert(is_history ? model_.periods.end() : model_.periods.begin(),
                          std::move(period));
    return {};
  }

  const std::vector<std::string>& aliases() const { return aliases_; }

 private:
  std::unexpected<Error> wrong(std::string_view field, std::string_view what) const {
    return fail(Code::kInvalid, "model \"" + name_ + "\": field \"" + std::string(field) + "\" " +
                                    std::string(what));
  }

  Status read_day(const std::string& key, json::value value, Period& period) const {
    if (value.type() != json::json_type::string) return wrong(key, "is not a date (YYYY-MM-DD)");
    const auto day = parse_day(std::string_view(value.get_string()));
    if (!day) return wrong(key, "is not a date (YYYY-MM-DD)");
    if (key == "valid_from") {
      period.from_ns = *day;
    } else {
      period.until_ns = *day + kDay;
    }
    return {};
  }

  Status read_aliases(json::value value) {
    if (value.type() != json::json_type::array) return wrong("aliases", "is not a list of names");
    for (json::value entry : value.get_array()) {
      if (entry.type() != json::json_type::string)
        return wrong("aliases", "is not a list of names");
      aliases_.emplace_back(std::string_view(entry.get_string()));
    }
    return {};
  }

  std::string name_;
  Model& model_;
  std::vector<std::string> aliases_;
};

Status read_models(json::document& document, Models& models, std::string& as_of) {
  if (document.type() != json::json_type::object) {
    return fail(Code::kInvalid, "a price list is one JSON object with one member per model");
  }
  for (auto field : document.get_object()) {
    std::string name(std::string_view(field.unescaped_key()));
    json::value value = field.value();
    if (name == "as_of" && value.type() == json::json_type::string) {
      as_of = std::string_view(value.get_string());
      continue;
    }
    // The schema's own description of itself holds words where numbers would stand.
    if (name == "sample_spec" || value.type() != json::json_type::object) continue;
    auto model = std::make_shared<Model>();
    ModelReader reader(name, *model);
    SG_TRY(reader.read(value.get_object(), false));
    for (const auto& alias : reader.aliases()) models.insert_or_assign(alias, model);
    models.insert_or_assign(std::move(name), std::move(model));
    if (models.size() > kMaxModels) {
      return fail(Code::kTooLarge, "a price list holds at most 100,000 models");
    }
  }
  return {};
}

Status parse_document(std::string_view text, Models& models, std::string& as_of) {
  if (text.size() > kMaxFileBytes) return fail(Code::kTooLarge, "a price list is at most 64 MiB");
  try {
    const simdjson::padded_string padded(text);
    // On-Demand does not look at what it skips; this pass does.
    simdjson::dom::parser whole;
    if (whole.parse(padded).error() != simdjson::SUCCESS) {
      return fail(Code::kInvalid, "the price list is not valid JSON");
    }
    json::parser parser;
    json::document document = parser.iterate(padded);
    return read_models(document, models, as_of);
  } catch (const simdjson::simdjson_error&) {
    return fail(Code::kInvalid, "the price list does not follow the schema");
  }
}

// "<provider>/<model>" without touching the heap.
class QualifiedName {
 public:
  QualifiedName(std::string_view provider, std::string_view model) {
    if (provider.empty() || provider.size() + 1 + model.size() > text_.size()) return;
    std::memcpy(text_.data(), provider.data(), provider.size());
    text_[provider.size()] = '/';
    std::memcpy(text_.data() + provider.size() + 1, model.data(), model.size());
    size_ = provider.size() + 1 + model.size();
  }
  std::string_view view() const { return {text_.data(), size_}; }

 private:
  std::array<char, 256> text_;
  std::size_t size_ = 0;
};

}  // namespace

struct PriceBook::State {
  std::string version;
  Models models;
  bool has_prefixes = false;  // any name with a '/'

  const Model* find(std::string_view provider, std::string_view model) const {
    if (has_prefixes) {
      const QualifiedName qualified(provider, model);
      const auto it = models.find(qualified.view());
      if (it != models.end()) return it->second.get();
    }
    const auto it = models.find(model);
    return it == models.end() ? nullptr : it->second.get();
  }
};

PriceBook::PriceBook() : state_(std::make_unique<State>()) {}
PriceBook::~PriceBook() = default;

std::shared_ptr<const PriceBook> PriceBook::built_in() {
  auto book = parse(kPricesBuiltinJson, "");
  // A test proves that the compiled-in text parses; an empty book would still be safe.
  return book ? *book : std::shared_ptr<const PriceBook>(new PriceBook);
}

Result<std::shared_ptr<const PriceBook>> PriceBook::parse(std::string_view text,
                                                          std::string version,
                                                          std::string_view overrides_json) {
  std::shared_ptr<PriceBook> book(new PriceBook);
  State& state = *book->state_;
  std::string as_of;
  SG_TRY(parse_document(text, state.models, as_of));
  if (!overrides_json.empty()) {
    std::string ignored;
    if (auto status = parse_document(overrides_json, state.models, ignored); !status) {
      return fail("price overrides", std::move(status).error());
    }
  }
  if (version.empty()) version = as_of;
  if (version.empty()) version = sha256_hex(text).substr(0, 16);
  if (!overrides_json.empty()) version += "+" + sha256_hex(overrides_json).substr(0, 8);
  state.version = std::move(version);
  state.has_prefixes = std::any_of(state.models.begin(), state.models.end(), [](const auto& entry) {
    return entry.first.find('/') != std::string::npos;
  });
  return book;
}

Cost PriceBook::price(std::string_view provider, std::string_view model, const Usage& usage,
                      Nanos at_ns) const {
  const Model* found = state_->find(provider, model);
  const Period* period = found == nullptr ? nullptr : found->at(at_ns);
  if (period == nullptr || period->rates.empty()) return {};
  const auto tier = service_tier(usage.service_tier);
  if (!tier) return {0, Unpriced::kNoTier};
  return period->rates.price(*tier, usage);
}

bool PriceBook::knows(std::string_view model) const { return state_->models.contains(model); }

std::optional<std::int64_t> PriceBook::max_output_tokens(std::string_view model) const {
  const auto it = state_->models.find(model);
  return it == state_->models.end() ? std::nullopt : it->second->max_output_tokens;
}

const std::string& PriceBook::version() const { return state_->version; }

std::vector<std::string> PriceBook::models() const {
  std::vector<std::string> names;
  names.reserve(state_->models.size());
  for (const auto& [name, model] : state_->models) names.push_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace sightglass::price
