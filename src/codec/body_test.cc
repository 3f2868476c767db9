// Bodies: codings within their bounds, and how they are cut into records.
#include "codec/body.h"

#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <vector>

namespace sightglass::codec {
namespace {

std::string gzip(const std::string& text) {
  z_stream z{};
  EXPECT_EQ(deflateInit2(&z, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&z, text.size()) + 64, '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
  out.resize(out.size() - z.avail_out);
  deflateEnd(&z);
  return out;
}

std::string zstd(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

// Hard to press together, so that the ratio stays within its bound.
std::string noise(std::size_t size) {
  std::string out;
  std::uint64_t x = 88172645463325252ull;
  while (out.size() < size) {
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    out += std::to_string(x);
  }
  return out;
}

Inflated undo(Coding coding, const std::string& in, std::string& out) {
  out.clear();
  return inflate(coding, in, out, [](std::size_t) { return true; });
}

TEST(Body, GzipAndZstdGiveBackWhatWentIn) {
  const auto text = noise(3'000'000);
  std::string out;
  EXPECT_EQ(undo(Coding::kGzip, gzip(text), out), Inflated::kDone);
  EXPECT_EQ(out, text);
  EXPECT_EQ(undo(Coding::kZstd, zstd(text), out), Inflated::kDone);
  EXPECT_EQ(out, text);
  EXPECT_EQ(undo(Coding::kGzip, gzip("a") + gzip("b"), out), Inflated::kDone);
  EXPECT_EQ(out, "ab") << "several members are one text";
  EXPECT_EQ(undo(Coding::kZstd, zstd("a") + zstd("b"), out), Inflated::kDone);
  EXPECT_EQ(out, "ab") << "several frames likewise";
  EXPECT_EQ(undo(Coding::kGzip, gzip(""), out), Inflated::kDone);
  EXPECT_EQ(out, "");
}

TEST(Body, WhatIsCutShortOrDamagedIsMalformed) {
  const auto text = noise(100'000);
  std::string out;
  for (const auto coding : {Coding::kGzip, Coding::kZstd}) {
    const auto whole = coding == Coding::kGzip ? gzip(text) : zstd(text);
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{3}, whole.size() / 2, whole.size() - 1}) {
      EXPECT_EQ(undo(coding, whole.substr(0, size), out), Inflated::kMalformed) << size;
    }
    EXPECT_EQ(undo(coding, "not compressed at all", out), Inflated::kMalformed);
    EXPECT_EQ(undo(coding, whole + "garbage behind", out), Inflated::kMalformed);
  }
  EXPECT_EQ(undo(Coding::kUnknown, "x", out), Inflated::kMalformed);
}

// security.md: 64 MiB and 100:1.
TEST(Body, ABombIsStoppedBeforeItUnfolds) {
  const std::string zeros(80u << 20, '0');
  std::string out;
  EXPECT_EQ(undo(Coding::kGzip, gzip(zeros), out), Inflated::kTooLarge);
  EXPECT_LE(out.size(), kMaxInflatedBytes + (1u << 20));
  EXPECT_EQ(undo(Coding::kZstd, zstd(zeros), out), Inflated::kTooLarge);
  EXPECT_LE(out.size(), 3u << 20) << "by its ratio, long before the size";
}

TEST(Body, InflatingAsksForRoom) {
  std::string out;
  std::size_t asked = 0;
  EXPECT_EQ(inflate(Coding::kGzip, gzip(noise(1'000'000)), out,
                    [&](std::size_t bytes) { return (asked += bytes) <= 200'000; }),
            Inflated::kNoRoom);
  EXPECT_LE(out.size(), 200'000u);
}

TEST(Body, CodingsAreNamedAsInTheField) {
  EXPECT_EQ(content_coding(""), Coding::kIdentity);
  EXPECT_EQ(content_coding("identity"), Coding::kIdentity);
  EXPECT_EQ(content_coding(" GZip "), Coding::kGzip);
  EXPECT_EQ(content_coding("x-gzip"), Coding::kGzip);
  EXPECT_EQ(content_coding("zstd"), Coding::kZstd);
  EXPECT_EQ(content_coding("br"), Coding::kUnknown);
  EXPECT_EQ(content_coding("gzip, gzip"), Coding::kUnknown);
}

using Records = std::vector<std::pair<std::uint64_t, std::string>>;

TEST(LineCutter, GivesNonBlankLinesWithTheirNumbers) {
  LineCutter cutter("one\r\n\n  two  \n\t\nthree");
  Records got;
  RawRecord record;
  while (cutter.next(record)) got.emplace_back(record.line, record.text);
  EXPECT_EQ(got, (Records{{1, "one"}, {3, "two"}, {5, "three"}}));
}

Records elements(std::string_view text, bool& broken) {
  ArrayCutter cutter(text);
  Records got;
  RawRecord record;
  while (cutter.next(record)) got.emplace_back(record.line, record.text);
  broken = cutter.broken();
  return got;
}

TEST(ArrayCutter, FindsElementsByTheirBracketsAndStrings) {
  bool broken = false;
  EXPECT_EQ(
      elements(R"([ {"a":"]},[{\""} , {"b":[1,[2]]},3 ,"x,y"] )", broken),
      (Records{{1, R"({"a":"]},[{\""})"}, {2, R"({"b":[1,[2]]})"}, {3, "3"}, {4, R"("x,y")"}}));
  EXPECT_FALSE(broken);
  EXPECT_EQ(elements("[]", broken), Records{});
  EXPECT_FALSE(broken);
  EXPECT_EQ(elements("[ \n ]", broken), Records{});
  EXPECT_FALSE(broken);
}

TEST(ArrayCutter, WhatFollowsABreakIsOneRecord) {
  bool broken = false;
  EXPECT_EQ(elements(R"([{"a":1},{"b":2)", broken), (Records{{1, R"({"a":1})"}, {2, R"({"b":2)"}}));
  EXPECT_TRUE(broken);
  EXPECT_EQ(elements(R"([{"a":1}] {"b":2})", broken),
            (Records{{1, R"({"a":1})"}, {2, R"({"b":2})"}}));
  EXPECT_TRUE(broken);
  EXPECT_EQ(elements(R"([{"a":1} {"b":2}])", broken), (Records{{1, R"({"a":1} {"b":2}])"}}));
  EXPECT_TRUE(broken);
  EXPECT_EQ(elements("[,]", broken).size(), 1u);
  EXPECT_TRUE(broken);
  EXPECT_EQ(elements("[", broken).size(), 1u);
  EXPECT_TRUE(broken);
  EXPECT_EQ(elements("[1,", broken).size(), 2u);
  EXPECT_TRUE(broken);
}

}  // namespace
}  // namespace sightglass::codec
