#include "base/telemetry.h"

namespace sightglass {

Telemetry::Entry& Telemetry::entry(std::string_view name, std::string_view help, Kind kind,
                                   Labels labels) {
  auto& family = families_[std::string(name)];
  if (family.entries.empty()) {
    family.help = help;
    family.kind = kind;
  }
  for (auto& existing : family.entries) {
    if (existing.labels == labels) return existing;
  }
  return family.entries.emplace_back(Entry{std::move(labels), nullptr, 1, nullptr, {}});
}

Counter& Telemetry::counter(std::string_view name, std::string_view help, Labels labels) {
  const std::scoped_lock lock(mutex_);
  auto& slot = entry(name, help, Kind::kCounter, std::move(labels));
  if (slot.counter == nullptr) slot.counter = &counters_.emplace_back();
  return *slot.counter;
}

Counter& Telemetry::seconds_counter(std::string_view name, std::string_view help, Labels labels) {
  const std::scoped_lock lock(mutex_);
  auto& slot = entry(name, help, Kind::kCounter, std::move(labels));
  if (slot.counter == nullptr) slot.counter = &counters_.emplace_back();
  slot.scale = 1e-9;
  return *slot.counter;
}

Gauge& Telemetry::gauge(std::string_view name, std::string_view help, Labels labels) {
  const std::scoped_lock lock(mutex_);
  auto& slot = entry(name, help, Kind::kGauge, std::move(labels));
  if (slot.gauge == nullptr) slot.gauge = &gauges_.emplace_back();
  return *slot.gauge;
}

void Telemetry::gauge_function(std::string_view name, std::string_view help, Kind kind,
                               std::function<double()> read, Labels labels) {
  const std::scoped_lock lock(mutex_);
  entry(name, help, kind, std::move(labels)).read = std::move(read);
}

std::vector<Telemetry::Family> Telemetry::collect() const {
  const std::scoped_lock lock(mutex_);
  std::vector<Family> out;
  out.reserve(families_.size());
  for (const auto& [name, registered] : families_) {
    auto& family = out.emplace_back(Family{name, registered.help, registered.kind, {}});
    for (const auto& slot : registered.entries) {
      double value = 0;
      if (slot.counter != nullptr) {
        value = static_cast<double>(slot.counter->value()) * slot.scale;
      }
      if (slot.gauge != nullptr) value = static_cast<double>(slot.gauge->value());
      if (slot.read) value = slot.read();
      family.samples.push_back({slot.labels, value});
    }
  }
  return out;
}

}  // namespace sightglass
