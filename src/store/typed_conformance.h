// The conformance suite of typed queries: rows, a table of questions, and a plain evaluator that
// any engine's answers are held against. An engine takes part by being a TypedQueries.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "event/pattern.h"
#include "store/sample_rows.h"
#include "store/typed_plan.h"

namespace sightglass::store::conformance {

// Fractions and events of an application beside what the gateway's pack has.
inline std::shared_ptr<const event::Catalogue> catalogue() {
  return sample::gateway_catalogue(R"(
---
pack: conformance
version: 1
fields:
  score: { kind: double, class: count }
  balance: { kind: int, class: count }
  tool: { kind: text, class: name }
events:
  tool_used: { level: warn, row: true }
)");
}

// Requests, and every kind of oddity: missing values, negative ones, ties, sums past 64 bits,
// whole numbers at the end of their range, events of applications.
inline std::vector<sample::Row> rows(std::size_t count = 1'500) {
  auto out = sample::rows(count, 7);
  using event::Value;
  for (std::size_t i = 0; i < out.size(); ++i) {
    auto& row = out[i];
    const auto n = static_cast<std::int64_t>(i);
    if (i % 7 == 0) row.numbers.erase("latency_us");
    if (i % 3 != 0) row.numbers["score"] = Value::number(static_cast<double>(n % 50) / 8 - 1.5);
    if (i % 5 == 0) row.numbers["balance"] = Value::integer((n % 11) * 1'000 - 5'000);
    if (i % 400 == 1) {
      row.numbers["balance"] = Value::integer(std::numeric_limits<std::int64_t>::max() - n);
    }
    if (i % 19 == 0)
      row.texts["session_id"] = "s:1.aaaaaaaaaaaaaaaaaaaaaaaa" + std::to_string(i % 4);
    if (i % 13 == 0) {
      row = {row.position, row.time_ns, "tool_used", {}, {}, false};
      row.numbers["ingested"] = Value::boolean(true);
      const char* tools[] = {"search", "it's \"quoted\"", "404", "4.04e2"};
      row.texts["tool"] = tools[i % 4];
      if (i % 26 == 0)
        row.texts["user_id"] = "u:1.bbbbbbbbbbbbbbbbbbbbbbbbb" + std::to_string(i % 3);
    }
    if (i % 10 == 4 && i > 0) row.time_ns = out[i - 1].time_ns;  // ties
  }
  return out;
}

// Seconds become as many minutes, hours or days (`factor` of them), so that roll-ups take part. The
// first row is at the beginning of an hour and a bit of a day that is no Monday.
inline std::vector<sample::Row> spread(std::vector<sample::Row> rows, std::int64_t factor) {
  const auto first = rows.front().time_ns;
  for (auto& row : rows) {
    row.time_ns = 1'700'010'000 * kSecond + (row.time_ns - first) * factor;
  }
  return rows;
}

struct Question {
  const char* stat;
  const char* group_by = "";
  const char* filter = "";
  Nanos step_ns = 0;
  const char* order = "";
  std::uint32_t limit = 0;
  bool compare = false;
  TypedQuery::Rows rows = TypedQuery::Rows::kRequests;
};

inline const std::vector<Question>& questions() {
  constexpr auto kEvents = TypedQuery::Rows::kEvents;
  constexpr const char* kEverything =
      "count,count(latency_us),count({ $.outcome = \"error\" }),sum(total_tokens),sum(score),"
      "sum(balance),avg(latency_us),avg(score),min(latency_us),max(score),p50(latency_us),"
      "p99.9(latency_us),distinct(client),rate,rate(total_tokens),share";
  // What roll-ups answer, too.
  constexpr const char* kSummed =
      "count,count(latency_us),count(client),count(unpriced_reason),"
      "count({ $.outcome = \"error\" }),sum(total_tokens),sum(cost_nanousd),avg(latency_us),"
      "avg(output_tokens),p50(latency_us),p99.9(latency_us),distinct(client),"
      "distinct(is_streaming),rate,rate(total_tokens),share";
  static const std::vector<Question> table = {
      {kSummed},
      {kSummed, "", "", 7 * kSecond},
      {kSummed, "provider"},
      {kSummed, "provider,outcome", "", 0, "provider,-count"},
      {kSummed, "model", "", 11 * kSecond, "-count", 3},
      {kSummed, "is_streaming,error_type,key", "{ $.client = \"client-1*\" }", 0, "", 0, true},
      {kSummed, "", "{ $.key != \"openai-0123456789abcdef\" }", 9 * kSecond, "", 0, true},
      {kEverything},
      {kEverything, "", "", 7 * kSecond},
      {kEverything, "provider"},
      {kEverything, "provider,outcome", "", 0, "provider,-count"},
      {kEverything, "model", "", 11 * kSecond, "-count", 3},
      {kEverything, "is_streaming", "", 0, "", 0, true},
      {kEverything, "", "", 9 * kSecond, "", 0, true},
      // In an order that percentiles, which may be off by 1 %, have no part in.
      {"p50(latency_us),p90(latency_us),p95(latency_us),p99(latency_us),p99.9(latency_us)", "model",
       "", 0, "model"},
      {"p50(score),p90(score),p1(balance),p99(balance),min(balance),max(balance)", "provider", "",
       0, "provider"},
      {"distinct(user_id),distinct(request_id),distinct(status_code),distinct(score)", "provider"},
      {"distinct(user_id)", "client", "", 0, "-distinct(user_id),client", 7},
      {"count", "client", "", 0, "", 5},
      {"count,share", "bucket(latency_us)"},
      {"count", "bucket(score),provider", "", 0, "bucket(score),-count"},
      {"count", "bucket(balance)", "", 0, "-bucket(balance)"},
      {"count", "client", "", 0, "client"},
      {"count", "client", "", 0, "-client"},
      {"sum(cost_nanousd),count(cost_nanousd)", "provider,model", "", 0, "-sum(cost_nanousd)", 2},
      {"sum(input_tokens+cache_read_tokens+output_tokens),sum(total_tokens)", "model"},
      {"ratio(cache_read_tokens / cache_write_5m_tokens+cache_write_1h_tokens)", "provider"},
      {"ratio(cache_read_tokens / input_tokens)", "provider,model"},
      {"error_rate,success_rate,errors,requests", "provider,model"},
      {"error_rate", "", "", 3 * kSecond, "-error_rate", 4},
      {"ratio({ $.outcome = \"ok\" })", "status_code"},
      {"ratio({ $.is_streaming IS TRUE } / { $.outcome = \"nothing\" })"},
      {"ratio(score / count)", "provider"},
      {"share", "provider,model", "", 0, "-share"},
      {"share", "provider", "", 5 * kSecond},
      {"count", "status_code"},
      {"count", "is_streaming,outcome"},
      {"count", "event_type,level", "", 0, "event_type"},
      {"count,distinct(tool)", "event_type", "", 0, "-count", 0, false, kEvents},
      {"count", "tool,user_id", "{ $.tool = * }", 0, "tool,user_id", 0, false, kEvents},
      {"count", "ingested", "", 0, "", 0, true, kEvents},
      {"count,avg(latency_us)", "", "{ $.latency_us > 300000.5 }"},
      {"count", "", "{ $.latency_us >= 400000 && $.latency_us < 4e6 }"},
      {"count", "", "{ $.latency_us != 400000 }"},
      {"count", "", "{ $.latency_us = 4* }"},
      {"count", "outcome", "{ $.status_code = \"429\" }"},
      {"count", "outcome", "{ $.status_code = 4* || $.status_code = 200.0 }"},
      {"count", "", "{ $.model = \"gpt-4o*\" }"},
      {"count", "model", "{ $.model = *mini* || $.model = \"claude-*-haiku\" }"},
      {"count", "model", "{ $.model = %^(claude|gemini)-% }"},
      {"count", "model", "{ $.model != \"gpt-4o\" && $.model = * }"},
      {"count", "client", "{ $.client NOT EXISTS || $.client = \"client-1*\" }"},
      {"count", "client", "{ $.client != \"client-3\" }"},
      {"count", "", "{ $.client IS NULL }"},
      {"count", "", "{ $.user_id = * && $.client_id NOT EXISTS }"},
      {"count", "", "{ $.is_streaming IS TRUE }"},
      {"count", "", "{ $.is_streaming IS FALSE }"},
      {"count", "", "{ $.is_streaming = true || $.is_streaming = *als* }"},
      {"count", "", "{ $.is_streaming != false }"},
      {"count", "", "{ $.outcome IS TRUE }"},
      {"count", "", "{ $.score > 0.5 }"},
      {"count", "", "{ $.score = 0.5 || $.score = -* }"},
      {"count", "", "{ $.score NOT EXISTS }"},
      {"count", "", "{ $.score != 1 }"},
      {"count", "", "{ $.balance = 9223372036854775806 || $.balance < -4999 }"},
      {"count", "", "{ $.balance > 1e18 }"},
      {"count", "event_type", "{ $.event_type = stream_* }"},
      {"count", "event_type", "{ $.event_type = \"stream_completed\" }"},
      {"count", "event_type", "{ $.event_type != \"stream_completed\" }"},
      {"count", "", "{ $.event_type = \"no_such_type\" }"},
      {"count", "", "{ $.level = info && ($.provider = openai || $.provider = %goo% ) }"},
      {"count", "", "{ $.level = \"w*\" }", 0, "", 0, false, kEvents},
      {"count", "tool", "{ $.tool = \"it's \\\"quoted\\\"\" }", 0, "", 0, false, kEvents},
      {"count", "tool", "{ $.tool = 404 }", 0, "", 0, false, kEvents},
      {"count", "tool", "{ $.tool = \"404\" }", 0, "", 0, false, kEvents},
      {"count", "tool", "{ $.tool > 403 }", 0, "", 0, false, kEvents},
      {"count", "tool", "{ $.tool != 404 }", 0, "", 0, false, kEvents},
      {"count", "provider", "{ $.outcome = \"nothing\" }"},
      {"count,sum(total_tokens),p95(latency_us),distinct(client)", "", "{ $.outcome = \"x\" }"},
      {"count", "", "", 4 * kSecond, "-time"},
      {"count", "provider", "", 6 * kSecond, "time"},
      {"count", "provider", "", 6 * kSecond, "provider,-time"},
      {"count", "provider,model,outcome,client", "", 0, "", 20, true},
  };
  return table;
}

inline TypedQuery query_of(const Question& question, Range range, std::int64_t factor = 1) {
  TypedQuery out;
  out.range = range;
  out.rows = question.rows;
  out.filter = question.filter;
  out.group_by = parse_names(question.group_by);
  out.step_ns = question.step_ns * factor;
  EXPECT_TRUE(parse_measures(question.stat, out.measures).has_value()) << question.stat;
  EXPECT_TRUE(parse_order(question.order, out.order).has_value()) << question.order;
  out.limit = question.limit;
  out.compare = question.compare ? TypedQuery::Compare::kPrevious : TypedQuery::Compare::kNothing;
  return out;
}

// ---- the plain evaluator: one loop over all rows for each cell --------------------------------

class Naive {
 public:
  using Line = std::vector<Cell>;

