#include "admin/login.h"

#include <simdjson.h>

#include "admin/metrics.h"
#include "base/json_writer.h"

namespace sightglass::admin {
namespace {

constexpr std::uint64_t kMaxLoginBytes = 4 << 10;

struct Credentials {
  std::string admin_id, password;
};

Result<Credentials> read_credentials(std::string_view body) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  std::string_view id, password;
  if (parser.parse(simdjson::padded_string(body)).get(root) != simdjson::SUCCESS ||
      root["admin_id"].get(id) != simdjson::SUCCESS ||
      root["password"].get(password) != simdjson::SUCCESS) {
    return fail(Code::kInvalid, R"(send {"admin_id":"admin","password":"…"} as JSON)");
  }
  return Credentials{std::string(id), std::string(password)};
}

http::Response log_in(http::Auth& auth, const http::SimpleRequest& request) {
  const auto credentials = read_credentials(request.body);
  if (!credentials) return error_of(credentials.error(), request.request_id);
  const auto login = auth.login(credentials->admin_id, credentials->password,
                                request.remote_address, request.secure);
  using Outcome = http::Auth::Login::Outcome;
  if (login.outcome == Outcome::kLimited) {
    auto response = http::error_response(429, "rate_limit_error", "too many failed logins; wait",
                                         request.request_id);
    response.headers.emplace_back("Retry-After", std::to_string(login.retry_after_s));
    return response;
  }
  if (login.outcome == Outcome::kWrong) {
    return http::error_response(401, "authentication_error",
                                "Invalid credentials: the password is the admin key, or the one of "
                                "the configuration",
                                request.request_id);
  }
  http::Response response;
  JsonWriter json(response.body);
  json.begin_object().key("token").string(login.token).key("user").begin_object();
  json.key("id").string("admin").key("username").string("admin").key("role").string("admin");
  json.end_object().end_object();
  response.headers.emplace_back("Set-Cookie", login.set_cookie);
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

http::Response log_out(http::Auth& auth, const http::SimpleRequest& request) {
  const auto cleared = auth.logout(request.head, request.secure);
  if (!cleared) return error_of(cleared.error(), request.request_id);
  http::Response response;
  response.body = R"({"message":"logged out"})";
  response.headers.emplace_back("Set-Cookie", *cleared);
  return response;
}

http::Response replace_key(http::Auth& auth, const std::function<void()>& on_new_key,
                           const http::SimpleRequest& request) {
  if (request.actor != "local") {
    return http::error_response(403, "permission_error",
                                "only on the server's own machine: sightglass admin-key --new",
                                request.request_id);
  }
  const auto key = auth.replace_admin_key();
  if (!key) return error_of(key.error(), request.request_id);
  on_new_key();
  http::Response response;
  JsonWriter json(response.body);
  json.begin_object().key("admin_key").string(*key).end_object();
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

http::Route post(std::string pattern, http::Realm realm, std::string summary,
                 http::HandlerFactory make) {
  http::Route route;
  route.method = "POST";
  route.pattern = std::move(pattern);
  route.realm = realm;
  route.changes = true;
  route.summary = std::move(summary);
  route.make = std::move(make);
  return route;
}

}  // namespace

std::vector<http::Route> login_routes(http::Auth& auth, http::WorkPool& pool,
                                      std::function<void()> on_new_key) {
  std::vector<http::Route> routes;
  auto login = post(
      "/api/login", http::Realm::kOpen, "Log in to the page and the admin API",
      http::blocking(
          pool, [&auth](const auto& request) { return log_in(auth, request); }, kMaxLoginBytes));
  login.body = R"({"admin_id":"admin","password":"the admin key, or the configured password"})";
  routes.push_back(std::move(login));
  routes.push_back(post(
      "/api/logout", http::Realm::kOpen, "End the login",
      http::blocking(
          pool, [&auth](const auto& request) { return log_out(auth, request); }, kMaxLoginBytes)));
  add_under_both_prefixes(
      routes,
      post("/admin/v1/admin-key", http::Realm::kAdmin, "Make a new admin key",
           http::blocking(pool, [&auth, on_new_key = std::move(on_new_key)](const auto& request) {
             return replace_key(auth, on_new_key, request);
           })));
  return routes;
}

}  // namespace sightglass::admin
