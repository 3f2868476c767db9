// Gateways with one registry in a real PostgreSQL: made, changed, revoked, away, back, in conflict.
#include "directory/shared_registry.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "export/real_postgres.h"

namespace sightglass::directory {
namespace {

using control::ClientChange;
using control::ClientRecord;
using control::Registry;
using exporting::RealPostgres;

// Keeps what was said.
class Notes final : public Log {
 public:
  void write(Level, std::string_view, std::string_view message, std::string_view) override {
    const std::scoped_lock lock(mutex_);
    all_.append(message).append("\n");
  }
  bool enabled(Level) const override { return true; }
  std::string all() const {
    const std::scoped_lock lock(mutex_);
    return all_;
  }

 private:
  mutable std::mutex mutex_;
  std::string all_;
};

// A data folder with its registry.
class Gateway {
 public:
  Gateway(std::string name, const Clock& clock) : name_(std::move(name)), clock_(clock) {
    std::string path = (std::filesystem::temp_directory_path() / "sightglass-XXXXXX").string();
    folder_ = ::mkdtemp(path.data());
  }
  ~Gateway() {
    registry.reset();
    std::filesystem::remove_all(folder_);
  }
  std::unique_ptr<Registry> open_copy(bool shared) {
    Registry::Options options;
    options.path = folder_ + "/control.db";
    options.shared = shared;
    auto copy = Registry::open(std::move(options), clock_, copy_random_);
    EXPECT_TRUE(copy) << copy.error().message;
    return std::move(*copy);
  }
  void start(const exporting::PgOptions& link, Nanos poll_ns = 100 * kMillisecond) {
    registry.reset();
    telemetry = std::make_unique<Telemetry>();
    SharedRegistry::Options options;
    options.link = link;
    options.link.timeout_ns = timeout_ns;
    options.gateway = name_;
    options.poll_ns = poll_ns;
    options.configured = configured;
    auto opened =
        SharedRegistry::open(std::move(options), open_copy(true), clock_, random_, *telemetry, log);
    ASSERT_TRUE(opened) << opened.error().message;
    registry = std::move(*opened);
  }
  bool has(const std::string& id) const { return registry->clients()->find(id) != nullptr; }
  double counted(const std::string& name, const std::string& label = {}) const {
    double sum = 0;
    for (const auto& family : telemetry->collect()) {
      if (family.name != name) continue;
      for (const auto& sample : family.samples) {
        if (label.empty() || sample.labels.at(0).second == label) sum += sample.value;
      }
    }
    return sum;
  }
  std::string bytes() const {
    return RealPostgres::text_of(folder_ + "/control.db") +
           RealPostgres::text_of(folder_ + "/control.db-wal");
  }

  Nanos timeout_ns = 5 * kSecond;
  Registry::Configured configured;
  std::unique_ptr<Telemetry> telemetry;
  Notes log;
  std::unique_ptr<SharedRegistry> registry;

