#include "app/simulated_request.h"

#include <simdjson.h>

#include <algorithm>

#include "base/random.h"
#include "base/text.h"

namespace sightglass::app {
namespace {

std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325ull;  // FNV-1a, then mixed
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return SeededRandom(hash).next();
}

std::int64_t count_words(std::string_view text) {
  std::int64_t words = 0;
  bool inside = false;
  for (const char c : text) {
    const bool blank = c == ' ' || c == '\n' || c == '\t' || c == '\r';
    if (!blank && !inside) ++words;
    inside = !blank;
  }
  return words;
}

void read_text(std::string_view text, Asked& asked) {
  if (text.starts_with("sim:")) {
    const auto end = std::min(text.find('\n'), text.size());
    auto line = text.substr(4, end - 4);
    while (!(line = trim(line)).empty()) {
      const auto word = line.substr(0, line.find(' '));
      const auto equals = word.find('=');
      if (equals != std::string_view::npos) {
        asked.directives.values[std::string(word.substr(0, equals))] = word.substr(equals + 1);
      }
      line.remove_prefix(word.size());
    }
    text.remove_prefix(end);  // directives are not part of the prompt
  }
  asked.prompt_words += count_words(text);
}

// Adds the words of every string below `element`: message contents in any of their shapes.
void read_content(simdjson::dom::element element, Asked& asked) {
  std::string_view text;
  simdjson::dom::array array;
  simdjson::dom::object object;
  if (element.get(text) == simdjson::SUCCESS) {
    read_text(text, asked);
  } else if (element.get(array) == simdjson::SUCCESS) {
    for (const auto part : array) read_content(part, asked);
  } else if (element.get(object) == simdjson::SUCCESS) {
    for (const auto field : object) {
      if (field.key == "text" || field.key == "content" || field.key == "input") {
        read_content(field.value, asked);
      }
    }
  }
}

}  // namespace

Result<Asked> read_request(std::string_view body) {
  thread_local simdjson::dom::parser parser;
  const simdjson::padded_string padded(body);
  simdjson::dom::element root;
  if (parser.parse(padded).get(root) != simdjson::SUCCESS || !root.is_object()) {
    return fail(Code::kInvalid, "the body is not a JSON object");
  }
  Asked asked;
  asked.hash = hash_of(body);
  std::string_view model;
  if (root["model"].get(model) != simdjson::SUCCESS) return fail(Code::kInvalid, "no model");
  asked.model = model;
  if (root["stream"].get(asked.stream) != simdjson::SUCCESS) asked.stream = false;
  if (root["stream_options"]["include_usage"].get(asked.include_usage) != simdjson::SUCCESS) {
    asked.include_usage = false;
  }
  for (const char* name : {"max_tokens", "max_completion_tokens", "max_output_tokens"}) {
    std::int64_t value = 0;
    if (root[name].get(value) == simdjson::SUCCESS) asked.max_tokens = value;
  }
  for (const char* name : {"messages", "input", "system"}) {
    simdjson::dom::element element;
    if (root[name].get(element) == simdjson::SUCCESS) read_content(element, asked);
  }
  return asked;
}

std::int64_t Directives::number(std::string_view name, std::int64_t otherwise) const {
  const auto found = values.find(name);
  if (found == values.end()) return otherwise;
  return parse_int(found->second).value_or(otherwise);
}

std::string_view Directives::text(std::string_view name) const {
  const auto found = values.find(name);
  return found == values.end() ? std::string_view{} : std::string_view(found->second);
}

}  // namespace sightglass::app
