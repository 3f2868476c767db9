// How it ended: the one record that tells everything.
#include <algorithm>

#include "gateway/request.h"

namespace sightglass::gateway {

void Request::finish_if_done() {
  if (!active_ || exchange_ != nullptr || call_ != nullptr || waiting_ || asking_) return;
  finish();
}

void Request::finish() {
  active_ = false;
  timer_.disarm();
  if (draining_) {
    worker_.end_drain();
    if (upstream_complete_) worker_.shared().drains_completed.add();
  }
  if (recorded_) {
    settle_outcome();
    settle_usage();
    settle_times();
    settle_limits();
    worker_.records().terminal(story_);
    if (story_.outcome == Outcome::kOk) tell_activities();
  }
  if (meter_.hidden() > 0 && head_ns_ != 0) worker_.shared().chunks_hidden.add(meter_.hidden());
  if (live_row_ != live::Requests::Table::kNone) worker_.live()->end(live_row_);
  // Nothing of a request outlives it, and a waiting object holds little memory.
  forget_body();
  meter_.start({});
  settings_.reset();
  worker_.release(*this);
}

// A record for each tool that a good answer calls, and for a file that went up. A name stands in
// the answer, which a model wrote: it is told where the request had offered it.
void Request::tell_activities() {
  const auto& reader = meter_.reader();
  constexpr auto kMost = static_cast<std::int64_t>(AnswerReader::kMaxNamed);
  const auto calls =
      static_cast<std::size_t>(std::clamp<std::int64_t>(story_.tool_calls, 0, kMost));
  for (std::size_t i = 0; i < calls; ++i) {
    const auto name = i < reader.named_calls() ? reader.tool_name(i) : std::string_view();
    worker_.records().tool_call(story_, scan_.offers(name) ? name : std::string_view());
  }
  if (upload_streams_) story_.upload_bytes = story_.request_bytes;
  if (story_.upload_bytes >= 0) worker_.records().file_upload(story_);
}

void Request::settle_outcome() {
  const auto& reader = meter_.reader();
  if (head_ns_ != 0) {
    story_.error_length = reader.error_length();
    if (is_showable_name(reader.model())) story_.model_response = reader.model();
    story_.tool_calls = reader.tool_calls();
    story_.chunks = meter_.chunks();
  }
  if (error_ == ErrorType::kNone && client_gone_) error_ = ErrorType::kCallerCancelled;
  if (error_ == ErrorType::kNone && story_.upstream_status >= 400) {
    // The provider's word where it says more than the status does.
    error_ = error_of_status(story_.upstream_status);
    const auto word = reader.error();
    if (word != ErrorType::kNone && word != ErrorType::kOther &&
        word != ErrorType::kProviderBadRequest) {
      error_ = word;
    }
  }
  // An error in the middle of a stream that began well.
  if (error_ == ErrorType::kNone && head_ns_ != 0) error_ = reader.error();
  story_.error = error_;
  story_.outcome = outcome_of(error_);
}

void Request::settle_usage() {
  const bool answered = story_.upstream_status >= 200 && story_.upstream_status < 400;
  const bool maybe_billed = story_.upstream_status == 0 && sent_;
  if (story_.operation.dialect == Dialect::kNone || (!answered && !maybe_billed)) {
    story_.usage = UsageState::kNone;
    return;
  }
  const auto& reader = meter_.reader();
  const bool complete = answered && (upstream_complete_ || reader.ended());
  const bool reported = answered && reader.has_usage();
  story_.usage = !reported  ? UsageState::kUnknown
                 : complete ? UsageState::kExact
                            : UsageState::kPartial;
  if (complete) {
    story_.gap = meter_.gap();
  } else if (client_gone_) {
    story_.gap = UsageGap::kClientGone;
  } else {
    story_.gap = story_.outcome == Outcome::kInterrupted ? UsageGap::kInterrupted
                                                         : UsageGap::kUpstreamBroken;
  }
  if (!reported) return;

  story_.tokens = reader.tokens();
  const auto& t = story_.tokens;
  const price::Usage usage{t.input,          t.cache_read,   t.cache_write_5m,
                           t.cache_write_1h, t.output,       t.reasoning,
                           t.input_audio,    t.output_audio, reader.service_tier()};
  const auto& book = settings_->prices();
  const auto at = worker_.wall_ns();
  story_.cost = book.price(provider_->id, reader.model(), usage, at);
  if (story_.cost.unpriced == price::Unpriced::kNoPrice) {
    story_.cost = book.price(provider_->id, story_.model_upstream, usage, at);
  }
  story_.price_version = book.version();
}

void Request::settle_times() {
  story_.latency_ns = std::max<Nanos>(now_ns() - first_byte_ns_, 0);
  if (head_ns_ == 0) return;
  const bool streams = meter_.chunks() > 0;
  story_.first_event_ns = since_start(streams ? meter_.first_event_ns() : head_ns_);
  story_.first_content_ns = since_start(meter_.first_content_ns());
  story_.longest_stall_ns = meter_.longest_stall_ns();
}

}  // namespace sightglass::gateway
