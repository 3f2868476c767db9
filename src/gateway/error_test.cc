#include <gtest/gtest.h>

#include <string>

#include "event/error_sentence.h"
#include "gateway/endpoint.h"
#include "gateway/error_body.h"
#include "gateway/error_type.h"

namespace sightglass::gateway {
namespace {

TEST(ErrorType, MapsProvidersStatuses) {
  EXPECT_EQ(error_of_status(400), ErrorType::kProviderBadRequest);
  EXPECT_EQ(error_of_status(401), ErrorType::kProviderAuthFailed);
  EXPECT_EQ(error_of_status(404), ErrorType::kProviderNotFound);
  EXPECT_EQ(error_of_status(408), ErrorType::kProviderTimeout);
  EXPECT_EQ(error_of_status(422), ErrorType::kProviderBadRequest);
  EXPECT_EQ(error_of_status(429), ErrorType::kProviderRateLimited);
  EXPECT_EQ(error_of_status(500), ErrorType::kProviderServerError);
  EXPECT_EQ(error_of_status(529), ErrorType::kProviderOverloaded);
  EXPECT_EQ(error_of_status(302), ErrorType::kOther);
}

TEST(ErrorType, KnowsProvidersWordsAndNoOthers) {
  EXPECT_EQ(error_of_word("overloaded_error"), ErrorType::kProviderOverloaded);
  EXPECT_EQ(error_of_word("RESOURCE_EXHAUSTED"), ErrorType::kProviderRateLimited);
  EXPECT_EQ(error_of_word("my secret"), ErrorType::kNone);
}

TEST(ErrorType, TellsBrokenStreamsFromFailedConnections) {
  using net::CallError;
  EXPECT_EQ(error_of_call(CallError::kReset, Phase::kBeforeAnswer),
            ErrorType::kProviderConnectionFailed);
  EXPECT_EQ(error_of_call(CallError::kReset, Phase::kInAnswer), ErrorType::kProviderStreamBroken);
  EXPECT_EQ(error_of_call(CallError::kTimeoutIdle, Phase::kInAnswer), ErrorType::kProviderTimeout);
}

TEST(ErrorType, GivesEachFaultOneOutcome) {
  EXPECT_EQ(outcome_of(ErrorType::kNone), Outcome::kOk);
  EXPECT_EQ(outcome_of(ErrorType::kCallerBadRequest), Outcome::kRejected);
  EXPECT_EQ(outcome_of(ErrorType::kCallerCancelled), Outcome::kClientGone);
  EXPECT_EQ(outcome_of(ErrorType::kProviderTimeout), Outcome::kTimeout);
  EXPECT_EQ(outcome_of(ErrorType::kProviderRateLimited), Outcome::kError);
  EXPECT_EQ(outcome_of(ErrorType::kGatewayDraining), Outcome::kInterrupted);
}

TEST(ErrorType, HasASentenceOfItsOwnForEveryName) {
  for (std::size_t i = 1; i + 1 < kErrorTypes; ++i) {
    const auto name = error_type_name(static_cast<ErrorType>(i));
    EXPECT_NE(event::error_sentence(name), event::error_sentence("_OTHER")) << name;
  }
}

TEST(ErrorBody, HasTheShapeThatEachSdkReads) {
  EXPECT_EQ(error_body(Protocol::kOpenAi, ErrorType::kCallerAuth, "r-1"),
            R"({"error":{"message":"the credentials were missing or wrong",)"
            R"("type":"invalid_request_error","param":null,"code":"caller_auth"},)"
            R"("request_id":"r-1"})");
  EXPECT_EQ(error_body(Protocol::kAnthropic, ErrorType::kProviderTimeout, "r-2"),
            R"({"type":"error","error":{"type":"api_error","message":"upstream read timeout"},)"
            R"("request_id":"r-2"})");
  EXPECT_EQ(error_event(Protocol::kAnthropic, ErrorType::kGatewayDraining, "r").substr(0, 20),
            "event: error\ndata: {");
}

TEST(Operation, KnowsTheEndpointsByMethodAndPath) {
  EXPECT_EQ(operation_of("POST", "/chat/completions").dialect, Dialect::kOpenAiChat);
  EXPECT_EQ(operation_of("POST", "/messages").protocol, Protocol::kAnthropic);
  EXPECT_EQ(operation_of("POST", "/messages/count_tokens").dialect, Dialect::kNone);
  EXPECT_EQ(operation_of("GET", "/models").endpoint, Endpoint::kModels);
  EXPECT_EQ(operation_of("POST", "/audio/transcriptions").endpoint, Endpoint::kAudio);
  EXPECT_EQ(operation_of("POST", "/models/gemini-2.5-pro:generateContent").dialect,
            Dialect::kGemini);
  EXPECT_EQ(operation_of("POST", "/files").endpoint, Endpoint::kPassthrough);
}

// A stored response that is read again was billed when it was made.
TEST(Operation, BillsAStoredResponseOnce) {
  EXPECT_EQ(operation_of("POST", "/responses").dialect, Dialect::kOpenAiResponses);
  EXPECT_EQ(operation_of("GET", "/responses/resp_1").dialect, Dialect::kNone);
  EXPECT_EQ(operation_of("POST", "/responses/resp_1/cancel").dialect, Dialect::kNone);
}

}  // namespace
}  // namespace sightglass::gateway
