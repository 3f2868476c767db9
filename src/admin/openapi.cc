#include "admin/openapi.h"

#include <algorithm>
#include <map>

#include "admin/metrics.h"
#include "base/json_writer.h"

namespace sightglass::admin {
namespace {

// "/a/{rest...}" as OpenAPI writes it; the names of its parameters in order.
std::string template_of(std::string_view pattern, std::vector<std::string>& names) {
  std::string out;
  for (std::size_t at = 0; at < pattern.size();) {
    const auto open = std::min(pattern.find('{', at), pattern.size());
    out.append(pattern.substr(at, open - at));
    if (open == pattern.size()) break;
    const auto close = pattern.find('}', open);
    auto name = pattern.substr(open + 1, close - open - 1);
    if (name.ends_with("...")) name.remove_suffix(3);
    out.append("{").append(name).append("}");
    names.emplace_back(name);
    at = close + 1;
  }
  return out;
}

// "get_admin_v1_metrics_clients_client_id": unique, since paths are.
std::string operation_id(std::string_view method, std::string_view path) {
  std::string out(method);
  for (const char c : path) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (plain) {
      out.push_back(c);
    } else if (out.back() != '_') {
      out.push_back('_');
    }
  }
  if (out.back() == '_') out.pop_back();
  return out;
}

// What a realm may answer beside 200.
std::vector<int> refusals_of(const http::Route& route) {
  switch (route.realm) {
    case http::Realm::kAdmin:
      return {400, 401, 403, 429, 503};
    case http::Realm::kGateway:
      return {400, 401, 403, 429, 502, 503, 504};
    case http::Realm::kIngest:
      return {400, 401, 403, 413, 429, 503};
    case http::Realm::kScrape:
      return {400, 401, 403, 429, 503};
    case http::Realm::kOpen:
      return route.changes ? std::vector<int>{400, 401, 403, 429} : std::vector<int>{503};
    case http::Realm::kPage:
      break;
  }
  return {};
}

void append_parameters(JsonWriter& json, const http::Route& route,
                       const std::vector<std::string>& path_names) {
  json.key("parameters").begin_array();
  const auto one = [&](std::string_view name, const char* in, std::string_view meaning,
                       std::string_view type) {
    json.begin_object().key("name").string(name).key("in").string(in);
    json.key("required").boolean(in == std::string_view("path"));
    if (!meaning.empty()) json.key("description").string(meaning);
    json.key("schema").begin_object().key("type").string(type).end_object().end_object();
  };
  const auto of_path = [&](const http::Parameter& parameter) {
    return std::find(path_names.begin(), path_names.end(), parameter.name) != path_names.end();
  };
  for (const auto& name : path_names) {
    std::string_view meaning;  // one that the route declares
    for (const auto& parameter : route.parameters) {
      if (parameter.name == name) meaning = parameter.meaning;
    }
    one(name, "path", meaning, "string");
  }
  for (const auto& parameter : route.parameters) {
    if (!of_path(parameter)) one(parameter.name, "query", parameter.meaning, parameter.type);
  }
  json.end_array();
}

void append_responses(JsonWriter& json, const http::Route& route) {
  json.key("responses").begin_object().key("200").begin_object();
  json.key("description").string("OK").key("content").begin_object().key(route.produces);
  json.begin_object().end_object().end_object().end_object();
  for (const int status : refusals_of(route)) {
    json.key(std::to_string(status)).begin_object();
    json.key("$ref").string("#/components/responses/Error").end_object();
  }
  json.end_object();
}

// Whoever is let in by one of these; an empty one: nothing is asked for.
void append_security(JsonWriter& json, http::Realm realm) {
  json.key("security").begin_array();
  const auto scheme = [&](const char* name) {
    json.begin_object().key(name).begin_array().end_array().end_object();
  };
  if (realm == http::Realm::kOpen || realm == http::Realm::kScrape ||
      realm == http::Realm::kIngest) {
    json.begin_object().end_object();
  }
  if (realm != http::Realm::kOpen) {
    scheme("bearer");
    scheme("key");
  }
  if (realm == http::Realm::kAdmin || realm == http::Realm::kScrape) scheme("session");
  json.end_array();
}

void append_operation(JsonWriter& json, const http::Route& route, std::string_view method,
                      std::string_view path, const std::vector<std::string>& names) {
  json.key(method).begin_object();
  json.key("operationId").string(operation_id(method, path));
  json.key("summary").string(route.summary);
  json.key("tags").begin_array().string(http::realm_name(route.realm)).end_array();
  json.key("x-realm").string(http::realm_name(route.realm));
  json.key("x-changes").boolean(route.changes);
  append_parameters(json, route, names);
  if (!route.body.empty()) {
    json.key("requestBody").begin_object().key("required").boolean(true).key("content");
    json.begin_object().key("application/json").begin_object().key("schema").begin_object();
    json.key("type").string("object").end_object().key("example").raw(route.body);
    json.end_object().end_object().end_object();
  }
  append_security(json, route.realm);
  append_responses(json, route);
  json.end_object();
}

std::vector<std::string> methods_of(const http::Route& route) {
  if (route.method == "*") return {"delete", "get", "patch", "post", "put"};
  std::string lower;
  for (const char c : route.method) lower.push_back(static_cast<char>(c + ('a' - 'A')));
  return {lower};
}

constexpr std::string_view kComponents = R"({
"schemas":{"Error":{"type":"object","required":["error"],"properties":{"error":{"type":"object",
"required":["message","type"],"properties":{"message":{"type":"string"},"type":{"type":"string"},
"code":{"type":"string"},"request_id":{"type":"string"}}}}}},
"responses":{"Error":{"description":"A sentence that says what to do next","content":{
"application/json":{"schema":{"$ref":"#/components/schemas/Error"}}}}},
"securitySchemes":{"bearer":{"type":"http","scheme":"bearer",
"description":"The admin key, a login's token, a client's, scrape or ingest key"},
"key":{"type":"apiKey","in":"header","name":"x-api-key"},
"session":{"type":"apiKey","in":"cookie","name":"sg_session"}}})";

}  // namespace

