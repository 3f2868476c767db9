#include <gtest/gtest.h>

#include <string>

#include "net/http1.h"

namespace sightglass::net {
namespace {

struct Decoded {
  std::string content;
  std::size_t left = 0;  // what came behind the body
  bool complete = false;
  bool failed = false;
  bool operator==(const Decoded&) const = default;
};

void feed(BodyDecoder& decoder, std::string_view in, Decoded& out) {
  while (!in.empty()) {
    const auto content = decoder.next(in);
    if (content.empty()) break;
    out.content += content;
  }
  out.left += in.size();
}

// Decodes in pieces cut before `first` and `second`.
Decoded decode(const std::string& text, BodyKind kind, std::uint64_t length, std::size_t first,
               std::size_t second) {
  BodyDecoder decoder;
  decoder.start(kind, length);
  Decoded out;
  feed(decoder, std::string_view(text).substr(0, first), out);
  feed(decoder, std::string_view(text).substr(first, second - first), out);
  feed(decoder, std::string_view(text).substr(second), out);
  out.complete = decoder.complete();
  out.failed = decoder.failed();
  if (out.failed) out.left = 0;  // meaningless: where it failed is not promised
  return out;
}

Decoded everyhow(const std::string& text, BodyKind kind, std::uint64_t length = 0) {
  const auto whole = decode(text, kind, length, text.size(), text.size());
  for (std::size_t i = 0; i <= text.size(); ++i) {
    for (std::size_t j = i; j <= text.size(); ++j) {
      EXPECT_EQ(decode(text, kind, length, i, j), whole) << i << ", " << j;
    }
  }
  return whole;
}

Decoded chunked(const std::string& text) { return everyhow(text, BodyKind::kChunked); }

bool refused(const std::string& text) { return chunked(text).failed; }

TEST(BodyDecoder, WithoutBodyIsCompleteAtOnce) {
  EXPECT_EQ(everyhow("GET", BodyKind::kNone), (Decoded{"", 3, true, false}));
  EXPECT_EQ(everyhow("GET", BodyKind::kLength, 0), (Decoded{"", 3, true, false}));
}

TEST(BodyDecoder, TakesExactlyTheLength) {
  EXPECT_EQ(everyhow("hello, world", BodyKind::kLength, 5), (Decoded{"hello", 7, true, false}));
  EXPECT_EQ(everyhow("hel", BodyKind::kLength, 5), (Decoded{"hel", 0, false, false}));
}

TEST(BodyDecoder, UntilCloseEndsWithTheInput) {
  BodyDecoder decoder;
  decoder.start(BodyKind::kUntilClose, 0);
  Decoded out;
  feed(decoder, "anything\r\n0\r\n\r\n", out);
  EXPECT_EQ(out.content, "anything\r\n0\r\n\r\n");
  EXPECT_FALSE(decoder.complete());
  decoder.end_of_input();
  EXPECT_TRUE(decoder.complete());
}

TEST(BodyDecoder, InputThatEndsEarlyFails) {
  for (const auto kind : {BodyKind::kLength, BodyKind::kChunked}) {
    BodyDecoder decoder;
    decoder.start(kind, 9);
    decoder.end_of_input();
    EXPECT_TRUE(decoder.failed());
    EXPECT_FALSE(decoder.complete());
  }
  BodyDecoder whole;
  whole.start(BodyKind::kNone, 0);
  whole.end_of_input();
  EXPECT_TRUE(whole.complete());
}

TEST(BodyDecoder, TakesChunkFramingOff) {
  EXPECT_EQ(chunked("5\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\nGET"),
            (Decoded{"hello0123456789", 3, true, false}));
  EXPECT_EQ(chunked("0\r\n\r\n"), (Decoded{"", 0, true, false}));
  EXPECT_EQ(chunked("00002\r\nab\r\n000\r\n\r\n"), (Decoded{"ab", 0, true, false}));
  EXPECT_EQ(chunked("2\r\n\r\n\r\n0\r\n\r\n"), (Decoded{"\r\n", 0, true, false}));
}

TEST(BodyDecoder, SkipsExtensions) {
  EXPECT_EQ(chunked("2;a\r\nab\r\n0;b=c;d=\"e\\\";\"\r\n\r\n"), (Decoded{"ab", 0, true, false}));
}

TEST(BodyDecoder, DropsTrailers) {
  EXPECT_EQ(chunked("1\r\na\r\n0\r\nX-Sum: 1\r\nY:\r\n\r\nZ"), (Decoded{"a", 1, true, false}));
}

TEST(BodyDecoder, RefusesMalformedChunks) {
  using namespace std::string_literals;
  for (const auto& text : {"\r\n"s,           "g\r\n"s,
                           "-1\r\n"s,         "+1\r\n"s,
                           "0x1\r\n"s,        " 1\r\n"s,
                           "1 \r\na"s,        "1\na"s,
                           "1\r\r"s,          "1\r\nab\r\n"s,
                           "1\r\na\n"s,       "1\r\na\r\r"s,
                           "1\r\na\r\n\r\n"s, "1;\r\na"s,
                           "1;=b\r\n"s,       "1;a=\r\n"s,
                           "1;a\n"s,          "1;a=\"\x01\"\r\n"s,
                           "1;a=\"\\\r\n"s,   "1;a=\"b\"c\r\n"s,
                           "1; a\r\n"s,       "1;a\0\r\n"s,
                           "0\r\nX\r\n\r\n"s, "0\r\n: 1\r\n"s,
                           "0\r\n X: 1\r\n"s, "0\r\nX : 1\r\n"s,
                           "0\r\nX: 1\n"s,    "0\r\nX: \x01\r\n"s,
                           "0\r\nX: a\rb"s,   "0\r\n\rX"s,
                           "0\r\n\n"s}) {
    EXPECT_TRUE(refused(text)) << text;
  }
}

TEST(BodyDecoder, TakesSixteenDigitsOfSizeAndNoMore) {
  BodyDecoder decoder;
  decoder.start(BodyKind::kChunked, 0);
  std::string_view in = "ffffffffffffffff\r\nabc";
  EXPECT_EQ(decoder.next(in), "abc");
  EXPECT_TRUE(refused("00000000000000001\r\na"));
}

TEST(BodyDecoder, BoundsExtensionsPerChunkAndTrailersInAll) {
  const auto decoded = [](const std::string& text) {
    return decode(text, BodyKind::kChunked, 0, text.size(), text.size());
  };
  // 1 KiB between the semicolon and the line's end, its CR included.
  const std::string longest = "1;" + std::string(1023, 'e') + "\r\na\r\n";
  EXPECT_TRUE(decoded(longest + longest + "0\r\n\r\n").complete);
  EXPECT_TRUE(decoded("1;" + std::string(1024, 'e') + "\r\na\r\n").failed);
  std::string line = "T:" + std::string(1021, 't') + "\r\n";  // 1024 counted bytes
  std::string trailers;
  for (int i = 0; i < 8; ++i) trailers += line;
  EXPECT_TRUE(decoded("0\r\n" + trailers + "\r\n").complete);
  EXPECT_TRUE(decoded("0\r\n" + trailers + "U:\r\n\r\n").failed);
}

TEST(BodyDecoder, ServesOneBodyAfterAnother) {
  BodyDecoder decoder;
  for (int i = 0; i < 2; ++i) {
    decoder.start(BodyKind::kChunked, 0);
    Decoded out;
    feed(decoder, "3;x=y\r\nabc\r\n0\r\nT: 1\r\n\r\n", out);
    EXPECT_EQ(out.content, "abc");
    EXPECT_TRUE(decoder.complete());
  }
}

}  // namespace
}  // namespace sightglass::net
