// Who may enter what: each realm with nothing, the wrong thing, what has ended, and the right
// thing.
#include "http/auth.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <mutex>

#include "http/admission.h"
#include "http/test_server.h"

namespace sightglass::http {
namespace {

class HeardEvents final : public AuthEvents {
 public:
  void on_admin_request(const AdminRequest& r) override {
    say("[AUDIT] " + std::string(r.method) + " " + std::string(r.path) + " from " +
        std::string(r.address) + " as " + std::string(r.actor));
  }
  void on_admin_done(const AdminRequest& r, int status, std::int64_t duration_ns) override {
    EXPECT_GE(duration_ns, 0);
    say("[AUDIT] " + std::string(r.method) + " " + std::string(r.path) + " completed " +
        std::to_string(status));
  }
  void on_login_ok(std::string_view id, std::string_view address) override {
    say("login ok " + std::string(id) + " " + std::string(address));
  }
  void on_login_failed(std::string_view address) override {
    say("login failed " + std::string(address));
  }
  void on_refused(std::string_view reason, std::string_view) override {
    say("refused " + std::string(reason));
  }
  void on_rate_limited(std::string_view what, std::string_view address) override {
    say("limited " + std::string(what) + " " + std::string(address));
  }
  bool heard(const std::string& line) {
    const std::scoped_lock lock(mutex_);
    return std::find(lines_.begin(), lines_.end(), line) != lines_.end();
  }
  std::string all() {
    const std::scoped_lock lock(mutex_);
    std::string out;
    for (const auto& line : lines_) out += line + "\n";
    return out;
  }

 private:
  void say(std::string line) {
    const std::scoped_lock lock(mutex_);
    lines_.push_back(std::move(line));
  }
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

class AuthTest : public ::testing::Test {
 protected:
  AuthTest() {
    char folder[] = "/tmp/sg-auth-XXXXXX";
    EXPECT_NE(mkdtemp(folder), nullptr);
    options.data_folder = folder;
    options.admin_keys = {"admin-key"};
    options.admin_password = "correct horse battery staple";
    options.scrape_tokens = {"scrape-token-0123456789"};
    options.ingest_keys = {"ingest-key-0123456789"};
    options.admin_requests_per_minute = 1000;
  }
  ~AuthTest() override {
    server.reset();
    std::filesystem::remove_all(options.data_folder);
  }
  Auth& make() {
    auto made = Auth::make(options, fs, clock, random, telemetry, log, events);
    EXPECT_TRUE(made.has_value()) << made.error().message;
    auth = std::move(*made);
    return *auth;
  }
  void serve(ServerOptions server_options = {}) {
    if (!auth) make();
    const auto who = simple([](const SimpleRequest& r) {
      Response response;
      response.body = "actor=" + r.actor;
      return response;
    });
    std::vector<Route> routes = {open_route("GET", "/open", who),
                                 open_route("POST", "/api/login", who),
                                 open_route("GET", "/metrics", who, Realm::kScrape),
                                 open_route("GET", "/admin/v1/clients/{id}", who, Realm::kAdmin),
                                 open_route("DELETE", "/admin/v1/clients/{id}", who, Realm::kAdmin),
                                 open_route("GET", "/", who, Realm::kPage),
                                 open_route("POST", "/ingest/v1/events", who, Realm::kIngest)};
    routes[1].changes = routes[4].changes = true;
    server = std::make_unique<TestServer>(std::move(routes), std::move(server_options), auth.get());
  }
  TestClient::Answer ask(const std::string& path, const std::string& fields = {},
                         const std::string& method = "GET") {
    TestClient client(server->port());
    return client.ask(method + " " + path + " HTTP/1.1\r\nHost: localhost:" +
                      std::to_string(server->port()) + "\r\n" + fields + "\r\n");
  }
  int status(const std::string& path, const std::string& fields = {},
             const std::string& method = "GET") {
    return ask(path, fields, method).status;
  }
  double counted(std::string_view name, std::string_view label) {
    for (const auto& family : telemetry.collect()) {
      if (family.name != name) continue;
      for (const auto& sample : family.samples) {
        if (sample.labels[0].second == label) return sample.value;
      }
    }
    return -1;
  }

