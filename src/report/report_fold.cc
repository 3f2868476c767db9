#include "report/report_fold.h"

#include <map>
#include <mutex>

#include "event/event.h"
#include "report/evaluate.h"
#include "report/measure_state.h"

namespace sightglass::report {
namespace {

constexpr std::uint8_t kSnapshotVersion = 1;
constexpr std::size_t kMaxStates = 8'192;

// What a matched pattern sets going.
struct Action {
  const event::Measure* measure = nullptr;
  MeasureState* state = nullptr;
  std::uint16_t use = 0;
};

std::string identity(const event::Measure& measure) {
  return measure.pack + '\n' + measure.name + '\n' + measure.rule_hash;
}

}  // namespace

struct ReportFold::State {
  // The state proper: what a snapshot holds.
  journal::Position position = 0;
  Nanos accept_ns = 0;
  std::map<std::string, std::unique_ptr<MeasureState>> states;  // by identity

  // The same by the numbers of the catalogue in force.
  std::shared_ptr<const event::Catalogue> catalogue;
  std::vector<std::vector<Action>> actions;  // by pattern
  std::vector<Action> timed;                 // the measures of pairs, which expire
  std::vector<bool> needs_fields;            // by pattern
  std::size_t first_id = 0;                  // of the patterns' hits
  event::Event event;

  mutable std::mutex mutex;

