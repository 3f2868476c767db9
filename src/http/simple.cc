// The short forms of a handler.
#include "http/route.h"

namespace sightglass::http {
namespace {

// Gathers the body; what comes then differs.
class WholeBody : public Handler {
 public:
  explicit WholeBody(std::uint64_t body_limit) : body_limit_(body_limit) {}
  void on_request(Exchange& exchange) override { exchange.set_body_limit(body_limit_); }
  void on_body(Exchange&, std::string_view content) override { body_.append(content); }
  void on_close(Exchange&, bool) override {}

 protected:
  std::string body_;

 private:
  std::uint64_t body_limit_;
};

class AtOnce final : public WholeBody {
 public:
  AtOnce(const SimpleHandler& handler, std::uint64_t body_limit,
         const std::vector<std::string>& parameters)
      : WholeBody(body_limit), handler_(handler), parameters_(parameters) {}
  void on_body_end(Exchange& exchange) override {
    exchange.respond(
        handler_({exchange.request(), parameters_, body_, exchange.request_id(),
                  exchange.remote_address(), std::string(exchange.actor()), exchange.secure()}));
  }

 private:
  const SimpleHandler& handler_;
  const std::vector<std::string>& parameters_;  // the connection's, for the exchange's time
};

// A request that outlives its exchange: every view is of `text`.
struct KeptRequest {
  explicit KeptRequest(const Exchange& exchange) : head(exchange.request()) {
    std::size_t size = head.target.size() + head.method.size();
    for (const auto& field : head.headers.all) size += field.name.size() + field.value.size();
    text.reserve(size);
    keep(head.method);
    const auto target = head.target;
    keep(head.target);
    head.path = within(head.path, target);
    head.query = within(head.query, target);
    for (auto& field : head.headers.all) {
      keep(field.name);
      keep(field.value);
    }
    request_id = exchange.request_id();
    remote_address = exchange.remote_address();
    actor = exchange.actor();
    secure = exchange.secure();
  }
  KeptRequest(const KeptRequest&) = delete;
  KeptRequest& operator=(const KeptRequest&) = delete;

  void keep(std::string_view& view) {
    const auto at = text.size();
    text.append(view);  // within what was reserved: nothing moves
    view = std::string_view(text).substr(at, view.size());
  }
  std::string_view within(std::string_view part, std::string_view target) const {
    if (part.empty()) return {};
    return head.target.substr(static_cast<std::size_t>(part.data() - target.data()), part.size());
  }

  net::RequestHead head;
  std::string text;
  std::vector<std::string> parameters;
  std::string body;
  std::string request_id;
  std::string remote_address;
  std::string actor;
  bool secure = false;
};

class OnPool final : public WholeBody {
 public:
  OnPool(WorkPool& pool, const SimpleHandler& handler, std::uint64_t body_limit,
         const std::vector<std::string>& parameters)
      : WholeBody(body_limit), pool_(pool), handler_(handler), parameters_(parameters) {}

  void on_body_end(Exchange& exchange) override {
    auto kept = std::make_shared<KeptRequest>(exchange);
    kept->parameters = parameters_;
    kept->body = std::move(body_);
    ticket_ = std::make_shared<Ticket>(exchange);
    const bool taken =
        pool_.submit([kept, ticket = ticket_, loop = &exchange.loop(), handler = handler_] {
          auto response = std::make_shared<Response>(
              handler({kept->head, kept->parameters, kept->body, kept->request_id,
                       kept->remote_address, kept->actor, kept->secure, &ticket->left}));
          loop->post([ticket, response] {
            if (ticket->exchange != nullptr) ticket->exchange->respond(std::move(*response));
          });
        });
    if (taken) return;
    auto busy = error_response(429, "rate_limit_error", "Too many queries wait already; try again.",
                               exchange.request_id());
    busy.headers.emplace_back("Retry-After", "1");
    exchange.respond(std::move(busy));
  }
  void on_close(Exchange&, bool) override {
    if (!ticket_) return;
    ticket_->exchange = nullptr;
    ticket_->left = true;
  }

 private:
  // Whether anybody still waits for the answer: on the worker's thread, and for the pool's.
  struct Ticket {
    explicit Ticket(Exchange& asked) : exchange(&asked) {}
    Exchange* exchange;
    std::atomic<bool> left{false};
  };
  WorkPool& pool_;
  const SimpleHandler& handler_;
  const std::vector<std::string>& parameters_;
  std::shared_ptr<Ticket> ticket_;
};

}  // namespace

HandlerFactory simple(SimpleHandler handler, std::uint64_t body_limit) {
  return [handler = std::move(handler), body_limit](const std::vector<std::string>& parameters) {
    return std::make_unique<AtOnce>(handler, body_limit, parameters);
  };
}

HandlerFactory blocking(WorkPool& pool, SimpleHandler handler, std::uint64_t body_limit) {
  return [&pool, handler = std::move(handler),
          body_limit](const std::vector<std::string>& parameters) {
    return std::make_unique<OnPool>(pool, handler, body_limit, parameters);
  };
}

}  // namespace sightglass::http
