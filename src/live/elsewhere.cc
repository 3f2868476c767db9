#include "live/elsewhere.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <utility>

#include "live/listing.h"

namespace sightglass::live {
namespace {

constexpr Nanos kWatchedFor = 5 * kSecond;
constexpr Nanos kLongAgo = -3'600 * kSecond;
constexpr Nanos kMostDelay = kSecond;  // of a listing on its way, beyond what is known of it
constexpr Nanos kWallStep = 100 * kMillisecond;  // less is the time between two readings of clocks

}  // namespace

Elsewhere::Elsewhere(const Clock& clock, Telemetry& telemetry, std::function<void()> hurry)
    : clock_(clock),
      hurry_(std::move(hurry)),
      nonsense_(
          telemetry.counter("sightglass_redis_inflight_nonsense_total",
                            "Listings of other gateways' requests in flight that cannot be read.")),
      watched_ns_(kLongAgo),
      updated_ns_(kLongAgo),
      whole_ns_(kLongAgo) {}

// A listing took some time to come, which makes its gateway's clock seem further behind than it is:
// an estimate is never too small, but by what came late. The smallest of the last ones stays, so
// that starts do not jump, and it follows when clocks drift apart.
void Elsewhere::take(const Heard& heard, Nanos now_ns, Known& known) {
  auto listing = read_listing(*heard.listing);
  if (!listing) {
    nonsense_.add();
    known.rows = nullptr;
    known.requests = 0;
    return;
  }
  const auto estimate = now_ns - std::max<Nanos>(heard.listing_age_ns, 0) - listing->told_ns;
  known.clock_offset_ns =
      std::clamp(known.clock_offset_ns.value_or(estimate), estimate - kMostDelay, estimate);
  for (auto& row : listing->rows) {
    row.start_monotonic_ns += *known.clock_offset_ns;
    row.start_wall_ns = row.start_monotonic_ns + wall_offset_ns_;
  }
  known.requests = listing->requests;
  known.rows = std::make_shared<const std::vector<RequestRow>>(std::move(listing->rows));
}

void Elsewhere::update(const std::vector<Heard>& heard, bool whole) {
  const std::scoped_lock lock(mutex_);
  const auto now = clock_.monotonic_ns();
  const auto wall_offset = clock_.wall_ns() - now;
  if (std::abs(wall_offset - wall_offset_ns_) > kWallStep) wall_offset_ns_ = wall_offset;
  std::map<std::string, Known> next;
  for (const auto& one : heard) {
    auto& known = next[one.gateway];
    if (const auto before = known_.find(one.gateway); before != known_.end()) {
      known = before->second;
    }
    known.heard_ns = now - std::max<Nanos>(one.age_ns, 0);
    if (whole && one.listing) {
      take(one, now, known);
    } else {  // old rows are not kept for whoever looks next
      known.rows = nullptr;
      known.requests = 0;
    }
  }
  known_ = std::move(next);
  updated_ns_ = now;
  const auto print = fingerprint();
  if (std::exchange(last_fingerprint_, print) != print) {
    version_.fetch_add(1, std::memory_order_release);
  }
  if (!whole) return;
  whole_ns_ = now;
  ++whole_readings_;
  read_.notify_all();
}

// Of who is there and which requests each has.
std::uint64_t Elsewhere::fingerprint() const {
  std::uint64_t sum = 0;
  const auto add = [&sum](std::string_view text) {
    sum = sum * 0x9e3779b97f4a7c15u + std::hash<std::string_view>()(text) + 1;
  };
  for (const auto& [name, known] : known_) {
    add(name);
    if (!known.rows) continue;
    for (const auto& row : *known.rows) add(row.request_id);
  }
  return sum;
}

std::vector<Elsewhere::Gateway> Elsewhere::gateways() const {
  const std::scoped_lock lock(mutex_);
  const auto now = clock_.monotonic_ns();
  std::vector<Gateway> out;
  for (const auto& [name, known] : known_) {
    Gateway gateway{name, known.requests, known.rows, known.heard_ns};
    if (gateway.age_ns(now) < kGoneAfter) out.push_back(std::move(gateway));
  }
  return out;
}

bool Elsewhere::reachable() const {
  const std::scoped_lock lock(mutex_);
  return clock_.monotonic_ns() - updated_ns_ < kStaleAfter;
}

void Elsewhere::watch() {
  const bool is_new = !watched();
  watched_ns_.store(clock_.monotonic_ns(), std::memory_order_relaxed);
  if (is_new) hurry_();
}

bool Elsewhere::watched() const {
  return clock_.monotonic_ns() - watched_ns_.load(std::memory_order_relaxed) < kWatchedFor;
}

bool Elsewhere::refresh(Nanos within_ns, Nanos young_ns) {
  watched_ns_.store(clock_.monotonic_ns(), std::memory_order_relaxed);
  std::uint64_t before = 0;
  {
    const std::scoped_lock lock(mutex_);
    if (clock_.monotonic_ns() - whole_ns_ < young_ns) return true;
    before = whole_readings_;
  }
  hurry_();
  if (!reachable()) return false;  // nobody waits for a server that is away
  std::unique_lock lock(mutex_);
  return read_.wait_for(lock, std::chrono::nanoseconds(within_ns),
                        [&] { return whole_readings_ != before; });
}

}  // namespace sightglass::live
