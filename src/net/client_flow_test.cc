// How answers and bodies flow: splits, pauses, cancelling, time, streamed bodies.
#include <gtest/gtest.h>

#include <atomic>
#include <semaphore>
#include <string>
#include <vector>

#include "base/random.h"
#include "net/client_fixture.h"

namespace sightglass::net {
namespace {

class ClientFlowTest : public ClientTest {};

TEST_F(ClientFlowTest, AnswersAreTheSameHoweverTheyAreSplit) {
  std::string whole = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n";
  std::string content;
  SeededRandom random(7);
  for (int i = 0; i < 40; ++i) {
    std::string chunk(1 + random.below(3000), static_cast<char>('a' + i % 26));
    char header[18];
    whole.append(header, write_chunk_header(chunk.size(), header)).append(chunk).append("\r\n");
    content += chunk;
  }
  whole += "0\r\n\r\n";
  serve({[&](ScriptedPeer& peer) {
    while (!peer.read_request().empty()) {
      std::string_view rest = whole;
      while (!rest.empty()) {
        const auto piece = rest.substr(0, 1 + random.below(random.below(4) == 0 ? 9 : 9000));
        rest.remove_prefix(piece.size());
        peer.send(std::string(piece));
        if (random.below(3) == 0) std::this_thread::yield();
      }
    }
  }});
  for (int i = 0; i < 50; ++i) {
    const auto told = call(get());
    EXPECT_EQ(told->log, "sent 200 end");
    EXPECT_EQ(told->body, content);
  }
  EXPECT_EQ(counted("sightglass_upstream_connections_opened_total"), 1);
  hang_up();
}

TEST_F(ClientFlowTest, TheChunksOfOneReadComeAsOnePiece) {
  serve({[&](ScriptedPeer& peer) {
    peer.read_request();
    peer.send(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        "2\r\nab\r\n1;x=y\r\nc\r\n3\r\ndef\r\n0\r\n\r\n");
  }});
  Told told([this] { loop_->stop(); });
  int pieces = 0;
  told.at_body = [&] { ++pieces; };
  client().send(origin(), get(), &told);
  loop_->run();
  EXPECT_EQ(told.body, "abcdef");
  EXPECT_EQ(pieces, 1);
  hang_up();
}

TEST_F(ClientFlowTest, CarriesLargeAnswersWhole) {
  const std::string large(8 << 20, 'y');
  serve({[&](ScriptedPeer& peer) {
    peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(large.size()) + "\r\n\r\n");
    peer.send(large);
  }});
  const auto told = call(get());
  EXPECT_EQ(told->log, "sent 200 end");
  EXPECT_EQ(told->body, large);
  hang_up();
}

TEST_F(ClientFlowTest, PausedReadsNothingAndResumedGivesTheRest) {
  const std::string large(8 << 20, 'z');
  serve({[&](ScriptedPeer& peer) {
    peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(large.size()) + "\r\n\r\n");
    peer.send(large);
    peer.read_to_end();
  }});
  auto handler = told();
  Call* one = nullptr;
  bool paused = false;
  handler->at_body = [&] {
    if (std::exchange(paused, true)) return;
    one->pause();
    loop_->stop();
  };
  one = client().send(origin(), get(), handler.get());
  run();
  const auto held = handler->body.size();
  EXPECT_LE(held, 64u << 10);
  run_for(50 * kMillisecond);
  EXPECT_EQ(handler->body.size(), held);
  one->resume();
  EXPECT_EQ(handler->body.size(), held);  // nothing from inside resume()
  run();
  EXPECT_EQ(handler->log, "sent 200 end");
  EXPECT_EQ(handler->body, large);
  hang_up();
}

