// What has been taken from whom: high-water marks of sources, known event_ids, and how many events
// were accepted; a fold over receipts.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "ingest/id_window.h"
#include "journal/fold.h"

namespace sightglass::ingest {

// Threads: load, apply and save from the runner's; the questions from any.
// Bounds: kMaxSources; past it the one that was heard of longest ago is forgotten and begins again
// at 0. IdWindow's bounds.
class MarksFold final : public journal::Fold {
 public:
  static constexpr std::size_t kMaxSources = 100'000;

  explicit MarksFold(std::size_t max_sources = kMaxSources) : max_sources_(max_sources) {}

  std::string_view name() const override { return "ingest"; }
  void apply(const journal::Reader::Batch& batch) override;
  void save(std::string& out) const override;
  Status load(Bytes snapshot) override;
  journal::Account account() const override;

  journal::Position position() const;
  std::optional<std::uint64_t> mark(std::string_view source) const;
  bool knows(const EventKey& key) const;
  Nanos horizon(Nanos accept_ns) const;

  struct Sums {
    std::uint64_t accepted = 0, rejected = 0, duplicates = 0;
  };
  Sums sums() const;

 private:
  struct Mark {
    std::uint64_t end = 0;
    journal::Position heard = 0;  // of its last receipt
  };
  void take(const Receipt& receipt, journal::Position at, Nanos accept_ns);
  void set_mark(const std::string& source, std::uint64_t end, journal::Position at);

  const std::size_t max_sources_;
  mutable std::mutex mutex_;
  journal::Position position_ = 0;
  std::map<std::string, Mark, std::less<>> marks_;
  std::map<journal::Position, std::string> heard_;  // by Mark::heard
  IdWindow ids_;
  Sums sums_;
  std::optional<journal::Position> since_;  // journal::Account::since
  std::uint64_t accepted_before_ = 0;       // sums_.accepted by then
};

}  // namespace sightglass::ingest
