#include "gateway/answer_meter.h"

#include <algorithm>

namespace sightglass::gateway {
namespace {

constexpr std::size_t kMaxBodyBytes = 64u << 20;
constexpr std::size_t kMaxErrorBytes = 1u << 20;
constexpr std::size_t kKeepBytes = 32u << 10;  // of a buffer, from one answer to the next

}  // namespace

std::string_view usage_gap_name(UsageGap gap) {
  switch (gap) {
    case UsageGap::kNone:
      return "";
    case UsageGap::kNotSent:
      return "not_sent";
    case UsageGap::kClientGone:
      return "client_gone";
    case UsageGap::kUpstreamBroken:
      return "upstream_broken";
    case UsageGap::kInflateLimit:
      return "inflate_limit";
    case UsageGap::kBodyTooLarge:
      return "body_too_large";
    case UsageGap::kUnparsable:
      return "unparsable";
    case UsageGap::kInterrupted:
      break;
  }
  return "interrupted";
}

void AnswerMeter::start(const Answer& answer) {
  answer_ = answer;
  reader_.start(answer.dialect);
  relay_.start(answer.hide);
  inflater_.start(answer.coding);
  for (auto* buffer : {&decoded_, &body_}) {
    if (buffer->capacity() > kKeepBytes) *buffer = std::string();
    buffer->clear();
  }
  gap_ = UsageGap::kNone;
  first_event_ns_ = first_content_ns_ = last_event_ns_ = longest_stall_ns_ = 0;
  chunks_ = 0;
}

std::string_view AnswerMeter::feed(std::string_view in, Nanos now_ns, JsonScratch& scratch) {
  if (answer_.form == Form::kBody && first_event_ns_ == 0) first_event_ns_ = now_ns;
  if (answer_.form != Form::kStream && answer_.dialect == Dialect::kNone &&
      answer_.form != Form::kError) {
    return in;  // nothing in it is ours to read
  }
  std::string_view plain = in;
  if (answer_.coding != ContentCoding::kIdentity) {
    decoded_.clear();
    const auto state = inflater_.feed(in, decoded_);
    if (state == InflateState::kTooLarge) gap_ = UsageGap::kInflateLimit;
    if (state == InflateState::kMalformed) gap_ = UsageGap::kUnparsable;
    plain = decoded_;
  }
  if (answer_.form == Form::kStream) {
    const auto visible = stream(plain, now_ns, scratch);
    return transparent() ? in : visible;
  }
  keep(plain);
  return in;
}

std::string_view AnswerMeter::stream(std::string_view in, Nanos now_ns, JsonScratch& scratch) {
  const auto before = chunks_;
  const auto visible = relay_.feed(in, [&](std::string_view data) {
    if (data.empty()) return false;
    if (first_event_ns_ == 0) first_event_ns_ = now_ns;
    if (data != "[DONE]") ++chunks_;
    if (answer_.dialect == Dialect::kNone) return false;
    const auto marks = reader_.event(data, scratch);
    if (marks.content && first_content_ns_ == 0) first_content_ns_ = now_ns;
    return marks.usage_only;
  });
  if (chunks_ != before) {
    if (last_event_ns_ != 0) {
      longest_stall_ns_ = std::max(longest_stall_ns_, now_ns - last_event_ns_);
    }
    last_event_ns_ = now_ns;
  }
  return visible;
}

void AnswerMeter::keep(std::string_view in) {
  const auto bound = answer_.form == Form::kError ? kMaxErrorBytes : kMaxBodyBytes;
  if (gap_ == UsageGap::kBodyTooLarge) return;
  if (body_.size() + in.size() > bound) {
    gap_ = UsageGap::kBodyTooLarge;
    body_ = std::string();
    return;
  }
  body_.append(in);
}

std::string_view AnswerMeter::finish(JsonScratch& scratch) {
  if (answer_.form == Form::kStream) return relay_.finish();
  if (!body_.empty() && gap_ == UsageGap::kNone) {
    if (answer_.form == Form::kError) {
      reader_.error_body(body_, scratch);
    } else {
      reader_.body(body_, scratch);
    }
    body_.clear();
  }
  return {};
}

UsageGap AnswerMeter::gap() const {
  if (reader_.has_usage()) return UsageGap::kNone;
  if (gap_ != UsageGap::kNone) return gap_;
  if (relay_.oversized() > 0) return UsageGap::kBodyTooLarge;
  return reader_.unparsable() > 0 ? UsageGap::kUnparsable : UsageGap::kNotSent;
}

bool AnswerMeter::undecodable() const {
  return !transparent() && inflater_.state() != InflateState::kGood;
}

}  // namespace sightglass::gateway
