#include "ingest/id_window.h"

#include <algorithm>
#include <bit>

namespace sightglass::ingest {
namespace {

constexpr EventKey kFree = {0, 0};
constexpr std::size_t kSmallest = 64;

}  // namespace

std::size_t IdWindow::find(const EventKey& key) const {
  auto slot = home_of(key);
  while (slots_[slot] != kFree && slots_[slot] != key) slot = (slot + 1) & (slots_.size() - 1);
  return slot;
}

bool IdWindow::contains(const EventKey& key) const {
  return !slots_.empty() && slots_[find(key)] == key;
}

void IdWindow::place(const EventKey& key) {
  if (2 * (order_.size() + 1) > slots_.size()) {
    slots_.assign(std::max(kSmallest, std::bit_ceil(2 * order_.size() + 2)), kFree);
    for (const auto& aged : order_) slots_[find(aged.key)] = aged.key;
  }
  slots_[find(key)] = key;
}

void IdWindow::add(const EventKey& key, Nanos accept_ns) {
  if (key == kFree || contains(key)) return;
  expire(accept_ns);
  if (order_.size() >= max_ids_) {
    dropped_ns_ = order_.front().accept_ns;
    drop_oldest();
  }
  place(key);
  order_.push_back({key, accept_ns});
}

// Takes the oldest out and moves up what had to give way to it (Knuth, volume 3, algorithm 6.4 R).
void IdWindow::drop_oldest() {
  const auto mask = slots_.size() - 1;
  auto hole = find(order_.front().key);
  order_.pop_front();
  for (auto next = (hole + 1) & mask; slots_[next] != kFree; next = (next + 1) & mask) {
    const auto wanted = home_of(slots_[next]);
    // Whether the hole lies between its home and where it is.
    if (((next - wanted) & mask) < ((next - hole) & mask)) continue;
    slots_[hole] = slots_[next];
    hole = next;
  }
  slots_[hole] = kFree;
}

void IdWindow::expire(Nanos accept_ns) {
  while (!order_.empty() && order_.front().accept_ns < accept_ns - kWindow - kClockSlack) {
    drop_oldest();
  }
}

Nanos IdWindow::horizon(Nanos accept_ns) const {
  const auto by_room = dropped_ns_ == 0 ? 0 : dropped_ns_ + kClockSlack;
  return std::max(accept_ns - kWindow, by_room);
}

void IdWindow::save(ByteWriter& out) const {
  out.i64(dropped_ns_);
  out.varint(order_.size());
  for (const auto& aged : order_) {
    out.u64(aged.key[0]);
    out.u64(aged.key[1]);
    out.i64(aged.accept_ns);
  }
}

bool IdWindow::load(ByteReader& in) {
  order_.clear();
  slots_.clear();
  dropped_ns_ = in.i64();
  const auto n = in.varint();
  if (!in.ok() || n > max_ids_ || n > in.remaining() / 24) return false;
  for (std::uint64_t i = 0; i < n; ++i) {
    EventKey key;
    key[0] = in.u64();
    key[1] = in.u64();
    const auto accept_ns = in.i64();
    if (key == kFree || contains(key)) return false;
    place(key);
    order_.push_back({key, accept_ns});
  }
  return in.ok();
}

}  // namespace sightglass::ingest
