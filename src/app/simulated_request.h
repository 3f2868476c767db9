// What a request asks a simulated provider for, whichever dialect it speaks.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sightglass::app {

// The directives of a prompt's first line (see simulated_reply.h).
struct Directives {
  std::map<std::string, std::string, std::less<>> values;
  std::int64_t number(std::string_view name, std::int64_t otherwise) const;
  bool has(std::string_view name) const { return values.contains(name); }
  std::string_view text(std::string_view name) const;  // "" when not given
};

// What the request asks for, whichever dialect.
struct Asked {
  std::string model;
  bool stream = false;
  bool include_usage = false;
  std::int64_t prompt_words = 0;
  std::optional<std::int64_t> max_tokens;
  Directives directives;
  std::uint64_t hash = 0;
};

// Errors: kInvalid when the body is not a JSON object or names no model.
Result<Asked> read_request(std::string_view body);

}  // namespace sightglass::app
