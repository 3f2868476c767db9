// Liveness for load balancers, and what is behind it for people.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "http/server.h"

namespace sightglass::admin {

struct HealthCheck {
  std::string name;  // "journal", "store", …
  bool ok = true;
  bool vital = true;    // not ok makes the whole answer 503; else it is only shown
  std::string problem;  // for people, with the next step; empty when ok
  std::vector<std::pair<std::string, std::int64_t>> numbers;  // unit in the name
  std::vector<std::pair<std::string, std::string>> words = {};
  // Numbers of many names, as an object of their own: "threads_by_name": {"sg-io": 2, …}.
  std::string parts_key = {};
  std::vector<std::pair<std::string, std::int64_t>> parts = {};
};

using HealthChecks = std::function<std::vector<HealthCheck>()>;

// GET /health: {"status":"ok"}; 503 {"status":"draining"} while draining.
// GET /admin/v1/health: every check; 503 when a vital one is not ok; both prefixes.
std::vector<http::Route> health_routes(std::function<bool()> draining, HealthChecks checks,
                                       http::WorkPool& pool);

}  // namespace sightglass::admin
