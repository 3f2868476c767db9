#include "http/sse.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "http/static_files.h"
#include "http/test_server.h"

namespace sightglass::http {
namespace {

struct Streaming {
  explicit Streaming(Broadcast::Options options = {.name = "test"}, std::size_t workers = 1) {
    // The routes exist before the loops: the channel is made once they do.
    server = std::make_unique<TestServer>(
        std::vector<Route>{open_route(
            "GET", "/stream", [this](const std::vector<std::string>& p) { return make(p); })},
        ServerOptions{}, nullptr, workers);
    channel = std::make_unique<Broadcast>(server->loops(), std::move(options), telemetry);
    make = channel->route();
  }
  ~Streaming() { server->stop(); }
  Telemetry telemetry;
  std::unique_ptr<Broadcast> channel;
  HandlerFactory make;
  std::unique_ptr<TestServer> server;
};

TEST(SseFrame, IsOneEventOfOneOrMoreLines) {
  EXPECT_EQ(*sse_frame("update", "{}"), "event: update\ndata: {}\n\n");
  EXPECT_EQ(*sse_frame("e", "a\nb"), "event: e\ndata: a\ndata: b\n\n");
}

// S2-A01, S2-F34: the newest frame at once on connecting, then each one.
TEST(Broadcast, AViewerGetsTheNewestFrameAndThenEachOne) {
  Streaming s;
  s.channel->publish(sse_frame("update", "0"));
  s.channel->publish(sse_frame("update", "1"));
  TestClient client(s.server->port());
  client.send(get("/stream"));
  ASSERT_TRUE(client.wait_for("data: 1\n\n"));
  EXPECT_EQ(client.received().find("data: 0"), std::string::npos);
  EXPECT_NE(client.received().find("Content-Type: text/event-stream"), std::string::npos);
  EXPECT_NE(client.received().find("Cache-Control: no-cache"), std::string::npos);
  EXPECT_EQ(s.channel->viewers(), 1u);
  for (int i = 2; i < 20; ++i) {
    s.channel->publish(sse_frame("update", std::to_string(i)));
    EXPECT_TRUE(client.wait_for("data: " + std::to_string(i) + "\n\n")) << i;
  }
  client.close();
  EXPECT_TRUE(eventually([&] { return s.channel->viewers() == 0; }));
}

// S2-B38.
TEST(Broadcast, SilenceIsBrokenByComments) {
  Streaming s({.name = "test", .heartbeat_ns = 20 * kMillisecond});
  TestClient client(s.server->port());
  client.send(get("/stream"));
  EXPECT_TRUE(client.wait_for(": heartbeat\n\n"));
  client.received().clear();
  EXPECT_TRUE(client.wait_for(": heartbeat\n\n"));
}

// S2-F35.
TEST(Broadcast, FinishSendsOneLastFrameAndEndsTheStreamForAll) {
  Streaming s;
  TestClient early(s.server->port());
  early.send(get("/stream", "Connection: close\r\n"));
  ASSERT_TRUE(eventually([&] { return s.channel->viewers() == 1; }));
  s.channel->finish(sse_frame("disabled", "{}"));
  const auto all = early.receive_all();
  EXPECT_NE(all.find("event: disabled\ndata: {}\n\n"), std::string::npos);
  EXPECT_TRUE(all.ends_with("0\r\n\r\n"));
  TestClient late(s.server->port());
  EXPECT_EQ(late.ask(get("/stream")).body, "event: disabled\ndata: {}\n\n");
  EXPECT_TRUE(eventually([&] { return s.channel->viewers() == 0; }));
  s.channel->reopen();
  TestClient again(s.server->port());
  again.send(get("/stream"));
  s.channel->publish(sse_frame("update", "back"));
  EXPECT_TRUE(again.wait_for("data: back"));
}

TEST(Broadcast, ASlowViewerSkipsToTheNewestAndNothingPilesUp) {
  Streaming s;
  TestClient slow(s.server->port());
  slow.send(get("/stream"));
  ASSERT_TRUE(eventually([&] { return s.channel->viewers() == 1; }));
  const std::string filler(1 << 20, 'x');
  constexpr int kFrames = 100;
  std::vector<std::weak_ptr<const std::string>> frames;
  for (int i = 0; i < kFrames; ++i) {
    auto frame = sse_frame("update", std::to_string(i) + filler);
    frames.push_back(frame);
    s.channel->publish(std::move(frame));
    if (i == 0) {
      ASSERT_TRUE(slow.wait_for("data: 0x"));  // and then it reads no more
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_TRUE(eventually([&] {
    return std::count_if(frames.begin(), frames.end(), [](auto& f) { return !f.expired(); }) <= 3;
  })) << "frames that nobody will get are freed";
  int seen = 0;
  ASSERT_TRUE(slow.wait_for("data: " + std::to_string(kFrames - 1) + "xx"));
  for (int i = 0; i < kFrames; ++i) {
    if (slow.received().find("data: " + std::to_string(i) + "xx") != std::string::npos) ++seen;
  }
  EXPECT_LT(seen, kFrames / 2);
  EXPECT_GE(seen, 2);
}

TEST(Broadcast, ViewersPastTheBoundAreRefused) {
  Streaming s({.name = "test", .viewers = 1});
  TestClient first(s.server->port());
  first.send(get("/stream"));
  ASSERT_TRUE(eventually([&] { return s.channel->viewers() == 1; }));
  TestClient second(s.server->port());
  EXPECT_EQ(second.ask(get("/stream")).status, 503);
  EXPECT_EQ(s.channel->viewers(), 1u);
}

TEST(Broadcast, TwoThousandViewersShareEachFrame) {
  constexpr std::size_t kViewers = 2000;
  rlimit descriptors{};
  getrlimit(RLIMIT_NOFILE, &descriptors);
  descriptors.rlim_cur = std::min<rlim_t>(descriptors.rlim_max, 8192);
  setrlimit(RLIMIT_NOFILE, &descriptors);
  ASSERT_GT(descriptors.rlim_cur, 2 * kViewers + 50);
  Streaming s({.name = "test"}, 2);
  std::vector<std::unique_ptr<TestClient>> clients;
  for (std::size_t i = 0; i < kViewers; ++i) {
    clients.push_back(std::make_unique<TestClient>(s.server->port()));
    ASSERT_TRUE(clients.back()->send(get("/stream")));
  }
  ASSERT_TRUE(eventually([&] { return s.channel->viewers() == kViewers; }));
  const auto frame = sse_frame("update", std::string(1000, 'x') + "end");
  s.channel->publish(frame);
  for (auto& client : clients) ASSERT_TRUE(client->wait_for("end\n\n"));
  EXPECT_LE(frame.use_count(), 5) << "one copy, whoever watches";
  clients.clear();
  EXPECT_TRUE(eventually([&] { return s.channel->viewers() == 0; }));
}

TEST(StaticFiles, AreServedWithATagAndAPolicyWithoutInlineScripts) {
  TestServer server(
      static_files({{"/", "text/html; charset=utf-8", "<p>page</p>", "zipped", {}},
                    {"/assets/app-1.js", "text/javascript", "x()", "", Asset::Kept::kForever}}));
  TestClient client(server.port());
  const auto page = client.ask(get("/"));
  EXPECT_EQ(page.body, "<p>page</p>");
  EXPECT_EQ(page.field("content-type"), "text/html; charset=utf-8");
  EXPECT_EQ(page.field("cache-control"), "no-cache");
  const auto policy = page.field("content-security-policy");
  EXPECT_TRUE(policy.starts_with("default-src 'self'"));
  EXPECT_EQ(policy.find("unsafe"), std::string::npos);
  const auto tag = page.field("etag");
  EXPECT_EQ(tag.size(), 34u);
  const auto same = client.ask(get("/", "If-None-Match: \"other\", W/" + tag + "\r\n"));
  EXPECT_EQ(same.status, 304);
  EXPECT_EQ(same.field("etag"), tag);
  EXPECT_EQ(same.field("content-length"), "");
  const auto zipped = client.ask(get("/", "Accept-Encoding: br, gzip\r\n"));
  EXPECT_EQ(zipped.body, "zipped");
  EXPECT_EQ(zipped.field("content-encoding"), "gzip");
  EXPECT_NE(zipped.field("etag"), tag);
  EXPECT_EQ(zipped.field("vary"), "Accept-Encoding");
  const auto script = client.ask(get("/assets/app-1.js", "Accept-Encoding: gzip\r\n"));
  EXPECT_EQ(script.body, "x()");
  EXPECT_EQ(script.field("content-encoding"), "");
  EXPECT_NE(script.field("cache-control").find("immutable"), std::string::npos);
}

TEST(StaticFiles, GzipIsTakenOnlyWhenItIsAccepted) {
  for (const char* yes : {"gzip", "GZIP;q=0.5", "*", "br;q=1.0, gzip;q=0.8", "*;q=0, gzip"}) {
    EXPECT_TRUE(accepts_gzip(yes)) << yes;
  }
  for (const char* no : {"", "br", "gzip;q=0", "*;q=0", "gzip;q=0.0, br"}) {
    EXPECT_FALSE(accepts_gzip(no)) << no;
  }
}

}  // namespace
}  // namespace sightglass::http
