#include "app/ingest_client.h"

#include <simdjson.h>

#include <algorithm>

#include "base/telemetry.h"
#include "base/text.h"
#include "net/client.h"

namespace sightglass::app {
namespace {

using follow::Taken;
using Headers = std::vector<std::pair<std::string, std::string>>;

constexpr Nanos kAnswerWait = 60 * kSecond;
constexpr Nanos kFirstWait = 50 * kMillisecond;
constexpr Nanos kLongestWait = 2 * kSecond;
constexpr std::size_t kMaxAnswer = 4u << 20;

class Transport {
 public:
  virtual ~Transport() = default;
  virtual Result<LocalAnswer> ask(std::string_view method, std::string_view path,
                                  const Headers& headers, std::string_view body) = 0;
};

class SocketTransport final : public Transport {
 public:
  explicit SocketTransport(std::string path) : target_{std::move(path), 0} {}
  Result<LocalAnswer> ask(std::string_view method, std::string_view path, const Headers& headers,
                          std::string_view body) override {
    return local_request(target_, method, path, body, headers, kAnswerWait);
  }

 private:
  LocalTarget target_;
};

// One request at a time on a loop that runs only as long as that.
class UrlTransport final : public Transport, private net::CallHandler {
 public:
  static Result<std::unique_ptr<Transport>> make(const IngestTarget& target, const Clock& clock) {
    auto made = std::make_unique<UrlTransport>();
    SG_ASSIGN(made->where_, net::parse_url(target.url));
    SG_ASSIGN(made->loop_, net::Loop::make(clock));
    net::Client::Options options;
    options.timeouts.head_ns = kAnswerWait;
    options.timeouts.idle_ns = kAnswerWait;
    if (made->where_.origin.tls) {
      SG_ASSIGN(options.tls, net::TlsContext::client({}));
    }
    made->client_ = net::Client::make(*made->loop_, std::move(options), made->telemetry_);
    return made;
  }

  Result<LocalAnswer> ask(std::string_view method, std::string_view path, const Headers& headers,
                          std::string_view body) override {
    auto request = client_->blank_request();
    auto& head = request.head;
    head.append(method).append(" ").append(where_.path).append(path);
    head.append(" HTTP/1.1\r\nHost: ").append(where_.origin.authority);
    head.append("\r\nContent-Length: ").append(std::to_string(body.size())).append("\r\n");
    for (const auto& [name, value] : headers) {
      head.append(name).append(": ").append(value).append("\r\n");
    }
    head.append("\r\n");
    request.body = {body};
    answer_ = {};
    failed_ = false;
    client_->send(where_.origin, std::move(request), this);
    loop_->run();
    if (failed_) {
      return fail(Code::kUnavailable,
                  "the server did not answer (" + std::string(net::call_error_name(error_)) + ")");
    }
    return std::move(answer_);
  }

 private:
  void on_head(const net::ResponseHead& head) override {
    answer_.status = head.status;
    answer_.retry_after = head.headers.get("retry-after");
  }
  void on_body(std::string_view content) override {
    if (answer_.body.size() + content.size() <= kMaxAnswer) answer_.body.append(content);
  }
  void on_end() override { loop_->stop(); }
  void on_error(net::CallError error, bool, bool) override {
    failed_ = true;
    error_ = error;
    loop_->stop();
  }

  net::OriginAndPath where_;
  Telemetry telemetry_;
  std::unique_ptr<net::Loop> loop_;
  std::unique_ptr<net::Client> client_;
  LocalAnswer answer_;
  bool failed_ = false;
  net::CallError error_ = net::CallError::kCancelled;
};

bool is_passing(const Result<LocalAnswer>& answer) {
  if (!answer) {
    return answer.error().code == Code::kUnavailable || answer.error().code == Code::kTimeout;
  }
  return answer->status == 429 || answer->status >= 500;
}

std::uint64_t number_of(simdjson::dom::element root, const char* key) {
  std::uint64_t value = 0;
  return root[key].get(value) == simdjson::SUCCESS ? value : 0;
}

class IngestClient final : public follow::Receiver {
 public:
  IngestClient(std::unique_ptr<Transport> transport, const IngestTarget& target, const Clock& clock,
               Patience patience)
      : transport_(std::move(transport)), clock_(clock), patience_(std::move(patience)) {
    if (!target.key.empty()) headers_.emplace_back("Authorization", "Bearer " + target.key);
  }

  Result<std::uint64_t> next(std::string_view source) override {
    SG_ASSIGN(const auto answer,
              ask("GET", "/ingest/v1/sources/" + std::string(source), headers_, {}));
    SG_TRY(judge(answer));
    simdjson::dom::parser parser;
    simdjson::dom::element root;
    std::uint64_t next = 0;
    if (parser.parse(simdjson::padded_string(answer.body)).get(root) != simdjson::SUCCESS ||
        root["next"].get(next) != simdjson::SUCCESS) {
      return fail(Code::kInvalid, "the server's answer was not understood");
    }
    return next;
  }

