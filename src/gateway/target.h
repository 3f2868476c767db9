// Where a request goes at its provider: a path that cannot leave the configured one.
#pragma once

#include <string>
#include <string_view>

namespace sightglass::gateway {

// Whether `path`, as sent and undecoded, is plain: no "..", ".", empty segment, backslash, '@',
// encoded slash, backslash or dot, and no control character.
bool is_plain_path(std::string_view path);

// The provider's prefix ("/v1") and a path below the gateway's "/v1" or below "/providers/{id}".
// A version that both name stands once: "/v1" and "v1/files" give "/v1/files".
std::string join_target(std::string_view prefix, std::string_view path);

// The path without its leading version: "/v1/chat/completions" and "v1beta/models" give
// "/chat/completions" and "/models".
std::string_view without_version(std::string_view path);

// A query without the parameter `name`; "key=s&alt=sse" gives "alt=sse".
std::string query_without(std::string_view query, std::string_view name);

}  // namespace sightglass::gateway
