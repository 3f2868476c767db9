// One connection to PostgreSQL through libpq, waited for on the calling thread's own loop.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/telemetry.h"
#include "export/verdict.h"
#include "net/loop.h"
#include "net/resolver.h"

struct pg_conn;
struct pg_result;

namespace sightglass::exporting {

struct PgOptions {
  std::string host = "localhost";  // a name, an address, or the folder of a Unix socket
  std::uint16_t port = 5432;
  std::string database, username, password;
  std::string sslmode = "verify-full";  // libpq's: disable, verify-ca, verify-full
  std::string ca_file;                  // empty: the system's
  Nanos timeout_ns = 30 * kSecond;      // of connecting, and of each statement
};

struct PgFailure {
  Reason reason = Reason::kNonsense;
  std::string code;  // SQLSTATE, where the server gave one
};

// Nothing that the server or libpq said is passed on but the five letters of a SQLSTATE.
// Threads: one; stop_by() and wake() from any. Bounds: one statement at a time; of an answer the
// first row, the others pass one by one where they are asked for.
class PgLink {
 public:
  using Row = std::vector<std::string>;
  using EachRow = std::function<bool(Row row)>;  // false: enough, which is kTooLarge
  struct Answer {
    Row row;          // the first; empty where there was none, or each one was asked for
    std::string tag;  // of the last command: "COMMIT"
  };
  template <typename T>
  using Outcome = std::expected<T, PgFailure>;

  static Result<std::unique_ptr<PgLink>> make(PgOptions options, const Clock& clock);
  ~PgLink();

  bool is_open() const { return connection_ != nullptr; }
  Outcome<void> open();
  void close();

  // A statement with its parameters as texts. Without parameters it may be several statements.
  // After a failure the link is to be closed.
  Outcome<Answer> ask(const char* sql, const std::vector<std::string>& parameters = {},
                      const EachRow& each = {});
  // The two halves of ask().
  Outcome<void> say(const char* sql, const std::vector<std::string>& parameters = {});
  Outcome<Answer> hear(const EachRow& each = {});

  // Waits for a notification (after "listen"), for wake(), or for so long; without a connection for
  // the latter two. Whether a notification came. Where wake() came while something else was waited
  // for it does not end this: look for what it stands for first.
  Outcome<bool> rest(Nanos within_ns);
  void wake();

  // All that is done from here on ends by then (a monotonic time); 0: each statement has its own
  // time only.
  void finish_by(Nanos monotonic_ns) { finish_by_ns_ = monotonic_ns; }
  // Waits end by then (a monotonic time), also the one that runs.
  void stop_by(Nanos monotonic_ns);

 private:
  class Wait;
  struct Closer {
    void operator()(pg_conn* connection) const;
  };
  PgLink(PgOptions options, const Clock& clock) : options_(std::move(options)), clock_(clock) {}

  Outcome<std::string> addresses();
  Outcome<void> start(const std::string& numeric_hosts);
  Outcome<void> follow_connecting();
  PgFailure connect_failure(int stage) const;
  PgFailure lost() const;
  Outcome<void> take(pg_result* result, Answer& into, const EachRow& each) const;
  bool notified();
  void set_deadline() { deadline_ns_ = clock_.monotonic_ns() + options_.timeout_ns; }
  Nanos left_ns() const;
  bool wait_for(int fd, std::uint32_t events);  // false: the time is over
  PgFailure too_late() const;

  const PgOptions options_;
  const Clock& clock_;
  Telemetry telemetry_;  // its look-ups are not the providers'
  std::unique_ptr<net::Loop> loop_;
  std::unique_ptr<net::Resolver> resolver_;
  std::unique_ptr<pg_conn, Closer> connection_;
  Nanos deadline_ns_ = 0;
  Nanos finish_by_ns_ = 0;            // 0: never
  bool* woken_ = nullptr;             // the loop's thread's; null: it does not rest
  Wait* waiting_ = nullptr;           // the loop's thread's
  std::atomic<Nanos> stop_by_ns_{0};  // 0: never
};

}  // namespace sightglass::exporting