TEST_F(ClientFlowTest, PausedAtEveryCallbackStillEnds) {
  std::string whole = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 50; ++i) whole += "3\r\nabc\r\n";
  whole += "0\r\n\r\n";
  for (const bool until_close : {false, true}) {
    serve({[&](ScriptedPeer& peer) {
      peer.read_request();
      peer.send(until_close ? "HTTP/1.1 200 OK\r\n\r\n" + std::string(150, 'x') : whole);
    }});
    auto handler = told();
    Call* one = nullptr;
    Later resume(*loop_, [&] { one->resume(); });
    handler->at_head = handler->at_body = [&] {
      one->pause();
      resume.schedule();
    };
    one = client().send(origin(), get(), handler.get());
    run();
    EXPECT_EQ(handler->log, "sent 200 end");
    EXPECT_EQ(handler->body.size(), 150u);
  }
  hang_up();
}

TEST_F(ClientFlowTest, PausedAtTheLastByteEndsAfterResume) {
  serve({[&](ScriptedPeer& peer) {
    while (!peer.read_request().empty()) peer.send(kOk);
  }});
  auto handler = told();
  Call* one = nullptr;
  handler->at_body = [&] {
    one->pause();
    loop_->stop();
  };
  one = client().send(origin(), get(), handler.get());
  run();
  EXPECT_EQ(handler->log, "sent 200 ");
  EXPECT_EQ(handler->body, "hello");
  one->resume();
  run();
  EXPECT_EQ(handler->log, "sent 200 end");
  EXPECT_EQ(call(get())->log, "sent 200 end");
  EXPECT_EQ(counted("sightglass_upstream_connections_opened_total"), 1);
  hang_up();
}

TEST_F(ClientFlowTest, CancelClosesWithoutAWord) {
  std::binary_semaphore gone(0);
  serve({[&](ScriptedPeer& peer) {
    peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello");
    peer.read_to_end();
    gone.release();
  }});
  auto handler = told();
  Call* one = nullptr;
  handler->at_body = [&] {
    one->cancel();
    loop_->stop();
  };
  one = client().send(origin(), get(), handler.get());
  run();
  gone.acquire();
  run_for(20 * kMillisecond);
  EXPECT_EQ(handler->log, "sent 200 ");
  EXPECT_EQ(client().open_connections(), 0u);
  hang_up();
}

TEST_F(ClientFlowTest, CancelIsSafeAtAnyTimeAndInAnyCallback) {
  std::vector<Script> scripts(6, [](ScriptedPeer& peer) {
    peer.read_request();
    peer.send(kOk);
    peer.read_to_end();
  });
  serve(std::move(scripts));
  auto handler = told();
  client().send(origin(), get(), handler.get())->cancel();  // at once
  Call* one = client().send(origin(), get(), handler.get());
  loop_->post([&] { one->cancel(); });
  run_for(20 * kMillisecond);
  bool cancelled = false;
  handler->at_head = [&] {
    if (std::exchange(cancelled, true)) return;
    one->cancel();
    // The objects are not reused while the callback is on the stack.
    one = client().send(origin(), get(), handler.get());
  };
  one = client().send(origin(), get(), handler.get());
  run();
  EXPECT_EQ(handler->log, "sent 200 sent 200 end");
}

TEST_F(ClientFlowTest, TimesOutConnectingWaitingAndIdling) {
  serve({[](ScriptedPeer& peer) { peer.read_to_end(); },
         [](ScriptedPeer& peer) {
           peer.read_request();
           peer.send("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello");
           peer.read_to_end();
         }});
  // Each by itself: a peer may be slow to do what comes before.
  make_client({.timeouts = {.head_ns = 50 * kMillisecond}});
  EXPECT_EQ(call(get())->log, "sent timeout_head written");
  make_client({.timeouts = {.idle_ns = 50 * kMillisecond}});
  EXPECT_EQ(call(get())->log, "sent 200 timeout_idle started written");
  make_client({.timeouts = {.connect_ns = 50 * kMillisecond}});

  // A listener whose queue is full leaves connections hanging.
  const int full = *listen_tcp({"127.0.0.1", 0}, false, 0);
  std::vector<int> waiting;
  for (int i = 0; i < 4; ++i) waiting.push_back(*connect_tcp({"127.0.0.1", local_port(full)}));
  auto handler = told();
  client().send({.tls = false, .address = {"127.0.0.1", local_port(full)}, .authority = "a"}, get(),
                handler.get());
  run();
  EXPECT_EQ(handler->log, "timeout_connect");
  for (const int fd : waiting) close(fd);
  close(full);
}