  void bind(const std::shared_ptr<const event::Catalogue>& next);
  void advance(Nanos accept);
  void fold(Bytes payload);
  void act(const Action& action);
};

void ReportFold::State::bind(const std::shared_ptr<const event::Catalogue>& next) {
  if (next == nullptr || next == catalogue) return;
  catalogue = next;
  const auto& reports = catalogue->reports();
  actions.assign(reports.patterns.size(), {});
  needs_fields.assign(reports.patterns.size(), false);
  timed.clear();
  first_id = catalogue->meters().size();
  for (auto& [name, state] : states) state->bound = false;
  for (const auto& measure : reports.measures) {
    auto& state = states[identity(measure)];
    if (state == nullptr || !state->fits(measure)) state = std::make_unique<MeasureState>(measure);
    state->bound = true;
    const bool counts =
        measure.statistic == event::Statistic::kCount && measure.weight == event::kNoField;
    for (std::size_t i = 0; i < measure.uses.size(); ++i) {
      const auto pattern = measure.uses[i].pattern;
      actions[pattern].push_back({&measure, state.get(), static_cast<std::uint16_t>(i)});
      if (!counts) needs_fields[pattern] = true;
    }
    if (measure.statistic == event::Statistic::kPairs) {
      timed.push_back({&measure, state.get(), 0});
    }
  }
}

// Time has passed: what waited too long is given up, what is too old forgotten.
void ReportFold::State::advance(Nanos accept) {
  const auto before = hour_of(accept_ns);
  accept_ns = std::max(accept_ns, accept);
  for (const auto& action : timed) action.state->expire(*action.measure, accept_ns);
  const auto now = hour_of(accept_ns);
  if (now == before) return;
  for (auto at = states.begin(); at != states.end();) {
    at->second->forget_before(now - kHoursKept);
    const bool over = !at->second->bound && at->second->empty_of_days();
    at = over ? states.erase(at) : std::next(at);
  }
}

void ReportFold::State::act(const Action& action) {
  const auto hour = hour_of(event.time_ns);
  const auto now = hour_of(accept_ns);
  if (hour < now - kHoursKept || hour > now + 1) {
    ++action.state->outside;
    return;
  }
  if (action.state->handled != position) action.state->handled_roles = 0;
  action.state->handled = position;
  const auto role = 1u << static_cast<unsigned>(action.measure->uses[action.use].role);
  const bool again = (action.state->handled_roles & role) != 0;
  action.state->handled_roles |= role;
  if (again && action.state->statistic == event::Statistic::kPairs) return;
  action.state->add(*action.measure, action.use, *catalogue, event, accept_ns);
}

void ReportFold::State::fold(Bytes payload) {
  if (!event::decode_head(payload, event)) return;
  bool any = false;
  bool fields = false;
  for (const auto& hit : event.meters) {
    const auto pattern = std::size_t{hit.meter} - first_id;
    if (hit.meter < first_id || pattern >= actions.size()) continue;
    any = true;
    fields |= needs_fields[pattern];
  }
  if (!any || event.type >= catalogue->event_types().size()) return;
  if (fields && !event::decode(payload, event)) return;
  for (std::size_t i = 0; i < event.meters.size(); ++i) {
    const auto pattern = std::size_t{event.meters[i].meter} - first_id;
    if (event.meters[i].meter < first_id || pattern >= actions.size()) continue;
    for (const auto& action : actions[pattern]) act(action);
  }
}

ReportFold::ReportFold() : state_(std::make_unique<State>()) {}
ReportFold::~ReportFold() = default;

void ReportFold::apply(const journal::Reader::Batch& batch) {
  State& s = *state_;
  const std::scoped_lock lock(s.mutex);
  s.bind(batch.catalogue);
  bool advanced = false;
  for (const auto& record : batch.records) {
    if (record.position <= s.position) continue;  // folded before a restart
    if (!advanced) s.advance(batch.header.accept_ns);
    advanced = true;
    s.position = record.position;
    if (record.kind == journal::RecordKind::kEvent && s.catalogue != nullptr) {
      s.fold(record.payload);
    }
    if (record.kind == journal::RecordKind::kForget) {
      if (const auto texts = journal::Forget::decode(record.payload)) {
        for (auto& [name, state] : s.states) state->top.forget(*texts);
      }
    }
  }
}

void ReportFold::save(std::string& out) const {
  const State& s = *state_;
  const std::scoped_lock lock(s.mutex);
  ByteWriter writer(out);
  writer.u8(kSnapshotVersion);
  writer.u64(s.position);
  writer.i64(s.accept_ns);
  std::uint64_t count = 0;
  for (const auto& [name, state] : s.states) count += state->empty() ? 0 : 1;
  writer.varint(count);
  for (const auto& [name, state] : s.states) {
    if (state->empty()) continue;
    writer.string(name);
    state->save(writer);
  }
}

Status ReportFold::load(Bytes snapshot) {
  ByteReader reader(snapshot);
  const auto version = reader.u8();
  if (reader.ok() && version > kSnapshotVersion) {
    return fail(Code::kVersion, "the report snapshot was written by a newer version");
  }
  const auto position = reader.u64();
  const auto accept_ns = reader.i64();
  const auto n = reader.varint();
  std::map<std::string, std::unique_ptr<MeasureState>> states;
  if (n > kMaxStates) reader.invalidate();
  for (std::uint64_t i = 0; i < n && reader.ok(); ++i) {
    const std::string name(reader.string());
    auto state = std::make_unique<MeasureState>();
    state->load(reader);
    if (reader.ok() && (state->empty() || !states.emplace(name, std::move(state)).second)) {
      reader.invalidate();
    }
  }
  if (!reader.ok() || !reader.empty() || version == 0) {
    return fail(Code::kCorrupt, "the report snapshot is damaged");
  }
  State& s = *state_;
  const std::scoped_lock lock(s.mutex);
  s.position = position;
  s.accept_ns = accept_ns;
  s.states = std::move(states);
  s.catalogue = nullptr;  // its numbers pointed into the states of before
  s.actions.clear();
  s.timed.clear();
  return {};
}

Result<Report> ReportFold::report(const event::Catalogue& catalogue,
                                  const Question& question) const {
  const State& s = *state_;
  const std::scoped_lock lock(s.mutex);
  const auto find = [&s](const event::Measure& measure) -> const MeasureState* {
    const auto found = s.states.find(identity(measure));
    return found == s.states.end() || !found->second->fits(measure) ? nullptr : found->second.get();
  };
  SG_ASSIGN(auto made, evaluate(catalogue, question, find));
  made.position = s.position;
  return made;
}

std::shared_ptr<const event::Catalogue> ReportFold::catalogue() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->catalogue;
}

}  // namespace sightglass::report
