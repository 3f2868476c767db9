#include "event/line_plan.h"

#include <map>

#include "event/line_evaluator.h"
#include "event/literal_finder.h"
#include "event/pattern.h"
#include "event/raw_line.h"

namespace sightglass::event {
namespace {

constexpr std::size_t kMaxWords = 4096;  // patterns past them are tried on every line

}  // namespace

struct LinePlan::Compiled {
  struct Entry {
    FieldId slot = kNoField;
    Pattern pattern;
    std::uint32_t first_needle = 0;  // into needles; none: the pattern is tried on every line
    std::uint32_t end_needle = 0;
  };
  std::vector<Entry> entries;
  std::vector<std::uint16_t> needles;  // bits of the finder, of which one must be set
  LiteralFinder finder;

  bool may_hold(const Entry& entry, const std::uint64_t* words) const {
    if (entry.first_needle == entry.end_needle) return true;
    for (auto i = entry.first_needle; i < entry.end_needle; ++i) {
      if (((words[needles[i] / 64] >> (needles[i] % 64)) & 1) != 0) return true;
    }
    return false;
  }
};

LinePlan::LinePlan() : compiled_(std::make_unique<Compiled>()) {}
LinePlan::~LinePlan() = default;

std::unique_ptr<LinePlan> LinePlan::compile(const Catalogue& catalogue) {
  std::unique_ptr<LinePlan> plan(new LinePlan());
  auto& out = *plan->compiled_;
  std::map<std::string, std::uint16_t> index;
  std::vector<std::string> words;
  for (std::size_t i = 0; i < catalogue.match_only().size(); ++i) {
    const auto& slot = catalogue.match_only()[i];
    if (slot.line_pattern.empty()) continue;
    auto pattern = Pattern::parse(slot.line_pattern);
    if (!pattern) continue;  // never: the catalogue took it
    const Prefilter prefilter(*pattern);
    Compiled::Entry entry{static_cast<FieldId>(catalogue.fields().size() + i), std::move(*pattern),
                          static_cast<std::uint32_t>(out.needles.size()), 0};
    const bool room = words.size() + prefilter.needles().size() <= kMaxWords;
    for (const auto& needle : prefilter.needles()) {
      if (!room) break;
      const auto [at, inserted] = index.emplace(needle, static_cast<std::uint16_t>(words.size()));
      if (inserted) words.push_back(needle);
      out.needles.push_back(at->second);
    }
    entry.end_needle = static_cast<std::uint32_t>(out.needles.size());
    out.entries.push_back(std::move(entry));
  }
  out.finder = LiteralFinder(words);
  return plan;
}

bool LinePlan::empty() const { return compiled_->entries.empty(); }

void LinePlan::match(std::string_view line, Scratch& scratch,
                     std::vector<FieldValue>& fields) const {
  const auto& plan = *compiled_;
  if (plan.entries.empty()) return;
  scratch.words.assign(plan.finder.bit_words(), 0);
  plan.finder.find(line, scratch.words.data());
  bool split = false;
  for (const auto& entry : plan.entries) {
    if (!plan.may_hold(entry, scratch.words.data())) continue;
    bool holds_here = false;
    if (const auto* const delimited = entry.pattern.delimited()) {
      if (!split) split_tokens(line, scratch.tokens);
      split = true;
      holds_here = holds(*delimited, line, scratch.tokens);
    } else {
      holds_here = holds(*entry.pattern.terms(), line);
    }
    if (holds_here) fields.push_back({entry.slot, Value::boolean(true)});
  }
}

}  // namespace sightglass::event
