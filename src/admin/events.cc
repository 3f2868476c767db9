#include "admin/events.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "admin/metrics.h"
#include "admin/times.h"
#include "base/json_writer.h"
#include "base/text.h"
#include "event/event.h"
#include "event/pattern.h"
#include "live/feed.h"
#include "net/http1.h"

namespace sightglass::admin {
namespace {

constexpr Nanos kDay = 86'400 * kSecond;
constexpr std::size_t kShortestPrefix = 4;
constexpr std::uint32_t kMostOfOneRequest = 200;
constexpr std::size_t kMostCandidates = 10;

using Answer = std::function<Result<http::Response>(const http::SimpleRequest&)>;

http::Route event_route(const EventSources& sources, std::string pattern, std::string summary,
                        std::vector<http::Parameter> parameters, Answer answer) {
  http::Route route;
  route.method = "GET";
  route.pattern = std::move(pattern);
  route.realm = http::Realm::kAdmin;
  route.summary = std::move(summary);
  route.parameters = std::move(parameters);
  route.make = http::blocking(
      sources.pool, [sources, answer = std::move(answer)](const http::SimpleRequest& request) {
        if (sources.queries == nullptr) {
          return http::error_response(503, "store_error",
                                      "the store is switched off; set store.enabled: true",
                                      request.request_id);
        }
        auto answered = answer(request);
        return answered ? std::move(*answered) : error_of(answered.error(), request.request_id);
      });
  return route;
}

Level level_of(std::string_view name) {
  for (const auto level : {Level::kDebug, Level::kWarn, Level::kError, Level::kCritical}) {
    if (level_name(level) == name) return level;
  }
  return Level::kInfo;
}

// A stored row as the filter language sees an event. Borrows from `from`.
void fill_event(const store::StoredEvent& from, const event::Catalogue& catalogue,
                event::Event& out) {
  out.type = catalogue.event_type(from.type);
  out.level = level_of(from.level);
  out.time_ns = from.time_ns;
  out.fields.clear();
  for (const auto& field : from.fields) {
    const auto id = catalogue.field(field.name);
    if (id != event::kNoField) out.fields.push_back({id, field.value()});
  }
}

Result<std::uint64_t> whole_number(std::string_view query, std::string_view name,
                                   std::uint64_t otherwise) {
  const auto text = net::query_parameter(query, name);
  if (!text || text->empty()) return otherwise;
  const auto value = parse_int(*text);
  if (!value || *value < 0) {
    return fail(Code::kInvalid, std::string(name) + " must be a whole number such as 100");
  }
  return static_cast<std::uint64_t>(*value);
}

bool is_id_text(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
  });
}

Result<std::string> id_prefix(const std::string& text) {
  if (is_id_text(text) && text.size() >= kShortestPrefix) return text;
  return fail(Code::kInvalid, "a request id, or at least its first 4 characters, such as b7c1a5f9");
}

Result<store::RowFilter> parse_filter(const std::string& text,
                                      std::shared_ptr<const event::Catalogue> catalogue) {
  auto parsed = event::Pattern::parse(text);
  if (!parsed) return fail(Code::kInvalid, "filter: " + parsed.error().message);
  SG_TRY(parsed->check_behind_door(*catalogue));
  return store::RowFilter{std::make_shared<const event::Pattern>(std::move(*parsed)),
                          std::move(catalogue)};
}

Result<store::EventQuery> query_of(const EventSources& sources, std::string_view query) {
  SG_TRY(refuse_unknown_parameters(query,
                                   {"start", "end", "filter", "request_id", "limit", "before"}));
  store::EventQuery out;
  SG_ASSIGN(out.range, parse_range(query, sources.clock.wall_ns(), kDay));
  SG_ASSIGN(const auto limit, whole_number(query, "limit", 100));
  if (limit < 1 || limit > store::EventQuery::kMostEvents) {
    return fail(Code::kInvalid, "limit must be 1 to 1000");
  }
  out.limit = static_cast<std::uint32_t>(limit);
  SG_ASSIGN(const auto before, whole_number(query, "before", 0));
  if (before != 0) out.before = before;
  if (const auto id = net::query_parameter(query, "request_id"); id && !id->empty()) {
    SG_ASSIGN(out.request_id_prefix, id_prefix(*id));
  }
  if (const auto text = net::query_parameter(query, "filter"); text && !trim(*text).empty()) {
    SG_ASSIGN(out.filter, parse_filter(*text, sources.catalogue()));
  }
  return out;
}

void append_events(JsonWriter& json, const std::vector<store::StoredEvent>& events) {
  json.begin_array();
  for (const auto& event : events) {
    std::string one;
    append_event_json(event, one);
    json.raw(one);
  }
  json.end_array();
}

