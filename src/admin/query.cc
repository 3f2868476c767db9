#include "admin/query.h"

#include <algorithm>
#include <array>

#include "admin/metrics.h"
#include "admin/times.h"
#include "base/json_writer.h"
#include "base/text.h"
#include "net/http1.h"

namespace sightglass::admin {
namespace {

constexpr Nanos kDay = 86'400 * kSecond;
constexpr std::uint32_t kDefaultGroups = 100;
constexpr std::array<std::string_view, 11> kParameters = {"start",  "end",      "since",  "of",
                                                          "filter", "group_by", "stat",   "step",
                                                          "order",  "limit",    "compare"};

// Each value of a parameter that may stand there several times.
std::vector<std::string> all_of(std::string_view query, std::string_view name) {
  std::vector<std::string> out;
  while (!query.empty()) {
    const auto pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    if (auto value = net::query_parameter(pair, name); value && !value->empty()) {
      out.push_back(std::move(*value));
    }
  }
  return out;
}

std::string one_of(std::string_view query, std::string_view name) {
  const auto text = net::query_parameter(query, name);
  return text ? std::string(trim(*text)) : std::string();
}

// One that may stand there once: which of two was meant nobody knows.
Status refuse_repeated(std::string_view query) {
  for (const auto name : kParameters) {
    if (name != "stat" && all_of(query, name).size() > 1) {
      return fail(Code::kInvalid, std::string(name) + " stands there twice; give it once");
    }
  }
  return {};
}

Result<Nanos> duration(std::string_view name, const std::string& text) {
  const auto value = parse_duration_ns(text);
  if (!value || *value <= 0) {
    return fail(Code::kInvalid, std::string(name) + " must be a duration such as 5m, 24h or 7d");
  }
  return *value;
}

Result<store::Range> range_of(std::string_view query, Nanos now_ns) {
  const auto since = one_of(query, "since");
  if (since.empty()) return parse_range(query, now_ns, kDay);
  if (!one_of(query, "start").empty()) {
    return fail(Code::kInvalid, "since and start both say where the range begins; give one");
  }
  SG_ASSIGN(const auto window_ns, duration("since", since));
  SG_ASSIGN(const auto range, parse_range(query, now_ns, window_ns));
  return range;
}

// One of a few words, or the first of them where there is none.
Result<std::size_t> word(std::string_view query, std::string_view name,
                         std::initializer_list<std::string_view> known) {
  const auto text = one_of(query, name);
  if (text.empty()) return std::size_t{0};
  std::string sentence(name);
  sentence += " must be";
  std::size_t at = 0;
  for (const auto one : known) {
    if (one == text) return at;
    sentence.append(at++ == 0 ? " " : " or ").append(one);
  }
  return fail(Code::kInvalid, sentence);
}

std::string_view source_name(store::Answer::Source source) {
  switch (source) {
    case store::Answer::Source::kRows:
      return "rows";
    case store::Answer::Source::kRollups:
      return "rollups";
    case store::Answer::Source::kBoth:
      return "both";
  }
  return "";
}

std::string_view role_name(store::AnswerColumn::Role role) {
  using Role = store::AnswerColumn::Role;
  switch (role) {
    case Role::kTime:
      return "time";
    case Role::kGroup:
      return "group";
    case Role::kStatistic:
      return "statistic";
    case Role::kPrevious:
      return "previous";
    case Role::kChange:
      return "change";
  }
  return "";
}

void append_cell(JsonWriter& json, const store::Cell& cell) {
  if (const auto* const flag = std::get_if<bool>(&cell)) {
    json.boolean(*flag);
  } else if (const auto* const whole = std::get_if<std::int64_t>(&cell)) {
    json.integer(*whole);
  } else if (const auto* const real = std::get_if<double>(&cell)) {
    json.number(*real);
  } else if (const auto* const text = std::get_if<std::string>(&cell)) {
    json.string(*text);
  } else {
    json.null();
  }
}

void append_columns(JsonWriter& json, const store::Answer& answer) {
  json.key("columns").begin_array();
  for (const auto& column : answer.columns) {
    json.begin_object().key("name").string(column.name).key("role").string(role_name(column.role));
    json.key("unit");
    if (column.unit.empty()) {
      json.null();
    } else {
      json.string(column.unit);
    }
    json.key("exact").boolean(column.exactness == store::Exactness::kExact);
    if (column.exactness == store::Exactness::kWithinOnePercent) {
      json.key("error").string("at most 1 % of the value: log histogram");
    } else if (column.exactness == store::Exactness::kEstimated) {
      json.key("error").string("standard error 0.81 %: HyperLogLog");
    }
    json.end_object();
  }
  json.end_array();
}

void append_time(JsonWriter& json, std::string_view key, Nanos time_ns) {
  std::string text;
  append_iso8601(text, time_ns, 9);
  json.key(key).string(text);
}

// Pseudonyms change with the epoch of their key: then one person has two.
bool counts_people(const store::TypedPlan& plan) {
  const auto& all = plan.fields();
  const auto changes = [&](std::size_t place) {
    const auto id = plan.catalogue().field(all[place].column);
    if (id == event::kNoField) return false;
    const auto& field = plan.catalogue().fields()[id];
    return field.field_class == event::FieldClass::kIdentifier &&
           !event::is_lasting_identifier(field.identifier_kind.empty() ? 'u'
                                                                       : field.identifier_kind[0]);
  };
  const auto& gathered = plan.accumulators();
  return std::any_of(plan.groups().begin(), plan.groups().end(),
                     [&](const auto& group) { return changes(group.field); }) ||
         std::any_of(gathered.begin(), gathered.end(), [&](const auto& one) {
           return one.kind == store::Accumulator::Kind::kDistinct && changes(one.field);
         });
}

void append_notes(JsonWriter& json, const store::TypedPlan& plan, const store::Answer& answer) {
  json.key("notes").begin_array();
  for (const auto& note : answer.notes) json.string(note);
  for (const auto& pattern : plan.patterns()) {
    for (const auto& warning : pattern->warnings(plan.catalogue())) json.string(warning);
  }
  if (counts_people(plan)) {
    json.string(
        "a person has a pseudonym for each epoch of its key: over more than one epoch the number "
        "of different ones is an upper bound");
  }
  if (plan.query().step_ns == 0 || !plan.query().group_by.empty()) {
    const auto shown = plan.query().limit;
    if (shown != 0 && answer.groups > shown) {
      json.string("the first " + std::to_string(shown) + " of " + std::to_string(answer.groups) +
                  " groups; limit= takes more");
    }
  }
  json.end_array();
}

// How queries ended, as counters.
class Ends {
 public:
  explicit Ends(Telemetry& telemetry) {
    for (std::size_t i = 0; i < kNames.size(); ++i) {
      counters_[i] = &telemetry.counter("sightglass_admin_queries_total",
                                        "Typed queries over HTTP by how they ended.",
                                        {{"result", std::string(kNames[i])}});
    }
  }
  void count(const Result<http::Response>& answered) {
    const auto name = answered ? kNames[0] : code_name(answered.error().code);
    const auto at = std::find(kNames.begin(), kNames.end() - 1, name);
    counters_[static_cast<std::size_t>(at - kNames.begin())]->add();
  }