  Result<Taken> take(const follow::Batch& batch) override {
    auto headers = headers_;
    headers.emplace_back("x-sightglass-source", batch.source);
    headers.emplace_back("x-sightglass-range",
                         std::to_string(batch.first) + "-" + std::to_string(batch.end));
    const bool events = batch.form == follow::Form::kEvents;
    headers.emplace_back("Content-Type", events ? "application/x-ndjson" : "text/plain");
    SG_ASSIGN(const auto answer,
              ask("POST", events ? "/ingest/v1/events" : "/ingest/v1/lines", headers, batch.body));
    if (answer.status != 409 && answer.status != 413) SG_TRY(judge(answer));
    return read_taken(answer);
  }

 private:
  Result<LocalAnswer> ask(std::string_view method, const std::string& path, const Headers& headers,
                          std::string_view body) {
    auto began = clock_.monotonic_ns();
    Nanos wait = kFirstWait;
    for (;;) {
      auto answer = transport_->ask(method, path, headers, body);
      if (!is_passing(answer)) {
        if (waiting_) patience_.note("the server takes lines again");
        waiting_ = false;
        return answer;
      }
      const auto why =
          answer ? "it answers " + std::to_string(answer->status) : answer.error().message;
      // Whoever says that it is busy is there, and asks to be waited for.
      if (answer && answer->status == 429) began = clock_.monotonic_ns();
      if (patience_.most_ns > 0 && clock_.monotonic_ns() - began >= patience_.most_ns) {
        return fail(Code::kUnavailable, "gave up waiting for the server: " + why);
      }
      if (!waiting_ && wait > kFirstWait) {
        patience_.note("waiting for the server: " + why);
        waiting_ = true;
      }
      const auto asked = answer ? parse_int(answer->retry_after).value_or(0) * kSecond : Nanos{0};
      if (!patience_.wait(std::clamp(asked, wait, std::max(wait, 30 * kSecond)))) {
        return fail(Code::kCancelled, "stopped while waiting for the server");
      }
      wait = std::min(2 * wait, kLongestWait);
    }
  }

  static Status judge(const LocalAnswer& answer) {
    if (answer.status == 200) return {};
    if (answer.status == 401 || answer.status == 403) {
      return fail(Code::kDenied,
                  "the server wants an ingest key: give --key-file FILE or set "
                  "SIGHTGLASS_INGEST_KEY");
    }
    if (answer.status == 404) {
      return fail(Code::kNotFound, "the server there has no ingest endpoint");
    }
    return fail(Code::kInvalid, "the server answered " + std::to_string(answer.status));
  }

  std::unique_ptr<Transport> transport_;
  const Clock& clock_;
  Patience patience_;
  Headers headers_;
  bool waiting_ = false;
};

}  // namespace

Result<Taken> read_taken(const LocalAnswer& answer) {
  Taken taken;
  if (answer.status == 413) {
    taken.verdict = Taken::Verdict::kTooMuch;
    return taken;
  }
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (parser.parse(simdjson::padded_string(answer.body)).get(root) != simdjson::SUCCESS) {
    return fail(Code::kInvalid, "the server's answer was not understood");
  }
  taken.next = number_of(root, "next");
  bool known = false;
  if (answer.status == 409) {
    taken.verdict = Taken::Verdict::kConflict;
    return taken;
  }
  if (root["duplicate"].get(known) == simdjson::SUCCESS && known) {
    taken.verdict = Taken::Verdict::kKnown;
    return taken;
  }
  if (root["accepted"].get(taken.accepted) != simdjson::SUCCESS) {
    return fail(Code::kInvalid, "the server's answer was not understood");
  }
  taken.duplicates = number_of(root, "duplicates");
  taken.dropped_fields = number_of(root, "dropped_fields");
  taken.withheld_fields = number_of(root, "withheld_fields");
  simdjson::dom::array refused;
  if (root["rejected"].get(refused) == simdjson::SUCCESS) {
    for (const auto item : refused) {
      std::string_view reason;
      if (item["reason"].get(reason) != simdjson::SUCCESS) continue;
      taken.refused.push_back({number_of(item, "line"), std::string(reason)});
    }
  }
  taken.rejected = std::max<std::uint64_t>(number_of(root, "rejected_total"), taken.refused.size());
  simdjson::dom::object events;
  if (root["events"].get(events) == simdjson::SUCCESS) {
    for (const auto [name, count] : events) {
      std::uint64_t n = 0;
      if (count.get(n) == simdjson::SUCCESS) taken.events.emplace_back(name, n);
    }
  }
  std::string_view hint;
  if (root["hint"].get(hint) == simdjson::SUCCESS) taken.hint = hint;
  return taken;
}

Result<std::unique_ptr<follow::Receiver>> make_ingest_client(const IngestTarget& target,
                                                             const Clock& clock,
                                                             Patience patience) {
  std::unique_ptr<Transport> transport;
  if (!target.unix_path.empty()) {
    transport = std::make_unique<SocketTransport>(target.unix_path);
  } else {
    SG_ASSIGN(transport, UrlTransport::make(target, clock));
  }
  return std::make_unique<IngestClient>(std::move(transport), target, clock, std::move(patience));
}

}  // namespace sightglass::app
