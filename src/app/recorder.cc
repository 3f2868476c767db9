#include "app/recorder.h"

namespace sightglass::app {

namespace {
constexpr std::size_t kRingBytes = 256 << 10;
}

Recorder::Recorder(std::unique_ptr<guard::Door> door, journal::Journal& journal, const Clock& clock)
    : door_(std::move(door)),
      journal_(journal),
      producer_(journal.add_producer(kRingBytes)),
      clock_(clock) {}

void Recorder::encode(std::string_view event_type, const std::vector<NamedValue>& fields) {
  const auto& catalogue = door_->catalogue();
  event_.type = catalogue.event_type(event_type);
  event_.level = catalogue.event_types()[event_.type].level;
  event_.time_ns = clock_.wall_ns();
  event_.meters.clear();
  event_.fields.clear();
  for (const auto& [name, value] : fields) {
    const auto field = catalogue.field(name);
    if (field != event::kNoField && !value.is_null()) event_.fields.push_back({field, value});
  }
  payload_.clear();
  door_->pass(event_, payload_);
}

void Recorder::record(std::string_view event_type, const std::vector<NamedValue>& fields) {
  const std::scoped_lock lock(mutex_);
  encode(event_type, fields);
  producer_.offer(journal::RecordKind::kEvent, payload_);
}

Status Recorder::with_no_one_inside(const std::function<Status()>& change,
                                    const std::function<std::unique_ptr<guard::Door>()>& fresh) {
  const std::unique_lock alone(inside_);
  const std::scoped_lock lock(mutex_);
  SG_TRY(change());
  door_->become(fresh());
  return {};
}

Status Recorder::record_durably(std::string_view event_type,
                                const std::vector<NamedValue>& fields) {
  const std::shared_lock inside(inside_);
  std::string payload;
  {
    const std::scoped_lock lock(mutex_);
    encode(event_type, fields);
    payload = payload_;
  }
  const auto position = journal_.append(journal::RecordKind::kEvent, payload);
  if (!position) return std::unexpected(position.error());
  return {};
}

Result<journal::Position> Recorder::record_event_durably(
    const std::function<bool(const event::Catalogue&, event::Event&)>& fill) {
  const std::shared_lock inside(inside_);
  std::string payload;
  {
    const std::scoped_lock lock(mutex_);
    event_.meters.clear();
    event_.fields.clear();
    if (!fill(door_->catalogue(), event_)) return fail(Code::kNotFound, "there is no such event");
    payload_.clear();
    door_->pass(event_, payload_);
    payload = payload_;
  }
  return journal_.append(journal::RecordKind::kEvent, payload);
}

}  // namespace sightglass::app
