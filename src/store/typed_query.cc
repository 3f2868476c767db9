// Reading the small language of statistics.
#include "store/typed_query.h"

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "event/pattern.h"

namespace sightglass::store {
namespace {

constexpr std::string_view kKnown =
    "count, count(FIELD), count({ PATTERN }), sum(FIELD), avg(FIELD), min(FIELD), max(FIELD), "
    "p50(FIELD) to p99.9(FIELD), distinct(FIELD), rate, rate(FIELD), share, "
    "ratio(FIELD or { PATTERN } / FIELD or { PATTERN } or count), errors, error_rate, "
    "success_rate";
constexpr std::size_t kMostFields = 8;     // added up in one operand
constexpr std::size_t kMostAttempts = 32;  // closing braces tried as a pattern's end

struct Shorthand {
  std::string_view name, means;
};
// As ARCHITECTURE.md defines the numbers, but for error_rate: the printed queries divide by all.
constexpr Shorthand kShorthands[] = {
    {"requests", "count"},
    {"errors", R"(count({ $.outcome = "error" || $.outcome = "timeout" }))"},
    {"error_rate", R"(ratio({ $.outcome = "error" || $.outcome = "timeout" } / count))"},
    {"success_rate", R"(ratio({ $.outcome = "ok" } / { $.outcome != "rejected" }))"},
};

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.';
}

// p50, p99.9, p99.99: in parts of 100,000.
std::optional<std::uint32_t> quantile_of(std::string_view name) {
  if (name.size() < 2 || name[0] != 'p' || name.size() > 7) return std::nullopt;
  std::uint32_t whole = 0, fraction = 0, digits = 0;
  bool dot = false;
  for (const char c : name.substr(1)) {
    if (c == '.' && !dot && name[1] != '.') {
      dot = true;
    } else if (c < '0' || c > '9') {
      return std::nullopt;
    } else if (!dot) {
      whole = whole * 10 + static_cast<std::uint32_t>(c - '0');
    } else if (++digits <= 3) {
      fraction = fraction * 10 + static_cast<std::uint32_t>(c - '0');
    } else {
      return std::nullopt;
    }
  }
  if (dot && digits == 0) return std::nullopt;
  for (; digits < 3; ++digits) fraction *= 10;
  const auto q = static_cast<std::uint64_t>(whole) * 1'000 + fraction;
  if (whole > 99 || q == 0) return std::nullopt;
  return static_cast<std::uint32_t>(q);
}

class MeasureReader {
 public:
  explicit MeasureReader(std::string_view text) : text_(text) {}

  Status read(std::vector<Measure>& out) {
    for (;;) {
      SG_ASSIGN(auto measure, one());
      if (out.size() == TypedQuery::kMostMeasures) {
        return fail(Code::kTooLarge, "at most 16 statistics are answered at once");
      }
      out.push_back(std::move(measure));
      skip_blanks();
      if (at_ == text_.size()) return {};
      if (!take(',')) return unknown("stands behind a statistic");
    }
  }

