#include "app/all_gateways.h"

#include <utility>

#include "app/redis_side.h"

namespace sightglass::app {

std::string gateway_name(const Config& config, const std::string& id) {
  return config.gateway.empty() ? id : config.gateway;
}

AllGateways all_gateways(const live::Requests& requests, std::string name, RedisSide* redis,
                         std::function<std::size_t(const std::string& request_id)> cancel_here) {
  auto* elsewhere = redis != nullptr ? &redis->view().elsewhere() : nullptr;
  return {
      {requests, std::move(name), elsewhere},
      elsewhere,
      [redis, cancel_here = std::move(cancel_here)](const std::string& id) -> Result<std::string> {
        if (cancel_here(id) > 0) return std::string();
        if (redis != nullptr) return redis->view().cancel(id);
        return fail(Code::kNotFound,
                    "no request with this id is running; GET /metrics/active-requests lists "
                    "those that are");
      }};
}

}  // namespace sightglass::app
