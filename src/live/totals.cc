#include "live/totals.h"

#include <algorithm>
#include <mutex>
#include <set>

#include "base/bytes.h"
#include "event/event.h"
#include "live/report.h"
#include "live/tally.h"

namespace sightglass::live {
namespace {

constexpr std::uint8_t kSnapshotVersion = 1;
constexpr std::size_t kMaxErrors = 100;
constexpr std::size_t kMaxTraces = 200;
constexpr std::size_t kMaxOpen = 65'536;  // the oldest is forgotten past it

// The fields that this fold reads, in the numbers of one catalogue.
struct Fields {
  event::FieldId request_id = event::kNoField, provider = event::kNoField,
                 endpoint = event::kNoField, model_requested = event::kNoField,
                 model_upstream = event::kNoField, model = event::kNoField, key = event::kNoField,
                 client = event::kNoField, outcome = event::kNoField, error_type = event::kNoField,
                 is_streaming = event::kNoField, input = event::kNoField,
                 cache_read = event::kNoField, cache_write_5m = event::kNoField,
                 cache_write_1h = event::kNoField, output = event::kNoField, cost = event::kNoField,
                 unpriced = event::kNoField, summary = event::kNoField, latency = event::kNoField,
                 tool_uses = event::kNoField, tool_results = event::kNoField,
                 tool_calls = event::kNoField, start_time = event::kNoField,
                 ingested = event::kNoField;

  explicit Fields(const event::Catalogue& c)
      : request_id(c.field("request_id")),
        provider(c.field("provider")),
        endpoint(c.field("endpoint")),
        model_requested(c.field("model_requested")),
        model_upstream(c.field("model_upstream")),
        model(c.field("model")),
        key(c.field("key")),
        client(c.field("client")),
        outcome(c.field("outcome")),
        error_type(c.field("error_type")),
        is_streaming(c.field("is_streaming")),
        input(c.field("input_tokens")),
        cache_read(c.field("cache_read_tokens")),
        cache_write_5m(c.field("cache_write_5m_tokens")),
        cache_write_1h(c.field("cache_write_1h_tokens")),
        output(c.field("output_tokens")),
        cost(c.field("cost_nanousd")),
        unpriced(c.field("unpriced_reason")),
        summary(c.field("summary_requests")),
        latency(c.field("latency_us")),
        tool_uses(c.field("tool_uses")),
        tool_results(c.field("tool_results")),
        tool_calls(c.field("tool_calls")),
        start_time(c.field("start_time_ns")),
        ingested(c.field("ingested")) {}
  Fields() = default;
};

void save_trace(const Trace& t, ByteWriter& out) {
  out.varint(t.seq);
  out.i64(t.end_ns);
  for (const auto* text : {&t.request_id, &t.provider, &t.model, &t.outcome, &t.error_type}) {
    out.string(*text);
  }
  out.u8(t.is_streaming ? 1 : 0);
  for (const auto n : {t.duration_us, t.input_tokens, t.output_tokens, t.cache_read_tokens,
                       t.cache_creation_tokens, t.tool_uses, t.tool_calls, t.tool_results}) {
    out.zigzag(n);
  }
}

Trace load_trace(ByteReader& in) {
  Trace t;
  t.seq = in.varint();
  t.end_ns = in.i64();
  for (auto* text : {&t.request_id, &t.provider, &t.model, &t.outcome, &t.error_type}) {
    *text = in.string();
  }
  t.is_streaming = in.u8() != 0;
  for (auto* n : {&t.duration_us, &t.input_tokens, &t.output_tokens, &t.cache_read_tokens,
                  &t.cache_creation_tokens, &t.tool_uses, &t.tool_calls, &t.tool_results}) {
    *n = in.zigzag();
  }
  return t;
}

void save_open(const OpenStart& o, ByteWriter& out) {
  for (const auto* text : {&o.request_id, &o.provider, &o.endpoint, &o.model_requested,
                           &o.model_upstream, &o.model, &o.key, &o.client}) {
    out.string(*text);
  }
  out.u8(o.is_streaming ? 1 : 0);
  out.i64(o.start_ns);
}

OpenStart load_open(ByteReader& in) {
  OpenStart o;
  for (auto* text : {&o.request_id, &o.provider, &o.endpoint, &o.model_requested, &o.model_upstream,
                     &o.model, &o.key, &o.client}) {
    *text = in.string();
  }
  o.is_streaming = in.u8() != 0;
  o.start_ns = in.i64();
  return o;
}

void save_ring(const std::deque<Trace>& ring, ByteWriter& out) {
  out.varint(ring.size());
  for (const auto& trace : ring) save_trace(trace, out);
}

void load_ring(ByteReader& in, std::deque<Trace>& ring) {
  const auto n = in.varint();
  for (std::uint64_t i = 0; i < n && in.ok(); ++i) ring.push_back(load_trace(in));
}

std::vector<Trace> newest_first(const std::deque<Trace>& ring, std::size_t limit) {
  const auto n = std::min(limit, ring.size());
  return {ring.rbegin(), ring.rbegin() + static_cast<std::ptrdiff_t>(n)};
}

}  // namespace

struct TotalsFold::State {
  // The state proper: what a snapshot holds.
  journal::Position position = 0;
  journal::Totals totals;
  Tally tally;
  std::deque<Trace> errors, traces;  // oldest first
  std::map<journal::Position, OpenStart> open;
  std::uint64_t since_summary = 0;