  Naive(const std::vector<sample::Row>& rows, const event::Catalogue& catalogue)
      : rows_(rows), catalogue_(catalogue) {}

  std::vector<Line> answer(const TypedQuery& query) const {
    const auto asked = chosen(query, 0), before = chosen(query, length(query));
    std::vector<Line> keys;
    for (const auto* const rows : {&asked, &before}) {
      if (rows == &before && !compares(query)) continue;
      for (const auto* const row : *rows) {
        const auto key = key_of(query, *row);
        if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
      }
    }
    if (keys.empty() && query.group_by.empty()) keys.emplace_back();
    std::vector<Line> groups;
    for (const auto& key : keys) groups.push_back(line(query, key, std::nullopt, asked, before));
    sort(groups, query, query.group_by.empty() ? std::vector<TypedQuery::Order>() : query.order);
    if (!query.group_by.empty() && query.limit != 0) {
      groups.resize(std::min<std::size_t>(groups.size(), query.limit));
    }
    if (query.step_ns == 0) return groups;
    std::vector<Line> out;
    for (const auto& group : groups) {
      const Line key(group.begin() + 1,
                     group.begin() + 1 + static_cast<std::ptrdiff_t>(query.group_by.size()));
      std::vector<Line> steps;
      // Whole weeks begin on Mondays: 1970-01-05 was one.
      constexpr Nanos kDay = 86'400 * kSecond;
      const auto first = query.step_ns % (7 * kDay) == 0 ? 4 * kDay : 0;
      const auto start = (query.range.start_ns - first) / query.step_ns * query.step_ns + first;
      for (auto at = start; at < query.range.end_ns; at += query.step_ns) {
        steps.push_back(line(query, key, at, asked, before));
      }
      if (!query.group_by.empty() && descends_in_time(query)) {
        std::reverse(steps.begin(), steps.end());
      }
      out.insert(out.end(), steps.begin(), steps.end());
    }
    if (query.group_by.empty()) {
      sort(out, query, query.order);
      if (query.limit != 0) out.resize(std::min<std::size_t>(out.size(), query.limit));
    } else if (query.order[0].column == "time") {
      sort(out, query, {query.order[0]});
    }
    return out;
  }

