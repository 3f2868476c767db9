// The server over real sockets: framing, limits, time, and what comes after an error.
#include "http/server.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <chrono>

#include "base/random.h"
#include "http/test_server.h"
#include "http/worker.h"

namespace sightglass::http {
namespace {

Response text(std::string body) {
  Response response;
  response.content_type = "text/plain";
  response.body = std::move(body);
  return response;
}

// Says what it got: "POST /echo 5 hello".
std::vector<Route> echo_routes(std::uint64_t body_limit = 1 << 20) {
  const auto echo = simple(
      [](const SimpleRequest& request) {
        return text(std::string(request.head.method) + " " + std::string(request.head.target) +
                    " " + std::to_string(request.body.size()) + " " +
                    std::string(request.body.substr(0, 100)));
      },
      body_limit);
  return {open_route("GET", "/echo", echo), open_route("POST", "/echo", echo),
          open_route("GET", "/health", echo),
          open_route("GET", "/v1/models", echo, Realm::kGateway),
          open_route("POST", "/v1/messages", echo, Realm::kGateway)};
}

TEST(Server, AnswersWithItsOwnFields) {
  TestServer server(echo_routes());
  TestClient client(server.port());
  const auto answer = client.ask(get("/echo?a=1"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "GET /echo?a=1 0 ");
  EXPECT_EQ(answer.field("x-content-type-options"), "nosniff");
  EXPECT_EQ(answer.field("content-type"), "text/plain");
  EXPECT_EQ(answer.field("cache-control"), "no-store");
  EXPECT_EQ(answer.field("connection"), "");
  EXPECT_TRUE(answer.field("date").ends_with(" GMT"));
  EXPECT_EQ(answer.field("x-request-id").size(), 36u);
  EXPECT_TRUE(is_request_id(answer.field("x-request-id")));
}

TEST(Server, TakesAnInboundRequestIdOnlyWhenItIsOne) {
  TestServer server(echo_routes());
  TestClient client(server.port());
  const std::string uuid = "0f8fad5b-d9cb-469f-a165-70867728950e";
  EXPECT_EQ(client.ask(get("/echo", "X-Request-Id: " + uuid + "\r\n")).field("x-request-id"), uuid);
  const auto other = client.ask(get("/echo", "X-Request-Id: <script>\r\n")).field("x-request-id");
  EXPECT_NE(other, "<script>");
  EXPECT_TRUE(is_request_id(other));
}

TEST(Server, TheSameAnswerComesHoweverTheRequestIsSplit) {
  TestServer server(echo_routes());
  const std::string request = post("/echo", "hello") +
                              "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: "
                              "chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: v\r\n\r\n" +
                              get("/echo");
  TestClient client(server.port());
  for (std::size_t at = 0; at <= request.size(); ++at) {
    client.send(std::string_view(request).substr(0, at));
    std::this_thread::sleep_for(std::chrono::microseconds(200));
    client.send(std::string_view(request).substr(at));
    EXPECT_EQ(client.answer().body, "POST /echo 5 hello") << at;
    EXPECT_EQ(client.answer().body, "POST /echo 5 abcde") << at;
    EXPECT_EQ(client.answer().body, "GET /echo 0 ") << at;
  }
  for (const char byte : request) {
    client.send({&byte, 1});
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  EXPECT_EQ(client.answer().body, "POST /echo 5 hello");
  EXPECT_EQ(client.answer().body, "POST /echo 5 abcde");
  EXPECT_EQ(client.answer().body, "GET /echo 0 ");
}

TEST(Server, PipelinedRequestsAreAnsweredInOrder) {
  TestServer server(echo_routes());
  TestClient client(server.port());
  std::string all;
  for (int i = 0; i < 200; ++i) all += get("/echo?" + std::to_string(i));
  client.send(all);
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(client.answer().body, "GET /echo?" + std::to_string(i) + " 0 ");
  }
}

TEST(Server, HeadHasTheFieldsOfGetAndNoBody) {
  TestServer server(echo_routes());
  TestClient client(server.port());
  client.send(get("/echo", "", "HEAD") + get("/echo"));
  const auto head = client.answer(true);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.field("content-length"), std::to_string(sizeof "HEAD /echo 0 " - 1));
  EXPECT_EQ(client.answer().body, "GET /echo 0 ");
}

TEST(Server, UnknownPathsAndMethodsAreToldApart) {
  TestServer server(echo_routes());
  TestClient client(server.port());
  EXPECT_EQ(client.ask(get("/nothing")).status, 404);
  const auto wrong = client.ask(get("/echo", "", "DELETE"));
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.field("allow"), "GET, HEAD, OPTIONS, POST");
  EXPECT_EQ(client.ask(get("/a/%2e%2e/b")).status, 400);
  const auto options = client.ask(get("/echo", "", "OPTIONS"));
  EXPECT_EQ(options.status, 204);
  EXPECT_EQ(options.field("allow"), "GET, HEAD, OPTIONS, POST");
  EXPECT_NE(wrong.body.find("\"request_id\""), std::string::npos);
}

// The list of security.md; each on a connection of its own, which must be closed afterwards.
TEST(Server, SmugglingIsRefusedAndTheConnectionClosed) {
  TestServer server(echo_routes());
  const std::string line = "POST /echo HTTP/1.1\r\nHost: localhost\r\n";
  const std::pair<std::string, int> attempts[] = {
      {line + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {line + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400},
      {line + "Content-Length: 3, 3\r\n\r\nabc", 400},
      {line + "Content-Length: +3\r\n\r\nabc", 400},
      {line + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
      {line + "Transfer-Encoding: identity\r\n\r\n", 501},
      {"GET /echo HTTP/1.1\nHost: localhost\n\n", 400},
      {line + "X-A: b\r\n c\r\n\r\n", 400},
      {line + "Content-Length : 3\r\n\r\nabc", 400},
      {"GET http://evil.example/echo HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
      {"GET /echo HTTP/1.1\r\n\r\n", 400},
      {"GET /echo HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400},
      {"GET /echo HTTP/2.0\r\nHost: localhost\r\n\r\n", 505},
      {line + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
  };
  for (const auto& [request, status] : attempts) {
    TestClient client(server.port());
    const auto answer = client.ask(request + get("/echo"));
    EXPECT_EQ(answer.status, status) << request;
    EXPECT_EQ(answer.field("connection"), "close") << request;
    EXPECT_TRUE(client.at_end());
    EXPECT_EQ(client.received(), "") << "a second request was answered after: " << request;
  }
  EXPECT_EQ(server.rejections("length_and_chunked"), 1);
  EXPECT_EQ(server.rejections("bare_lf"), 1);
}

TEST(Server, HeadsPastTheLimitsAreRefused) {
  TestServer server(echo_routes());
  TestClient line(server.port());
  EXPECT_EQ(line.ask(get("/" + std::string(9000, 'a'))).status, 414);
  TestClient head(server.port());
  EXPECT_EQ(head.ask(get("/echo", "X: " + std::string(40'000, 'a') + "\r\n")).status, 431);
  TestClient fields(server.port());
  std::string many;
  for (int i = 0; i < 101; ++i) many += "X: a\r\n";
  EXPECT_EQ(fields.ask(get("/echo", many)).status, 431);
}

// S3-R02: the client gets the error in the shape of the path that it asked.
TEST(Server, AHeadPastTheLimitIsRefusedInTheShapeOfItsPath) {
  ServerOptions options;
  options.limits.head.head_bytes = 4096;
  options.error_shape = [](std::string_view path, int status, std::string_view, std::string_view,
                           std::string_view) {
    Response response;
    response.status = status;
    response.body = "shape of " + std::string(path);
    return response;
  };
  TestServer server(echo_routes(), std::move(options));
  TestClient client(server.port());
  const auto answer =
      client.ask(get("/v1/messages?beta=true", "x-user-id: " + std::string(5000, 'a') + "\r\n"));
  EXPECT_EQ(answer.status, 431);
  EXPECT_EQ(answer.body, "shape of /v1/messages");
  EXPECT_EQ(server.rejections("head_too_large"), 1);
  TestClient line(server.port());
  EXPECT_EQ(line.ask("garbage\r\n\r\n").body, "shape of ");
}

TEST(Server, BodiesPastTheLimitAreRefusedBeforeAndWhileTheyCome) {
  TestServer server(echo_routes(1000));
  TestClient announced(server.port());
  const auto answer = announced.ask(get("/echo", "Content-Length: 1001\r\n", "POST"));
  EXPECT_EQ(answer.status, 413);
  EXPECT_EQ(answer.field("connection"), "close");
  TestClient chunked(server.port());
  chunked.send(get("/echo", "Transfer-Encoding: chunked\r\n", "POST"));
  for (int i = 0; i < 11; ++i) chunked.send("64\r\n" + std::string(100, 'x') + "\r\n");
  EXPECT_EQ(chunked.answer().status, 413);
  EXPECT_TRUE(chunked.at_end());
  TestClient within(server.port());
  EXPECT_EQ(within.ask(post("/echo", std::string(1000, 'x'))).status, 200);
  EXPECT_EQ(server.rejections("body_too_large"), 2);
}

TEST(Server, AnUploadInManyChunksArrivesWhole) {
  TestServer server(echo_routes(64 << 20));
  TestClient client(server.port());
  client.send(get("/echo", "Transfer-Encoding: chunked\r\n", "POST"));
  std::size_t total = 0;
  for (std::size_t i = 1; i <= 500; ++i) {
    char size[32];
    const std::size_t length = i * 37;
    client.send({size, static_cast<std::size_t>(snprintf(size, sizeof size, "%zx\r\n", length))});
    client.send(std::string(length, 'x') + "\r\n");
    total += length;
  }
  client.send("0\r\n\r\n");
  EXPECT_TRUE(client.answer().body.starts_with("POST /echo " + std::to_string(total) + " "));
}

TEST(Server, TheNameItIsCalledByMustBeAllowed) {
  ServerOptions options;
  options.allowed_hosts = {"gateway.example", "*.internal.example"};
  TestServer server(echo_routes(), std::move(options));
  const auto status = [&](const std::string& host) {
    TestClient client(server.port());
    return client.ask("GET /echo HTTP/1.1\r\nHost: " + host + "\r\n\r\n").status;
  };
  for (const char* host : {"localhost", "LOCALHOST:1", "127.0.0.1:2906", "[::1]:2906",
                           "gateway.example", "Gateway.example:443", "a.internal.example"}) {
    EXPECT_EQ(status(host), 200) << host;
  }
  for (const char* host : {"evil.example", "localhost.evil.example", "10.0.0.1", "internal.example",
                           "a.b.internal.example", "gateway.example.evil.example"}) {
    EXPECT_EQ(status(host), 421) << host;
  }
  EXPECT_EQ(server.rejections("bad_host"), 6);
}

TEST(Server, TheGatewayIsNotForPagesOfOtherOrigins) {
  ServerOptions options;
  options.gateway_origins = {"https://app.example"};
  TestServer server(echo_routes(), std::move(options));
  TestClient client(server.port());
  EXPECT_EQ(client.ask(get("/v1/models", "Origin: https://evil.example\r\n")).status, 403);
  EXPECT_EQ(client.ask(get("/v1/models", "Sec-Fetch-Mode: navigate\r\n")).status, 403);
  EXPECT_EQ(client.ask(get("/v1/models", "Sec-Fetch-Dest: script\r\n")).status, 403);
  const auto allowed =
      client.ask(get("/v1/models", "Origin: https://app.example\r\nSec-Fetch-Dest: empty\r\n"));
  EXPECT_EQ(allowed.status, 200);
  EXPECT_EQ(allowed.field("access-control-allow-origin"), "https://app.example");
  EXPECT_EQ(allowed.field("content-security-policy"), "sandbox; default-src 'none'");
  const std::string preflight =
      "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization\r\n";
  EXPECT_EQ(
      client.ask(get("/v1/messages", "Origin: https://evil.example\r\n" + preflight, "OPTIONS"))
          .status,
      403);
  EXPECT_EQ(
      client.ask(get("/echo", "Origin: https://app.example\r\n" + preflight, "OPTIONS")).status,
      403);
  const auto yes =
      client.ask(get("/v1/messages", "Origin: https://app.example\r\n" + preflight, "OPTIONS"));
  EXPECT_EQ(yes.status, 204);
  EXPECT_EQ(yes.field("access-control-allow-methods"), "OPTIONS, POST");
  EXPECT_EQ(yes.field("access-control-allow-headers"), "authorization");
}

TEST(Server, ErrorsTakeTheShapeThatTheirPathAsksFor) {
  ServerOptions options;
  options.error_shape = [](std::string_view path, int status, std::string_view, std::string_view,
                           std::string_view) {
    Response response;
    response.status = status;
    response.body = "shape of " + std::string(path);
    return response;
  };
  TestServer server(echo_routes(), std::move(options));
  TestClient client(server.port());
  EXPECT_EQ(client.ask(get("/v1/none")).body, "shape of /v1/none");
}

TEST(Server, ADoorServesOnlyItsRealms) {
  ServerOptions options;
  options.listens.push_back({{"127.0.0.1", 0}, {}, {}, {Realm::kGateway}});
  options.listens.push_back({{"127.0.0.1", 0}, {}, {}, {Realm::kOpen}});
  TestServer server(echo_routes(), std::move(options));
  TestClient gateway(server.port(0));
  TestClient open(server.port(1));
  EXPECT_EQ(gateway.ask(get("/v1/models")).status, 200);
  EXPECT_EQ(gateway.ask(get("/echo")).status, 404);
  EXPECT_EQ(open.ask(get("/v1/models")).status, 404);
  EXPECT_EQ(open.ask(get("/echo")).status, 200);
}

TEST(Server, OnlyATrustedProxySaysWhoTheClientIs) {
  const auto who =
      simple([](const SimpleRequest& r) { return text(std::string(r.remote_address)); });
  const std::string forged =
      "X-Forwarded-For: 1.1.1.1, 203.0.113.7\r\nX-Forwarded-For: 10.0.0.9\r\n";
  TestServer plain({open_route("GET", "/who", who)});
  TestClient direct(plain.port());
  EXPECT_EQ(direct.ask(get("/who", forged)).body, "127.0.0.1");
  ServerOptions options;
  options.trusted_proxies = {"127.0.0.0/8", "10.0.0.0/24"};
  TestServer behind({open_route("GET", "/who", who)}, std::move(options));
  TestClient proxied(behind.port());
  EXPECT_EQ(proxied.ask(get("/who", forged)).body, "203.0.113.7");
  EXPECT_EQ(proxied.ask(get("/who", "X-Forwarded-For: junk, 10.0.0.9\r\n")).body, "10.0.0.9");
  EXPECT_EQ(proxied.ask(get("/who", "X-Forwarded-For: [2001:db8::1]:5\r\n")).body, "2001:db8::1");
  EXPECT_EQ(proxied.ask(get("/who")).body, "127.0.0.1");
}

TEST(Server, APortInUseIsSaidWithWhatToDo) {
  TestServer first(echo_routes(), {}, nullptr, 2);
  SystemClock clock;
  Telemetry telemetry;
  NullLog log;
  OpenGate gate;
  auto router = Router::build(echo_routes());
  auto loop = net::Loop::make(clock);
  auto other = net::Loop::make(clock);
  ServerOptions options;
  options.listens.push_back({{"127.0.0.1", first.port()}, {}, {}});
  const auto second =
      Server::make(std::move(options), *router, gate, {loop->get(), other->get()}, telemetry, log);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, Code::kExists);
  EXPECT_NE(second.error().message.find(std::to_string(first.port())), std::string::npos);
  EXPECT_NE(second.error().message.find("listen"), std::string::npos);
}

TEST(Server, SeveralWorkersShareAPort) {
  TestServer server(echo_routes(), {}, nullptr, 2);
  for (int i = 0; i < 50; ++i) {
    TestClient client(server.port());
    EXPECT_EQ(client.ask(get("/echo")).status, 200);
  }
}

TEST(Server, TheUnixSocketIsForThisUser) {
  char folder[] = "/tmp/sg-http-XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  const std::string path = std::string(folder) + "/admin.sock";
  {
    ServerOptions options;
    options.listens.push_back({{}, path, {}});
    TestServer server(echo_routes(), std::move(options));
    TestClient client(path);
    ASSERT_TRUE(client.connected());
    EXPECT_EQ(client.ask("GET /echo HTTP/1.1\r\nHost: anything\r\n\r\n").status, 200);
  }
  unlink(path.c_str());
  rmdir(folder);
}

TEST(Server, OldClientsAreAnsweredAndClosed) {
  TestServer server(echo_routes());
  TestClient once(server.port());
  EXPECT_EQ(once.ask("GET /echo HTTP/1.0\r\nHost: localhost\r\n\r\n").field("connection"), "close");
  EXPECT_TRUE(once.at_end());
  TestClient kept(server.port());
  const std::string request =
      "GET /echo HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n";
  EXPECT_EQ(kept.ask(request).field("connection"), "keep-alive");
  EXPECT_EQ(kept.ask(request).status, 200);
}

TEST(Server, AClientThatAsksGetsLeaveToSendItsBody) {
  TestServer server(echo_routes(100));
  TestClient client(server.port());
  client.send(get("/echo", "Content-Length: 5\r\nExpect: 100-continue\r\n", "POST"));
  ASSERT_TRUE(client.wait_for("HTTP/1.1 100 Continue\r\n\r\n"));
  client.received().clear();
  EXPECT_EQ(client.ask("hello").body, "POST /echo 5 hello");
  // One that would be too large is told so instead, and the connection does not wait for it.
  client.send(get("/echo", "Content-Length: 500\r\nExpect: 100-continue\r\n", "POST"));
  EXPECT_EQ(client.answer().status, 413);
  EXPECT_TRUE(client.at_end());
}

TEST(Server, ASlowHeadIsCutOff) {
  ServerOptions options;
  options.limits.header_time_ns = 50 * kMillisecond;
  TestServer server(echo_routes(), std::move(options));
  TestClient client(server.port());
  client.send("GET /echo HTTP/1.1\r\n");
  EXPECT_EQ(client.answer().status, 408);
  EXPECT_TRUE(client.at_end());
  EXPECT_EQ(server.rejections("header_timeout"), 1);
  // Dripping a byte at a time gains no time.
  TestClient dripping(server.port());
  dripping.send("GET /echo HTTP/1.1\r\nX: ");
  for (int i = 0; i < 2000 && !dripping.receive_some(0); ++i) {
    if (!dripping.send("a")) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  EXPECT_EQ(dripping.answer().status, 408);
}

TEST(Server, ASlowBodyIsCutOffAndASteadyOneIsNot) {
  ServerOptions options;
  options.limits.body_grace_ns = 100 * kMillisecond;
  options.limits.body_rate_bytes = 1000;
  TestServer server(echo_routes(), std::move(options));
  TestClient slow(server.port());
  slow.send(get("/echo", "Content-Length: 100000\r\n", "POST") + "first");
  EXPECT_EQ(slow.answer().status, 408);
  EXPECT_EQ(server.rejections("body_timeout"), 1);
  // Again where this thread stood still for as long as a window, and so was not steady.
  int status = 0;
  for (bool was_steady = false; !was_steady && status != 200;) {
    TestClient steady(server.port());
    auto last = std::chrono::steady_clock::now();
    steady.send(get("/echo", "Content-Length: 40000\r\n", "POST"));
    was_steady = true;
    for (int i = 0; i < 40; ++i) {
      steady.send(std::string(1000, 'x'));
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      const auto now = std::chrono::steady_clock::now();
      was_steady = was_steady && now - last < std::chrono::milliseconds(50);
      last = now;
    }
    status = steady.answer().status;
  }
  EXPECT_EQ(status, 200);
}

TEST(Server, AnIdleConnectionIsClosed) {
  ServerOptions options;
  options.limits.idle_ns = 50 * kMillisecond;
  TestServer server(echo_routes(), std::move(options));
  // Again where this thread was so slow that the connection was closed before it asked.
  for (int status = 0; status != 200;) {
    TestClient client(server.port());
    status = client.ask(get("/echo")).status;
    EXPECT_TRUE(status == 200 || status == 0) << status;
    EXPECT_TRUE(client.at_end());
    EXPECT_EQ(client.received(), "");
  }
  EXPECT_TRUE(eventually([&] { return server->connections() == 0; }));
}

TEST(Server, ConnectionsPastTheCapAreToldSo) {
  ServerOptions options;
  options.limits.connections = 2;
  TestServer server(echo_routes(), std::move(options));
  TestClient a(server.port());
  TestClient b(server.port());
  EXPECT_EQ(a.ask(get("/echo")).status, 200);
  EXPECT_EQ(b.ask(get("/echo")).status, 200);
  TestClient c(server.port());
  EXPECT_EQ(c.answer().status, 503);
  EXPECT_TRUE(c.at_end());
  EXPECT_EQ(server.rejections("connections"), 1);
  a.close();
  EXPECT_TRUE(eventually([&] { return server->connections() == 1; }));
  TestClient d(server.port());
  EXPECT_EQ(d.ask(get("/echo")).status, 200);
}

TEST(AddressCounts, AnAddressHoldsSoManyAndNoMore) {
  AddressCounts counts;
  EXPECT_TRUE(counts.enter("192.0.2.1", 2));
  EXPECT_TRUE(counts.enter("192.0.2.1", 2));
  EXPECT_FALSE(counts.enter("192.0.2.1", 2));
  EXPECT_TRUE(counts.enter("192.0.2.2", 2));
  counts.leave("192.0.2.1");
  EXPECT_TRUE(counts.enter("192.0.2.1", 2));
}

// Without the spare descriptor the waiting connection would hang, and the edge be lost.
TEST(Server, LivesOnWhenDescriptorsRunOut) {
  TestServer server(echo_routes());
  TestClient before(server.port());
  EXPECT_EQ(before.ask(get("/echo")).status, 200);
  rlimit old{};
  getrlimit(RLIMIT_NOFILE, &old);
  TestClient turned_away(server.port());  // its descriptor exists; the server has none for it
  EXPECT_EQ(turned_away.ask(get("/echo")).status, 200);
  std::vector<int> hogs;
  auto few = old;
  few.rlim_cur = 128;
  setrlimit(RLIMIT_NOFILE, &few);
  const int waiting = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  for (int fd = dup(0); fd >= 0; fd = dup(0)) hogs.push_back(fd);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(server.port());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(connect(waiting, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_TRUE(eventually([&] { return server.rejections("descriptors") >= 1; }));
  char byte = 0;
  EXPECT_LE(recv(waiting, &byte, 1, 0), 0);  // closed, not left to wait
  for (const int fd : hogs) close(fd);
  close(waiting);
  setrlimit(RLIMIT_NOFILE, &old);
  EXPECT_EQ(before.ask(get("/echo")).status, 200);
  TestClient after(server.port());
  EXPECT_EQ(after.ask(get("/echo")).status, 200);
}

}  // namespace
}  // namespace sightglass::http
