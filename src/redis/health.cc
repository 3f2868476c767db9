#include "redis/health.h"

#include <iterator>

namespace sightglass::redis {
namespace {

constexpr std::array<std::string_view, kFaults> kNames{"resolve", "connect", "tls",      "denied",
                                                       "refused", "timeout", "nonsense", "closed"};
constexpr std::array<std::string_view, kFaults> kNextSteps{
    "its name does not resolve; check addr of storage.runtime",
    "it takes no connection; check that it runs and that addr of storage.runtime is its address",
    "TLS fails; check tls and ca_file of storage.runtime, and the server's certificate",
    "it refuses the credentials; check username and password of storage.runtime (the password is "
    "not shown here)",
    "it refuses commands; check its role, its memory, and that its user may run the commands named "
    "in docs/backends.md",
    "it does not answer in time; check its load (SLOWLOG GET) and the network, or raise timeout of "
    "storage.runtime",
    "what answers there does not speak Redis' protocol; check host and port of storage.runtime",
    "it closes the connection; check its log and its maxclients"};

// Up to a hundred microseconds, …: classes that add up to all.
constexpr std::array<Nanos, 5> kBounds{100 * kMicrosecond, 300 * kMicrosecond, kMillisecond,
                                       3 * kMillisecond, 10 * kMillisecond};
constexpr std::array<std::string_view, 6> kClasses{"to_100us", "to_300us", "to_1ms",
                                                   "to_3ms",   "to_10ms",  "longer"};
constexpr Nanos kTellAgain = 60 * kSecond;
constexpr std::string_view kAlone = "sightglass_redis_fallback_admissions_total";
constexpr std::string_view kAloneHelp =
    "Requests decided by this gateway alone because Redis could not be asked, by result.";

}  // namespace

std::string_view fault_name(Fault fault) { return kNames[static_cast<std::size_t>(fault)]; }
std::string_view fault_next_step(Fault fault) {
  return kNextSteps[static_cast<std::size_t>(fault)];
}

Health::Health(std::string where, const Clock& clock, Telemetry& telemetry, Log& log)
    : where_(std::move(where)),
      clock_(clock),
      log_(log),
      trip_time_(telemetry.seconds_counter("sightglass_redis_round_trip_seconds_total",
                                           "Time that answers of Redis took, all together.")),
      passed_alone_(telemetry.counter(kAlone, kAloneHelp, {{"result", "passed"}})),
      refused_alone_(telemetry.counter(kAlone, kAloneHelp, {{"result", "refused"}})),
      links_(telemetry.gauge("sightglass_redis_links", "Connections to Redis that can be used.")) {
  for (std::size_t i = 0; i < kFaults; ++i) {
    faults_[i] = &telemetry.counter("sightglass_redis_errors_total",
                                    "Links to Redis that failed or could not be made, by reason.",
                                    {{"reason", std::string(kNames[i])}});
  }
  for (std::size_t i = 0; i < kClasses.size(); ++i) {
    trips_[i] = &telemetry.counter("sightglass_redis_round_trips_total",
                                   "Answers of Redis, by how long each took.",
                                   {{"took", std::string(kClasses[i])}});
  }
  since_ns_ = clock_.wall_ns();
}

void Health::failed(Fault fault, std::string_view why) {
  faults_[static_cast<std::size_t>(fault)]->add();
  std::string problem = "Redis at " + where_ + ": " + std::string(fault_next_step(fault));
  if (!why.empty()) problem.append(" (it said ").append(why).append(")");
  const std::scoped_lock lock(mutex_);
  if (ok_) since_ns_ = clock_.wall_ns();
  ok_ = false;
  problem_ = std::move(problem);
  // A server that is away, or that comes and goes, is not news every second.
  const auto now_ns = clock_.wall_ns();
  if (told_problem_ != problem_ || (!told_ && now_ns - told_ns_ > kTellAgain)) {
    told_ = true;
    told_problem_ = problem_;
    told_ns_ = now_ns;
    log_.warn("redis", problem_ +
                           ". Until then this gateway holds limits by what it knows; "
                           "requests go on");
  }
}

void Health::ready() {
  note_ready(1);
  const std::scoped_lock lock(mutex_);
  if (!ok_) since_ns_ = clock_.wall_ns();
  ok_ = true;
  problem_.clear();
  if (!std::exchange(told_, false)) return;
  log_.info("redis", "Redis at " + where_ + " answers: limits are shared again");
}

void Health::note_ready(std::int64_t step) {
  const std::scoped_lock lock(mutex_);
  ready_ += step;
  links_.set(ready_);
}

void Health::round_trip(Nanos took_ns) {
  std::size_t i = 0;
  while (i < kBounds.size() && took_ns > kBounds[i]) ++i;
  trips_[i]->add();
  trip_time_.add(static_cast<std::uint64_t>(std::max<Nanos>(took_ns, 0)));
}

void Health::admitted_alone(std::uint64_t passed, std::uint64_t refused) {
  passed_alone_.add(passed);
  refused_alone_.add(refused);
}

Health::State Health::state() const {
  State out;
  for (const auto* counter : trips_) out.round_trips += static_cast<std::int64_t>(counter->value());
  for (const auto* counter : faults_) out.errors += static_cast<std::int64_t>(counter->value());
  out.alone = static_cast<std::int64_t>(passed_alone_.value() + refused_alone_.value());
  const std::scoped_lock lock(mutex_);
  out.ok = ok_ && ready_ > 0;
  out.problem = problem_;
  if (!out.ok && out.problem.empty()) out.problem = "Redis at " + where_ + " is not connected yet";
  out.links = ready_;
  out.since_s = since_ns_ / kSecond;
  return out;
}

}  // namespace sightglass::redis