 private:
  using Rows = std::vector<const sample::Row*>;

  static bool compares(const TypedQuery& query) {
    return query.compare == TypedQuery::Compare::kPrevious;
  }
  static Nanos length(const TypedQuery& query) { return query.range.end_ns - query.range.start_ns; }
  static bool descends_in_time(const TypedQuery& query) {
    return std::any_of(query.order.begin(), query.order.end(), [](const auto& order) {
      return order.column == "time" && order.descending;
    });
  }

  event::Event event_of(const sample::Row& row) const {
    event::Event out;
    out.type = catalogue_.event_type(row.type);
    for (const auto& [name, value] : row.numbers) {
      out.fields.push_back({catalogue_.field(name), value});
    }
    for (const auto& [name, text] : row.texts) {
      out.fields.push_back({catalogue_.field(name), event::Value::text(text)});
    }
    return out;
  }
  bool matches(const std::string& pattern, const sample::Row& row) const {
    auto& parsed = patterns_[pattern];
    if (!parsed) parsed.emplace(std::move(*event::Pattern::parse(pattern)));
    return parsed->matches(catalogue_, event_of(row));
  }

  // Rows of the range, `back` earlier.
  Rows chosen(const TypedQuery& query, Nanos back) const {
    Rows out;
    for (const auto& row : rows_) {
      const auto& type = catalogue_.event_types()[catalogue_.event_type(row.type)];
      const bool stored = type.terminal || type.row || row.numbers.contains("ingested");
      if (!stored || (query.rows == TypedQuery::Rows::kRequests && !row.terminal)) continue;
      const auto time_ns = row.time_ns + back;
      if (time_ns < query.range.start_ns || time_ns >= query.range.end_ns) continue;
      if (matches(query.filter, row)) out.push_back(&row);
    }
    return out;
  }