TEST_F(ClientFlowTest, PausedCallsDoNotTimeOut) {
  serve({[](ScriptedPeer& peer) {
    peer.read_request();
    peer.send(kOk);
    peer.read_to_end();
  }});
  make_client({.timeouts = {.idle_ns = 30 * kMillisecond}});
  auto handler = told();
  Call* one = nullptr;
  handler->at_head = [&] {
    one->pause();
    loop_->stop();
  };
  one = client().send(origin(), get(), handler.get());
  run();
  run_for(120 * kMillisecond);
  one->resume();
  run();
  EXPECT_EQ(handler->log, "sent 200 end");
}

TEST_F(ClientFlowTest, FramesStreamedBodiesInChunks) {
  std::string seen;
  serve({[&](ScriptedPeer& peer) {
    seen = peer.read_until("0\r\n\r\n");
    peer.send(kOk);
  }});
  auto handler = told();
  Call* one =
      client().send(origin(),
                    {.head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
                     .streamed = true},
                    handler.get());
  one->write_body("before the connection stands");
  EXPECT_GT(one->unsent_bytes(), 28u);
  bool finished = false;
  handler->drained = [&] {
    EXPECT_EQ(one->unsent_bytes(), 0u);
    if (std::exchange(finished, true)) return;
    one->write_body("");  // would end a chunked body if it were framed
    one->write_body("after");
    one->finish_body();
  };
  run();
  EXPECT_EQ(handler->log, "drained drained sent 200 end");
  hang_up();
  EXPECT_EQ(seen,
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            "1c\r\nbefore the connection stands\r\n5\r\nafter\r\n0\r\n\r\n");
  hang_up();
}

TEST_F(ClientFlowTest, StreamsBodiesOfKnownLengthUnderBackpressure) {
  constexpr std::size_t kPiece = 256 << 10;
  constexpr std::size_t kPieces = 64;
  serve({[&](ScriptedPeer& peer) {
    const auto seen = peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n" +
              std::to_string(seen.size() - seen.find("\r\n\r\n") - 4));
  }});
  auto handler = told();
  Call* one = client().send(origin(),
                            {.head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " +
                                     std::to_string(kPiece * kPieces) + "\r\n\r\n",
                             .streamed = true},
                            handler.get());
  const std::string piece(kPiece, 'p');
  std::size_t given = 0;
  std::size_t most_unsent = 0;
  const auto give = [&] {
    while (given < kPieces && one->unsent_bytes() < kPiece) {
      one->write_body(piece);
      most_unsent = std::max(most_unsent, one->unsent_bytes());
      if (++given == kPieces) one->finish_body();
    }
  };
  handler->drained = give;
  give();
  run();
  EXPECT_TRUE(handler->log.ends_with("sent 200 end")) << handler->log;
  EXPECT_EQ(handler->body, std::to_string(kPiece * kPieces));
  EXPECT_LE(most_unsent, 2 * kPiece + 100);
  hang_up();
}

TEST_F(ClientFlowTest, NeverSendsAStreamedBodyAgain) {
  serve({[](ScriptedPeer& peer) {
    peer.read_request();
    peer.send(kOk);
    peer.read_until("0\r\n\r\n");
  }});
  EXPECT_EQ(call(get())->log, "sent 200 end");
  auto handler = told();
  Call* one =
      client().send(origin(),
                    {.head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
                     .streamed = true},
                    handler.get());
  one->finish_body();
  run();
  EXPECT_TRUE(handler->log.ends_with("reset written")) << handler->log;
  EXPECT_EQ(counted("sightglass_upstream_resends_total"), 0);
}

}  // namespace
}  // namespace sightglass::net
