// Routes as data, and the two short forms of a handler.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/telemetry.h"
#include "http/exchange.h"

namespace sightglass::http {

// Which credentials a route asks for; checked before its handler is made.
enum class Realm : std::uint8_t {
  kOpen,     // anybody
  kGateway,  // client keys and pass-through: the gateway checks
  kIngest,   // events of applications: open on loopback, else ingest key or admin
  kScrape,   // /metrics and the live shapes: open on loopback, else scrape token or admin
  kAdmin,    // admin key or a login's token
  kPage,     // static files of the page: open; it shows nothing without a login
};
std::string_view realm_name(Realm realm);  // "open", "gateway", …

using HandlerFactory = std::function<std::unique_ptr<Handler>(const std::vector<std::string>&)>;

// A parameter of the query string, for help and the OpenAPI document.
struct Parameter {
  std::string name;
  std::string meaning;
  std::string_view type = "string";  // of JSON Schema: string, integer, number, boolean
};

struct Route {
  std::string method;   // "GET", …, or "*"
  std::string pattern;  // "/admin/v1/metrics/clients/{id}"; a last "{rest...}" takes all
  Realm realm = Realm::kAdmin;
  bool changes = false;  // whether it changes anything: asks for more than a cookie
  std::string summary;   // one line, for help and the OpenAPI document
  std::vector<Parameter> parameters;
  std::string body = {};                      // an example of the request's JSON; "": none
  std::string produces = "application/json";  // of a good answer
  // Pages of these origins, and requests of no other kind, may ask (CORS); empty: the realm's rule.
  std::vector<std::string> origins = {};
  // Path parameters in the pattern's order, percent-decoded; a last {rest...} as it was sent.
  HandlerFactory make;
};

// For routes that answer from memory at once, on the worker: the whole body, then one answer.
struct SimpleRequest {
  const net::RequestHead& head;
  const std::vector<std::string>& path_parameters;
  std::string_view body;
  const std::string& request_id;
  std::string_view remote_address;
  std::string actor;  // who was authenticated: "admin", a login's id; "" when open
  bool secure = false;
  // True as soon as nobody waits for the answer any more; null where it is given at once.
  const std::atomic<bool>* left = nullptr;
};
using SimpleHandler = std::function<Response(const SimpleRequest&)>;
HandlerFactory simple(SimpleHandler handler, std::uint64_t body_limit = 1 << 20);

// The same for answers that wait (queries, sync): `handler` runs on the pool's thread, on a copy
// of the request, and to its end even when the client has left; SimpleRequest::left tells it.
class WorkPool;
HandlerFactory blocking(WorkPool& pool, SimpleHandler handler, std::uint64_t body_limit = 1 << 20);

// A few named threads for blocking answers. Bounds: `queue` waiting jobs, then 429 with
// Retry-After. Ownership: destroying it finishes what runs and drops what waits; destroy it before
// the loops that its answers are posted to.
class WorkPool {
 public:
  // `name` is a label of its instruments.
  static std::unique_ptr<WorkPool> make(std::string_view name, std::size_t threads,
                                        std::size_t queue, Telemetry& telemetry);
  virtual ~WorkPool() = default;
  virtual bool submit(std::function<void()> job) = 0;  // false: full
};

}  // namespace sightglass::http
