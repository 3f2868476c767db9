// The plan: every distinct condition is one bit. An event starts from the bits that its type, its
// level and the absence of everything give; each field it carries then corrects its own bits. The
// language has no negation of a group, so a pattern is a monotone formula over these bits: mostly
// one mask, else a few masks of which one must be covered.
//
// Types that can satisfy the same patterns form a group with bits of its own, so that the patterns
// of other types cost nothing: neither their conditions nor their masks are looked at. Within a
// group a mask is only looked at when its rarest bit is set. With the 100 patterns of bench/ that
// is 0.1 µs an event; all bits and all masks of a type took 0.5 µs.
#include <algorithm>
#include <bit>
#include <cstring>
#include <map>
#include <numeric>
#include <unordered_map>

#include "event/measure.h"
#include "event/pattern.h"
#include "event/pattern_node.h"

namespace sightglass::event {
namespace {

using Type = PatternNode::Type;
using ConditionId = std::uint32_t;
using Term = std::vector<ConditionId>;  // all of these, ascending

// A formula with more alternatives than this is walked as a tree instead.
constexpr std::size_t kMaxTerms = 16;
constexpr std::size_t kMaxGroups = 256;
constexpr std::size_t kLevels = static_cast<std::size_t>(Level::kCritical) + 1;

// The formula with conditions numbered; also what the plan walks when the masks are too many.
struct Formula {
  Type type = Type::kEverything;
  ConditionId condition = 0;
  std::vector<Formula> children;
};

// How a condition on a field is decided; the commonest without a call.
enum class Test : std::uint8_t {
  kAny,   // `= *`
  kWord,  // `= word`, no wildcard and no number
  kElse,
};

struct FieldCondition {
  ConditionId bit = 0;
  Test test = Test::kElse;
  PatternCondition condition;
};

struct MeterPlan {
  MeterId meter = 0;
  FieldId carried = kNoField;  // the value's field, where the hit may have to carry the number
  bool kept_back = false;      // it does not pass the door
  FieldId other = kNoField;    // Meter::or_value
  int other_scale = 0;
};

// A mask, or a tree where the masks would be too many, and the pattern that it is of.
struct Try {
  std::uint32_t candidate = 0;
  std::uint32_t mask = 0;
  std::uint32_t tree = 0;
  bool is_tree = false;
};

template <typename Holds>
bool evaluate(const Formula& formula, const Holds& condition_holds) {
  const auto child_holds = [&](const Formula& f) { return evaluate(f, condition_holds); };
  switch (formula.type) {
    case Type::kEverything:
      return true;
    case Type::kCondition:
      return condition_holds(formula.condition);
    case Type::kAnd:
      return std::all_of(formula.children.begin(), formula.children.end(), child_holds);
    case Type::kOr:
      return std::any_of(formula.children.begin(), formula.children.end(), child_holds);
  }
  return false;
}

Term united(const Term& a, const Term& b) {
  Term out;
  std::set_union(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(out));
  return out;
}

// The disjunctive normal form; false when it has too many terms.
bool expand(const Formula& formula, std::vector<Term>& out) {
  switch (formula.type) {
    case Type::kEverything:
      out.assign(1, Term());
      return true;
    case Type::kCondition:
      out.assign(1, Term{formula.condition});
      return true;
    case Type::kOr:
      out.clear();
      for (const auto& child : formula.children) {
        std::vector<Term> terms;
        if (!expand(child, terms)) return false;
        std::move(terms.begin(), terms.end(), std::back_inserter(out));
        if (out.size() > kMaxTerms) return false;
      }
      return true;
    case Type::kAnd:
      out.assign(1, Term());
      for (const auto& child : formula.children) {
        std::vector<Term> terms;
        if (!expand(child, terms)) return false;
        if (out.size() * terms.size() > kMaxTerms) return false;
        std::vector<Term> product;
        for (const auto& a : out) {
          for (const auto& b : terms) product.push_back(united(a, b));
        }
        out = std::move(product);
      }
      return true;
  }
  return false;
}

}  // namespace

namespace {

// Event types that can satisfy the same patterns.
struct Group {
  std::size_t words = 1;                         // of 64 conditions each
  std::vector<std::uint32_t> first_of_field;     // FieldId or slot → range of field_conditions
  std::vector<FieldCondition> field_conditions;  // grouped by field
  std::vector<MeterPlan> candidates;             // ascending
  std::vector<std::uint64_t> masks;              // `words` each
  std::vector<Formula> trees;
  // What is tried when a bit is set: first_of_bit[words × 64] ranges, then what is always tried.
  std::vector<std::uint32_t> first_of_bit;
  std::vector<Try> tries;
  std::vector<std::uint64_t> pivots;  // the bits with a range that is not empty
};

struct TypePlan {
  std::uint32_t group = 0;
  std::uint32_t base = 0;  // of level 0; the next level's is `words` further on
};

}  // namespace

struct MatchPlan::Compiled {
  std::shared_ptr<const Catalogue> catalogue;
  std::vector<std::string> warnings;

