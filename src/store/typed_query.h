// One typed question to the history, and its answer: a range, a filter, groups, steps and
// statistics. What each number means: docs/queries.md.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "event/catalogue.h"
#include "store/store.h"

namespace sightglass::store {

// A value in a group's key or in an answer; monostate: there is none.
using Cell = std::variant<std::monostate, bool, std::int64_t, double, std::string>;
inline bool is_null(const Cell& cell) { return cell.index() == 0; }
// By kind and value; no value comes last.
bool comes_before(const Cell& a, const Cell& b);

enum class Statistic : std::uint8_t {
  kCount,    // of rows, of rows that a pattern matches, or of rows with a value in the field
  kSum,      // of one field or several
  kAverage,  // over the rows with a value
  kMin,
  kMax,
  kQuantile,  // within 1 %: ValueHistogram
  kDistinct,  // exact to 10,000, then an estimate: DistinctSet
  kRate,      // kCount or kSum a second
  kRatio,     // of two counts or sums
  kShare,     // of the group's rows among those of all groups
};

// What is counted or added up: rows that match `pattern`, or the values of `fields`; neither: rows.
struct Operand {
  std::string pattern;
  std::vector<std::string> fields;
};

struct Measure {
  Statistic statistic = Statistic::kCount;
  Operand of;
  Operand whole;               // kRatio: what `of` is divided by
  std::uint32_t quantile = 0;  // kQuantile: in parts of 100,000
  std::string name;            // the column's: canonical, or a shorthand as it was asked for
};

struct TypedQuery {
  enum class Rows : std::uint8_t {
    kRequests,  // one row for each request of the gateway, at its end
    kEvents,    // every row, those of applications too
  };
  enum class Compare : std::uint8_t { kNothing, kPrevious };
  enum class Source : std::uint8_t {
    kAny,   // roll-ups wherever they answer
    kRows,  // single rows alone, to hold the others against
  };
  struct Order {
    std::string column;  // a measure's name, a group's, or "time"
    bool descending = false;
  };

  Range range;
  Rows rows = Rows::kRequests;
  std::string filter;  // a pattern; "": every row
  // Beside the filter: fields of text and what each must be, byte for byte.
  std::vector<std::pair<std::string, std::string>> only;
  std::vector<std::string> group_by;
  Nanos step_ns = 0;              // whole seconds; 0: no steps
  std::vector<Measure> measures;  // at least one
  std::vector<Order> order;       // "": the first measure, greatest first; without groups by time
  std::uint32_t limit = 0;        // of groups; 0: kMostGroups
  Compare compare = Compare::kNothing;
  Source source = Source::kAny;

  static constexpr std::size_t kMostMeasures = 16, kMostGroupBy = 4, kMostOrder = 4;
  static constexpr std::size_t kMostGroups = 10'000, kMostRows = 50'000;
  static constexpr std::int64_t kMostSteps = 11'000;
  // What percentiles and distinct counts of all groups and steps may take together.
  static constexpr std::size_t kSketchBytes = 32u << 20;
};

// "count,p95(latency_us),ratio({ $.outcome = \"error\" } / count)": one or several. Appends.
// Errors: kInvalid with what is understood.
Status parse_measures(std::string_view text, std::vector<Measure>& out);
// The parts of a list between commas, blanks around them left out.
std::vector<std::string> parse_names(std::string_view text);
// "-count", "provider", "time": a minus stands for the greatest first. Appends.
Status parse_order(std::string_view text, std::vector<TypedQuery::Order>& out);

// How exact the numbers of a column are.
enum class Exactness : std::uint8_t {
  kExact,
  kWithinOnePercent,  // of the true value at that rank
  kEstimated,         // HyperLogLog: standard error 0.81 %
};

struct AnswerColumn {
  enum class Role : std::uint8_t { kTime, kGroup, kStatistic, kPrevious, kChange };
  std::string name;
  Role role = Role::kStatistic;
  std::string unit;  // "us", "nanousd", "tokens", "rows", "ratio", "tokens/s", …; "": none
  Exactness exactness = Exactness::kExact;
};

// Ownership: its own.
struct Answer {
  // What was read. Where both were: of some times roll-ups, of the others single rows.
  enum class Source : std::uint8_t { kRows, kRollups, kBoth };
  Range range;
  Range previous;  // of the period compared with; empty without one
  Nanos step_ns = 0;
  std::vector<AnswerColumn> columns;
  std::vector<std::vector<Cell>> rows;
  std::size_t groups = 0;       // found; those past the limit are not in `rows`
  journal::Position up_to = 0;  // what is newer in the journal was not seen
  Nanos newest_ns = 0;          // accept time of the newest that was seen
  Source source = Source::kRows;
  std::vector<std::string> notes;  // what a reader should know of the numbers
};

class TypedPlan;  // store/typed_plan.h

// Answers typed questions. Threads and errors as Queries, and kCancelled as soon as `left` is true
// (null: never), kInvalid where a field is not stored as the kind that the question needs.
class TypedQueries {
 public:
  virtual ~TypedQueries() = default;
  virtual Result<Answer> answer(const TypedPlan& plan, const std::atomic<bool>* left = nullptr) = 0;
};

}  // namespace sightglass::store
