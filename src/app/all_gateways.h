// Requests in flight wherever they run, as the routes need them.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "admin/clients.h"
#include "app/config.h"
#include "live/elsewhere.h"
#include "live/feed.h"
#include "live/requests.h"

namespace sightglass::app {

class RedisSide;

// What a gateway is called where people see several: `gateway.id`, else the data folder's id.
std::string gateway_name(const Config& config, const std::string& id);

struct AllGateways {
  live::Everywhere everywhere;
  live::Elsewhere* elsewhere = nullptr;  // null: this gateway is alone
  admin::Cancel cancel;                  // here, else on another one
};

// `redis`: null where this gateway is alone. Ownership: it, the requests and what `cancel_here`
// names must outlive the answer.
AllGateways all_gateways(const live::Requests& requests, std::string name, RedisSide* redis,
                         std::function<std::size_t(const std::string& request_id)> cancel_here);

}  // namespace sightglass::app
