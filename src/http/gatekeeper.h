// Who decides whether a request may enter its route; `Auth` is the one the program uses.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/route.h"
#include "net/http1.h"

namespace sightglass::http {

// What a request shows at the door, after Host, route and forwarded fields were judged.
struct Approach {
  const net::RequestHead& head;
  const Route& route;
  std::string_view remote_address;  // by the trusted-proxy rule; "" on a Unix socket
  bool local_user = false;          // a Unix socket's peer, of this user
  bool open_on_loopback = false;    // security.md: loopback door, our own name, no foreign trace
  bool secure = false;              // TLS here or at a trusted proxy
  bool same_origin = false;         // Origin or Sec-Fetch-Site prove that our own page asks
  bool cross_site = false;          // one of them says that another page asks
};

struct Verdict {
  int status = 200;          // 200: enter
  std::string_view type;     // of the error
  std::string_view message;  // a fixed sentence
  int retry_after_s = 0;     // 429
  std::string actor;         // who it was
  std::string_view reason =
      {};  // why not, a fixed word: "expired", "limited", …; not for the answer
};

// One audited request: every one in the admin realm, and a login.
struct AdminRequest {
  std::string_view method;
  std::string_view pattern;  // the route's
  std::string_view path;     // as asked for, where its parameters look like ids; else the pattern's
  std::string_view address;  // without the port; "local" on the Unix socket
  std::string_view actor;    // "" when refused
  std::string_view request_id;
  std::string_view refusal = {};  // Verdict::reason
};

// Threads: all calls from any worker.
class Gatekeeper {
 public:
  virtual ~Gatekeeper() = default;
  virtual Verdict admit(const Approach& approach) = 0;
  // An audited request came, with the verdict on it known; and ended, with its answer's status.
  virtual void on_admin_request(const AdminRequest& request) { (void)request; }
  virtual void on_admin_done(const AdminRequest& request, int status, std::int64_t duration_ns) {
    (void)request, (void)status, (void)duration_ns;
  }
};

}  // namespace sightglass::http
