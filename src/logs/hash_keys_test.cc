// S2-R01, S2-R02: each current shape of a key becomes the same 8 hex digits of its SHA-256.
#include <gtest/gtest.h>

#include "base/random.h"
#include "base/sha256.h"
#include "logs/logs.h"

namespace sightglass::logs {
namespace {

std::string h(const std::string& key) { return sha256_hex(key).substr(0, 8); }

const char* const kBareKeys[][2] = {
    // the key, and what stands before its hash when it is bare
    {"sk-abcdefghijklmnopqrst1234", "sk-"},
    {"sk-ant-api03-AbC_dEf-123456789012345678901234567890-AA", "sk-"},
    {"sk-proj-A1b2_C3d4-E5f6G7h8I9j0", "sk-"},
    {"sk-or-v1-0123456789abcdef0123456789abcdef", "sk-"},
    {"sg_4f7a9c2e8b1d6035f7a9c2e8b1d60351", "sg_"},
    {"AIzaSyA1234567890abcdefghijklmnopqrstuv", "AIza"},
    {"gsk_abcdefghij1234567890ABCDEFGHIJ", "gsk_"},
    {"xai-abcdefghij1234567890", "xai-"},
    {"pplx-abcdefghij1234567890", "pplx-"},
    {"hf_abcdefghij1234567890ABCD", "hf_"},
    {"r8_abcdefghij1234567890ABCD", "r8_"},
    {"nvapi-abcdefghij_1234567890-ABCD", "nvapi-"},
    {"ghp_abcdefghij1234567890ABCDEFGHIJ", "ghp_"},
    {"AKIAIOSFODNN7EXAMPLE", "AKIA"},
    {"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjMifQ.c2lnbmF0dXJlLXNpZ25hdHVyZQ", "eyJ"},
};

TEST(HashKeys, ABareKeyBecomesItsPrefixAndHash) {
  for (const auto& [key, prefix] : kBareKeys) {
    const std::string text = std::string("call with ") + key + ", done";
    EXPECT_EQ(hash_keys(text), "call with " + (prefix + h(key)) + ", done");
    EXPECT_EQ(hash_keys(key), prefix + h(key));
  }
}

TEST(HashKeys, TheSameKeyHasTheSameHashInEveryShape) {
  for (const auto& [bare, prefix] : kBareKeys) {
    const std::string key = bare;
    EXPECT_EQ(hash_keys("Authorization: Bearer " + key), "Authorization: Bearer " + h(key));
    EXPECT_EQ(hash_keys("bearer " + key + " x"), "bearer " + h(key) + " x");
    EXPECT_EQ(hash_keys("x-api-key: " + key), "x-api-key: " + h(key));
    EXPECT_EQ(hash_keys("X-API-Key:" + key), "X-API-Key:" + h(key));
    EXPECT_EQ(hash_keys("{\"api_key\": \"" + key + "\"}"), "{\"api_key\": \"" + h(key) + "\"}");
    EXPECT_EQ(hash_keys("{\"api_key\":\"" + key + "\",\"a\":1}"),
              "{\"api_key\":\"" + h(key) + "\",\"a\":1}");
    EXPECT_EQ(hash_keys("\"{\\\"api_key\\\": \\\"" + key + "\\\"}\""),
              "\"{\\\"api_key\\\": \\\"" + h(key) + "\\\"}\"");
    EXPECT_EQ(hash_keys("GET /v1?key=" + key + "&alt=sse"), "GET /v1?key=" + h(key) + "&alt=sse");
    EXPECT_EQ(hash_keys("{\"authorization\":\"Bearer " + key + "\"}"),
              "{\"authorization\":\"Bearer " + h(key) + "\"}");
    EXPECT_EQ(hash_keys("OPENAI_API_KEY=" + key), "OPENAI_API_KEY=" + h(key));
  }
}

TEST(HashKeys, BehindANameOrBearerShortKeysAreHashedToo) {
  EXPECT_EQ(hash_keys("Authorization: Bearer admin-key"),
            "Authorization: Bearer " + h("admin-key"));
  EXPECT_EQ(hash_keys("x-api-key: short"), "x-api-key: " + h("short"));
  EXPECT_EQ(hash_keys("\"api_key\": \"abc\""), "\"api_key\": \"" + h("abc") + "\"");
  EXPECT_EQ(hash_keys("\"apiKey\": \"abc\""), "\"apiKey\": \"" + h("abc") + "\"");
  EXPECT_EQ(hash_keys("Authorization: raw-value"), "Authorization: " + h("raw-value"));
}

TEST(HashKeys, EmptyAndRedactedBecomeRedacted) {
  EXPECT_EQ(hash_keys("\"api_key\": \"\""), "\"api_key\": \"REDACTED\"");
  EXPECT_EQ(hash_keys("Bearer REDACTED"), "Bearer REDACTED");
}

TEST(HashKeys, BasicAndTokenNeedALongValueSinceTheyAreWords) {
  EXPECT_EQ(hash_keys("Basic dXNlcjpwYXNzd29yZA=="), "Basic " + h("dXNlcjpwYXNzd29yZA=="));
  EXPECT_EQ(hash_keys("basic health check"), "basic health check");
  EXPECT_EQ(hash_keys("token usage unknown"), "token usage unknown");
  EXPECT_EQ(hash_keys("Token 0123456789abcdef0123"), "Token " + h("0123456789abcdef0123"));
}

TEST(HashKeys, SeveralKeysInOneLineAreAllHashed) {
  const std::string a = "sk-aaaaaaaaaaaaaaaaaaaaaaaa";
  const std::string b = "sk-ant-bbbbbbbbbbbbbbbbbbbb";
  EXPECT_EQ(hash_keys(a + b.substr(0, 0) + " " + b + "\nBearer " + a),
            "sk-" + h(a) + " sk-" + h(b) + "\nBearer " + h(a));
}

TEST(HashKeys, LeavesOrdinaryLinesAlone) {
  for (const char* line : {
           "",
           "SUCCESS | Duration: 41ms | Tokens: 5->7 | Size: 120->900 bytes",
           "[b7c1a5f9] request b7c1a5f9-2b2e-4ac6-9f0d-9f6d2e0b7a6e ended",
           "ask-me-anything-about-the-risk-management-system",
           "task-0123456789abcdef0123",
           "the api key is missing",
           "key=openai-9987861163793b2d",
           "model sk-mini",
           "authorization",
           "authorization:",
       }) {
    EXPECT_EQ(hash_keys(line), line);
  }
}

// Whatever surrounds it, no key of a known shape survives.
TEST(HashKeys, NoKeySurvivesRandomSurroundings) {
  SeededRandom random(1);
  const std::string around = " \t:=\"'{}[],;&?/\\.()<>|#\n";
  for (int i = 0; i < 20'000; ++i) {
    const std::string key = kBareKeys[random.below(std::size(kBareKeys))][0];
    std::string text;
    for (auto n = random.below(6); n > 0; --n) text += around[random.below(around.size())];
    const char* const lead[] = {"", "Bearer ", "x-api-key: ", "\"api_key\":\"", "api_key=", "a "};
    text += lead[random.below(6)];
    text += key;
    for (auto n = random.below(6); n > 0; --n) text += around[random.below(around.size())];
    EXPECT_EQ(hash_keys(text).find(key.substr(8)), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace sightglass::logs
