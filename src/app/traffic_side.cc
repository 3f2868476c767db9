#include "app/traffic_side.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "app/client_side.h"
#include "base/json_writer.h"
#include "base/random.h"
#include "base/sha256.h"
#include "gateway/gateway.h"
#include "price/price_book.h"

namespace sightglass::app {
namespace {

constexpr std::size_t kRingBytes = 4 << 20;  // a worker's: some ten thousand records
constexpr Nanos kPausePatience = 5 * kSecond;

gateway::ProviderKind kind_of(const std::string& name) {
  if (name == "anthropic") return gateway::ProviderKind::kAnthropic;
  if (name == "other") return gateway::ProviderKind::kOther;
  return gateway::ProviderKind::kOpenAi;
}

gateway::PassThrough pass_through_of(const Config& config) {
  if (config.pass_through == "on") return gateway::PassThrough::kOn;
  if (config.pass_through == "off") return gateway::PassThrough::kOff;
  return gateway::PassThrough::kLoopback;
}

gateway::KeyChoice key_choice_of(const Config& config) {
  if (config.policy.algorithm == "random") return gateway::KeyChoice::kRandom;
  if (config.policy.algorithm == "least_loaded") return gateway::KeyChoice::kLeastLoaded;
  return gateway::KeyChoice::kRoundRobin;
}

gateway::Config gateway_config(const Config& config, const control::Clients& clients) {
  gateway::Config out;
  for (const auto& provider : config.providers) {
    gateway::ProviderConfig one;
    one.id = provider.id;
    one.kind = kind_of(provider.kind);
    one.base_url = provider.base_url;
    one.api_keys = provider.api_keys;
    one.models = provider.models;
    out.providers.push_back(std::move(one));
  }
  out.clients = ClientSide::merge(config, clients);
  out.model_aliases = config.model_aliases;
  out.pass_through = pass_through_of(config);
  out.key_choice = key_choice_of(config);
  out.service = config.service;
  out.environment = config.environment;
  return out;
}

Result<std::shared_ptr<const price::PriceBook>> prices_of(const Config& config, FileSystem& fs) {
  if (config.prices_file.empty()) return price::PriceBook::built_in();
  auto json = read_file(fs, config.prices_file);
  if (!json) return fail("prices", std::move(json).error());
  auto book = price::PriceBook::parse(*json, sha256_hex(*json).substr(0, 16));
  if (!book) return fail(config.prices_file, std::move(book).error());
  return book;
}

// The protocols' own words for a status that the server answers with before a route is known.
std::string_view word_for(int status, bool anthropic) {
  switch (status) {
    case 401:
      return anthropic ? "authentication_error" : "invalid_request_error";
    case 403:
      return "permission_error";
    case 404:
      return anthropic ? "not_found_error" : "invalid_request_error";
    case 413:
      return anthropic ? "request_too_large" : "invalid_request_error";
    case 429:
      return "rate_limit_error";
    default:
      break;
  }
  if (status >= 500) return anthropic ? "api_error" : "server_error";
  return "invalid_request_error";
}

// Such errors in the shape of the path's protocol, with the server's own sentence.
http::Response shape_error(std::string_view path, int status, std::string_view type,
                           std::string_view sentence, std::string_view request_id) {
  if (!path.starts_with("/v1/")) return http::error_response(status, type, sentence, request_id);
  const bool anthropic = path.starts_with("/v1/messages");
  http::Response response;
  response.status = status;
  JsonWriter json(response.body);
  json.begin_object();
  if (anthropic) json.key("type").string("error");
  json.key("error").begin_object().key("message").string(sentence);
  json.key("type").string(word_for(status, anthropic));
  if (!anthropic) json.key("param").null().key("code").string(type);
  json.end_object().key("request_id").string(request_id).end_object();
  return response;
}

// Whether a TCP connection opens within a second.
bool connects(const net::Origin& origin) {
  auto fd = net::connect_tcp(origin.address);
  if (!fd) return false;
  pollfd waiting{*fd, POLLOUT, 0};
  int error = 1;
  socklen_t size = sizeof error;
  const bool ready = ::poll(&waiting, 1, 1000) == 1 &&
                     ::getsockopt(*fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
  ::close(*fd);
  return ready;
}

class Side final : public TrafficSide {
 public:
  explicit Side(const Parts& parts)
      : parts_(parts), config_(std::make_shared<const Config>(parts.config)) {}
  ~Side() override { parts_.clients.listen(nullptr); }

  Status begin() {
    SG_ASSIGN(book_, prices_of(parts_.config, parts_.fs));
    SG_ASSIGN(auto settings, settings_for(*config_, *parts_.clients.clients()));
    known_ = ids_of(*config_, *parts_.clients.clients());
    gateway_ = std::make_unique<gateway::Gateway>(
        gateway::Gateway::Shared{parts_.clock, parts_.telemetry, parts_.keys, &parts_.limiter,
                                 [&journal = parts_.journal] { return journal.writable(); }},
        std::move(settings));
    if (parts_.redis != nullptr) parts_.redis->revoked(parts_.clients.clients());
    SG_ASSIGN(auto context, net::TlsContext::client({parts_.config.upstream_ca_file}));
    const std::shared_ptr<net::TlsContext> tls = std::move(context);
    for (std::size_t i = 0; i < parts_.workers.count(); ++i) add_worker(i, tls);
    // Last: it may be told at once, on the registry's thread.
    parts_.clients.listen([this](auto clients) { put_in_force(std::move(clients)); });
    return {};
  }

  std::vector<http::Route> routes() override { return gateway_->routes(); }
  http::ErrorShape error_shape() override { return shape_error; }

  Status try_config(const Config& config) override {
    const auto tried = gateway::Settings::make(gateway_config(config, *parts_.clients.clients()),
                                               book_, parts_.keys);
    // Whatever is wrong is wrong in the configuration.
    return tried ? Status() : Status(fail(Code::kInvalid, tried.error().message));
  }

  void use_config(std::shared_ptr<const Config> config) override {
    const std::scoped_lock lock(config_mutex_);
    config_ = std::move(config);
  }

  std::vector<admin::HealthCheck> reachability() override {
    std::vector<admin::HealthCheck> checks;
    const auto settings = gateway_->settings();
    for (const auto& provider : settings->providers()) checks.push_back(check_of(*provider));
    return checks;
  }

  std::size_t cancel(const std::string& request_id) override {
    return gateway_->cancel(request_id);
  }

  Status with_no_one_inside(const std::function<Status()>& change) override {
    return parts_.workers.while_all_wait(kPausePatience, [&]() -> Status {
      SG_TRY(change());
      for (const auto& worker : owned_) worker->door->become(parts_.make_door());
      return {};
    });
  }

  void stop() override {
    gateway_->drain();
    gateway_->interrupt_all();
    // The workers write what is interrupted into their rings; give them the time of a round.
    for (int i = 0; i < 200 && gateway_->in_flight() > 0; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }

 private:
  Result<std::shared_ptr<const gateway::Settings>> settings_for(const Config& config,
                                                                const control::Clients& clients) {
    return gateway::Settings::make(gateway_config(config, clients), book_, parts_.keys,
                                   {&parts_.limiter, &key_states_});
  }

  static std::set<std::string> ids_of(const Config& config, const control::Clients& clients) {
    std::set<std::string> out;
    for (const auto& client : config.clients) out.insert(client.id);
    for (const auto& client : clients.clients) out.insert(client.id);
    return out;
  }

  // On the registry's thread, for requests that begin from now on.
  void put_in_force(std::shared_ptr<const control::Clients> clients) {
    const auto config = [this] {
      const std::scoped_lock lock(config_mutex_);
      return config_;
    }();
    auto settings = settings_for(*config, *clients);
    if (!settings) {
      parts_.log.error("app", "a change of clients is not in force: " + settings.error().message);
      return;
    }
    gateway_->publish(std::move(*settings));
    auto known = ids_of(*config, *clients);
    for (const auto& id : known_) {
      if (!known.contains(id)) parts_.limiter.forget(id);
    }
    known_ = std::move(known);
    if (parts_.redis != nullptr) parts_.redis->revoked(clients);
  }

  admin::HealthCheck check_of(const gateway::Provider& provider) {
    std::int64_t aside = 0, times = 0;
    const auto now = parts_.clock.monotonic_ns();
    for (const auto& key : provider.keys) {
      aside += key.state->aside(now) ? 1 : 0;
      times += static_cast<std::int64_t>(key.state->times_aside());
    }
    const auto keys = static_cast<std::int64_t>(provider.keys.size());
    std::string problem;
    if (!connects(provider.origin)) {
      problem = "its address takes no connection; check base_url and the network";
    } else if (keys > 0 && aside == keys) {
      problem = "it refuses or limits every key that it has here; check api_keys and their quotas";
    }
    const bool ok = problem.empty();
    return {"provider." + provider.id,
            ok,
            false,
            std::move(problem),
            {{"since", since(provider.id, ok) / kSecond},
             {"keys", keys},
             {"keys_put_aside", aside},
             {"times_put_aside", times}}};
  }

  // What one worker owns besides its loop.
  struct Worker {
    SystemRandom random;
    std::unique_ptr<guard::Door> door;
    std::unique_ptr<net::Client> client;
  };

  // Since when a provider has been found as it is now, by the checks that were asked for.
  Nanos since(const std::string& id, bool ok) {
    const std::scoped_lock lock(found_mutex_);
    auto [found, is_new] = found_.try_emplace(id, ok, parts_.clock.wall_ns());
    if (!is_new && found->second.first != ok) found->second = {ok, parts_.clock.wall_ns()};
    return found->second.second;
  }

  void add_worker(std::size_t index, const std::shared_ptr<net::TlsContext>& tls) {
    auto& worker = *owned_.emplace_back(std::make_unique<Worker>());
    auto& loop = parts_.workers.loop(index);
    worker.door = parts_.make_door();
    net::Client::Options options;
    options.timeouts = {parts_.config.upstream_connect_ns, parts_.config.upstream_head_ns,
                        parts_.config.upstream_idle_ns};
    options.tls = tls;
    worker.client = net::Client::make(loop, std::move(options), parts_.telemetry);
    gateway::Gateway::WorkerParts out{loop,
                                      *worker.client,
                                      *worker.door,
                                      parts_.journal.add_producer(kRingBytes),
                                      parts_.config.log_request_metrics
                                          ? &parts_.requests.add_table(parts_.in_flight_per_worker)
                                          : nullptr,
                                      worker.random,
                                      parts_.redis ? parts_.redis->limits(index) : nullptr};
    gateway_->add_worker(index, out);
  }

  const Parts parts_;
  std::shared_ptr<const price::PriceBook> book_;
  gateway::KeyStates key_states_;
  std::mutex config_mutex_;
  std::shared_ptr<const Config> config_;
  std::set<std::string> known_;  // clients in force; the registry thread's after begin
  std::vector<std::unique_ptr<Worker>> owned_;
  std::unique_ptr<gateway::Gateway> gateway_;
  std::mutex found_mutex_;
  std::map<std::string, std::pair<bool, Nanos>> found_;  // by provider: reachable, since when
};

}  // namespace

Result<std::unique_ptr<TrafficSide>> TrafficSide::make(const Parts& parts) {
  auto side = std::make_unique<Side>(parts);
  SG_TRY(side->begin());
  return side;
}

}  // namespace sightglass::app
