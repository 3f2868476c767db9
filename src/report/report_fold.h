// What the packs' measures have collected, from the journal's truth, and the reports made of it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "journal/fold.h"
#include "report/report.h"

namespace sightglass::report {

// An event counts in the hour of its event time; ninety days back from the newest accept time are
// kept, and an hour ahead. What lies outside is counted and said in the report.
//
// A measure's identity is its pack, its name and the hash of its rule: a changed rule begins anew,
// an unchanged one goes on over restarts and changes of the packs. What no pack names any more is
// kept until its days are over.
//
// Threads: apply, save and load from the runner; report from any (one mutex, held for a batch or
// for a report). Bounds: see measure_state.h; a measure holds at most some 10 MB, mostly far less.
// Cost: 20 ns for an event that no measure is about; measured figures in docs/reports.md.
class ReportFold final : public journal::Fold {
 public:
  ReportFold();
  ~ReportFold() override;

  std::string_view name() const override { return "report"; }
  void apply(const journal::Reader::Batch& batch) override;
  void save(std::string& out) const override;
  Status load(Bytes snapshot) override;

  // The report of one pack over `question.since_ns` up to now, by the given catalogue's rules.
  // Errors: kNotFound for a pack without key metrics and dashboards.
  Result<Report> report(const event::Catalogue& catalogue, const Question& question) const;
  // The catalogue of the newest batch; nullptr before the first.
  std::shared_ptr<const event::Catalogue> catalogue() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sightglass::report
