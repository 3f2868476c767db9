// What a client may still use: reserved before a request goes out, settled when it has ended.
#include <algorithm>

#include "base/json_writer.h"
#include "gateway/request.h"

namespace sightglass::gateway {
namespace {

constexpr std::int64_t kBytesPerToken = 3;  // fewer than text has, so that estimates are high
constexpr std::int64_t kLongBodyBytes = 64 << 20;    // of a body whose length nobody has told
constexpr std::int64_t kUnknownOutput = 4'096;       // of a model that nobody knows
constexpr std::int64_t kMostTokens = 1'000'000'000;  // keeps sums small; no model comes near

// A request that no dialect reads and that may cost something all the same: what it costs would
// never be known.
bool may_cost_unseen(const Operation& operation, std::string_view method) {
  const bool unread =
      operation.dialect == Dialect::kNone &&
      (operation.endpoint == Endpoint::kPassthrough || operation.endpoint == Endpoint::kUnknown);
  return unread && method != "GET" && method != "HEAD" && method != "DELETE" && method != "OPTIONS";
}

void append_amount(std::string& out, control::Limit limit, std::int64_t amount) {
  if (control::is_money(limit)) {
    append_decimal(out, amount, 9);
  } else {
    append_int(out, amount);
  }
}

ErrorType error_of(const control::Refusal& refusal) {
  if (refusal.limit == control::Limit::kNotReady) return ErrorType::kGatewayOverloaded;
  return control::is_money(refusal.limit) ? ErrorType::kPolicyBudgetExceeded
                                          : ErrorType::kPolicyRateLimited;
}

}  // namespace

std::int64_t Request::estimated_input() const {
  auto bytes = static_cast<std::int64_t>(body_.size());
  if (large_) {
    const auto& head = exchange_->request();
    bytes = head.body == net::BodyKind::kLength
                ? std::max(bytes, static_cast<std::int64_t>(head.content_length))
                : std::max(bytes, kLongBodyBytes);
  }
  return std::min((bytes + kBytesPerToken - 1) / kBytesPerToken, kMostTokens);
}

std::int64_t Request::estimated_output() const {
  if (story_.operation.dialect == Dialect::kOpenAiEmbeddings) return 0;
  const auto most = settings_->prices().max_output_tokens(story_.model_upstream);
  auto tokens = scan_.max_tokens;
  if (!tokens) tokens = worker_.shared().shared.limiter->usual_output(story_.model_label);
  if (!tokens) return most.value_or(kUnknownOutput);
  return std::clamp<std::int64_t>(*tokens, 0, std::min(most.value_or(kMostTokens), kMostTokens));
}

// nullopt: what it costs cannot be known beforehand, or ever.
std::optional<control::Estimate> Request::estimate() const {
  control::Estimate out;
  if (may_cost_unseen(story_.operation, story_.method)) return std::nullopt;
  if (story_.operation.dialect == Dialect::kNone) {
    out.free = true;
    return out;
  }
  price::Usage usage;
  usage.input = estimated_input();
  usage.output = estimated_output();
  usage.service_tier = scan_.service_tier;
  out.tokens = usage.input + usage.output;
  const auto& book = settings_->prices();
  const auto at = worker_.wall_ns();
  auto cost = book.price(provider_->id, story_.model_upstream, usage, at);
  if (cost.unpriced == price::Unpriced::kNoTier) {
    usage.service_tier = {};
    cost = book.price(provider_->id, story_.model_upstream, usage, at);
  }
  if (cost.unpriced != price::Unpriced::kPriced) return std::nullopt;
  out.nanousd = std::max<std::int64_t>(cost.nanousd, 0);
  return out;
}

// False when the request was answered instead. Clients without limits pass without a lock.
bool Request::admit() {
  const Client* client = credentials_.client;
  if (client == nullptr || client->account == nullptr) return true;
  const bool money = client->account->has_money_limit();
  auto asked = estimate();
  // A limit on money that not everything counts against would be none.
  if (money && !asked) return reject(ErrorType::kPolicyDenied), false;
  const auto& can_record = worker_.shared().shared.can_record;
  if (money && can_record && !can_record()) return reject(ErrorType::kGatewayOverloaded), false;
  estimate_ = asked ? *asked : control::Estimate{estimated_input() + estimated_output(), 0};
  if (auto* others = worker_.shared_limits()) return ask_others(*others);
  refusal_ = client->account->admit(estimate_, worker_.wall_ns(), ticket_);
  return take_decision();
}

// False also while the answer is on its way: on_decided() goes on then.
bool Request::ask_others(control::SharedLimits& others) {
  asking_ = admitting_ = true;
  control::Waiting waiting;
  waiting.estimate = &estimate_;
  waiting.ticket = &ticket_;
  waiting.done = [this](std::optional<control::Refusal> refusal) { on_decided(refusal); };
  others.admit(credentials_.client->account, std::move(waiting));
  admitting_ = false;
  return !asking_ && take_decision();
}

void Request::on_decided(std::optional<control::Refusal> refusal) {
  asking_ = false;
  refusal_ = refusal;
  if (admitting_) return;
  // Meanwhile the client has left, or was answered.
  if (exchange_ == nullptr || side_ == Side::kAnswered) return finish_if_done();
  const auto form = side_ == Side::kStreaming ? BodyForm::kStreamed : BodyForm::kBuffered;
  if (take_decision()) send(form);
  if (form == BodyForm::kStreamed) go_on_streaming();
}

bool Request::take_decision() {
  if (refusal_) return reject(error_of(*refusal_)), false;
  const bool money = credentials_.client->account->has_money_limit();
  if (money && estimate_.nanousd > 0) story_.reserved_nanousd = estimate_.nanousd;
  return true;
}

// In the fields' usual names: x-ratelimit-limit-requests, -remaining-…, -reset-….
void Request::write_refusal(http::Response& response) const {
  const auto seconds = std::to_string(refusal_->retry_after_s);
  response.headers.emplace_back("Retry-After", seconds);
  if (refusal_->limit == control::Limit::kNotReady) return;
  const std::string name(control::limit_name(refusal_->limit));
  std::string most, remaining;
  append_amount(most, refusal_->limit, refusal_->most);
  append_amount(remaining, refusal_->limit, refusal_->remaining);
  response.headers.emplace_back("x-ratelimit-limit-" + name, most);
  response.headers.emplace_back("x-ratelimit-remaining-" + name, remaining);
  response.headers.emplace_back("x-ratelimit-reset-" + name, seconds + "s");
}

void Request::settle_limits() {
  const Client* client = credentials_.client;
  if (client == nullptr) return;
  std::optional<std::int64_t> tokens, nanousd;
  if (story_.usage == UsageState::kNone) {
    tokens = nanousd = 0;
  } else if (story_.usage != UsageState::kUnknown) {
    tokens = story_.tokens.total();
    if (story_.cost.unpriced == price::Unpriced::kPriced) nanousd = story_.cost.nanousd;
  }
  if (ticket_.held) {
    client->account->settle(ticket_, tokens, nanousd, worker_.wall_ns());
    if (auto* others = worker_.shared_limits()) others->tell(client->account);
  } else if (client->account == nullptr && story_.outcome != Outcome::kRejected &&
             worker_.settings() != settings_) {
    charge_since_limited(tokens.value_or(0), nanousd.value_or(0));
  }
}

// The client was given limits while this request ran.
void Request::charge_since_limited(std::int64_t tokens, std::int64_t nanousd) {
  auto* limiter = worker_.shared().shared.limiter;
  const auto account = limiter == nullptr ? nullptr : limiter->find(credentials_.client->id);
  if (!account) return;
  account->charge(tokens, nanousd, worker_.wall_ns());
  if (auto* others = worker_.shared_limits()) others->tell(account);
}

}  // namespace sightglass::gateway
