// Series from events: counters, gauges and histograms by the catalogue's rules, and their text.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/telemetry.h"
#include "journal/fold.h"
#include "meter/points.h"

namespace sightglass::meter {

enum class Format : std::uint8_t { kPrometheus004, kOpenMetrics100 };
enum class Names : std::uint8_t { kUnderscored, kDotted };  // dotted: as the packs write them

// How the text is to look.
struct Exposition {
  Format format = Format::kPrometheus004;
  Names names = Names::kUnderscored;

  Exposition() = default;
  Exposition(Format f, Names n = Names::kUnderscored) : format(f), names(n) {}
};

// Sums are exact: integers in 128 bits, decimals of nine places too. Counters survive restarts by
// the snapshot, keyed by meter name and rule hash, and never go back.
//
// Threads: apply/save/load from the runner; expose and totals from any (one mutex, held for a batch
// or a scrape, never by a request). A gauge function of `telemetry` must not call this fold: the
// fold registers counters under its lock.
// Bounds: Meter::max_series per meter; past it one series with each label `__other__` keeps totals
// right and `sightglass_series_overflow_total{metric}` counts. A series idle for 24 h of accept
// time is parked: not exposed, not in the budget, its value kept, continued on return. Past four
// parked series for each in the budget the oldest is forgotten and counted.
// Gap records are counted in `sightglass_gap_…` families of their own.
// Cost: measured on a loaded machine, CPU time: 0.5 µs a terminal event with the gateway's meters,
// 2.3 µs with a hundred (their readings are in no near cache), 0.1 µs a counter series exposed: a
// scrape of 100,000 holds the mutex for 10 ms, during which batches wait in the journal.
class MeterFold final : public journal::Fold {
 public:
  explicit MeterFold(Telemetry& telemetry);
  ~MeterFold() override;

  std::string_view name() const override { return "meter"; }
  void apply(const journal::Reader::Batch& batch) override;
  void save(std::string& out) const override;
  Status load(Bytes snapshot) override;
  journal::Totals totals() const override;  // from the published series, as a scraper would add up
  journal::Account account() const override;

  // Appends the whole exposition: the folded series, then `own` (the process' instruments).
  // One consistent snapshot. Sorted by name; HELP, TYPE (and UNIT, EOF for OpenMetrics).
  void expose(Exposition how, const Telemetry& own, std::string& out) const;

  // Every meter of the catalogue in force, by name.
  std::vector<MeterState> meters() const;
  // A meter's values over event time. `name`: with dots or underscores. Errors: kNotFound, and
  // those of points_of.
  Result<Points> points(std::string_view name, const PointQuery& query) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sightglass::meter