Result<http::Response> answer_events(const EventSources& sources,
                                     const http::SimpleRequest& request) {
  SG_ASSIGN(const auto query, query_of(sources, request.head.query));
  SG_ASSIGN(const auto page, sources.queries->events(query));
  http::Response response;
  JsonWriter json(response.body);
  json.begin_object().key("events");
  append_events(json, page.events);
  json.key("next");
  if (page.next) {
    json.unsigned_integer(*page.next);
  } else {
    json.null();
  }
  json.end_object();
  return response;
}

// {"types":[{"event_type":…,"rows":…,"events":…,"sampled":…},…],"rows":…,"events":…,"sampled":…}
Result<http::Response> answer_counts(const EventSources& sources,
                                     const http::SimpleRequest& request) {
  SG_TRY(refuse_unknown_parameters(request.head.query, {"start", "end"}));
  SG_ASSIGN(const auto range, parse_range(request.head.query, sources.clock.wall_ns(), kDay));
  SG_ASSIGN(const auto counts, sources.queries->counts(range));
  http::Response response;
  JsonWriter json(response.body);
  const auto numbers = [&](const store::EventCount& count) {
    json.key("rows").unsigned_integer(count.rows);
    json.key("events").unsigned_integer(count.events);
    json.key("sampled").boolean(count.sampled_rows > 0);
  };
  store::EventCount all;
  json.begin_object().key("types").begin_array();
  for (const auto& count : counts) {
    json.begin_object().key("event_type").string(count.type);
    numbers(count);
    json.end_object();
    all.rows += count.rows;
    all.sampled_rows += count.sampled_rows;
    all.events += count.events;
  }
  json.end_array();
  numbers(all);
  json.end_object();
  return response;
}

std::string_view text_of(const store::StoredEvent& event, std::string_view name) {
  for (const auto& field : event.fields) {
    if (field.name == name) return field.text;
  }
  return {};
}

// Running requests come first: what runs has no row yet.
struct Story {
  std::set<std::string> ids;  // those that the prefix fits
  std::optional<live::RequestRow> running;
  std::vector<store::StoredEvent> events;
};

Result<Story> story_of(const EventSources& sources, const std::string& prefix) {
  Story story;
  bool truncated = false;
  for (auto& row : sources.requests.snapshot(live::kMaxFeedRows, truncated)) {
    if (!row.request_id.starts_with(prefix)) continue;
    story.ids.insert(row.request_id);
    story.running = std::move(row);
  }
  store::EventQuery query;
  query.range = {0, sources.clock.wall_ns() + kDay};
  query.limit = kMostOfOneRequest;
  query.request_id_prefix = prefix;
  SG_ASSIGN(auto page, sources.queries->events(query));
  story.events = std::move(page.events);
  for (const auto& event : story.events) story.ids.emplace(text_of(event, "request_id"));
  return story;
}

http::Response ambiguous(const Story& story, const std::string& request_id) {
  std::string sentence = "several requests begin so; give more of the id:";
  std::size_t shown = 0;
  for (const auto& id : story.ids) {
    if (++shown > kMostCandidates) break;
    sentence.append(" ").append(id);
  }
  return http::error_response(409, "conflict_error", sentence, request_id);
}

std::string story_json(const Story& story, const Clock& clock) {
  const auto terminal = std::find_if(story.events.begin(), story.events.end(),
                                     [](const auto& event) { return event.terminal; });
  const bool ended = terminal != story.events.end();
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("request_id").string(*story.ids.begin());
  json.key("state").string(ended ? "ended" : story.running ? "running" : "unknown");
  std::string part;
  json.key("request");
  if (ended) {
    append_event_json(*terminal, part);
    json.raw(part);
  } else if (story.running) {
    live::append_row_json(*story.running, clock.monotonic_ns(), part);
    json.raw(part);
  } else {
    json.null();
  }
  part.clear();
  if (ended) append_timeline_json(*terminal, part);
  json.key("timeline").raw(part.empty() ? "[]" : part);
  json.key("events");
  append_events(json, story.events);
  json.end_object();
  return out;
}

Result<http::Response> answer_story(const EventSources& sources,
                                    const http::SimpleRequest& request) {
  SG_TRY(refuse_unknown_parameters(request.head.query, {}));
  SG_ASSIGN(const auto prefix, id_prefix(request.path_parameters.at(0)));
  SG_ASSIGN(const auto story, story_of(sources, prefix));
  if (story.ids.empty()) {
    return fail(Code::kNotFound,
                "no request with this id runs or lies in the history; ids are in the answers' "
                "x-request-id and in each log line");
  }
  if (story.ids.size() > 1) return ambiguous(story, request.request_id);
  http::Response response;
  response.body = story_json(story, sources.clock);
  return response;
}

}  // namespace

