#include "export/postgres.h"

#include <gtest/gtest.h>

#include <thread>

#include "export/fake_influx.h"
#include "export/real_postgres.h"
#include "export/sqlstate.h"
#include "net/certificates.h"
#include "net/scripted_server.h"

namespace sightglass::exporting {
namespace {

using testing::Batches;
using testing::TestEvent;
using Kind = Verdict::Kind;

constexpr Nanos kAt = 1'700'000'000 * kSecond;
constexpr const char* kTotals =
    "select sum(requests), sum(input_tokens), count(*) from sightglass.hourly_usage";

class PostgresTest : public ::testing::Test {
 protected:
  // One server for all: making one takes longer than any of the tests.
  static void SetUpTestSuite() { server_ = new RealPostgres; }
  static void TearDownTestSuite() {
    delete server_;
    server_ = nullptr;
  }
  void SetUp() override {
    server_->say("truncate sightglass.hourly_usage, sightglass.gateway_marks");
    connect(server_->writer());
  }
  void connect(PgOptions options, const char* gateway = "gw-1", const char* journal = "j-1") {
    auto to = make_postgres(std::move(options), gateway, journal, clock_);
    ASSERT_TRUE(to) << to.error().message;
    to_ = std::move(*to);
    to_->use(testing::gateway_catalogue());
  }
  // Records whose positions are [first, last]; each adds its position to the input tokens.
  void add(journal::Position first, journal::Position last, Nanos accept_ns = kAt,
           Nanos time_ns = kAt) {
    for (auto position = first; position <= last; ++position) {
      TestEvent event("chat_completion_success", time_ns);
      event.with("provider", "openai").with("client", "app").with("outcome", "ok");
      event.with("input_tokens", static_cast<std::int64_t>(position));
      to_->append(batches_.encode(event), position, accept_ns);
    }
  }
  Verdict send() {
    auto verdict = to_->send(0, to_->count());
    to_->clear();
    return verdict;
  }
  static std::pair<Kind, std::string> what(const Verdict& verdict) {
    return {verdict.kind, verdict.kind == Kind::kTaken
                              ? std::string()
                              : std::string(reason_name(verdict.reason)) + " " + verdict.code};
  }
  std::pair<Kind, std::string> sent(PgOptions options) {
    connect(std::move(options));
    add(1, 1);
    return what(send());
  }
  static std::string totals() {
    const auto row = server_->say(kTotals);
    return row.size() == 3 ? row[0] + " " + row[1] + " " + row[2] : "?";
  }
  static std::pair<Kind, std::string> retry(const std::string& text) {
    return {Kind::kRetry, text};
  }