  // Starts by request id; an id that a client used twice has two.
  std::set<std::pair<std::string, journal::Position>> open_ids;

  // This process' own view, for `since_start`; not in the snapshot.
  bool started = false;
  Tally since;

  mutable std::mutex mutex;
  std::shared_ptr<const event::Catalogue> catalogue;
  Fields fields;
  event::EventTypeId summary_type = event::kOtherEvent;
  event::Event event;

  std::string text(event::FieldId field) const { return std::string(event.get(field).as_text()); }
  std::int64_t number(event::FieldId field) const { return event.get(field).as_int(); }

  void bind(const std::shared_ptr<const event::Catalogue>& next);
  void fold(journal::Position at, Bytes payload);
  void open_request(journal::Position at);
  void close_request(std::string_view request_id);
  void complete(journal::Position at);
  Trace trace_of(journal::Position at) const;
  void forget(std::map<journal::Position, OpenStart>::iterator at);
};

void TotalsFold::State::bind(const std::shared_ptr<const event::Catalogue>& next) {
  if (next == nullptr || catalogue == next) return;
  catalogue = next;
  fields = Fields(*next);
  summary_type = next->event_type("metrics_summary");
}

void TotalsFold::State::forget(std::map<journal::Position, OpenStart>::iterator at) {
  open_ids.erase({at->second.request_id, at->first});
  open.erase(at);
}

void TotalsFold::State::open_request(journal::Position at) {
  OpenStart start;
  start.request_id = text(fields.request_id);
  start.provider = text(fields.provider);
  start.endpoint = text(fields.endpoint);
  start.model_requested = text(fields.model_requested);
  start.model_upstream = text(fields.model_upstream);
  start.model = text(fields.model);
  start.key = text(fields.key);
  start.client = text(fields.client);
  start.is_streaming = event.get(fields.is_streaming).as_bool();
  const auto started_ns = number(fields.start_time);
  start.start_ns = started_ns != 0 ? started_ns : event.time_ns;
  if (open.size() >= kMaxOpen) forget(open.begin());
  open_ids.emplace(start.request_id, at);
  open.emplace(at, std::move(start));
}

// A terminal ends the oldest start of its id.
void TotalsFold::State::close_request(std::string_view request_id) {
  const auto at = open_ids.lower_bound({std::string(request_id), 0});
  if (at == open_ids.end() || at->first != request_id) return;
  forget(open.find(at->second));
}

Trace TotalsFold::State::trace_of(journal::Position at) const {
  Trace t;
  t.seq = at;
  t.end_ns = event.time_ns;
  t.request_id = text(fields.request_id);
  t.provider = text(fields.provider);
  if (t.provider.empty()) t.provider = "unknown";
  t.model = text(fields.model_upstream);
  if (t.model.empty()) t.model = text(fields.model);
  t.outcome = text(fields.outcome);
  t.error_type = text(fields.error_type);
  t.is_streaming = event.get(fields.is_streaming).as_bool();
  t.duration_us = number(fields.latency);
  t.input_tokens = number(fields.input);
  t.output_tokens = number(fields.output);
  t.cache_read_tokens = number(fields.cache_read);
  t.cache_creation_tokens = number(fields.cache_write_5m) + number(fields.cache_write_1h);
  t.tool_uses = number(fields.tool_uses);
  t.tool_calls = number(fields.tool_calls);
  t.tool_results = number(fields.tool_results);
  return t;
}

void TotalsFold::State::complete(journal::Position at) {
  Trace trace = trace_of(at);
  close_request(trace.request_id);
  const bool failed = trace.outcome == "error" || trace.outcome == "timeout";
  Split split;
  split.requests = 1;
  split.errors = failed ? 1 : 0;
  split.input_tokens = trace.input_tokens;
  split.output_tokens = trace.output_tokens;
  split.cache_read_tokens = trace.cache_read_tokens;
  split.cache_creation_tokens = trace.cache_creation_tokens;
  split.tool_uses = trace.tool_uses;
  split.tool_results = trace.tool_results;
  split.tool_calls = trace.tool_calls;
  split.duration_us = trace.duration_us;
  // By the label's name, which is bounded and the one that /metrics shows.
  const auto model = event.get(fields.model).as_text();
  for (Tally* to : {&tally, started ? &since : nullptr}) {
    if (to == nullptr) continue;
    to->add_request(trace.provider, model, trace.is_streaming, split, trace.end_ns);
    if (failed) to->add_error_type(trace.error_type.empty() ? "_OTHER" : trace.error_type);
  }
  ++totals.requests;
  totals.input_tokens += static_cast<std::uint64_t>(trace.input_tokens + trace.cache_read_tokens +
                                                    trace.cache_creation_tokens);
  totals.output_tokens += static_cast<std::uint64_t>(trace.output_tokens);
  totals.cost_nanousd += number(fields.cost);
  totals.unpriced += event.get(fields.unpriced).is_null() ? 0 : 1;
  ++since_summary;
  if (failed) {
    errors.push_back(trace);
    if (errors.size() > kMaxErrors) errors.pop_front();
  }
  traces.push_back(std::move(trace));
  if (traces.size() > kMaxTraces) traces.pop_front();
}

void TotalsFold::State::fold(journal::Position at, Bytes payload) {
  if (!event::decode(payload, event)) return;
  const auto& types = catalogue->event_types();
  if (event.type >= types.size()) return;
  if (event.get(fields.ingested).as_bool()) return;  // an application's, not a request of ours
  const event::EventType& type = types[event.type];
  if (type.start) open_request(at);
  if (type.terminal) complete(at);
  if (event.type == summary_type && summary_type != event::kOtherEvent) {
    // What it told of is over; what completed since it was built belongs to the next one.
    const auto told = static_cast<std::uint64_t>(std::max<std::int64_t>(0, number(fields.summary)));
    since_summary -= std::min(since_summary, told);
  }
}

TotalsFold::TotalsFold() : state_(std::make_unique<State>()) {}
TotalsFold::~TotalsFold() = default;

void TotalsFold::apply(const journal::Reader::Batch& batch) {
  State& s = *state_;
  const std::scoped_lock lock(s.mutex);
  s.bind(batch.catalogue);
  for (const auto& record : batch.records) {
    if (record.position <= s.position) continue;  // folded before a restart
    s.position = record.position;
    if (record.kind == journal::RecordKind::kEvent && s.catalogue != nullptr) {
      s.fold(record.position, record.payload);
    }
  }
}

void TotalsFold::save(std::string& out) const {
  const State& s = *state_;
  const std::scoped_lock lock(s.mutex);
  ByteWriter writer(out);
  writer.u8(kSnapshotVersion);
  writer.u64(s.position);
  writer.u64(s.totals.requests);
  writer.u64(s.totals.input_tokens);
  writer.u64(s.totals.output_tokens);
  writer.i64(s.totals.cost_nanousd);
  writer.u64(s.totals.unpriced);
  s.tally.save(writer);
  save_ring(s.errors, writer);
  save_ring(s.traces, writer);
  writer.varint(s.open.size());
  for (const auto& [at, start] : s.open) {
    writer.varint(at);
    save_open(start, writer);
  }
  writer.varint(s.since_summary);
}

Status TotalsFold::load(Bytes snapshot) {
  ByteReader reader(snapshot);
  auto fresh = std::make_unique<State>();
  const auto version = reader.u8();
  if (reader.ok() && version > kSnapshotVersion) {
    return fail(Code::kVersion, "the live snapshot was written by a newer version");
  }
  fresh->position = reader.u64();
  fresh->totals.requests = reader.u64();
  fresh->totals.input_tokens = reader.u64();
  fresh->totals.output_tokens = reader.u64();
  fresh->totals.cost_nanousd = reader.i64();
  fresh->totals.unpriced = reader.u64();
  const bool tally_read = fresh->tally.load(reader);
  load_ring(reader, fresh->errors);
  load_ring(reader, fresh->traces);
  const auto open = reader.varint();
  for (std::uint64_t i = 0; i < open && reader.ok(); ++i) {
    const auto at = reader.varint();
    auto start = load_open(reader);
    fresh->open_ids.emplace(start.request_id, at);
    fresh->open.emplace(at, std::move(start));
  }
  fresh->since_summary = reader.varint();
  if (!tally_read || !reader.ok() || !reader.empty() || version == 0) {
    return fail(Code::kCorrupt, "the live snapshot is damaged");
  }
  const std::scoped_lock lock(state_->mutex);
  State& s = *state_;
  s.position = fresh->position;
  s.totals = fresh->totals;
  s.tally = std::move(fresh->tally);
  s.errors = std::move(fresh->errors);
  s.traces = std::move(fresh->traces);
  s.open = std::move(fresh->open);
  s.open_ids = std::move(fresh->open_ids);
  s.since_summary = fresh->since_summary;
  return {};
}

journal::Totals TotalsFold::totals() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->totals;
}

