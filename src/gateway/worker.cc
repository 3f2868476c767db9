#include "gateway/worker.h"

#include <algorithm>

#include "base/text.h"
#include "gateway/request.h"

namespace sightglass::gateway {
namespace {

constexpr std::string_view kDrains = "sightglass_gateway_drains_total";
constexpr std::string_view kDrainsHelp =
    "Answers read on after their client had left, by how the reading ended.";

constexpr std::string_view kAside = "sightglass_gateway_keys_put_aside_total";
constexpr std::string_view kAsideHelp =
    "Times that a provider's key was put aside, by what the provider had answered.";

std::array<Counter*, kStrippedReasons.size()> stripped_counters(Telemetry& telemetry) {
  std::array<Counter*, kStrippedReasons.size()> out{};
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = &telemetry.counter("sightglass_gateway_fields_stripped_total",
                                "Header fields of callers that went no further, by reason.",
                                {{"reason", std::string(kStrippedReasons[i])}});
  }
  return out;
}

}  // namespace

Gateway::State::State(Shared shared_parts, std::shared_ptr<const Settings> first)
    : shared(shared_parts),
      settings(std::move(first)),
      fields_stripped(stripped_counters(shared.telemetry)),
      drains_completed(shared.telemetry.counter(kDrains, kDrainsHelp, {{"result", "complete"}})),
      drains_capped(shared.telemetry.counter(kDrains, kDrainsHelp, {{"result", "capped"}})),
      drains_refused(shared.telemetry.counter(kDrains, kDrainsHelp, {{"result", "refused"}})),
      chunks_hidden(
          shared.telemetry.counter("sightglass_gateway_usage_chunks_hidden_total",
                                   "Usage chunks that only our own question brought forth.")),
      usage_refused(shared.telemetry.counter(
          "sightglass_gateway_usage_questions_refused_total",
          "Requests sent again because the provider refused to be asked for usage.")),
      slow_readers(shared.telemetry.counter(
          "sightglass_gateway_slow_reader_pauses_total",
          "Times that a provider was paused because its client read slowly.")),
      keys_refused(shared.telemetry.counter(kAside, kAsideHelp, {{"reason", "refused"}})),
      keys_limited(shared.telemetry.counter(kAside, kAsideHelp, {{"reason", "rate_limited"}})) {}

Worker::Worker(Gateway::State& shared, Gateway::WorkerParts parts)
    : shared_(shared),
      parts_(parts),
      settings_(shared.settings),
      records_({parts.door, parts.producer, shared.shared.clock, shared.settings->service(),
                shared.settings->environment()}),
      auth_timer_(parts.loop, [this] { tell_auth_failures(); }) {}

Worker::~Worker() = default;

const std::shared_ptr<const Settings>& Worker::settings() {
  const auto version = shared_.settings_version.load(std::memory_order_acquire);
  if (version != settings_version_) {
    const std::scoped_lock lock(shared_.settings_mutex);
    settings_ = shared_.settings;
    settings_version_ = version;
  }
  return settings_;
}

Request& Worker::acquire() {
  if (free_.empty()) {
    requests_.push_back(std::make_unique<Request>(*this));
    free_.push_back(requests_.back().get());
  }
  Request& request = *free_.back();
  free_.pop_back();
  shared_.in_flight.fetch_add(1, std::memory_order_relaxed);
  return request;
}

void Worker::release(Request& request) {
  free_.push_back(&request);
  shared_.in_flight.fetch_sub(1, std::memory_order_relaxed);
}

void Worker::count_stripped(const StrippedCounts& counts) {
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] > 0) shared_.fields_stripped[i]->add(counts[i]);
  }
}

void Worker::count_auth_failure() {
  ++auth_failures_;
  if (!auth_timer_.armed()) auth_timer_.arm(kSecond);
}

void Worker::tell_auth_failures() {
  if (auth_failures_ > 0) records_.auth_failures(auth_failures_);
  auth_failures_ = 0;
}

const ProviderKey& Worker::next_key(const Provider& provider, KeyChoice choice) {
  const auto now = loop().now_ns();
  const auto count = provider.keys.size();
  std::size_t first = turn_++;
  if (choice == KeyChoice::kRandom) random().fill(reinterpret_cast<char*>(&first), sizeof first);
  const ProviderKey* soonest = &provider.keys[first % count];
  const ProviderKey* idlest = nullptr;
  for (std::size_t i = 0; i < count; ++i) {
    const auto& key = provider.keys[(first + i) % count];
    if (!key.state->aside(now)) {
      if (choice != KeyChoice::kLeastLoaded) return key;
      if (idlest == nullptr || key.state->running() < idlest->state->running()) idlest = &key;
    }
    if (key.state->aside_until_ns() < soonest->state->aside_until_ns()) soonest = &key;
  }
  return idlest != nullptr ? *idlest : *soonest;
}

void Worker::note_key_failure(const ProviderKey& key, int status, std::string_view retry_after) {
  // A date in place of seconds is seldom, and doubling the wait does as well.
  std::optional<Nanos> wait;
  if (const auto seconds = parse_int(trim(retry_after)); seconds && *seconds >= 0) {
    wait = std::min<std::int64_t>(*seconds, 86'400) * kSecond;
  }
  key.state->failed(wait, loop().now_ns());
  (status == 429 ? shared_.keys_limited : shared_.keys_refused).add();
}

bool Worker::begin_drain(const Limits& limits) {
  if (drains_ >= limits.drains) {
    shared_.drains_refused.add();
    return false;
  }
  ++drains_;
  return true;
}

void Worker::note_refuses_usage(const Provider& provider) {
  if (refusers_.size() < 1000) refusers_.insert(provider.id);
}

std::size_t Worker::interrupt(ErrorType why, std::string_view request_id) {
  // An interrupted request may finish at once and go to the free list; the objects stay.
  std::size_t count = 0;
  for (std::size_t i = 0; i < requests_.size(); ++i) {
    Request& request = *requests_[i];
    if (!request.active()) continue;
    if (!request_id.empty() && request.id() != request_id) continue;
    request.interrupt(why);
    ++count;
  }
  return count;
}

}  // namespace sightglass::gateway