  static RealPostgres* server_;
  SystemClock clock_;
  const Batches batches_{testing::gateway_catalogue()};
  std::unique_ptr<Destination> to_;
};
RealPostgres* PostgresTest::server_ = nullptr;

TEST_F(PostgresTest, ABatchAddsItsRequestsAndMovesTheMark) {
  add(1, 10);
  const auto verdict = send();
  EXPECT_EQ(verdict.kind, Kind::kTaken) << what(verdict).second;
  EXPECT_GT(verdict.bytes, 100u);
  add(11, 12);
  EXPECT_EQ(send().kind, Kind::kTaken);
  EXPECT_EQ(totals(), "12 78 1");
  EXPECT_EQ(server_->value("select pos from sightglass.gateway_marks"), "12");
  EXPECT_EQ(
      server_->value("select extract(epoch from as_of)::bigint from sightglass.gateway_marks"),
      std::to_string(kAt / kSecond));
}

TEST_F(PostgresTest, WhatIsSentAgainCountsOnceHoweverItIsCut) {
  add(1, 10);
  EXPECT_EQ(send().kind, Kind::kTaken);
  for (const auto& [first, last] : {std::pair{1, 10}, {1, 4}, {5, 14}, {3, 20}, {20, 20}}) {
    connect(server_->writer());
    add(static_cast<journal::Position>(first), static_cast<journal::Position>(last));
    EXPECT_EQ(send().kind, Kind::kTaken);
  }
  EXPECT_EQ(totals(), "20 210 1");
}

TEST_F(PostgresTest, WhatComesLateIsAddedToItsHour) {
  constexpr Nanos kHour = 3'600 * kSecond;
  add(1, 2, kAt, kAt);
  EXPECT_EQ(send().kind, Kind::kTaken);
  add(3, 4, kAt + kHour, kAt + kHour);
  add(5, 6, kAt + kHour, kAt);
  EXPECT_EQ(send().kind, Kind::kTaken);
  EXPECT_EQ(totals(), "6 21 2");
  EXPECT_EQ(server_->value("select input_tokens from sightglass.hourly_usage order by hour"), "14");
}

TEST_F(PostgresTest, PartsOfABatchComeOneAfterTheOther) {
  add(1, 9);
  EXPECT_EQ(to_->send(0, 4).kind, Kind::kTaken);
  EXPECT_EQ(to_->send(4, 9).kind, Kind::kTaken);
  EXPECT_EQ(totals(), "9 45 1");
}

// A data folder brought back from a backup gives positions again that it had given before.
TEST_F(PostgresTest, AJournalThatWentBackInTimeCountsWhatIsNew) {
  add(1, 10, kAt);
  EXPECT_EQ(send().kind, Kind::kTaken);
  add(6, 8, kAt + kSecond);
  EXPECT_EQ(send().kind, Kind::kTaken);
  add(6, 8, kAt + kSecond);
  EXPECT_EQ(send().kind, Kind::kTaken);
  EXPECT_EQ(totals(), "13 76 1");
}

TEST_F(PostgresTest, TwoGatewaysOfOneNameHideNothingOfEachOther) {
  for (const auto* journal : {"j-1", "j-2"}) {
    connect(server_->writer(), "same", journal);
    add(1, 10);
    EXPECT_EQ(send().kind, Kind::kTaken);
  }
  connect(server_->writer(), "other", "j-3");
  add(1, 1);
  EXPECT_EQ(send().kind, Kind::kTaken);
  EXPECT_EQ(totals(), "21 111 2");
}

TEST_F(PostgresTest, AServerKilledBetweenBatchesIsFoundAgain) {
  add(1, 3);
  EXPECT_EQ(send().kind, Kind::kTaken);
  server_->kill();
  add(4, 6);
  EXPECT_EQ(what(to_->send(0, 3)), retry("connect "));
  server_->start();
  EXPECT_EQ(send().kind, Kind::kTaken);  // through a new connection
  EXPECT_EQ(totals(), "6 21 1");
}

TEST_F(PostgresTest, AConnectionThatEndedMeanwhileIsNoFault) {
  add(1, 3);
  EXPECT_EQ(send().kind, Kind::kTaken);
  server_->say(
      "select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = 'writer'");
  add(4, 6);
  EXPECT_EQ(send().kind, Kind::kTaken);
  EXPECT_EQ(totals(), "6 21 1");
}

TEST_F(PostgresTest, WrongCredentialsAndDatabasesAreToldApart) {
  EXPECT_EQ(sent(server_->options("writer", "wrong")), retry("denied SQLSTATE 28P01"));
  EXPECT_EQ(sent(server_->options("nobody", "wrong")), retry("denied SQLSTATE 28P01"));
  EXPECT_EQ(sent(server_->options("writer", "")), retry("denied "));
  auto elsewhere = server_->writer();
  elsewhere.database = "nowhere";
  EXPECT_EQ(sent(elsewhere), retry("missing SQLSTATE 3D000"));
  elsewhere.database = "template1";  // it has no such tables
  EXPECT_EQ(sent(elsewhere), retry("missing SQLSTATE 42P01"));
}

TEST_F(PostgresTest, TheReadersRoleMayNotWrite) {
  EXPECT_EQ(sent(server_->options("reader", RealPostgres::kWriterPassword)),
            retry("denied SQLSTATE 42501"));
  EXPECT_EQ(totals(), "  0");
}

TEST_F(PostgresTest, TheWritersRoleMayNotRemove) {
  const auto link = *PgLink::make(server_->writer(), clock_);
  for (const auto* sql :
       {"delete from sightglass.hourly_usage", "truncate sightglass.hourly_usage",
        "update sightglass.schema_version set version = 2",
        "select * from sightglass.hourly_report", "create table sightglass.more (x int)",
        "drop table sightglass.hourly_usage"}) {
    ASSERT_TRUE(link->open());
    const auto answer = link->ask(sql);
    ASSERT_FALSE(answer) << sql;
    EXPECT_EQ(answer.error().code, "42501") << sql;
  }
}

TEST_F(PostgresTest, TablesOfAnotherVersionAreLeftAlone) {
  server_->say("update sightglass.schema_version set version = 2");
  EXPECT_EQ(sent(server_->writer()), retry("schema "));
  server_->say("update sightglass.schema_version set version = 1");
  server_->say("alter table sightglass.hourly_usage rename column errors to failures");
  EXPECT_EQ(sent(server_->writer()), retry("schema SQLSTATE 42703"));
  server_->say("alter table sightglass.hourly_usage rename column failures to errors");
  EXPECT_EQ(sent(server_->writer()).first, Kind::kTaken);
  EXPECT_EQ(totals(), "1 1 1");
}

TEST_F(PostgresTest, AReadOnlyServerIsSaid) {
  server_->say("alter database postgres set default_transaction_read_only = on");
  EXPECT_EQ(sent(server_->writer()), retry("read_only SQLSTATE 25006"));
  server_->say("set default_transaction_read_only = off");
  server_->say("alter database postgres reset default_transaction_read_only");
  EXPECT_EQ(sent(server_->writer()).first, Kind::kTaken);
}

TEST_F(PostgresTest, WhatTheServerRaisesRollsTheWholeBatchBack) {
  const auto raising = [](const std::string& code) {
    server_->say(
        "create or replace function public.refuse() returns trigger language plpgsql as $$ "
        "begin raise exception using errcode = '" +
        code + "', message = 'hush'; end $$");
  };
  raising("53100");
  server_->say(
      "create trigger refuse before insert or update on sightglass.gateway_marks "
      "for each row execute function public.refuse()");
  server_->say("alter table sightglass.gateway_marks disable trigger refuse");
  add(1, 3);
  EXPECT_EQ(send().kind, Kind::kTaken);
  server_->say("alter table sightglass.gateway_marks enable trigger refuse");
  add(4, 6);
  EXPECT_EQ(what(to_->send(0, 3)), retry("full SQLSTATE 53100"));
  raising("23514");
  EXPECT_EQ(what(to_->send(0, 3)),
            std::pair(Kind::kInvalid, std::string("rejected SQLSTATE 23514")));
  EXPECT_EQ(totals(), "3 6 1");
  server_->say("drop trigger refuse on sightglass.gateway_marks");
  EXPECT_EQ(send().kind, Kind::kTaken);
  EXPECT_EQ(totals(), "6 21 1");
}

TEST_F(PostgresTest, ACommitThatIsRefusedIsNotTaken) {
  server_->say(
      "create or replace function public.refuse() returns trigger language plpgsql as $$ "
      "begin raise exception using errcode = '53100'; end $$");
  server_->say(
      "create constraint trigger refuse after insert on sightglass.hourly_usage deferrable "
      "initially deferred for each row execute function public.refuse()");
  add(1, 3);
  EXPECT_EQ(what(to_->send(0, 3)), retry("full SQLSTATE 53100"));
  server_->say("drop trigger refuse on sightglass.hourly_usage");
  EXPECT_EQ(send().kind, Kind::kTaken);
  EXPECT_EQ(totals(), "3 6 1");
}

TEST_F(PostgresTest, WhoHoldsALockTooLongIsWaitedForOnlySoLong) {
  add(1, 3);
  EXPECT_EQ(send().kind, Kind::kTaken);
  auto quick = server_->writer();
  quick.timeout_ns = 300 * kMillisecond;
  server_->say("begin; lock table sightglass.hourly_usage in access exclusive mode");
  connect(quick);
  add(4, 6);
  const auto [kind, why] = what(to_->send(0, 3));
  EXPECT_EQ(kind, Kind::kRetry);
  EXPECT_TRUE(why.starts_with("timeout") || why.starts_with("busy")) << why;
  server_->say("commit");
  auto verdict = to_->send(0, 3);
  for (int i = 0; i < 100 && verdict.kind != Kind::kTaken; ++i) verdict = to_->send(0, 3);
  EXPECT_EQ(verdict.kind, Kind::kTaken) << what(verdict).second;
  EXPECT_EQ(totals(), "6 21 1");
}

TEST_F(PostgresTest, AServerThatStandsStillTimesOutAndCountsOnceAfterwards) {
  auto quick = server_->writer();
  quick.timeout_ns = 300 * kMillisecond;
  connect(quick);
  add(1, 3);
  server_->pause();
  EXPECT_EQ(what(to_->send(0, 3)), retry("timeout "));
  EXPECT_EQ(what(to_->send(0, 3)), retry("timeout "));
  server_->resume();
  auto verdict = to_->send(0, 3);
  for (int i = 0; i < 100 && verdict.kind != Kind::kTaken; ++i) verdict = to_->send(0, 3);
  EXPECT_EQ(verdict.kind, Kind::kTaken) << what(verdict).second;
  EXPECT_EQ(totals(), "3 6 1");
}

TEST_F(PostgresTest, ACallEndsWhenTheServerStops) {
  connect(server_->writer());
  add(1, 3);
  server_->pause();
  std::jthread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    to_->stop_by(clock_.monotonic_ns());
  });
  EXPECT_EQ(what(to_->send(0, 3)), retry("cancelled "));
  EXPECT_EQ(what(to_->send(0, 3)), retry("cancelled "));
  server_->resume();
}

