// The typed query over HTTP: its parameters as text, its answer as JSON, its route.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/telemetry.h"
#include "event/catalogue.h"
#include "http/server.h"
#include "store/typed_plan.h"

namespace sightglass::admin {

// A query string: start, end, since, of, filter, group_by, stat, step, order, limit, compare;
// `stat` may stand there several times. Nothing is asked of a catalogue yet. Errors: kInvalid or
// kTooLarge with the parameter's name and a right value.
Result<store::TypedQuery> parse_query(std::string_view untrusted_query, Nanos now_ns);

// {"from","to","step_seconds","of","columns":[{"name","role","unit","exact"}],"rows":[[…]],
// "groups","as_of":{"position","time"},"notes":[…]}; the whole of it in docs/queries.md.
void append_answer_json(const store::TypedPlan& plan, const store::Answer& answer,
                        std::string& out);

struct QuerySources {
  store::TypedQueries* queries = nullptr;  // null: the store is off, answered 503
  http::WorkPool& pool;
  const Clock& clock;
  Telemetry& telemetry;
  std::function<std::shared_ptr<const event::Catalogue>()> catalogue;  // in force
};
// GET /admin/v1/query under both prefixes; what it is refused for is counted by reason.
std::vector<http::Route> query_routes(const QuerySources& sources);

}  // namespace sightglass::admin
