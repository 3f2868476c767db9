#include "export/http_caller.h"

#include <algorithm>
#include <utility>

namespace sightglass::exporting {
namespace {

constexpr std::size_t kBodyKept = 32 << 10;  // a table of a thousand columns

}  // namespace

// Ends the loop's run when its call is over, whichever way.
class HttpCaller::Exchange final : public net::CallHandler {
 public:
  explicit Exchange(net::Loop& loop)
      : loop_(loop), deadline_(loop, [this] { give_up(net::CallError::kTimeoutHead); }) {}

  void on_head(const net::ResponseHead& head) override {
    answer.status = head.status;
    answer.retry_after = head.headers.get("retry-after");
  }
  void on_body(std::string_view content) override {
    answer.body.append(content.substr(0, kBodyKept - std::min(kBodyKept, answer.body.size())));
  }
  void on_end() override {
    answered = true;
    end();
  }
  void on_error(net::CallError error, bool, bool request_sent) override {
    failure = {error, request_sent};
    end();
  }
  void on_sent() override { sent_ = true; }

  // Counted from here on.
  void limit(Nanos within_ns) { deadline_.arm(std::max<Nanos>(within_ns, 0)); }

  net::Call* call = nullptr;
  HttpAnswer answer;
  HttpFailure failure;
  bool answered = false;

 private:
  void give_up(net::CallError error) {
    if (call != nullptr) call->cancel();
    failure = {error, sent_};
    end();
  }
  void end() {
    call = nullptr;
    loop_.stop();
  }
  net::Loop& loop_;
  net::Timer deadline_;
  bool sent_ = false;
};

HttpCaller::~HttpCaller() = default;

Result<std::unique_ptr<HttpCaller>> HttpCaller::make(const std::string& url,
                                                     const std::string& ca_file, const Clock& clock,
                                                     Connection connection) {
  SG_ASSIGN(auto where, net::parse_url(url));
  std::unique_ptr<HttpCaller> caller(new HttpCaller(std::move(where), clock));
  SG_ASSIGN(caller->loop_, net::Loop::make(clock));
  net::Client::Options options;
  options.max_idle = connection == Connection::kKept ? 1 : 0;
  if (caller->where_.origin.tls) {
    SG_ASSIGN(options.tls, net::TlsContext::client({ca_file}));
  }
  caller->client_ = net::Client::make(*caller->loop_, std::move(options), caller->telemetry_);
  return caller;
}

Nanos HttpCaller::left_ns(Nanos timeout_ns) const {
  const auto by = stop_by_ns_.load(std::memory_order_acquire);
  return by == 0 ? timeout_ns : std::min(timeout_ns, by - clock_.monotonic_ns());
}

std::expected<HttpAnswer, HttpFailure> HttpCaller::post(std::string_view target,
                                                        std::string_view fields,
                                                        std::string_view body, Nanos timeout_ns) {
  const auto left = left_ns(timeout_ns);
  if (left <= 0) return std::unexpected(HttpFailure{net::CallError::kCancelled, false});
  auto request = client_->blank_request();
  request.head.append("POST ").append(where_.path).append(target);
  request.head.append(" HTTP/1.1\r\nHost: ").append(where_.origin.authority);
  request.head.append("\r\nContent-Length: ").append(std::to_string(body.size())).append("\r\n");
  request.head.append(fields).append("\r\n");
  request.body.push_back(body);
  Exchange exchange(*loop_);
  running_ = &exchange;
  loop_->fresh_now_ns();
  exchange.limit(left);
  exchange.call = client_->send(where_.origin, std::move(request), &exchange);
  loop_->run();
  running_ = nullptr;
  if (exchange.answered) return std::move(exchange.answer);
  // A wait that stop_by() cut short is no fault of the engine's.
  if (exchange.failure.error == net::CallError::kTimeoutHead && left_ns(kSecond) <= 0) {
    exchange.failure.error = net::CallError::kCancelled;
  }
  return std::unexpected(exchange.failure);
}

void HttpCaller::stop_by(Nanos monotonic_ns) {
  stop_by_ns_.store(monotonic_ns, std::memory_order_release);
  // Waits in the loop until the next call where none runs.
  loop_->post([this] {
    if (running_ != nullptr) running_->limit(left_ns(kSecond * 3'600));
  });
}

}  // namespace sightglass::exporting
