// The HTTP server: one listener and one set of connections per worker, exchanges handed to routes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/random.h"
#include "base/telemetry.h"
#include "http/exchange.h"
#include "http/gatekeeper.h"
#include "http/route.h"
#include "http/router.h"
#include "net/loop.h"
#include "net/stream.h"

namespace sightglass::http {

// One door of the server.
struct Listen {
  net::Address address;   // TCP; port 0 takes a free one
  std::string unix_path;  // or a Unix socket, 0600; only this user (and root) is let in, as "local"
  std::shared_ptr<net::TlsContext> tls;
  // The realms that this door serves; routes of the others are 404 here.
  std::vector<Realm> realms = {Realm::kOpen,   Realm::kGateway, Realm::kIngest,
                               Realm::kScrape, Realm::kAdmin,   Realm::kPage};
};

// How an error looks on a path: OpenAI's, Anthropic's or the admin API's shape.
using ErrorShape = std::function<Response(std::string_view path, int status, std::string_view type,
                                          std::string_view sentence, std::string_view request_id)>;

struct ServerOptions {
  std::vector<Listen> listens;
  Limits limits;
  // Names that requests may call us by, with or without a port; "*.example.com" takes a level of
  // subdomains, "*" everything. localhost, 127.0.0.1 and [::1] are always allowed on loopback
  // doors; on others every IP address is, since a rebound name is never an address.
  std::vector<std::string> allowed_hosts;
  std::vector<std::string> trusted_proxies;  // addresses or CIDR blocks
  // Origins whose pages may call the gateway ("https://app.example.com"); none by default.
  std::vector<std::string> gateway_origins;
  // Origins whose pages may call the admin API with a token, and log in for one; none by default. A
  // cookie is never meant for them.
  std::vector<std::string> admin_origins;
  ErrorShape error_shape;  // without one: error_response
  // One source of request ids per worker; without one: SystemRandom.
  std::function<std::unique_ptr<Random>()> random;
};

// Listeners and connections on a set of loops that the caller runs.
//
// Ownership: router, gatekeeper, loops, telemetry and log must outlive it; destroy it when no loop
// runs any more, and before the loops. Threads: make, start, drain and stop from the one that owns
// it, while the loops run elsewhere.
// Bounds: Limits; every rejection is counted by reason in
// sightglass_http_rejections_total{reason}.
// Errors: kExists when a port is in use, with the port and what to do; kInvalid for options.
// Cost: a small request on a kept connection costs one read, one write and no epoll_ctl.
class Server {
 public:
  // Binds all doors; nothing is accepted before start().
  static Result<std::unique_ptr<Server>> make(ServerOptions options, const Router& router,
                                              Gatekeeper& gatekeeper, std::vector<net::Loop*> loops,
                                              Telemetry& telemetry, Log& log);
  virtual ~Server() = default;

  virtual void start() = 0;
  virtual std::uint16_t port(std::size_t listen) const = 0;  // of options.listens[listen]

  // Stops accepting; requests that still come on open connections are answered 503 and the
  // connection closed, except on open routes that change nothing (/health says "draining"). Waits
  // until nothing is in flight or `within_ns` has passed. Whether nothing was left.
  virtual bool drain(Nanos within_ns) = 0;
  virtual bool draining() const = 0;
  // Cuts what is left and closes everything; waits for the loops to have done so.
  virtual void stop() = 0;

  virtual std::size_t connections() const = 0;
  virtual std::size_t in_flight() const = 0;  // exchanges
};

}  // namespace sightglass::http
