// Exchanges over real sockets: answers in parts, slow and leaving clients, waiting work, the end.
#include <gtest/gtest.h>
#include <atomic>
#include <condition_variable>
#include <mutex>

#include "http/admission.h"
#include "http/output_queue.h"
#include "http/test_server.h"

namespace sightglass::http {
namespace {

// What happened to the handlers of a test.
struct Seen {
  std::atomic<int> requests{0}, closed{0}, gone{0}, writable{0}, refused{0}, bodies_ended{0};
  std::atomic<std::uint64_t> body_bytes{0};
};

// A handler made of functions.
class Scripted : public Handler {
 public:
  using Step = std::function<void(Exchange&)>;
  Scripted(Seen& seen, Step on_request, Step on_body_end = {}, Step on_writable = {})
      : seen_(seen),
        request_(std::move(on_request)),
        body_end_(std::move(on_body_end)),
        writable_(std::move(on_writable)) {}
  void on_request(Exchange& exchange) override {
    if (request_) request_(exchange);
    ++seen_.requests;
  }
  void on_body(Exchange&, std::string_view content) override { seen_.body_bytes += content.size(); }
  void on_body_end(Exchange& exchange) override {
    ++seen_.bodies_ended;
    if (body_end_) body_end_(exchange);
  }
  void on_writable(Exchange& exchange) override {
    ++seen_.writable;
    if (writable_) writable_(exchange);
  }
  void on_refused(Exchange&, int status) override { seen_.refused = status; }
  void on_close(Exchange&, bool client_gone) override {
    ++seen_.closed;
    if (client_gone) ++seen_.gone;
  }

