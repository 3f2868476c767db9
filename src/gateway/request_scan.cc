#include "gateway/request_scan.h"

#include <algorithm>
#include <functional>

#include "gateway/json_state.h"

namespace sightglass::gateway {
namespace {

namespace json = simdjson::ondemand;

constexpr std::size_t kMaxName = 256;

bool is_object(json::value& value) { return value.type() == json::json_type::object; }
bool is_array(json::value& value) { return value.type() == json::json_type::array; }
bool is_string(json::value& value) { return value.type() == json::json_type::string; }

void keep_name(json::value value, std::string& out) {
  out.clear();
  if (!is_string(value)) return;
  const std::string_view text = value.get_string();
  if (text.size() <= kMaxName) out.assign(text);
}

std::int64_t count_elements(json::value value) {
  std::int64_t count = 0;
  if (!is_array(value)) return 0;
  for (auto element : value.get_array()) {
    static_cast<void>(element.value());
    ++count;
  }
  return count;
}

// Reads the members of one request. Throws simdjson_error on malformed input; scan_request catches.
class Scan {
 public:
  Scan(const char* begin, Dialect dialect, RequestScan& out)
      : begin_(begin), dialect_(dialect), out_(out) {}

  void member(std::string_view key, json::value value) {
    if (key == "model") {
      model(value);
    } else if (key == "stream") {
      out_.stream = value.type() == json::json_type::boolean && bool(value.get_bool());
    } else if (key == "stream_options") {
      stream_options(value);
    } else if (key == "max_tokens" || key == "max_completion_tokens" ||
               key == "max_output_tokens") {
      if (const auto limit = count_of(value)) out_.max_tokens = limit;
    } else if (key == "messages" || (key == "input" && dialect_ == Dialect::kOpenAiResponses)) {
      messages(value);
    } else if (key == "system") {
      system(value);
    } else if (key == "tools") {
      tools(value);
    } else if (key == "tool_choice") {
      out_.tool_choice = !value.is_null();
    } else if (key == "user" || key == "safety_identifier") {
      keep_name(value, out_.user_id);
    } else if (key == "metadata") {
      metadata(value);
    } else if (key == "service_tier") {
      keep_name(value, out_.service_tier);
    }
  }

  void finish() { out_.message_count = messages_ + system_blocks_; }

 private:
  std::size_t offset(std::string_view token) const {
    return static_cast<std::size_t>(token.data() - begin_);
  }
  // The token without the blanks that simdjson leaves behind it.
  Span span(std::string_view token) const {
    const auto end = token.find_last_not_of(" \t\r\n");
    return {offset(token), end == std::string_view::npos ? 0 : end + 1};
  }

  void model(json::value value) {
    out_.model_token = {};
    if (is_string(value)) out_.model_token = span(value.raw_json_token());
    keep_name(value, out_.model);
  }

  void stream_options(json::value value) {
    out_.stream_options_null = {};
    out_.usage_null = {};
    out_.stream_options_begin = 0;
    out_.usage_wish = UsageWish::kOpen;
    if (is_object(value)) {
      out_.stream_options_begin = offset(value.raw_json_token());
      out_.stream_options_empty = true;
      for (auto field : value.get_object()) {
        out_.stream_options_empty = false;
        if (std::string_view(field.unescaped_key()) != "include_usage") continue;
        json::value wish = field.value();
        const auto token = span(wish.raw_json_token());
        const bool open = wish.is_null();
        out_.usage_null = open ? token : Span{};
        out_.usage_wish = open ? UsageWish::kOpen : UsageWish::kExplicit;
      }
    } else {
      const auto token = span(value.raw_json_token());
      if (value.is_null()) {
        out_.stream_options_null = token;
      } else {
        out_.usage_wish = UsageWish::kExplicit;  // malformed; the provider says so
      }
    }
  }

  void system(json::value value) {
    if (dialect_ != Dialect::kAnthropicMessages) return;
    system_blocks_ = is_array(value) ? count_elements(value) : is_string(value) ? 1 : 0;
  }

  // `{"name":…}` or `{"type":"function","function":{"name":…}}`.
  void tools(json::value value) {
    out_.tool_count = 0;
    out_.tool_names.clear();
    if (!is_array(value)) return;
    for (auto element : value.get_array()) {
      json::value tool = element.value();
      ++out_.tool_count;
      if (out_.tool_names.size() >= RequestScan::kMaxTools || !is_object(tool)) continue;
      for (auto field : tool.get_object()) {
        const std::string_view key = field.unescaped_key();
        json::value inner = field.value();
        if (key == "name") {
          tool_name(inner);
        } else if (key == "function" && is_object(inner)) {
          for (auto part : inner.get_object()) {
            if (std::string_view(part.unescaped_key()) == "name") tool_name(part.value());
          }
        }
      }
    }
  }

