// Redis' answers and questions as bytes: RESP, version 2.
//
// Source: redis.io "Redis serialization protocol specification".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sightglass::redis {

// One answer. `text` of an error is the server's own: its first word says what it is, the rest may
// hold what was sent and goes nowhere.
struct Reply {
  enum class Type : std::uint8_t { kNull, kText, kError, kInteger, kArray };
  Type type = Type::kNull;
  std::string text;
  std::int64_t integer = 0;
  std::vector<Reply> items;

  bool is_text(std::string_view other) const { return type == Type::kText && text == other; }
  friend bool operator==(const Reply&, const Reply&) = default;
};

enum class Parsed : std::uint8_t { kWhole, kNeedMore, kBad };

inline constexpr std::size_t kLongestReply = 8u << 20;
inline constexpr std::size_t kMostItems = 1u << 18;
inline constexpr int kDeepest = 6;

// Reads one answer from the front of `in`; `consumed` is set when it is whole. kBad: not RESP, or
// past the bounds above; nothing that follows can be told apart then.
Parsed parse_reply(std::string_view in, Reply& out, std::size_t& consumed);

// A command as an array of bulk strings.
void append_command(std::string& out, const std::vector<std::string_view>& words);

}  // namespace sightglass::redis