  Cell field(const sample::Row& row, const std::string& name) const {
    if (name == "event_type") return row.type;
    if (name == "level") return std::string("info");
    if (const auto text = row.texts.find(name); text != row.texts.end()) return text->second;
    const auto number = row.numbers.find(name);
    if (number == row.numbers.end()) return {};
    const auto& value = number->second;
    if (value.kind() == event::Kind::kBool) return value.as_bool();
    if (value.kind() == event::Kind::kDouble) return value.as_double();
    return value.as_int();
  }
  Line key_of(const TypedQuery& query, const sample::Row& row) const {
    Line out;
    for (const auto& name : query.group_by) {
      if (!name.starts_with("bucket(")) {
        out.push_back(field(row, name));
        continue;
      }
      const auto number = real(field(row, name.substr(7, name.size() - 8)));
      out.push_back(number ? Cell(bound_of(*number)) : Cell());
    }
    return out;
  }

  Line line(const TypedQuery& query, const Line& key, std::optional<Nanos> step, const Rows& asked,
            const Rows& before) const {
    Line out;
    if (query.step_ns != 0) out.push_back(step ? Cell(*step / kSecond) : Cell());
    out.insert(out.end(), key.begin(), key.end());
    Rows step_rows, rows, previous_rows, step_previous;
    auto begin = query.range.start_ns, end = query.range.end_ns;
    if (step) begin = std::max(begin, *step), end = std::min(end, *step + query.step_ns);
    const auto pick = [&](const Rows& from, Nanos back, Rows& all, Rows& own) {
      for (const auto* const row : from) {
        const auto time_ns = row->time_ns + back;
        if (time_ns < begin || time_ns >= end) continue;
        all.push_back(row);
        if (key_of(query, *row) == key) own.push_back(row);
      }
    };
    pick(asked, 0, step_rows, rows);
    pick(before, length(query), step_previous, previous_rows);
    const auto seconds = static_cast<double>(end - begin) / 1e9;
    for (const auto& measure : query.measures) {
      const auto now = value(measure, rows, step_rows.size(), seconds);
      out.push_back(now);
      if (!compares(query)) continue;
      const auto then = value(measure, previous_rows, step_previous.size(), seconds);
      out.push_back(then);
      const auto n = real(now), t = real(then);
      out.push_back(n && t && *t != 0 ? Cell((*n - *t) / std::fabs(*t)) : Cell());
    }
    return out;
  }

