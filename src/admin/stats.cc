#include "admin/stats.h"

#include <algorithm>
#include <array>

#include "admin/metrics.h"
#include "admin/times.h"
#include "base/json_writer.h"
#include "base/text.h"

namespace sightglass::admin {
namespace {

constexpr Nanos kDay = 86'400 * kSecond;
constexpr std::array<std::pair<std::string_view, store::Dimension>, 5> kDimensions = {{
    {"client_key", store::Dimension::kClient},
    {"id", store::Dimension::kClient},
    {"provider", store::Dimension::kProvider},
    {"key", store::Dimension::kKey},
    {"model", store::Dimension::kModel},
}};
constexpr std::string_view kUnknown = "unknown";

struct Question {
  store::GroupQuery query;
  std::vector<std::string> names;                            // of query.by
  std::vector<std::pair<std::string, std::string>> filters;  // as asked
};

Result<Question> read_question(std::string_view text, Nanos now_ns) {
  Question question;
  SG_ASSIGN(question.query.range, parse_range(text, now_ns, kDay));
  const auto listed = net::query_parameter(text, "group_by").value_or("client_key");
  for (std::string_view rest = listed; !rest.empty();) {
    const auto comma = std::min(rest.find(','), rest.size());
    const auto name = trim(rest.substr(0, comma));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    const auto dimension = dimension_of(name);
    if (!dimension) {
      return fail(Code::kInvalid,
                  "group_by is a list of client_key, provider, key, model and id, such as "
                  "group_by=provider,model");
    }
    auto& by = question.query.by;
    if (std::find(by.begin(), by.end(), *dimension) != by.end()) {
      return fail(Code::kInvalid, "group_by names a dimension twice");
    }
    by.push_back(*dimension);
    question.names.emplace_back(name);
  }
  for (const auto& [name, dimension] : kDimensions) {
    const auto value = net::query_parameter(text, name);
    if (!value || value->empty()) continue;
    question.query.only.emplace_back(dimension, *value);
    question.filters.emplace_back(name, *value);
  }
  return question;
}

// The groups are sorted, so that those with equal first values stand together.
void append_level(JsonWriter& json, std::span<const store::Group> groups, std::size_t level) {
  if (level == groups.front().values.size()) {
    const auto& group = groups.front();
    json.begin_object().key("queries").unsigned_integer(group.requests);
    json.key("tokens").integer(group.total_tokens);
    json.key("cost").decimal(group.cost_nanousd, 9).end_object();
    return;
  }
  json.begin_object();
  for (std::size_t from = 0; from < groups.size();) {
    const auto& value = groups[from].values[level];
    std::size_t to = from + 1;
    while (to < groups.size() && groups[to].values[level] == value) ++to;
    json.key(value.empty() ? kUnknown : std::string_view(value));
    append_level(json, groups.subspan(from, to - from), level + 1);
    from = to;
  }
  json.end_object();
}

Result<std::string> answer(store::Queries& queries, std::string_view text, Nanos now_ns) {
  SG_ASSIGN(const auto question, read_question(text, now_ns));
  SG_ASSIGN(const auto groups, queries.groups(question.query));
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("start").integer(question.query.range.start_ns / kSecond);
  json.key("end").integer(question.query.range.end_ns / kSecond);
  json.key("group_by").begin_array();
  for (const auto& name : question.names) json.string(name);
  json.end_array().key("filters").begin_object();
  for (const auto& [name, value] : question.filters) json.key(name).string(value);
  json.end_object().key("stats").raw(stats_json(groups)).end_object();
  return out;
}

}  // namespace

std::optional<store::Dimension> dimension_of(std::string_view name) {
  for (const auto& [known, dimension] : kDimensions) {
    if (known == name) return dimension;
  }
  return std::nullopt;
}

std::string stats_json(const std::vector<store::Group>& groups) {
  std::string out;
  JsonWriter json(out);
  if (groups.empty()) {
    json.begin_object().end_object();
  } else {
    append_level(json, groups, 0);
  }
  return out;
}

std::vector<http::Route> stats_routes(store::Queries* queries, http::WorkPool& pool,
                                      const Clock& clock) {
  http::Route route;
  route.method = "GET";
  route.pattern = "/admin/v1/stats";
  route.realm = http::Realm::kAdmin;
  route.summary = "Requests, tokens and cost by client, provider, key and model";
  route.parameters = {{"start", "Unix seconds; default: a day before end", "number"},
                      {"end", "Unix seconds; default: now", "number"},
                      {"group_by", "a list of client_key, provider, key, model, id"},
                      {"client_key", "only of this client (its id)"},
                      {"id", "the same"},
                      {"provider", "only of this provider"},
                      {"key", "only of this key id"},
                      {"model", "only of this model"}};
  route.make = http::blocking(
      pool, [queries, &clock, known = route.parameters](const http::SimpleRequest& request) {
        const auto answered = [&]() -> Result<std::string> {
          if (queries == nullptr) {
            return fail(Code::kUnavailable, "the store is switched off; set store.enabled: true");
          }
          SG_TRY(refuse_unknown_parameters(request.head.query, known));
          return answer(*queries, request.head.query, clock.wall_ns());
        }();
        if (!answered) return error_of(answered.error(), request.request_id);
        http::Response response;
        response.body = *answered;
        return response;
      });
  std::vector<http::Route> routes;
  add_under_both_prefixes(routes, std::move(route));
  return routes;
}

}  // namespace sightglass::admin
