// The event_ids of the last 24 hours, at most a million: what tells a second copy of an event.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "ingest/receipt.h"

namespace sightglass::ingest {

// An event cannot have been accepted before it happened (less an hour of wrong clocks, which is the
// most that is let through). So whoever is not older than horizon() and is not in the window was
// never accepted; of whoever is older that cannot be known.
// Bounds: kMaxIds; the oldest go first, and the horizon follows. Cost: 40 bytes an id.
class IdWindow {
 public:
  static constexpr std::size_t kMaxIds = 1'000'000;
  static constexpr Nanos kWindow = 24 * 3'600 * kSecond;
  static constexpr Nanos kClockSlack = 3'600 * kSecond;

  explicit IdWindow(std::size_t max_ids = kMaxIds) : max_ids_(max_ids) {}

  bool contains(const EventKey& key) const;
  // Accept times never decrease from call to call. A known key stays where it is.
  void add(const EventKey& key, Nanos accept_ns);
  void expire(Nanos accept_ns);  // what is older than the window goes
  // Events with an earlier time cannot be judged at `accept_ns`.
  Nanos horizon(Nanos accept_ns) const;
  std::size_t size() const { return order_.size(); }

  void save(ByteWriter& out) const;
  [[nodiscard]] bool load(ByteReader& in);

 private:
  struct Aged {
    EventKey key;
    Nanos accept_ns;
  };
  std::size_t home_of(const EventKey& key) const { return key[0] & (slots_.size() - 1); }
  std::size_t find(const EventKey& key) const;  // its slot, or the free one that ends the search
  void place(const EventKey& key);
  void drop_oldest();

  std::size_t max_ids_;
  std::deque<Aged> order_;
  std::vector<EventKey> slots_;  // open addressing; {0,0} is free; a power of two
  Nanos dropped_ns_ = 0;         // accept time of the youngest that had to go for want of room
};

}  // namespace sightglass::ingest
