// Single events of the history: pages of them, and one request's whole story.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "event/catalogue.h"
#include "http/server.h"
#include "live/requests.h"
#include "store/store.h"

namespace sightglass::admin {

struct EventSources {
  store::Queries* queries = nullptr;  // null: the store is off, answered 503
  http::WorkPool& pool;
  const Clock& clock;
  const live::Requests& requests;
  std::function<std::shared_ptr<const event::Catalogue>()> catalogue;  // in force
};

// GET /admin/v1/events?start&end&filter&request_id&limit&before: newest first,
// {"events":[{"seq","ts","event_type","level",…the fields that passed}],"next":…}; `next` is the
// `before` of the page behind it, null at the end.
// GET /admin/v1/requests/{id}: by the id or the first 4 characters or more of it,
// {"request_id","state":"running"|"ended","request":{…},"timeline":[…],"events":[…]}; 409 with the
// candidates where a prefix fits several.
std::vector<http::Route> event_routes(EventSources sources);

// Whether a stored row fits a filter pattern. Errors: one that does not parse, or that names what
// history does not hold.
Result<std::function<bool(const store::StoredEvent&)>> row_filter(
    const std::string& text, std::shared_ptr<const event::Catalogue> catalogue);

// One event as JSON. `timeline`: of a request's end, its moments in order,
// {"event","after_ms","ts"} each: request_start, companions, first_token, and the end by its event
// type.
void append_event_json(const store::StoredEvent& event, std::string& out);
void append_timeline_json(const store::StoredEvent& event, std::string& out);

}  // namespace sightglass::admin
