// The small parts of `base` that have no file of their own to test.
#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/random.h"
#include "base/text.h"

namespace sightglass {
namespace {

TEST(Crc32c, AgreesWithRfc3720) {
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62A8AB43u);
}

TEST(Crc32c, ContinuesOverParts) {
  const std::string text = "the quick brown fox jumps over the lazy dog";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    EXPECT_EQ(crc32c(Bytes(text).substr(cut), crc32c(Bytes(text).substr(0, cut))), crc32c(text));
  }
}

TEST(Bytes, ReadsBackWhatWasWritten) {
  std::string out;
  ByteWriter w(out);
  w.u8(7);
  w.varint(300);
  w.zigzag(-5);
  w.zigzag(INT64_MIN);
  w.f64(1.5);
  w.string("hello");
  ByteReader r(out);
  EXPECT_EQ(r.u8(), 7);
  EXPECT_EQ(r.varint(), 300u);
  EXPECT_EQ(r.zigzag(), -5);
  EXPECT_EQ(r.zigzag(), INT64_MIN);
  EXPECT_EQ(r.f64(), 1.5);
  EXPECT_EQ(r.string(), "hello");
  EXPECT_TRUE(r.ok() && r.empty());
}

TEST(Bytes, RefusesToReadPastTheEnd) {
  ByteReader r("\xff\xff");
  r.varint();
  EXPECT_FALSE(r.ok());
  ByteReader s(
      "\x05"
      "abc");
  EXPECT_EQ(s.string(), "");
  EXPECT_FALSE(s.ok());
  EXPECT_EQ(s.u64(), 0u);
}

TEST(Text, GlobMatchesTheWholeTextAndIgnoresCaseWhenAsked) {
  EXPECT_TRUE(glob_match("OPEN*", "openai", true));
  EXPECT_FALSE(glob_match("OPEN*", "openai", false));
  EXPECT_FALSE(glob_match("gpt", "gpt-4o", true));
  EXPECT_TRUE(glob_match("gpt-?o*", "gpt-4o-mini", true));
  EXPECT_TRUE(glob_match("gpt-[0-9]*", "gpt-4o", true));
  EXPECT_FALSE(glob_match("gpt-[!0-9]*", "gpt-4o", true));
  EXPECT_TRUE(glob_match("*a*b*", "xxaxxbxx", true));
  EXPECT_TRUE(glob_match("[", "[", true));
  EXPECT_TRUE(glob_match("*", "", true));
}

TEST(Text, NearestSuggestsTyposAndNothingFarOff) {
  const std::string_view keys[] = {"listen", "journal", "providers"};
  EXPECT_EQ(nearest("lisen", keys, 3), "listen");
  EXPECT_EQ(nearest("provider", keys, 3), "providers");
  EXPECT_EQ(nearest("zzz", keys, 3), std::nullopt);
}

TEST(Random, MakesVersion4Uuids) {
  SystemRandom random;
  const auto id = make_uuid4(random);
  EXPECT_TRUE(is_request_id(id)) << id;
  EXPECT_EQ(id[14], '4');
  EXPECT_NE(id, make_uuid4(random));
}

TEST(Random, TakesUuidUlidAndHexAsRequestIds) {
  EXPECT_TRUE(is_request_id("b7c1a5f9-2b2e-4ac6-9f0d-9f6d2e0b7a6e"));
  EXPECT_TRUE(is_request_id("01ARZ3NDEKTSV4RRFFQ69G5FAV"));
  EXPECT_TRUE(is_request_id("deadbeef"));
  EXPECT_FALSE(is_request_id("deadbee"));
  EXPECT_FALSE(is_request_id("my prompt about secrets"));
  EXPECT_FALSE(is_request_id("b7c1a5f9-2b2e-4ac6-9f0d_9f6d2e0b7a6e"));
}

}  // namespace
}  // namespace sightglass