std::string openapi_json(std::span<const http::Route> routes, std::string_view version) {
  struct Operation {
    const http::Route* route;
    std::vector<std::string> names;
  };
  std::map<std::string, std::map<std::string, Operation>> paths;
  for (const auto& route : routes) {
    if (route.realm == http::Realm::kPage) continue;
    std::vector<std::string> names;
    const auto path = template_of(route.pattern, names);
    for (const auto& method : methods_of(route)) {
      paths[path].insert({method, {&route, names}});
    }
  }
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("openapi").string("3.1.0").key("info").begin_object();
  json.key("title").string("Sightglass").key("version").string(version);
  json.key("description")
      .string(
          "Gateway, live view, history and administration. Paths below /admin/v1 are served below "
          "/api/admin/v1 too. What is not a scrape, an open or an ingest path on loopback asks for "
          "a "
          "key.");
  json.end_object().key("servers").begin_array().begin_object().key("url").string("/");
  json.end_object().end_array().key("paths").begin_object();
  for (const auto& [path, operations] : paths) {
    json.key(path).begin_object();
    for (const auto& [method, operation] : operations) {
      append_operation(json, *operation.route, method, path, operation.names);
    }
    json.end_object();
  }
  json.end_object().key("components").raw(kComponents).end_object();
  return out;
}

std::vector<http::Route> openapi_routes(std::function<const std::vector<http::Route>&()> routes,
                                        std::string version) {
  http::Route route;
  route.method = "GET";
  route.pattern = "/admin/v1/openapi.json";
  route.realm = http::Realm::kAdmin;
  route.summary = "This server's routes as an OpenAPI 3.1 document";
  route.make = http::simple(
      [routes = std::move(routes), version = std::move(version)](const http::SimpleRequest&) {
        http::Response response;
        response.body = openapi_json(routes(), version);
        return response;
      });
  std::vector<http::Route> all;
  add_under_both_prefixes(all, std::move(route));
  return all;
}

}  // namespace sightglass::admin