 private:
  void skip_blanks() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  bool take(char c) {
    skip_blanks();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  std::string_view word() {
    skip_blanks();
    const auto begin = at_;
    while (at_ < text_.size() && is_word(text_[at_])) ++at_;
    return text_.substr(begin, at_ - begin);
  }
  std::unexpected<Error> unknown(std::string_view why) const {
    const auto rest = text_.substr(std::min(at_, text_.size()), 24);
    std::string sentence = "stat: ";
    sentence += rest.empty() ? "the end" : "'" + std::string(rest) + "'";
    return fail(Code::kInvalid,
                sentence + " " + std::string(why) + "; understood are: " + std::string(kKnown));
  }

  Result<Measure> one() {
    skip_blanks();
    const auto begin = at_;
    const auto name = word();
    for (const auto& shorthand : kShorthands) {
      if (name != shorthand.name) continue;
      MeasureReader reader(shorthand.means);
      SG_ASSIGN(auto out, reader.one());
      out.name = std::string(name);
      return out;
    }
    Measure out;
    if (!kind_of(name, out)) {
      at_ = begin;
      return unknown("is no statistic");
    }
    const bool needs = out.statistic != Statistic::kCount && out.statistic != Statistic::kRate &&
                       out.statistic != Statistic::kShare;
    out.name = std::string(name);
    if (!take('(')) {
      if (needs) return unknown("stands where '(FIELD)' must follow " + out.name);
      return out;
    }
    if (out.statistic == Statistic::kShare) return unknown("cannot follow share, which has no '('");
    SG_ASSIGN(out.of, operand());
    out.name += "(" + name_of(out.of);
    if (out.statistic == Statistic::kRatio) {
      if (take('/')) {
        SG_ASSIGN(out.whole, operand());
      }
      out.name += " / " + name_of(out.whole);
    }
    if (!take(')')) return unknown("stands where ')' must");
    out.name += ")";
    SG_TRY(check(out));
    return out;
  }

  static bool kind_of(std::string_view name, Measure& out) {
    constexpr std::pair<std::string_view, Statistic> kNames[] = {
        {"count", Statistic::kCount}, {"sum", Statistic::kSum},
        {"avg", Statistic::kAverage}, {"min", Statistic::kMin},
        {"max", Statistic::kMax},     {"distinct", Statistic::kDistinct},
        {"rate", Statistic::kRate},   {"ratio", Statistic::kRatio},
        {"share", Statistic::kShare},
    };
    for (const auto& [known, statistic] : kNames) {
      if (name == known) return out.statistic = statistic, true;
    }
    const auto quantile = quantile_of(name);
    if (!quantile) return false;
    out.statistic = Statistic::kQuantile;
    out.quantile = *quantile;
    return true;
  }

  // What may stand in the brackets of each.
  Status check(const Measure& measure) const {
    const auto& of = measure.of;
    switch (measure.statistic) {
      case Statistic::kCount:
        if (of.fields.size() > 1) return unknown("follows several fields, but count takes one");
        return {};
      case Statistic::kSum:
      case Statistic::kRate:
        if (measure.statistic == Statistic::kSum && of.fields.empty()) {
          return unknown("follows what is no field, but sum takes fields");
        }
        return {};
      case Statistic::kRatio:
      case Statistic::kShare:
        return {};
      default:
        if (of.fields.size() != 1) return unknown("follows what is not one field");
        return {};
    }
  }

  Result<Operand> operand() {
    skip_blanks();
    Operand out;
    if (at_ < text_.size() && text_[at_] == '{') {
      SG_ASSIGN(out.pattern, pattern());
      return out;
    }
    do {
      if (take('$') && !take('.')) return unknown("stands where a field's name must");
      const auto name = word();
      if (name.empty()) return unknown("stands where a field's name or '{' must");
      if (name == "count" && out.fields.empty()) return out;
      if (out.fields.size() == kMostFields) {
        return fail(Code::kTooLarge, "at most 8 fields are added up in one statistic");
      }
      out.fields.emplace_back(name);
    } while (take('+'));
    return out;
  }

  // A pattern may hold braces in texts and expressions: its end is the first brace up to which it
  // parses.
  Result<std::string> pattern() {
    const auto begin = at_;
    auto end = begin;
    Result<event::Pattern> parsed = fail(Code::kInvalid, "a closing brace is missing");
    for (std::size_t attempt = 0; attempt < kMostAttempts; ++attempt) {
      end = text_.find('}', end);
      if (end == std::string_view::npos) break;
      ++end;
      auto next = event::Pattern::parse(text_.substr(begin, end - begin));
      if (next) {
        at_ = end;
        return next->text();
      }
      if (attempt == 0) parsed = std::move(next);
    }
    return fail("stat", parsed.error());
  }

  static std::string name_of(const Operand& operand) {
    if (!operand.pattern.empty()) return operand.pattern;
    if (operand.fields.empty()) return "count";
    std::string out;
    for (const auto& field : operand.fields) {
      if (!out.empty()) out += "+";
      out += field;
    }
    return out;
  }

  const std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

bool comes_before(const Cell& a, const Cell& b) {
  if (is_null(a) || is_null(b)) return !is_null(a) && is_null(b);
  return a < b;
}

Status parse_measures(std::string_view text, std::vector<Measure>& out) {
  return MeasureReader(text).read(out);
}

std::vector<std::string> parse_names(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    auto name = trim(text.substr(0, comma));
    if (name.starts_with("$.")) name.remove_prefix(2);
    if (!name.empty()) out.emplace_back(name);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return out;
}

// A column's name can hold commas: those within brackets and braces do not part.
Status parse_order(std::string_view text, std::vector<TypedQuery::Order>& out) {
  text = trim(text);
  while (!text.empty()) {
    TypedQuery::Order order;
    if (text[0] == '-' || text[0] == '+') {
      order.descending = text[0] == '-';
      text = trim(text.substr(1));
    }
    std::size_t end = 0;
    if (const auto name = text.find_first_of("(,"); name != text.npos && text[name] == '(') {
      // A measure: as long as it reads as one. Or a bucketed group, which holds no bracket.
      end = text.find(')', name);
      if (text.starts_with("bucket(") && end != text.npos) {
        order.column = "bucket(" + std::string(trim(text.substr(7, end - 7))) + ")";
      }
      for (std::size_t attempt = 0; order.column.empty() && end != text.npos;
           end = text.find(')', end + 1)) {
        if (++attempt > kMostAttempts) end = text.npos;
        if (end == text.npos) break;
        std::vector<Measure> read;
        if (parse_measures(text.substr(0, end + 1), read) && read.size() == 1) {
          order.column = read[0].name;
          break;
        }
      }
      if (end == text.npos) return fail(Code::kInvalid, "order: no statistic ends where it must");
      ++end;
    } else {
      end = std::min(text.find(','), text.size());
      order.column = std::string(trim(text.substr(0, end)));
    }
    if (order.column.empty()) {
      return fail(Code::kInvalid, "order: a column's name is missing, such as -count");
    }
    if (out.size() == TypedQuery::kMostOrder) {
      return fail(Code::kTooLarge, "order: at most 4 columns");
    }
    out.push_back(std::move(order));
    text = trim(text.substr(end));
    if (text.empty()) return {};
    if (text[0] != ',') return fail(Code::kInvalid, "order: columns are parted by commas");
    text = trim(text.substr(1));
  }
  return {};
}

}  // namespace sightglass::store
