#include "export/influx.h"

#include <gtest/gtest.h>

#include "export/fake_influx.h"
#include "net/certificates.h"

namespace sightglass::exporting {
namespace {

using Kind = Verdict::Kind;

const Points kPoints = {"m,a=b requests=1i 1\n", {{20, 1, 0}}};

InfluxOptions to(const FakeInflux& fake) {
  InfluxOptions options;
  options.addr = fake.url();
  options.token = "t0ken";
  options.org = "my org";
  options.bucket = "b&1";
  options.timeout_ns = 5 * kSecond;
  return options;
}

Verdict sent(const InfluxOptions& options) {
  const SystemClock clock;
  const auto sink = make_influx(options, clock);
  EXPECT_TRUE(sink) << sink.error().message;
  return sink ? (*sink)->send(Part(kPoints)) : Verdict{};
}

TEST(Influx, VersionTwoGetsTokenOrganisationAndBucketPacked) {
  FakeInflux fake;
  EXPECT_EQ(sent(to(fake)).kind, Kind::kTaken);
  EXPECT_EQ(fake.points().size(), 1u);
  const auto head = fake.heads().at(0);
  EXPECT_TRUE(
      head.starts_with("POST /api/v2/write?precision=ns&org=my%20org&bucket=b%261 HTTP/1.1\r\n"))
      << head;
  EXPECT_NE(head.find("Authorization: Token t0ken\r\n"), std::string::npos);
  EXPECT_NE(head.find("Content-Encoding: gzip\r\n"), std::string::npos);
}

TEST(Influx, VersionOneGetsDatabaseAndPasswordOutsideTheUrl) {
  FakeInflux fake;
  auto options = to(fake);
  options.version = 1;
  options.database = "db";
  options.retention_policy = "week";
  options.username = "me";
  options.password = "secret";
  EXPECT_EQ(sent(options).kind, Kind::kTaken);
  const auto head = fake.heads().at(0);
  EXPECT_TRUE(head.starts_with("POST /write?precision=ns&db=db&rp=week HTTP/1.1\r\n")) << head;
  EXPECT_NE(head.find("Authorization: Basic bWU6c2VjcmV0\r\n"), std::string::npos) << head;
  EXPECT_EQ(head.find("t0ken"), std::string::npos);
}

TEST(Influx, AServerWithoutTheNewPathIsVersionOne) {
  FakeInflux fake([](const FakeInflux::Request& request) {
    const bool old = request.head.find("/api/v2/") != std::string::npos;
    return old ? FakeInflux::Act{false, FakeInflux::answer(404, "404 page not found\n")}
               : FakeInflux::Act{};
  });
  EXPECT_EQ(sent(to(fake)).kind, Kind::kTaken);
  EXPECT_EQ(fake.heads().size(), 2u);
  EXPECT_NE(fake.heads()[1].find("/write?precision=ns&db=b%261"), std::string::npos);
}

TEST(Influx, AMissingBucketIsNotAnOldServer) {
  FakeInflux fake([](const FakeInflux::Request&) {
    return FakeInflux::Act{
        false, FakeInflux::answer(404, R"({"code":"not found","message":"bucket not found"})")};
  });
  const auto verdict = sent(to(fake));
  EXPECT_EQ(verdict.kind, Kind::kRetry);
  EXPECT_EQ(verdict.reason, Reason::kMissing);
  EXPECT_EQ(fake.requests(), 1);
}

TEST(Influx, EveryAnswerHasItsMeaning) {
  const auto meaning = [](int status, std::string_view body = "") {
    const auto verdict = read_influx_answer(status, body, "");
    return std::pair(verdict.kind, std::string(reason_name(verdict.reason)));
  };
  EXPECT_EQ(meaning(204).first, Kind::kTaken);
  EXPECT_EQ(meaning(200), std::pair(Kind::kRetry, std::string("nonsense")));
  EXPECT_EQ(meaning(302), std::pair(Kind::kRetry, std::string("nonsense")));
  EXPECT_EQ(meaning(400, "bad"), std::pair(Kind::kInvalid, std::string("rejected")));
  EXPECT_EQ(meaning(401), std::pair(Kind::kRetry, std::string("denied")));
  EXPECT_EQ(meaning(403), std::pair(Kind::kRetry, std::string("denied")));
  EXPECT_EQ(meaning(404), std::pair(Kind::kRetry, std::string("missing")));
  EXPECT_EQ(meaning(413), std::pair(Kind::kSplit, std::string("too_large")));
  EXPECT_EQ(meaning(429), std::pair(Kind::kRetry, std::string("busy")));
  EXPECT_EQ(meaning(500), std::pair(Kind::kRetry, std::string("server_error")));
  const auto partial = read_influx_answer(
      400, R"({"error":"partial write: points beyond retention policy dropped=3"})", "");
  EXPECT_EQ(partial.kind, Kind::kTaken);
  EXPECT_EQ(partial.dropped, 3u);
  EXPECT_EQ(read_influx_answer(400, "partial write: dropped=99999999999999999999", "").dropped, 1u);
  EXPECT_EQ(read_influx_answer(503, "", "7").retry_after_ns, 7 * kSecond);
  EXPECT_EQ(read_influx_answer(503, "", "Fri, 31 Dec 1999 23:59:59 GMT").retry_after_ns, 0);
}

TEST(Influx, WhatGoesWrongOnTheWayIsToldApart) {
  const auto with = [](FakeInflux::Act act, Nanos timeout_ns = 5 * kSecond) {
    FakeInflux fake([&](const FakeInflux::Request&) { return act; });
    auto options = to(fake);
    options.timeout_ns = timeout_ns;
    return sent(options);
  };
  const auto lost = with({true, ""});
  EXPECT_EQ(lost.kind, Kind::kRetry);
  EXPECT_TRUE(lost.maybe_taken);
  EXPECT_EQ(with({false, "SSH-2.0-OpenSSH_9.2\r\n"}).reason, Reason::kNonsense);
  const auto slow =
      with({true, FakeInflux::answer(204), std::chrono::milliseconds(300)}, 30 * kMillisecond);
  EXPECT_EQ(slow.reason, Reason::kTimeout);
  EXPECT_TRUE(slow.maybe_taken);
  InfluxOptions nobody;
  nobody.addr = "http://127.0.0.1:1";
  nobody.bucket = "b";
  const auto away = sent(nobody);
  EXPECT_EQ(away.reason, Reason::kConnect);
  EXPECT_FALSE(away.maybe_taken);
}

TEST(Influx, ACallEndsWhenTheServerStops) {
  FakeInflux fake([](const FakeInflux::Request&) {
    return FakeInflux::Act{false, "", std::chrono::milliseconds(500)};
  });
  const SystemClock clock;
  const auto sink = *make_influx(to(fake), clock);
  std::jthread stopper([&] {
    while (fake.requests() == 0) std::this_thread::yield();
    sink->stop_by(clock.monotonic_ns());
  });
  EXPECT_EQ(sink->send(Part(kPoints)).reason, Reason::kCancelled);
  EXPECT_EQ(sink->send(Part(kPoints)).reason, Reason::kCancelled);
  EXPECT_EQ(fake.requests(), 1);
}

TEST(Influx, OnlyACertificateOfTheNamedAuthorityIsTrusted) {
  constexpr long kDay = 86'400;
  const net::CertificateFolder folder;
  const auto authority = net::make_certificate(nullptr, "", -kDay, kDay);
  const auto stranger = net::make_certificate(nullptr, "", -kDay, kDay);
  const auto certificate = net::make_certificate(&authority, "IP:127.0.0.1", -kDay, kDay);
  const auto context =
      *net::TlsContext::server({.certificate_file = folder.write("server", certificate),
                                .key_file = folder.write_key("server", certificate)});
  const net::ScriptedServer::Script answer = [](net::ScriptedPeer& peer) {
    while (!peer.read_request().empty()) peer.send(FakeInflux::answer(204));
  };
  const net::ScriptedServer server({answer, answer, answer}, context.get());
  InfluxOptions options;
  options.addr = "https://127.0.0.1:" + std::to_string(server.port());
  options.bucket = "b";
  options.ca_file = folder.write("authority", authority);
  EXPECT_EQ(sent(options).kind, Kind::kTaken);
  options.ca_file = folder.write("stranger", stranger);
  EXPECT_EQ(sent(options).reason, Reason::kTls);
  options.ca_file.clear();  // the system's
  EXPECT_EQ(sent(options).reason, Reason::kTls);
}

TEST(Influx, AnAddressOrAFileOfAuthoritiesThatIsNoneIsSaid) {
  const SystemClock clock;
  InfluxOptions options;
  options.addr = "influxdb:8086";
  EXPECT_EQ(make_influx(options, clock).error().code, Code::kInvalid);
  options.addr = "https://localhost:8086";
  options.ca_file = "/nowhere/ca.pem";
  EXPECT_FALSE(make_influx(options, clock));
}

}  // namespace
}  // namespace sightglass::exporting
