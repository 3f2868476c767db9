// For tests: the whole gateway over real sockets, with a scripted provider and a journal that keeps
// what it is offered.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <future>
#include <iterator>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/text.h"
#include "event/event.h"
#include "gateway/gateway.h"
#include "guard/guard_test_support.h"
#include "http/test_server.h"
#include "net/scripted_server.h"

namespace sightglass::gateway {

// One record as names and texts, to be read by a person and a test.
struct ToldRecord {
  std::string event;
  std::map<std::string, std::string> fields;
  std::string operator[](const std::string& name) const {
    const auto it = fields.find(name);
    return it == fields.end() ? std::string() : it->second;
  }
};

class KeptRecords final : public journal::Producer {
 public:
  explicit KeptRecords(std::shared_ptr<const event::Catalogue> catalogue)
      : catalogue_(std::move(catalogue)) {}

  bool offer(journal::RecordKind, Bytes payload) override {
    const std::scoped_lock lock(mutex_);
    payloads_.emplace_back(payload);
    return true;
  }

  std::vector<ToldRecord> told() const {
    const std::scoped_lock lock(mutex_);
    std::vector<ToldRecord> out;
    for (const auto& payload : payloads_) out.push_back(tell(payload));
    return out;
  }
  std::string bytes() const {
    const std::scoped_lock lock(mutex_);
    std::string out;
    for (const auto& payload : payloads_) out += payload;
    return out;
  }
  // Waits for the terminal records so far to be `count`; gives them.
  std::vector<ToldRecord> terminals(std::size_t count) const {
    std::vector<ToldRecord> out;
    http::eventually([&] {
      out.clear();
      for (auto& record : told()) {
        if (!record["outcome"].empty()) out.push_back(record);
      }
      return out.size() >= count;
    });
    EXPECT_EQ(out.size(), count);
    out.resize(count);
    return out;
  }
  std::vector<ToldRecord> named(std::string_view event) const {
    std::vector<ToldRecord> out;
    for (auto& record : told()) {
      if (record.event == event) out.push_back(record);
    }
    return out;
  }

 private:
  ToldRecord tell(std::string_view payload) const {
    event::Event event;
    ToldRecord out;
    EXPECT_TRUE(event::decode(payload, event));
    out.event = catalogue_->event_types()[event.type].name;
    for (const auto& [field, value] : event.fields) {
      const auto& name = catalogue_->fields()[field].name;
      switch (value.kind()) {
        case event::Kind::kText:
          out.fields[name] = value.as_text();
          break;
        case event::Kind::kBool:
          out.fields[name] = value.as_bool() ? "true" : "false";
          break;
        default:
          out.fields[name] = std::to_string(value.as_int());
          break;
      }
    }
    return out;
  }
  std::shared_ptr<const event::Catalogue> catalogue_;
  mutable std::mutex mutex_;
  std::vector<std::string> payloads_;
};

inline std::string pack_text(const std::string& name) {
  const char* root = std::getenv("SIGHTGLASS_SOURCE_DIR");
  std::ifstream in(std::string(root == nullptr ? "." : root) + "/packs/" + name + ".yaml");
  return {std::istreambuf_iterator<char>(in), {}};
}
inline std::shared_ptr<const event::Catalogue> gateway_catalogue() {
  return http::must(event::Catalogue::parse(pack_text("gateway")));
}
// With the pack that knows what tools and files are.
inline std::shared_ptr<const event::Catalogue> activity_catalogue() {
  return http::must(event::Catalogue::parse(pack_text("gateway") + "---\n" + pack_text("atlas")));
}

// Everything a gateway stands on, and one worker of it.
class Proxy {
 public:
  // Nothing was used before this start.
  explicit Proxy(Config config) : Proxy(std::move(config), gateway_catalogue()) {}
  Proxy(Config config, std::shared_ptr<const event::Catalogue> catalogue,
        control::SharedLimits* others = nullptr)
      : catalogue_(std::move(catalogue)),
        records_(catalogue_),
        door_(catalogue_, http::must(event::MatchPlan::compile(catalogue_)), keys(), telemetry_),
        requests_(clock_),
        table_(requests_.add_table(100)),
        gateway_(std::make_unique<Gateway>(Gateway::Shared{clock_, telemetry_, keys(), &limiter_,
                                                           [this] { return recordable_.load(); }},
                                           settings(std::move(config)))),
        server_(gateway_->routes()) {
    limiter_.restore([](const std::string&) { return control::Spending{}; });
    on_loop([this, others] {
      client_ = net::Client::make(server_.loop(), {}, telemetry_);
      gateway_->add_worker(0,
                           {server_.loop(), *client_, door_, records_, &table_, random_, others});
    });
  }
  ~Proxy() {
    server_.stop();
    gateway_.reset();  // its timers and calls need the loop, which the server owns
    client_.reset();
  }