  // The least of the bounds that is not below the number, one after the other.
  static double bound_of(double number) {
    double best = 5e18;
    for (const double digit : {1, 2, 5}) {
      for (int exponent = -9; exponent <= 18; ++exponent) {
        const auto bound =
            exponent < 0 ? digit / std::pow(10, -exponent) : digit * std::pow(10, exponent);
        for (const double signed_bound : {bound, -bound, 0.0}) {
          if (signed_bound >= number && signed_bound < best) best = signed_bound;
        }
      }
    }
    return best;
  }

  static std::optional<double> real(const Cell& cell) {
    if (const auto* const number = std::get_if<double>(&cell)) return *number;
    if (const auto* const number = std::get_if<std::int64_t>(&cell)) {
      return static_cast<double>(*number);
    }
    return std::nullopt;
  }

  // Whole sums in long doubles, which hold 64 bits exactly; past those, a double is answered.
  Cell total(const Operand& operand, const Rows& rows) const {
    if (operand.fields.empty()) {
      std::int64_t count = 0;
      for (const auto* const row : rows) {
        count += operand.pattern.empty() || matches(operand.pattern, *row);
      }
      return count;
    }
    long double sum = 0;
    bool any = false, whole = true;
    for (const auto& name : operand.fields) {
      whole = whole && catalogue_.fields()[catalogue_.field(name)].kind == event::Kind::kInt;
      for (const auto* const row : rows) {
        const auto cell = field(*row, name);
        if (is_null(cell)) continue;
        any = true;
        if (const auto* const integer = std::get_if<std::int64_t>(&cell)) {
          sum += static_cast<long double>(*integer);
        } else {
          sum += *real(cell);
        }
      }
    }
    if (!any) return {};
    if (whole && sum >= -0x1p63L && sum < 0x1p63L) return static_cast<std::int64_t>(sum);
    return static_cast<double>(sum);
  }

