#include "gateway/answer_reader.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "gateway/json_state.h"

namespace sightglass::gateway {

namespace json = simdjson::ondemand;

namespace {

constexpr std::size_t kMaxName = 256;
constexpr std::size_t kNoChoice = 999;  // of calls that stand in no choice

UsageShape shape_of(Dialect dialect) {
  if (dialect == Dialect::kAnthropicMessages) return UsageShape::kExclusive;
  if (dialect == Dialect::kGemini) return UsageShape::kGemini;
  return UsageShape::kInclusive;
}

struct NumberName {
  std::string_view name;
  UsageReport::Number number;
};
constexpr NumberName kNumbers[] = {
    {"prompt_tokens", UsageReport::kInput},
    {"input_tokens", UsageReport::kInput},
    {"promptTokenCount", UsageReport::kInput},
    {"completion_tokens", UsageReport::kOutput},
    {"output_tokens", UsageReport::kOutput},
    {"candidatesTokenCount", UsageReport::kOutput},
    {"total_tokens", UsageReport::kTotal},
    {"prompt_cache_hit_tokens", UsageReport::kCached},
    {"cachedContentTokenCount", UsageReport::kCached},
    {"thoughtsTokenCount", UsageReport::kReasoning},
    {"toolUsePromptTokenCount", UsageReport::kToolInput},
    {"cache_read_input_tokens", UsageReport::kCacheRead},
    {"cache_creation_input_tokens", UsageReport::kCacheWrite},
};
constexpr NumberName kInputDetails[] = {
    {"cached_tokens", UsageReport::kCached},
    {"cache_write_tokens", UsageReport::kCacheWrite},
    {"cache_creation_tokens", UsageReport::kCacheWrite},
    {"audio_tokens", UsageReport::kInputAudio},
};
constexpr NumberName kOutputDetails[] = {
    {"reasoning_tokens", UsageReport::kReasoning},
    {"audio_tokens", UsageReport::kOutputAudio},
};
constexpr NumberName kCacheCreation[] = {
    {"ephemeral_5m_input_tokens", UsageReport::kCacheWrite5m},
    {"ephemeral_1h_input_tokens", UsageReport::kCacheWrite1h},
};

bool is_object(json::value& value) { return value.type() == json::json_type::object; }
bool is_array(json::value& value) { return value.type() == json::json_type::array; }
bool is_string(json::value& value) { return value.type() == json::json_type::string; }
bool is_filled_string(json::value& value) {
  return is_string(value) && value.raw_json_token().substr(0, 2) != "\"\"";
}
// Text, a filled list or object: not null, "", [] or {}.
bool is_filled(json::value& value) {
  if (is_string(value)) return is_filled_string(value);
  if (is_array(value)) {
    json::array list = value.get_array();
    return !list.is_empty();
  }
  if (is_object(value)) {
    json::object object = value.get_object();
    return !object.is_empty();
  }
  return false;
}

template <std::size_t N>
void read_number(std::string_view key, json::value value, const NumberName (&names)[N],
                 UsageReport& out) {
  for (const auto& [name, number] : names) {
    if (name != key) continue;
    if (const auto count = count_of(value)) out.set(number, *count);
    return;
  }
}

template <std::size_t N>
void read_numbers(json::value value, const NumberName (&names)[N], UsageReport& out) {
  if (!is_object(value)) return;
  for (auto field : value.get_object()) {
    const std::string_view key = field.unescaped_key();
    read_number(key, field.value(), names, out);
  }
}

void keep_name(json::value value, std::string& out) {
  if (!is_string(value)) return;
  const std::string_view text = value.get_string();
  if (!text.empty() && text.size() <= kMaxName) out.assign(text);
}

}  // namespace

// Walks one document. Throws simdjson_error on malformed input; the reader's entry points catch.
class AnswerVisitor {
 public:
  explicit AnswerVisitor(AnswerReader& out) : out_(out) {}

  EventMarks document(json::object object) {
    for (auto field : object) {
      const std::string_view key = field.unescaped_key();
      member(key, field.value());
    }
    if (block_is_call_ && !repeats_) {
      out_.name_call(kNoChoice, out_.calls_, block_name_);
      ++out_.calls_;
    }
    marks_.usage_only = has_choices_ && choices_ == 0 && has_usage_;
    return marks_;
  }

