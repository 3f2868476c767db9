// Filter patterns over the admin API.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "event/catalogue.h"
#include "http/route.h"

namespace sightglass::admin {

// POST /admin/v1/filters/test with {"pattern": "…", "messages": ["…", …]}: which of the messages
// the pattern matches, what it extracts, and why the others do not match. `matches` is as
// CloudWatch's TestMetricFilter answers; its names filterPattern and logEventMessages are taken
// too. Bounds: a body of 1 MiB, 1000 messages, an answer of 8 MiB. Errors: 400; for a faulty
// pattern with `column`, `excerpt` and `caret`.
std::vector<http::Route> filter_routes(
    std::function<std::shared_ptr<const event::Catalogue>()> catalogue, http::WorkPool& pool);

}  // namespace sightglass::admin
