#include "http/server.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <latch>
#include <thread>

#include "http/connection.h"
#include "http/worker.h"

namespace sightglass::http {
namespace {

std::uint16_t bound_port(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  if (address.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
  }
  return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

// Descriptors that are closed unless they found an owner.
struct Bound {
  std::vector<int> fds;
  Bound() = default;
  Bound(const Bound&) = delete;
  Bound& operator=(const Bound&) = delete;
  ~Bound() {
    for (const int fd : fds) ::close(fd);
  }
};

Result<int> listen_or_explain(const net::Address& address, bool reuse_port) {
  auto fd = net::listen_tcp(address, reuse_port);
  if (fd || fd.error().code != Code::kExists) return fd;
  return fail(Code::kExists, "port " + std::to_string(address.port) +
                                 " is in use: stop the program that holds it (another sightglass?) "
                                 "or give `listen` another port");
}

// One socket per worker. The first bind is made without SO_REUSEPORT, which would hide a second
// instance by sharing the port with it.
Status bind_tcp(Door& door, net::Address address, std::size_t workers, Bound& bound) {
  SG_ASSIGN(const int probe, listen_or_explain(address, false));
  bound.fds.push_back(probe);
  door.port = address.port = bound_port(probe);
  if (workers == 1) return {};
  ::close(probe);
  bound.fds.pop_back();
  for (std::size_t i = 0; i < workers; ++i) {
    SG_ASSIGN(const int fd, listen_or_explain(address, true));
    bound.fds.push_back(fd);
  }
  return {};
}

class ServerOnLoops final : public Server {
 public:
  ServerOnLoops(ServerOptions options, const Router& router, Gatekeeper& gatekeeper,
                std::vector<net::Loop*> loops, Telemetry& telemetry, Log& log)
      : shared_(std::move(options), router, gatekeeper, telemetry, log), loops_(std::move(loops)) {
    for (std::size_t i = 0; i < loops_.size(); ++i) {
      workers_.push_back(std::make_unique<Worker>(shared_, *loops_[i], i, telemetry));
    }
  }

  Status bind() {
    SG_ASSIGN(shared_.trusted, AddressSet::parse(shared_.options.trusted_proxies));
    shared_.doors.resize(shared_.options.listens.size());  // workers keep references
    for (std::size_t i = 0; i < shared_.doors.size(); ++i) SG_TRY(bind_door(i));
    return {};
  }

  void start() override {
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      loops_[i]->post([worker = workers_[i].get()] { worker->start(); });
    }
  }

  std::uint16_t port(std::size_t listen) const override { return shared_.doors[listen].port; }

  bool drain(Nanos within_ns) override {
    shared_.draining.store(true, std::memory_order_relaxed);
    on_every_loop([](Worker& worker) { worker.stop_accepting(); });
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::nanoseconds(within_ns);
    while (in_flight() > 0) {
      if (std::chrono::steady_clock::now() >= deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
  }

  bool draining() const override { return shared_.draining.load(std::memory_order_relaxed); }

  void stop() override {
    on_every_loop([](Worker& worker) { worker.close_all(); });
  }

  std::size_t connections() const override {
    return shared_.connections.load(std::memory_order_relaxed);
  }
  std::size_t in_flight() const override {
    std::size_t sum = 0;
    for (const auto& worker : workers_) sum += worker->in_flight();
    return sum;
  }

 private:
  Status bind_door(std::size_t index) {
    const auto& listen = shared_.options.listens[index];
    auto& door = shared_.doors[index];
    door.index = index;
    door.tls = listen.tls;
    door.is_unix = !listen.unix_path.empty();
    door.loopback =
        door.is_unix || listen.address.host == "localhost" || net::is_loopback(listen.address.host);
    for (const auto realm : listen.realms) door.realms |= 1u << static_cast<unsigned>(realm);
    door.hosts = HostRule(shared_.options.allowed_hosts, door.loopback);
    Bound bound;
    if (door.is_unix) {
      SG_ASSIGN(const int fd, net::listen_unix(listen.unix_path));
      bound.fds.push_back(fd);
    } else {
      SG_TRY(bind_tcp(door, listen.address, workers_.size(), bound));
    }
    for (std::size_t i = 0; i < bound.fds.size(); ++i) workers_[i]->listen(bound.fds[i], door);
    bound.fds.clear();
    return {};
  }

  template <typename F>
  void on_every_loop(F task) {
    std::latch done(static_cast<std::ptrdiff_t>(workers_.size()));
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      loops_[i]->post([&, worker = workers_[i].get()] {
        task(*worker);
        done.count_down();
      });
    }
    done.wait();
  }

  Shared shared_;
  std::vector<net::Loop*> loops_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace

Result<std::unique_ptr<Server>> Server::make(ServerOptions options, const Router& router,
                                             Gatekeeper& gatekeeper, std::vector<net::Loop*> loops,
                                             Telemetry& telemetry, Log& log) {
  if (loops.empty() || options.listens.empty()) {
    return fail(Code::kInvalid, "a server needs a loop and an address to listen on");
  }
  auto server = std::make_unique<ServerOnLoops>(std::move(options), router, gatekeeper,
                                                std::move(loops), telemetry, log);
  SG_TRY(server->bind());
  return server;
}

}  // namespace sightglass::http
