// Rows that this program wrote are clients; others are none.
#include "directory/client_rows.h"

#include <gtest/gtest.h>

namespace sightglass::directory {
namespace {

const std::string kHex(64, 'a');

Row row() {
  return {"app", "a b", "openai\nanthropic", "gpt-4o*", "5", "6", "1", "2", "3", "4", "5",
          "6",   kHex};
}

TEST(ClientRows, ARowIsAClient) {
  const auto client = client_of(row());
  ASSERT_TRUE(client);
  EXPECT_EQ(client->id, "app");
  EXPECT_EQ(client->allowed_providers, (std::vector<std::string>{"openai", "anthropic"}));
  EXPECT_EQ(client->allowed_models, std::vector<std::string>{"gpt-4o*"});
  EXPECT_EQ(client->created_ns, 5);
  EXPECT_EQ(client->expires_ns, 6);
  EXPECT_EQ(client->limits, (control::ClientLimits{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(hex_of(client->key), kHex);
}

TEST(ClientRows, WhatNoGatewayWroteIsNone) {
  const std::pair<std::size_t, std::string> faults[] = {{0, ""},    {0, "list"},
                                                        {0, "a/b"}, {1, "a\tb"},
                                                        {2, " "},   {3, std::string(200, 'x')},
                                                        {4, "x"},   {5, "-1"},
                                                        {6, "-1"},  {11, "99999999999999999999"},
                                                        {12, ""},   {12, std::string(64, 'G')}};
  for (const auto& [column, text] : faults) {
    auto bad = row();
    bad[column] = text;
    EXPECT_FALSE(client_of(bad)) << column << " " << text;
  }
  auto shorter = row();
  shorter.pop_back();
  EXPECT_FALSE(client_of(shorter));
  EXPECT_FALSE(client_of({}));
}

TEST(ClientRows, KeysLikewise) {
  const auto key = key_of({kHex, "app", "1", "0"});
  ASSERT_TRUE(key);
  EXPECT_EQ(key->client_id, "app");
  EXPECT_EQ(key->made_ns, 1);
  EXPECT_EQ(key->revoked_ns, 0);
  EXPECT_FALSE(key_of({kHex + "a", "app", "1", "0"}));
  EXPECT_FALSE(key_of({kHex, "app", "", "0"}));
  EXPECT_FALSE(key_of({kHex, "app"}));
}

TEST(ClientRows, WhatGoesOutIsJson) {
  auto client = *client_of(row());
  client.description = "a \"b\"";
  EXPECT_EQ(
      clients_json({client}),
      R"([{"client_id":"app","description":"a \"b\"","allowed_providers":"openai\nanthropic",)"
      R"("allowed_models":"gpt-4o*","created_ns":5,"expires_ns":6,"requests_per_minute":1,)"
      R"("tokens_per_minute":2,"parallel_requests":3,"nanousd_per_hour":4,"nanousd_per_day":5,)"
      R"("nanousd_per_month":6}])");
  EXPECT_EQ(keys_json({{*digest_of(kHex), "app", 1, 2}}),
            R"([{"key_sha256":")" + kHex + R"(","client_id":"app","made_ns":1,"revoked_ns":2}])");
}

}  // namespace
}  // namespace sightglass::directory
