// What bodies of clients mean, and what is said of those that mean nothing.
#include "admin/client_body.h"

#include <gtest/gtest.h>

namespace sightglass::admin {
namespace {

std::string refusal(std::string_view json) {
  const auto body = read_client_body(json, {});
  return body ? "taken" : body.error().message;
}

// S4-A04
TEST(ClientBody, ReadsThePrintedMembers) {
  const auto body = read_client_body(
      R"({"client_id":"client-123","api_key":"k","description":"d","allowed_providers":["openai"]})",
      {});
  ASSERT_TRUE(body);
  EXPECT_EQ(body->client_id, "client-123");
  EXPECT_EQ(body->change.key, "k");
  EXPECT_EQ(body->change.description, "d");
  EXPECT_EQ(body->change.allowed_providers, std::vector<std::string>{"openai"});
  EXPECT_FALSE(body->change.limits);
  EXPECT_FALSE(body->change.expires_ns);
}

TEST(ClientBody, MoneyIsExactToTheNanoDollar) {
  const auto body = read_client_body(
      R"({"limits":{"usd_per_hour":0.1,"usd_per_day":25,"usd_per_month":1234.567890123}})", {});
  ASSERT_TRUE(body);
  EXPECT_EQ(body->change.limits->nanousd_per_hour, 100'000'000);
  EXPECT_EQ(body->change.limits->nanousd_per_day, 25'000'000'000);
  EXPECT_EQ(body->change.limits->nanousd_per_month, 1'234'567'890'123);
}

TEST(ClientBody, LimitsThatAreNotNamedStayAndNullTakesOneAway) {
  const control::ClientLimits before{1, 2, 3, 4, 5, 6};
  auto body = read_client_body(R"({"limits":{"tokens_per_minute":null}})", before);
  ASSERT_TRUE(body);
  EXPECT_EQ(*body->change.limits, (control::ClientLimits{1, 0, 3, 4, 5, 6}));
  body = read_client_body(R"({"limits":null})", before);
  ASSERT_TRUE(body);
  EXPECT_FALSE(body->change.limits->any());
}

TEST(ClientBody, SaysWhatIsWrongWithoutRepeatingIt) {
  EXPECT_EQ(refusal(R"({"desciption":"CANARY"})"),
            "the body has a member that is not known; did you mean \"description\"?");
  EXPECT_NE(refusal(R"({"CANARY":1})").find("it may have client_id api_key"), std::string::npos);
  EXPECT_EQ(refusal(R"({"limits":{"requests_per_minute":"CANARY"}})"),
            "limits.requests_per_minute must be a whole number such as 60, or null for no limit");
  EXPECT_EQ(refusal(R"({"limits":{"usd_per_day":-0.5}})"),
            "limits.usd_per_day must be US dollars such as 25 or 0.50, or null for no limit");
  EXPECT_EQ(refusal(R"({"expires_at":99999999999})"),
            "expires_at must be Unix seconds such as 1800000000, or null for never");
  for (const auto* json : {R"({"CANARY":1})", R"({"client_id":["CANARY"]})", R"({"api_key":CANARY)",
                           R"("CANARY")", R"({"limits":{"CANARY":1}})"}) {
    EXPECT_EQ(refusal(json).find("CANARY"), std::string::npos) << json;
    EXPECT_NE(refusal(json), "taken") << json;
  }
}

}  // namespace
}  // namespace sightglass::admin
