#include "gateway/settings.h"

#include <algorithm>

#include "base/sha256.h"
#include "base/text.h"

namespace sightglass::gateway {
namespace {

std::string digest_text(std::string_view key) {
  const auto digest = sha256(key);
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

std::optional<std::string> from_hex(std::string_view hex) {
  if (hex.size() != 64) return std::nullopt;
  std::string out;
  const auto value = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const int high = value(hex[i]);
    const int low = value(hex[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out.push_back(static_cast<char>(high * 16 + low));
  }
  return out;
}

bool is_id(std::string_view id) {
  return !id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

std::vector<ProviderConfig> default_providers() {
  std::vector<ProviderConfig> out(2);
  out[0].id = "openai";
  out[0].base_url = "https://api.openai.com/v1";
  out[1].id = "anthropic";
  out[1].kind = ProviderKind::kAnthropic;
  out[1].base_url = "https://api.anthropic.com";
  return out;
}

template <typename List, typename Match>
bool empty_or_any(const List& list, Match match) {
  return list.empty() || std::any_of(list.begin(), list.end(), match);
}

}  // namespace

bool Client::may_use(const Provider& provider) const {
  return empty_or_any(allowed_providers,
                      [&](const auto& allowed) { return allowed == provider.id; });
}

bool Client::may_use_model(std::string_view requested, std::string_view upstream) const {
  return empty_or_any(allowed_models, [&](const auto& pattern) {
    return glob_match(pattern, requested, false) || glob_match(pattern, upstream, false);
  });
}

Result<std::shared_ptr<const Settings>> Settings::make(Config config,
                                                       std::shared_ptr<const price::PriceBook> book,
                                                       const guard::KeyRing& keys,
                                                       Lasting lasting) {
  std::shared_ptr<Settings> out(new Settings);
  if (config.providers.empty()) config.providers = default_providers();
  for (auto& provider : config.providers) {
    SG_TRY(out->add_provider(std::move(provider), config.pass_through, keys, lasting));
  }
  for (auto& client : config.clients) SG_TRY(out->add_client(std::move(client), lasting));
  SG_TRY(out->add_aliases(config.model_aliases));
  out->prices_ = std::move(book);
  out->limits_ = config.limits;
  out->service_ = std::move(config.service);
  out->environment_ = std::move(config.environment);
  out->route_by_header_ = config.route_by_header;
  out->key_choice_ = config.key_choice;
  return out;
}

Status Settings::add_provider(ProviderConfig config, PassThrough pass_through,
                              const guard::KeyRing& keys, const Lasting& lasting) {
  if (!is_id(config.id)) {
    return fail(Code::kInvalid, "a provider's id is 1 to 64 letters, digits, '.', '_' or '-'");
  }
  const auto where = "provider \"" + config.id + "\"";
  auto url = net::parse_url(config.base_url);
  if (!url) return fail(where, std::move(url).error());
  auto provider = std::make_unique<Provider>();
  provider->id = std::move(config.id);
  provider->kind = config.kind;
  provider->origin = std::move(url->origin);
  provider->path = std::move(url->path);
  if (config.kind != ProviderKind::kOther && (provider->path.empty() || provider->path == "/")) {
    provider->path = "/v1";
  }
  provider->needs_key = config.needs_key;
  provider->pass_through = config.pass_through.value_or(pass_through);
  if (provider->origin.authority == "api.openai.com") {
    provider->key_prefix = "sk-";
    provider->foreign_key_prefix = "sk-ant-";
  } else if (provider->origin.authority == "api.anthropic.com") {
    provider->key_prefix = "sk-ant-";
  }
  for (auto& secret : config.api_keys) {
    auto id = guard::key_id(provider->id, secret, keys);
    auto state = lasting.keys != nullptr ? lasting.keys->of(id) : std::make_shared<KeyState>();
    provider->keys.push_back({std::move(secret), std::move(id), std::move(state)});
  }
  for (auto& model : config.models) {
    by_model_.try_emplace(model, provider.get());
    models_.insert(std::move(model));
  }
  if (!by_id_.try_emplace(provider->id, provider.get()).second) {
    return fail(Code::kExists, where + " is there twice");
  }
  providers_.push_back(std::move(provider));
  return {};
}

Status Settings::add_client(ClientConfig config, const Lasting& lasting) {
  std::string digest;
  if (!config.key_sha256.empty()) {
    const auto bytes = from_hex(config.key_sha256);
    if (!bytes) {
      return fail(Code::kInvalid, "client \"" + config.id + "\": the hash is not SHA-256 in hex");
    }
    digest = *bytes;
  } else if (config.key.size() < 20) {
    return fail(Code::kInvalid, "client \"" + config.id + "\": a key has at least 20 characters");
  } else {
    digest = digest_text(config.key);
  }
  has_clients_ = has_clients_ || !config.revoked;
  std::shared_ptr<control::Account> account;
  if (lasting.limiter != nullptr && !config.revoked) {
    account = lasting.limiter->configure(config.id, config.limits);
  }
  Client client{std::move(config.id),
                std::move(config.allowed_providers),
                std::move(config.allowed_models),
                config.revoked,
                config.expires_ns,
                std::move(account)};
  if (!clients_.try_emplace(std::move(digest), std::move(client)).second) {
    return fail(Code::kExists, "two clients have the same key");
  }
  return {};
}

Status Settings::add_aliases(const std::map<std::string, std::string>& aliases) {
  for (const auto& [name, target] : aliases) {
    if (target.empty()) return fail(Code::kInvalid, "model alias \"" + name + "\" names no model");
    Alias alias{nullptr, target};
    const auto colon = target.find(':');
    if (colon != std::string::npos) {
      alias.provider = provider(std::string_view(target).substr(0, colon));
      if (alias.provider != nullptr) alias.model = target.substr(colon + 1);
    }
    aliases_.emplace(name, std::move(alias));
    models_.insert(name);
  }
  return {};
}

const Provider* Settings::provider(std::string_view id) const {
  const auto it = by_id_.find(id);
  return it == by_id_.end() ? nullptr : it->second;
}

const Provider* Settings::default_for(Protocol protocol) const {
  const auto wanted =
      protocol == Protocol::kAnthropic ? ProviderKind::kAnthropic : ProviderKind::kOpenAi;
  for (const auto& provider : providers_) {
    if (provider->kind == wanted) return provider.get();
  }
  for (const auto& provider : providers_) {
    if (provider->kind == ProviderKind::kOther) return provider.get();
  }
  return nullptr;
}

Destination Settings::route(std::string_view model, Protocol protocol) const {
  Destination out;
  out.model = model;
  if (const auto it = aliases_.find(model); it != aliases_.end()) {
    out.model = it->second.model;
    out.provider = it->second.provider;
  } else if (const auto colon = model.find(':'); colon != std::string_view::npos) {
    out.provider = provider(model.substr(0, colon));
    if (out.provider != nullptr) out.model = model.substr(colon + 1);
  }
  if (out.provider == nullptr) {
    const auto it = by_model_.find(out.model);
    out.provider = it == by_model_.end() ? default_for(protocol) : it->second;
  }
  if (out.provider == nullptr || (out.model.empty() && !model.empty())) {
    out.error = ErrorType::kCallerModelUnknown;
  }
  return out;
}

const Client* Settings::client(std::string_view key) const {
  if (clients_.empty() || key.empty()) return nullptr;
  // Looked up by hash: the time taken tells about the hash, never about the key.
  const auto digest = sha256(key);
  const auto it =
      clients_.find(std::string_view(reinterpret_cast<const char*>(digest.data()), digest.size()));
  return it == clients_.end() ? nullptr : &it->second;
}

}  // namespace sightglass::gateway
