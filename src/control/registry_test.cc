// Clients in SQLite: made, changed, revoked, found again, and what a file that is not ours does.
#include "control/registry.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "base/text.h"

namespace sightglass::control {
namespace {

constexpr const char* kKey = "a-key-of-twenty-chars";

class RegistryTest : public ::testing::Test {
 protected:
  RegistryTest() {
    std::string name = (std::filesystem::temp_directory_path() / "sightglass-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    options_.path = folder_ + "/control.db";
  }
  ~RegistryTest() override { std::filesystem::remove_all(folder_); }

  Result<std::unique_ptr<Registry>> open() { return Registry::open(options_, clock_, random_); }
  std::unique_ptr<Registry> must_open() {
    auto opened = open();
    EXPECT_TRUE(opened) << opened.error().message;
    return std::move(*opened);
  }
  // Runs SQL by SQLite itself, as anybody could.
  void sql(const std::string& text) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(options_.path.c_str(), &db), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(db, text.c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(db);
  }
  std::string file_bytes() {
    std::string out;
    for (const auto* name : {"/control.db", "/control.db-wal"}) {
      std::ifstream in(folder_ + name, std::ios::binary);
      out.append(std::istreambuf_iterator<char>(in), {});
    }
    return out;
  }

  std::string folder_;
  Registry::Options options_;
  ManualClock clock_;
  SeededRandom random_{1};
};

ClientRecord client(std::string id) {
  ClientRecord out;
  out.id = std::move(id);
  return out;
}

// S4-A04
TEST_F(RegistryTest, KeepsEverythingOfAClientOverARestart) {
  ClientRecord given = client("client-123");
  given.description = "Zoë's batch job";
  given.allowed_providers = {"openai", "anthropic"};
  given.allowed_models = {"gpt-4o*"};
  given.limits = {1, 2, 3, 4, 5, 6};
  given.expires_ns = 1'800'000'000 * kSecond;
  ClientRecord made;
  {
    auto registry = must_open();
    const auto created = registry->create(given, kKey);
    ASSERT_TRUE(created);
    EXPECT_EQ(created->key, "") << "a chosen key is not shown";
    made = created->client;
    EXPECT_EQ(made.created_ns, clock_.wall_ns());
    EXPECT_EQ(made.key, sha256(kKey));
  }
  auto registry = must_open();
  ASSERT_EQ(registry->clients()->clients.size(), 1u);
  EXPECT_EQ(registry->clients()->clients[0], made);
}

TEST_F(RegistryTest, MakesAKeyThatIsShownOnceAndStoredHashed) {
  auto registry = must_open();
  const auto created = registry->create(client("a"), "");
  ASSERT_TRUE(created);
  EXPECT_TRUE(created->key.starts_with("sg_")) << "never sent upstream";
  EXPECT_EQ(created->key.size(), 51u);
  EXPECT_EQ(created->client.key, sha256(created->key));
  const auto bytes = file_bytes();
  EXPECT_EQ(bytes.find(created->key), std::string::npos);
  const auto digest = sha256(created->key);
  EXPECT_NE(bytes.find(std::string(reinterpret_cast<const char*>(digest.data()), digest.size())),
            std::string::npos);
}

// S4-A04
TEST_F(RegistryTest, RefusesDoublesOfIdsAndKeys) {
  options_.configured.ids = {"app"};
  options_.configured.keys = {sha256("the-key-of-the-configured")};
  auto registry = must_open();
  ASSERT_TRUE(registry->create(client("a"), kKey));
  EXPECT_EQ(registry->create(client("a"), "another-key-of-twenty").error().code, Code::kExists);
  EXPECT_EQ(registry->create(client("app"), "another-key-of-twenty").error().code, Code::kExists);
  EXPECT_EQ(registry->create(client("b"), kKey).error().code, Code::kExists);
  EXPECT_EQ(registry->create(client("b"), "the-key-of-the-configured").error().code, Code::kExists);
  EXPECT_EQ(registry->clients()->clients.size(), 1u);
}

TEST_F(RegistryTest, RefusesWhatIsNoClient) {
  auto registry = must_open();
  for (const auto* id : {"", "a b", "a/b", "list", "anonymous", "..", "\xff"}) {
    EXPECT_EQ(registry->create(client(id), kKey).error().code, Code::kInvalid) << id;
  }
  for (const auto* key : {"short", "nineteen-characters", "with a blank in its mid"}) {
    EXPECT_EQ(registry->create(client("a"), key).error().code, Code::kInvalid) << key;
  }
  auto odd = client("a");
  odd.description = "a\nb";
  EXPECT_EQ(registry->create(odd, kKey).error().code, Code::kInvalid);
  odd = client("a");
  odd.limits.nanousd_per_day = -1;
  EXPECT_EQ(registry->create(odd, kKey).error().code, Code::kInvalid);
  odd = client("a");
  odd.allowed_models = {"a b"};
  EXPECT_EQ(registry->create(odd, kKey).error().code, Code::kInvalid);
  EXPECT_TRUE(registry->clients()->clients.empty());
}

// S4-A05
TEST_F(RegistryTest, ARemovedClientsKeyStaysRevokedForGood) {
  auto registry = must_open();
  ASSERT_TRUE(registry->create(client("a"), kKey));
  ASSERT_TRUE(registry->remove("a"));
  EXPECT_EQ(registry->remove("a").error().code, Code::kNotFound);
  registry = nullptr;
  registry = must_open();
  EXPECT_TRUE(registry->clients()->clients.empty());
  EXPECT_EQ(registry->clients()->revoked, std::vector{sha256(kKey)});
  EXPECT_EQ(registry->create(client("b"), kKey).error().code, Code::kExists) << "its key";
  EXPECT_TRUE(registry->create(client("a"), "another-key-of-twenty")) << "its id is free";
}

TEST_F(RegistryTest, AKeyThatWasRevokedElsewhereIsRevokedHereWhoeversItIs) {
  auto registry = must_open();
  ASSERT_TRUE(registry->create(client("a"), kKey));
  ASSERT_TRUE(registry->create(client("b"), "another-key-of-twenty"));
  const auto nobodys = sha256("a-key-that-is-nobodys");
  EXPECT_TRUE(registry->revoke_soon({sha256(kKey), nobodys, nobodys}));
  ASSERT_TRUE(registry->create(client("c"), "the-key-of-a-third-one")) << "jobs are done in order";
  EXPECT_EQ(registry->clients()->find("a"), nullptr);
  EXPECT_NE(registry->clients()->find("b"), nullptr);
  EXPECT_EQ(registry->clients()->revoked.size(), 2u);
  registry = nullptr;
  registry = must_open();
  EXPECT_EQ(registry->clients()->revoked.size(), 2u);
  EXPECT_EQ(registry->create(client("d"), "a-key-that-is-nobodys").error().code, Code::kExists);
  EXPECT_TRUE(registry->create(client("a"), "another-key-of-client-a")) << "its id is free";
}

TEST_F(RegistryTest, ChangesOnlyWhatIsNamed) {
  auto registry = must_open();
  auto given = client("a");
  given.description = "before";
  given.allowed_providers = {"openai"};
  ASSERT_TRUE(registry->create(given, kKey));
  ClientChange change;
  change.limits = ClientLimits{10, 0, 0, 0, 0, 0};
  ASSERT_TRUE(registry->change("a", change));
  const auto now = registry->clients()->clients[0];
  EXPECT_EQ(now.description, "before");
  EXPECT_EQ(now.allowed_providers, given.allowed_providers);
  EXPECT_EQ(now.limits.requests_per_minute, 10);
  EXPECT_EQ(now.key, sha256(kKey));
  EXPECT_EQ(registry->change("b", change).error().code, Code::kNotFound);
}

TEST_F(RegistryTest, ANewKeyRevokesTheOldOne) {
  auto registry = must_open();
  ASSERT_TRUE(registry->create(client("a"), kKey));
  ClientChange change;
  change.make_key = true;
  const auto changed = registry->change("a", change);
  ASSERT_TRUE(changed);
  EXPECT_EQ(registry->clients()->clients[0].key, sha256(changed->key));
  EXPECT_EQ(registry->clients()->revoked, std::vector{sha256(kKey)});
}

TEST_F(RegistryTest, TellsItsListenerBeforeACallReturns) {
  auto registry = must_open();
  std::shared_ptr<const Clients> told;
  registry->listen([&](auto clients) { told = std::move(clients); });
  ASSERT_TRUE(registry->create(client("a"), kKey));
  ASSERT_NE(told, nullptr);
  EXPECT_NE(told->find("a"), nullptr);
  ASSERT_TRUE(registry->remove("a"));
  EXPECT_EQ(told->find("a"), nullptr);
}

TEST_F(RegistryTest, ManyCallersAtOnceMakeEachClientOnce) {
  auto registry = must_open();
  std::atomic<int> made{0};
  std::vector<std::thread> callers;
  for (int t = 0; t < 4; ++t) {
    callers.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) {
        const auto key = "a-key-of-the-caller-" + std::to_string(t) + "-" + std::to_string(i + 100);
        if (registry->create(client("c" + std::to_string(i)), key)) ++made;
      }
    });
  }
  for (auto& caller : callers) caller.join();
  EXPECT_EQ(made.load(), 10);
  EXPECT_EQ(registry->clients()->clients.size(), 10u);
}

