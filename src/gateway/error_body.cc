#include "gateway/error_body.h"

#include "base/json_writer.h"
#include "event/error_sentence.h"

namespace sightglass::gateway {
namespace {

// The protocols' own words, by status: what their SDKs turn into exceptions.
std::string_view protocol_word(Protocol protocol, int status) {
  const bool anthropic = protocol == Protocol::kAnthropic;
  switch (status) {
    case 400:
      return "invalid_request_error";
    case 401:
      return anthropic ? "authentication_error" : "invalid_request_error";
    case 403:
      return anthropic ? "permission_error" : "invalid_request_error";
    case 404:
      return anthropic ? "not_found_error" : "invalid_request_error";
    case 413:
      return anthropic ? "request_too_large" : "invalid_request_error";
    case 429:
      return anthropic ? "rate_limit_error" : "rate_limit_exceeded";
    case 503:
      return anthropic ? "overloaded_error" : "server_error";
    default:
      return anthropic ? "api_error" : "server_error";
  }
}

}  // namespace

std::string error_body(Protocol protocol, ErrorType type, std::string_view request_id) {
  std::string out;
  JsonWriter json(out);
  const auto sentence = event::error_sentence(error_type_name(type));
  const auto word = protocol_word(protocol, status_of(type));
  json.begin_object();
  if (protocol == Protocol::kAnthropic) {
    json.key("type").string("error").key("error").begin_object();
    json.key("type").string(word).key("message").string(sentence).end_object();
  } else {
    json.key("error").begin_object();
    json.key("message").string(sentence).key("type").string(word);
    json.key("param").null().key("code").string(error_type_name(type)).end_object();
  }
  json.key("request_id").string(request_id).end_object();
  return out;
}

std::string error_event(Protocol protocol, ErrorType type, std::string_view request_id) {
  std::string out = protocol == Protocol::kAnthropic ? "event: error\ndata: " : "data: ";
  out += error_body(protocol, type, request_id);
  out += "\n\n";
  return out;
}

}  // namespace sightglass::gateway
