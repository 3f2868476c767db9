#include <algorithm>

#include "base/text.h"
#include "net/characters.h"
#include "net/client.h"

namespace sightglass::net {
namespace {

std::unexpected<Error> malformed() {
  return fail(Code::kInvalid, "a URL must look like https://host[:port][/path]");
}

// Splits "host", "host:port", "[v6]" and "[v6]:port"; false when malformed.
bool split_authority(std::string_view authority, Address& address) {
  std::string_view host = authority;
  std::string_view port;
  bool has_port = false;
  if (authority.starts_with('[')) {
    const auto end = authority.find(']');
    if (end == std::string_view::npos) return false;
    host = authority.substr(1, end - 1);
    const auto rest = authority.substr(end + 1);
    if (!rest.empty() && rest.front() != ':') return false;
    has_port = !rest.empty();
    if (has_port) port = rest.substr(1);
    if (!is_numeric_host(std::string(host)) || host.find(':') == std::string_view::npos) {
      return false;
    }
  } else {
    const auto colon = authority.find(':');
    host = authority.substr(0, colon);
    has_port = colon != std::string_view::npos;
    if (has_port) port = authority.substr(colon + 1);
    const auto allowed = [](char c) { return is_token(c) && c != '%' && c != '*'; };
    if (host.empty() || host.size() > 253 || !std::ranges::all_of(host, allowed)) return false;
  }
  if (has_port) {
    if (port.empty() || port.size() > 5 || !std::ranges::all_of(port, is_digit)) return false;
    const auto number = parse_int(port);
    if (!number || *number < 1 || *number > 65535) return false;
    address.port = static_cast<std::uint16_t>(*number);
  }
  address.host = to_lower(host);
  return true;
}

}  // namespace

Result<OriginAndPath> parse_url(std::string_view url) {
  OriginAndPath out;
  auto& origin = out.origin;
  if (equals_ignoring_case(url.substr(0, 8), "https://")) {
    origin.tls = true;
    url.remove_prefix(8);
  } else if (equals_ignoring_case(url.substr(0, 7), "http://")) {
    url.remove_prefix(7);
  } else {
    return malformed();
  }
  const auto authority = url.substr(0, url.find('/'));
  const auto path = url.substr(authority.size());
  origin.address.port = origin.tls ? 443 : 80;
  if (!split_authority(authority, origin.address)) return malformed();
  origin.authority = to_lower(authority);
  for (const char c : path) {
    if (!is_target(c) || c == '?') return malformed();
  }
  out.path = path.substr(0, path.find_last_not_of('/') + 1);
  return out;
}

std::string_view call_error_name(CallError error) {
  switch (error) {
    case CallError::kResolve:
      return "resolve";
    case CallError::kConnect:
      return "connect";
    case CallError::kTls:
      return "tls";
    case CallError::kTimeoutConnect:
      return "timeout_connect";
    case CallError::kTimeoutHead:
      return "timeout_head";
    case CallError::kTimeoutIdle:
      return "timeout_idle";
    case CallError::kReset:
      return "reset";
    case CallError::kBadResponse:
      return "bad_response";
    case CallError::kTruncated:
      return "truncated";
    case CallError::kCancelled:
      return "cancelled";
  }
  return "unknown";
}

}  // namespace sightglass::net