TEST_F(PostgresTest, WhatIsNoPostgresIsSaid) {
  const std::string texts[] = {"220 mail.example ESMTP\r\n",
                               "HTTP/1.1 400 Bad Request\r\n\r\n",
                               "SSH-2.0-OpenSSH_9.2\r\n",
                               {"R\0\0\0\x08\0\0\0\x63", 9},
                               "E\x7f\x7f\x7f\x7f"};
  for (const auto& text : texts) {
    for (const auto* sslmode : {"disable", "verify-full"}) {
      const net::ScriptedServer::Script script = [&](net::ScriptedPeer& peer) { peer.send(text); };
      const net::ScriptedServer peer({script, script});
      auto options = server_->writer();
      options.port = peer.port();
      options.sslmode = sslmode;
      options.timeout_ns = 5 * kSecond;
      const auto [kind, why] = sent(options);
      EXPECT_EQ(kind, Kind::kRetry);
      EXPECT_TRUE(why == "nonsense " || why == "reset " || why == "tls ") << text << ": " << why;
      if (text.starts_with("220")) {
        EXPECT_EQ(why, "nonsense ") << sslmode;
      }
    }
  }
}

TEST_F(PostgresTest, NamesAreResolvedAndThoseThatAreNoneAreSaid) {
  auto options = server_->writer();
  options.host = "localhost";
  EXPECT_EQ(sent(options).first, Kind::kTaken);
  options.host = "no-such-host.invalid";
  EXPECT_EQ(sent(options), retry("resolve "));
  options.host = "127.0.0.1";
  options.port = 1;
  EXPECT_EQ(sent(options), retry("connect "));
  options.host = "/nowhere";
  EXPECT_EQ(sent(options), retry("connect "));
}

