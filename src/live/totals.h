// Running totals, provider → model, split into streaming and not; recent errors and traces; the
// requests that began and have not ended in the journal.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "journal/fold.h"
#include "live/requests.h"

namespace sightglass::live {

struct Report;  // live/report.h

// The eleven keys of the Live seed's rollups, over completed requests.
struct Split {
  std::int64_t requests = 0, errors = 0, input_tokens = 0, output_tokens = 0;
  std::int64_t cache_read_tokens = 0, cache_creation_tokens = 0;
  std::int64_t tool_uses = 0, tool_results = 0, tool_calls = 0;
  std::int64_t duration_us = 0;  // sum over completed requests
};

struct Trace {            // one completed request, for /metrics/logs
  std::uint64_t seq = 0;  // journal position
  Nanos end_ns = 0;
  std::string request_id, provider, model, outcome, error_type;  // error_type empty when ok
  bool is_streaming = false;
  std::int64_t duration_us = 0, input_tokens = 0, output_tokens = 0, cache_read_tokens = 0;
  std::int64_t cache_creation_tokens = 0, tool_uses = 0, tool_calls = 0, tool_results = 0;
};

struct OpenStart {  // a start record without its terminal yet
  std::string request_id, provider, endpoint, model_requested, model_upstream, model, key, client;
  bool is_streaming = false;
  Nanos start_ns = 0;
};

struct RunningTotalsQuery {
  std::string provider = "*";  // wildcards, case-insensitive, whole string
  std::string model = "*";
  bool include_active = true;
  bool since_start = false;  // only what completed since this process started
};

// Errors: "errors" are outcomes error and timeout.
// Threads: the fold's calls from its runner, the rest from any.
// Bounds: 100 errors, 200 traces; 10,000 pairs of provider and model, past them `__other__` keeps
// sums right; 65,536 open starts, past them the oldest is forgotten.
class TotalsFold final : public journal::Fold {
 public:
  TotalsFold();
  ~TotalsFold() override;

  std::string_view name() const override { return "live"; }
  void apply(const journal::Reader::Batch& batch) override;
  void save(std::string& out) const override;
  Status load(Bytes snapshot) override;
  journal::Totals totals() const override;

  void mark_start();                           // replay is over: `since_start` counts from here
  std::vector<OpenStart> open_starts() const;  // after replay: what a crash interrupted

  // Completed requests that no metrics_summary record has told of, for LOG_SUMMARY_INTERVAL.
  std::uint64_t completed_since_summary() const;

  // The report in the original's YAML layout, or as JSON with the same keys.
  std::string running_totals_yaml(const RunningTotalsQuery& query, const Requests& active,
                                  Nanos now_wall_ns) const;
  std::string running_totals_json(const RunningTotalsQuery& query, const Requests& active,
                                  Nanos now_wall_ns) const;
  // What both are made of: one consistent view.
  Report report(const RunningTotalsQuery& query, const Requests& active, Nanos now_wall_ns) const;
  std::vector<Trace> recent_errors(std::size_t limit) const;  // newest first
  std::vector<Trace> recent_traces(std::size_t limit) const;

  struct Summary {
    Split all;
    std::vector<std::pair<std::string, std::int64_t>> models;  // requests per model, most first
    std::vector<std::pair<std::string, std::int64_t>> errors;  // per error_type
  };
  Summary summary() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sightglass::live
