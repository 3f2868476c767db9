// For tests: a client on its loop, a scripted server, and a handler that writes down what it is
// told.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/client.h"
#include "net/scripted_server.h"

namespace sightglass::net {

using Script = ScriptedServer::Script;

inline const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

// Writes down what it is told, and does what a test asks on the way.
struct Told final : CallHandler {
  explicit Told(std::function<void()> at_end) : done(std::move(at_end)) {}
  void on_sent() override { log += "sent "; }
  void on_drained() override {
    log += "drained ";
    if (drained) drained();
  }
  void on_head(const ResponseHead& head) override {
    log += std::to_string(head.status) + " ";
    last_head = &head;
    if (at_head) at_head();
  }
  void on_body(std::string_view content) override {
    body += content;
    if (at_body) at_body();
  }
  void on_end() override {
    // The head is promised to be readable until here.
    first_field = last_head->headers.all.empty() ? "" : std::string(last_head->headers.all[0].name);
    log += "end";
    done();
  }
  void on_error(CallError error, bool response_started, bool request_sent) override {
    log += std::string(call_error_name(error));
    if (response_started) log += " started";
    if (request_sent) log += " written";
    done();
  }
  std::string log;
  std::string body;
  std::string first_field;
  const ResponseHead* last_head = nullptr;
  std::function<void()> done;
  std::function<void()> at_head;
  std::function<void()> at_body;
  std::function<void()> drained;
};

class ClientTest : public testing::Test {
 protected:
  void serve(std::vector<Script> scripts) {
    server_ = std::make_unique<ScriptedServer>(std::move(scripts));
  }
  void make_client(Client::Options options = {}) {
    client_ = Client::make(*loop_, std::move(options), telemetry_);
  }
  // Before what the scripts refer to goes out of scope.
  void hang_up() {
    client_.reset();
    server_.reset();
  }
  Client& client() {
    // However long the machine stands still between a request and the news of its connection's end.
    if (!client_) make_client({.timeouts = {.again_ns = 3'600 * kSecond}});
    return *client_;
  }
  Origin origin() const {
    return {.tls = false, .address = {"127.0.0.1", server_->port()}, .authority = "a"};
  }
  static Client::Request get(const std::string& path = "/") {
    return {.head = "GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n"};
  }
  static Client::Request post(const std::vector<std::string_view>& body) {
    std::size_t size = 0;
    for (const auto piece : body) size += piece.size();
    return {.head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(size) +
                    "\r\n\r\n",
            .body = body};
  }
  // Runs the loop until `told` is done; a guard ends what hangs.
  void run() {
    Timer guard(*loop_, [this] {
      ADD_FAILURE() << "the call hangs";
      loop_->stop();
    });
    guard.arm(120 * kSecond);
    loop_->run();
  }
  void run_for(Nanos time_ns) {
    Timer timer(*loop_, [this] { loop_->stop(); });
    timer.arm(time_ns);
    loop_->run();
  }
  std::unique_ptr<Told> told() {
    return std::make_unique<Told>([this] { loop_->stop(); });
  }
  // One call from beginning to end.
  std::unique_ptr<Told> call(Client::Request request) {
    auto handler = told();
    client().send(origin(), std::move(request), handler.get());
    EXPECT_EQ(handler->log, "");  // nothing from inside send()
    run();
    return handler;
  }
  double counted(std::string_view name, std::string_view label = {}) {
    double sum = 0;
    for (const auto& family : telemetry_.collect()) {
      if (family.name != name) continue;
      for (const auto& sample : family.samples) {
        if (label.empty() || (!sample.labels.empty() && sample.labels[0].second == label)) {
          sum += sample.value;
        }
      }
    }
    return sum;
  }

  SystemClock clock_;
  Telemetry telemetry_;
  std::unique_ptr<Loop> loop_ = *Loop::make(clock_);
  std::unique_ptr<ScriptedServer> server_;
  std::unique_ptr<Client> client_;
};

}  // namespace sightglass::net