  void tool_name(json::value value) {
    if (!is_string(value)) return;
    const std::string_view name = value.get_string();
    out_.tool_names.push_back(std::hash<std::string_view>{}(name));
  }

  void metadata(json::value value) {
    if (!is_object(value)) return;
    for (auto field : value.get_object()) {
      const std::string_view key = field.unescaped_key();
      if (key == "user_id") keep_name(field.value(), out_.user_id);
      if (key == "session_id") keep_name(field.value(), out_.session_id);
    }
  }

  void messages(json::value value) {
    messages_ = out_.tool_uses = out_.tool_results = 0;
    if (is_string(value)) messages_ = 1;
    if (!is_array(value)) return;
    for (auto element : value.get_array()) {
      json::value message = element.value();
      if (is_object(message)) {
        one_message(message.get_object());
      } else {
        ++messages_;
      }
    }
  }

  void one_message(json::object message) {
    bool counts = true;
    for (auto field : message) {
      const std::string_view key = field.unescaped_key();
      json::value value = field.value();
      if (key == "role" && is_string(value)) {
        const std::string_view role = value.get_string();
        if (role == "tool" || role == "function") ++out_.tool_results;
      } else if (key == "tool_calls") {
        out_.tool_uses += count_elements(value);
      } else if (key == "content" && is_array(value)) {
        for (auto block : value.get_array()) typed(block.value());
      } else if (key == "type" && is_string(value)) {
        counts = !item(value.get_string());  // an item of /v1/responses
      }
    }
    if (counts) ++messages_;
  }

  // A content block of Anthropic's.
  void typed(json::value block) {
    if (!is_object(block)) return;
    for (auto field : block.get_object()) {
      if (std::string_view(field.unescaped_key()) != "type") continue;
      json::value value = field.value();
      if (is_string(value)) item(value.get_string());
    }
  }

  // Whether `type` names a tool's call or its result; counts it.
  bool item(std::string_view type) {
    const bool use = type == "tool_use" || type == "function_call" || type == "custom_tool_call";
    const bool result = type == "tool_result" || type == "function_call_output" ||
                        type == "custom_tool_call_output";
    if (use) ++out_.tool_uses;
    if (result) ++out_.tool_results;
    return use || result;
  }

  const char* begin_;
  Dialect dialect_;
  RequestScan& out_;
  std::int64_t messages_ = 0;
  std::int64_t system_blocks_ = 0;
};

}  // namespace

bool RequestScan::offers(std::string_view tool_name) const {
  const auto hash = std::hash<std::string_view>{}(tool_name);
  return std::find(tool_names.begin(), tool_names.end(), hash) != tool_names.end();
}

void RequestScan::clear() {
  std::string keep[] = {std::move(model), std::move(user_id), std::move(session_id),
                        std::move(service_tier)};
  auto names = std::move(tool_names);
  *this = RequestScan();
  names.clear();
  tool_names = std::move(names);
  for (auto& text : keep) text.clear();
  model = std::move(keep[0]);
  user_id = std::move(keep[1]);
  session_id = std::move(keep[2]);
  service_tier = std::move(keep[3]);
}

bool scan_request(std::string_view body, Dialect dialect, JsonScratch& scratch, RequestScan& out) {
  out.clear();
  auto& state = scratch.state();
  bool good = false;
  try {
    json::document document = state.parser.iterate(
        simdjson::padded_string_view(body.data(), body.size(), body.size() + kJsonPadding));
    if (document.type() == json::json_type::object) {
      Scan scan(body.data(), dialect, out);
      out.object_begin = body.find('{');
      for (auto field : document.get_object()) {
        const std::string_view key = field.unescaped_key();
        scan.member(key, field.value());
      }
      scan.finish();
      const char* trailing = nullptr;
      good = document.current_location().get(trailing) == simdjson::OUT_OF_BOUNDS;
    }
  } catch (const simdjson::simdjson_error&) {
    good = false;
  }
  state.release();
  if (!good) out.clear();
  return good;
}

}  // namespace sightglass::gateway