  std::size_t n_fields = 0;
  std::vector<Group> groups;
  std::vector<TypePlan> types;      // by EventTypeId
  std::vector<std::uint64_t> base;  // the bits before any field is seen

  template <std::size_t kWords>
  void match(const Group& group, Event& event, Scratch& scratch) const;
  void match_slot(const Group& group, const FieldValue& field, Scratch& scratch) const;
  void push(const MeterPlan& plan, Event& event) const;
  void carry(const Event& event, const MeterPlan& plan, MeterHit& hit) const;
};

namespace {

void set_bit(std::uint64_t* bits, ConditionId id, bool value) {
  const auto mask = std::uint64_t{1} << (id % 64);
  auto& word = bits[id / 64];
  word = value ? word | mask : word & ~mask;
}

bool get_bit(const std::uint64_t* bits, ConditionId id) {
  return ((bits[id / 64] >> (id % 64)) & 1) != 0;
}

// Numbers the conditions of all patterns, equal ones once.
class Compiler {
 public:
  explicit Compiler(const Catalogue& catalogue) : catalogue_(catalogue) {}

  Status add(std::string_view match, NamesId names, std::string_view owner,
             std::vector<std::string>& warnings) {
    auto pattern = Pattern::parse(match);
    if (!pattern) return fail(owner, std::move(pattern).error());
    for (const auto& warning : pattern->warnings(catalogue_)) {
      warnings.push_back(std::string(owner) + ": " + warning);
    }
    names_ = names;
    formulas_.push_back(pattern->reads_line() ? number_line(*pattern) : number(pattern->root()));
    return {};
  }

  const std::vector<Formula>& formulas() const { return formulas_; }
  const std::vector<PatternCondition>& conditions() const { return conditions_; }
  const std::vector<FieldId>& slots() const { return slots_; }

 private:
  Formula number(const PatternNode& node) {
    Formula out;
    out.type = node.type;
    if (node.type == Type::kCondition) out.condition = number(node.condition);
    for (const auto& child : node.children) out.children.push_back(number(child));
    return out;
  }

  // A pattern over the line is one condition: whether its slot says that it holds.
  Formula number_line(const Pattern& pattern) {
    PatternCondition condition;
    condition.comparison = Comparison::kIsTrue;
    const auto text = pattern.canonical();
    Formula out;
    out.type = Type::kCondition;
    out.condition = number("line " + text, std::move(condition), catalogue_.match_only(text));
    return out;
  }

  ConditionId number(PatternCondition condition) {
    const auto field = catalogue_.slot(condition.selector, names_);
    if (field < catalogue_.fields().size()) {
      condition.selector = Selector();
      condition.selector.add_key(catalogue_.fields()[field].name);
    }
    auto key = canonical_text(condition);
    return number(std::move(key), std::move(condition), field);
  }