Result<std::function<bool(const store::StoredEvent&)>> row_filter(
    const std::string& text, std::shared_ptr<const event::Catalogue> catalogue) {
  SG_ASSIGN(auto filter, parse_filter(text, std::move(catalogue)));
  const auto scratch = std::make_shared<event::Event>();
  return [filter = std::move(filter), scratch](const store::StoredEvent& stored) {
    fill_event(stored, *filter.catalogue, *scratch);
    return filter.pattern->matches(*filter.catalogue, *scratch);
  };
}

void append_event_json(const store::StoredEvent& event, std::string& out) {
  JsonWriter json(out);
  json.begin_object().key("seq").unsigned_integer(event.position);
  std::string time;
  append_iso8601(time, event.time_ns, 9);
  json.key("ts").string(time);
  json.key("event_type").string(event.type).key("level").string(event.level);
  for (const auto& field : event.fields) {
    json.key(field.name);
    switch (field.kind) {
      case event::Kind::kBool:
        json.boolean(field.integer != 0);
        break;
      case event::Kind::kInt:
        json.integer(field.integer);
        break;
      case event::Kind::kDouble:
        json.number(field.number);
        break;
      default:
        json.string(field.text);
    }
  }
  json.end_object();
}

namespace {

struct Moment {
  std::int64_t after_us = 0;
  std::string_view event;
  std::size_t order = 0;  // of those at one time
};

std::optional<std::int64_t> number_of(const store::StoredEvent& event, std::string_view name) {
  for (const auto& field : event.fields) {
    if (field.name == name) return field.integer;
  }
  return std::nullopt;
}

// "tools_detected@0+proxy_request_error@120": names and milliseconds since the start.
void add_companions(const store::StoredEvent& event, std::vector<Moment>& out) {
  auto rest = text_of(event, "companions");
  while (!rest.empty()) {
    const auto end = std::min(rest.find('+'), rest.size());
    const auto one = rest.substr(0, end);
    const auto at = one.rfind('@');
    const auto after_ms =
        at == std::string_view::npos ? std::nullopt : parse_int(one.substr(at + 1));
    out.push_back({after_ms.value_or(0) * 1'000, one.substr(0, at), out.size()});
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

}  // namespace

// A request's moments in the order of their times: its start, what happened on the way (attempts
// that failed and their backoff among it), the first token, the end.
void append_timeline_json(const store::StoredEvent& event, std::string& out) {
  std::vector<Moment> moments = {{0, "request_start", 0}};
  add_companions(event, moments);
  const auto first = number_of(event, "first_content_us");
  if (first) moments.push_back({*first, "first_token", moments.size()});
  const auto latency = number_of(event, "latency_us");
  std::sort(moments.begin(), moments.end(), [](const Moment& a, const Moment& b) {
    return std::tie(a.after_us, a.order) < std::tie(b.after_us, b.order);
  });
  // The end comes last, also where a companion's millisecond was rounded past it.
  if (latency) moments.push_back({*latency, event.type});
  const auto start_ns = number_of(event, "start_time_ns");
  JsonWriter json(out);
  json.begin_array();
  for (const auto& moment : moments) {
    json.begin_object().key("event").string(moment.event);
    json.key("after_ms").decimal(moment.after_us, 3);
    if (start_ns) {
      std::string time;
      append_iso8601(time, *start_ns + moment.after_us * 1'000, 6);
      json.key("ts").string(time);
    }
    json.end_object();
  }
  json.end_array();
}

std::vector<http::Route> event_routes(EventSources sources) {
  std::vector<http::Route> routes;
  add_under_both_prefixes(
      routes, event_route(sources, "/admin/v1/events", "Events of the history, newest first",
                          {{"start", "Unix seconds; default: a day before end", "number"},
                           {"end", "Unix seconds; default: now", "number"},
                           {"filter", "a filter pattern over fields that passed the door"},
                           {"request_id", "the id of a request, or how it begins"},
                           {"limit", "1 to 1000; default 100", "integer"},
                           {"before", "`next` of the page before", "integer"}},
                          [sources](const http::SimpleRequest& request) {
                            return answer_events(sources, request);
                          }));
  add_under_both_prefixes(
      routes, event_route(sources, "/admin/v1/events/counts",
                          "Events by type; those of sampled types scaled by their rule, and marked",
                          {{"start", "Unix seconds; default: a day before end"},
                           {"end", "Unix seconds; default: now"}},
                          [sources](const http::SimpleRequest& request) {
                            return answer_counts(sources, request);
                          }));
  add_under_both_prefixes(
      routes, event_route(sources, "/admin/v1/requests/{id}", "One request's whole story", {},
                          [sources](const http::SimpleRequest& request) {
                            return answer_story(sources, request);
                          }));
  return routes;
}

}  // namespace sightglass::admin
