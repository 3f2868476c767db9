// What the doors saw, as events: each audited request, each login, each limit that was hit.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "app/recorder.h"
#include "http/auth.h"

namespace sightglass::app {

// Threads: called from any worker; recording takes the recorder's lock and never waits for a disk.
// The recorder comes later than the doors are made: until attach() nothing is recorded.
class Audit final : public http::AuthEvents {
 public:
  void attach(Recorder& recorder) { recorder_ = &recorder; }

  // Refused requests past a few a second, as one event with their number: a scanner cannot fill the
  // disk. For the housekeeper, every second.
  void flush_refused();

  void on_admin_request(const http::AdminRequest& request) override;
  void on_admin_done(const http::AdminRequest& request, int status,
                     std::int64_t duration_ns) override;
  void on_login_ok(std::string_view admin_id, std::string_view address) override;
  void on_login_failed(std::string_view address) override;
  void on_rate_limited(std::string_view what, std::string_view address) override;

 private:
  void record_start(const http::AdminRequest& request);

  static constexpr int kRefusedEach = 10;  // a second with an event of their own
  Recorder* recorder_ = nullptr;
  std::atomic<int> refused_{0};  // in this second
};

}  // namespace sightglass::app