 private:
  void member(std::string_view key, json::value value) {
    if (key == "usage" || key == "usageMetadata") {
      usage(value);
    } else if (key == "choices") {
      choices(value);
    } else if (key == "type") {
      type(value);
    } else if (key == "model" || key == "modelVersion") {
      keep_name(value, out_.model_);
    } else if (key == "service_tier") {
      keep_name(value, out_.service_tier_);
    } else if (key == "error") {
      error(value);
    } else if (key == "message" || key == "response") {
      nested(value);
    } else if (key == "delta") {
      delta(value);
    } else if (key == "content_block" || key == "item") {
      block(value);
    } else if (key == "content" || key == "output") {
      blocks(value);
    } else if (key == "candidates") {
      candidates(value);
    }
  }

  void type(json::value value) {
    if (!is_string(value)) return;
    const std::string_view name = value.get_string();
    if (name == "message_stop" || name == "response.completed" || name == "response.incomplete" ||
        name == "response.failed") {
      marks_.end = true;
    }
    repeats_ = name == "response.output_item.done";
  }

  void usage(json::value value) {
    if (!is_object(value)) return;  // null on every chunk but the last
    UsageReport report;
    for (auto field : value.get_object()) {
      const std::string_view key = field.unescaped_key();
      json::value number = field.value();
      if (key == "prompt_tokens_details" || key == "input_tokens_details" ||
          key == "input_token_details") {
        read_numbers(number, kInputDetails, report);
      } else if (key == "completion_tokens_details" || key == "output_tokens_details") {
        read_numbers(number, kOutputDetails, report);
      } else if (key == "cache_creation") {
        read_numbers(number, kCacheCreation, report);
      } else if (key == "service_tier") {
        keep_name(number, out_.service_tier_);
      } else {
        read_number(key, number, kNumbers, report);
      }
    }
    if (report.empty()) return;
    has_usage_ = true;
    if (out_.dialect_ != Dialect::kAnthropicMessages) out_.usage_.clear();
    out_.usage_.merge(report);
  }

  // ---- OpenAI's choices ----

  void choices(json::value value) {
    if (!is_array(value)) return;
    has_choices_ = true;
    for (auto element : value.get_array()) {
      json::value choice = element.value();
      if (is_object(choice)) one_choice(choice.get_object());
      ++choices_;
    }
  }

  void one_choice(json::object choice) {
    choice_ = choices_;
    for (auto field : choice) {
      const std::string_view key = field.unescaped_key();
      json::value value = field.value();
      if (key == "index") {
        if (const auto index = count_of(value)) choice_ = static_cast<std::size_t>(*index);
      } else if (key == "text") {
        if (is_filled_string(value)) marks_.content = true;
      } else if ((key == "delta" || key == "message") && is_object(value)) {
        chat_message(value.get_object());
      }
    }
  }

  void chat_message(json::object message) {
    for (auto field : message) {
      const std::string_view key = field.unescaped_key();
      json::value value = field.value();
      if (key == "tool_calls") {
        tool_calls(value);
      } else if (key == "function_call") {
        if (is_object(value)) {
          marks_.content = true;
          count_call(0, name_in(value.get_object()));
        }
      } else if (key == "content" || key == "reasoning_content" || key == "reasoning" ||
                 key == "refusal" || key == "audio") {
        if (is_filled(value)) marks_.content = true;
      }
    }
  }

  void tool_calls(json::value value) {
    if (!is_array(value)) return;
    std::int64_t position = 0;
    for (auto element : value.get_array()) {
      json::value call = element.value();
      std::int64_t index = position++;
      std::string_view name;
      if (is_object(call)) {
        for (auto field : call.get_object()) {
          const std::string_view key = field.unescaped_key();
          json::value inner = field.value();
          if (key == "index") {
            if (const auto said = count_of(inner)) index = *said;
          } else if ((key == "function" || key == "custom") && is_object(inner)) {
            name = name_in(inner.get_object());
          }
        }
      }
      marks_.content = true;
      count_call(index, name);
    }
  }

  // The text lives in the parser until the next document.
  static std::string_view name_in(json::object object) {
    std::string_view name;
    for (auto field : object) {
      if (std::string_view(field.unescaped_key()) != "name") continue;
      json::value value = field.value();
      if (is_string(value)) name = value.get_string();
    }
    return name;
  }

