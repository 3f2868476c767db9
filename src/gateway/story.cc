#include "gateway/story.h"

#include <algorithm>
#include <utility>

#include "base/json_writer.h"

namespace sightglass::gateway {

std::string_view usage_state_name(UsageState state) {
  switch (state) {
    case UsageState::kExact:
      return "exact";
    case UsageState::kPartial:
      return "partial";
    case UsageState::kUnknown:
      return "unknown";
    case UsageState::kNone:
      break;
  }
  return "none";
}

std::string_view companion_name(Companion companion) {
  switch (companion) {
    case Companion::kTools:
      return "tools_detected";
    case Companion::kToolChoice:
      return "tool_choice_detected";
    case Companion::kRequestError:
      return "proxy_request_error";
    case Companion::kRetryBackoff:
      break;
  }
  return "proxy_retry_backoff";
}

void Story::mention(Companion companion, Nanos since_start_ns) {
  constexpr std::size_t kMaxBytes = 120;  // a category value has at most 128
  const auto name = companion_name(companion);
  if (++companion_count > 8 || companions.size() + name.size() + 9 > kMaxBytes) return;
  if (!companions.empty()) companions.push_back('+');
  companions.append(name);
  companions.push_back('@');
  append_int(companions, std::min<Nanos>(since_start_ns / kMillisecond, 9'999'999));
}

void Story::clear() {
  auto take = [](std::string& text) {
    text.clear();
    return std::move(text);
  };
  Story fresh;
  for (auto member : {&Story::request_id,     &Story::trace_id,        &Story::span_id,
                      &Story::method,         &Story::provider,        &Story::key,
                      &Story::client,         &Story::model_requested, &Story::model_upstream,
                      &Story::model_response, &Story::model_label,     &Story::user_id,
                      &Story::session_id,     &Story::focus_id,        &Story::group_id,
                      &Story::provider_hint,  &Story::model_hint,      &Story::price_version,
                      &Story::companions,     &Story::upload_type}) {
    fresh.*member = take(this->*member);
  }
  *this = std::move(fresh);
}

}  // namespace sightglass::gateway