 private:
  static constexpr std::array<std::string_view, 7> kNames = {
      "done", "invalid", "too_large", "busy", "timeout", "cancelled", "failed"};
  std::array<Counter*, 7> counters_{};
};

http::Response answer_query(const QuerySources& sources, Ends& ends,
                            const http::SimpleRequest& request) {
  if (sources.queries == nullptr) {
    return http::error_response(503, "store_error",
                                "the store is switched off; set store.enabled: true",
                                request.request_id);
  }
  const auto answered = [&]() -> Result<http::Response> {
    SG_ASSIGN(auto query, parse_query(request.head.query, sources.clock.wall_ns()));
    SG_ASSIGN(const auto plan, store::TypedPlan::make(std::move(query), sources.catalogue()));
    SG_ASSIGN(const auto answer, sources.queries->answer(plan, request.left));
    http::Response response;
    append_answer_json(plan, answer, response.body);
    return response;
  }();
  ends.count(answered);
  return answered ? *answered : error_of(answered.error(), request.request_id);
}

}  // namespace

Result<store::TypedQuery> parse_query(std::string_view untrusted_query, Nanos now_ns) {
  SG_TRY(refuse_unknown_parameters(
      untrusted_query, {"start", "end", "since", "of", "filter", "group_by", "stat", "step",
                        "order", "limit", "compare"}));
  SG_TRY(refuse_repeated(untrusted_query));
  store::TypedQuery out;
  SG_ASSIGN(out.range, range_of(untrusted_query, now_ns));
  SG_ASSIGN(const auto of, word(untrusted_query, "of", {"requests", "events"}));
  out.rows = of == 0 ? store::TypedQuery::Rows::kRequests : store::TypedQuery::Rows::kEvents;
  out.filter = one_of(untrusted_query, "filter");
  out.group_by = store::parse_names(one_of(untrusted_query, "group_by"));
  for (const auto& stat : all_of(untrusted_query, "stat")) {
    SG_TRY(store::parse_measures(stat, out.measures));
  }
  if (const auto step = one_of(untrusted_query, "step"); !step.empty()) {
    SG_ASSIGN(out.step_ns, duration("step", step));
  }
  SG_TRY(store::parse_order(one_of(untrusted_query, "order"), out.order));
  if (const auto text = one_of(untrusted_query, "limit"); !text.empty()) {
    const auto limit = parse_int(text);
    if (!limit || *limit < 1 || *limit > static_cast<int>(store::TypedQuery::kMostGroups)) {
      return fail(Code::kInvalid, "limit must be 1 to 10000");
    }
    out.limit = static_cast<std::uint32_t>(*limit);
  } else if (!out.group_by.empty()) {
    out.limit = kDefaultGroups;
  }
  SG_ASSIGN(const auto compare, word(untrusted_query, "compare", {"nothing", "previous"}));
  if (compare == 1) out.compare = store::TypedQuery::Compare::kPrevious;
  return out;
}

void append_answer_json(const store::TypedPlan& plan, const store::Answer& answer,
                        std::string& out) {
  JsonWriter json(out);
  json.begin_object();
  append_time(json, "from", answer.range.start_ns);
  append_time(json, "to", answer.range.end_ns);
  if (answer.previous.end_ns != answer.previous.start_ns) {
    json.key("previous").begin_object();
    append_time(json, "from", answer.previous.start_ns);
    append_time(json, "to", answer.previous.end_ns);
    json.end_object();
  }
  json.key("step_seconds").integer(answer.step_ns / kSecond);
  json.key("of").string(plan.query().rows == store::TypedQuery::Rows::kRequests ? "requests"
                                                                                : "events");
  append_columns(json, answer);
  json.key("rows").begin_array();
  for (const auto& row : answer.rows) {
    json.begin_array();
    for (const auto& cell : row) append_cell(json, cell);
    json.end_array();
  }
  json.end_array();
  json.key("groups").unsigned_integer(answer.groups);
  json.key("as_of").begin_object().key("position").unsigned_integer(answer.up_to);
  append_time(json, "time", answer.newest_ns);
  json.end_object();
  json.key("source").string(source_name(answer.source));
  append_notes(json, plan, answer);
  json.end_object();
}

std::vector<http::Route> query_routes(const QuerySources& sources) {
  http::Route route;
  route.method = "GET";
  route.pattern = "/admin/v1/query";
  route.realm = http::Realm::kAdmin;
  route.summary = "Statistics of the history: counts, sums, percentiles by field and step";
  route.parameters = {
      {"start", "Unix seconds; default: a day before end"},
      {"end", "Unix seconds; default: now"},
      {"since", "in place of start: how far back from end, such as 24h"},
      {"of", "requests (default): one row a request; events: every row of the history"},
      {"filter", "a filter pattern over fields that passed the door"},
      {"group_by", "up to four fields, between commas"},
      {"stat", "count (default), sum(FIELD), p95(FIELD), ratio(A / B), …; several between commas"},
      {"step", "a row for each step of time, such as 5m"},
      {"order", "columns between commas, -COLUMN for the greatest first"},
      {"limit", "of groups, 1 to 10000; default 100"},
      {"compare", "previous: beside each number that of the period before"}};
  const auto ends = std::make_shared<Ends>(sources.telemetry);
  route.make = http::blocking(sources.pool, [sources, ends](const http::SimpleRequest& request) {
    return answer_query(sources, *ends, request);
  });
  std::vector<http::Route> routes;
  add_under_both_prefixes(routes, std::move(route));
  return routes;
}

}  // namespace sightglass::admin