 private:
  Seen& seen_;
  Step request_, body_end_, writable_;
};

HandlerFactory scripted(Seen& seen, Scripted::Step on_request, Scripted::Step on_body_end = {},
                        Scripted::Step on_writable = {}) {
  return [=, &seen](const std::vector<std::string>&) {
    return std::make_unique<Scripted>(seen, on_request, on_body_end, on_writable);
  };
}

constexpr const char* kOk = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n";

Response plain(std::string body) {
  Response response;
  response.body = std::move(body);
  return response;
}

TEST(Exchange, AnAnswerInPartsIsChunkedOrOfTheLengthSaid) {
  Seen seen;
  const auto in_parts = [](std::optional<std::uint64_t> length) {
    return [length](Exchange& exchange) {
      exchange.start(kOk, length);
      exchange.write("hello ");
      exchange.write("");  // would be the end, were it framed
      exchange.write("world");
      EXPECT_EQ(exchange.bytes_written(), 11u);
      exchange.end();
    };
  };
  TestServer server({open_route("GET", "/chunked", scripted(seen, in_parts(std::nullopt))),
                     open_route("GET", "/length", scripted(seen, in_parts(11)))});
  TestClient client(server.port());
  const auto chunked = client.ask(get("/chunked"));
  EXPECT_EQ(chunked.body, "hello world");
  EXPECT_EQ(chunked.field("transfer-encoding"), "chunked");
  EXPECT_EQ(chunked.field("content-length"), "");
  EXPECT_EQ(chunked.field("x-content-type-options"), "nosniff");
  const auto length = client.ask(get("/length"));
  EXPECT_EQ(length.body, "hello world");
  EXPECT_EQ(length.field("transfer-encoding"), "");
  client.send("GET /chunked HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n");
  const auto old = client.receive_all();
  EXPECT_TRUE(old.ends_with("\r\n\r\nhello world"));
  EXPECT_NE(old.find("Connection: close"), std::string::npos);
  EXPECT_TRUE(eventually([&] { return seen.closed == 3; }));
  EXPECT_EQ(seen.gone, 0);
}

TEST(Exchange, FramingAndIdsOfARelayedHeadAreReplacedAndItsDateKept) {
  Seen seen;
  TestServer server({open_route("GET", "/", scripted(seen, [](Exchange& exchange) {
                                  exchange.start(
                                      "HTTP/1.1 207 Multi-Status\r\nTransfer-Encoding: chunked\r\n"
                                      "Content-Length: 999\r\nConnection: close\r\n"
                                      "X-Request-ID: theirs\r\nDate: yesterday\r\nKept: yes\r\n"
                                      "Split: a\nInjected: b\r\n",
                                      2);
                                  exchange.write("ok");
                                  exchange.end();
                                }))});
  TestClient client(server.port());
  const auto answer = client.ask(get("/"));
  EXPECT_EQ(answer.status, 207);
  EXPECT_TRUE(answer.head.starts_with("HTTP/1.1 207 Multi-Status\r\n"));
  EXPECT_EQ(answer.body, "ok");
  EXPECT_EQ(answer.field("connection"), "");
  EXPECT_EQ(answer.field("transfer-encoding"), "");
  EXPECT_EQ(answer.field("date"), "yesterday");
  EXPECT_EQ(answer.field("kept"), "yes");
  EXPECT_NE(answer.field("x-request-id"), "theirs");
  EXPECT_EQ(answer.head.find("Injected"), std::string::npos);
  EXPECT_EQ(server.rejections("bad_response_field"), 1);
}

TEST(Exchange, AFieldThatWouldBreakTheHeadIsLeftOut) {
  TestServer server({open_route("GET", "/", simple([](const SimpleRequest&) {
                                  auto response = plain("ok");
                                  response.headers = {{"A", "b\r\nSet-Cookie: c"}, {"D", "e"}};
                                  return response;
                                }))});
  TestClient client(server.port());
  const auto answer = client.ask(get("/"));
  EXPECT_EQ(answer.field("set-cookie"), "");
  EXPECT_EQ(answer.field("d"), "e");
}

TEST(Exchange, AnAnswerShorterOrLongerThanSaidIsCut) {
  Seen seen;
  TestServer server({open_route("GET", "/short",
                                scripted(seen,
                                         [](Exchange& exchange) {
                                           exchange.start(kOk, 10);
                                           exchange.write("half");
                                           exchange.end();
                                         })),
                     open_route("GET", "/long", scripted(seen, [](Exchange& exchange) {
                                  exchange.start(kOk, 4);
                                  exchange.write("much more");
                                  exchange.end();
                                }))});
  for (const char* path : {"/short", "/long"}) {
    TestClient client(server.port());
    client.send(get(path));
    EXPECT_TRUE(client.at_end()) << path;
  }
  EXPECT_EQ(server.rejections("length_mismatch"), 2);
}

TEST(Exchange, AbortLeavesTheClientUnableToTakeTheAnswerForWhole) {
  Seen seen;
  const auto cut = [](Exchange& exchange) {
    exchange.start(kOk, std::nullopt);
    exchange.write("part");
    exchange.abort();
  };
  TestServer server({open_route("GET", "/", scripted(seen, cut))});
  TestClient client(server.port());
  client.send(get("/"));
  EXPECT_TRUE(client.at_end());
  EXPECT_FALSE(client.received().ends_with("0\r\n\r\n"));
  EXPECT_TRUE(eventually([&] { return seen.closed == 1; }));
  EXPECT_EQ(seen.gone, 0);
}

TEST(Exchange, TheHandlerHearsAtOnceThatItsClientLeft) {
  Seen seen;
  TestServer server({open_route("GET", "/wait", scripted(seen, [](Exchange&) {})),
                     open_route("POST", "/wait", scripted(seen, [](Exchange&) {}))});
  {
    TestClient client(server.port());
    client.send(get("/wait"));
    ASSERT_TRUE(eventually([&] { return seen.requests == 1; }));
  }
  EXPECT_TRUE(eventually([&] { return seen.gone == 1; })) << "an orderly close";
  {
    TestClient client(server.port());
    client.send(get("/wait"));
    ASSERT_TRUE(eventually([&] { return seen.requests == 2; }));
    client.reset();
  }
  EXPECT_TRUE(eventually([&] { return seen.gone == 2; })) << "a reset";
  {
    TestClient client(server.port());
    client.send(get("/wait", "Content-Length: 100\r\n", "POST") + "part");
    ASSERT_TRUE(eventually([&] { return seen.body_bytes == 4; }));
  }
  EXPECT_TRUE(eventually([&] { return seen.gone == 3; })) << "inside the body";
  EXPECT_TRUE(eventually([&] { return server->connections() == 0 && server->in_flight() == 0; }));
}

TEST(Exchange, TheHandlerHearsThatItsClientLeftInMidAnswer) {
  Seen seen;
  std::atomic<Exchange*> streaming = nullptr;
  TestServer server({open_route("GET", "/", scripted(seen, [&](Exchange& exchange) {
                                  exchange.start(kOk, std::nullopt);
                                  exchange.write("first");
                                  streaming = &exchange;
                                }))});
  TestClient client(server.port());
  client.send(get("/"));
  ASSERT_TRUE(client.wait_for("first"));
  client.close();
  EXPECT_TRUE(eventually([&] { return seen.gone == 1; }));
}

// The decision that Exchange documents.
TEST(Exchange, AHalfClosedClientIsAnsweredWhenItSaidThatNothingFollows) {
  Seen seen;
  std::atomic<Exchange*> waiting = nullptr;
  const auto keep = [&](Exchange& exchange) { waiting = &exchange; };
  TestServer server({open_route("GET", "/", scripted(seen, keep))});
  TestClient last(server.port());
  last.send(get("/", "Connection: close\r\n"));
  last.shut_write();
  ASSERT_TRUE(eventually([&] { return waiting != nullptr; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(seen.closed, 0);
  server.loop().post([&] { waiting.load()->respond(plain("here you are")); });
  EXPECT_EQ(last.answer().body, "here you are");
  EXPECT_TRUE(eventually([&] { return seen.closed == 1; }));
  EXPECT_EQ(seen.gone, 0);
  TestClient kept(server.port());
  kept.send(get("/"));
  ASSERT_TRUE(eventually([&] { return seen.requests == 2; }));
  kept.shut_write();
  EXPECT_TRUE(eventually([&] { return seen.gone == 1; }));
}

TEST(Exchange, AHalfClosedClientIsAnsweredWhenTheAnswerIsReadyAtOnce) {
  Seen seen;
  const std::string body(8 << 20, 'x');
  TestServer server(
      {open_route("GET", "/", scripted(seen, [&](Exchange& e) { e.respond(plain(body)); }))});
  TestClient client(server.port());
  client.send(get("/"));
  client.shut_write();
  EXPECT_EQ(client.answer().body.size(), body.size());
}

TEST(Exchange, AnAnswerFromOutsideOfTheHandlersOwnCallsIsWritten) {
  Seen seen;
  TestServer server({open_route("GET", "/", scripted(seen, [](Exchange& exchange) {
                                  auto* kept = &exchange;
                                  exchange.loop().post([kept] {
                                    kept->start(kOk, std::nullopt);
                                    kept->loop().post([kept] {
                                      kept->write("later");
                                      kept->end();
                                    });
                                  });
                                }))});
  TestClient client(server.port());
  std::string all;
  for (int i = 0; i < 20; ++i) all += get("/");
  client.send(all);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(client.answer().body, "later");
}

TEST(Exchange, AHeadIsOnItsWayEvenWhenNothingFollowsIt) {
  Seen seen;
  TestServer server({open_route("GET", "/", scripted(seen, [](Exchange& exchange) {
                                  auto* kept = &exchange;
                                  exchange.loop().post([kept] { kept->start(kOk, std::nullopt); });
                                }))});
  TestClient client(server.port());
  client.send(get("/"));
  EXPECT_TRUE(client.wait_for("Transfer-Encoding: chunked"));
}

TEST(Exchange, ASlowReaderIsToldOfAndNothingIsLost) {
  Seen seen;
  ServerOptions options;
  options.limits.write_buffer_bytes = 64 << 10;
  constexpr std::size_t kTotal = 64 << 20;
  const std::string block(16 << 10, 'b');
  std::atomic<bool> filled = false;
  const auto fill = [&](Exchange& exchange) {
    while (exchange.writable() && exchange.bytes_written() < kTotal) exchange.write(block);
    if (exchange.bytes_written() == kTotal) exchange.end();
  };
  TestServer server({open_route("GET", "/",
                                scripted(
                                    seen,
                                    [&](Exchange& exchange) {
                                      exchange.start(kOk, kTotal);
                                      fill(exchange);
                                      EXPECT_FALSE(exchange.writable());
                                      filled = true;
                                    },
                                    {}, fill))},
                    std::move(options));
  TestClient client(server.port());
  client.send(get("/"));
  ASSERT_TRUE(eventually([&] { return filled.load(); }));
  EXPECT_EQ(client.answer().body.size(), kTotal);
  EXPECT_GT(seen.writable, 0);
}

TEST(Exchange, AHandlerThatIgnoresASlowReaderIsCutOff) {
  Seen seen;
  ServerOptions options;
  options.limits.write_buffer_bytes = 64 << 10;
  const std::string block(1 << 20, 'b');
  TestServer server({open_route("GET", "/",
                                scripted(seen,
                                         [&](Exchange& exchange) {
                                           exchange.start(kOk, std::nullopt);
                                           for (int i = 0; i < 100; ++i) exchange.write(block);
                                         }))},
                    std::move(options));
  TestClient client(server.port());
  client.send(get("/"));
  EXPECT_TRUE(eventually([&] { return seen.closed == 1; }));
  EXPECT_EQ(server.rejections("write_overflow"), 1);
}

TEST(Exchange, AReaderThatStopsIsGivenUp) {
  Seen seen;
  ServerOptions options;
  options.limits.idle_ns = 100 * kMillisecond;
  TestServer server({open_route("GET", "/",
                                scripted(seen,
                                         [](Exchange& exchange) {
                                           exchange.respond(plain(std::string(32 << 20, 'x')));
                                         }))},
                    std::move(options));
  // Again where this thread was so slow that its connection had been idle for too long.
  std::vector<std::unique_ptr<TestClient>> clients;
  while (seen.requests == 0) {
    clients.push_back(std::make_unique<TestClient>(server.port()));
    clients.back()->send(get("/"));
    pollfd closed{clients.back()->fd(), POLLRDHUP, 0};
    ASSERT_TRUE(eventually([&] { return seen.requests > 0 || poll(&closed, 1, 0) == 1; }));
  }
  EXPECT_TRUE(eventually([&] { return seen.gone == 1; }));
  EXPECT_EQ(server.rejections("write_timeout"), 1);
}

TEST(Exchange, APausedBodyWaitsInTheClientAndGoesOn) {
  Seen seen;
  std::atomic<Exchange*> paused = nullptr;
  TestServer server({open_route("POST", "/",
                                scripted(
                                    seen,
                                    [&](Exchange& exchange) {
                                      exchange.pause_body();
                                      paused = &exchange;
                                    },
                                    [](Exchange& exchange) { exchange.respond(plain("done")); }))});
  TestClient client(server.port());
  client.send(post("/", std::string(200'000, 'x')));
  ASSERT_TRUE(eventually([&] { return paused != nullptr; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(seen.body_bytes, 0u);
  server.loop().post([&] { paused.load()->resume_body(); });
  EXPECT_EQ(client.answer().body, "done");
  EXPECT_EQ(seen.body_bytes, 200'000u);
  client.send(get("/", "Content-Length: 3\r\nExpect: 100-continue\r\n", "POST"));
  EXPECT_FALSE(client.receive_some(30)) << "no leave while paused";
  server.loop().post([&] { paused.load()->resume_body(); });
  EXPECT_TRUE(client.wait_for("100 Continue"));
}

TEST(Exchange, AnEarlyAnswerKeepsTheConnectionWhenLittleOfTheBodyIsLeft) {
  Seen seen;
  TestServer server({open_route(
      "POST", "/", scripted(seen, [](Exchange& exchange) { exchange.respond(plain("no")); }))});
  TestClient small(server.port());
  EXPECT_EQ(small.ask(post("/", "abc")).body, "no");
  small.send(get("/", "Content-Length: 1000\r\n", "POST"));
  const auto early = small.answer();
  EXPECT_EQ(early.field("connection"), "");
  small.send(std::string(1000, 'x'));
  EXPECT_EQ(small.ask(post("/", "abc")).body, "no");
  EXPECT_EQ(seen.body_bytes, 0u) << "what comes after the answer is nobody's";
  TestClient large(server.port());
  large.send(get("/", "Content-Length: 1000000\r\n", "POST"));
  EXPECT_EQ(large.answer().field("connection"), "close");
  EXPECT_TRUE(large.at_end());
}

TEST(Exchange, TheHandlerHearsThatTheServerAnsweredInItsPlace) {
  Seen seen;
  TestServer server({open_route(
      "POST", "/", scripted(seen, [](Exchange& exchange) { exchange.set_body_limit(10); }))});
  TestClient client(server.port());
  EXPECT_EQ(client.ask(post("/", std::string(11, 'x'))).status, 413);
  EXPECT_TRUE(eventually([&] { return seen.closed == 1; }));
  EXPECT_EQ(seen.refused, 413);
  EXPECT_EQ(seen.gone, 0);
  TestClient broken(server.port());
  EXPECT_EQ(broken.ask(get("/", "Transfer-Encoding: chunked\r\n", "POST") + "x\r\n").status, 400);
  EXPECT_TRUE(eventually([&] { return seen.refused == 400; }));
}

TEST(Drain, FinishesWhatRunsAndRefusesWhatComesButHealth) {
  Seen seen;
  std::atomic<Exchange*> waiting = nullptr;
  const auto at_once = simple([](const SimpleRequest&) { return plain("ok"); });
  TestServer server({open_route("GET", "/slow", scripted(seen, [&](Exchange& e) { waiting = &e; })),
                     open_route("GET", "/health", at_once),
                     open_route("GET", "/v1/models", at_once, Realm::kGateway)});
  TestClient busy(server.port());
  TestClient health(server.port());
  TestClient other(server.port());
  EXPECT_EQ(health.ask(get("/health")).status, 200);
  EXPECT_EQ(other.ask(get("/v1/models")).status, 200);
  busy.send(get("/slow"));
  ASSERT_TRUE(eventually([&] { return waiting != nullptr; }));
  std::thread drainer([&] { EXPECT_TRUE(server->drain(20 * kSecond)); });
  ASSERT_TRUE(eventually([&] { return server->draining(); }));
  const auto refused = other.ask(get("/v1/models"));
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.field("connection"), "close");
  EXPECT_EQ(refused.field("retry-after"), "1");
  EXPECT_TRUE(other.at_end());
  EXPECT_EQ(health.ask(get("/health")).status, 200);
  EXPECT_TRUE(eventually([&] { return !TestClient(server.port()).connected(); }));
  server.loop().post([&] { waiting.load()->respond(plain("finished")); });
  const auto finished = busy.answer();
  EXPECT_EQ(finished.body, "finished");
  EXPECT_EQ(finished.field("connection"), "close");
  drainer.join();
}

TEST(Drain, SaysWhenSomethingWasLeftAndStopCutsIt) {
  Seen seen;
  TestServer server({open_route("GET", "/", scripted(seen, [](Exchange&) {}))});
  TestClient client(server.port());
  client.send(get("/"));
  ASSERT_TRUE(eventually([&] { return seen.requests == 1; }));
  EXPECT_FALSE(server->drain(10 * kMillisecond));
  server->stop();
  EXPECT_TRUE(client.at_end());
  EXPECT_EQ(seen.closed, 1);
  EXPECT_EQ(seen.gone, 0);
  EXPECT_EQ(server->connections(), 0u);
}

TEST(Blocking, AnswersComeFromThePoolWithTheWholeRequest) {
  Telemetry telemetry;
  auto pool = WorkPool::make("test", 2, 10, telemetry);
  const auto loop_thread = std::this_thread::get_id();
  const auto handler = [&](const SimpleRequest& r) {
    EXPECT_NE(std::this_thread::get_id(), loop_thread);
    return plain(std::string(r.head.method) + " " + std::string(r.head.path) + " " +
                 std::string(r.head.query) + " " + std::string(r.head.headers.get("x-a")) + " " +
                 r.path_parameters.at(0) + " " + std::string(r.body) + " " +
                 std::string(r.remote_address));
  };
  TestServer server({open_route("POST", "/q/{id}", blocking(*pool, handler))});
  TestClient client(server.port());
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(client.ask(post("/q/7?a=b", "body", "X-A: value\r\n")).body,
              "POST /q/7 a=b value 7 body 127.0.0.1");
  }
  server.stop();
}

TEST(Blocking, PastTheQueueIsSaidSoAndALeavingClientHarmsNothing) {
  Telemetry telemetry;
  std::mutex mutex;
  std::condition_variable wake;
  bool go = false;
  std::atomic<int> running{0};
  auto pool = WorkPool::make("test", 1, 1, telemetry);
  TestServer server({open_route("GET", "/", blocking(*pool, [&](const SimpleRequest&) {
                                  ++running;
                                  std::unique_lock lock(mutex);
                                  wake.wait(lock, [&] { return go; });
                                  return plain("done");
                                }))});
  TestClient first(server.port());
  first.send(get("/"));
  ASSERT_TRUE(eventually([&] { return running == 1; }));
  TestClient leaving(server.port());
  leaving.send(get("/"));
  ASSERT_TRUE(eventually([&] { return server->in_flight() == 2; }));
  TestClient third(server.port());
  const auto busy = third.ask(get("/"));
  EXPECT_EQ(busy.status, 429);
  EXPECT_EQ(busy.field("retry-after"), "1");
  leaving.close();
  ASSERT_TRUE(eventually([&] { return server->in_flight() == 1; }));
  {
    const std::scoped_lock lock(mutex);
    go = true;
  }
  wake.notify_all();
  EXPECT_EQ(first.answer().body, "done");
  EXPECT_TRUE(eventually([&] { return running == 2; }));
  pool.reset();
  server.stop();
}

TEST(Blocking, IsToldWhenTheClientHasLeft) {
  Telemetry telemetry;
  std::atomic<bool> began{false}, told{false};
  auto pool = WorkPool::make("test", 1, 1, telemetry);
  TestServer server({open_route("GET", "/", blocking(*pool, [&](const SimpleRequest& request) {
                                  began = true;
                                  EXPECT_NE(request.left, nullptr);
                                  told = eventually([&] { return request.left->load(); });
                                  return plain("done");
                                }))});
  TestClient leaving(server.port());
  leaving.send(get("/"));
  ASSERT_TRUE(eventually([&] { return began.load(); }));
  EXPECT_FALSE(told);
  leaving.close();
  EXPECT_TRUE(eventually([&] { return told.load(); }));
  pool.reset();
  server.stop();
}

TEST(Cookies, AreFoundByTheirWholeName) {
  EXPECT_EQ(cookie_value("a=1; sg_session=x.y.z; b=2", "sg_session"), "x.y.z");
  EXPECT_EQ(cookie_value("xsg_session=1; sg_session=\"q\"", "sg_session"), "q");
  EXPECT_EQ(cookie_value("sg_session", "sg_session"), "");
  EXPECT_EQ(cookie_value("", "a"), "");
  EXPECT_EQ(cookie_value(";;=;a=b=c", "a"), "b=c");
}

TEST(OutputQueue, GivesItsBytesInOrderHoweverTheyAreTaken) {
  const auto shared = std::make_shared<const std::string>("shared bytes");
  for (std::size_t step = 1; step < 40; ++step) {
    OutputQueue queue;
    queue.copy("one ");
    queue.copy("two ");
    queue.take("xx three ", 2);
    queue.share(shared, 0);
    queue.copy(" four");
    queue.take("gone", 4);
    std::string out;
    while (!queue.empty()) {
      iovec parts[2];
      const int count = queue.front(parts, 2);
      std::string visible;
      for (int i = 0; i < count; ++i) {
        visible.append(static_cast<char*>(parts[i].iov_base), parts[i].iov_len);
      }
      const auto taken = std::min(step, visible.size());
      out += visible.substr(0, taken);
      queue.consume(taken);
    }
    EXPECT_EQ(out, "one two  three shared bytes four") << step;
    EXPECT_EQ(queue.size(), 0u);
  }
  EXPECT_EQ(shared.use_count(), 1);
}

TEST(Admission, BlocksOfAddresses) {
  const auto set = AddressSet::parse({"10.0.0.0/8", "192.168.1.1", "2001:db8::/33"});
  ASSERT_TRUE(set.has_value());
  for (const char* in : {"10.255.0.1", "192.168.1.1", "::ffff:10.1.1.1", "2001:db8:7fff::1"}) {
    EXPECT_TRUE(set->contains(in)) << in;
  }
  for (const char* out : {"11.0.0.1", "192.168.1.2", "2001:db8:8000::1", "", "x"}) {
    EXPECT_FALSE(set->contains(out)) << out;
  }
  for (const char* bad : {"10.0.0.0/33", "host", "10.0.0.0/", "::/129", "10.0.0.0/-1"}) {
    EXPECT_FALSE(AddressSet::parse({bad}).has_value()) << bad;
  }
}

}  // namespace
}  // namespace sightglass::http
