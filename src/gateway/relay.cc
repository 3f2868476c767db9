// Back to the client: the answer's bytes at once, with the meter looking over their shoulder.
#include "gateway/fields.h"
#include "gateway/request.h"

namespace sightglass::gateway {
namespace {

constexpr Nanos kLiveUpdate = 100 * kMillisecond;

bool is_event_stream(std::string_view content_type) {
  constexpr std::string_view kEventStream = "text/event-stream";
  return content_type.substr(0, kEventStream.size()) == kEventStream;
}

}  // namespace

void Request::on_head(const net::ResponseHead& head) {
  if (ask_again_without_usage(head.status) || ask_again_with_another_key(head)) return;
  head_ns_ = now_ns();
  story_.upstream_status = head.status;
  const bool good = head.status >= 200 && head.status < 300;
  if (good && asked_in_vain_) worker_.note_refuses_usage(*provider_);
  if (key_ != nullptr && good) key_->state->succeeded();

  AnswerMeter::Answer answer;
  answer.dialect = story_.operation.dialect;
  answer.coding = content_coding(head.headers.get("content-encoding"));
  answer.form = head.status >= 400                                  ? AnswerMeter::Form::kError
                : is_event_stream(head.headers.get("content-type")) ? AnswerMeter::Form::kStream
                                                                    : AnswerMeter::Form::kBody;
  const bool streams = answer.form == AnswerMeter::Form::kStream;
  answer.hide = asks_for_usage_ && streams ? HideUsage::kYes : HideUsage::kNo;
  meter_.start(answer);
  story_.streaming = story_.streaming || streams;
  if (good && story_.model_label == "other") {
    worker_.shared().answered.add(story_.model_upstream);
    story_.model_label = model_label(*settings_, worker_.shared().answered, story_.model_upstream);
  }
  if (sent_) forget_body();  // no attempt will need it any more
  if (exchange_ == nullptr) return;

  const bool decoded = !meter_.transparent() && answer.coding != ContentCoding::kIdentity;
  std::string text;
  text.reserve(512);
  write_client_head(head, decoded ? Coding::kDecoded : Coding::kAsSent, text);
  std::optional<std::uint64_t> length;
  if (head.body == net::BodyKind::kNone) length = 0;
  if (head.body == net::BodyKind::kLength && meter_.transparent()) length = head.content_length;
  story_.status = head.status;
  exchange_->start(std::move(text), length);
}

void Request::on_body(std::string_view content) {
  if (draining_) {
    drained_bytes_ += content.size();
    if (drained_bytes_ > settings_->limits().drain_bytes) {
      worker_.shared().drains_capped.add();
      close_call();
      return finish_if_done();
    }
  }
  relay(content);
}

void Request::relay(std::string_view content) {
  const auto now = now_ns();
  if (meter_.transparent()) write(content);
  const auto shown = meter_.feed(content, now, worker_.scratch());
  if (!meter_.transparent()) {
    if (meter_.undecodable()) {
      close_call();
      return fail(ErrorType::kProviderBadResponse);
    }
    write(shown);
  }
  update_live(now);
}

void Request::write(std::string_view content) {
  if (exchange_ == nullptr || content.empty()) return;
  story_.response_bytes += static_cast<std::int64_t>(content.size());
  exchange_->write(content);
  if (!exchange_->writable() && call_ != nullptr && !call_paused_) {
    call_paused_ = true;
    call_->pause();
    worker_.shared().slow_readers.add();
  }
}

void Request::client_writable() {
  if (!call_paused_ || call_ == nullptr) return;
  call_paused_ = false;
  call_->resume();
}

void Request::on_end() {
  call_ = nullptr;
  close_call();
  upstream_complete_ = true;
  write(meter_.finish(worker_.scratch()));
  side_ = Side::kAnswered;
  if (exchange_ != nullptr) exchange_->end();
  finish_if_done();
}

// ---- the live view ------------------------------------------------------------------------------

void Request::start_live() {
  auto* table = worker_.live();
  if (table == nullptr) return;
  // Names come from callers: what does not look like a model's name is not shown.
  const auto shown = [](const std::string& name, std::string_view otherwise) {
    return name.empty() ? std::string() : is_showable_name(name) ? name : std::string(otherwise);
  };
  live::RequestRow row;
  row.request_id = story_.request_id;
  row.provider = story_.provider;
  row.requested_model = shown(story_.model_requested, "other");
  if (row.requested_model.empty()) row.requested_model = "unknown";
  row.resolved_model = shown(story_.model_upstream, "other");
  live::derive_names(row);
  row.is_streaming = story_.streaming;
  row.start_wall_ns = story_.start_wall_ns;
  row.start_monotonic_ns = first_byte_ns_;
  row.tool_uses = story_.tool_uses;
  row.tool_results = story_.tool_results;
  row.request_size = story_.request_bytes;
  row.message_count = story_.message_count;
  live_row_ = table->start(row);
}

void Request::update_live(Nanos now) {
  if (live_row_ == live::Requests::Table::kNone || now - live_updated_ns_ < kLiveUpdate) return;
  const auto& reader = meter_.reader();
  if (!reader.has_usage() && reader.tool_calls() == 0) return;
  live_updated_ns_ = now;
  const auto tokens = reader.tokens();
  worker_.live()->update(live_row_, [&](live::RequestRow& row) {
    row.input_tokens = tokens.input;
    row.output_tokens = tokens.output;
    row.cache_read_tokens = tokens.cache_read;
    row.cache_creation_tokens = tokens.cache_write_5m + tokens.cache_write_1h;
    row.tool_calls = reader.tool_calls();
  });
}

// ---- the client's end ---------------------------------------------------------------------------

void Request::client_closed(bool gone) {
  exchange_ = nullptr;
  if (waiting_) {
    waiting_ = false;
    timer_.disarm();
  }
  if (gone && error_ == ErrorType::kNone) {
    client_gone_ = true;
    leave();
  } else if (call_ != nullptr) {
    close_call();  // the answer was ours; the provider's is not wanted any more
  }
  finish_if_done();
}

// The client has left, and the provider goes on billing: read the answer to its end for the usage,
// unless that costs too much.
void Request::leave() {
  if (call_ == nullptr) return;
  const bool whole = !large_ || body_ended_;
  const bool worth =
      whole && story_.operation.dialect != Dialect::kNone && story_.upstream_status < 400;
  if (!worth || !worker_.begin_drain(settings_->limits())) return close_call();
  draining_ = true;
  timer_.arm(settings_->limits().drain_ns);
  if (call_paused_) {
    call_paused_ = false;
    call_->resume();
  }
}

}  // namespace sightglass::gateway