  ConditionId number(std::string key, PatternCondition condition, FieldId field) {
    const auto next = static_cast<ConditionId>(conditions_.size());
    const auto [at, inserted] = ids_.emplace(std::move(key), next);
    if (!inserted) return at->second;
    conditions_.push_back(std::move(condition));
    slots_.push_back(field);
    return next;
  }

  const Catalogue& catalogue_;
  NamesId names_ = 0;  // of the pattern in hand
  std::unordered_map<std::string, ConditionId> ids_;
  std::vector<PatternCondition> conditions_;
  std::vector<FieldId> slots_;  // ConditionId → the field or match-only slot that it reads
  std::vector<Formula> formulas_;
};

bool passes_test(const FieldCondition& entry, const Value& value) {
  switch (entry.test) {
    case Test::kAny:
      return !value.is_null();
    case Test::kWord:
      if (value.kind() == Kind::kText) return value.as_text() == entry.condition.literal.pieces[0];
      return value.kind() == Kind::kBool && holds(entry.condition, value);
    case Test::kElse:
      break;
  }
  return holds(entry.condition, value);
}

bool covers(const Group& group, const Try& one, const std::uint64_t* bits, std::size_t words) {
  if (one.is_tree) {
    return evaluate(group.trees[one.tree], [&](ConditionId bit) { return get_bit(bits, bit); });
  }
  const auto* const mask = &group.masks[one.mask];
  std::uint64_t missing = 0;
  for (std::size_t w = 0; w < words; ++w) missing |= mask[w] & ~bits[w];
  return missing == 0;
}

// Makes groups of the formulas that the compiler has numbered. A list of candidates holds the
// formulas' numbers, ascending.
class GroupBuilder {
 public:
  using Candidates = std::vector<std::uint32_t>;

  GroupBuilder(const Catalogue& catalogue, const Compiler& compiler)
      : catalogue_(catalogue), compiler_(compiler) {}

  Candidates all() const {
    Candidates out(compiler_.formulas().size());
    std::iota(out.begin(), out.end(), 0u);
    return out;
  }

  // A pattern is a candidate for a type when it can match with every other condition granted.
  Candidates candidates(std::size_t type) const {
    Candidates out;
    for (const auto i : all()) {
      const bool possible = evaluate(compiler_.formulas()[i], [&](ConditionId id) {
        const auto& condition = compiler_.conditions()[id];
        if (is_type(condition)) return at_start(id, type, Level::kDebug);
        return is_level(condition) || compiler_.slots()[id] != kNoField;
      });
      if (possible) out.push_back(i);
    }
    return out;
  }

  Group make(const Candidates& candidates) {
    Group out;
    number(candidates);
    out.words = words_of(bits_.size());
    index_fields(out);
    std::vector<std::vector<Try>> by_bit(out.words * 64 + 1);  // the last: always
    for (const auto i : candidates) {
      const auto candidate = static_cast<std::uint32_t>(out.candidates.size());
      out.candidates.push_back(plan_of(i));
      std::vector<Term> terms;
      const auto formula = renumbered(compiler_.formulas()[i]);
      if (!expand(formula, terms)) {
        by_bit.back().push_back({candidate, 0, static_cast<std::uint32_t>(out.trees.size()), true});
        out.trees.push_back(formula);
        continue;
      }
      for (const auto& term : terms) {
        const auto at = out.masks.size();
        out.masks.resize(at + out.words, 0);
        for (const auto bit : term) set_bit(&out.masks[at], bit, true);
        by_bit[pivot_of(term, by_bit.size() - 1)].push_back(
            {candidate, static_cast<std::uint32_t>(at), 0, false});
      }
    }
    out.pivots.assign(out.words, 0);
    for (std::size_t bit = 0; bit < by_bit.size(); ++bit) {
      out.first_of_bit.push_back(static_cast<std::uint32_t>(out.tries.size()));
      out.tries.insert(out.tries.end(), by_bit[bit].begin(), by_bit[bit].end());
      if (bit + 1 < by_bit.size() && !by_bit[bit].empty()) {
        set_bit(out.pivots.data(), static_cast<ConditionId>(bit), true);
      }
    }
    return out;
  }

