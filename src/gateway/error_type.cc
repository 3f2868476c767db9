#include "gateway/error_type.h"

#include <array>

namespace sightglass::gateway {
namespace {

struct Row {
  ErrorType type;
  std::string_view name;
  int status;  // of an answer of ours
};

constexpr std::array<Row, kErrorTypes> kRows{{
    {ErrorType::kNone, "", 200},
    {ErrorType::kCallerBadRequest, "caller_bad_request", 400},
    {ErrorType::kCallerAuth, "caller_auth", 401},
    {ErrorType::kCallerModelUnknown, "caller_model_unknown", 404},
    {ErrorType::kCallerTooLarge, "caller_too_large", 413},
    {ErrorType::kCallerCancelled, "caller_cancelled", 499},
    {ErrorType::kCallerNotFound, "caller_not_found", 404},
    {ErrorType::kPolicyDenied, "policy_denied", 403},
    {ErrorType::kPolicyRateLimited, "policy_rate_limited", 429},
    {ErrorType::kPolicyBudgetExceeded, "policy_budget_exceeded", 429},
    {ErrorType::kPolicyCancelled, "policy_cancelled", 499},
    {ErrorType::kProviderAuthFailed, "provider_auth_failed", 401},
    {ErrorType::kProviderBadRequest, "provider_bad_request", 400},
    {ErrorType::kProviderNotFound, "provider_not_found", 404},
    {ErrorType::kProviderRateLimited, "provider_rate_limited", 429},
    {ErrorType::kProviderOverloaded, "provider_overloaded", 503},
    {ErrorType::kProviderServerError, "provider_server_error", 502},
    {ErrorType::kProviderTimeout, "provider_timeout", 504},
    {ErrorType::kProviderConnectionFailed, "provider_connection_failed", 502},
    {ErrorType::kProviderStreamBroken, "provider_stream_broken", 502},
    {ErrorType::kProviderBadResponse, "provider_bad_response", 502},
    {ErrorType::kGatewayOverloaded, "gateway_overloaded", 503},
    {ErrorType::kGatewayDraining, "gateway_draining", 503},
    {ErrorType::kGatewayInterrupted, "gateway_interrupted", 503},
    {ErrorType::kGatewayInternal, "gateway_internal", 500},
    {ErrorType::kOther, "_OTHER", 502},
}};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    if (static_cast<std::size_t>(kRows[i].type) != i) return false;
  }
  return true;
}
static_assert(in_order(), "the table is indexed by the enumeration");

const Row& row(ErrorType type) { return kRows[static_cast<std::size_t>(type)]; }

struct Word {
  std::string_view word;
  ErrorType type;
};
// OpenAI's and Anthropic's documented error types and codes, and Google's status names.
constexpr Word kWords[] = {
    {"invalid_request_error", ErrorType::kProviderBadRequest},
    {"context_length_exceeded", ErrorType::kProviderBadRequest},
    {"request_too_large", ErrorType::kProviderBadRequest},
    {"INVALID_ARGUMENT", ErrorType::kProviderBadRequest},
    {"FAILED_PRECONDITION", ErrorType::kProviderBadRequest},
    {"authentication_error", ErrorType::kProviderAuthFailed},
    {"permission_error", ErrorType::kProviderAuthFailed},
    {"invalid_api_key", ErrorType::kProviderAuthFailed},
    {"billing_error", ErrorType::kProviderAuthFailed},
    {"PERMISSION_DENIED", ErrorType::kProviderAuthFailed},
    {"UNAUTHENTICATED", ErrorType::kProviderAuthFailed},
    {"not_found_error", ErrorType::kProviderNotFound},
    {"model_not_found", ErrorType::kProviderNotFound},
    {"NOT_FOUND", ErrorType::kProviderNotFound},
    {"rate_limit_error", ErrorType::kProviderRateLimited},
    {"rate_limit_exceeded", ErrorType::kProviderRateLimited},
    {"insufficient_quota", ErrorType::kProviderRateLimited},
    {"RESOURCE_EXHAUSTED", ErrorType::kProviderRateLimited},
    {"overloaded_error", ErrorType::kProviderOverloaded},
    {"UNAVAILABLE", ErrorType::kProviderOverloaded},
    {"timeout_error", ErrorType::kProviderTimeout},
    {"DEADLINE_EXCEEDED", ErrorType::kProviderTimeout},
    {"server_error", ErrorType::kProviderServerError},
    {"api_error", ErrorType::kProviderServerError},
    {"INTERNAL", ErrorType::kProviderServerError},
};

}  // namespace

std::string_view error_type_name(ErrorType type) { return row(type).name; }
int status_of(ErrorType type) { return row(type).status; }

std::string_view outcome_name(Outcome outcome) {
  switch (outcome) {
    case Outcome::kOk:
      return "ok";
    case Outcome::kError:
      return "error";
    case Outcome::kClientGone:
      return "client_gone";
    case Outcome::kTimeout:
      return "timeout";
    case Outcome::kRejected:
      return "rejected";
    case Outcome::kInterrupted:
      break;
  }
  return "interrupted";
}

Outcome outcome_of(ErrorType type) {
  switch (type) {
    case ErrorType::kNone:
      return Outcome::kOk;
    case ErrorType::kCallerBadRequest:
    case ErrorType::kCallerAuth:
    case ErrorType::kCallerModelUnknown:
    case ErrorType::kCallerTooLarge:
    case ErrorType::kCallerNotFound:
    case ErrorType::kPolicyDenied:
    case ErrorType::kPolicyRateLimited:
    case ErrorType::kPolicyBudgetExceeded:
    case ErrorType::kGatewayOverloaded:
      return Outcome::kRejected;
    case ErrorType::kCallerCancelled:
      return Outcome::kClientGone;
    case ErrorType::kProviderTimeout:
      return Outcome::kTimeout;
    case ErrorType::kPolicyCancelled:
    case ErrorType::kGatewayDraining:
    case ErrorType::kGatewayInterrupted:
      return Outcome::kInterrupted;
    default:
      return Outcome::kError;
  }
}

ErrorType error_of_status(int status) {
  switch (status) {
    case 401:
    case 402:
    case 403:
      return ErrorType::kProviderAuthFailed;
    case 404:
      return ErrorType::kProviderNotFound;
    case 408:
    case 504:
      return ErrorType::kProviderTimeout;
    case 429:
      return ErrorType::kProviderRateLimited;
    case 503:
    case 529:
      return ErrorType::kProviderOverloaded;
    default:
      break;
  }
  if (status >= 500) return ErrorType::kProviderServerError;
  return status >= 400 ? ErrorType::kProviderBadRequest : ErrorType::kOther;
}

ErrorType error_of_word(std::string_view word) {
  for (const auto& known : kWords) {
    if (known.word == word) return known.type;
  }
  return ErrorType::kNone;
}

ErrorType error_of_call(net::CallError error, Phase phase) {
  switch (error) {
    case net::CallError::kTimeoutConnect:
    case net::CallError::kTimeoutHead:
    case net::CallError::kTimeoutIdle:
      return ErrorType::kProviderTimeout;
    case net::CallError::kBadResponse:
      return ErrorType::kProviderBadResponse;
    case net::CallError::kCancelled:
      return ErrorType::kGatewayInterrupted;
    case net::CallError::kResolve:
    case net::CallError::kConnect:
    case net::CallError::kTls:
    case net::CallError::kReset:
    case net::CallError::kTruncated:
      break;
  }
  return phase == Phase::kInAnswer ? ErrorType::kProviderStreamBroken
                                   : ErrorType::kProviderConnectionFailed;
}

}  // namespace sightglass::gateway
