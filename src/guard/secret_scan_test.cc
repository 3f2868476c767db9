#include "guard/secret_scan.h"

#include <gtest/gtest.h>

#include <iostream>
#include <map>
#include <string>
#include <utility>

#include "guard/secret_samples.h"

namespace sightglass::guard {
namespace {

// Recall, per kind: whatever has a mark of its maker must all be found, of pure shapes 97 of 100.
// security.md, proof 6.
TEST(SecretScan, FindsPlantedSecretsOfEveryKind) {
  constexpr int kEach = 400;
  SeededRandom random(7);
  std::map<std::string, std::pair<int, int>> by_kind;  // planted, found
  std::map<std::string, int> named;
  for (int i = 0; i < kEach; ++i) {
    for (const auto& secret : plant_each(random)) {
      const auto* const rule = find_secret(secret.text);
      auto& [planted, found] = by_kind[secret.kind.empty() ? "unmarked" : secret.kind];
      ++planted;
      found += rule != nullptr;
      named[secret.kind] += rule != nullptr && rule->kind == secret.kind;
      const bool marked =
          !secret.kind.empty() && secret.kind != "random_text" && secret.kind != "long_hex";
      if (marked) {
        EXPECT_NE(rule, nullptr) << secret.kind << ": " << secret.text;
      }
    }
  }
  std::cout << "recall:";
  int planted_in_all = 0;
  int found_in_all = 0;
  for (const auto& [kind, count] : by_kind) {
    const auto [planted, found] = count;
    planted_in_all += planted;
    found_in_all += found;
    EXPECT_GE(found * 100, planted * 97) << kind;
    if (kind != "unmarked") {
      EXPECT_GE(named[kind] * 100, planted * 95) << kind;
    }
    if (found != planted) std::cout << " " << kind << "=" << found << "/" << planted;
  }
  std::cout << " all other kinds complete; " << by_kind.size() << " kinds, " << found_in_all
            << " of " << planted_in_all << " found\n";
  EXPECT_GE(by_kind.size(), 80u);
}

TEST(SecretScan, FindsASecretInsideALongerValue) {
  SeededRandom random(8);
  for (const auto& secret : plant_each(random)) {
    for (const auto* before : {"model:", "a/b.", "x@", "_", "key/"}) {
      // A part of a longer number is no card, and an e-mail's sign is already taken.
      const bool whole_only = secret.kind.ends_with("number") &&
                              std::string_view("_a/b.").find(before[0]) != std::string_view::npos;
      if (whole_only) continue;
      EXPECT_NE(find_secret(before + secret.text), nullptr) << before << secret.text;
    }
  }
}

// However a value is cut or glued together, the scan stays within it.
TEST(SecretScan, IsSafeOnEveryBeginningOfEverySecret) {
  SeededRandom random(9);
  for (const auto& secret : plant_each(random)) {
    for (std::size_t size = 0; size <= secret.text.size(); ++size) {
      const std::string part = secret.text.substr(0, size);  // a copy: ASan sees its end
      find_secret(part);
    }
  }
}

TEST(SecretScan, FindsJsonWebTokensWithAndWithoutTheirParts) {
  const std::string header = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";
  for (const auto& value : {header + ".eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9",
                            header + ".eyJzdWIiOiIxMjM0NTY3ODkwIn0", header}) {
    const auto* const rule = find_secret(value);
    ASSERT_NE(rule, nullptr) << value;
    EXPECT_EQ(rule->kind, "jwt");
  }
}

TEST(SecretScan, FindsEmailAddresses) {
  for (const auto* value :
       {"alice@example.com", "a@b.co", "first.last+tag@mail.example.org", "ft:gpt-4o:bob@corp.io",
        "x:alice_1@sub-domain.example.museum.", "Alice@EXAMPLE.COM"}) {
    const auto* const rule = find_secret(value);
    ASSERT_NE(rule, nullptr) << value;
    EXPECT_EQ(rule->kind, "email") << value;
  }
}

TEST(SecretScan, FindsCardNumbersOfTheLargeIssuers) {
  // Published test numbers.
  for (const auto* value : {"4111111111111111", "5555555555554444", "378282246310005",
                            "6011111111111117", "4111-1111-1111-1111", "30569309025904",
                            "3530111333300000", "2223003122003222", "card:4012888888881881"}) {
    const auto* const rule = find_secret(value);
    ASSERT_NE(rule, nullptr) << value;
    EXPECT_EQ(rule->kind, "card_number") << value;
  }
}

TEST(SecretScan, LeavesNumbersThatAreNoCards) {
  SeededRandom random(9);
  int found = 0;
  for (int i = 0; i < 1000; ++i) {
    found += find_secret("17" + random_text(random, kDecimal, 11)) != nullptr;  // milliseconds
  }
  EXPECT_EQ(found, 0);
  EXPECT_EQ(find_secret("4111111111111112"), nullptr) << "wrong check digit";
  EXPECT_EQ(find_secret("v4111111111111111"), nullptr) << "part of a word";
}

TEST(SecretScan, FindsTelephoneNumbersInInternationalForm) {
  for (const auto* value : {"+4917012345678", "+49 170 1234567", "+1 (415) 555-2671",
                            "tel:+442079460958", "+33.1.23.45.67.89", "+81-3-1234-5678"}) {
    const auto* const rule = find_secret(value);
    ASSERT_NE(rule, nullptr) << value;
    EXPECT_EQ(rule->kind, "phone_number") << value;
  }
  for (const auto* value :
       {"1.2.3+20240718123456", "2026-07-24T10:00:00+02:00", "+0123456789", "c++17", "+1", "a+b"}) {
    EXPECT_EQ(find_secret(value), nullptr) << value;
  }
}

TEST(SecretScan, FindsAccountNumbersByTheirCheckDigits) {
  // From the registry of ISO 13616.
  for (const auto* value :
       {"DE89370400440532013000", "GB29NWBK60161331926819", "FR1420041010050500013M02606",
        "GB29 NWBK 6016 1331 9268 19", "NO9386011117947", "iban:NL91ABNA0417164300"}) {
    const auto* const rule = find_secret(value);
    ASSERT_NE(rule, nullptr) << value;
    EXPECT_EQ(rule->kind, "iban") << value;
  }
  EXPECT_EQ(find_secret("NO9386011117948"), nullptr) << "wrong check digits";
  EXPECT_EQ(find_secret("NO938601111794"), nullptr) << "wrong length";
}

TEST(SecretScan, FindsPasswordsBesideTheirNames) {
  for (const auto* value :
       {"password=hunter2", "PWD=abcd", "api_key:ab12cd34", "\"secret\": \"s3cr3t!x\"",
        "https://x.example/cb?access_token=abcd1234&x=1", "SharedAccessKey=QUJD/1+="}) {
    const auto* const rule = find_secret(value);
    ASSERT_NE(rule, nullptr) << value;
    EXPECT_EQ(rule->kind, "assigned_secret") << value;
  }
  for (const auto* value : {"token:count", "auth:password:reset", "max_token:1250000",
                            "token=1250000", "cache_token:12.5", "secret:rotation"}) {
    EXPECT_EQ(find_secret(value), nullptr) << value;
  }
}

TEST(SecretScan, FindsPasswordsInAddresses) {
  const auto* const rule = find_secret("redis://user:hunter2@cache:6379/0");
  ASSERT_NE(rule, nullptr);
  EXPECT_EQ(rule->kind, "url_password");
  EXPECT_EQ(find_secret("https://host:8080/path"), nullptr);
}

// Look-alikes: names as providers really write them, ids that may pass, our own words.
TEST(SecretScan, LeavesModelNamesAndIdsAlone) {
  for (const auto* value : {
           "gpt-4o-mini-2024-07-18",
           "ft:gpt-3.5-turbo-0613:acme-corp:support-bot:7p4lURx",
           "claude-3-5-sonnet-20241022",
           "claude-3-5-sonnet@20240620",
           "anthropic.claude-3-5-sonnet-20241022-v2:0",
           "us.anthropic.claude-opus-4-20250514-v1:0",
           "meta-llama/Meta-Llama-3.1-405B-Instruct-Turbo",
           "accounts/fireworks/models/llama4-maverick-instruct-basic",
           "mistralai/Mixtral-8x22B-Instruct-v0.1",
           "togethercomputer/RedPajama-INCITE-Chat-3B-v1",
           "NousResearch/Nous-Hermes-2-Mixtral-8x7B-DPO",
           "deepseek-ai/DeepSeek-R1-Distill-Qwen-32B",
           "Qwen/Qwen3-235B-A22B-Instruct-2507-tput",
           "vertex_ai/claude-sonnet-4-5@20250929",
           "text-embedding-ada-002-v2",
           "sk-learn-random-forest-classifier",
           "task-specific-model-sk-1",
           "sg_admin_page",
           "pplx-70b-online",
           "xai-grok-4-fast-reasoning",
           "hf_hub-timm-vit_base_patch16",
           "eyJ",
           "AKIA-model",
           "openai-0123456789abcdef",
           "123e4567-e89b-42d3-a456-426614174000",
           "2001:db8:85a3::8a2e:370:7334",
           "127.0.0.1:2906",
           "/admin/v1/clients/{id}",
           "tools_detected@12:proxy_retry_backoff@830:proxy_request_error@840",
           "chat_completion_request_start",
           "bedrock/converse/us-gov-west-1/1-month-commitment/anthropic.claude-v2:1",
           "whisper-large-v3-turbo",
           "gemini-2.5-flash-preview-native-audio-dialog-09-2025",
       }) {
    const auto* const rule = find_secret(value);
    EXPECT_EQ(rule, nullptr) << value << ": " << (rule ? rule->kind : "");
  }
}

TEST(SecretScan, NamesOfRulesAreLabels) {
  for (const auto& rule : secret_rules()) {
    EXPECT_EQ(rule.kind.find_first_not_of("abcdefghijklmnopqrstuvwxyz_0123456789"),
              std::string_view::npos);
    EXPECT_TRUE(rule.literal.empty() || rule.literal.size() >= 2);
    EXPECT_TRUE(!rule.literal.empty() || rule.check != nullptr);
  }
}

}  // namespace
}  // namespace sightglass::guard