  // Appends a type's bits, for each level, as they are before any field is seen.
  void add_base(const Candidates& candidates, std::size_t type, std::size_t words,
                std::vector<std::uint64_t>& base) {
    number(candidates);
    for (std::size_t level = 0; level < kLevels; ++level) {
      const auto at = base.size();
      base.resize(at + words, 0);
      for (std::size_t bit = 0; bit < bits_.size(); ++bit) {
        set_bit(&base[at], static_cast<ConditionId>(bit),
                at_start(bits_[bit], type, static_cast<Level>(level)));
      }
    }
  }

 private:
  static std::size_t words_of(std::size_t bits) {
    return std::max<std::size_t>(1, (bits + 63) / 64);
  }
  static bool is_type(const PatternCondition& condition) {
    return condition.selector.path() == "event_type";
  }
  static bool is_level(const PatternCondition& condition) {
    return condition.selector.path() == "level";
  }

  // What a condition says before any field is seen.
  bool at_start(ConditionId id, std::size_t type, Level level) const {
    const auto& condition = compiler_.conditions()[id];
    if (is_type(condition)) {
      return holds(condition, Value::text(catalogue_.event_types()[type].name));
    }
    if (is_level(condition)) return holds(condition, Value::text(level_name(level)));
    return compiler_.slots()[id] != kNoField && holds_when_missing(condition);
  }

  // The conditions of these formulas get bits in the order in which they stand there.
  void number(const Candidates& candidates) {
    bits_.clear();
    bit_of_.assign(compiler_.conditions().size(), kNoBit);
    const auto visit = [this](const auto& self, const Formula& formula) -> void {
      if (formula.type == Type::kCondition && bit_of_[formula.condition] == kNoBit) {
        bit_of_[formula.condition] = static_cast<std::uint32_t>(bits_.size());
        bits_.push_back(formula.condition);
      }
      for (const auto& child : formula.children) self(self, child);
    };
    for (const auto i : candidates) visit(visit, compiler_.formulas()[i]);
  }

  Formula renumbered(const Formula& formula) const {
    Formula out = formula;
    if (out.type == Type::kCondition) out.condition = bit_of_[formula.condition];
    for (auto& child : out.children) child = renumbered(child);
    return out;
  }

  void index_fields(Group& out) const {
    const auto places = catalogue_.fields().size() + catalogue_.match_only().size();
    std::vector<std::vector<FieldCondition>> by_field(places);
    for (std::size_t bit = 0; bit < bits_.size(); ++bit) {
      const auto field = compiler_.slots()[bits_[bit]];
      if (field == kNoField) continue;
      const auto& condition = compiler_.conditions()[bits_[bit]];
      by_field[field].push_back({static_cast<ConditionId>(bit), test_of(condition), condition});
    }
    for (auto& group : by_field) {
      out.first_of_field.push_back(static_cast<std::uint32_t>(out.field_conditions.size()));
      std::move(group.begin(), group.end(), std::back_inserter(out.field_conditions));
    }
    out.first_of_field.push_back(static_cast<std::uint32_t>(out.field_conditions.size()));
  }

  static Test test_of(const PatternCondition& condition) {
    if (condition.comparison != Comparison::kEqual) return Test::kElse;
    const auto& literal = condition.literal;
    if (literal.regex != nullptr) return Test::kElse;
    if (literal.is_any()) return Test::kAny;
    const bool word = !literal.has_wildcard() && !literal.is_number;
    return word ? Test::kWord : Test::kElse;
  }

  // The bit of a term that is set most seldom, as far as one can tell: one that only a field sets,
  // best to a word. `otherwise` where every bit may be set from the start.
  std::size_t pivot_of(const Term& term, std::size_t otherwise) const {
    std::size_t best = otherwise;
    int best_rank = 0;
    for (const auto bit : term) {
      const auto id = bits_[bit];
      const auto& condition = compiler_.conditions()[id];
      if (compiler_.slots()[id] == kNoField || holds_when_missing(condition)) continue;
      const int rank = test_of(condition) == Test::kWord  ? 3
                       : test_of(condition) == Test::kAny ? 1
                                                          : 2;
      if (rank <= best_rank) continue;
      best = bit;
      best_rank = rank;
    }
    return best;
  }

