#include "control/clients_fold.h"

#include <algorithm>

#include "event/event.h"

namespace sightglass::control {
namespace {

constexpr std::uint8_t kSnapshotVersion = 1;
constexpr std::size_t kMaxReserved = 65'536;
constexpr std::uint64_t kFewestOutputs = 20;  // fewer say nothing about a model

// The fields that this fold reads, in the numbers of one catalogue.
struct Fields {
  event::FieldId request_id = event::kNoField, client = event::kNoField, provider = event::kNoField,
                 model = event::kNoField, outcome = event::kNoField, error_type = event::kNoField,
                 total_tokens = event::kNoField, output_tokens = event::kNoField,
                 cost = event::kNoField, reserved = event::kNoField, start_time = event::kNoField,
                 ingested = event::kNoField;
  Fields() = default;
  explicit Fields(const event::Catalogue& c)
      : request_id(c.field("request_id")),
        client(c.field("client")),
        provider(c.field("provider")),
        model(c.field("model")),
        outcome(c.field("outcome")),
        error_type(c.field("error_type")),
        total_tokens(c.field("total_tokens")),
        output_tokens(c.field("output_tokens")),
        cost(c.field("cost_nanousd")),
        reserved(c.field("reserved_nanousd")),
        start_time(c.field("start_time_ns")),
        ingested(c.field("ingested")) {}
};

}  // namespace

struct ClientsFold::State {
  // What a snapshot holds.
  journal::Position position = 0;
  std::map<std::string, ClientUse, std::less<>> uses;
  OutputSizes outputs;
  struct Reserved {
    std::string request_id;
    std::int64_t nanousd = 0;
  };
  std::map<journal::Position, Reserved> reserved;

  // By request id; an id that a client used twice has two.
  std::multimap<std::string, journal::Position, std::less<>> reserved_ids;
  mutable std::mutex mutex;
  std::shared_ptr<const event::Catalogue> catalogue;
  Fields fields;
  event::Event event;

  std::string_view text(event::FieldId field) const { return event.get(field).as_text(); }
  std::int64_t number(event::FieldId field) const { return event.get(field).as_int(); }

  void fold(journal::Position at, Bytes payload) {
    if (!event::decode(payload, event)) return;
    const auto& types = catalogue->event_types();
    if (event.type >= types.size() || event.get(fields.ingested).as_bool()) return;
    if (types[event.type].start) begin(at);
    if (types[event.type].terminal) end();
  }

  void begin(journal::Position at) {
    const auto nanousd = number(fields.reserved);
    if (nanousd <= 0) return;
    if (reserved.size() >= kMaxReserved) release(reserved.begin());
    keep(at, {std::string(text(fields.request_id)), nanousd});
  }

  void keep(journal::Position at, Reserved what) {
    reserved_ids.emplace(what.request_id, at);
    reserved.emplace(at, std::move(what));
  }

  void release(std::map<journal::Position, Reserved>::iterator at) {
    const auto [first, last] = reserved_ids.equal_range(at->second.request_id);
    reserved_ids.erase(
        std::find_if(first, last, [&](const auto& e) { return e.second == at->first; }));
    reserved.erase(at);
  }

  // What was reserved for the request that ends; a terminal ends the oldest start of its id.
  std::int64_t take_reserved() {
    const auto found = reserved_ids.lower_bound(text(fields.request_id));
    if (found == reserved_ids.end() || found->first != text(fields.request_id)) return 0;
    const auto at = reserved.find(found->second);
    const auto nanousd = at->second.nanousd;
    release(at);
    return nanousd;
  }

  void end() {
    const auto held = take_reserved();
    const auto outcome = text(fields.outcome);
    const auto output = event.get(fields.output_tokens);
    if (output.is_number() && outcome == "ok" && !text(fields.model).empty()) {
      outputs.add(text(fields.model), output.as_int(), event.time_ns);
    }
    const auto client = text(fields.client);
    if (client.empty() || client == "anonymous") return;
    Ended ended;
    ended.time_ns = event.time_ns;
    const auto started = number(fields.start_time);
    ended.start_ns = started != 0 ? started : event.time_ns;
    ended.provider = text(fields.provider);
    ended.error_type = text(fields.error_type);
    ended.rejected = outcome == "rejected";
    ended.failed = outcome == "error" || outcome == "timeout";
    ended.tokens = std::max<std::int64_t>(number(fields.total_tokens), 0);
    const auto cost = event.get(fields.cost);
    ended.nanousd = std::max<std::int64_t>(cost.is_null() ? held : cost.as_int(), 0);
    use_of(client).add(ended);
  }

