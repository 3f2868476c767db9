// Any bytes as the body that makes or changes a client: refused without repeating it, or values
// within their bounds.
// Parser: admin/client_body.cc
#include <cstdlib>
#include <string>

#include "admin/client_body.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sightglass;
  const std::string_view json(reinterpret_cast<const char*>(data), size);
  const auto body = admin::read_client_body(json, {1, 2, 3, 4, 5, 6});
  if (!body) {
    if (body.error().code != Code::kInvalid || body.error().message.size() > 400) std::abort();
    return 0;
  }
  if (!body->change.limits) return 0;
  const auto& limits = *body->change.limits;
  for (const auto count :
       {limits.requests_per_minute, limits.tokens_per_minute, limits.parallel_requests}) {
    if (count < 0 || count > control::kMaxCount) std::abort();
  }
  for (const auto money :
       {limits.nanousd_per_hour, limits.nanousd_per_day, limits.nanousd_per_month}) {
    if (money < 0 || money > control::kMaxMoneyNanousd) std::abort();
  }
  return 0;
}
