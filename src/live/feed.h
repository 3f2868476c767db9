// The live shapes as text, so that the HTTP routes are a few lines: SSE frames, the active
// requests, the recent errors and traces.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "live/elsewhere.h"
#include "live/requests.h"
#include "live/totals.h"

namespace sightglass::live {

inline constexpr std::size_t kMaxFeedRows = 5'000;  // a frame's rows; past them `truncated`
inline constexpr std::string_view kHeartbeatFrame = ": heartbeat\n\n";

enum class DisabledBy : std::uint8_t {
  kRequestMetrics,  // LOG_REQUEST_METRICS
  kSse,             // VDM_ACTIVE_REQUESTS_SSE_ENABLED
};

// The requests in flight of this gateway and of those beside it: each row names its gateway, and
// each gateway says how many it has and whether it is still heard.
struct Everywhere {
  const Requests& requests;
  std::string name;                      // this gateway's
  const Elsewhere* elsewhere = nullptr;  // null: there are no others
};

// The snapshot in `event: update` frames: one serialised frame for all viewers of a tick.
// Threads: one caller.
class Feed {
 public:
  explicit Feed(const Requests& requests, std::size_t max_rows = kMaxFeedRows)
      : requests_(requests), max_rows_(max_rows) {}
  explicit Feed(const Everywhere& everywhere, std::size_t max_rows = kMaxFeedRows)
      : requests_(everywhere.requests), everywhere_(&everywhere), max_rows_(max_rows) {}

  // Makes the frame of now. True when the rows differ from those of the last call: then viewers
  // want it. (Rows hold durations, so a request in flight makes every tick differ; idle is
  // silence.)
  bool refresh();

  // The last frame made; what a new viewer gets first.
  const std::string& frame() const { return frame_; }

 private:
  const Requests& requests_;
  const Everywhere* everywhere_ = nullptr;  // null: this gateway's own
  std::size_t max_rows_;
  std::string shown_;  // the last frame's members but its time
  bool made_ = false;
  std::string frame_;
};

std::string disabled_frame(DisabledBy cause);  // sent once, then the stream ends

std::string active_requests_json(const Requests& requests);
std::string active_requests_json(const Everywhere& everywhere);
std::string active_requests_disabled_json();
std::string running_totals_disabled_yaml();

// Where the operational log goes, for the `systemd` object.
struct LogTarget {
  bool requested = false;
  bool effective = false;
  std::string_view handler;  // "console", "syslog", "journald"
};

// Errors and traces newest first, already limited by the caller (1…1000 and 1…2000).
std::string logs_json(const LogTarget& target, const std::vector<Trace>& errors,
                      const std::vector<Trace>& traces);

}  // namespace sightglass::live
