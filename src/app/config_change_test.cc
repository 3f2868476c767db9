// What a change over the admin API makes of the configuration file's text.
#include "app/config_change.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "app/config_answer.h"
#include "app/config_keys.h"

namespace sightglass::app {
namespace {

constexpr std::string_view kFile = R"(# the head
listen: "127.0.0.1:2906"   # here
admin_key: "${ADMIN}"

# where requests go
providers:
  - id: openai
    base_url: "https://${HOST}/v1"
    api_keys: ["${KEY}", sk-literal-of-the-file]
  - {id: local, kind: other, base_url: "http://127.0.0.1:11434"}
# names
model_aliases:
  fast: gpt-4o-mini
clients:
  - {id: app, key: "${CLIENT}", allowed_models: ["gpt-*"], limits: {requests_per_minute: 60}}
)";

const char* environment(const char* name) {
  const std::string_view text(name);
  if (text == "ADMIN") return "an-admin-key-of-the-test";
  if (text == "HOST") return "api.example.com";
  if (text == "KEY") return "sk-from-the-environment";
  if (text == "CLIENT") return "a-client-key-of-more-than-20";
  return nullptr;
}

Config parsed(std::string_view text) {
  auto config = parse_config(text, "file", environment);
  EXPECT_TRUE(config) << config.error().message << "\n" << text;
  return config ? *config : Config();
}

Result<std::string> change(std::string_view body, std::string_view file = kFile) {
  return change_config_text(file, body, config_json(parsed(file)));
}

std::string changed(std::string_view body, std::string_view file = kFile) {
  auto text = change(body, file);
  EXPECT_TRUE(text) << text.error().message;
  return text.value_or("");
}

std::string refused(std::string_view body, std::string_view file = kFile) {
  const auto text = change(body, file);
  EXPECT_FALSE(text) << *text;
  return text ? "" : text.error().message;
}

TEST(ConfigChange, LeavesEveryLineOfWhatItDoesNotName) {
  const auto text = changed(R"({"model_aliases":{"fast":"gpt-4o","slow":"local:llama"}})");
  const auto begin = kFile.find("model_aliases:");
  const auto end = kFile.find("clients:");
  EXPECT_TRUE(text.starts_with(kFile.substr(0, begin))) << text;
  EXPECT_TRUE(text.ends_with(kFile.substr(end))) << text;
  EXPECT_EQ(parsed(text).model_aliases,
            (std::map<std::string, std::string>{{"fast", "gpt-4o"}, {"slow", "local:llama"}}));
}

TEST(ConfigChange, AddsAtTheEndAndNullRemoves) {
  const auto added = changed("policy: {algorithm: random}\n");
  EXPECT_TRUE(added.starts_with(kFile)) << added;
  EXPECT_EQ(parsed(added).policy.algorithm, "random");
  EXPECT_EQ(changed(R"({"policy":null})", added), kFile);
  EXPECT_TRUE(parsed(changed(R"({"model_aliases":null})")).model_aliases.empty());
}

TEST(ConfigChange, AnEmptyFileGetsWhatIsNamed) {
  const auto text = changed(R"({"service":"edge"})", "");
  EXPECT_EQ(parsed(text).service, "edge");
}

TEST(ConfigChange, AFileInOneLineOfJsonStaysReadable) {
  const auto text = changed(R"({"service":"edge"})", R"({"listen":"127.0.0.1:1","service":"a"})");
  EXPECT_EQ(parsed(text).service, "edge");
  EXPECT_EQ(parsed(text).listen, "127.0.0.1:1");
}

TEST(ConfigChange, AnAnswerSentBackChangesNothing) {
  EXPECT_EQ(changed(config_json(parsed(kFile))), kFile);
}

TEST(ConfigChange, SeedNamesChangeWhatDiffersAndKeepReferences) {
  auto body = config_json(parsed(kFile));
  const auto swap = [&](std::string_view from, std::string_view to) {
    const auto at = body.find(from);
    ASSERT_NE(at, body.npos) << from;
    body.replace(at, from.size(), to);
  };
  swap(R"("AllowedProviders":[])", R"("AllowedProviders":["local"])");
  swap(R"("Algorithm":"round_robin")", R"("Algorithm":"least_loaded")");
  swap(R"("Models":[])", R"("Models":["gpt-4o"])");
  const auto text = changed(body);
  EXPECT_EQ(text.find("${"), kFile.find("${"));
  for (const auto* reference : {"${ADMIN}", "${HOST}", "${KEY}", "${CLIENT}"}) {
    EXPECT_NE(text.find(reference), text.npos) << reference << "\n" << text;
  }
  const auto config = parsed(text);
  EXPECT_EQ(config.policy.algorithm, "least_loaded");
  EXPECT_EQ(config.providers[0].models, (std::vector<std::string>{"gpt-4o"}));
  EXPECT_EQ(config.providers[0].api_keys, parsed(kFile).providers[0].api_keys);
  EXPECT_EQ(config.clients[0].allowed_providers, (std::vector<std::string>{"local"}));
  EXPECT_EQ(config.clients[0].limits.requests_per_minute, 60) << "what the names cannot say stays";
  EXPECT_EQ(config.clients[0].allowed_models, (std::vector<std::string>{"gpt-*"}));
}

TEST(ConfigChange, AMaskedSecretIsTheOneOfTheFile) {
  const auto text = changed(
      R"({"providers":[{"id":"openai","base_url":"https://${HOST}/v1","api_keys":["****","****","sk-new-one"]}],)"
      R"("clients":[{"id":"app","key":"****"}]})");
  const auto config = parsed(text);
  EXPECT_EQ(config.providers[0].api_keys,
            (std::vector<std::string>{"sk-from-the-environment", "sk-literal-of-the-file",
                                      "sk-new-one"}));
  EXPECT_EQ(config.clients[0].key, "a-client-key-of-more-than-20");
  EXPECT_EQ(text.find("****"), text.npos);
  EXPECT_EQ(text.find("from-the-environment"), text.npos)
      << "no value of the environment is written";
  EXPECT_NE(refused(R"({"clients":[{"id":"other","key":"****"}]})").find("no secret here"),
            std::string::npos);
}

TEST(ConfigChange, NoReferenceComesToAnotherPlace) {
  EXPECT_NE(refused(R"({"model_aliases":{"leak":"${KEY}"}})").find("model_aliases.leak"),
            std::string::npos);
  EXPECT_NE(refused(R"({"providers":[{"id":"x","base_url":"https://x/${KEY}"}]})").find("base_url"),
            std::string::npos);
  EXPECT_NE(refused(R"({"service":"${HOME}"})").find("service"), std::string::npos);
}

// Neither masked, nor by the reference, nor by leaving it out.
TEST(ConfigChange, AKeyDoesNotFollowToAnotherAddress) {
  for (const auto* keys : {R"("****")", R"("${KEY}")"}) {
    EXPECT_NE(
        refused(
            R"({"providers":[{"id":"openai","base_url":"https://evil.example/v1","api_keys":[)" +
            std::string(keys) + "]}]}")
            .find("address is another one"),
        std::string::npos);
  }
  EXPECT_NE(refused(R"({"LLMProviders":[{"ID":"openai","BaseURL":"https://evil.example/v1"}]})")
                .find("address is another one"),
            std::string::npos);
  EXPECT_FALSE(
      changed(
          R"({"providers":[{"id":"openai","base_url":"https://b.example/v1","api_keys":["sk-in-full"]}]})")
          .empty());
}

TEST(ConfigChange, MistakesAreNamedWithTheNearestMember) {
  EXPECT_NE(refused("").find("names nothing"), std::string::npos);
  EXPECT_NE(refused("[1]").find("must be a map"), std::string::npos);
  EXPECT_NE(refused("{").find("not valid JSON or YAML"), std::string::npos);
  EXPECT_NE(refused(R"({"a":1,"a":2})").find("twice"), std::string::npos);
  EXPECT_NE(refused(R"({"Server":{"Listn":":1"}})").find("'Server.Listen'"), std::string::npos);
  EXPECT_NE(refused(R"({"APIKeys":[{"ID":"app","Kee":"x"}]})").find("'Key'"), std::string::npos);
  EXPECT_NE(refused(R"({"APIKeys":[{"Key":"x"}]})").find("needs its ID"), std::string::npos);
  EXPECT_NE(refused(R"({"Logging":{"Prometheus":{"Enabled":false}}})").find("cannot be changed"),
            std::string::npos);
}

TEST(ConfigChange, TheApiChangesNoFileOfTheMachineAndNoDoor) {
  const auto before = parsed(kFile);
  const auto with = [&](const auto& act) {
    auto after = before;
    act(after);
    return refuse_change(before, after).has_value();
  };
  EXPECT_TRUE(with([](Config& c) { c.listen = "127.0.0.1:1"; }));
  EXPECT_TRUE(with([](Config& c) { c.model_aliases["a"] = "b"; }));
  EXPECT_FALSE(with([](Config& c) { c.data = "/elsewhere"; }));
  EXPECT_FALSE(with([](Config& c) { c.admin_key = "another-admin-key-000"; }));
  EXPECT_FALSE(with([](Config& c) { c.audit.enabled = false; }));
  EXPECT_FALSE(with([](Config& c) { c.log_file.path = "/etc/cron.d/x"; }));
  EXPECT_FALSE(with([](Config& c) { c.packs = {"/etc/passwd"}; }));
  EXPECT_FALSE(with([](Config& c) { c.follow = {{"/etc/shadow", "", "lines"}}; }));
}

TEST(ConfigChange, TheApiNamesNoMetadataAddress) {
  const auto before = parsed(kFile);
  const auto allowed = [&](const std::string& url) {
    auto after = before;
    after.providers[1].base_url = url;
    return refuse_change(before, after).has_value();
  };
  for (const auto* url :
       {"http://169.254.169.254/v1", "http://2852039166/v1", "http://0xa9fea9fe/",
        "http://0251.0376.1/", "http://[fe80::1]/v1", "http://[::ffff:169.254.169.254]/v1",
        "http://[fd00:ec2::254]/", "http://metadata.google.internal/v1", "http://METADATA/",
        "http://100.100.100.200/"}) {
    EXPECT_FALSE(allowed(url)) << url;
  }
  for (const auto* url : {"https://api.openai.com/v1", "http://127.0.0.1:1/v1",
                          "http://10.1.2.3/v1", "http://[::1]:8000/v1"}) {
    EXPECT_TRUE(allowed(url)) << url;
  }
  auto named_by_the_file = before;
  named_by_the_file.providers[1].base_url = "http://169.254.1.1/v1";
  EXPECT_TRUE(refuse_change(named_by_the_file, named_by_the_file));
}

TEST(ConfigKeys, AreAtOnceOrAtARestart) {
  for (const auto* key :
       {"providers", "providers[].id", "model_aliases", "clients", "pass_through",
        "policy.algorithm", "policy.cache.enabled", "packs", "packs_dir", "sampling"}) {
    EXPECT_TRUE(takes_effect_at_once(key)) << key;
  }
  for (const auto* key :
       {"listen", "data", "keys.path", "logging.level", "store.enabled", "prices.file"}) {
    EXPECT_FALSE(takes_effect_at_once(key)) << key;
  }
  EXPECT_TRUE(stands_in_the_file_only("audit.enabled"));
  EXPECT_TRUE(stands_in_the_file_only("follow[].path"));
  EXPECT_FALSE(stands_in_the_file_only("logging.file.max_size_mb"));
}

}  // namespace
}  // namespace sightglass::app
