#include "gateway/credentials.h"

#include <algorithm>

#include "base/text.h"

namespace sightglass::gateway {
namespace {

constexpr std::string_view kOurPrefix = "sg_";

std::string_view bearer_token(std::string_view field) {
  constexpr std::string_view kBearer = "bearer ";
  if (!equals_ignoring_case(field.substr(0, kBearer.size()), kBearer)) return {};
  return trim(field.substr(kBearer.size()));
}

std::string_view query_key(std::string_view query) {
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    const auto parameter = query.substr(0, end);
    if (parameter.starts_with("key=")) return parameter.substr(4);
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  return {};
}

}  // namespace

Credentials find_credentials(const Settings& settings, const net::RequestHead& head) {
  const std::pair<KeyField, std::string_view> shown[] = {
      {KeyField::kAuthorization, bearer_token(head.headers.get("authorization"))},
      {KeyField::kXApiKey, head.headers.get("x-api-key")},
      {KeyField::kApiKey, head.headers.get("api-key")},
      {KeyField::kGoogle, head.headers.get("x-goog-api-key")},
      {KeyField::kQuery, query_key(head.query)}};
  Credentials first;
  for (const auto& [field, token] : shown) {
    if (token.empty()) continue;
    const Client* client = settings.client(token);
    if (client != nullptr && !client->revoked) return {client, {}, field};
    if (client != nullptr || token.starts_with(kOurPrefix)) return {};
    if (first.token.empty()) first = {nullptr, token, field};
  }
  return first;
}

bool allows_pass_through(const Settings& settings, const Provider& provider, Listener listener) {
  switch (provider.pass_through) {
    case PassThrough::kOn:
      return true;
    case PassThrough::kLoopback:
      return listener == Listener::kLoopback && !settings.has_clients();
    case PassThrough::kOff:
      break;
  }
  return false;
}

bool has_key_form(const Provider& provider, std::string_view token) {
  if (token.empty() || token.size() > 4096 || !is_visible_ascii(token)) return false;
  if (!token.starts_with(provider.key_prefix)) return false;
  return provider.foreign_key_prefix.empty() || !token.starts_with(provider.foreign_key_prefix);
}

bool admits(const Settings& settings, const Provider& provider, const Credentials& credentials,
            Listener listener) {
  if (credentials.client != nullptr) return true;
  if (!allows_pass_through(settings, provider, listener)) return false;
  if (credentials.token.empty()) return !provider.needs_key;
  return has_key_form(provider, credentials.token);
}

bool may_enter(const Settings& settings, const Credentials& credentials, Listener listener) {
  const auto& providers = settings.providers();
  return std::any_of(providers.begin(), providers.end(), [&](const auto& provider) {
    return admits(settings, *provider, credentials, listener);
  });
}

}  // namespace sightglass::gateway
