#include "admin/config_routes.h"

#include <algorithm>

#include "admin/metrics.h"
#include "admin/policy_body.h"
#include "base/json_writer.h"

namespace sightglass::admin {
namespace {

constexpr std::uint64_t kConfigBytes = 4u << 20;  // the most that the file may have

void list_of(JsonWriter& json, std::string_view key, const std::vector<std::string>& texts) {
  json.key(key).begin_array();
  for (const auto& text : texts) json.string(text);
  json.end_array();
}

http::Route admin_route(std::string method, std::string pattern, std::string summary) {
  http::Route route;
  route.method = std::move(method);
  route.pattern = std::move(pattern);
  route.realm = http::Realm::kAdmin;
  route.summary = std::move(summary);
  return route;
}

// The original answers a sentence; its documentation a JSON object.
http::Response validated(const Status& status, const http::SimpleRequest& request) {
  const bool as_json = request.head.headers.get("accept").find("json") != std::string_view::npos;
  http::Response response;
  if (status && !as_json) {
    response.content_type = "text/plain; charset=utf-8";
    response.body = "Config is valid";
    return response;
  }
  if (!status && !as_json) return error_of(status.error(), request.request_id);
  response.status = status ? 200 : 400;
  JsonWriter json(response.body);
  json.begin_object().key("valid").boolean(status.has_value()).key("errors").begin_array();
  std::string_view rest;
  if (!status) rest = status.error().message;
  while (!rest.empty()) {
    const auto end = std::min(rest.find('\n'), rest.size());
    if (end > 0) json.string(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  json.end_array().end_object();
  return response;
}

// What a change did, behind the printed members.
void write_effect(JsonWriter& json, const Reloaded& done) {
  list_of(json, "in_force", done.applied);
  list_of(json, "restart_needed", done.restart_needed);
  list_of(json, "warnings", done.warnings);
}

http::Response changed(const Result<Reloaded>& done, const http::SimpleRequest& request,
                       std::string_view message, const std::string& policy) {
  if (!done) return error_of(done.error(), request.request_id);
  http::Response response;
  JsonWriter json(response.body);
  json.begin_object().key("message").string(message);
  if (!policy.empty()) json.key("policy").raw(policy);
  write_effect(json, *done);
  json.end_object();
  return response;
}

http::Route change_route(const ConfigSource& source, http::WorkPool& pool) {
  http::Route change = admin_route("POST", "/admin/v1/config",
                                   "Change what the body names of the configuration file, and put "
                                   "in force what needs no restart");
  change.changes = true;
  change.body = R"({"model_aliases":{"fast":"gpt-4o-mini"}})";
  change.make = http::blocking(
      pool,
      [change = source.change](const auto& request) {
        return changed(change(request.body, request.actor), request, "Config updated successfully",
                       {});
      },
      kConfigBytes);
  return change;
}

http::Route policy_route(const ConfigSource& source, http::WorkPool& pool) {
  http::Route policy = admin_route("PUT", "/admin/v1/config/policy",
                                   "Change how requests choose among a provider's keys");
  policy.changes = true;
  policy.body = R"({"algorithm":"round_robin","priority":"balanced",)"
                R"("cache":{"enabled":false,"ttl_seconds":0}})";
  policy.make =
      http::blocking(pool, [change = source.change, now = source.policy](const auto& request) {
        const auto body = policy_change(request.body, now());
        if (!body) return error_of(body.error(), request.request_id);
        const auto done = change(*body, request.actor);
        return changed(done, request, "Policy updated successfully", now());
      });
  return policy;
}

}  // namespace

std::string to_json(const Reloaded& reloaded) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("reloaded").boolean(true).key("changed").boolean(reloaded.changed);
  json.key("packs").begin_array();
  for (const auto& pack : reloaded.packs) {
    json.begin_object().key("name").string(pack.name);
    json.key("event_types").unsigned_integer(pack.event_types);
    json.key("fields").unsigned_integer(pack.fields);
    json.key("meters").unsigned_integer(pack.meters).end_object();
  }
  json.end_array();
  json.key("meters").begin_object();
  json.key("kept").unsigned_integer(reloaded.meters_kept);
  json.key("begun").unsigned_integer(reloaded.meters_begun);
  json.key("gone").unsigned_integer(reloaded.meters_gone).end_object();
  list_of(json, "applied", reloaded.applied);
  list_of(json, "warnings", reloaded.warnings);
  list_of(json, "restart_needed", reloaded.restart_needed);
  json.end_object();
  return out;
}

std::vector<http::Route> config_routes(ConfigSource source, http::WorkPool& pool) {
  std::vector<http::Route> routes;
  http::Route show = admin_route("GET", "/admin/v1/config", "The configuration, secrets masked");
  show.make = http::blocking(pool, [show = source.show](const auto&) {
    http::Response response;
    response.body = show();
    return response;
  });
  add_under_both_prefixes(routes, std::move(show));

  add_under_both_prefixes(routes, change_route(source, pool));
  add_under_both_prefixes(routes, policy_route(source, pool));

  http::Route check = admin_route("POST", "/admin/v1/config/validate",
                                  "Whether a configuration would be taken; nothing is changed");
  check.body = R"({"listen":"127.0.0.1:2906"})";
  check.make = http::blocking(
      pool,
      [validate = std::move(source.validate)](const auto& request) {
        return validated(validate(request.body), request);
      },
      kConfigBytes);
  add_under_both_prefixes(routes, std::move(check));

  http::Route reload = admin_route("POST", "/admin/v1/config/reload",
                                   "Read the configuration file and the packs again");
  reload.changes = true;
  reload.make = http::blocking(pool, [reload = std::move(source.reload)](const auto& request) {
    const auto reloaded = reload();
    if (!reloaded) return error_of(reloaded.error(), request.request_id);
    http::Response response;
    response.body = to_json(*reloaded);
    return response;
  });
  add_under_both_prefixes(routes, std::move(reload));
  return routes;
}

}  // namespace sightglass::admin
