// Decides whether something has been taken before: the fold's knowledge, and what was committed so
// recently that the fold has not passed it yet.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>

#include "ingest/marks_fold.h"

namespace sightglass::ingest {

// Threads: any. Ownership: the fold outlives it.
class Ledger {
 public:
  explicit Ledger(const MarksFold& fold) : fold_(fold) {}

  enum class Claim : std::uint8_t {
    kYours,      // nobody else may take of this source until settle()
    kDuplicate,  // all of it was taken before
    kConflict,   // it overlaps what was taken, or leaves a hole behind it
    kBusy,       // another request of this source did not end in time
  };
  struct Claimed {
    Claim claim = Claim::kYours;
    std::uint64_t next = 0;  // the byte that the source goes on with
  };
  // For bytes [first, end) of the source. Waits at most `wait_ns` for another request of it.
  Claimed claim(const std::string& source, std::uint64_t first, std::uint64_t end, Nanos wait_ns);
  // Ends a claim: everything before `end` was committed at `position`, or (0) nothing was.
  void settle(const std::string& source, std::uint64_t end, journal::Position position);
  std::uint64_t next(std::string_view source);

  // Between the question and add_ids nobody else may ask: hold this.
  std::unique_lock<std::mutex> lock_ids() { return std::unique_lock(ids_mutex_); }
  bool knows(const EventKey& key) const;
  void add_ids(const std::vector<EventKey>& keys, journal::Position position);
  Nanos horizon(Nanos accept_ns) const { return fold_.horizon(accept_ns); }

 private:
  struct Recent {
    std::uint64_t end = 0;
    journal::Position position = 0;
  };
  std::uint64_t next_locked(std::string_view source);

  const MarksFold& fold_;

  std::mutex mutex_;
  std::condition_variable settled_;
  std::set<std::string, std::less<>> claimed_;
  std::map<std::string, Recent, std::less<>> recent_;

  std::mutex ids_mutex_;  // of what follows
  struct Hash {
    std::size_t operator()(const EventKey& key) const { return key[0]; }
  };
  std::unordered_set<EventKey, Hash> recent_ids_;
  std::deque<std::pair<journal::Position, EventKey>> recent_order_;
};

}  // namespace sightglass::ingest
