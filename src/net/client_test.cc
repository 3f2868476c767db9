// The client against a server that plays bytes on a real socket.
#include <gtest/gtest.h>

#include <atomic>
#include <semaphore>
#include <string>
#include <vector>

#include "net/client_fixture.h"

namespace sightglass::net {
namespace {

TEST_F(ClientTest, SendsHeadAndBodyPiecesAndGivesTheAnswer) {
  std::string seen;
  serve({[&](ScriptedPeer& peer) {
    seen = peer.read_request();
    peer.send(kOk);
  }});
  const auto told = call(post({"one, ", "", "two"}));
  EXPECT_EQ(told->log, "sent 200 end");
  EXPECT_EQ(told->body, "hello");
  EXPECT_EQ(told->first_field, "Content-Length");
  hang_up();
  EXPECT_EQ(seen, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\none, two");
  hang_up();
}

TEST_F(ClientTest, WritesBodiesLargerThanTheSocketsBuffer) {
  const std::string large(20 << 20, 'x');
  serve({[&](ScriptedPeer& peer) {
    const auto seen = peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n" +
              std::to_string(seen.size() - seen.find("\r\n\r\n") - 4));
  }});
  const auto told = call(post({large}));
  EXPECT_EQ(told->log, "sent 200 end");
  EXPECT_EQ(std::stoul(told->body), large.size());
  hang_up();
}

TEST_F(ClientTest, ReusesTheConnection) {
  serve({[](ScriptedPeer& peer) {
    while (!peer.read_request().empty()) peer.send(kOk);
  }});
  for (int i = 0; i < 100; ++i) EXPECT_EQ(call(get())->log, "sent 200 end");
  EXPECT_EQ(client().open_connections(), 1u);
  EXPECT_EQ(counted("sightglass_upstream_connections_opened_total"), 1);
  client_.reset();
  EXPECT_EQ(counted("sightglass_upstream_connections_open"), 0);
}

TEST_F(ClientTest, MayBeSentFromInsideTheEndOfAnother) {
  serve({[](ScriptedPeer& peer) {
    while (!peer.read_request().empty()) peer.send(kOk);
  }});
  int left = 100;
  auto handler = told();
  handler->done = [&] {
    if (left-- == 0) return loop_->stop();
    client().send(origin(), get(), handler.get());
  };
  client().send(origin(), get(), handler.get());
  run();
  EXPECT_EQ(counted("sightglass_upstream_connections_opened_total"), 1);
  EXPECT_EQ(handler->body.size(), 101 * 5u);
}

TEST_F(ClientTest, OpensAConnectionForEachCallAtOnce) {
  std::vector<Script> scripts(8, [](ScriptedPeer& peer) {
    while (!peer.read_request().empty()) peer.send(kOk);
  });
  serve(std::move(scripts));
  make_client({.max_idle = 3});
  int left = 8;
  std::vector<std::unique_ptr<Told>> handlers;
  for (int i = 0; i < 8; ++i) {
    handlers.push_back(std::make_unique<Told>([&] {
      if (--left == 0) loop_->stop();
    }));
    client().send(origin(), get(), handlers.back().get());
  }
  run();
  for (const auto& handler : handlers) EXPECT_EQ(handler->log, "sent 200 end");
  EXPECT_EQ(client().open_connections(), 3u);  // the idle pool's bound
  EXPECT_EQ(counted("sightglass_upstream_idle_dropped_total", "pool_full"), 5);
}

TEST_F(ClientTest, TakesChunkedUntilCloseAndEmptyAnswers) {
  const std::pair<std::string, std::string> answers[] = {
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: "
       "1\r\n\r\n",
       "abcde"},
      {"HTTP/1.1 200 OK\r\n\r\nuntil the end", "until the end"},
      {"HTTP/1.1 204 No Content\r\n\r\n", ""},
      {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""},
  };
  for (const auto& [answer, body] : answers) {
    serve({[&text = answer](ScriptedPeer& peer) {
      peer.read_request();
      peer.send(text);
    }});
    const auto told = call(get());
    EXPECT_TRUE(told->log.ends_with(" end")) << told->log;
    EXPECT_EQ(told->body, body);
  }
}

TEST_F(ClientTest, AnswersToHeadHaveNoBody) {
  serve({[](ScriptedPeer& peer) {
    peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    peer.read_request();
    peer.send(kOk);
  }});
  auto request = get();
  request.is_head = true;
  EXPECT_EQ(call(std::move(request))->body, "");
  EXPECT_EQ(call(get())->body, "hello");
}

TEST_F(ClientTest, SkipsInterimAnswers) {
  serve({[](ScriptedPeer& peer) {
    peer.read_request();
    peer.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
    peer.send(kOk);
  }});
  EXPECT_EQ(call(get())->log, "sent 200 end");
}

TEST_F(ClientTest, RefusesSwitchingProtocolsAndEndlessInterimAnswers) {
  std::string many;
  for (int i = 0; i < 20; ++i) many += "HTTP/1.1 102 Processing\r\n\r\n";
  for (const auto& answer : {std::string("HTTP/1.1 101 Switching Protocols\r\n\r\n"), many}) {
    serve({[&](ScriptedPeer& peer) {
      peer.read_request();
      peer.send(answer);
      peer.read_to_end();
    }});
    EXPECT_EQ(call(get())->log, "sent bad_response started written");
  }
  hang_up();
}

TEST_F(ClientTest, RefusesMalformedAnswers) {
  for (const std::string answer :
       {"SSH-2.0-OpenSSH\r\n", "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"}) {
    serve({[&](ScriptedPeer& peer) {
      peer.read_request();
      peer.send(answer);
      peer.read_to_end();
    }});
    EXPECT_TRUE(call(get())->log.ends_with("bad_response started written")) << answer;
  }
  hang_up();
}

TEST_F(ClientTest, TellsTruncatedFromReset) {
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
  serve({[&](ScriptedPeer& peer) {
           peer.read_request();
           peer.send(head + "he");
         },
         [&](ScriptedPeer& peer) {
           peer.read_request();
           peer.send("HTTP/1.1 200 O");
         },
         [&](ScriptedPeer& peer) { peer.read_request(); },
         [&](ScriptedPeer& peer) {
           peer.read_request();
           peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
         }});
  EXPECT_EQ(call(get())->log, "sent 200 truncated started written");
  EXPECT_EQ(call(get())->log, "sent truncated started written");
  EXPECT_EQ(call(get())->log, "sent reset written");
  EXPECT_EQ(call(get())->log, "sent 200 truncated started written");
  EXPECT_EQ(counted("sightglass_upstream_errors_total", "truncated"), 3);
  hang_up();
}

TEST_F(ClientTest, TellsAResetInTheMiddleOfTheBody) {
  std::binary_semaphore got_head(0);
  serve({[&](ScriptedPeer& peer) {
    peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello");
    got_head.acquire();
    peer.reset();
  }});
  auto handler = told();
  handler->at_body = [&] { got_head.release(); };
  client().send(origin(), get(), handler.get());
  run();
  EXPECT_EQ(handler->log, "sent 200 reset started written");
  hang_up();
}

TEST_F(ClientTest, RefusedConnectionsFail) {
  serve({});
  const auto gone = origin();
  server_.reset();
  auto handler = told();
  client().send(gone, get(), handler.get());
  EXPECT_EQ(handler->log, "");
  run();
  EXPECT_EQ(handler->log, "connect");
  EXPECT_EQ(client().open_connections(), 0u);
}

TEST_F(ClientTest, WithoutDescriptorsCallsFailAndRecover) {
  serve({[](ScriptedPeer& peer) {
    peer.read_request();
    peer.send(kOk);
  }});
  client();
  std::vector<int> hoard;
  for (int fd = dup(0); fd >= 0; fd = dup(0)) hoard.push_back(fd);
  ASSERT_EQ(errno, EMFILE);
  const auto refused = call(get());
  for (const int fd : hoard) close(fd);
  EXPECT_EQ(refused->log, "connect");
  EXPECT_EQ(call(get())->log, "sent 200 end");
}

TEST_F(ClientTest, SendsAgainWhenTheIdleConnectionWasDead) {
  std::binary_semaphore go(0);
  serve({[&](ScriptedPeer& peer) {
           peer.read_request();
           peer.send(kOk);
           peer.read_request();  // and leaves without a word
         },
         [](ScriptedPeer& peer) {
           peer.read_request();
           peer.send(kOk);
         }});
  EXPECT_EQ(call(get())->log, "sent 200 end");
  EXPECT_EQ(call(get())->log, "sent sent 200 end");
  EXPECT_EQ(counted("sightglass_upstream_resends_total"), 1);
  hang_up();
}

TEST_F(ClientTest, SendsAgainOnceOnly) {
  serve({[](ScriptedPeer& peer) {
           peer.read_request();
           peer.send(kOk);
           peer.read_request();
         },
         [](ScriptedPeer& peer) { peer.read_request(); }});
  EXPECT_EQ(call(get())->log, "sent 200 end");
  EXPECT_EQ(call(get())->log, "sent sent reset written");
}

TEST_F(ClientTest, NeverSendsAgainOnceTheAnswerHasBegun) {
  serve({[](ScriptedPeer& peer) {
    peer.read_request();
    peer.send(kOk);
    peer.read_request();
    peer.send("H");
  }});
  EXPECT_EQ(call(get())->log, "sent 200 end");
  EXPECT_EQ(call(get())->log, "sent truncated started written");
}

TEST_F(ClientTest, NeverSendsAgainAfterAWhile) {
  serve({[](ScriptedPeer& peer) {
    peer.read_request();
    peer.send(kOk);
    peer.read_request();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }});
  make_client({.timeouts = {.again_ns = kMillisecond}});
  EXPECT_EQ(call(get())->log, "sent 200 end");
  EXPECT_EQ(call(get())->log, "sent reset written");
}

TEST_F(ClientTest, DropsAnIdleConnectionThatClosesOrTalks) {
  std::binary_semaphore idle(0);
  for (const std::string_view last_words : {"", "HTTP/1.1 408 Request Timeout\r\n\r\n"}) {
    serve({[&idle, last_words](ScriptedPeer& peer) {
      peer.read_request();
      peer.send(kOk);
      idle.acquire();
      peer.send(std::string(last_words));
      if (!last_words.empty()) peer.read_to_end();
    }});
    EXPECT_EQ(call(get())->log, "sent 200 end");
    EXPECT_EQ(client().open_connections(), 1u);
    idle.release();
    while (client().open_connections() > 0) run_for(10 * kMillisecond);
  }
  EXPECT_EQ(counted("sightglass_upstream_idle_dropped_total", "closed_by_peer"), 1);
  EXPECT_EQ(counted("sightglass_upstream_idle_dropped_total", "unexpected_data"), 1);
  hang_up();
}

TEST_F(ClientTest, DoesNotReuseAConnectionWithBytesBehindTheAnswer) {
  serve({[](ScriptedPeer& peer) {
           peer.read_request();
           peer.send(kOk + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
           peer.read_to_end();
         },
         [](ScriptedPeer& peer) {
           peer.read_request();
           peer.send(kOk);
         }});
  EXPECT_EQ(call(get())->body, "hello");
  EXPECT_EQ(client().open_connections(), 0u);
  EXPECT_EQ(call(get())->body, "hello");
}

TEST_F(ClientTest, ClosesWhenTheAnswerSaysSo) {
  serve({[](ScriptedPeer& peer) {
    peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    peer.read_to_end();
  }});
  EXPECT_EQ(call(get())->log, "sent 200 end");
  EXPECT_EQ(client().open_connections(), 0u);
}

TEST_F(ClientTest, TakesAnAnswerThatComesBeforeTheRequestIsWritten) {
  const std::string large(20 << 20, 'x');
  std::binary_semaphore taken(0);
  serve({[&taken](ScriptedPeer& peer) {
    peer.read_until("");  // something
    peer.send("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
    peer.shutdown_write();
    taken.acquire();  // closing with bytes unread would reset the connection
  }});
  const auto told = call(post({large}));
  taken.release();
  EXPECT_EQ(told->log, "413 end");
  EXPECT_EQ(told->body, "no");
  EXPECT_EQ(client().open_connections(), 0u);
  hang_up();
}

TEST_F(ClientTest, ResolvesNamesOnceAndTriesEachAddress) {
  serve({[](ScriptedPeer& peer) {
           peer.read_request();
           peer.send("HTTP/1.1 200 OK\r\n\r\n1");
         },
         [](ScriptedPeer& peer) {
           peer.read_request();
           peer.send("HTTP/1.1 200 OK\r\n\r\n2");
         }});
  std::atomic<int> asked = 0;
  const auto caller = std::this_thread::get_id();
  make_client({.resolve = [&](const std::string& host) -> std::vector<std::string> {
    EXPECT_NE(std::this_thread::get_id(), caller);
    EXPECT_EQ(host, "provider.test");
    ++asked;
    return {"127.0.0.77", "127.0.0.1"};  // nobody listens at the first
  }});
  const Origin named{.tls = false, .address = {"provider.test", server_->port()}, .authority = "a"};
  for (const char* body : {"1", "2"}) {
    auto handler = told();
    client().send(named, get(), handler.get());
    run();
    EXPECT_EQ(handler->log, "sent 200 end");
    EXPECT_EQ(handler->body, body);
  }
  EXPECT_EQ(asked, 1);
  hang_up();
}

TEST_F(ClientTest, UnknownNamesFailAndAreRememberedForAMoment) {
  std::atomic<int> asked = 0;
  make_client({.resolve = [&](const std::string&) -> std::vector<std::string> {
    ++asked;
    return {};
  }});
  const Origin named{.tls = false, .address = {"nowhere.test", 80}, .authority = "a"};
  for (int i = 0; i < 3; ++i) {
    auto handler = told();
    client().send(named, get(), handler.get());
    run();
    EXPECT_EQ(handler->log, "resolve");
  }
  EXPECT_EQ(asked, 1);
  hang_up();
}

TEST_F(ClientTest, MayBeDestroyedWhileResolvingAndMidCall) {
  // The resolver's thread ends by itself, maybe after the test: what it uses is shared.
  struct Gate {
    std::binary_semaphore asking{0};
    std::binary_semaphore answer{0};
  };
  const auto gate = std::make_shared<Gate>();
  serve({[](ScriptedPeer& peer) {
    peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello");
    peer.read_to_end();
  }});
  make_client({.resolve = [gate](const std::string&) -> std::vector<std::string> {
    gate->asking.release();
    gate->answer.acquire();
    return {"127.0.0.1"};
  }});
  auto handler = told();
  client().send({.tls = false, .address = {"slow.test", 80}, .authority = "a"}, get(),
                handler.get());
  auto reading = told();
  reading->at_body = [&] { loop_->stop(); };
  client().send(origin(), get(), reading.get());
  run();
  gate->asking.acquire();
  client_.reset();
  gate->answer.release();
  run_for(30 * kMillisecond);
  EXPECT_EQ(handler->log, "");
  EXPECT_EQ(reading->log, "sent 200 ");
  hang_up();
}

TEST_F(ClientTest, GivesTheStringsOfEarlierRequestsBack) {
  serve({[](ScriptedPeer& peer) {
    while (!peer.read_request().empty()) peer.send(kOk);
  }});
  auto request = get();
  request.head.reserve(5000);
  const auto* memory = request.head.data();
  call(std::move(request));
  run_for(10 * kMillisecond);
  auto blank = client().blank_request();
  EXPECT_TRUE(blank.head.empty());
  EXPECT_TRUE(blank.body.empty());
  EXPECT_EQ(blank.head.data(), memory);
}

TEST(ParseUrl, SplitsOriginAndPath) {
  const auto openai = parse_url("https://API.OpenAI.com/v1/");
  ASSERT_TRUE(openai);
  EXPECT_TRUE(openai->origin.tls);
  EXPECT_EQ(openai->origin.address.host, "api.openai.com");
  EXPECT_EQ(openai->origin.address.port, 443);
  EXPECT_EQ(openai->origin.authority, "api.openai.com");
  EXPECT_EQ(openai->path, "/v1");
  const auto local = parse_url("http://[::1]:9101");
  ASSERT_TRUE(local);
  EXPECT_FALSE(local->origin.tls);
  EXPECT_EQ(local->origin.address.host, "::1");
  EXPECT_EQ(local->origin.address.port, 9101);
  EXPECT_EQ(local->origin.authority, "[::1]:9101");
  EXPECT_EQ(local->path, "");
  EXPECT_EQ(parse_url("http://a/")->path, "");
}

TEST(ParseUrl, RefusesWhatIsNotPlain) {
  for (const char* url : {"",
                          "a",
                          "ftp://a",
                          "http://",
                          "http:///x",
                          "http://u@a",
                          "http://u:p@a",
                          "http://a:",
                          "http://a:0",
                          "http://a:65536",
                          "http://a:8x",
                          "http://a:1:2",
                          "http://[::1",
                          "http://[a]",
                          "http://[127.0.0.1]",
                          "http://[::1]x",
                          "http://a?q",
                          "http://a/?q",
                          "http://a/#f",
                          "http://a b",
                          "http://a/ b",
                          "http://a\r\nb",
                          "http://a%2e"}) {
    EXPECT_FALSE(parse_url(url)) << url;
  }
}

}  // namespace
}  // namespace sightglass::net
