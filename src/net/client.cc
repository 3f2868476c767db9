#include "net/client.h"

#include <utility>

#include "net/client_connection.h"

namespace sightglass::net {
namespace {
constexpr std::size_t kKeptBuffers = 64;
constexpr std::size_t kKeptRequests = 256;

Counter& idle_counter(Telemetry& telemetry, const char* reason) {
  return telemetry.counter("sightglass_upstream_idle_dropped_total",
                           "Idle upstream connections dropped, by reason.", {{"reason", reason}});
}
}  // namespace

std::unique_ptr<Client> Client::make(Loop& loop, Options options, Telemetry& telemetry) {
  return std::make_unique<ClientCore>(loop, std::move(options), telemetry);
}

ClientCore::ClientCore(Loop& the_loop, Options the_options, Telemetry& telemetry)
    : loop(the_loop),
      options(std::move(the_options)),
      resolver(loop, options.resolve, telemetry),
      opened(telemetry.counter("sightglass_upstream_connections_opened_total",
                               "Connections to upstreams that were started.")),
      retried(telemetry.counter("sightglass_upstream_resends_total",
                                "Requests sent again because a reused connection was dead.")),
      idle_expired(idle_counter(telemetry, "expired")),
      idle_closed(idle_counter(telemetry, "closed_by_peer")),
      idle_talked(idle_counter(telemetry, "unexpected_data")),
      idle_full(idle_counter(telemetry, "pool_full")),
      open_gauge(telemetry.gauge("sightglass_upstream_connections_open",
                                 "Connections to upstreams, in use and idle.")),
      recycle_(loop, [this] { recycle(); }) {
  for (std::size_t i = 0; i < errors.size(); ++i) {
    const auto name = call_error_name(static_cast<CallError>(i));
    errors[i] = &telemetry.counter("sightglass_upstream_errors_total",
                                   "Upstream calls that failed.", {{"error", std::string(name)}});
  }
}

ClientCore::~ClientCore() {
  for (const auto& connection : connections_) connection->close();
}

Client::Request ClientCore::blank_request() {
  if (requests_.empty()) return {};
  auto request = std::move(requests_.back());
  requests_.pop_back();
  return request;
}

Call* ClientCore::send(const Origin& origin, Request request, CallHandler* handler) {
  auto& pool = pool_of(origin);
  ClientCall* call = nullptr;
  if (free_calls_.empty()) {
    call = calls_.emplace_back(std::make_unique<ClientCall>(*this)).get();
  } else {
    call = free_calls_.back();
    free_calls_.pop_back();
  }
  call->begin(std::move(request), handler, &pool);
  if (pool.idle.empty()) {
    take_connection()->open_for(*call);
  } else {
    auto* connection = pool.idle.back();
    pool.idle.pop_back();
    connection->reuse_for(*call);
  }
  return call;
}

std::size_t ClientCore::open_connections() const {
  std::size_t count = 0;
  for (const auto& connection : connections_) count += connection->open() ? 1 : 0;
  return count;
}

// Origins come from configuration and are few: looking through them beats hashing.
ClientPool& ClientCore::pool_of(const Origin& origin) {
  for (const auto& pool : pools_) {
    const auto& known = pool->origin;
    if (known.tls == origin.tls && known.address.port == origin.address.port &&
        known.address.host == origin.address.host) {
      return *pool;
    }
  }
  return *pools_.emplace_back(std::make_unique<ClientPool>(ClientPool{origin, {}}));
}

ClientConnection* ClientCore::take_connection() {
  if (free_connections_.empty()) {
    return connections_.emplace_back(std::make_unique<ClientConnection>(*this, loop)).get();
  }
  auto* connection = free_connections_.back();
  free_connections_.pop_back();
  return connection;
}

void ClientCore::retire(ClientConnection* connection) {
  retired_connections_.push_back(connection);
  recycle_.schedule();
}

void ClientCore::retire(ClientCall* call) {
  retired_calls_.push_back(call);
  recycle_.schedule();
}

void ClientCore::recycle() {
  for (auto* connection : retired_connections_) connection->release_buffer();
  free_connections_.insert(free_connections_.end(), retired_connections_.begin(),
                           retired_connections_.end());
  retired_connections_.clear();
  for (auto* call : retired_calls_) {
    call->request.head.clear();
    call->request.body.clear();
    call->request.streamed = call->request.is_head = false;
    if (requests_.size() < kKeptRequests) requests_.push_back(std::move(call->request));
    free_calls_.push_back(call);
  }
  retired_calls_.clear();
}

std::unique_ptr<char[]> ClientCore::take_buffer(std::size_t bytes) {
  if (buffers_.empty()) return std::make_unique_for_overwrite<char[]>(bytes);
  auto buffer = std::move(buffers_.back());
  buffers_.pop_back();
  return buffer;
}

void ClientCore::return_buffer(std::unique_ptr<char[]> buffer) {
  if (buffers_.size() < kKeptBuffers) buffers_.push_back(std::move(buffer));
}

bool ClientCore::make_idle(ClientConnection* connection, ClientPool& pool) {
  if (pool.idle.size() >= options.max_idle) {
    idle_full.add();
    return false;
  }
  connection->idle_index = pool.idle.size();
  pool.idle.push_back(connection);
  return true;
}

void ClientCore::leave_idle(ClientConnection* connection, ClientPool& pool) {
  auto* last = pool.idle.back();
  pool.idle[connection->idle_index] = last;
  last->idle_index = connection->idle_index;
  pool.idle.pop_back();
}

}  // namespace sightglass::net
