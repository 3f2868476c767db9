// Erasure of a person: from the question to the moment when no byte of theirs is left.
//
// A request names pseudonyms. It is written down first, as hashes (`<data>/forget`), then as a
// forget record in the journal, which ends its segment. Then, each step repeated after an error or
// a restart until all of them are done:
//   1. every fold passes the record: metrics, live totals and reports drop the texts;
//   2. the store rewrites the Parquet files that hold one, the log sinks their files and backups,
//      engines outside that hold rows of persons these rows, once they have all of them;
//   3. folds write snapshots until both generations are newer than the record;
//   4. the journal's segments up to the record are cut, since nothing needs them any more.
// What arrives afterwards is new: whoever goes on using the service gets the same pseudonym again
// until the epoch ends.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/random.h"
#include "journal/fold.h"
#include "store/store.h"

namespace sightglass::admin {

// Threads: ask() and the rest from any but I/O workers; the work has a thread of its own.
// Bounds: 1000 finished requests are remembered, 64 wait.
class Forgetting {
 public:
  struct Parts {
    std::string path;  // <data>/forget
    journal::Journal& journal;
    std::vector<journal::FoldRunner*> runners;
    store::Store* store = nullptr;  // may be null
    // What has rows of persons elsewhere. `forget`: a step; false: there is more to do, or it is
    // being done. `stop`: ends a step that runs; any thread.
    struct Engine {
      std::string name;
      std::function<Result<bool>(const journal::Forget&, journal::Position up_to)> forget;
      std::function<void()> stop;
    };
    std::vector<Engine> engines = {};
    FileSystem& fs;
    const Clock& clock;
    Random& random;
    Telemetry& telemetry;
    Log& log;
  };
  struct Request {
    std::string id;  // 16 hex digits
    Nanos asked_ns = 0;
    Nanos done_ns = 0;  // 0: not yet
    journal::Position position = 0;
    std::vector<journal::Forget> texts;  // empty once it is done
    std::string waits_for;               // the step in hand
  };

  // Reads what was asked for before. Errors: kCorrupt, kIo.
  static Result<std::unique_ptr<Forgetting>> open(Parts parts);
  ~Forgetting() { stop(); }

  void start();
  void stop();  // what is not done goes on with the next start

  // Durable on return. Errors: kBusy past 64 waiting, kUnavailable while nothing can be recorded.
  Result<Request> ask(const std::vector<std::string>& texts);
  std::optional<Request> find(std::string_view id) const;
  std::vector<Request> all() const;  // oldest first

 private:
  explicit Forgetting(Parts parts);
  Status read();
  Status write();  // under the mutex
  Status record(Request& request);
  void run();
  Status work_on(Request request);
  Status pass_folds(const Request& request);
  Status tell_engines(const Request& request);
  Status cut(const Request& request);
  void note(const std::string& id, std::string step);
  bool wait(Nanos ns);  // false: stopping

  Parts parts_;
  Counter& done_;
  Counter& errors_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Request> requests_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace sightglass::admin