  MeterPlan plan_of(std::uint32_t formula) const {
    MeterPlan out;
    out.meter = static_cast<MeterId>(formula);
    if (formula >= catalogue_.meters().size()) return out;  // a measure's pattern
    const auto& meter = catalogue_.meters()[formula];
    out.kept_back =
        meter.value != kNoField && !passes(catalogue_.fields()[meter.value].field_class);
    out.other = meter.or_value;
    out.other_scale = meter.or_scale;
    if (out.kept_back || out.other != kNoField) out.carried = meter.value;
    return out;
  }

  static constexpr std::uint32_t kNoBit = 0xffffffff;
  const Catalogue& catalogue_;
  const Compiler& compiler_;
  std::vector<ConditionId> bits_;      // bit → condition
  std::vector<std::uint32_t> bit_of_;  // condition → bit
};

}  // namespace

MatchPlan::MatchPlan() : compiled_(std::make_unique<Compiled>()) {}
MatchPlan::~MatchPlan() = default;

const std::vector<std::string>& MatchPlan::warnings() const { return compiled_->warnings; }

Result<std::unique_ptr<MatchPlan>> MatchPlan::compile(
    std::shared_ptr<const Catalogue> catalogue_ptr) {
  const Catalogue& catalogue = *catalogue_ptr;
  std::unique_ptr<MatchPlan> plan(new MatchPlan());
  auto& out = *plan->compiled_;
  out.catalogue = std::move(catalogue_ptr);

  Compiler compiler(catalogue);
  for (const auto& meter : catalogue.meters()) {
    SG_TRY(compiler.add(meter.match, meter.names, "meter " + meter.name, out.warnings));
  }
  for (const auto& pattern : catalogue.reports().patterns) {
    SG_TRY(compiler.add(pattern.match, pattern.names, "measure " + pattern.match, out.warnings));
  }
  out.n_fields = catalogue.fields().size();
  GroupBuilder builder(catalogue, compiler);
  std::map<std::vector<std::uint32_t>, std::uint32_t> group_of;
  for (std::size_t type = 0; type < catalogue.event_types().size(); ++type) {
    auto candidates = builder.candidates(type);
    // Packs of many types that all differ share one group for the rest: it tries more than it
    // needs to, and matches the same.
    if (!group_of.contains(candidates) && group_of.size() + 1 >= kMaxGroups) {
      candidates = builder.all();
    }
    const auto next = static_cast<std::uint32_t>(out.groups.size());
    const auto [at, is_new] = group_of.emplace(std::move(candidates), next);
    if (is_new) out.groups.push_back(builder.make(at->first));
    out.types.push_back({at->second, static_cast<std::uint32_t>(out.base.size())});
    builder.add_base(at->first, type, out.groups[at->second].words, out.base);
  }
  return plan;
}

void MatchPlan::Compiled::push(const MeterPlan& plan, Event& event) const {
  MeterHit hit;
  hit.meter = plan.meter;
  if (plan.carried != kNoField) carry(event, plan, hit);
  event.meters.push_back(hit);
}

void MatchPlan::Compiled::carry(const Event& event, const MeterPlan& plan, MeterHit& hit) const {
  const auto last = [&](FieldId field) {
    for (auto at = event.fields.rbegin(); at != event.fields.rend(); ++at) {
      if (at->field == field) return at->value;
    }
    return Value();
  };
  auto value = last(plan.carried);
  int scale = 0;
  if (value.is_null() && plan.other != kNoField) {
    value = last(plan.other);
    scale = plan.other_scale;
  } else if (!plan.kept_back) {
    return;  // it stands in the event
  }
  hit.has_value = value.is_number();
  if (!hit.has_value) return;
  hit.value = value.as_double();
  // Divided by a whole power of ten, so that 1.23 comes out as the nearest double to it.
  for (; scale <= -9; scale += 9) hit.value /= 1e9;
  for (; scale >= 9; scale -= 9) hit.value *= 1e9;
  constexpr double kPowers[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8};
  hit.value = scale < 0 ? hit.value / kPowers[-scale] : hit.value * kPowers[scale];
}

void MatchPlan::Compiled::match_slot(const Group& group, const FieldValue& field,
                                     Scratch& scratch) const {
  const auto slot = field.field - n_fields;
  if (slot >= catalogue->match_only().size()) return;
  scratch.given_at.resize(catalogue->match_only().size());
  const bool first = scratch.given_at[slot] != scratch.event;
  scratch.given_at[slot] = scratch.event;
  const bool adds = !first && catalogue->match_only()[slot].many();
  const auto end = group.first_of_field[field.field + 1u];
  for (auto i = group.first_of_field[field.field]; i < end; ++i) {
    const auto& entry = group.field_conditions[i];
    if (adds && get_bit(scratch.holds.data(), entry.bit)) continue;
    set_bit(scratch.holds.data(), entry.bit, holds(entry.condition, field.value));
  }
}

// kWords 1 lets the compiler keep the bits in a register; 0 stands for any number.
template <std::size_t kWords>
void MatchPlan::Compiled::match(const Group& group, Event& event, Scratch& scratch) const {
  auto* const bits = scratch.holds.data();
  for (const auto& field : event.fields) {
    if (field.field >= n_fields) [[unlikely]] {
      match_slot(group, field, scratch);
      continue;
    }
    const auto end = group.first_of_field[field.field + 1u];
    for (auto i = group.first_of_field[field.field]; i < end; ++i) {
      const auto& entry = group.field_conditions[i];
      set_bit(bits, entry.bit, passes_test(entry, field.value));
    }
  }
  const auto words = kWords == 0 ? group.words : kWords;
  auto* const hits = scratch.hits.data();
  const auto try_all = [&](std::uint32_t from, std::uint32_t to) {
    for (auto i = from; i < to; ++i) {
      const auto& one = group.tries[i];
      if (covers(group, one, bits, words)) set_bit(hits, one.candidate, true);
    }
  };
  for (std::size_t w = 0; w < words; ++w) {
    for (auto live = bits[w] & group.pivots[w]; live != 0; live &= live - 1) {
      const auto bit = w * 64 + static_cast<std::size_t>(std::countr_zero(live));
      try_all(group.first_of_bit[bit], group.first_of_bit[bit + 1]);
    }
  }
  try_all(group.first_of_bit[words * 64], static_cast<std::uint32_t>(group.tries.size()));
  for (std::size_t w = 0; w < scratch.hits.size(); ++w) {
    for (auto live = hits[w]; live != 0; live &= live - 1) {
      const auto candidate = w * 64 + static_cast<std::size_t>(std::countr_zero(live));
      push(group.candidates[candidate], event);
    }
  }
}

void MatchPlan::match(Event& event, Scratch& scratch) const {
  const auto& plan = *compiled_;
  event.meters.clear();
  ++scratch.event;
  if (event.type >= plan.types.size()) event.type = kOtherEvent;
  if (event.level > Level::kCritical) event.level = Level::kCritical;
  const auto& type = plan.types[event.type];
  const auto& group = plan.groups[type.group];
  if (group.candidates.empty()) return;
  scratch.hits.assign((group.candidates.size() + 63) / 64, 0);
  scratch.holds.resize(group.words);
  const auto base = type.base + static_cast<std::size_t>(event.level) * group.words;
  std::memcpy(scratch.holds.data(), &plan.base[base], group.words * sizeof(std::uint64_t));
  if (group.words == 1) {
    plan.match<1>(group, event, scratch);
  } else {
    plan.match<0>(group, event, scratch);
  }
}

}  // namespace sightglass::event
