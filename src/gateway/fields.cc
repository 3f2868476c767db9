#include "gateway/fields.h"

#include <algorithm>
#include <array>

#include "base/json_writer.h"
#include "base/text.h"
#include "http/exchange.h"

namespace sightglass::gateway {
namespace {

bool starts_with_any(std::string_view name, const auto& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(), [&](std::string_view prefix) {
    return equals_ignoring_case(name.substr(0, prefix.size()), prefix);
  });
}
bool is_any(std::string_view name, const auto& names) {
  return std::any_of(names.begin(), names.end(),
                     [&](std::string_view known) { return equals_ignoring_case(name, known); });
}

// To every provider. `baggage` is not among them: it is free text that travels with a trace, and
// applications put people into it.
constexpr std::array<std::string_view, 10> kUp{
    "accept",        "accept-language", "content-type",  "content-encoding", "user-agent",
    "cache-control", "range",           "if-none-match", "idempotency-key",  "tracestate"};
constexpr std::array<std::string_view, 2> kUpOther{"http-referer", "x-title"};
constexpr std::array<std::string_view, 2> kUpOpenAi{"openai-", "x-stainless-"};
constexpr std::array<std::string_view, 2> kUpAnthropic{"anthropic-", "x-stainless-"};
constexpr std::array<std::string_view, 4> kUpOtherPrefixes{"openai-", "anthropic-", "x-stainless-",
                                                           "x-goog-"};
constexpr std::size_t kMaxValueBytes = 4096;
// Fields of those families that are credentials.
constexpr std::array<std::string_view, 2> kUpNever{"x-goog-api-key", "anthropic-api-key"};

constexpr std::array<std::string_view, 15> kDown{"content-type",
                                                 "cache-control",
                                                 "retry-after",
                                                 "retry-after-ms",
                                                 "x-should-retry",
                                                 "etag",
                                                 "last-modified",
                                                 "accept-ranges",
                                                 "content-range",
                                                 "content-disposition",
                                                 "content-language",
                                                 "request-id",
                                                 "vary",
                                                 "www-authenticate",
                                                 "warning"};
constexpr std::array<std::string_view, 5> kDownPrefixes{"x-ratelimit-", "ratelimit", "openai-",
                                                        "anthropic-", "x-goog-"};

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// Fields with an `x-` that are read here and written anew: nothing is lost when they do not pass.
bool is_ours(std::string_view name) {
  constexpr std::array<std::string_view, 3> kOurs{"x-request-id", "x-api-key", "x-goog-api-key"};
  return is_any(name, kOurs) || is_convention(name);
}

void field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

void credentials(const UpstreamHead& head, std::string& out) {
  if (head.key != nullptr) {
    if (head.provider->kind == ProviderKind::kAnthropic) {
      field(out, "x-api-key", head.key->secret);
    } else {
      out.append("Authorization: Bearer ").append(head.key->secret).append("\r\n");
    }
    return;
  }
  switch (head.caller.field) {
    case KeyField::kAuthorization:
      out.append("Authorization: Bearer ").append(head.caller.token).append("\r\n");
      break;
    case KeyField::kXApiKey:
      field(out, "x-api-key", head.caller.token);
      break;
    case KeyField::kApiKey:
      field(out, "api-key", head.caller.token);
      break;
    case KeyField::kGoogle:
      field(out, "x-goog-api-key", head.caller.token);
      break;
    case KeyField::kQuery:  // in the target already
    case KeyField::kNone:
      break;
  }
}

// Whether an Accept-Encoding offers gzip, by name and not with q=0.
bool offers_gzip(std::string_view accept) {
  while (!accept.empty()) {
    const auto end = std::min(accept.find(','), accept.size());
    const auto item = trim(accept.substr(0, end));
    const auto semicolon = item.find(';');
    const auto name = trim(item.substr(0, semicolon));
    const auto weight =
        semicolon == std::string_view::npos ? std::string_view() : trim(item.substr(semicolon + 1));
    if (equals_ignoring_case(name, "gzip")) {
      return weight != "q=0" && weight != "q=0.0" && weight != "q=0.00" && weight != "q=0.000";
    }
    accept.remove_prefix(std::min(end + 1, accept.size()));
  }
  return false;
}

}  // namespace

bool passes_upstream(std::string_view name, ProviderKind kind) {
  if (is_any(name, kUpNever)) return false;
  if (is_any(name, kUp)) return true;
  switch (kind) {
    case ProviderKind::kOpenAi:
      return starts_with_any(name, kUpOpenAi);
    case ProviderKind::kAnthropic:
      return starts_with_any(name, kUpAnthropic);
    case ProviderKind::kOther:
      break;
  }
  return is_any(name, kUpOther) || starts_with_any(name, kUpOtherPrefixes);
}

bool passes_downstream(std::string_view name) {
  return is_any(name, kDown) || starts_with_any(name, kDownPrefixes);
}

void write_upstream_head(const net::RequestHead& from, const UpstreamHead& head,
                         std::string_view conventions, StrippedCounts& stripped, std::string& out) {
  out.append(head.method).append(" ").append(head.target).append(" HTTP/1.1\r\n");
  field(out, "Host", head.provider->origin.authority);
  credentials(head, out);
  const auto strip = [&](Stripped why) { ++stripped[static_cast<std::size_t>(why)]; };
  bool has_version = false;
  const auto connection = from.headers.get("connection");
  for (const auto& [name, value] : from.headers.all) {
    if (!passes_upstream(name, head.provider->kind) || net::is_hop_by_hop(name, connection)) {
      const bool extension = name.size() > 2 && (name[0] | 0x20) == 'x' && name[1] == '-';
      if (extension && !is_ours(name)) strip(Stripped::kUnknown);
      continue;
    }
    if (value.size() > kMaxValueBytes) {
      strip(Stripped::kTooLong);
      continue;
    }
    if (!is_ascii(value)) {
      strip(Stripped::kMalformed);
      continue;
    }
    has_version = has_version || equals_ignoring_case(name, "anthropic-version");
    field(out, name, value);
  }
  if (head.provider->kind == ProviderKind::kAnthropic && !has_version) {
    field(out, "anthropic-version", "2023-06-01");
  }
  const bool gzip = !head.wants_identity && offers_gzip(from.headers.get("accept-encoding"));
  field(out, "Accept-Encoding", gzip ? "gzip" : "identity");
  field(out, "x-request-id", head.request_id);
  field(out, "traceparent", head.traceparent);
  out.append(conventions);
  if (head.chunked) {
    field(out, "Transfer-Encoding", "chunked");
  } else if (head.has_body) {
    out.append("Content-Length: ");
    append_uint(out, head.content_length);
    out.append("\r\n");
  }
  out.append("\r\n");
}

void write_client_head(const net::ResponseHead& from, Coding coding, std::string& out) {
  out.append("HTTP/1.1 ");
  append_int(out, from.status);
  // Our own words for the status: a provider's reason phrase is text of its own.
  out.append(" ").append(http::status_reason(from.status)).append("\r\n");
  const auto connection = from.headers.get("connection");
  // An answer that was made for one caller is kept by nobody on the way.
  if (!from.headers.has("cache-control")) field(out, "Cache-Control", "no-store");
  for (const auto& [name, value] : from.headers.all) {
    if (net::is_hop_by_hop(name, connection)) continue;
    if (passes_downstream(name) ||
        (coding == Coding::kAsSent && equals_ignoring_case(name, "content-encoding"))) {
      field(out, name, value);
    } else if (equals_ignoring_case(name, "x-request-id")) {
      field(out, "x-provider-request-id", value);
    }
  }
}

}  // namespace sightglass::gateway
