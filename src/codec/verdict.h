// What became of one foreign record; a closed list, since the names are labels and are answered.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sightglass::codec {

enum class Verdict : std::uint8_t {
  kAccepted,
  kBadJson,      // not JSON
  kTruncated,    // JSON that ends too early
  kBadUtf8,      // not UTF-8
  kNulByte,      // a NUL byte in the line
  kTooDeep,      // nested deeper than kMaxDepth
  kTooLong,      // longer than kMaxRecordBytes
  kNumberRange,  // a number that no double holds
  kNotAnObject,  // JSON, but no object
  kNotAnEvent,   // a text line in no known form
  kFutureTime,   // its time is more than an hour ahead
  kAncientTime,  // its time is before the year 2000
  kExpired,      // has an event_id, and is older than the window in which doubles are told
};
inline constexpr std::size_t kVerdicts = static_cast<std::size_t>(Verdict::kExpired) + 1;

std::string_view verdict_name(Verdict verdict);  // "accepted", "bad_json", …

}  // namespace sightglass::codec
