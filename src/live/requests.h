// Who is running right now: the requests in flight, in memory, bounded, with a version counter.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace sightglass::live {

// The 18 fields of the Live seed's rows, in their order, as one row of a snapshot.
struct RequestRow {
  std::string request_id;
  std::string provider;         // "unknown" when none was chosen
  std::string model;            // requested_model without the part before its first colon
  std::string requested_model;  // "unknown" when the client named none
  std::string resolved_model;   // sent upstream, verbatim; "" if none
  std::string qualified_model;  // requested_model if it has ":", else provider:requested_model
  bool is_streaming = false;
  Nanos start_wall_ns = 0;
  Nanos start_monotonic_ns = 0;  // duration_ms = now - this
  std::int64_t input_tokens = 0, output_tokens = 0, cache_read_tokens = 0;
  std::int64_t cache_creation_tokens = 0;
  std::int64_t tool_uses = 0, tool_results = 0, tool_calls = 0;
  std::int64_t request_size = 0, message_count = 0;
};

// Sets model and qualified_model by provider and requested_model.
void derive_names(RequestRow& row);

// The in-flight requests of all workers.
//
// Each worker has a Table of its own; its mutex is shared only with whoever takes a snapshot, so
// that workers never wait for each other. The version grows on every start and end; a waiter
// remembers the last version it saw, so that no change is missed.
// Bounds: `capacity` rows per table; past it a request runs unlisted and is counted in
// `dropped()`.
class Requests {
 public:
  class Table {
   public:
    Table(Requests& owner, std::size_t capacity);
    // The handle of a new row, or kNone when the table is full. Strings are copied.
    using Handle = std::uint32_t;
    static constexpr Handle kNone = 0xffffffff;
    Handle start(const RequestRow& row);
    // Runs `change` on the row under the lock; no version bump (token updates are not changes of
    // the set). kNone is ignored.
    template <typename F>
    void update(Handle handle, F&& change) {
      if (handle == kNone) return;
      const std::scoped_lock lock(mutex_);
      change(rows_[handle].row);
    }
    void end(Handle handle);

   private:
    friend class Requests;
    struct Slot {
      RequestRow row;
      bool used = false;
    };
    Requests& owner_;
    mutable std::mutex mutex_;
    std::vector<Slot> rows_;
    std::vector<Handle> free_;
  };

  explicit Requests(const Clock& clock) : clock_(clock) {}

  Table& add_table(std::size_t capacity);  // one per worker, at start-up

  // All rows, newest start first; at most `limit`, then `truncated` is set.
  std::vector<RequestRow> snapshot(std::size_t limit, bool& truncated) const;
  std::size_t count() const { return count_.load(std::memory_order_relaxed); }
  std::uint64_t version() const { return version_.load(std::memory_order_acquire); }
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

  // Waits until version() != seen or the timeout; returns version(). For threads, not for workers.
  std::uint64_t wait_change(std::uint64_t seen, Nanos timeout_ns) const;
  const Clock& clock() const { return clock_; }

 private:
  friend class Table;
  void changed();

  const Clock& clock_;
  std::vector<std::unique_ptr<Table>> tables_;
  std::atomic<std::size_t> count_{0};
  std::atomic<std::uint64_t> version_{0};
  std::atomic<std::uint64_t> dropped_{0};
  mutable std::atomic<int> waiters_{0};
  mutable std::mutex wait_mutex_;
  mutable std::condition_variable wait_;
};

// Appends one row as the Live seed's JSON object, its 18 keys in order; behind them "gateway",
// where one is given.
void append_row_json(const RequestRow& row, Nanos now_monotonic_ns, std::string& out,
                     std::string_view gateway = {});

}  // namespace sightglass::live
