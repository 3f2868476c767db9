// The closed vocabulary of what can go wrong, with the fault's domain in front. Providers' own
// words are mapped here and go no further.
#pragma once

#include <cstdint>
#include <string_view>

#include "net/client.h"

namespace sightglass::gateway {

enum class ErrorType : std::uint8_t {
  kNone,
  kCallerBadRequest,
  kCallerAuth,
  kCallerModelUnknown,
  kCallerTooLarge,
  kCallerCancelled,
  kCallerNotFound,
  kPolicyDenied,
  kPolicyRateLimited,
  kPolicyBudgetExceeded,
  kPolicyCancelled,
  kProviderAuthFailed,
  kProviderBadRequest,
  kProviderNotFound,
  kProviderRateLimited,
  kProviderOverloaded,
  kProviderServerError,
  kProviderTimeout,
  kProviderConnectionFailed,
  kProviderStreamBroken,
  kProviderBadResponse,
  kGatewayOverloaded,
  kGatewayDraining,
  kGatewayInterrupted,
  kGatewayInternal,
  kOther,
};
inline constexpr std::size_t kErrorTypes = 26;

std::string_view error_type_name(ErrorType type);  // "provider_rate_limited"; kNone: ""

// How a request ended; exactly one for each.
enum class Outcome : std::uint8_t { kOk, kError, kClientGone, kTimeout, kRejected, kInterrupted };
std::string_view outcome_name(Outcome outcome);
Outcome outcome_of(ErrorType type);

// From a provider's status, 400 and above.
ErrorType error_of_status(int status);
// From the `type` or `code` in a provider's error object; kNone when the word is not known.
ErrorType error_of_word(std::string_view word);
// From a call that failed. `started`: the answer's head had come.
enum class Phase : std::uint8_t { kBeforeAnswer, kInAnswer };
ErrorType error_of_call(net::CallError error, Phase phase);

// What we answer when the fault is found by us; the sentence is event::error_sentence's.
int status_of(ErrorType type);

}  // namespace sightglass::gateway
