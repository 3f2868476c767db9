// What a request to change the policy says.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace sightglass::admin {

// {"algorithm","priority","cache":{"enabled","ttl_seconds"}}, all optional, as a change of the
// configuration: {"policy":{…}} with what the body does not name as `now` has it. What the values
// may be is the configuration's to say. Errors: kInvalid with the member's name and a right value.
Result<std::string> policy_change(std::string_view body, std::string_view now);

}  // namespace sightglass::admin