TEST(PostgresTls, OnlyACertificateOfTheNamedAuthorityIsTrusted) {
  constexpr long kDay = 86'400;
  const net::CertificateFolder folder;
  const auto authority = net::make_certificate(nullptr, "", -kDay, kDay);
  const auto stranger = net::make_certificate(nullptr, "", -kDay, kDay);
  const auto certificate = net::make_certificate(&authority, "IP:127.0.0.1", -kDay, kDay);
  RealPostgres server;
  server.write("server.crt", RealPostgres::text_of(folder.write("server", certificate)));
  server.write("server.key", RealPostgres::text_of(folder.write_key("server", certificate)));
  const SystemClock clock;
  const auto open = [&](const std::string& sslmode, const std::string& ca_file) -> std::string {
    auto options = server.writer();
    options.sslmode = sslmode;
    options.ca_file = ca_file;
    const auto link = *PgLink::make(options, clock);
    const auto opened = link->open();
    if (!opened) return std::string(reason_name(opened.error().reason));
    return link->ask("select ssl from pg_stat_ssl where pid = pg_backend_pid()")->row.front();
  };
  const auto known = folder.write("authority", authority);
  EXPECT_EQ(open("verify-full", known), "tls");  // it has none yet
  server.say("alter system set ssl = on");
  server.kill();
  server.start();
  EXPECT_EQ(open("verify-full", known), "t");
  EXPECT_EQ(open("verify-full", folder.write("stranger", stranger)), "tls");
  EXPECT_EQ(open("verify-full", ""), "tls");  // the system's
  EXPECT_EQ(open("verify-ca", folder.write("stranger", stranger)), "tls");
  EXPECT_EQ(open("verify-full", "/nowhere/ca.pem"), "tls");
  EXPECT_EQ(open("disable", ""), "f");
}

}  // namespace
}  // namespace sightglass::exporting
