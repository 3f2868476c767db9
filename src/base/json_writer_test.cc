#include "base/json_writer.h"

#include <gtest/gtest.h>

#include <limits>

namespace sightglass {
namespace {

std::string json_string(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

TEST(JsonWriter, SetsCommasBetweenMembersAndElements) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("a").integer(1).key("b").begin_array().number(0.5).null().end_array();
  json.key("c").begin_object().end_object().key("d").boolean(true).end_object();
  EXPECT_EQ(out, R"({"a":1,"b":[0.5,null],"c":{},"d":true})");
}

TEST(JsonWriter, EscapesWhatMustBeEscapedAndNothingElse) {
  EXPECT_EQ(json_string("a\"b\\c\n\x01/"), R"("a\"b\\c\n\u0001/")");
  EXPECT_EQ(json_string("caf\xC3\xA9 \xF0\x9F\x98\x80"), "\"caf\xC3\xA9 \xF0\x9F\x98\x80\"");
}

TEST(JsonWriter, ThePlainPrefixEndsAtTheFirstByteThatNeedsCareWhereverItStands) {
  for (int c = 0; c < 256; ++c) {
    const bool plain = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
    for (std::size_t at = 0; at < 20; ++at) {
      std::string text(20, 'a');
      text[at] = static_cast<char>(c);
      EXPECT_EQ(json_plain_prefix(text), plain ? text.size() : at) << c << " at " << at;
    }
  }
}

TEST(JsonWriter, ReplacesMalformedUtf8) {
  EXPECT_EQ(json_string("a\xFF"
                        "b"),
            "\"a\xEF\xBF\xBD"
            "b\"");
  EXPECT_EQ(json_string("\xC3"), "\"\xEF\xBF\xBD\"");                                  // cut short
  EXPECT_EQ(json_string("\xC0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");                  // overlong
  EXPECT_EQ(json_string("\xED\xA0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");  // surrogate
}

TEST(JsonWriter, WritesDecimalsWithoutRounding) {
  const auto decimal = [](std::int64_t value, int digits) {
    std::string out;
    append_decimal(out, value, digits);
    return out;
  };
  EXPECT_EQ(decimal(25'500'000'000, 9), "25.5");
  EXPECT_EQ(decimal(1, 9), "0.000000001");
  EXPECT_EQ(decimal(-1'500, 3), "-1.5");
  EXPECT_EQ(decimal(0, 9), "0");
  EXPECT_EQ(decimal(std::numeric_limits<std::int64_t>::min(), 0), "-9223372036854775808");
}

TEST(JsonWriter, WritesIsoTimes) {
  const auto iso = [](std::int64_t ns, int digits) {
    std::string out;
    append_iso8601(out, ns, digits);
    return out;
  };
  EXPECT_EQ(iso(0, 0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(iso(1'755'611'952'345'000'000, 3), "2025-08-19T13:59:12.345Z");
  EXPECT_EQ(iso(951'782'399'999'999'999, 9), "2000-02-28T23:59:59.999999999Z");
  EXPECT_EQ(iso(951'782'400'000'000'000, 0), "2000-02-29T00:00:00Z");
  EXPECT_EQ(iso(-1, 3), "1969-12-31T23:59:59.999Z");
}

}  // namespace
}  // namespace sightglass
