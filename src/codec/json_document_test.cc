// The fast reader of JSON objects against simdjson's DOM, on lines that are whole and lines that
// were damaged. S3: "duplicate keys, deep nesting, huge numbers, invalid UTF-8, NUL bytes".
#include "codec/json_document.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/random.h"
#include "codec/body.h"
#include "codec/document_oracle.h"
#include "codec/json_reader.h"

namespace sightglass::codec {
namespace {

const std::vector<std::string> kGood = {
    R"({"ts":"2025-08-19T13:59:12.345Z","status":200,"sse":{"firstTokenMs":620,"disconnect":false}})",
    R"({ "event_type" : "stream_completed" , "chunks" : [ 1 , 2.5 , -3e2 , null ] , "ok" : true })",
    R"({"a":{},"b":[],"c":{"d":{"e":[[],[{}]]}},"f":"","":0})",
    R"({"text":"said \"no\" \u0068ung \ud83d\ude00 \\ \/ \b\f\n\r\t up","\u0075ser":"x"})",
    R"({"n":18446744073709551615,"m":-9223372036854775808,"k":9223372036854775807,"z":-0})",
    R"({"x":0.1,"y":123456789.123456789,"w":1e22,"v":5e-324,"u":1.7976931348623157e308,"t":-0.0})",
    R"({"q":4.35,"r":0.000001,"s":9007199254740993,"p":900719925474099.3,"o":1E+2})",
    "{\"caf\xc3\xa9\":\"\xe8\xaa\xad\xe3\x81\xbf\",\"emoji\":\"\xf0\x9f\x98\x80\"}",
    "{}",
};

struct Reading {
  // "" when every line of `text` is read as the DOM reads it, one by one or with a look ahead.
  std::string objection(const std::string& text, bool ahead) {
    std::string padded = text;
    padded.append(kPadding, ' ');
    const std::string_view lines(padded.data(), text.size());
    if (ahead) document.look_ahead(lines);
    LineCutter cutter(lines);
    RawRecord record;
    std::string out;
    while (out.empty() && cutter.next(record)) {
      const bool taken = document.read(record.text);
      taken_lines += taken ? 1 : 0;
      const auto what = oracle.objection(document, taken, record.text);
      if (!what.empty()) out = std::string(what) + ": " + std::string(record.text);
    }
    document.forget_ahead();
    return out;
  }
  JsonDocument document;
  DocumentOracle oracle;
  std::size_t taken_lines = 0;
};

TEST(JsonDocument, ReadsWholeLinesAsTheDomDoes) {
  Reading reading;
  std::string all;
  for (const auto& line : kGood) {
    EXPECT_EQ(reading.objection(line, false), "");
    all += line + "\n";
  }
  EXPECT_EQ(reading.taken_lines, kGood.size());
  EXPECT_EQ(reading.objection(all, true), "");
  EXPECT_EQ(reading.taken_lines, 2 * kGood.size());
}

TEST(JsonDocument, JudgesDamagedLinesAsTheDomDoes) {
  Reading reading;
  SeededRandom random(7);
  const auto below = [&](std::size_t n) {
    std::uint32_t word = 0;
    random.fill(reinterpret_cast<char*>(&word), sizeof word);
    return word % n;
  };
  constexpr std::string_view kBytes = "{}[]:,\"\\ \n\t0123456789-+.eEtrufalsn\x01\x80\xc3\xff";
  for (int i = 0; i < 60'000; ++i) {
    std::string text;
    for (std::size_t n = 1 + below(4); n > 0; --n) {
      auto line = kGood[below(kGood.size())];
      for (std::size_t damages = below(3); damages > 0; --damages) {
        const auto at = below(line.size());
        switch (below(4)) {
          case 0:
            line[at] = kBytes[below(kBytes.size())];
            break;
          case 1:
            line.insert(at, 1, kBytes[below(kBytes.size())]);
            break;
          case 2:
            line.erase(at, 1 + below(3));
            break;
          default:
            line.resize(at);
        }
        if (line.empty()) line = "{";
      }
      text += line + "\n";
    }
    ASSERT_EQ(reading.objection(text, false), "") << text;
    ASSERT_EQ(reading.objection(text, true), "") << text;
  }
  EXPECT_GT(reading.taken_lines, 60'000u) << "too few were whole for this to say much";
}

TEST(JsonDocument, LinesOfManyWindowsAreReadAlike) {
  std::string text;
  for (int i = 0; i < 5'000; ++i) {
    text += kGood[static_cast<std::size_t>(i) % kGood.size()] + "\n";
    if (i % 701 == 0) text += "{\"open\":\"string\n";
    if (i % 907 == 0) text += "{\"long\":\"" + std::string(20'000, 'x') + "\"}\n";
    if (i % 500 == 0) text += "\n  \r\n{\"deep\":[\n{\"broken\":{}\n";
  }
  Reading reading;
  EXPECT_EQ(reading.objection(text, true), "");
  const auto taken = reading.taken_lines;
  EXPECT_EQ(reading.objection(text, false), "");
  EXPECT_EQ(reading.taken_lines, 2 * taken);
  EXPECT_EQ(taken, 5'000u + 6);
}

TEST(JsonDocument, ReadingAnEarlierLineAgainGivesTheSame) {
  std::string text = "{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n";
  const auto size = text.size();
  text.append(kPadding, ' ');
  JsonDocument document;
  document.look_ahead(std::string_view(text).substr(0, size));
  for (const std::size_t line : {2u, 0u, 1u, 1u, 0u, 2u}) {
    ASSERT_TRUE(document.read(std::string_view(text).substr(8 * line, 7)));
    EXPECT_EQ(document.nodes()[1].value.as_int(), static_cast<std::int64_t>(line) + 1);
  }
  document.forget_ahead();
}

}  // namespace
}  // namespace sightglass::codec