TEST_F(RegistryTest, TheFileIsTheOwnersAlone) {
  auto registry = must_open();
  ASSERT_TRUE(registry->create(client("a"), kKey));
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
    struct stat found{};
    ASSERT_EQ(::stat(entry.path().c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 0777, 0600u) << entry.path();
  }
}

TEST_F(RegistryTest, AnOlderSchemaIsBroughtUpToThisOne) {
  sql("PRAGMA user_version=0");  // as an empty file is
  auto registry = must_open();
  EXPECT_TRUE(registry->create(client("a"), kKey));
  registry = nullptr;
  sql("DROP TABLE shared; PRAGMA user_version=1");
  registry = must_open();
  EXPECT_NE(registry->clients()->find("a"), nullptr) << "what was there stays";
  EXPECT_EQ(registry->revision(), Revision());
}

class CopyTest : public RegistryTest {
 protected:
  CopyTest() { options_.shared = true; }
  static SharedClients state(std::int64_t number, bool whole, std::vector<SharedKey> keys) {
    SharedClients out;
    out.at = {"registry", number, "token"};
    out.whole = whole;
    for (const auto& key : keys) {
      if (key.revoked_ns != 0) continue;
      out.clients.push_back(client(key.client_id));
      out.clients.back().key = key.digest;
    }
    out.keys = std::move(keys);
    return out;
  }
  static std::string ids(const Registry& registry) {
    std::string out;
    for (const auto& one : registry.clients()->clients) out += one.id + " ";
    return out;
  }
};

