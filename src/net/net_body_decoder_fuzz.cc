// Bodies: no crash, no content out of nowhere, and the same content however they are split.
// Parser: net/body_decoder.cc
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "net/http1.h"

namespace {

using sightglass::net::BodyDecoder;
using sightglass::net::BodyKind;

void require(bool condition) {
  if (!condition) std::abort();
}

struct Decoded {
  std::string content;
  std::size_t behind = 0;
  bool complete = false;
  bool failed = false;
  bool operator==(const Decoded&) const = default;
};

Decoded decode(std::string_view whole, BodyKind kind, std::uint64_t length, std::size_t piece) {
  BodyDecoder decoder;
  decoder.start(kind, length);
  Decoded out;
  while (!whole.empty()) {
    const auto part = whole.substr(0, piece);
    whole.remove_prefix(part.size());
    const std::vector<char> given(part.begin(), part.end());
    std::string_view in(given.data(), given.size());
    while (!in.empty()) {
      const auto before = in.size();
      const auto content = decoder.next(in);
      require(in.size() + content.size() <= before);
      if (content.empty()) break;
      require(content.data() >= given.data() &&
              content.data() + content.size() <= given.data() + given.size());
      out.content += content;
    }
    require(in.empty() || decoder.complete() || decoder.failed());
    out.behind += in.size();
  }
  out.complete = decoder.complete();
  out.failed = decoder.failed();
  require(!(out.complete && out.failed));
  if (out.failed) out.behind = 0;
  decoder.end_of_input();
  require(decoder.complete() != decoder.failed());
  return out;
}

// The body in chunks again, one per byte of content: it must decode to the same.
std::string rechunked(std::string_view content) {
  std::string out;
  char header[18];
  for (const char c : content) {
    out.append(header, sightglass::net::write_chunk_header(1, header));
    out.append(1, c).append("\r\n");
  }
  return out + "0\r\n\r\n";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3 || size > 8192) return 0;
  const auto kind = static_cast<BodyKind>(data[0] % 4);
  const std::uint64_t length = data[1];
  const std::string_view whole(reinterpret_cast<const char*>(data) + 3, size - 3);
  const auto decoded = decode(whole, kind, length, whole.size() + 1);
  require(decode(whole, kind, length, 1) == decoded);
  require(decode(whole, kind, length, 1 + data[2] % 64) == decoded);
  if (kind == BodyKind::kChunked && decoded.complete) {
    require(decode(rechunked(decoded.content), kind, 0, 7).content == decoded.content);
  }
  return 0;
}
