#include "ingest/ledger.h"

#include <chrono>

namespace sightglass::ingest {

std::uint64_t Ledger::next_locked(std::string_view source) {
  const auto recent = recent_.find(source);
  // Asked first: what the fold passes in between is then in both, not in neither.
  const auto folded = fold_.mark(source).value_or(0);
  return recent == recent_.end() ? folded : std::max(folded, recent->second.end);
}

std::uint64_t Ledger::next(std::string_view source) {
  const std::scoped_lock lock(mutex_);
  return next_locked(source);
}

Ledger::Claimed Ledger::claim(const std::string& source, std::uint64_t first, std::uint64_t end,
                              Nanos wait_ns) {
  std::unique_lock lock(mutex_);
  const bool free = settled_.wait_for(lock, std::chrono::nanoseconds(wait_ns),
                                      [&] { return !claimed_.contains(source); });
  const auto mark = next_locked(source);
  if (!free) return {Claim::kBusy, mark};
  // An empty range at the mark says nothing new.
  if (end <= mark) return {Claim::kDuplicate, mark};
  if (first != mark) return {Claim::kConflict, mark};
  claimed_.insert(source);
  return {Claim::kYours, mark};
}

void Ledger::settle(const std::string& source, std::uint64_t end, journal::Position position) {
  const std::scoped_lock lock(mutex_);
  const auto folded = fold_.position();
  std::erase_if(recent_, [&](const auto& item) { return item.second.position <= folded; });
  if (position > folded) recent_[source] = {end, position};
  claimed_.erase(source);
  settled_.notify_all();
}

bool Ledger::knows(const EventKey& key) const {
  return recent_ids_.contains(key) || fold_.knows(key);
}

void Ledger::add_ids(const std::vector<EventKey>& keys, journal::Position position) {
  const auto folded = fold_.position();
  while (!recent_order_.empty() && recent_order_.front().first <= folded) {
    recent_ids_.erase(recent_order_.front().second);
    recent_order_.pop_front();
  }
  if (position <= folded) return;
  for (const auto& key : keys) {
    recent_ids_.insert(key);
    recent_order_.emplace_back(position, key);
  }
}

}  // namespace sightglass::ingest