 private:
  const std::string name_;
  const Clock& clock_;
  SystemRandom random_, copy_random_;
  std::string folder_;
};

ClientRecord client(std::string id) {
  ClientRecord out;
  out.id = std::move(id);
  return out;
}

ClientChange described(std::string text) {
  ClientChange out;
  out.description = std::move(text);
  return out;
}

bool comes(const std::function<bool()>& what) {
  for (int i = 0; i < 3'000; ++i) {
    if (what()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

class SharedRegistryTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = new RealPostgres; }
  static void TearDownTestSuite() {
    delete server_;
    server_ = nullptr;
  }
  void SetUp() override { make_anew(); }
  static void make_anew() {
    server_->say("drop schema if exists sightglass_clients cascade");
    server_->say(testing::source_text("deploy/postgres/clients.sql"));
  }
  void start_both() {
    a_.start(server_->keeper());
    b_.start(server_->keeper());
  }
  static bool refused(const Status& status, Code code, const std::string& part) {
    return !status && status.error().code == code &&
           status.error().message.find(part) != std::string::npos;
  }
  static Status status_of(const Result<Registry::Created>& result) {
    return result ? Status() : Status(std::unexpected(result.error()));
  }

  static RealPostgres* server_;
  SystemClock clock_;
  Gateway a_{"east", clock_}, b_{"west", clock_};
};
RealPostgres* SharedRegistryTest::server_ = nullptr;

TEST_F(SharedRegistryTest, WhatOneMakesTheOtherKnowsAndKeepsOverItsRestart) {
  start_both();
  auto given = client("app");
  given.description = "Zoë's \"batch\"\\job";
  given.allowed_providers = {"openai", "anthropic"};
  given.allowed_models = {"gpt-4o*"};
  given.limits = {1, 2, 3, 4, 5, 6};
  given.expires_ns = 1'900'000'000 * kSecond;
  const auto made = a_.registry->create(given, "");
  ASSERT_TRUE(made) << made.error().message;
  ASSERT_TRUE(a_.has("app")) << "in force where it was made";
  ASSERT_TRUE(comes([&] { return b_.has("app"); }));
  EXPECT_EQ(*b_.registry->clients()->find("app"), made->client);
  b_.start(server_->options("keeper", "wrong-password-0123456789"));
  EXPECT_EQ(*b_.registry->clients()->find("app"), made->client);
  EXPECT_EQ(server_->value("select count(*) from sightglass_clients.keys where key_sha256 = "
                           "encode(sha256('" +
                           made->key + "'), 'hex')"),
            "1");
  for (const auto& bytes : {a_.bytes(), b_.bytes(), a_.log.all(), b_.log.all()}) {
    EXPECT_EQ(bytes.find(made->key), std::string::npos);
  }
  EXPECT_EQ(server_->value("select gateway from sightglass_clients.changes"), "east");
}

TEST_F(SharedRegistryTest, ARevokedKeyIsRevokedEverywhereAndNeverGivenAgain) {
  start_both();
  const auto made = a_.registry->create(client("app"), "a-key-of-twenty-chars");
  ASSERT_TRUE(made);
  ASSERT_TRUE(comes([&] { return b_.has("app"); }));
  ASSERT_TRUE(b_.registry->remove("app"));
  EXPECT_FALSE(b_.has("app"));
  ASSERT_TRUE(comes([&] { return !a_.has("app"); }));
  EXPECT_EQ(a_.registry->clients()->revoked, std::vector<Digest>{made->client.key});
  EXPECT_TRUE(refused(status_of(a_.registry->create(client("b"), "a-key-of-twenty-chars")),
                      Code::kExists, "is or was"));
  EXPECT_TRUE(a_.registry->create(client("app"), "another-key-of-twenty"));
  EXPECT_TRUE(refused(a_.registry->remove("b"), Code::kNotFound, "GET /admin/v1/clients"));
  ASSERT_TRUE(comes([&] { return b_.has("app"); })) << "an id may be used again";
}

TEST_F(SharedRegistryTest, ANewKeyRevokesTheOldOne) {
  start_both();
  const auto made = a_.registry->create(client("app"), "");
  ASSERT_TRUE(made);
  ASSERT_TRUE(comes([&] { return b_.has("app"); }));
  ClientChange change;
  change.make_key = true;
  const auto changed = b_.registry->change("app", change);
  ASSERT_TRUE(changed) << changed.error().message;
  EXPECT_EQ(changed->client.key, sha256(changed->key));
  ASSERT_TRUE(
      comes([&] { return a_.registry->clients()->find("app")->key == changed->client.key; }));
  EXPECT_EQ(a_.registry->clients()->revoked, std::vector<Digest>{made->client.key});
  // Redis may say the same, before or after.
  EXPECT_TRUE(a_.registry->revoke_soon({made->client.key}));
  ASSERT_TRUE(a_.registry->change("app", described("x")));
  EXPECT_TRUE(a_.has("app"));
}

TEST_F(SharedRegistryTest, TheDatabaseDecidesBetweenTwo) {
  a_.configured.ids = {"of-the-file"};
  a_.configured.keys = {sha256("the-key-of-the-configured")};
  // Neither hears of the other by itself.
  a_.start(server_->keeper(), 3'600 * kSecond);
  b_.start(server_->keeper(), 3'600 * kSecond);
  ASSERT_TRUE(a_.registry->create(client("app"), "a-key-of-twenty-chars"));
  EXPECT_TRUE(refused(status_of(b_.registry->create(client("app"), "")), Code::kExists, "already"));
  EXPECT_TRUE(refused(status_of(b_.registry->create(client("b"), "a-key-of-twenty-chars")),
                      Code::kExists, "is or was"));
  EXPECT_TRUE(
      refused(status_of(a_.registry->create(client("of-the-file"), "")), Code::kExists, "already"));
  EXPECT_TRUE(refused(status_of(a_.registry->create(client("b"), "the-key-of-the-configured")),
                      Code::kExists, "is or was"));
  ASSERT_TRUE(comes([&] { return b_.has("app"); })) << "by notification";
  // Two changes of what both saw: the second is refused, and nothing of it is there.
  auto first = described("first"), second = described("second");
  first.seen = second.seen = *b_.registry->clients()->find("app");
  ASSERT_TRUE(a_.registry->change("app", first));
  EXPECT_TRUE(
      refused(status_of(b_.registry->change("app", second)), Code::kExists, "look at it again"));
  EXPECT_EQ(server_->value("select description from sightglass_clients.clients"), "first");
  ASSERT_TRUE(comes([&] { return b_.registry->clients()->find("app")->description == "first"; }));
  second.seen = *b_.registry->clients()->find("app");
  EXPECT_TRUE(b_.registry->change("app", second));
  EXPECT_GE(b_.counted("sightglass_registry_changes_total", "refused"), 3);
  EXPECT_EQ(b_.counted("sightglass_registry_changes_total", "done"), 1);
}

TEST_F(SharedRegistryTest, WithoutNotificationsThePollFindsIt) {
  start_both();
  server_->say(
      "insert into sightglass_clients.changes (revision, token, gateway) values (1, 't', 'x'); "
      "insert into sightglass_clients.clients values ('by-hand', '', '', '', 1, 0, 0, 0, 0, 0, 0, "
      "0, 0, 1); insert into sightglass_clients.keys values (repeat('a', 64), 'by-hand', 1, 0, 1); "
      "update sightglass_clients.registry set revision = 1, token = 't'");
  EXPECT_TRUE(comes([&] { return a_.has("by-hand"); }));
  // What no gateway writes is not served, and hides nothing else.
  server_->say(
      "insert into sightglass_clients.changes (revision, token, gateway) values (2, 'u', 'x'); "
      "update sightglass_clients.clients set allowed_models = ' ', revision = 2; "
      "update sightglass_clients.registry set revision = 2, token = 'u'");
  EXPECT_TRUE(comes([&] { return !a_.has("by-hand"); }));
  EXPECT_TRUE(comes([&] { return a_.registry->state().unreadable == 1; }));
  EXPECT_EQ(a_.registry->clients()->revoked.size(), 1u) << "its key is never sent on";
  EXPECT_TRUE(a_.registry->remove("by-hand"));
}

TEST_F(SharedRegistryTest, WhileItIsAwayTheLastKnownCountsAndNothingChanges) {
  start_both();
  ASSERT_TRUE(a_.registry->create(client("stays"), ""));
  ASSERT_TRUE(a_.registry->create(client("goes"), ""));
  ASSERT_TRUE(a_.registry->remove("goes"));
  ASSERT_TRUE(comes([&] { return b_.has("stays") && !b_.has("goes"); }));
  server_->kill();
  ASSERT_TRUE(comes([&] { return !a_.registry->state().problem.empty(); }));
  EXPECT_TRUE(refused(status_of(a_.registry->create(client("new"), "")), Code::kUnavailable,
                      "nothing was changed"));
  EXPECT_TRUE(refused(a_.registry->remove("stays"), Code::kUnavailable, "nothing was changed"));
  b_.start(server_->keeper());
  EXPECT_TRUE(b_.has("stays"));
  EXPECT_FALSE(b_.has("goes"));
  EXPECT_EQ(b_.registry->clients()->revoked.size(), 1u);
  EXPECT_EQ(b_.counted("sightglass_registry_up"), 0);
  EXPECT_GT(b_.counted("sightglass_registry_errors_total", "connect"), 0);
  EXPECT_NE(b_.log.all().find("requests go on"), std::string::npos) << b_.log.all();
  server_->start();
  ASSERT_TRUE(comes([&] {
    return a_.registry->state().problem.empty() && b_.registry->state().problem.empty();
  }));
  EXPECT_FALSE(a_.has("new"));
  ASSERT_TRUE(a_.has("stays"));
  ASSERT_TRUE(b_.registry->create(client("new"), ""));
  EXPECT_TRUE(comes([&] { return a_.has("new"); }));
}

// The first thing after an idle connection was lost is a change.
TEST_F(SharedRegistryTest, AConnectionThatEndedMeanwhileIsNobodysFault) {
  a_.start(server_->keeper(), 3'600 * kSecond);
  for (int i = 0; i < 5; ++i) {
    server_->say("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'keeper'");
    const auto made = a_.registry->create(client("c" + std::to_string(i)), "");
    EXPECT_TRUE(made) << made.error().message;
  }
  EXPECT_EQ(a_.registry->clients()->clients.size(), 5u);
}

TEST_F(SharedRegistryTest, AServerThatStandsStillCostsAChangeItsTimeAndNoMore) {
  a_.timeout_ns = kSecond;
  a_.start(server_->keeper());
  ASSERT_TRUE(a_.registry->create(client("app"), ""));
  server_->pause();
  EXPECT_TRUE(refused(a_.registry->remove("app"), Code::kUnavailable, "nothing was changed"));
  EXPECT_TRUE(a_.has("app"));
  server_->resume();
  ASSERT_TRUE(comes([&] { return a_.registry->state().problem.empty(); }));
  EXPECT_EQ(server_->value("select count(*) from sightglass_clients.clients where removed_ns = 0"),
            "1");
  EXPECT_TRUE(a_.registry->remove("app"));
}

TEST_F(SharedRegistryTest, WhatIsWrongIsSaidWithTheNextStep) {
  const auto says = [&](const exporting::PgOptions& link, std::string_view reason,
                        const std::string& part) {
    a_.start(link);
    EXPECT_TRUE(comes([&] { return a_.registry->state().reason == reason; }))
        << reason << ": " << a_.registry->state().problem;
    EXPECT_NE(a_.registry->state().problem.find(part), std::string::npos)
        << a_.registry->state().problem;
    EXPECT_NE(a_.log.all().find(part), std::string::npos);
    EXPECT_TRUE(refused(status_of(a_.registry->create(client("x"), "")), Code::kUnavailable, part));
  };
  says(server_->options("keeper", "wrong-password-0123456789"), "denied", "check username");
  says(server_->writer(), "denied", "sightglass_registry");
  says(server_->options("reader", RealPostgres::kWriterPassword), "denied", "sightglass_registry");
  auto silent = server_->keeper();
  silent.port = 1;
  says(silent, "connect", "addr");
  server_->say("update sightglass_clients.registry set version = 2");
  says(server_->keeper(), "schema", "run this version's deploy/postgres/clients.sql");
  server_->say("update sightglass_clients.registry set version = 1");
  server_->say("alter role keeper set default_transaction_read_only = on");
  says(server_->keeper(), "read_only", "name the primary");
  server_->say("alter role keeper reset default_transaction_read_only");
  server_->say("drop schema sightglass_clients cascade");
  says(server_->keeper(), "missing", "deploy/postgres/clients.sql");
  make_anew();
  ASSERT_TRUE(comes([&] { return a_.registry->state().problem.empty(); }));
  EXPECT_TRUE(a_.registry->create(client("x"), ""));
  EXPECT_EQ(a_.log.all().find("wrong-password"), std::string::npos);
}

TEST_F(SharedRegistryTest, AGatewayBringsItsClientsAndOneThatDisagreesKeepsItsOwn) {
  std::string gone;
  {
    auto own = a_.open_copy(false);
    ASSERT_TRUE(own->create(client("mine"), "the-key-of-mine-0001"));
    ASSERT_TRUE(own->create(client("gone"), "the-key-of-gone-0001"));
    ASSERT_TRUE(own->remove("gone"));
  }
  {
    auto own = b_.open_copy(false);
    ASSERT_TRUE(own->create(client("mine"), "another-key-of-mine-1"));
    ASSERT_TRUE(own->create(client("b"), "the-key-of-b-000000001"));
  }
  start_both();
  EXPECT_TRUE(comes([&] { return a_.registry->state().revision == 1; }));
  EXPECT_NE(a_.log.all().find("1 clients that were made on this gateway"), std::string::npos);
  ASSERT_TRUE(comes([&] { return b_.registry->state().reason == "conflict"; }));
  EXPECT_NE(b_.registry->state().problem.find("\"mine\""), std::string::npos);
  EXPECT_TRUE(b_.has("mine")) << "requests are served as before";
  EXPECT_TRUE(b_.has("b"));
  EXPECT_TRUE(refused(b_.registry->remove("b"), Code::kUnavailable, "without storage.clients"));
  EXPECT_EQ(server_->value("select count(*) from sightglass_clients.clients"), "1");
  b_.registry.reset();
  ASSERT_TRUE(b_.open_copy(false)->remove("mine"));
  b_.start(server_->keeper());
  ASSERT_TRUE(comes([&] { return b_.has("mine") && a_.has("b"); }));
  EXPECT_EQ(b_.registry->clients()->find("mine")->key, sha256("the-key-of-mine-0001"));
  EXPECT_EQ(b_.registry->clients()->revoked.size(), 2u);
}

TEST_F(SharedRegistryTest, ARegistryMadeAnewIsFilledAgainAndOneThatWentBackIsReadWhole) {
  start_both();
  ASSERT_TRUE(a_.registry->create(client("one"), ""));
  ASSERT_TRUE(a_.registry->create(client("two"), ""));
  ASSERT_TRUE(comes([&] { return b_.has("two"); }));
  make_anew();
  ASSERT_TRUE(comes(
      [&] { return server_->value("select count(*) from sightglass_clients.clients") == "2"; }));
  // Back to before "two": the number is one that was, the token is not.
  ASSERT_TRUE(a_.registry->create(client("three"), ""));
  ASSERT_TRUE(comes([&] { return b_.has("three"); }));
  server_->say(
      "delete from sightglass_clients.clients where client_id = 'two'; "
      "delete from sightglass_clients.keys where client_id = 'two'; "
      "delete from sightglass_clients.changes; "
      "update sightglass_clients.registry set token = 'restored'");
  EXPECT_TRUE(comes([&] { return !a_.has("two") && !b_.has("two"); }));
  EXPECT_TRUE(a_.has("one") && b_.has("three"));
  EXPECT_EQ(a_.registry->clients()->revoked.size(), 1u) << "what was a key is never sent on";
}

TEST_F(SharedRegistryTest, AStandbyIsFollowedAndTakesNoChangesUntilItIsThePrimary) {
  a_.start(server_->keeper());
  ASSERT_TRUE(a_.registry->create(client("app"), ""));
  server_->kill();
  server_->write("standby.signal", "");
  server_->start();
  a_.start(server_->keeper());
  ASSERT_TRUE(comes([&] { return a_.registry->state().reason == "read_only"; }))
      << a_.registry->state().problem;
  EXPECT_TRUE(a_.has("app"));
  b_.start(server_->keeper());
  EXPECT_TRUE(comes([&] { return b_.has("app"); })) << "it can be read";
  EXPECT_TRUE(refused(a_.registry->remove("app"), Code::kUnavailable, "name the primary"));
  server_->say("select pg_promote()");
  ASSERT_TRUE(comes([&] { return a_.registry->state().problem.empty(); }));
  EXPECT_TRUE(a_.registry->remove("app"));
  EXPECT_TRUE(comes([&] { return !b_.has("app"); }));
}

// Random changes over two gateways against a naive model; the server is killed in between.
TEST_F(SharedRegistryTest, AgreesWithAModelWhateverHappens) {
  SeededRandom random(2'906);
  std::map<std::string, ClientRecord> model;
  std::set<std::string> keys_used;
  std::set<Digest> revoked;
  start_both();
  Gateway* gateways[] = {&a_, &b_};
  const auto settled = [&](Gateway& g) {
    std::map<std::string, ClientRecord> known;
    const auto clients = g.registry->clients();
    for (const auto& one : clients->clients) known.emplace(one.id, one);
    return known == model &&
           std::set<Digest>(clients->revoked.begin(), clients->revoked.end()) == revoked;
  };
  int refusals = 0, done = 0;
  for (int step = 0; step < 300; ++step) {
    auto& g = *gateways[random.below(2)];
    const auto id = "c" + std::to_string(random.below(8));
    const bool there = model.contains(id);
    switch (random.below(6)) {
      case 0:
      case 1: {
        const auto key = "a-key-that-is-chosen-" + std::to_string(random.below(60));
        const auto made = g.registry->create(client(id), key);
        ASSERT_EQ(made.has_value(), !there && !keys_used.contains(key)) << step << " " << id;
        if (!made) break;
        keys_used.insert(key);
        model[id] = made->client;
        break;
      }
      case 2:
      case 3: {
        auto change = described("step " + std::to_string(step));
        change.make_key = random.below(2) == 0;
        const auto changed = g.registry->change(id, change);
        ASSERT_EQ(changed.has_value(), there) << step << " " << id;
        if (!changed) break;
        if (changed->client.key != model[id].key) revoked.insert(model[id].key);
        model[id] = changed->client;
        break;
      }
      case 4: {
        const auto removed = g.registry->remove(id);
        ASSERT_EQ(removed.has_value(), there) << step << " " << id;
        if (!removed) break;
        revoked.insert(model[id].key);
        model.erase(id);
        break;
      }
      default: {
        if (random.below(8) != 0) break;
        server_->kill();
        ASSERT_TRUE(comes([&] { return !g.registry->state().problem.empty(); }));
        const auto made = g.registry->create(client("away"), "");
        ASSERT_TRUE(refused(status_of(made), Code::kUnavailable, "nothing was changed"));
        if (random.below(2) == 0) g.start(server_->keeper());
        ASSERT_TRUE(settled(g)) << "the last known, also after a restart";
        server_->start();
        ++refusals;
        for (auto* one : gateways) {
          ASSERT_TRUE(comes([&] { return one->registry->state().problem.empty(); }));
        }
      }
    }
    ++done;
    ASSERT_TRUE(comes([&] { return settled(a_) && settled(b_); })) << step;
  }
  EXPECT_GT(refusals, 2);
  EXPECT_EQ(done, 300);
}

}  // namespace
}  // namespace sightglass::directory
