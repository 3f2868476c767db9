// The running totals report: a tally and the requests in flight, filtered, as YAML or JSON.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "live/tally.h"

namespace sightglass::live {

// A sum that may hold requests in flight: they count in `sum.requests` and in its tokens, but have
// no duration, and averages leave them out.
struct Cell {
  Split sum;
  std::int64_t in_flight = 0;

  std::int64_t average_duration_ms() const;  // rounded; 0 when nothing completed
};

struct Node {
  Cell streaming, plain;
  Nanos last_ns = 0;

  Cell total() const;
};

struct ProviderNode {
  Node rollup;  // its models, and what named no model
  std::map<std::string, Node, std::less<>> models;
};

struct Report {
  RunningTotalsQuery query;
  Nanos now_wall_ns = 0;
  std::size_t active_requests = 0;  // all of them, never filtered
  std::map<std::string, ProviderNode, std::less<>> providers;
  Node summary;  // of the providers above
};

// `active` is used when the query includes it.
Report make_report(const Tally& tally, const RunningTotalsQuery& query,
                   const std::vector<RequestRow>& active, std::size_t active_count,
                   Nanos now_wall_ns);
std::string report_yaml(const Report& report);
std::string report_json(const Report& report);

// A key or value as YAML: plain where every reader takes it as the same text, quoted otherwise.
void append_yaml_text(std::string& out, std::string_view text);

}  // namespace sightglass::live
