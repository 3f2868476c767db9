// Errors of our own in the shape that the client's SDK expects.
#pragma once

#include <string>
#include <string_view>

#include "gateway/endpoint.h"
#include "gateway/error_type.h"

namespace sightglass::gateway {

// OpenAI:    {"error":{"message":…,"type":…,"param":null,"code":…},"request_id":…}
// Anthropic: {"type":"error","error":{"type":…,"message":…},"request_id":…}
// `type` is the protocol's own word for the kind of fault; `code` is ours.
std::string error_body(Protocol protocol, ErrorType type, std::string_view request_id);

// The same as the last event of a stream that cannot be completed.
std::string error_event(Protocol protocol, ErrorType type, std::string_view request_id);

}  // namespace sightglass::gateway