void TotalsFold::mark_start() {
  const std::scoped_lock lock(state_->mutex);
  state_->started = true;
  state_->since = Tally();
}

std::vector<OpenStart> TotalsFold::open_starts() const {
  const std::scoped_lock lock(state_->mutex);
  std::vector<OpenStart> out;
  for (const auto& [at, start] : state_->open) out.push_back(start);
  return out;
}

std::uint64_t TotalsFold::completed_since_summary() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->since_summary;
}

Report TotalsFold::report(const RunningTotalsQuery& query, const Requests& active,
                          Nanos now_wall_ns) const {
  bool truncated = false;
  std::vector<RequestRow> rows;
  if (query.include_active) rows = active.snapshot(SIZE_MAX, truncated);
  const auto count = query.include_active ? rows.size() : active.count();
  const std::scoped_lock lock(state_->mutex);
  const Tally& tally = query.since_start ? state_->since : state_->tally;
  return make_report(tally, query, rows, count, now_wall_ns);
}

std::string TotalsFold::running_totals_yaml(const RunningTotalsQuery& query, const Requests& active,
                                            Nanos now_wall_ns) const {
  return report_yaml(report(query, active, now_wall_ns));
}

std::string TotalsFold::running_totals_json(const RunningTotalsQuery& query, const Requests& active,
                                            Nanos now_wall_ns) const {
  return report_json(report(query, active, now_wall_ns));
}

std::vector<Trace> TotalsFold::recent_errors(std::size_t limit) const {
  const std::scoped_lock lock(state_->mutex);
  return newest_first(state_->errors, limit);
}

std::vector<Trace> TotalsFold::recent_traces(std::size_t limit) const {
  const std::scoped_lock lock(state_->mutex);
  return newest_first(state_->traces, limit);
}

TotalsFold::Summary TotalsFold::summary() const {
  Summary out;
  std::map<std::string, std::int64_t> models;
  {
    const std::scoped_lock lock(state_->mutex);
    for (const auto& [provider, by_model] : state_->tally.providers()) {
      for (const auto& [model, halves] : by_model) {
        const Split total = halves.total();
        add(out.all, total);
        models[model.empty() ? "unknown" : model] += total.requests;
      }
    }
    out.errors.assign(state_->tally.error_types().begin(), state_->tally.error_types().end());
  }
  out.models.assign(models.begin(), models.end());
  const auto most_first = [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  };
  std::sort(out.models.begin(), out.models.end(), most_first);
  std::sort(out.errors.begin(), out.errors.end(), most_first);
  return out;
}

}  // namespace sightglass::live
