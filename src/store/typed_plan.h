// A typed query checked against a catalogue: names resolved, patterns compiled, and each statistic
// taken apart into what must be accumulated for it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "event/pattern.h"
#include "store/typed_query.h"

namespace sightglass::store {

// What is gathered of a group's rows; two of the same kind add up to that of both. Whoever has it
// for some rows (a file of single rows, a roll-up) can take part in an answer: PartialAnswer.
struct Accumulator {
  enum class Kind : std::uint8_t {
    kRows,    // how many, with `pattern`: of those that match
    kValues,  // how many have a value in `field`
    kSum,     // of `field`, and how many values it has
    kMin,
    kMax,
    kSketch,    // ValueHistogram of `field`
    kDistinct,  // DistinctSet of `field`
  };
  static constexpr std::size_t kNone = SIZE_MAX;
  Kind kind = Kind::kRows;
  std::size_t field = kNone;    // TypedPlan::fields()
  std::size_t pattern = kNone;  // TypedPlan::patterns()
  friend bool operator==(const Accumulator&, const Accumulator&) = default;
};

// Immutable once made; copies share the patterns. Threads: const use from any.
class TypedPlan {
 public:
  // A column that the query reads.
  struct Field {
    std::string column;
    event::Kind kind = event::Kind::kText;  // kNull (any kind) is stored as text
    std::string unit;
  };
  struct Group {
    std::size_t field = 0;  // its place in fields()
    bool bucketed = false;  // by bucket_of() the value
    friend bool operator==(const Group&, const Group&) = default;
  };
  // The accumulators of one measure, by their places.
  struct Inputs {
    std::vector<std::size_t> of, whole;
  };

  // Errors: kInvalid for names that nobody knows (with the nearest), fields that cannot pass the
  // door, patterns that do not parse or cannot run behind the door, kinds that a statistic does not
  // take, an impossible range; kTooLarge past TypedQuery's bounds. Each says what to do.
  static Result<TypedPlan> make(TypedQuery query,
                                std::shared_ptr<const event::Catalogue> catalogue);

  // With canonical names, an order, and a range that the engine can hold.
  const TypedQuery& query() const { return query_; }
  const event::Catalogue& catalogue() const { return *catalogue_; }
  const std::vector<Field>& fields() const { return fields_; }
  const std::vector<Group>& groups() const { return groups_; }
  const std::vector<Accumulator>& accumulators() const { return accumulators_; }
  const Inputs& inputs(std::size_t measure) const { return inputs_[measure]; }
  const std::string& unit(std::size_t measure) const { return units_[measure]; }
  const std::vector<std::shared_ptr<const event::Pattern>>& patterns() const { return patterns_; }
  std::size_t filter() const { return filter_; }  // a place in patterns(), or Accumulator::kNone
  const std::vector<std::size_t>& only() const { return only_; }  // fields of query().only

  // Steps begin at multiples of the step since 1970-01-01 UTC, whole weeks on Mondays; the first
  // and the last are cut by the range. Without steps there is one, the range.
  std::int64_t steps() const { return steps_; }
  Nanos step_begin(std::int64_t step) const;     // of the whole step, before the range cuts it
  double step_seconds(std::int64_t step) const;  // of what the range leaves of it
  // The period of the same length before; its times count as if they were one length later.
  Range previous() const;

 private:
  class Maker;
  TypedPlan() = default;
  TypedQuery query_;
  std::shared_ptr<const event::Catalogue> catalogue_;
  std::vector<Field> fields_;
  std::vector<Group> groups_;
  std::vector<Accumulator> accumulators_;
  std::vector<Inputs> inputs_;
  std::vector<std::string> units_;
  std::vector<std::shared_ptr<const event::Pattern>> patterns_;
  std::size_t filter_ = Accumulator::kNone;
  std::vector<std::size_t> only_;
  std::int64_t steps_ = 1;
  Nanos first_step_ns_ = 0;
};

}  // namespace sightglass::store