  // Deltas of one call repeat its index, so that the highest one tells how many there are.
  void count_call(std::int64_t index, std::string_view name) {
    out_.name_call(choice_, index, name);
    auto& calls = out_.calls_by_choice_[std::min(choice_, out_.calls_by_choice_.size() - 1)];
    calls = std::max(calls, std::min<std::int64_t>(index, 9'999) + 1);
  }

  // ---- Anthropic's blocks and the items of /v1/responses ----

  void nested(json::value value) {
    if (!is_object(value)) return;
    // "response" repeats all items at the end of the stream; what was counted before is less.
    for (auto field : value.get_object()) {
      const std::string_view key = field.unescaped_key();
      json::value inner = field.value();
      if (key == "usage") {
        usage(inner);
      } else if (key == "model") {
        keep_name(inner, out_.model_);
      } else if (key == "service_tier") {
        keep_name(inner, out_.service_tier_);
      } else if (key == "error") {
        error(inner);
      } else if (key == "output") {
        blocks(inner);
      }
    }
  }

  void delta(json::value value) {
    if (is_filled_string(value)) marks_.content = true;  // /v1/responses: "delta":"text"
    if (!is_object(value)) return;
    for (auto field : value.get_object()) {
      const std::string_view key = field.unescaped_key();
      json::value inner = field.value();
      if (key == "text" || key == "thinking" || key == "partial_json") {
        if (is_filled_string(inner)) marks_.content = true;
      }
    }
  }

  bool is_call(json::value value, std::string_view& name_of_it) {
    name_of_it = {};
    if (!is_object(value)) return false;
    bool call = false;
    for (auto field : value.get_object()) {
      const std::string_view key = field.unescaped_key();
      json::value inner = field.value();
      if (key == "type" && is_string(inner)) {
        const std::string_view name = inner.get_string();
        call = name == "tool_use" || name == "function_call" || name == "custom_tool_call";
      } else if (key == "name" && is_string(inner)) {
        name_of_it = inner.get_string();
      }
    }
    return call;
  }

  void block(json::value value) { block_is_call_ = is_call(value, block_name_); }

  void blocks(json::value value) {
    if (!is_array(value)) return;
    std::int64_t calls = 0;
    for (auto element : value.get_array()) {
      std::string_view name;
      if (!is_call(element.value(), name)) continue;
      out_.name_call(kNoChoice, calls, name);
      ++calls;
    }
    out_.calls_ = std::max(out_.calls_, calls);
  }

  // ---- Gemini ----

  void candidates(json::value value) {
    if (!is_array(value)) return;
    for (auto element : value.get_array()) {
      json::value candidate = element.value();
      if (!is_object(candidate)) continue;
      for (auto field : candidate.get_object()) {
        const std::string_view key = field.unescaped_key();
        json::value content = field.value();
        if (key == "content" && is_object(content)) parts(content.get_object());
      }
    }
  }

  void parts(json::object content) {
    for (auto field : content) {
      const std::string_view key = field.unescaped_key();
      json::value list = field.value();
      if (key != "parts" || !is_array(list)) continue;
      for (auto element : list.get_array()) {
        json::value part = element.value();
        if (!is_object(part)) continue;
        for (auto inner : part.get_object()) {
          const std::string_view name = inner.unescaped_key();
          if (name == "text" || name == "functionCall") marks_.content = true;
          if (name != "functionCall") continue;
          json::value call = inner.value();
          out_.name_call(kNoChoice, out_.calls_,
                         is_object(call) ? name_in(call.get_object()) : std::string_view());
          ++out_.calls_;
        }
      }
    }
  }

  // ---- errors: a word from the closed list, and a length ----

  void error(json::value value) {
    if (value.is_null()) return;
    ErrorType found = ErrorType::kNone;
    if (is_object(value)) {
      for (auto field : value.get_object()) {
        const std::string_view key = field.unescaped_key();
        json::value inner = field.value();
        if (!is_string(inner)) continue;
        const std::string_view text = inner.get_string();
        if (key == "message") {
          out_.error_length_ = static_cast<std::int64_t>(text.size());
        } else if (key == "type" || key == "code" || key == "status") {
          const auto word = error_of_word(text);
          // A code says more than the broad type beside it.
          if (word != ErrorType::kNone &&
              (found == ErrorType::kNone || found == ErrorType::kProviderBadRequest)) {
            found = word;
          }
        }
      }
    } else if (is_string(value)) {
      const std::string_view text = value.get_string();
      out_.error_length_ = static_cast<std::int64_t>(text.size());
    }
    out_.error_ = found == ErrorType::kNone ? ErrorType::kOther : found;
  }

  AnswerReader& out_;
  EventMarks marks_;
  std::size_t choices_ = 0;
  std::size_t choice_ = 0;
  bool has_choices_ = false;
  bool has_usage_ = false;
  bool block_is_call_ = false;
  std::string_view block_name_;
  bool repeats_ = false;  // an event that tells again what was counted when it was added
};

namespace {

// glibc's memmem skips by the needle's length; string_view::find would stop at each of the quotes
// that JSON is full of.
std::size_t find_text(std::string_view text, std::string_view needle, std::size_t from) {
  const auto* found = memmem(text.data() + from, text.size() - from, needle.data(), needle.size());
  if (found == nullptr) return std::string_view::npos;
  return static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

}  // namespace

bool may_have_member(std::string_view text, std::string_view quoted_name) {
  for (auto at = find_text(text, quoted_name, 0); at != std::string_view::npos;
       at = find_text(text, quoted_name, at)) {
    at += quoted_name.size();
    auto rest = text.substr(at);
    const auto skip_blanks = [&] {
      const auto begin = rest.find_first_not_of(" \t\r\n");
      rest.remove_prefix(begin == std::string_view::npos ? rest.size() : begin);
    };
    skip_blanks();
    if (rest.empty()) return true;  // cut off: cannot say no
    if (rest.front() != ':') continue;
    rest.remove_prefix(1);
    skip_blanks();
    if (rest.empty() || rest.front() != 'n') return true;
  }
  return false;
}

void AnswerReader::start(Dialect dialect) {
  dialect_ = dialect;
  usage_.clear();
  model_.clear();
  service_tier_.clear();
  calls_by_choice_.fill(0);
  calls_ = error_length_ = 0;
  named_calls_ = 0;
  error_ = ErrorType::kNone;
  unparsable_ = 0;
  content_seen_ = ended_ = false;
}

// A call that comes in pieces has its name in the first of them.
void AnswerReader::name_call(std::size_t choice, std::int64_t index, std::string_view name) {
  for (std::size_t i = named_calls_; i-- > 0;) {
    const auto& call = calls_by_name_[i];
    if (call.choice == choice && call.index == index) return;
  }
  if (named_calls_ == kMaxNamed) return;
  if (named_calls_ == calls_by_name_.size()) calls_by_name_.emplace_back();
  auto& call = calls_by_name_[named_calls_++];
  call.choice = choice;
  call.index = index;
  call.name.assign(name.size() <= kMaxToolName ? name : std::string_view());
}

// After the first content, most events only bring more of it.
bool AnswerReader::may_skip(std::string_view data) const {
  if (!content_seen_) return false;
  switch (dialect_) {
    case Dialect::kOpenAiChat:
    case Dialect::kOpenAiCompletions:
      return !may_have_member(data, "\"usage\"") && !may_have_member(data, "\"tool_calls\"") &&
             !may_have_member(data, "\"error\"");
    case Dialect::kAnthropicMessages:
      return data.substr(0, 48).find("\"content_block_delta\"") != std::string_view::npos;
    case Dialect::kOpenAiResponses:
      return data.substr(0, 96).find(".delta\"") != std::string_view::npos;
    default:
      return false;
  }
}

EventMarks AnswerReader::event(std::string_view data, JsonScratch& scratch) {
  EventMarks marks;
  if (data.empty()) return marks;
  if (data == "[DONE]") {
    ended_ = marks.end = true;
    return marks;
  }
  if (may_skip(data)) return marks;
  auto& state = scratch.state();
  try {
    json::document document = state.parser.iterate(state.padded(data));
    if (document.type() == json::json_type::object) {
      marks = AnswerVisitor(*this).document(document.get_object());
    }
  } catch (const simdjson::simdjson_error&) {
    ++unparsable_;
  }
  state.release();
  content_seen_ = content_seen_ || marks.content;
  ended_ = ended_ || marks.end;
  return marks;
}

void AnswerReader::body(std::string_view text, JsonScratch& scratch) {
  auto& state = scratch.state();
  try {
    json::document document = state.parser.iterate(state.padded(text));
    if (document.type() == json::json_type::object) {
      static_cast<void>(AnswerVisitor(*this).document(document.get_object()));
    } else if (dialect_ == Dialect::kGemini && document.type() == json::json_type::array) {
      // ":streamGenerateContent" without alt=sse is one array of chunks.
      for (auto element : document.get_array()) {
        json::value chunk = element.value();
        if (is_object(chunk)) {
          static_cast<void>(AnswerVisitor(*this).document(chunk.get_object()));
        }
      }
    }
  } catch (const simdjson::simdjson_error&) {
    ++unparsable_;
  }
  state.release();
  ended_ = true;
}

void AnswerReader::error_body(std::string_view text, JsonScratch& scratch) {
  body(text, scratch);
  usage_.clear();
}

Tokens AnswerReader::tokens() const { return usage_.settle(shape_of(dialect_)); }

std::int64_t AnswerReader::tool_calls() const {
  return std::accumulate(calls_by_choice_.begin(), calls_by_choice_.end(), calls_);
}

}  // namespace sightglass::gateway
