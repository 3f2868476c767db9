// Where a run of bytes of a source is cut, so that only whole lines are sent.
#pragma once

#include <cstdint>
#include <string_view>

namespace sightglass::follow {

// Past this a line is no event any more: it is sent cut short, refused as such, and the rest of it
// passed over.
inline constexpr std::size_t kMaxLineBytes = (1u << 20) + 1;

enum class Ends : std::uint8_t {
  kMayGo,   // an unfinished last line may still be finished: it waits
  kIsOver,  // there is nothing behind these bytes
};

struct Cut {
  std::size_t bytes = 0;  // of the source that this takes; 0: wait for more
  std::string_view body;  // what of them is to be read
  bool in_line = false;   // the next byte is within a line whose beginning was sent
};
// `in_line`: the first byte is. Takes at most `most` bytes, unless a single line is longer.
Cut cut_lines(std::string_view bytes, bool in_line, Ends ends, std::size_t most);

}  // namespace sightglass::follow
