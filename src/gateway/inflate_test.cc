#include "gateway/inflate.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <string>

#include "base/random.h"

namespace sightglass::gateway {
namespace {

std::string deflated(std::string_view text, int window) {
  z_stream z{};
  EXPECT_EQ(deflateInit2(&z, 6, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&z, text.size()) + 64, '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}
constexpr int kGzip = 31;

std::string random_text(std::size_t size) {
  SeededRandom random(5);
  std::string out;
  while (out.size() < size) out += "word" + std::to_string(random.below(1000)) + " ";
  return out;
}

std::string inflated(std::string_view in, ContentCoding coding, std::size_t step,
                     InflateState expected = InflateState::kGood) {
  Inflater inflater;
  inflater.start(coding);
  std::string out;
  for (std::size_t i = 0; i < in.size(); i += step) inflater.feed(in.substr(i, step), out);
  EXPECT_EQ(inflater.state(), expected);
  return out;
}

TEST(Inflater, ReadsGzipAndBothMeaningsOfDeflateInAnyPieces) {
  const auto text = random_text(300'000);
  for (const std::size_t step : {std::size_t{1}, std::size_t{7}, std::size_t{4096}, text.size()}) {
    EXPECT_EQ(inflated(deflated(text, kGzip), ContentCoding::kGzip, step), text);
    EXPECT_EQ(inflated(deflated(text, 15), ContentCoding::kDeflate, step), text);
  }
  EXPECT_EQ(inflated(deflated(text, -15), ContentCoding::kDeflate, text.size()), text);
  EXPECT_EQ(inflated(text, ContentCoding::kIdentity, 1000), text);
}

TEST(Inflater, ReadsSeveralGzipMembersAndIgnoresPadding) {
  const auto two = deflated("one ", kGzip) + deflated("two", kGzip) + std::string(3, '\0');
  EXPECT_EQ(inflated(two, ContentCoding::kGzip, 5), "one two");
}

TEST(Inflater, GivesOutEveryFlushedByteAtOnce) {
  z_stream z{};
  ASSERT_EQ(deflateInit2(&z, 6, Z_DEFLATED, kGzip, 8, Z_DEFAULT_STRATEGY), Z_OK);
  Inflater inflater;
  inflater.start(ContentCoding::kGzip);
  for (const std::string piece : {"data: 1\n\n", "data: 2\n\n"}) {
    char buffer[256];
    z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
    z.avail_in = static_cast<uInt>(piece.size());
    z.next_out = reinterpret_cast<Bytef*>(buffer);
    z.avail_out = sizeof buffer;
    ASSERT_EQ(deflate(&z, Z_SYNC_FLUSH), Z_OK);
    std::string out;
    inflater.feed({buffer, sizeof buffer - z.avail_out}, out);
    EXPECT_EQ(out, piece);
  }
  deflateEnd(&z);
}

TEST(Inflater, StopsAtABomb) {
  const std::string zeros(80u << 20, '0');
  const auto bomb = deflated(zeros, kGzip);  // about 1000:1
  const auto out = inflated(bomb, ContentCoding::kGzip, 1024, InflateState::kTooLarge);
  EXPECT_LT(out.size(), Inflater::kRatioFreeBytes + (2u << 20));
}

TEST(Inflater, SaysWhenBytesAreNotWhatTheFieldSaid) {
  inflated("this is plain text, not gzip", ContentCoding::kGzip, 3, InflateState::kMalformed);
  inflated("\xff\xff\xff\xff plain", ContentCoding::kDeflate, 20, InflateState::kMalformed);
  inflated("whatever", ContentCoding::kOther, 3, InflateState::kMalformed);
}

TEST(ContentCoding, KnowsTheNamesThatWeOffer) {
  EXPECT_EQ(content_coding(""), ContentCoding::kIdentity);
  EXPECT_EQ(content_coding("GZIP"), ContentCoding::kGzip);
  EXPECT_EQ(content_coding(" deflate "), ContentCoding::kDeflate);
  EXPECT_EQ(content_coding("br"), ContentCoding::kOther);
  EXPECT_EQ(content_coding("gzip, br"), ContentCoding::kOther);
}

}  // namespace
}  // namespace sightglass::gateway
