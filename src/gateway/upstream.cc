// To the provider: the request's head and body, and another attempt where nothing can be doubled.
#include "base/json_writer.h"
#include "gateway/fields.h"
#include "gateway/request.h"
#include "gateway/target.h"

namespace sightglass::gateway {
namespace {

constexpr std::size_t kUnsentHigh = 1u << 20;  // of a body that streams through

// The dialects in which usage in streams comes only when asked for.
bool usage_is_asked_for(Dialect dialect) {
  return dialect == Dialect::kOpenAiChat || dialect == Dialect::kOpenAiCompletions;
}

}  // namespace

void Request::write_head() {
  const auto& from = exchange_->request();
  // A client of ours may carry its key in the query; that key stays here.
  const auto query =
      credentials_.client != nullptr ? query_without(from.query, "key") : std::string(from.query);
  std::string target = target_;
  if (!query.empty()) target.append("?").append(query);

  UpstreamHead head;
  head.method = from.method;
  head.target = target;
  head.request_id = story_.request_id;
  const auto traceparent = trace_.header();
  head.traceparent = traceparent;
  head.provider = provider_;
  head.key = key_;
  if (credentials_.client == nullptr) head.caller = credentials_;
  head.wants_identity = asks_for_usage_;
  head.chunked = large_ && from.body == net::BodyKind::kChunked;
  head.has_body = from.body != net::BodyKind::kNone || from.method == "POST";
  head.content_length = large_ ? from.content_length : splice_.size_bytes();
  std::string conventions;
  write_conventions(from.headers, conventions_, worker_.shared().shared.keys, story_.start_wall_ns,
                    conventions);
  head_.clear();
  StrippedCounts stripped{};
  write_upstream_head(from, head, conventions, stripped, head_);
  worker_.count_stripped(stripped);
}

void Request::prepare(UsageQuestion question) {
  const bool renamed = story_.model_upstream != story_.model_requested;
  splice_.make(body_, scan_,
               {.model = renamed ? std::string_view(story_.model_upstream) : std::string_view(),
                .ask_for_usage = question == UsageQuestion::kAsk});
  asks_for_usage_ = splice_.asks_for_usage();
  write_head();
}

void Request::send(BodyForm form) {
  const bool ask = form == BodyForm::kBuffered && usage_is_asked_for(story_.operation.dialect) &&
                   !worker_.refuses_usage(*provider_);
  prepare(ask ? UsageQuestion::kAsk : UsageQuestion::kLeave);
  worker_.records().start(story_);
  if (story_.tool_count > 0) tell(Companion::kTools);
  if (scan_.tool_choice) tell(Companion::kToolChoice);
  start_live();
  attempt();
  if (form == BodyForm::kStreamed && call_ != nullptr && !body_.empty()) {
    call_->write_body(body_);
    body_.clear();
  }
}

void Request::tell(Companion companion) {
  story_.mention(companion, since_start(now_ns()));
  worker_.records().tools(story_, companion);
}

void Request::attempt() {
  ++story_.attempts;
  call_begin_ns_ = now_ns();
  auto request = worker_.client().blank_request();
  request.head.assign(head_);
  request.body.clear();
  if (!large_) {
    for (const auto piece : splice_) {
      if (!piece.empty()) request.body.push_back(piece);
    }
  }
  request.streamed = large_;
  request.is_head = story_.method == "HEAD";
  if (key_ != nullptr) key_->state->begin();
  call_ = worker_.client().send(provider_->origin, std::move(request), this);
}

void Request::stream_body(std::string_view content) {
  if (asking_) {
    grow_body(content);
    if (!body_paused_) exchange_->pause_body();
    body_paused_ = true;
    return;
  }
  if (call_ == nullptr) return;  // it failed, and an answer is on its way
  call_->write_body(content);
  if (call_->unsent_bytes() > kUnsentHigh && !body_paused_ && exchange_ != nullptr) {
    body_paused_ = true;
    exchange_->pause_body();
  }
}

// After the answer for which the body was held back.
void Request::go_on_streaming() {
  if (call_ != nullptr && body_ended_) call_->finish_body();
  if (!body_paused_ || exchange_ == nullptr) return;
  if (call_ != nullptr && call_->unsent_bytes() > kUnsentHigh) return;  // on_drained() will
  body_paused_ = false;
  exchange_->resume_body();
}

void Request::on_sent() { sent_ = true; }

void Request::on_drained() {
  if (!body_paused_ || exchange_ == nullptr) return;
  body_paused_ = false;
  exchange_->resume_body();
}

// The attempt is over: its time counts, whatever it brought.
void Request::close_call() {
  if (call_ != nullptr) call_->cancel();
  call_ = nullptr;
  if (call_begin_ns_ != 0) {
    story_.upstream_ns = now_ns() - call_begin_ns_;
    story_.upstream_open_ns += story_.upstream_ns;
    if (key_ != nullptr) key_->state->end();
    call_begin_ns_ = 0;
  }
}

void Request::on_error(net::CallError error, bool response_started, bool request_sent) {
  call_ = nullptr;
  close_call();
  sent_ = sent_ || request_sent;
  const auto why = error_of_call(error, head_ns_ != 0 ? Phase::kInAnswer : Phase::kBeforeAnswer);
  if (try_again(why, error, response_started, request_sent)) return;
  fail(why);
}

// Only where not a byte can have reached the provider, so that nothing is ever billed twice.
bool Request::try_again(ErrorType why, net::CallError error, bool response_started,
                        bool request_sent) {
  const bool connecting = error == net::CallError::kConnect || error == net::CallError::kResolve ||
                          error == net::CallError::kTimeoutConnect;
  const auto& limits = settings_->limits();
  if (exchange_ != nullptr && connecting) {
    worker_.records().attempt_failed(story_, story_.attempts, why);
    story_.mention(Companion::kRequestError, since_start(now_ns()));
  }
  if (!connecting || response_started || request_sent || large_ || exchange_ == nullptr ||
      story_.attempts >= limits.connect_attempts) {
    return false;
  }
  const auto backoff = limits.retry_backoff_ns << (story_.attempts - 1);
  worker_.records().retry(story_, story_.attempts, backoff);
  story_.mention(Companion::kRetryBackoff, since_start(now_ns()));
  waiting_ = true;
  timer_.arm(backoff);
  return true;
}

// Some servers answer 400 to any stream_options. What they refused was our question, so the
// client's own request goes out as it came.
bool Request::ask_again_without_usage(int status) {
  if (status != 400 || !asks_for_usage_ || exchange_ == nullptr) return false;
  worker_.records().attempt_failed(story_, story_.attempts, ErrorType::kProviderBadRequest);
  story_.mention(Companion::kRequestError, since_start(now_ns()));
  close_call();
  asked_in_vain_ = true;
  prepare(UsageQuestion::kLeave);
  worker_.shared().usage_refused.add();
  attempt();
  return true;
}

// A provider that refuses our key, or says that it has had enough of it, has done nothing yet: the
// client need not know of it while another key is there.
bool Request::ask_again_with_another_key(const net::ResponseHead& head) {
  if (key_ == nullptr || (head.status != 401 && head.status != 429)) return false;
  worker_.note_key_failure(*key_, head.status, head.headers.get("retry-after"));
  if (exchange_ == nullptr || large_ || story_.attempts >= settings_->limits().connect_attempts) {
    return false;
  }
  const auto* next = &worker_.next_key(*provider_, settings_->key_choice());
  if (next->state->aside(worker_.loop().now_ns())) return false;  // all of them are
  worker_.records().attempt_failed(story_, story_.attempts, error_of_status(head.status));
  story_.mention(Companion::kRequestError, since_start(now_ns()));
  close_call();
  sent_ = false;
  key_ = next;
  story_.key = next->id;
  write_head();
  attempt();
  return true;
}

void Request::on_timer() {
  if (waiting_) {
    waiting_ = false;
    attempt();
  } else if (draining_) {
    worker_.shared().drains_capped.add();
    close_call();
    finish_if_done();
  }
}

// The provider's side is over, badly.
void Request::fail(ErrorType why) {
  if (!client_gone_ && error_ == ErrorType::kNone) error_ = why;
  if (exchange_ != nullptr) {
    if (exchange_->started()) {
      // Half an answer cannot be completed honestly.
      write(meter_.finish(worker_.scratch()));
      exchange_->abort();
    } else {
      answer_error(why);
    }
    side_ = Side::kAnswered;
  } else if (head_ns_ != 0) {
    static_cast<void>(meter_.finish(worker_.scratch()));
  }
  finish_if_done();
}

void Request::interrupt(ErrorType why) {
  if (error_ == ErrorType::kNone) error_ = why;
  timer_.disarm();
  waiting_ = false;
  close_call();
  fail(why);
}

}  // namespace sightglass::gateway
