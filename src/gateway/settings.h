// The configuration, compiled for the request path: origins parsed, keys named, clients by hash.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "control/limiter.h"
#include "gateway/config.h"
#include "gateway/endpoint.h"
#include "gateway/error_type.h"
#include "gateway/key_state.h"
#include "guard/pseudonym.h"
#include "net/client.h"
#include "price/price_book.h"

namespace sightglass::gateway {

struct ProviderKey {
  std::string secret;
  std::string id;  // "<provider>-<16 hex>": the label
  std::shared_ptr<KeyState> state;
};

struct Provider {
  std::string id;
  ProviderKind kind = ProviderKind::kOpenAi;
  net::Origin origin;
  std::string path;  // prefix: "/v1"
  std::vector<ProviderKey> keys;
  bool needs_key = true;
  PassThrough pass_through = PassThrough::kLoopback;
  // How the provider's own keys begin; "": any token will do.
  std::string key_prefix;
  std::string foreign_key_prefix;  // begins like key_prefix and is another provider's
};

struct Client {
  std::string id;
  std::vector<std::string> allowed_providers;
  std::vector<std::string> allowed_models;
  bool revoked = false;
  Nanos expires_ns = 0;                       // 0: never
  std::shared_ptr<control::Account> account;  // null: no limits

  bool expired(Nanos wall_ns) const { return expires_ns != 0 && wall_ns >= expires_ns; }
  bool may_use(const Provider& provider) const;
  bool may_use_model(std::string_view requested, std::string_view upstream) const;
};

// Where one request goes. Views live as long as the settings and the requested name.
struct Destination {
  const Provider* provider = nullptr;
  std::string_view model;  // to send upstream; "" when none was named
  ErrorType error = ErrorType::kNone;
};

// Immutable once made; share by shared_ptr. A request keeps the settings that it began with.
class Settings {
 public:
  // What goes on over a change of settings. Null: made anew, and nobody has limits.
  struct Lasting {
    control::Limiter* limiter = nullptr;
    KeyStates* keys = nullptr;
  };
  // Errors name what is wrong: a provider's URL, a duplicate id, an alias to nowhere.
  static Result<std::shared_ptr<const Settings>> make(Config config,
                                                      std::shared_ptr<const price::PriceBook> book,
                                                      const guard::KeyRing& keys) {
    return make(std::move(config), std::move(book), keys, Lasting());
  }
  static Result<std::shared_ptr<const Settings>> make(Config config,
                                                      std::shared_ptr<const price::PriceBook> book,
                                                      const guard::KeyRing& keys, Lasting lasting);

  // By the part before the first ':' if it names a provider; by alias; by the providers' model
  // lists; else the first provider of the protocol's kind.
  Destination route(std::string_view model, Protocol protocol) const;
  const Provider* provider(std::string_view id) const;  // null: unknown
  const std::vector<std::unique_ptr<Provider>>& providers() const { return providers_; }

  // The client whose key this is, revoked ones too; null: nobody's.
  const Client* client(std::string_view key) const;
  bool has_clients() const { return has_clients_; }
  bool lists_model(std::string_view model) const { return models_.contains(model); }

  const Limits& limits() const { return limits_; }
  const price::PriceBook& prices() const { return *prices_; }
  const std::string& service() const { return service_; }
  const std::string& environment() const { return environment_; }
  KeyChoice key_choice() const { return key_choice_; }
  bool routes_by_header() const { return route_by_header_; }

 private:
  Settings() = default;
  Status add_provider(ProviderConfig config, PassThrough pass_through, const guard::KeyRing& keys,
                      const Lasting& lasting);
  Status add_client(ClientConfig config, const Lasting& lasting);
  Status add_aliases(const std::map<std::string, std::string>& aliases);
  const Provider* default_for(Protocol protocol) const;

  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
  };
  template <typename T>
  using Map = std::unordered_map<std::string, T, Hash, std::equal_to<>>;

  struct Alias {
    const Provider* provider = nullptr;  // null: as the model's name says
    std::string model;
  };

  std::vector<std::unique_ptr<Provider>> providers_;
  Map<const Provider*> by_id_;
  Map<const Provider*> by_model_;
  Map<Alias> aliases_;
  Map<Client> clients_;  // by the 32 bytes of SHA-256 of the key
  std::unordered_set<std::string, Hash, std::equal_to<>> models_;
  std::shared_ptr<const price::PriceBook> prices_;
  Limits limits_;
  std::string service_;
  std::string environment_;
  bool has_clients_ = false;
  bool route_by_header_ = false;
  KeyChoice key_choice_ = KeyChoice::kRoundRobin;
};

}  // namespace sightglass::gateway
