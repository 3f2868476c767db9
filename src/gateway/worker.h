// Room-internal: what the requests of one worker share.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_set>
#include <vector>

#include "gateway/conventions.h"
#include "gateway/gateway.h"
#include "gateway/json_scratch.h"
#include "gateway/model_names.h"
#include "gateway/record_writer.h"

namespace sightglass::gateway {

class Request;

// What all workers share: read on the request path, written rarely.
struct Gateway::State {
  State(Shared shared_parts, std::shared_ptr<const Settings> first);

  Shared shared;
  AnsweredNames answered;
  std::atomic<bool> draining{false};
  std::atomic<std::size_t> in_flight{0};

  // The settings in force; workers look at the version and take the lock only when it moved.
  std::atomic<std::uint64_t> settings_version{1};
  mutable std::mutex settings_mutex;
  std::shared_ptr<const Settings> settings;

  // Occurrences, each counted by its own name and reason.
  std::array<Counter*, kStrippedReasons.size()> fields_stripped;  // by Stripped
  Counter& drains_completed;
  Counter& drains_capped;
  Counter& drains_refused;
  Counter& chunks_hidden;
  Counter& usage_refused;
  Counter& slow_readers;
  Counter& keys_refused;
  Counter& keys_limited;

  std::vector<std::unique_ptr<class Worker>> workers;  // by Exchange::worker()
};

// Threads: its loop's.
class Worker {
 public:
  Worker(Gateway::State& shared, Gateway::WorkerParts parts);
  ~Worker();

  Gateway::State& shared() { return shared_; }
  net::Loop& loop() { return parts_.loop; }
  net::Client& client() { return parts_.client; }
  live::Requests::Table* live() { return parts_.live; }
  Random& random() { return parts_.random; }
  control::SharedLimits* shared_limits() { return parts_.limits; }
  RecordWriter& records() { return records_; }
  JsonScratch& scratch() { return scratch_; }
  Nanos wall_ns() const { return shared_.shared.clock.wall_ns(); }
  const std::shared_ptr<const Settings>& settings();

  // Requests are reused: their buffers and timers stay.
  Request& acquire();
  void release(Request& request);

  // One more without a valid identity; told once a second.
  void count_auth_failure();

  void count_stripped(const StrippedCounts& counts);

  // As the settings choose among those that are not put aside; where all are, the one whose time is
  // up first.
  const ProviderKey& next_key(const Provider& provider, KeyChoice choice);
  void note_key_failure(const ProviderKey& key, int status, std::string_view retry_after);

  bool begin_drain(const Limits& limits);
  void end_drain() { --drains_; }

  // Providers that answered 400 only because they were asked for usage.
  bool refuses_usage(const Provider& provider) const { return refusers_.contains(provider.id); }
  void note_refuses_usage(const Provider& provider);

  // "": all. How many there were.
  std::size_t interrupt(ErrorType why, std::string_view request_id);

 private:
  void tell_auth_failures();

  Gateway::State& shared_;
  Gateway::WorkerParts parts_;
  std::shared_ptr<const Settings> settings_;
  std::uint64_t settings_version_ = 0;
  RecordWriter records_;
  JsonScratch scratch_;
  std::vector<std::unique_ptr<Request>> requests_;
  std::vector<Request*> free_;
  std::unordered_set<std::string> refusers_;
  std::size_t turn_ = 0;
  std::size_t drains_ = 0;
  std::int64_t auth_failures_ = 0;
  net::Timer auth_timer_;
};

}  // namespace sightglass::gateway
