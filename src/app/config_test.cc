#include "app/config.h"
#include "app/config_answer.h"
#include "app/dotenv.h"
#include "app/packs.h"
#include "app/room_options.h"
#include "base/fake_file_system.h"

#include <gtest/gtest.h>

#include <map>

namespace sightglass::app {
namespace {

Environment environment(std::map<std::string, std::string> values) {
  return [values = std::move(values)](const char* name) -> const char* {
    const auto found = values.find(name);
    return found == values.end() ? nullptr : found->second.c_str();
  };
}

std::string fault(std::string_view yaml, std::map<std::string, std::string> values = {}) {
  const auto config = parse_config(yaml, "sightglass.yaml", environment(std::move(values)));
  return config ? "accepted" : config.error().message;
}

TEST(Config, AnEmptyFileGivesTheDefaults) {
  const auto config = parse_config("", "sightglass.yaml", environment({}));
  ASSERT_TRUE(config.has_value());
  EXPECT_EQ(config->listen, "127.0.0.1:2906");
  EXPECT_EQ(config->log_summary_interval, 100);
  EXPECT_EQ(config->sse_interval_ns, 2 * kSecond);
}

TEST(Config, ReadsTheAdministrationSeedsFileSnippetAsPrinted) {
  const auto config = parse_config(
      "logging:\n  file:\n    enabled: true\n    path: \"/var/log/coo-llm/app.log\"\n"
      "    max_size_mb: 100\n    max_backups: 5\n",
      "sightglass.yaml", environment({}));
  ASSERT_TRUE(config.has_value()) << config.error().message;
  EXPECT_TRUE(config->log_file.enabled);
  EXPECT_EQ(config->log_file.path, "/var/log/coo-llm/app.log");
  EXPECT_EQ(config->log_file.max_backups, 5);
}

TEST(Config, ReadsAClientsLimitsAndExpiry) {
  const std::string client = "clients:\n  - id: a\n    key: a-key-of-twenty-chars\n    ";
  const auto config = parse_config(
      client + "expires: 2027-01-31\n    limits: {requests_per_minute: 60, usd_per_day: 0.50}\n",
      "sightglass.yaml", environment({}));
  ASSERT_TRUE(config.has_value()) << config.error().message;
  EXPECT_EQ(config->clients[0].expires_ns, 1'801'353'600 * kSecond);
  EXPECT_EQ(config->clients[0].limits.requests_per_minute, 60);
  EXPECT_EQ(config->clients[0].limits.nanousd_per_day, 500'000'000);
  EXPECT_FALSE(config->clients[0].limits.parallel_requests);
  EXPECT_EQ(fault(client + "limits: {usd_per_day: much}\n"),
            "sightglass.yaml:4: clients[].limits.usd_per_day: expected US dollars such as 25 or "
            "0.50, at most 1000000000, not 'much'");
  EXPECT_NE(fault(client + "limits: {usd_per_week: 1}\n")
                .find("unknown key 'clients[].limits.usd_per_week'"),
            std::string::npos);
  EXPECT_NE(fault(client + "expires: soon\n").find("2027-01-31T12:00:00Z"), std::string::npos);
}

TEST(Config, RefusesUnknownKeysWithLineAndNearestKey) {
  EXPECT_EQ(fault("data: x\nlisten_adres: y\n"),
            "sightglass.yaml:2: unknown key 'listen_adres'; did you mean 'listen_admin'?");
  EXPECT_EQ(fault("logging:\n  file:\n    paht: x\n"),
            "sightglass.yaml:3: unknown key 'logging.file.paht'; did you mean 'path'?");
}

TEST(Config, NamesEveryFaultAtOnce) {
  const auto message = fault("workers: many\nstore:\n  seal_age: soon\n");
  EXPECT_NE(message.find("sightglass.yaml:1: workers: expected a whole number"), std::string::npos);
  EXPECT_NE(message.find("sightglass.yaml:3: store.seal_age: expected a duration"),
            std::string::npos);
}

TEST(Config, ExpandsTheEnvironmentAndSaysWhichNameIsMissing) {
  const std::string yaml =
      "providers:\n  - id: openai\n    base_url: https://api.openai.com/v1\n    api_keys: "
      "[\"${OPENAI_KEY}\"]\n";
  const auto config = parse_config(yaml, "f", environment({{"OPENAI_KEY", "sk-test"}}));
  ASSERT_TRUE(config.has_value()) << config.error().message;
  EXPECT_EQ(config->providers.at(0).api_keys.at(0), "sk-test");
  EXPECT_NE(fault(yaml).find("'OPENAI_KEY'"), std::string::npos);
}

TEST(Config, TheEnvironmentOverridesAKey) {
  const auto config = parse_config("data: here\nlogging:\n  file:\n    path: a\n", "f",
                                   environment({{"SIGHTGLASS_LOGGING_FILE_PATH", "b"}}));
  ASSERT_TRUE(config.has_value());
  EXPECT_EQ(config->log_file.path, "b");
  EXPECT_EQ(config->data, "here");
}

// S2-G01, S2-G02.
TEST(Config, TakesTheLiveSeedsFlags) {
  const auto config = parse_config("", "f",
                                   environment({{"LOG_REQUEST_METRICS", "Off"},
                                                {"LOG_SUMMARY_INTERVAL", "3"},
                                                {"VDM_ACTIVE_REQUESTS_SSE_INTERVAL", "0.5"},
                                                {"LOG_LEVEL", "DEBUG really"}}));
  ASSERT_TRUE(config.has_value());
  EXPECT_FALSE(config->log_request_metrics);
  EXPECT_EQ(config->log_summary_interval, 3);
  EXPECT_EQ(config->sse_interval_ns, kSecond / 2);
  EXPECT_EQ(config->log_level, Level::kDebug);
  EXPECT_NE(fault("", {{"LOG_SUMMARY_INTERVAL", "x"}}).find("LOG_SUMMARY_INTERVAL"),
            std::string::npos);
}

TEST(Config, RefusesBadYamlWithItsLine) {
  EXPECT_NE(fault("a: [1\nb: 2\n").find("not valid YAML"), std::string::npos);
}

TEST(Config, RefusesWeakClientKeysAndDoubleIds) {
  EXPECT_NE(fault("clients:\n  - {id: a, key: short}\n").find("at least 20 characters"),
            std::string::npos);
  EXPECT_NE(fault("clients:\n  - {id: a, key: aaaaaaaaaaaaaaaaaaaaaa}\n  - {id: a, key: "
                  "bbbbbbbbbbbbbbbbbbbbbb}\n")
                .find("two clients"),
            std::string::npos);
}

TEST(Config, ListenTakesAddressesAndPorts) {
  EXPECT_EQ(parse_listen(":2906")->host, "0.0.0.0");
  EXPECT_EQ(parse_listen("[::1]:1")->host, "::1");
  EXPECT_EQ(parse_listen("localhost:0")->port, 0);
  EXPECT_FALSE(parse_listen("2906").has_value());
  EXPECT_FALSE(parse_listen("::1:2906").has_value());
  EXPECT_FALSE(parse_listen("a:70000").has_value());
}

TEST(Config, TheReferenceNamesEveryKeyOnce) {
  const auto reference = config_reference();
  EXPECT_NE(reference.find("| `logging.file.max_backups` | number | `5` |"), std::string::npos);
  EXPECT_NE(reference.find("| `providers[].base_url` |"), std::string::npos);
  EXPECT_EQ(reference.find("| `listen` |"), reference.rfind("| `listen` |"));
}

// S1-G01 to S1-G03, S1-C11
TEST(Config, TheActivityFlagIsOffUnlessItSaysOnAndRefusesOtherSpellings) {
  const auto enabled = [](std::map<std::string, std::string> values) {
    const auto config = parse_config("", "sightglass.yaml", environment(std::move(values)));
    return config ? (config->activity_log.enabled ? "on" : "off") : config.error().message;
  };
  const std::string flag = kMetricsLoggingFlag;
  EXPECT_EQ(enabled({}), "off");
  for (const auto* yes : {"true", "1", "yes", "on", "True", " TRUE "}) {
    EXPECT_EQ(enabled({{flag, yes}}), "on") << yes;
  }
  for (const auto* no : {"false", "0", "no", "off", "FALSE"}) {
    EXPECT_EQ(enabled({{flag, no}}), "off") << no;
  }
  EXPECT_EQ(
      enabled({{flag, "maybe"}}),
      "FEATURE_METRICS_LOGGING_ENABLED: expected true/1/yes/on or false/0/no/off, not 'maybe'");
}

TEST(Config, ADotenvFileIsReadAsItIsUsuallyWritten) {
  const auto value = [](std::string_view text) {
    return dotenv_value(text, kMetricsLoggingFlag).value_or("(unset)");
  };
  EXPECT_EQ(value("FEATURE_METRICS_LOGGING_ENABLED=true"), "true");
  EXPECT_EQ(value("A=1\r\n# comment\nexport FEATURE_METRICS_LOGGING_ENABLED = true  # on\nB=2\n"),
            "true");
  EXPECT_EQ(value("FEATURE_METRICS_LOGGING_ENABLED=\"true\"\n"), "true");
  EXPECT_EQ(value("FEATURE_METRICS_LOGGING_ENABLED='a # b'\n"), "a # b");
  EXPECT_EQ(value("FEATURE_METRICS_LOGGING_ENABLED=true\nFEATURE_METRICS_LOGGING_ENABLED=false\n"),
            "false");
  EXPECT_EQ(value("FEATURE_METRICS_LOGGING_ENABLED="), "");
  for (const auto* text :
       {"", "FEATURE_METRICS_LOGGING_ENABLED", "#FEATURE_METRICS_LOGGING_ENABLED=true",
        "XFEATURE_METRICS_LOGGING_ENABLED=true", "\xff=\n="}) {
    EXPECT_EQ(value(text), "(unset)") << text;
  }
}

TEST(Config, TheEnvironmentWinsOverTheDotenvFile) {
  FakeFileSystem fs;
  fs.set_content(".env", "FEATURE_METRICS_LOGGING_ENABLED=true\nLOG_LEVEL=nonsense\n");
  const auto both = with_dotenv(environment({{kMetricsLoggingFlag, "false"}}), fs);
  EXPECT_STREQ(both(kMetricsLoggingFlag), "false");
  const auto file_only = with_dotenv(environment({}), fs);
  EXPECT_STREQ(file_only(kMetricsLoggingFlag), "true");
  EXPECT_EQ(file_only("LOG_LEVEL"), nullptr);  // the one flag alone
  ASSERT_TRUE(fs.remove(".env"));
  EXPECT_EQ(with_dotenv(environment({}), fs)(kMetricsLoggingFlag), nullptr);
}

TEST(Config, AnUnknownLogProfileIsRefused) {
  const auto config = parse_config("logging: {profile: fancy}\n", "f", environment({}));
  ASSERT_FALSE(config);
  EXPECT_NE(config.error().message.find("profile is coachup, coo-llm or morpheus"),
            std::string::npos)
      << config.error().message;
}

// S0-B08
TEST(Config, SamplingBecomesAPackAndNamesOnlyWhatPacksDeclare) {
  PosixFileSystem fs;
  const auto said = [&](const char* sampling) -> std::string {
    const auto config = parse_config(sampling, "f", environment({}));
    EXPECT_TRUE(config);
    const auto files = pack_files_of(*config, fs);
    if (!files) return files.error().message;
    const auto catalogue = event::Catalogue::parse(*files);
    if (!catalogue) return catalogue.error().message;
    const auto& types = (*catalogue)->event_types();
    return std::to_string(types[(*catalogue)->event_type("tools_detected")].sample) + " " +
           std::to_string(types[(*catalogue)->event_type("proxy_request_error")].sample);
  };
  EXPECT_EQ(said(""), "1 1");
  EXPECT_EQ(said("sampling: {tools_detected: 10}"), "10 1");
  EXPECT_EQ(said("sampling: {tools_detectd: 10}"),
            "sampling: no pack declares the event type 'tools_detectd'");
  EXPECT_EQ(said("sampling: {tools_detected: few}"),
            "sampling: 'tools_detected' needs a whole number, not 'few'");
  EXPECT_NE(said("sampling: {stream_completed: 2}").find("never sampled"), std::string::npos);
}

TEST(Config, FollowNamesFilesOnce) {
  const auto config = parse_config(
      "follow:\n  - path: /var/log/app.log\n  - {path: b.log, source: web-1, format: lines}\n",
      "sightglass.yaml", environment({}));
  ASSERT_TRUE(config.has_value()) << config.error().message;
  ASSERT_EQ(config->follow.size(), 2u);
  EXPECT_EQ(config->follow[0], (FollowConfig{"/var/log/app.log", "", "auto"}));
  EXPECT_EQ(config->follow[1], (FollowConfig{"b.log", "web-1", "lines"}));
  EXPECT_EQ(changed_keys(*parse_config("", "f", environment({})), *config),
            std::vector<std::string>{"follow"});
  EXPECT_NE(fault("follow:\n  - path: a.log\n  - path: a.log\n").find("a.log twice"),
            std::string::npos);
  EXPECT_NE(fault("follow:\n  - {path: a.log, format: csv}\n").find("events, lines or auto"),
            std::string::npos);
  EXPECT_NE(fault("follow:\n  - {path: a.log, pack: shop}\n").find("pack"), std::string::npos);
  EXPECT_NE(fault("follow:\n  - source: x\n").find("path of a file"), std::string::npos);
}

// S0-B07, S3-B15
TEST(Config, RetentionIsByTypeByPackAndBySenderAndNamesOnlyWhatThereIs) {
  PosixFileSystem fs;
  const auto asked = [&](const std::string& text) -> Result<store::Retention> {
    SG_ASSIGN(const auto config, parse_config("store: {" + text + "}\n", "f", environment({})));
    SG_ASSIGN(const auto packs, load_packs(config, fs));
    return retention_options(config, *packs.catalogue);
  };
  const auto got = asked(
      "retention: 90d, retention_events: 30d, max_bytes: 2GiB, retention_types: {\"pack:atlas\": "
      "5d, \"stream_*\": 3d, tools_detected: 0s, \"stream_chunk_*\": 1d}");
  ASSERT_TRUE(got) << got.error().message;
  constexpr Nanos kDay = 86'400 * kSecond;
  EXPECT_EQ(got->all_ns, 90 * kDay);
  EXPECT_EQ(got->ingested_ns, 30 * kDay);
  EXPECT_EQ(got->max_bytes, 2ull << 30);
  ASSERT_EQ(got->types.size(), 4u);
  EXPECT_EQ(got->types[0].types, std::vector<std::string>{"tools_detected"});
  EXPECT_EQ(got->types[0].keep_ns, 0);
  EXPECT_EQ(got->types[1].types, std::vector<std::string>{"stream_chunk_*"});
  EXPECT_EQ(got->types[2].types, std::vector<std::string>{"stream_*"});
  EXPECT_EQ(got->types[3].keep_ns, 5 * kDay) << "the pack, with all its types";
  EXPECT_EQ(store::RetentionClasses(*got).longest_ns(), 0) << "one type stays for ever";

  const auto refused = [&](const std::string& text, std::string_view words) {
    const auto answer = asked(text);
    EXPECT_FALSE(answer) << text;
    if (!answer) {
      EXPECT_NE(answer.error().message.find(words), std::string::npos) << answer.error().message;
    }
  };
  refused("retention_types: {no_such_type: 3d}", "no pack declares an event type 'no_such_type'");
  refused("retention_types: {\"pack:nobody\": 3d}", "no pack is called 'nobody'");
  refused("retention_types: {tools_detected: soon}", "needs a duration such as 7d, not 'soon'");
  refused("rollup_minutes: 30d, rollup_hours: 7d", "rollup_hours must be at least rollup_minutes");
  refused("rollup_days: 7d", "rollup_days at least");
}

// S4-G03, S4-G04
TEST(Config, ReadsTheAdministrationSeedsStorageSnippetsAsPrinted) {
  const std::string influx =
      "storage:\n  runtime:\n    type: \"influxdb\"\n    addr: \"http://influxdb:8086\"\n"
      "    token: \"${INFLUX_TOKEN}\"\n    org: \"${INFLUX_ORG}\"\n    bucket: "
      "\"${INFLUX_BUCKET}\"\n";
  const auto first = parse_config(
      influx, "f",
      environment({{"INFLUX_TOKEN", "t"}, {"INFLUX_ORG", "o"}, {"INFLUX_BUCKET", "b"}}));
  ASSERT_TRUE(first) << first.error().message;
  ASSERT_TRUE(first->storage.influx);
  EXPECT_EQ(first->storage.influx->addr, "http://influxdb:8086");
  EXPECT_EQ(first->storage.influx->token, "t");
  EXPECT_EQ(first->storage.influx->bucket, "b");
  EXPECT_NE(
      fault(influx, {{"INFLUX_ORG", "o"}, {"INFLUX_BUCKET", "b"}})
          .find(
              "sightglass.yaml:5: storage.runtime[].token: the environment has no 'INFLUX_TOKEN'"),
      std::string::npos);
  const auto second = parse_config(
      "storage:\n  runtime:\n    type: \"redis\"\n    addr: \"localhost:6379\"\n    password: "
      "\"${REDIS_PASSWORD}\"\n",
      "f", environment({{"REDIS_PASSWORD", "p"}}));
  ASSERT_TRUE(second) << second.error().message;
  ASSERT_TRUE(second->storage.redis);
  EXPECT_EQ(second->storage.redis->addr, "localhost:6379");
  EXPECT_EQ(second->storage.redis->password, "p");
  EXPECT_EQ(changed_keys(*first, *second), std::vector<std::string>{"storage.runtime"});
}

TEST(Config, StorageRuntimeTakesAListAndSaysWhatItDoesNotKnow) {
  const auto both = parse_config(
      "storage:\n  runtime:\n    - {type: redis, db: 3}\n    - {type: influxdb, bucket: b}\n", "f",
      environment({}));
  ASSERT_TRUE(both) << both.error().message;
  EXPECT_EQ(both->storage.redis->db, 3);
  EXPECT_EQ(both->storage.influx->bucket, "b");
  EXPECT_EQ(fault("storage:\n  runtime:\n    type: influx\n    bucket: x\n"),
            "sightglass.yaml:3: storage.runtime[].type: 'influx' is none of influxdb, redis, "
            "postgres, clickhouse; did you mean 'influxdb'?");
  EXPECT_EQ(fault("storage:\n  runtime:\n    type: redis\n    adr: x:1\n"),
            "sightglass.yaml:4: unknown key 'storage.runtime[].adr'; did you mean 'addr'?");
  EXPECT_NE(fault("storage:\n  runtime: {type: redis, bucket: x}\n").find("unknown key"),
            std::string::npos);
  EXPECT_NE(fault("storage:\n  runtime: {addr: \"x:1\"}\n").find("expected one of influxdb, redis"),
            std::string::npos);
  EXPECT_NE(fault("storage: {runtime: redis}\n").find("a map or a list of maps"),
            std::string::npos);
  EXPECT_NE(fault("storage: {runtime: [{type: redis}, {type: redis}]}\n").find("redis twice"),
            std::string::npos);
}

TEST(Config, StorageSecretsAreMaskedAndAddressesHoldNone) {
  const auto config = parse_config(
      "storage: {runtime: [{type: redis, password: hush-1}, {type: influxdb, bucket: b, token: "
      "hush-2, password: hush-3}]}\n",
      "f", environment({}));
  ASSERT_TRUE(config) << config.error().message;
  const auto answer = config_json(*config);
  EXPECT_EQ(answer.find("hush"), std::string::npos) << answer;
  EXPECT_NE(answer.find("\"APIKey\":\"****\""), std::string::npos) << answer;
  const auto refused =
      fault("storage: {runtime: {type: influxdb, bucket: b, addr: \"http://me:hush@x\"}}\n");
  EXPECT_NE(refused.find("must not hold a name or password"), std::string::npos) << refused;
  EXPECT_EQ(refused.find("hush"), std::string::npos) << refused;
}

TEST(Config, PostgresIsNamedAsTheOthersAre) {
  const auto config = parse_config(
      "storage:\n  runtime:\n    type: \"postgres\"\n    addr: \"db.example:5433\"\n    password: "
      "\"${PG_PASSWORD}\"\n    sslmode: verify-ca\n",
      "f", environment({{"PG_PASSWORD", "hush-4"}}));
  ASSERT_TRUE(config) << config.error().message;
  const auto& postgres = *config->storage.postgres;
  EXPECT_EQ(postgres.addr, "db.example:5433");
  EXPECT_EQ(postgres.database, "sightglass");
  EXPECT_EQ(postgres.password, "hush-4");
  const auto answer = config_json(*config);
  EXPECT_EQ(answer.find("hush"), std::string::npos) << answer;
  EXPECT_NE(answer.find(R"("Type":"postgres","Addr":"db.example:5433")"), std::string::npos);
  for (const auto* wrong : {"sslmode: require", "timeout: 0s", "timeout: 2h", "addr: db"}) {
    const auto key = std::string(wrong).substr(0, std::string_view(wrong).find(':'));
    const auto said = fault("storage: {runtime: {type: postgres, " + std::string(wrong) + "}}\n");
    EXPECT_NE(said.find(key + " must be"), std::string::npos) << said;
  }
}

TEST(Config, AnAddressIsAHostAndAPortOrAFolder) {
  const auto split = [](const char* addr) -> std::string {
    const auto where = split_address(addr, 5432);
    return where ? where->host + " " + std::to_string(where->port) : "none";
  };
  EXPECT_EQ(split("db:5433"), "db 5433");
  EXPECT_EQ(split("10.0.0.1:1"), "10.0.0.1 1");
  EXPECT_EQ(split("[::1]:5432"), "::1 5432");
  EXPECT_EQ(split("/var/run/postgresql"), "/var/run/postgresql 5432");
  EXPECT_EQ(split("/var/run/postgresql:5433"), "/var/run/postgresql 5433");
  for (const auto* wrong : {"", "db", "db:", ":5432", "db:0", "db:65536", "db:x", "::1:5432",
                            "a,b:5432", "http://db:5432", "a b:1"}) {
    EXPECT_EQ(split(wrong), "none") << wrong;
  }
}

TEST(Config, ClickHouseTakesOneAddressOrShardsWithTheirReplicas) {
  const auto one = parse_config(
      "storage: {runtime: {type: clickhouse, addr: \"http://ch:8123\", username: writer, password: "
      "\"${CH}\"}}\n",
      "f", environment({{"CH", "hush"}}));
  ASSERT_TRUE(one) << one.error().message;
  EXPECT_EQ(one->storage.clickhouse->all_shards(),
            (std::vector<std::vector<std::string>>{{"http://ch:8123"}}));
  EXPECT_EQ(one->storage.clickhouse->password, "hush");
  EXPECT_EQ(config_json(*one).find("hush"), std::string::npos);
  const auto many = parse_config(
      "storage:\n  runtime:\n    type: clickhouse\n    shards:\n"
      "      - replicas: [\"http://a1:8123\", \"http://a2:8123\"]\n"
      "      - replicas: [\"https://b1:8443\", \"https://b2:8443\"]\n",
      "f", environment({}));
  ASSERT_TRUE(many) << many.error().message;
  EXPECT_EQ(many->storage.clickhouse->all_shards(),
            (std::vector<std::vector<std::string>>{{"http://a1:8123", "http://a2:8123"},
                                                   {"https://b1:8443", "https://b2:8443"}}));
  const auto said = [](const std::string& keys) {
    return fault("storage: {runtime: {type: clickhouse, " + keys + "}}\n");
  };
  EXPECT_NE(said("addr: \"ch:8123\"").find("begin with http://"), std::string::npos);
  EXPECT_NE(said("addr: \"http://me:x@ch\"").find("must not hold a name"), std::string::npos);
  EXPECT_NE(said("shards: [{replicas: []}]").find("each shard needs replicas"), std::string::npos);
  EXPECT_NE(said("database: \"a;b\"").find("letters, digits and _"), std::string::npos);
  EXPECT_NE(said("insert_quorum: 2").find("not be more than the replicas"), std::string::npos);
  EXPECT_NE(said("addr: \"http://a\", shards: [{replicas: [\"http://b\"]}]").find("not both"),
            std::string::npos);
}

}  // namespace
}  // namespace sightglass::app
