#include "gateway/gateway.h"

#include <chrono>
#include <future>

#include "gateway/request.h"
#include "gateway/worker.h"

namespace sightglass::gateway {
namespace {

// What the server holds of a request. The request itself may outlive its exchange.
class RequestHandler final : public http::Handler {
 public:
  RequestHandler(Gateway::State& state, std::string provider_id, std::string rest)
      : state_(state), provider_id_(std::move(provider_id)), rest_(std::move(rest)) {}

  void on_request(http::Exchange& exchange) override {
    request_ = &state_.workers[exchange.worker()]->acquire();
    request_->begin(exchange, {provider_id_, rest_});
  }
  void on_body(http::Exchange&, std::string_view content) override {
    request_->client_body(content);
  }
  void on_body_end(http::Exchange&) override { request_->client_body_end(); }
  void on_writable(http::Exchange&) override { request_->client_writable(); }
  void on_refused(http::Exchange&, int status) override { request_->client_refused(status); }
  void on_close(http::Exchange&, bool client_gone) override {
    if (request_ != nullptr) request_->client_closed(client_gone);
    request_ = nullptr;
  }

 private:
  Gateway::State& state_;
  std::string provider_id_;
  std::string rest_;
  Request* request_ = nullptr;
};

struct Served {
  std::string_view method;
  std::string_view pattern;
  std::string_view summary;
};
constexpr Served kServed[] = {
    {"POST", "/v1/chat/completions", "OpenAI chat completions, streamed or not"},
    {"POST", "/v1/completions", "OpenAI completions"},
    {"POST", "/v1/responses", "OpenAI responses"},
    {"*", "/v1/responses/{rest...}", "Stored responses: read, cancel, delete; never billed again"},
    {"POST", "/v1/embeddings", "OpenAI embeddings"},
    {"POST", "/v1/messages", "Anthropic messages, streamed or not"},
    {"POST", "/v1/messages/count_tokens", "Anthropic token counting"},
    {"GET", "/v1/models", "Models of the default provider"},
    {"GET", "/v1/models/{rest...}", "One model"},
    {"POST", "/v1/audio/{rest...}", "OpenAI speech and transcription"},
};

}  // namespace

Gateway::Gateway(Shared shared, std::shared_ptr<const Settings> settings)
    : state_(std::make_unique<State>(shared, std::move(settings))) {}
Gateway::~Gateway() = default;

void Gateway::add_worker(std::size_t index, WorkerParts parts) {
  if (state_->workers.size() <= index) state_->workers.resize(index + 1);
  state_->workers[index] = std::make_unique<Worker>(*state_, parts);
}

std::vector<http::Route> Gateway::routes() {
  std::vector<http::Route> routes;
  State& state = *state_;
  const auto add = [&](std::string_view method, std::string_view pattern, std::string_view summary,
                       http::HandlerFactory make) {
    http::Route route;
    route.method = method;
    route.pattern = pattern;
    route.realm = http::Realm::kGateway;
    route.changes = method != "GET";
    route.summary = summary;
    route.make = std::move(make);
    routes.push_back(std::move(route));
  };
  for (const auto& served : kServed) {
    add(served.method, served.pattern, served.summary, [&state](const auto&) {
      return std::make_unique<RequestHandler>(state, std::string(), std::string());
    });
  }
  add("*", "/providers/{id}/{rest...}", "Any provider's own API, passed through and metered",
      [&state](const std::vector<std::string>& parameters) {
        return std::make_unique<RequestHandler>(state, parameters[0], parameters[1]);
      });
  return routes;
}

void Gateway::publish(std::shared_ptr<const Settings> settings) {
  const std::scoped_lock lock(state_->settings_mutex);
  state_->settings = std::move(settings);
  state_->settings_version.fetch_add(1, std::memory_order_release);
}

std::shared_ptr<const Settings> Gateway::settings() const {
  const std::scoped_lock lock(state_->settings_mutex);
  return state_->settings;
}

void Gateway::drain() { state_->draining.store(true, std::memory_order_relaxed); }

std::size_t Gateway::in_flight() const { return state_->in_flight.load(std::memory_order_relaxed); }

void Gateway::interrupt_all() {
  for (auto& worker : state_->workers) {
    if (worker == nullptr) continue;
    worker->loop().post([&w = *worker] { w.interrupt(ErrorType::kGatewayInterrupted, {}); });
  }
}

std::size_t Gateway::cancel(const std::string& request_id) {
  if (request_id.empty()) return 0;
  constexpr auto kPatience = std::chrono::seconds(10);  // for a worker that is stuck, or stopped
  std::vector<std::future<std::size_t>> answers;
  for (auto& worker : state_->workers) {
    if (worker == nullptr) continue;
    const auto found = std::make_shared<std::promise<std::size_t>>();
    answers.push_back(found->get_future());
    worker->loop().post([&w = *worker, request_id, found] {
      found->set_value(w.interrupt(ErrorType::kPolicyCancelled, request_id));
    });
  }
  std::size_t count = 0;
  for (auto& answer : answers) {
    if (answer.wait_for(kPatience) == std::future_status::ready) count += answer.get();
  }
  return count;
}

}  // namespace sightglass::gateway