  ClientUse& use_of(std::string_view client) {
    const auto found = uses.find(client);
    if (found != uses.end()) return found->second;
    if (uses.size() >= kMaxUses) {
      uses.erase(std::min_element(uses.begin(), uses.end(), [](const auto& a, const auto& b) {
        return a.second.last_ns() < b.second.last_ns();
      }));
    }
    return uses[std::string(client)];
  }
};

ClientsFold::ClientsFold() : state_(std::make_unique<State>()) {}
ClientsFold::~ClientsFold() = default;

void ClientsFold::apply(const journal::Reader::Batch& batch) {
  State& s = *state_;
  const std::scoped_lock lock(s.mutex);
  if (batch.catalogue != nullptr && s.catalogue != batch.catalogue) {
    s.catalogue = batch.catalogue;
    s.fields = Fields(*batch.catalogue);
  }
  for (const auto& record : batch.records) {
    if (record.position <= s.position) continue;  // folded before a restart
    s.position = record.position;
    if (record.kind == journal::RecordKind::kEvent && s.catalogue != nullptr) {
      s.fold(record.position, record.payload);
    }
  }
}

void ClientsFold::save(std::string& out) const {
  const State& s = *state_;
  const std::scoped_lock lock(s.mutex);
  ByteWriter writer(out);
  writer.u8(kSnapshotVersion);
  writer.u64(s.position);
  writer.varint(s.uses.size());
  for (const auto& [client, use] : s.uses) {
    writer.string(client);
    use.save(writer);
  }
  s.outputs.save(writer);
  writer.varint(s.reserved.size());
  for (const auto& [at, what] : s.reserved) {
    writer.varint(at);
    writer.string(what.request_id);
    writer.zigzag(what.nanousd);
  }
}

Status ClientsFold::load(Bytes snapshot) {
  ByteReader in(snapshot);
  auto fresh = std::make_unique<State>();
  const auto version = in.u8();
  if (in.ok() && version > kSnapshotVersion) {
    return fail(Code::kVersion, "the clients' snapshot was written by a newer version");
  }
  fresh->position = in.u64();
  const auto uses = in.varint();
  bool good = version == kSnapshotVersion && in.ok() && uses <= kMaxUses;
  for (std::uint64_t i = 0; good && i < uses; ++i) {
    const auto [at, made] = fresh->uses.try_emplace(std::string(in.string()));
    if (made) at->second.load(in);
    good = made && in.ok();
  }
  fresh->outputs.load(in);
  const auto reserved = in.varint();
  good = good && in.ok() && reserved <= kMaxReserved;
  for (std::uint64_t i = 0; good && i < reserved; ++i) {
    const auto at = in.varint();
    std::string id(in.string());
    const auto nanousd = in.zigzag();
    good = in.ok() && nanousd > 0 && !fresh->reserved.contains(at);
    if (good) fresh->keep(at, {std::move(id), nanousd});
  }
  if (!good || !in.ok() || !in.empty()) {
    return fail(Code::kCorrupt, "the clients' snapshot is damaged");
  }
  state_ = std::move(fresh);
  return {};
}

Spending ClientsFold::spending(const std::string& client_id) const {
  const auto found = use(client_id);
  return found ? found->spending() : Spending{};
}

std::optional<ClientUse> ClientsFold::use(std::string_view client_id) const {
  const std::scoped_lock lock(state_->mutex);
  const auto found = state_->uses.find(client_id);
  if (found == state_->uses.end()) return std::nullopt;
  return found->second;
}

Nanos ClientsFold::last_used_ns(std::string_view client_id) const {
  const std::scoped_lock lock(state_->mutex);
  const auto found = state_->uses.find(client_id);
  return found == state_->uses.end() ? 0 : found->second.last_ns();
}

std::map<std::string, std::int64_t, std::less<>> ClientsFold::usual_outputs(Nanos now_ns) const {
  const std::scoped_lock lock(state_->mutex);
  return state_->outputs.p99(now_ns, kFewestOutputs);
}

}  // namespace sightglass::control
