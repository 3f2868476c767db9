#include "event/error_sentence.h"

#include <array>
#include <utility>

namespace sightglass::event {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 39> kSentences = {{
    {"caller_bad_request", "the request was malformed"},
    {"caller_auth", "the credentials were missing or wrong"},
    {"caller_model_unknown", "the requested model is not known"},
    {"caller_too_large", "the request was too large"},
    {"caller_cancelled", "the client closed the connection"},
    {"caller_not_found", "the requested resource does not exist"},
    {"policy_denied", "the request was refused by policy"},
    {"policy_rate_limited", "a rate limit was reached"},
    {"policy_budget_exceeded", "a budget was spent"},
    {"policy_cancelled", "the request was cancelled by an administrator"},
    {"provider_auth_failed", "the provider refused the credentials"},
    {"provider_bad_request", "the provider refused the request"},
    {"provider_not_found", "the provider does not know the model or path"},
    {"provider_rate_limited", "the provider's rate limit was reached"},
    {"provider_overloaded", "the provider was overloaded"},
    {"provider_server_error", "the provider failed"},
    {"provider_timeout", "upstream read timeout"},
    {"provider_connection_failed", "no connection to the provider"},
    {"provider_stream_broken", "the provider's stream broke off"},
    {"provider_bad_response", "the provider's answer could not be read"},
    {"gateway_overloaded", "the gateway was overloaded"},
    {"gateway_draining", "the gateway was shutting down"},
    {"gateway_interrupted", "the gateway stopped before the request ended"},
    {"gateway_internal", "the gateway failed"},
    // The words of applications that are not proxied.
    {"timeout", "upstream read timeout"},
    {"timeout_error", "upstream read timeout"},
    {"network_error", "no connection to the provider"},
    {"rate_limit", "a rate limit was reached"},
    {"authentication", "the credentials were missing or wrong"},
    {"authentication_error", "the credentials were missing or wrong"},
    {"authorization", "the request was refused by policy"},
    {"validation", "the request was malformed"},
    {"bad_request", "the request was malformed"},
    {"context_window_exceeded", "the request was too large"},
    {"domain", "the application refused the request"},
    {"unexpected", "the application failed"},
    {"unexpected_error", "the application failed"},
    {"file_upload_failed", "a file could not be taken"},
    {"_OTHER", "the request failed"},
}};

}  // namespace

std::string_view error_sentence(std::string_view error_type) {
  for (const auto& [type, sentence] : kSentences) {
    if (type == error_type) return sentence;
  }
  return kSentences.back().second;
}

}  // namespace sightglass::event