TEST_F(CopyTest, TakesOverWhatChangedAndKeepsItsRevision) {
  auto registry = must_open();
  ASSERT_TRUE(registry->adopt(state(
      3, true, {{sha256("a"), "a", 1, 0}, {sha256("b"), "b", 1, 0}, {sha256("o"), "", 1, 2}})));
  EXPECT_EQ(ids(*registry), "a b ");
  auto next = state(4, false, {{sha256("a"), "a", 1, 9}, {sha256("a2"), "a", 1, 0}});
  next.removed = {"b"};
  next.keys.push_back({sha256("b"), "b", 1, 9});
  ASSERT_TRUE(registry->adopt(next));
  EXPECT_EQ(ids(*registry), "a ");
  EXPECT_EQ(registry->clients()->clients[0].key, sha256("a2"));
  EXPECT_EQ(registry->clients()->revoked.size(), 3u);
  registry = nullptr;
  registry = must_open();
  EXPECT_EQ(ids(*registry), "a ");
  EXPECT_EQ(registry->revision()->number, 4);
  registry = nullptr;
  options_.shared = false;
  EXPECT_EQ(must_open()->revision(), Revision()) << "alone it changes what no revision knows of";
}

TEST_F(CopyTest, TheWholeEndsWhatItDoesNotNameAndGivesNoRevokedKeyBack) {
  auto registry = must_open();
  ASSERT_TRUE(registry->adopt(state(
      3, true, {{sha256("a"), "a", 1, 0}, {sha256("b"), "b", 1, 0}, {sha256("c"), "c", 1, 0}})));
  ASSERT_TRUE(registry->adopt(state(4, false, {{sha256("b"), "b", 1, 9}})));
  // As before the revocation, and before "c".
  ASSERT_TRUE(
      registry->adopt(state(2, true, {{sha256("a"), "a", 1, 0}, {sha256("b"), "b", 1, 0}})));
  EXPECT_EQ(ids(*registry), "a ") << "a client without a key in force is none";
  const auto revoked = registry->clients()->revoked;
  EXPECT_EQ(std::set<Digest>(revoked.begin(), revoked.end()),
            (std::set<Digest>{sha256("b"), sha256("c")}));
  // The registry has "c" again; "b" was revoked.
  ASSERT_TRUE(
      registry->adopt(state(3, false, {{sha256("b"), "b", 1, 0}, {sha256("c"), "c", 1, 0}})));
  EXPECT_EQ(ids(*registry), "a c ");
}

TEST_F(RegistryTest, ANewerSchemaIsRefused) {
  must_open() = nullptr;
  sql("PRAGMA user_version=" + std::to_string(kSchemaVersion + 1));
  const auto opened = open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kVersion);
  EXPECT_NE(opened.error().message.find("newer version"), std::string::npos);
}

TEST_F(RegistryTest, ADamagedFileIsRefusedWithTheNextStep) {
  {
    auto registry = must_open();
    for (int i = 0; i < 200; ++i) {
      ASSERT_TRUE(registry->create(client("c" + std::to_string(i)),
                                   "a-key-of-twenty-chars" + std::to_string(i)));
    }
  }
  const auto size = std::filesystem::file_size(options_.path);
  ASSERT_GT(size, 16'384u);
  std::filesystem::copy(options_.path, folder_ + "/good");
  for (const bool all : {true, false}) {
    std::fstream file(options_.path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(all ? 0 : 8'192);  // the header, or a page in the middle
    file << std::string(4'096, '\xa5');
    file.close();
    const auto opened = open();
    ASSERT_FALSE(opened) << all;
    EXPECT_EQ(opened.error().code, Code::kCorrupt);
    EXPECT_NE(opened.error().message.find("backup"), std::string::npos);
    std::filesystem::copy(folder_ + "/good", options_.path,
                          std::filesystem::copy_options::overwrite_existing);
  }
  EXPECT_TRUE(open()) << "the copy is whole";
}

TEST_F(RegistryTest, RowsOfSomebodyElseAreNotServed) {
  must_open() = nullptr;
  sql("INSERT INTO clients VALUES ('a b', '', '', '', 0, 0, 0, 0, 0, 0, 0, 0);"
      "INSERT INTO keys VALUES (zeroblob(32), 'a b', 0, 0)");
  EXPECT_EQ(open().error().code, Code::kCorrupt);
}

}  // namespace
}  // namespace sightglass::control
