// The hashed wheel behind Timer (Varghese and Lauck, 1987, scheme 6).
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "net/loop.h"

namespace sightglass::net {

// 4096 slots of 10 ms. A deadline past one revolution (41 s) waits in its slot for its turn; an
// armed deadline that moves back stays where it lies and is put right when its slot comes.
class TimerWheel {
 public:
  explicit TimerWheel(Nanos now_ns) : tick_(now_ns / kTickNs) {}

  void arm(Timer& timer, Nanos deadline_ns);
  void disarm(Timer& timer);
  void advance(Nanos now_ns);  // fires what is due
  // When advance() next has something to look at; nullopt when nothing is armed.
  std::optional<Nanos> next_ns() const;

 private:
  static constexpr Nanos kTickNs = 10 * kMillisecond;
  static constexpr std::uint32_t kSlots = 4096;
  static constexpr std::uint32_t kDue = kSlots;  // the list that advance() works on
  struct List {
    Timer* first = nullptr;
    Timer* last = nullptr;
  };

  static std::int64_t tick_of(Nanos deadline_ns) { return (deadline_ns + kTickNs - 1) / kTickNs; }
  void link(Timer& timer, std::uint32_t slot);
  void unlink(Timer& timer);
  void link_by_deadline(Timer& timer);
  void collect(std::uint32_t slot);

  std::int64_t tick_;  // every slot up to this tick has been looked at
  std::array<List, kSlots + 1> lists_{};
  std::array<std::uint64_t, kSlots / 64> occupied_{};
};

}  // namespace sightglass::net
