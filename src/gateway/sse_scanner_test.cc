#include "gateway/sse_scanner.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/random.h"

namespace sightglass::gateway {
namespace {

using Events = std::vector<std::string>;

// Feeds `stream` cut at `cuts`; the events' data, those without any left out.
Events events(std::string_view stream, const std::vector<std::size_t>& cuts = {},
              std::size_t bound = 1 << 20) {
  SseScanner scanner(bound);
  Events out;
  std::size_t begin = 0;
  const auto feed = [&](std::size_t end) {
    // A copy of its own, so that a view outliving its read is caught by the sanitizer.
    const std::string read(stream.substr(begin, end - begin));
    std::string_view in = read;
    std::string_view data;
    while (scanner.next(in, data)) {
      if (!data.empty()) out.emplace_back(data);
    }
    EXPECT_TRUE(in.empty());
    begin = end;
  };
  for (const auto cut : cuts) feed(cut);
  feed(stream.size());
  return out;
}

// The standard's algorithm, naively: lines first, then fields.
Events oracle(std::string_view stream) {
  std::string text(stream);
  if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
  std::vector<std::string> lines{""};
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') ++i;
    if (text[i] == '\r' || text[i] == '\n') {
      lines.emplace_back();
    } else {
      lines.back() += text[i];
    }
  }
  lines.pop_back();  // an unfinished line
  Events out;
  std::string data;
  bool any = false;
  for (const auto& line : lines) {
    if (line.empty()) {
      if (any && !data.empty()) out.push_back(data);
      data.clear();
      any = false;
      continue;
    }
    const auto colon = line.find(':');
    if (line.substr(0, colon) != "data") continue;
    std::string value = colon == std::string::npos ? "" : line.substr(colon + 1);
    if (value.starts_with(' ')) value.erase(0, 1);
    if (any) data += '\n';
    data += value;
    any = true;
  }
  return out;
}

TEST(SseScanner, FindsEventsInEveryLineEnding) {
  const Events expected{"a", "b"};
  EXPECT_EQ(events("data: a\n\ndata: b\n\n"), expected);
  EXPECT_EQ(events("data: a\r\n\r\ndata: b\r\n\r\n"), expected);
  EXPECT_EQ(events("data: a\r\rdata: b\r\r"), expected);
  EXPECT_EQ(events("data:a\r\n\ndata:b\n\r\n"), expected);
}

TEST(SseScanner, JoinsDataLinesAndPassesOverTheRest) {
  EXPECT_EQ(events(": ping\n\nevent: x\nid: 7\ndata: a\ndata:\ndata:  b\nretry: 3\n\n"),
            Events{"a\n\n b"});
  EXPECT_EQ(events("data\ndata: x\n\n"), Events{"\nx"});
  EXPECT_EQ(events("database: x\n\n"), Events{});
  EXPECT_EQ(events("\xEF\xBB\xBF"
                   "data: x\n\n"),
            Events{"x"});
}

TEST(SseScanner, DispatchesNothingUnfinished) { EXPECT_EQ(events("data: a\n"), Events{}); }

TEST(SseScanner, GivesTheSameEventsHoweverTheBytesAreCut) {
  const std::string stream =
      "data: first\r\n\r\n: comment\r\rdata: {\"a\":1}\ndata: more\n\nevent: e\ndata:x\r\n\ndata: "
      "z\n\n";
  const auto expected = oracle(stream);
  ASSERT_EQ(expected.size(), 4u);
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    EXPECT_EQ(events(stream, {cut}), expected) << cut;
  }
  std::vector<std::size_t> bytes;
  for (std::size_t i = 1; i < stream.size(); ++i) bytes.push_back(i);
  EXPECT_EQ(events(stream, bytes), expected);
}

TEST(SseScanner, AgreesWithTheStandardsAlgorithmOnRandomStreams) {
  SeededRandom random(3);
  constexpr std::string_view kAlphabet[] = {"data: ", "data:",      "\n",       "\r\n", "\r",
                                            "x",      ":",          "da",       "ta",   "\n\n",
                                            " ",      "event: e\n", "{\"k\":1}"};
  for (int round = 0; round < 3000; ++round) {
    std::string stream;
    for (auto n = random.below(30); n > 0; --n) {
      stream += kAlphabet[random.below(std::size(kAlphabet))];
    }
    std::vector<std::size_t> cuts;
    for (std::size_t at = random.below(6); at < stream.size(); at += 1 + random.below(8)) {
      cuts.push_back(at);
    }
    // A CR at the very end may yet become CRLF, which changes nothing for what follows.
    ASSERT_EQ(events(stream, cuts), oracle(stream)) << stream;
  }
}

TEST(SseScanner, DropsAnEventPastItsBoundAndGoesOn) {
  SseScanner scanner(100);
  const std::string stream = "data: " + std::string(500, 'x') + "\n\ndata: ok\n\n";
  std::string_view in = stream;
  std::string_view data = "?";
  ASSERT_TRUE(scanner.next(in, data));
  EXPECT_EQ(data, "");
  EXPECT_EQ(scanner.oversized(), 1u);
  ASSERT_TRUE(scanner.next(in, data));
  EXPECT_EQ(data, "ok");
  std::vector<std::size_t> cuts;
  for (std::size_t i = 7; i < stream.size(); i += 7) cuts.push_back(i);
  EXPECT_EQ(events(stream, cuts, 100), Events{"ok"});
  const std::string lines =
      "data: " + std::string(60, 'x') + "\ndata: " + std::string(60, 'y') + "\n\ndata: ok\n\n";
  EXPECT_EQ(events(lines, {}, 100), Events{"ok"});
}

}  // namespace
}  // namespace sightglass::gateway
