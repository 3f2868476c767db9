#include "admin/filters.h"

#include <simdjson.h>

#include "admin/metrics.h"
#include "base/json_writer.h"
#include "base/text.h"
#include "event/pattern.h"
#include "event/raw_line.h"

namespace sightglass::admin {
namespace {

constexpr std::size_t kMaxMessages = 1000;
constexpr std::size_t kMaxAnswerBytes = 8 << 20;
constexpr std::string_view kUsage =
    R"(send {"pattern": "{ $.event_type = \"session_created\" }", "messages": ["…"]} as JSON)";

struct Question {
  std::string pattern;
  std::vector<std::string> messages;
};

Result<Question> read_question(std::string_view body) {
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  if (parser.parse(simdjson::padded_string(body)).get(object) != simdjson::SUCCESS) {
    return fail(Code::kInvalid, std::string(kUsage));
  }
  Question out;
  bool has_pattern = false;
  for (const auto member : object) {
    if (member.key == "pattern" || member.key == "filterPattern") {
      std::string_view text;
      if (member.value.get(text) != simdjson::SUCCESS) {
        return fail(Code::kInvalid, "pattern must be a text; " + std::string(kUsage));
      }
      out.pattern = std::string(text);
      has_pattern = true;
    } else if (member.key == "messages" || member.key == "logEventMessages") {
      simdjson::dom::array array;
      if (member.value.get(array) != simdjson::SUCCESS) {
        return fail(Code::kInvalid, "messages must be an array of texts");
      }
      if (array.size() > kMaxMessages) {
        return fail(Code::kTooLarge, "at most 1000 messages are tested at once");
      }
      out.messages.clear();
      for (const auto element : array) {
        std::string_view text;
        if (element.get(text) != simdjson::SUCCESS) {
          return fail(Code::kInvalid,
                      "messages must be an array of texts; a JSON record is sent as its text");
        }
        out.messages.emplace_back(text);
      }
    } else {
      return fail(Code::kInvalid, "there is pattern and messages, and nothing else");
    }
  }
  if (!has_pattern) return fail(Code::kInvalid, "pattern is missing; " + std::string(kUsage));
  return out;
}

// Pattern errors read "column 7: reason\n  excerpt\n  caret".
http::Response pattern_error(const Error& error, const std::string& request_id) {
  const std::string_view text = error.message;
  const auto first = text.find("\n  ");
  const auto second = first == std::string_view::npos ? first : text.find("\n  ", first + 1);
  if (!text.starts_with("column ") || second == std::string_view::npos) {
    return error_of(error, request_id);
  }
  const auto colon = text.find(':');
  http::Response response;
  response.status = 400;
  JsonWriter json(response.body);
  json.begin_object().key("error").begin_object();
  json.key("message").string(text.substr(0, first)).key("type").string("invalid_request_error");
  json.key("code").string("invalid_pattern");
  json.key("column").integer(parse_int(text.substr(7, colon - 7)).value_or(0));
  json.key("excerpt").string(text.substr(first + 3, second - first - 3));
  json.key("caret").string(text.substr(second + 3));
  json.key("request_id").string(request_id).end_object().end_object();
  return response;
}

std::string_view form_name(event::Pattern::Form form) {
  switch (form) {
    case event::Pattern::Form::kEverything:
      return "everything";
    case event::Pattern::Form::kJson:
      return "json";
    case event::Pattern::Form::kDelimited:
      return "delimited";
    case event::Pattern::Form::kTerms:
      return "terms";
  }
  return {};
}

void write_explanation(const event::Explanation& explanation, std::size_t number,
                       JsonWriter& json) {
  json.begin_object().key("event_number").unsigned_integer(number);
  json.key("matches").boolean(explanation.matches);
  if (!explanation.why_not.empty()) json.key("why_not").string(explanation.why_not);
  json.key("conditions").begin_array();
  for (const auto& verdict : explanation.conditions) {
    json.begin_object().key("condition").string(verdict.condition);
    json.key("holds").boolean(verdict.holds).key("saw").string(verdict.seen).end_object();
  }
  json.end_array().end_object();
}

// As CloudWatch names them: `$name` for a field of a delimited pattern.
void write_match(const event::Pattern& pattern, event::RawLine& line, std::string_view message,
                 std::size_t number, JsonWriter& json) {
  std::vector<event::Extracted> values;
  line.extract(pattern, values);
  const bool named = pattern.form() == event::Pattern::Form::kDelimited;
  json.begin_object().key("eventNumber").unsigned_integer(number);
  json.key("eventMessage").string(message).key("extractedValues").begin_object();
  for (const auto& value : values) {
    json.key(named ? "$" + value.name : value.name).string(value.text);
  }
  json.end_object().end_object();
}

http::Response test_filter(const event::Catalogue& catalogue, const http::SimpleRequest& request) {
  const auto question = read_question(request.body);
  if (!question) return error_of(question.error(), request.request_id);
  const auto pattern = event::Pattern::parse(question->pattern);
  if (!pattern) return pattern_error(pattern.error(), request.request_id);
  const auto behind = pattern->check_behind_door(catalogue);
  http::Response response;
  std::string results;
  JsonWriter json(response.body);
  JsonWriter rows(results);
  json.begin_object().key("form").string(form_name(pattern->form()));
  json.key("runs_behind_the_door").boolean(behind.has_value());
  if (!behind) json.key("why_at_the_door_only").string(behind.error().message);
  json.key("warnings").begin_array();
  for (const auto& warning : pattern->warnings(catalogue)) json.string(warning);
  json.end_array().key("matches").begin_array();
  rows.begin_array();
  event::RawLine line;
  for (std::size_t i = 0; i < question->messages.size(); ++i) {
    const auto& message = question->messages[i];
    line.set(message);
    const auto explanation = line.explain(*pattern);
    write_explanation(explanation, i + 1, rows);
    if (explanation.matches) write_match(*pattern, line, message, i + 1, json);
    if (response.body.size() + results.size() > kMaxAnswerBytes) {
      return error_of({Code::kTooLarge, "the answer is larger than 8 MiB; send fewer messages"},
                      request.request_id);
    }
  }
  rows.end_array();
  json.end_array().key("results").raw(results).end_object();
  return response;
}

}  // namespace

std::vector<http::Route> filter_routes(
    std::function<std::shared_ptr<const event::Catalogue>()> catalogue, http::WorkPool& pool) {
  http::Route route;
  route.method = "POST";
  route.pattern = "/admin/v1/filters/test";
  route.realm = http::Realm::kAdmin;
  route.summary = "Try a filter pattern on messages: what matches, what it extracts, and why not";
  route.body = R"({"pattern":"{ $.outcome = error }","messages":["{\"outcome\":\"error\"}"]})";
  route.make = http::blocking(pool, [catalogue = std::move(catalogue)](const auto& request) {
    return test_filter(*catalogue(), request);
  });
  std::vector<http::Route> routes;
  add_under_both_prefixes(routes, std::move(route));
  return routes;
}

}  // namespace sightglass::admin