  AuthOptions options;
  PosixFileSystem fs;
  ManualClock clock;
  SeededRandom random{7};
  Telemetry telemetry;
  NullLog log;
  HeardEvents events;
  std::unique_ptr<Auth> auth;
  std::unique_ptr<TestServer> server;
};

const std::string kVia = "Via: 1.1 proxy\r\n";  // takes "open on loopback" away

std::string bearer(const std::string& token) { return "Authorization: Bearer " + token + "\r\n"; }
std::string cookie(const std::string& token) { return "Cookie: a=b; sg_session=" + token + "\r\n"; }

// S2-B46, S4-C01, S4-B11: the matrix of realms and credentials.
TEST_F(AuthTest, EachRealmTakesWhatItShouldAndNothingElse) {
  serve();
  const auto right = auth->login("admin", options.admin_password, "127.0.0.1", false).token;
  const auto revoked = auth->login("admin", options.admin_password, "127.0.0.1", false).token;
  net::RequestHead head;
  const auto field = "Bearer " + revoked;
  head.headers.all.push_back({"authorization", field});
  ASSERT_TRUE(auth->logout(head, false).has_value());
  auto forged = right;
  forged.back() = forged.back() == 'A' ? 'E' : 'A';

  struct Row {
    std::string credential;
    int scrape, admin;
  };
  const Row rows[] = {
      {"", 401, 401},
      {bearer("wrong"), 401, 401},
      {bearer("webui-admin-1700000000"), 401, 401},
      {bearer(revoked), 401, 401},
      {bearer(forged), 401, 401},
      {"Authorization: Basic YWRtaW46YWRtaW4ta2V5\r\n", 401, 401},
      {cookie("admin-key"), 401, 401},
      {cookie(revoked), 401, 401},
      {bearer("scrape-token-0123456789"), 200, 403},
      {bearer("admin-key"), 200, 200},
      {"Authorization: bearer   admin-key\r\n", 200, 200},
      {"x-api-key: admin-key\r\n", 200, 200},
      {bearer(right), 200, 200},
      {"X-Api-Key: " + right + "\r\n", 200, 200},
      {cookie(right), 200, 200},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(status("/open", kVia + row.credential), 200) << row.credential;
    EXPECT_EQ(status("/", kVia + row.credential), 200) << row.credential;
    EXPECT_EQ(status("/metrics", kVia + row.credential), row.scrape) << row.credential;
    EXPECT_EQ(status("/admin/v1/clients/a", kVia + row.credential), row.admin) << row.credential;
  }
  EXPECT_EQ(status("/admin/v1/clients/a?token=admin-key&key=admin-key"), 401);
  clock.advance(24 * 3600 * kSecond);
  EXPECT_EQ(status("/metrics", kVia + bearer(right)), 401);
  EXPECT_EQ(status("/admin/v1/clients/a", cookie(right)), 401);
  EXPECT_GT(counted("sightglass_auth_total", "expired"), 0);
  EXPECT_GT(counted("sightglass_auth_total", "revoked"), 0);
  EXPECT_GT(counted("sightglass_auth_total", "forged"), 0);
}

TEST_F(AuthTest, TheActorIsKnownToTheHandler) {
  serve();
  const auto token = auth->login("eve", "admin-key", "127.0.0.1", false).token;
  EXPECT_EQ(ask("/admin/v1/clients/a", bearer(token)).body, "actor=eve");
  EXPECT_EQ(ask("/admin/v1/clients/a", bearer("admin-key")).body, "actor=admin");
  EXPECT_EQ(ask("/metrics").body, "actor=");
}

TEST_F(AuthTest, RefusalsHaveThePrintedShape) {
  serve();
  const auto missing = ask("/admin/v1/clients/a");
  EXPECT_EQ(missing.field("content-type"), "application/json");
  EXPECT_EQ(missing.field("www-authenticate"), "Bearer");
  EXPECT_TRUE(missing.body.starts_with(
      R"({"error":{"message":"Authorization header required","type":"authentication_error")"));
  EXPECT_TRUE(ask("/admin/v1/clients/a", "Authorization: Basic eA==\r\n")
                  .body.starts_with(R"({"error":{"message":"Bearer token required")"));
  EXPECT_TRUE(ask("/admin/v1/clients/a", bearer("x"))
                  .body.starts_with(R"({"error":{"message":"Invalid admin token")"));
}

// security.md: bound to loopback, called by a loopback name with our port, and no foreign trace.
TEST_F(AuthTest, OpenOnLoopbackMeansExactlyThat) {
  ServerOptions server_options;
  server_options.allowed_hosts = {"rebound.example"};
  server_options.listens.push_back({{"127.0.0.1", 0}, {}, {}});
  server_options.listens.push_back({{"0.0.0.0", 0}, {}, {}});
  serve(std::move(server_options));
  const auto port = std::to_string(server->port());
  const auto open = [&](const std::string& host, const std::string& fields = {}) {
    TestClient client(server->port());
    return client.ask("GET /metrics HTTP/1.1\r\nHost: " + host + "\r\n" + fields + "\r\n").status;
  };
  for (const auto& host : {"localhost:" + port, "127.0.0.1:" + port, "[::1]:" + port}) {
    EXPECT_EQ(open(host), 200) << host;
  }
  EXPECT_EQ(open("localhost"), 401);
  EXPECT_EQ(open("localhost:1"), 401);
  EXPECT_EQ(open("rebound.example:" + port), 401);
  for (const char* trace : {"Via: 1.1 x\r\n", "Forwarded: for=1.2.3.4\r\n",
                            "X-Forwarded-For: 127.0.0.1\r\n", "X-Forwarded-Proto: https\r\n",
                            "x-forwarded-anything: 1\r\n", "Origin: http://localhost\r\n"}) {
    EXPECT_EQ(open("localhost:" + port, trace), 401) << trace;
  }
  EXPECT_EQ(open("localhost:" + port, bearer("wrong")), 200) << "open is open";
  TestClient wide(server->port(1));
  EXPECT_EQ(wide.ask("GET /metrics HTTP/1.1\r\nHost: localhost:" + std::to_string(server->port(1)) +
                     "\r\n\r\n")
                .status,
            401);
  EXPECT_EQ(status("/admin/v1/clients/a"), 401) << "the admin realm is never open";
}

TEST_F(AuthTest, AChangeByCookieMustComeFromOurOwnPage) {
  serve();
  const auto token = auth->login("admin", "admin-key", "127.0.0.1", false).token;
  const auto change = [&](const std::string& fields) {
    return status("/admin/v1/clients/a", fields, "DELETE");
  };
  const auto origin = "http://localhost:" + std::to_string(server->port());
  EXPECT_EQ(change(cookie(token)), 403);
  EXPECT_EQ(change(cookie(token) + "Origin: " + origin + "\r\n"), 200);
  EXPECT_EQ(change(cookie(token) + "Sec-Fetch-Site: same-origin\r\n"), 200);
  EXPECT_EQ(change(cookie(token) + "Sec-Fetch-Site: same-site\r\n"), 403);
  EXPECT_EQ(change(cookie(token) + "Sec-Fetch-Site: none\r\n"), 403);
  EXPECT_EQ(change(cookie(token) + "Origin: http://evil.example\r\n"), 403);
  EXPECT_EQ(change(cookie(token) + "Origin: null\r\n"), 403);
  EXPECT_EQ(change(cookie(token) + "Origin: http://localhost:1\r\n"), 403);
  EXPECT_EQ(change(bearer(token)), 200) << "a header is not sent by itself";
  EXPECT_EQ(status("/admin/v1/clients/a", cookie(token)), 200) << "reading needs no more";
  EXPECT_EQ(status("/admin/v1/clients/a", cookie(token) + "Sec-Fetch-Site: cross-site\r\n"), 403);
  EXPECT_EQ(status("/api/login", "Sec-Fetch-Site: cross-site\r\n", "POST"), 403);
  EXPECT_EQ(status("/api/login", "", "POST"), 200);
}

TEST_F(AuthTest, LoginGivesACookieThatScriptsAndOtherSitesCannotUse) {
  auto& a = make();
  const auto plain = a.login("admin", "admin-key", "", false);
  ASSERT_EQ(plain.outcome, Auth::Login::Outcome::kOk);
  EXPECT_EQ(plain.set_cookie,
            "sg_session=" + plain.token + "; Path=/; HttpOnly; SameSite=Strict; Max-Age=86400");
  const auto secure = a.login("admin", "admin-key", "", true);
  EXPECT_TRUE(secure.set_cookie.starts_with("__Host-sg_session="));
  EXPECT_TRUE(secure.set_cookie.ends_with("; Secure"));
}

TEST_F(AuthTest, WrongLoginsAreRefusedAndThenLimited) {
  auto& a = make();
  using Outcome = Auth::Login::Outcome;
  EXPECT_EQ(a.login("other", options.admin_password, "192.0.2.1", false).outcome, Outcome::kWrong);
  EXPECT_EQ(a.login("admin", "", "192.0.2.1", false).outcome, Outcome::kWrong);
  EXPECT_EQ(a.login("a b\n", "admin-key", "192.0.2.1", false).outcome, Outcome::kWrong);
  for (int i = 0; i < 7; ++i) {
    EXPECT_EQ(a.login("admin", "guess", "192.0.2.1", false).outcome, Outcome::kWrong);
  }
  const auto limited = a.login("admin", options.admin_password, "192.0.2.1", false);
  EXPECT_EQ(limited.outcome, Outcome::kLimited) << "even the right one";
  EXPECT_EQ(limited.retry_after_s, 60);
  EXPECT_EQ(a.login("admin", options.admin_password, "192.0.2.2", false).outcome, Outcome::kOk);
  clock.advance(60 * kSecond);
  EXPECT_EQ(a.login("admin", options.admin_password, "192.0.2.1", false).outcome, Outcome::kOk);
  EXPECT_TRUE(events.heard("login failed 192.0.2.1"));
  EXPECT_TRUE(events.heard("limited login 192.0.2.1"));
  EXPECT_TRUE(events.heard("login ok admin 192.0.2.2"));
  EXPECT_EQ(counted("sightglass_logins_total", "failed"), 10);
}

TEST_F(AuthTest, AnEmptyConfiguredPasswordOpensNothing) {
  options.admin_password.clear();
  auto& a = make();
  EXPECT_EQ(a.login("admin", "", "", false).outcome, Auth::Login::Outcome::kWrong);
}

// S4-Q02: the 101st admin request in a minute.
TEST_F(AuthTest, TheHundredAndFirstAdminRequestInAMinuteIsRefused) {
  options.admin_requests_per_minute = 100;
  serve();
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(status("/admin/v1/clients/a", bearer("admin-key")), 200);
    clock.advance(kSecond / 2);
  }
  const auto refused = ask("/admin/v1/clients/a", bearer("admin-key"));
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.field("retry-after"), "10");
  EXPECT_TRUE(refused.body.starts_with(
      R"({"error":{"message":"Rate limit exceeded","type":"rate_limit_error")"));
  EXPECT_EQ(status("/admin/v1/clients/a"), 401) << "another identity counts apart";
  EXPECT_EQ(status("/metrics", bearer("admin-key")), 200) << "scraping is not counted";
  clock.advance(10 * kSecond);
  EXPECT_EQ(status("/admin/v1/clients/a", bearer("admin-key")), 200);
  EXPECT_TRUE(events.heard("limited admin 127.0.0.1"));
}

TEST_F(AuthTest, RequestsWithoutCredentialsAreLimitedToo) {
  options.admin_requests_per_minute = 5;
  serve();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(status("/admin/v1/clients/a", bearer("guess")), 401);
  EXPECT_EQ(status("/admin/v1/clients/a", bearer("guess")), 429);
  EXPECT_EQ(status("/metrics", kVia + bearer("guess")), 429);
  EXPECT_EQ(status("/admin/v1/clients/a", bearer("admin-key")), 200);
}

// S4-F05, S4-F06, S4-F07, S4-B09.
TEST_F(AuthTest, AdminRequestsAreAuditedWithoutQueriesAndKeys) {
  serve();
  status("/admin/v1/clients/client-123?api_key=sk-secret", bearer("admin-key"), "DELETE");
  EXPECT_TRUE(eventually(
      [&] { return events.heard("[AUDIT] DELETE /admin/v1/clients/client-123 completed 200"); }));
  EXPECT_TRUE(events.heard("[AUDIT] DELETE /admin/v1/clients/client-123 from 127.0.0.1 as admin"));
  status("/admin/v1/clients/sk-abcdef0123456789", bearer("wrong"));
  EXPECT_TRUE(
      eventually([&] { return events.heard("[AUDIT] GET /admin/v1/clients/{id} completed 401"); }));
  status("/admin/v1/clients/a%0ab", bearer("admin-key"));
  EXPECT_TRUE(
      eventually([&] { return events.heard("[AUDIT] GET /admin/v1/clients/{id} completed 200"); }));
  status("/metrics");
  status("/open");
  const auto all = events.all();
  EXPECT_EQ(all.find("sk-"), std::string::npos);
  EXPECT_EQ(all.find("api_key"), std::string::npos);
  EXPECT_EQ(all.find("/metrics"), std::string::npos);
}

TEST_F(AuthTest, TheUnixSocketsUserIsLocal) {
  ServerOptions server_options;
  server_options.listens.push_back({{}, options.data_folder + "/admin.sock", {}});
  serve(std::move(server_options));
  TestClient client(options.data_folder + "/admin.sock");
  const auto answer = client.ask("DELETE /admin/v1/clients/a HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "actor=local");
  EXPECT_TRUE(events.heard("[AUDIT] DELETE /admin/v1/clients/a from local as local"));
}

TEST_F(AuthTest, TheFirstStartMakesAKeyAndKeepsOnlyItsHash) {
  options.admin_keys.clear();
  const auto key = make().take_new_admin_key();
  ASSERT_TRUE(key.has_value());
  EXPECT_TRUE(key->starts_with("sg_admin_"));
  EXPECT_EQ(key->size(), 9u + 64u);
  EXPECT_FALSE(auth->take_new_admin_key().has_value()) << "shown once";
  const auto names = fs.list(options.data_folder);
  ASSERT_TRUE(names.has_value());
  EXPECT_GE(names->size(), 2u);
  for (const auto& name : *names) {
    const auto content = read_file(fs, options.data_folder + "/" + name);
    EXPECT_EQ(content->find(*key), std::string::npos) << name;
    struct stat info{};
    ASSERT_EQ(stat((options.data_folder + "/" + name).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u) << name;
  }
  EXPECT_EQ(auth->login("admin", *key, "", false).outcome, Auth::Login::Outcome::kOk);
  EXPECT_FALSE(make().take_new_admin_key().has_value()) << "the second start has one";
  EXPECT_EQ(auth->login("admin", *key, "", false).outcome, Auth::Login::Outcome::kOk);
}

TEST_F(AuthTest, ANewAdminKeyEndsTheOldOneAndAllSessions) {
  options.admin_keys.clear();
  const auto old = *make().take_new_admin_key();
  serve();
  const auto token = auth->login("admin", old, "127.0.0.1", false).token;
  EXPECT_EQ(status("/admin/v1/clients/a", bearer(token)), 200);
  const auto fresh = auth->replace_admin_key();
  ASSERT_TRUE(fresh.has_value());
  EXPECT_EQ(status("/admin/v1/clients/a", bearer(token)), 401);
  EXPECT_EQ(status("/admin/v1/clients/a", bearer(old)), 401);
  EXPECT_EQ(status("/admin/v1/clients/a", bearer(*fresh)), 200);
}

TEST_F(AuthTest, LoginsAndLogoutsOutlastARestart) {
  const auto kept = make().login("admin", "admin-key", "", false).token;
  const auto ended = auth->login("admin", "admin-key", "", false).token;
  net::RequestHead head;
  const auto field = "sg_session=" + ended;
  head.headers.all.push_back({"Cookie", field});
  const auto cleared = auth->logout(head, false);
  ASSERT_TRUE(cleared.has_value());
  EXPECT_TRUE(cleared->starts_with("sg_session=; Path=/;"));
  EXPECT_NE(cleared->find("Max-Age=0"), std::string::npos);
  make();
  serve();
  EXPECT_EQ(status("/admin/v1/clients/a", bearer(kept)), 200);
  EXPECT_EQ(status("/admin/v1/clients/a", bearer(ended)), 401);
}

TEST_F(AuthTest, ConfiguredKeysMustBeLongEnoughForTheirReach) {
  const auto fails = [&] {
    return !Auth::make(options, fs, clock, random, telemetry, log, events).has_value();
  };
  EXPECT_FALSE(fails()) << "any length on loopback";
  options.reach = AuthOptions::Reach::kNetwork;
  EXPECT_TRUE(fails());
  options.admin_keys = {"sixteen-letters!"};
  EXPECT_FALSE(fails());
  options.admin_keys = {""};
  EXPECT_TRUE(fails());
  options.reach = AuthOptions::Reach::kLoopback;
  EXPECT_TRUE(fails()) << "an empty key never";
}

TEST_F(AuthTest, ATokenCannotChooseItsAlgorithm) {
  serve();
  const auto payload =
      base64url(R"({"admin_id":"x","type":"webui","jti":"00","iat":1700000000,"exp":9999999999})");
  const auto none = base64url(R"({"alg":"none","typ":"JWT"})") + "." + payload + ".";
  EXPECT_EQ(status("/admin/v1/clients/a", bearer(none)), 401);
  // Signed under the admin key or the empty one, as the original does.
  const auto text = base64url(R"({"alg":"HS256","typ":"JWT"})") + "." + payload;
  for (const std::string key : {"admin-key", ""}) {
    const auto digest = hmac_sha256(key, text);
    const auto token =
        text + "." + base64url({reinterpret_cast<const char*>(digest.data()), digest.size()});
    EXPECT_EQ(status("/admin/v1/clients/a", bearer(token)), 401) << key;
  }
}

TEST(Sessions, PastItsBoundTheListOfRevokedTokensEndsAllSessions) {
  char folder[] = "/tmp/sg-sessions-XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  PosixFileSystem fs;
  SeededRandom random(3);
  Sessions sessions(fs, folder, random, 2);
  ASSERT_TRUE(sessions.load(0).has_value());
  std::string id;
  const auto bystander = sessions.issue("a", 100, 1000);
  const auto first = sessions.issue("a", 100, 1000);
  ASSERT_TRUE(sessions.revoke(first, 100).has_value());
  EXPECT_EQ(sessions.check(first, 100, id), TokenState::kRevoked);
  EXPECT_EQ(sessions.check(bystander, 100, id), TokenState::kValid);
  EXPECT_EQ(id, "a");
  EXPECT_EQ(sessions.check(bystander, 1100, id), TokenState::kExpired);
  ASSERT_TRUE(sessions.revoke(sessions.issue("b", 100, 1000), 100).has_value());
  EXPECT_EQ(sessions.check(bystander, 100, id), TokenState::kValid);
  ASSERT_TRUE(sessions.revoke(sessions.issue("c", 100, 1000), 100).has_value());
  EXPECT_EQ(sessions.check(bystander, 100, id), TokenState::kForged);
  EXPECT_EQ(sessions.check(first, 100, id), TokenState::kForged);
  std::filesystem::remove_all(folder);
}

TEST(Base64Url, IsWhatTheStandardSays) {  // RFC 4648 section 10, without padding
  const std::pair<std::string, std::string> vectors[] = {
      {"f", "Zg"}, {"fo", "Zm8"}, {"foo", "Zm9v"}, {"foob", "Zm9vYg"}, {"\xfb\xff", "-_8"}};
  for (const auto& [bytes, text] : vectors) {
    EXPECT_EQ(base64url(bytes), text);
    EXPECT_EQ(base64url_decode(text), bytes);
  }
  EXPECT_EQ(base64url_decode("a+b"), "");
}

TEST(RateLimit, WhenItsKeysAreUsedUpNewOnesShareOneCount) {
  RateLimit limit(2, 60 * kSecond, 3);
  for (const char* key : {"a", "b", "c"}) EXPECT_EQ(limit.take(key, 0), 0);
  EXPECT_EQ(limit.take("d", kSecond), 0);
  EXPECT_EQ(limit.take("e", kSecond), 0);
  EXPECT_EQ(limit.take("f", 11 * kSecond), 50);
  EXPECT_EQ(limit.take("a", kSecond), 0) << "who has a count keeps it";
  EXPECT_EQ(limit.keys(), 3u);
  EXPECT_EQ(limit.take("g", 60 * kSecond), 0);
  EXPECT_EQ(limit.keys(), 1u) << "windows that are over make room";
}

TEST(Admission, AnIpv6CustomerCountsAsOne) {
  EXPECT_EQ(address_block("192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(address_block("2001:db8::1"), address_block("2001:db8::ffff:2"));
  EXPECT_NE(address_block("2001:db8::1"), address_block("2001:db8:0:1::1"));
}

TEST_F(AuthTest, AWrongIngestKeyIsRefusedWhereNoneIsNeeded) {
  serve();
  const auto send = [&](const std::string& fields) {
    return status("/ingest/v1/events", fields, "POST");
  };
  EXPECT_EQ(send(""), 200) << "on loopback, without one";
  EXPECT_EQ(send("Authorization: Bearer ingest-key-0123456789\r\n"), 200);
  EXPECT_EQ(send("x-api-key: ingest-key-0123456789\r\n"), 200);
  EXPECT_EQ(send("Authorization: Bearer ingest-key-012345678\r\n"), 401);
  EXPECT_EQ(send("x-api-key: x\r\n"), 401);
  EXPECT_EQ(send("Authorization: Basic aW5nZXN0\r\n"), 401) << "not how a key is sent";
  EXPECT_EQ(send("Cookie: sg_session=old\r\n"), 200) << "an old login is no key";
  EXPECT_EQ(status("/metrics", "Authorization: Bearer wrong\r\n"), 200)
      << "reading metrics stays open on loopback";
  EXPECT_TRUE(events.heard("refused wrong"));
  EXPECT_TRUE(events.heard("refused not_bearer"));
}

}  // namespace
}  // namespace sightglass::http
