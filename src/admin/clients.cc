#include "admin/clients.h"

#include <algorithm>
#include <memory>
#include <span>

#include "admin/client_body.h"
#include "admin/metrics.h"
#include "admin/times.h"
#include "base/json_writer.h"
#include "control/client_rules.h"

namespace sightglass::admin {
namespace {

using control::ClientRecord;
using Sources = std::shared_ptr<const ClientSources>;

std::vector<http::Parameter> range_parameters() {
  return {{"start", "Unix seconds; default: a day before end", "number"},
          {"end", "Unix seconds; default: now", "number"}};
}

constexpr std::string_view kReadOnly =
    "this client stands in the configuration file; change it there and reload it";

using Configured = std::vector<ClientRecord>;

const ClientRecord* find(const Configured& configured, std::string_view id) {
  for (const auto& client : configured) {
    if (client.id == id) return &client;
  }
  return nullptr;
}

void write_texts(JsonWriter& json, std::string_view name, const std::vector<std::string>& texts) {
  json.key(name).begin_array();
  for (const auto& text : texts) json.string(text);
  json.end_array();
}

void write_limits(JsonWriter& json, const control::ClientLimits& limits) {
  const auto count = [&](std::string_view name, std::int64_t value) {
    json.key(name);
    value == 0 ? json.null() : json.integer(value);
  };
  const auto money = [&](std::string_view name, std::int64_t nanousd) {
    json.key(name);
    nanousd == 0 ? json.null() : json.decimal(nanousd, 9);
  };
  json.key("limits").begin_object();
  count("requests_per_minute", limits.requests_per_minute);
  count("tokens_per_minute", limits.tokens_per_minute);
  count("parallel_requests", limits.parallel_requests);
  money("usd_per_hour", limits.nanousd_per_hour);
  money("usd_per_day", limits.nanousd_per_day);
  money("usd_per_month", limits.nanousd_per_month);
  json.end_object();
}

// The printed keys first; `api_key` tells keys apart and gives none away.
void write_client(JsonWriter& json, const ClientSources& sources, const ClientRecord& client,
                  std::string_view source) {
  const auto now = sources.clock.wall_ns();
  json.begin_object().key("id").string(client.id);
  json.key("api_key").string("sha256:" + control::key_id(client.key));
  json.key("description").string(client.description);
  write_texts(json, "allowed_providers", client.allowed_providers);
  json.key("created_at").integer(client.created_ns / kSecond);
  json.key("last_used").integer(sources.fold.last_used_ns(client.id) / kSecond);
  write_texts(json, "allowed_models", client.allowed_models);
  json.key("expires_at");
  client.expires_ns == 0 ? json.null() : json.integer(client.expires_ns / kSecond);
  json.key("expired").boolean(client.expires_ns != 0 && now >= client.expires_ns);
  write_limits(json, client.limits);
  const auto spent = sources.fold.spending(client.id).money;
  json.key("spent").begin_object();
  json.key("usd_this_hour").decimal(spent.in(control::Period::kHour, now), 9);
  json.key("usd_today").decimal(spent.in(control::Period::kDay, now), 9);
  json.key("usd_this_month").decimal(spent.in(control::Period::kMonth, now), 9);
  json.end_object();
  json.key("source").string(source).end_object();
}

void write_all(JsonWriter& json, const ClientSources& sources) {
  json.key("clients").begin_array();
  const auto configured = sources.configured();
  for (const auto& client : *configured) write_client(json, sources, client, "configuration");
  for (const auto& client : sources.registry.clients()->clients) {
    if (find(*configured, client.id) == nullptr) write_client(json, sources, client, "api");
  }
  json.end_array();
}

void write_sum(JsonWriter& json, const store::Group& sum) {
  json.begin_object().key("queries").unsigned_integer(sum.requests);
  json.key("tokens").integer(sum.total_tokens);
  json.key("cost").decimal(sum.cost_nanousd, 9).end_object();
}

// The groups are by client and provider, in this order.
void write_stats(JsonWriter& json, std::span<const store::Group> groups) {
  json.key("client_stats").begin_object();
  for (std::size_t from = 0, to = 0; from < groups.size(); from = to) {
    const auto& client = groups[from].values[0];
    store::Group total;
    for (; to < groups.size() && groups[to].values[0] == client; ++to) {
      total.requests += groups[to].requests;
      total.total_tokens += groups[to].total_tokens;
      total.cost_nanousd += groups[to].cost_nanousd;
    }
    json.key(client.empty() ? std::string_view("unknown") : std::string_view(client));
    json.begin_object().key("total");
    write_sum(json, total);
    json.key("by_provider").begin_object();
    for (const auto& group : groups.subspan(from, to - from)) {
      json.key(group.values[1].empty() ? "unknown" : group.values[1]);
      write_sum(json, group);
    }
    json.end_object().end_object();
  }
  json.end_object();
}

// The original's answer, by ids in place of raw keys; the clients themselves stand behind it.
http::Response list(const ClientSources& sources, const http::SimpleRequest& request) {
  constexpr Nanos kDay = 86'400 * kSecond;
  const auto text = request.head.query;
  const auto answered = [&]() -> Result<std::string> {
    if (sources.queries == nullptr) {
      return fail(Code::kUnavailable,
                  "the store is switched off; set store.enabled: true, or ask for "
                  "/admin/v1/clients/list");
    }
    SG_TRY(refuse_unknown_parameters(text, range_parameters()));
    SG_ASSIGN(const auto range, parse_range(text, sources.clock.wall_ns(), kDay));
    SG_ASSIGN(const auto groups,
              sources.queries->groups(
                  {range, {store::Dimension::kClient, store::Dimension::kProvider}, {}}));
    std::string out;
    JsonWriter json(out);
    json.begin_object().key("start").integer(range.start_ns / kSecond);
    json.key("end").integer(range.end_ns / kSecond);
    write_stats(json, groups);
    write_all(json, sources);
    json.end_object();
    return out;
  }();
  if (!answered) return error_of(answered.error(), request.request_id);
  http::Response response;
  response.body = *answered;
  return response;
}

http::Response plain_list(const ClientSources& sources, const http::SimpleRequest&) {
  http::Response response;
  JsonWriter json(response.body);
  json.begin_object();
  write_all(json, sources);
  json.end_object();
  return response;
}

http::Response show(const ClientSources& sources, const http::SimpleRequest& request) {
  const auto& id = request.path_parameters.at(0);
  const auto made = sources.registry.clients();
  const auto of_file = sources.configured();
  const auto* configured = find(*of_file, id);
  const auto* client = configured != nullptr ? configured : made->find(id);
  if (client == nullptr) {
    return error_of({Code::kNotFound, "there is no such client; GET /admin/v1/clients lists all"},
                    request.request_id);
  }
  http::Response response;
  JsonWriter json(response.body);
  write_client(json, sources, *client, configured != nullptr ? "configuration" : "api");
  return response;
}

http::Response done(std::string_view status, const std::string& id, std::string_view key) {
  http::Response response;
  JsonWriter json(response.body);
  json.begin_object().key("status").string(status).key("client_id").string(id);
  if (!key.empty()) json.key("api_key").string(key);
  json.end_object();
  if (!key.empty()) response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

http::Response create(const ClientSources& sources, const http::SimpleRequest& request) {
  auto body = read_client_body(request.body, {});
  if (!body) return error_of(body.error(), request.request_id);
  auto& change = body->change;
  ClientRecord client;
  client.id = body->client_id.value_or("");
  client.description = change.description.value_or("");
  client.allowed_providers = change.allowed_providers.value_or(std::vector<std::string>{});
  client.allowed_models = change.allowed_models.value_or(std::vector<std::string>{});
  client.limits = change.limits.value_or(control::ClientLimits{});
  client.expires_ns = change.expires_ns.value_or(0);
  // An empty key is a mistake, a missing one is a wish.
  if (change.key && change.key->empty()) {
    return error_of({Code::kInvalid,
                     "api_key is empty; send 20 to 512 visible characters, or leave it out and the "
                     "server makes one"},
                    request.request_id);
  }
  const auto created = sources.registry.create(std::move(client), change.key.value_or(""));
  if (!created) return error_of(created.error(), request.request_id);
  return done("created", created->client.id, created->key);
}

http::Response change(const ClientSources& sources, const http::SimpleRequest& request) {
  const auto& id = request.path_parameters.at(0);
  if (find(*sources.configured(), id) != nullptr) {
    return error_of({Code::kExists, std::string(kReadOnly)}, request.request_id);
  }
  const auto made = sources.registry.clients();
  const auto* before = made->find(id);
  auto body =
      read_client_body(request.body, before == nullptr ? control::ClientLimits{} : before->limits);
  if (!body) return error_of(body.error(), request.request_id);
  if (body->client_id && *body->client_id != id) {
    return error_of({Code::kInvalid, "client_id cannot be changed; make a new client instead"},
                    request.request_id);
  }
  if (before == nullptr) return error_of(control::no_such_client(id).error(), request.request_id);
  body->change.seen = *before;  // its limits are those that the body does not name
  const auto changed = sources.registry.change(id, std::move(body->change));
  if (!changed) return error_of(changed.error(), request.request_id);
  return done("updated", id, changed->key);
}

http::Response remove(const ClientSources& sources, const http::SimpleRequest& request) {
  const auto& id = request.path_parameters.at(0);
  if (find(*sources.configured(), id) != nullptr) {
    return error_of({Code::kExists, std::string(kReadOnly)}, request.request_id);
  }
  if (const auto removed = sources.registry.remove(id); !removed) {
    return error_of(removed.error(), request.request_id);
  }
  return done("deleted", id, {});
}

using Serve = http::Response (*)(const ClientSources&, const http::SimpleRequest&);

http::Route route_of(std::string method, std::string pattern, std::string summary, Serve serve,
                     const Sources& sources, http::WorkPool& pool) {
  constexpr std::uint64_t kBodyBytes = 256u << 10;  // two full lists and a description
  http::Route route;
  route.changes = method != "GET";
  route.method = std::move(method);
  route.pattern = std::move(pattern);
  route.realm = http::Realm::kAdmin;
  route.summary = std::move(summary);
  route.make = http::blocking(
      pool,
      [sources, serve](const http::SimpleRequest& request) { return serve(*sources, request); },
      kBodyBytes);
  return route;
}

}  // namespace

std::vector<http::Route> client_routes(const ClientSources& given, http::WorkPool& pool) {
  const auto sources = std::make_shared<const ClientSources>(given);
  std::vector<http::Route> routes;
  const auto add = [&](const char* method, const char* pattern, const char* summary, Serve serve,
                       const char* body = "") {
    auto route = route_of(method, pattern, summary, serve, sources, pool);
    route.body = body;
    add_under_both_prefixes(routes, std::move(route));
  };
  const char* const made =
      R"({"client_id":"client-123","description":"an app","allowed_providers":["openai"]})";
  const char* const changed = R"({"description":"an app","allowed_providers":["openai"]})";
  const char* const all = "/admin/v1/clients";
  const char* const one = "/admin/v1/clients/{client_id}";
  auto all_of_them =
      route_of("GET", all, "All clients, and what each used by provider", list, sources, pool);
  all_of_them.parameters = range_parameters();
  add_under_both_prefixes(routes, std::move(all_of_them));
  add("GET", "/admin/v1/clients/list", "All clients", plain_list);
  add("POST", all, "Make a client; without api_key the server makes a key and shows it once",
      create, made);
  add("GET", one, "One client", show);
  add("PUT", one, "Change what the body names of a client", change, changed);
  add("PATCH", one, "Change what the body names of a client", change, changed);
  add("DELETE", one, "Delete a client and revoke its key; its history stays", remove);
  return routes;
}

http::Route cancel_route(Cancel cancel, http::WorkPool& pool) {
  http::Route route;
  route.method = "DELETE";
  route.pattern = "/metrics/active-requests/{request_id}";
  route.realm = http::Realm::kAdmin;
  route.changes = true;
  route.summary =
      "End a running request, on whichever gateway it runs; its client gets an error, or "
      "its stream is cut";
  route.make =
      http::blocking(pool, [cancel = std::move(cancel)](const http::SimpleRequest& request) {
        const auto& id = request.path_parameters.at(0);
        const auto gateway = cancel(id);
        if (!gateway) return error_of(gateway.error(), request.request_id);
        http::Response response;
        JsonWriter json(response.body);
        json.begin_object().key("status").string("cancelled").key("request_id").string(id);
        if (!gateway->empty()) json.key("gateway").string(*gateway);
        json.end_object();
        return response;
      });
  return route;
}

}  // namespace sightglass::admin
