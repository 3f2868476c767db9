// Clients over the admin API: made, listed, changed, deleted; their health; and ending one running
// request.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "control/clients_fold.h"
#include "control/limiter.h"
#include "control/registry.h"
#include "http/route.h"
#include "store/store.h"

namespace sightglass::admin {

struct ClientSources {
  control::Registry& registry;
  const control::Limiter& limiter;
  const control::ClientsFold& fold;
  const Clock& clock;
  // Of the configuration file as it is in force: shown, not changed.
  std::function<std::shared_ptr<const std::vector<control::ClientRecord>>()> configured;
  store::Queries* queries = nullptr;  // null: the store is off, and GET /clients says so
};

// GET and POST /admin/v1/clients, GET /admin/v1/clients/list, GET, PUT, PATCH and DELETE
// /admin/v1/clients/{client_id}, under both prefixes. PUT and PATCH change what they name. No key
// is ever shown but one made here, once, in the answer that made it.
std::vector<http::Route> client_routes(const ClientSources& sources, http::WorkPool& pool);

// GET /admin/v1/health/clients and /admin/v1/health/clients/{client_id}, under both prefixes.
std::vector<http::Route> client_health_routes(const ClientSources& sources, http::WorkPool& pool);

// Ends a running request wherever it runs; may wait, but not on an I/O worker. The gateway where it
// ran, "" for this one. Errors: kNotFound, and those of whoever asks other gateways.
using Cancel = std::function<Result<std::string>(const std::string& request_id)>;

// DELETE /metrics/active-requests/{request_id}.
http::Route cancel_route(Cancel cancel, http::WorkPool& pool);

}  // namespace sightglass::admin