  Cell value(const Measure& measure, const Rows& rows, std::size_t all, double seconds) const {
    std::vector<Cell> values;
    if (measure.of.fields.size() == 1) {
      for (const auto* const row : rows) {
        if (auto cell = field(*row, measure.of.fields[0]); !is_null(cell)) values.push_back(cell);
      }
      std::sort(values.begin(), values.end());
    }
    switch (measure.statistic) {
      case Statistic::kCount:
        if (measure.of.fields.empty()) return total(measure.of, rows);
        return static_cast<std::int64_t>(values.size());
      case Statistic::kSum:
        return total(measure.of, rows);
      case Statistic::kAverage: {
        long double sum = 0;
        for (const auto& cell : values) sum += *real(cell);
        if (values.empty()) return {};
        return static_cast<double>(sum / static_cast<long double>(values.size()));
      }
      case Statistic::kMin:
        return values.empty() ? Cell() : values.front();
      case Statistic::kMax:
        return values.empty() ? Cell() : values.back();
      case Statistic::kQuantile: {
        if (values.empty()) return {};
        const auto rank = (values.size() * measure.quantile + 99'999) / 100'000;
        return *real(values[std::max<std::size_t>(rank, 1) - 1]);
      }
      case Statistic::kDistinct:
        return static_cast<std::int64_t>(std::set<Cell>(values.begin(), values.end()).size());
      case Statistic::kRate: {
        const auto sum = real(total(measure.of, rows));
        return sum ? Cell(*sum / seconds) : Cell();
      }
      case Statistic::kRatio: {
        const auto part = real(total(measure.of, rows)), whole = real(total(measure.whole, rows));
        if (!part || !whole || *whole == 0) return {};
        return *part / *whole;
      }
      case Statistic::kShare:
        if (all == 0) return {};
        return static_cast<double>(rows.size()) / static_cast<double>(all);
    }
    return {};
  }

  // By insertion; the library's asks for memory by a function that newer compilers warn about.
  template <typename Less>
  static void stable_sort(std::vector<Line>::iterator begin, std::vector<Line>::iterator end,
                          const Less& less) {
    for (auto at = begin; at != end; ++at) {
      std::rotate(std::upper_bound(begin, at, *at, less), at, at + 1);
    }
  }

  std::size_t place(const TypedQuery& query, const std::string& column) const {
    const std::size_t first = query.step_ns != 0 ? 1 : 0;
    for (std::size_t i = 0; i < query.measures.size(); ++i) {
      if (query.measures[i].name == column) {
        return first + query.group_by.size() + i * (compares(query) ? 3 : 1);
      }
    }
    for (std::size_t i = 0; i < query.group_by.size(); ++i) {
      if (query.group_by[i] == column) return first + i;
    }
    return 0;
  }

  // By the order asked for, then by the groups, no value last.
  void sort(std::vector<Line>& lines, const TypedQuery& query,
            const std::vector<TypedQuery::Order>& order) const {
    const std::size_t first = query.step_ns != 0 ? 1 : 0;
    if (!lines.empty() && lines[0].size() > first && !query.group_by.empty() &&
        (order.empty() || order[0].column != "time" || is_null(lines[0][0]) || first == 0)) {
      stable_sort(lines.begin(), lines.end(), [&](const Line& a, const Line& b) {
        for (std::size_t i = first; i < first + query.group_by.size(); ++i) {
          if (comes_before(a[i], b[i])) return true;
          if (comes_before(b[i], a[i])) return false;
        }
        return false;
      });
    }
    for (auto by = order.rbegin(); by != order.rend(); ++by) {
      const auto at = place(query, by->column);
      const bool descending = by->descending;
      stable_sort(lines.begin(), lines.end(), [&](const Line& a, const Line& b) {
        if (is_null(a[at]) || is_null(b[at])) return !is_null(a[at]) && is_null(b[at]);
        return descending ? b[at] < a[at] : a[at] < b[at];
      });
    }
  }

  const std::vector<sample::Row>& rows_;
  const event::Catalogue& catalogue_;
  mutable std::map<std::string, std::optional<event::Pattern>> patterns_;  // parsed
};

// ---- holding against it -------------------------------------------------------------------------

inline std::string text_of(const Cell& cell) {
  if (const auto* const v = std::get_if<bool>(&cell)) return *v ? "true" : "false";
  if (const auto* const v = std::get_if<std::int64_t>(&cell)) return std::to_string(*v);
  if (const auto* const v = std::get_if<double>(&cell)) return std::to_string(*v);
  if (const auto* const v = std::get_if<std::string>(&cell)) return "'" + *v + "'";
  return "none";
}

// Equal, doubles to 1e-9; a percentile to its stated 1 %, and what is reckoned from two of them by
// what these may be off.
inline bool agrees(const Cell& got, const Cell& want, const AnswerColumn& column) {
  const bool sketched = column.exactness != Exactness::kExact;
  const auto* const g = std::get_if<double>(&got);
  const auto* const w = std::get_if<double>(&want);
  if (g == nullptr || w == nullptr) {
    if (!sketched || got.index() != 2 || want.index() != 2) return got == want;
    const auto a = static_cast<double>(std::get<std::int64_t>(got));
    const auto b = static_cast<double>(std::get<std::int64_t>(want));
    return std::fabs(a - b) <= 0.03 * b;
  }
  if (*g == *w) return true;
  if (sketched && column.role == AnswerColumn::Role::kChange) {
    return std::fabs(*g - *w) <= 0.0203 * (1 + std::fabs(*w));
  }
  const auto bound = sketched ? 0.01 + 1e-9 : 1e-9;
  return std::fabs(*g - *w) <= bound * std::fabs(*w) + 1e-12;
}

// Where the answer came from, when it was the right one.
inline Answer::Source expect_answers(TypedQueries& engine, const std::vector<sample::Row>& rows,
                                     const std::shared_ptr<const event::Catalogue>& known,
                                     const TypedQuery& query) {
  auto source = Answer::Source::kRows;
  const auto plan = TypedPlan::make(query, known);
  std::string what = "where " + query.filter + " by";
  for (const auto& name : query.group_by) what += " " + name;
  for (const auto& measure : query.measures) what += ", " + measure.name;
  what += ", step " + std::to_string(query.step_ns / kSecond) + " s, from " +
          std::to_string(query.range.start_ns) + " to " + std::to_string(query.range.end_ns);
  const auto compare = [&] {
    ASSERT_TRUE(plan.has_value()) << what << ": " << plan.error().message;
    const auto got = engine.answer(*plan);
    ASSERT_TRUE(got.has_value()) << what << ": " << got.error().message;
    source = got->source;
    EXPECT_TRUE(got->notes.empty()) << what << ": " << got->notes.front();
    const auto want = Naive(rows, *known).answer(plan->query());
    ASSERT_EQ(got->rows.size(), want.size()) << what;
    for (std::size_t i = 0; i < want.size(); ++i) {
      ASSERT_EQ(got->rows[i].size(), want[i].size()) << what;
      ASSERT_EQ(got->columns.size(), want[i].size()) << what;
      for (std::size_t c = 0; c < want[i].size(); ++c) {
        ASSERT_TRUE(agrees(got->rows[i][c], want[i][c], got->columns[c]))
            << what << "\nrow " << i << ", " << got->columns[c].name << ": got "
            << text_of(got->rows[i][c]) << ", wanted " << text_of(want[i][c]);
      }
    }
  };
  compare();
  return source;
}

// How many of the answers came from where.
struct Sources {
  std::size_t rows = 0, rollups = 0, both = 0;
  void count(Answer::Source source) {
    ++(source == Answer::Source::kRows      ? rows
       : source == Answer::Source::kRollups ? rollups
                                            : both);
  }
};

// Every question over all of the time, over a part that cuts steps, and over nothing.
inline Sources expect_conforms(TypedQueries& engine, const std::vector<sample::Row>& rows,
                               const std::shared_ptr<const event::Catalogue>& known,
                               std::int64_t factor = 1) {
  const auto first = rows.front().time_ns, last = rows.back().time_ns;
  const auto middle = first + (last - first) / 2, second = factor * kSecond;
  Sources out;
  for (const auto& question : questions()) {
    for (const auto& range : {Range{first, last + 1}, Range{middle + 123, last - second},
                              Range{last + second, last + 9 * second}}) {
      out.count(expect_answers(engine, rows, known, query_of(question, range, factor)));
    }
    if (testing::Test::HasFatalFailure()) break;
  }
  return out;
}

}  // namespace sightglass::store::conformance
