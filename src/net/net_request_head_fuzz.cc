// Request heads: no crash, views inside the input, and the same verdict however it is split.
// Parser: net/http1.cc:request|read_target|find_end|read_field|read_content_length
// net/http1.cc:check_framing|skip_field_value|read_version
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "net/http1.h"

namespace {

using sightglass::net::HeadParser;
using sightglass::net::ParseState;
using sightglass::net::RequestHead;

void require(bool condition) {
  if (!condition) std::abort();
}

struct Verdict {
  ParseState state = ParseState::kNeedMore;
  sightglass::net::ParseError error{};
  std::size_t consumed = 0;
  std::string text;
  bool operator==(const Verdict&) const = default;
};

bool inside(std::string_view view, std::string_view in) {
  return view.empty() || view == "/" ||
         (view.data() >= in.data() && view.data() + view.size() <= in.data() + in.size());
}

// Gives a copy of each prefix in `lengths`, on the heap and exact, so that sanitizers see every
// read past it.
Verdict parse(std::string_view whole, const std::vector<std::size_t>& lengths) {
  HeadParser parser({.line_bytes = 200, .head_bytes = 600, .fields = 12});
  Verdict out;
  for (const auto length : lengths) {
    const std::vector<char> given(whole.begin(), whole.begin() + static_cast<long>(length));
    const std::string_view in(given.data(), given.size());
    RequestHead head;
    out.state = parser.request(in, head, out.consumed);
    out.error = parser.error();
    if (out.state == ParseState::kNeedMore) continue;
    if (out.state == ParseState::kBad) break;
    require(out.consumed <= in.size());
    for (const auto view : {head.method, head.target, head.path, head.query}) {
      require(inside(view, in));
      out.text.append(view).push_back('\n');
    }
    for (const auto& [name, value] : head.headers.all) {
      require(inside(name, in) && inside(value, in) && !name.empty());
      require(value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos);
      out.text.append(name).append(": ").append(value).push_back('\n');
    }
    out.text += static_cast<char>('0' + static_cast<int>(head.body));
    out.text += std::to_string(head.content_length);
    out.text += head.keep_alive ? 'k' : 'c';
    break;
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // The first byte chooses a split; the rest is the message.
  if (size < 1 || size > 2000) return 0;
  const std::string_view whole(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto verdict = parse(whole, {whole.size()});
  const std::size_t split = whole.empty() ? 0 : data[0] * whole.size() / 255;
  require(parse(whole, {split, whole.size()}) == verdict);
  std::vector<std::size_t> bytewise;
  for (std::size_t i = 0; i <= whole.size(); ++i) bytewise.push_back(i);
  require(parse(whole, bytewise) == verdict);
  return 0;
}
