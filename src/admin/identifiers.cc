#include "admin/identifiers.h"

#include <simdjson.h>

#include <algorithm>
#include <set>

#include "admin/metrics.h"
#include "admin/times.h"
#include "base/json_writer.h"

namespace sightglass::admin {
namespace {

constexpr std::size_t kMaxIdentifiers = 1000;
constexpr std::size_t kMaxIdentifierBytes = 1024;
constexpr const char* kExampleBody = R"({"identifier":"person@example.com","kind":"u"})";

void write_epoch(JsonWriter& json, const guard::KeyRing::Epoch& epoch) {
  json.begin_object().key("epoch").unsigned_integer(epoch.id);
  json.key("start").integer(epoch.start_ns / kSecond);
  json.key("end").integer(epoch.end_ns / kSecond).end_object();
}

http::Response show_ring(const guard::KeyRing& keys, const http::SimpleRequest& request) {
  if (const auto known = refuse_unknown_parameters(request.head.query, {}); !known) {
    return error_of(known.error(), request.request_id);
  }
  http::Response response;
  JsonWriter json(response.body);
  json.begin_object().key("epochs").begin_array();
  for (const auto& epoch : keys.epochs()) write_epoch(json, epoch);
  json.end_array().key("locked_memory").boolean(keys.is_locked()).end_object();
  return response;
}

http::Response rotate(guard::KeyRing& keys, const http::SimpleRequest& request) {
  if (const auto known = refuse_unknown_parameters(request.head.query, {"at"}); !known) {
    return error_of(known.error(), request.request_id);
  }
  const auto at = net::query_parameter(request.head.query, "at").value_or("midnight");
  if (at != "midnight" && at != "now") {
    return error_of({Code::kInvalid, "at must be midnight or now"}, request.request_id);
  }
  using Rotation = guard::KeyRing::Rotation;
  const auto epoch = keys.rotate(at == "now" ? Rotation::kNow : Rotation::kAtMidnight);
  if (!epoch) return error_of(epoch.error(), request.request_id);
  http::Response response;
  JsonWriter json(response.body);
  write_epoch(json, *epoch);
  return response;
}

std::string kinds_of(const event::Catalogue& catalogue) {
  std::set<char> kinds;
  for (const auto& field : catalogue.fields()) {
    if (!field.identifier_kind.empty()) kinds.insert(field.identifier_kind[0]);
  }
  return {kinds.begin(), kinds.end()};
}

http::Response look_up(const guard::KeyRing& keys, const event::Catalogue& catalogue,
                       const http::SimpleRequest& request) {
  const auto query = read_identifier_query(request.body, catalogue);
  if (!query) return error_of(query.error(), request.request_id);
  http::Response response;
  JsonWriter json(response.body);
  json.begin_object().key("pseudonyms").begin_array();
  for (const auto& identifier : query->identifiers) {
    for (const auto& found : keys.pseudonyms(query->kinds, identifier)) {
      json.begin_object().key("kind").string(std::string_view(&found.kind, 1));
      json.key("epoch").unsigned_integer(found.epoch);
      json.key("pseudonym").string(found.text).end_object();
    }
  }
  json.end_array().key("fields").begin_object();
  for (const char kind : query->kinds) {
    json.key(std::string_view(&kind, 1)).begin_array();
    for (const auto& field : catalogue.fields()) {
      if (field.identifier_kind == std::string_view(&kind, 1)) json.string(field.name);
    }
    json.end_array();
  }
  json.end_object().end_object();
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

void write_request(JsonWriter& json, const Forgetting::Request& request) {
  json.begin_object().key("id").string(request.id);
  json.key("state").string(request.done_ns != 0 ? "done" : "running");
  json.key("asked").integer(request.asked_ns / kSecond);
  if (request.done_ns != 0) json.key("done").integer(request.done_ns / kSecond);
  if (!request.waits_for.empty()) json.key("waits_for").string(request.waits_for);
  json.end_object();
}

http::Response forget(const guard::KeyRing& keys, Forgetting& forgetting,
                      const event::Catalogue& catalogue, const http::SimpleRequest& request) {
  const auto query = read_identifier_query(request.body, catalogue);
  if (!query) return error_of(query.error(), request.request_id);
  std::vector<std::string> texts;
  for (const auto& identifier : query->identifiers) {
    for (auto& found : keys.pseudonyms(query->kinds, identifier)) {
      texts.push_back(std::move(found.text));
    }
  }
  if (texts.empty()) {
    return error_of({Code::kInvalid, "these are no identifiers: nothing can be kept under them"},
                    request.request_id);
  }
  const auto asked = forgetting.ask(texts);
  if (!asked) return error_of(asked.error(), request.request_id);
  http::Response response;
  response.status = 202;
  JsonWriter json(response.body);
  write_request(json, *asked);
  return response;
}

http::Response show_forgetting(const Forgetting& forgetting, const http::SimpleRequest& request) {
  http::Response response;
  JsonWriter json(response.body);
  if (request.path_parameters.empty()) {
    json.begin_object().key("requests").begin_array();
    for (const auto& one : forgetting.all()) write_request(json, one);
    json.end_array().end_object();
    return response;
  }
  const auto found = forgetting.find(request.path_parameters[0]);
  if (!found) {
    return error_of({Code::kNotFound, "there is no such request to forget"}, request.request_id);
  }
  write_request(json, *found);
  return response;
}

http::Route route_of(std::string method, std::string pattern, std::string summary,
                     http::HandlerFactory make) {
  http::Route route;
  route.changes = method != "GET";
  route.method = std::move(method);
  route.pattern = std::move(pattern);
  route.summary = std::move(summary);
  route.make = std::move(make);
  return route;
}

}  // namespace

Result<IdentifierQuery> read_identifier_query(std::string_view body,
                                              const event::Catalogue& catalogue) {
  // What was sent is never part of the answer.
  const auto refused = [] {
    return fail(Code::kInvalid,
                R"(send {"identifier":"…"} or {"identifiers":["…"]} as JSON, with "kind":"u" or )"
                "another letter where one is meant; at most 1000 of 1 to 1024 bytes");
  };
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (parser.parse(simdjson::padded_string(body)).get(root) != simdjson::SUCCESS) return refused();
  IdentifierQuery out;
  std::string_view text;
  simdjson::dom::array list;
  if (root["identifier"].get(text) == simdjson::SUCCESS) {
    out.identifiers.emplace_back(text);
  } else if (root["identifiers"].get(list) == simdjson::SUCCESS) {
    for (const auto item : list) {
      if (item.get(text) != simdjson::SUCCESS) return refused();
      out.identifiers.emplace_back(text);
      if (out.identifiers.size() > kMaxIdentifiers) return refused();
    }
  }
  const bool sized = std::all_of(
      out.identifiers.begin(), out.identifiers.end(),
      [](const std::string& i) { return !i.empty() && i.size() <= kMaxIdentifierBytes; });
  if (out.identifiers.empty() || !sized) return refused();
  out.kinds = kinds_of(catalogue);
  if (const auto kind = root["kind"]; kind.error() != simdjson::NO_SUCH_FIELD) {
    if (kind.get(text) != simdjson::SUCCESS || text.size() != 1 || text[0] < 'a' || text[0] > 'z') {
      return refused();
    }
    out.kinds = std::string(text);
  }
  return out;
}

std::vector<http::Route> identifier_routes(guard::KeyRing& keys, Forgetting& forgetting,
                                           CatalogueInForce catalogue, http::WorkPool& pool) {
  std::vector<http::Route> routes;
  add_under_both_prefixes(
      routes,
      route_of("GET", "/admin/v1/keyring", "The epochs of pseudonyms that have a key",
               http::blocking(pool, [&keys](const auto& r) { return show_ring(keys, r); })));
  auto rotation =
      route_of("POST", "/admin/v1/keyring/rotate", "Begin a new epoch of pseudonyms",
               http::blocking(pool, [&keys](const auto& r) { return rotate(keys, r); }));
  rotation.parameters = {{"at", "midnight (UTC, default) or now"}};
  add_under_both_prefixes(routes, std::move(rotation));
  auto lookup =
      route_of("POST", "/admin/v1/identifiers/lookup",
               "The pseudonyms that an identifier has under every epoch with a key",
               http::blocking(pool, [&keys, catalogue](const http::SimpleRequest& request) {
                 return look_up(keys, *catalogue(), request);
               }));
  lookup.body = kExampleBody;
  add_under_both_prefixes(routes, std::move(lookup));
  auto erase =
      route_of("POST", "/admin/v1/forget", "Erase what is kept under an identifier's pseudonyms",
               http::blocking(pool, [&keys, &forgetting, catalogue = std::move(catalogue)](
                                        const http::SimpleRequest& request) {
                 return forget(keys, forgetting, *catalogue(), request);
               }));
  erase.body = kExampleBody;
  add_under_both_prefixes(routes, std::move(erase));
  for (const auto* const pattern : {"/admin/v1/forget", "/admin/v1/forget/{id}"}) {
    add_under_both_prefixes(
        routes, route_of("GET", pattern, "How far erasing is", http::simple([&](const auto& r) {
                           return show_forgetting(forgetting, r);
                         })));
  }
  return routes;
}

}  // namespace sightglass::admin
