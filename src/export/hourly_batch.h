// Requests on their way to an engine that keeps sums by the hour.
#pragma once

#include <memory>
#include <vector>

#include "export/destination.h"
#include "export/hourly.h"

namespace sightglass::exporting {

// All of a destination but the engine. Threads: those of a Destination.
class HourlyBatch : public Destination {
 public:
  void use(const std::shared_ptr<const event::Catalogue>& catalogue) override {
    reader_.use(catalogue);
  }
  void append(Bytes payload, journal::Position position, Nanos accept_ns) override {
    reader_.append(payload, {accept_ns, position}, entries_);
  }
  std::size_t count() const override { return entries_.size(); }
  std::size_t bytes() const override { return entries_.size() * sizeof(HourlyEntry); }
  Mark mark(std::size_t entry) const override {
    const auto& mark = entries_[entry].mark;
    return {mark.position, mark.accept_ns};
  }
  void clear() override { entries_.clear(); }

 protected:
  const std::vector<HourlyEntry>& entries() const { return entries_; }  // in the order of marks

 private:
  HourlyReader reader_;
  std::vector<HourlyEntry> entries_;
};

}  // namespace sightglass::exporting