  void on_loop(const std::function<void()>& task) {
    std::promise<void> done;
    server_.loop().post([&] {
      task();
      done.set_value();
    });
    done.get_future().wait();
  }
  std::uint16_t port() const { return server_.port(); }
  std::size_t connections() { return server_->connections(); }
  Gateway& gateway() { return *gateway_; }
  KeptRecords& records() { return records_; }
  live::Requests& live() { return requests_; }
  control::Limiter& limiter() { return limiter_; }
  void set_recordable(bool recordable) { recordable_ = recordable; }
  std::shared_ptr<const Settings> settings(Config config) {
    return http::must(Settings::make(std::move(config), price::PriceBook::built_in(), keys(),
                                     {&limiter_, &key_states_}));
  }
  guard::KeyRing& keys() { return ring_.keys(); }
  double counter(std::string_view name) { return counter(name, {}); }
  double counter(std::string_view name, std::string_view label) {  // the first label's value
    double sum = 0;
    for (const auto& family : telemetry_.collect()) {
      if (family.name != name) continue;
      for (const auto& sample : family.samples) {
        if (label.empty() || sample.labels[0].second == label) sum += sample.value;
      }
    }
    return sum;
  }

 private:
  SystemClock clock_;
  SystemRandom random_;
  Telemetry telemetry_;
  std::shared_ptr<const event::Catalogue> catalogue_;
  KeptRecords records_;
  guard::TestRing ring_;
  guard::Door door_;
  live::Requests requests_;
  live::Requests::Table& table_;
  control::Limiter limiter_;
  KeyStates key_states_;
  std::atomic<bool> recordable_{true};
  std::unique_ptr<Gateway> gateway_;
  std::unique_ptr<net::Client> client_;
  http::TestServer server_;
};

// A provider at this port, with callers' own keys.
inline Config config_for(std::uint16_t port, ProviderKind kind = ProviderKind::kOpenAi) {
  Config config;
  ProviderConfig provider;
  provider.id = kind == ProviderKind::kAnthropic ? "anthropic" : "openai";
  provider.kind = kind;
  provider.base_url = "http://127.0.0.1:" + std::to_string(port) + "/v1";
  config.providers.push_back(provider);
  config.limits.retry_backoff_ns = 10 * kMillisecond;
  return config;
}

inline std::string answer_with(std::string_view body, std::string_view fields = {},
                               std::string_view status = "200 OK") {
  std::string out = "HTTP/1.1 ";
  out.append(status).append("\r\nContent-Type: application/json\r\n").append(fields);
  return out.append("Content-Length: ")
      .append(std::to_string(body.size()))
      .append("\r\n\r\n")
      .append(body);
}
inline std::string chunk(std::string_view text) {
  char size[32];
  std::snprintf(size, sizeof size, "%zx\r\n", text.size());
  return std::string(size).append(text).append("\r\n");
}
inline std::string stream_head(std::string_view fields = {}) {
  return std::string("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n")
      .append(fields)
      .append("Transfer-Encoding: chunked\r\n\r\n");
}
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";
inline constexpr std::string_view kOwnKey = "Authorization: Bearer sk-callers-own-key\r\n";

inline std::string body_of(std::string_view request) {
  return std::string(request.substr(request.find("\r\n\r\n") + 4));
}
inline bool has_line(std::string_view head, std::string_view line) {
  return to_lower(head.substr(0, head.find("\r\n\r\n") + 2))
             .find(to_lower("\r\n" + std::string(line) + "\r\n")) != std::string::npos;
}

// Answers each request of its connections with `answer`; what came is kept.
class CapturingProvider {
 public:
  explicit CapturingProvider(std::string answer, std::size_t connections = 4)
      : server_(std::vector<net::ScriptedServer::Script>(
            connections, [this, answer = std::move(answer)](net::ScriptedPeer& peer) {
              for (;;) {
                auto request = peer.read_request();
                if (request.empty()) return;
                {
                  const std::scoped_lock lock(mutex_);
                  requests_.push_back(std::move(request));
                }
                peer.send(answer);
              }
            })) {}
  std::uint16_t port() const { return server_.port(); }
  std::string request(std::size_t index = 0) {
    const std::scoped_lock lock(mutex_);
    return index < requests_.size() ? requests_[index] : std::string();
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> requests_;
  net::ScriptedServer server_;
};

}  // namespace sightglass::gateway
