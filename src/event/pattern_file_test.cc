#include "event/pattern_file.h"

#include <gtest/gtest.h>

namespace sightglass::event {
namespace {

std::string listed(std::string_view text) {
  const auto file = parse_pattern_file(text);
  if (!file) return file.error().message;
  std::string out;
  for (const auto& titled : *file) {
    out += std::to_string(titled.line) + " " + titled.title + " | " + titled.pattern.text() + "\n";
  }
  return out;
}

// S0-B03: a block as the seed prints it.
TEST(PatternFile, TakesTheSeedsBlocksAsPrinted) {
  EXPECT_EQ(listed("# Session Creations\n{ $.event_type = \"proxy_session_response\" }\n\n"
                   "# Session Closures\n{ $.event_type = \"proxy_session_closed\" }\n"),
            "2 Session Creations | { $.event_type = \"proxy_session_response\" }\n"
            "5 Session Closures | { $.event_type = \"proxy_session_closed\" }\n");
}

TEST(PatternFile, OfAMarkdownDocumentOnlyFencesCount) {
  EXPECT_EQ(listed("# Guide\n\nSome words.\n\n```\n# One\n{ $.a = 1 }\n```\n\nMore.\n```bash\n"
                   "grep x\n```\n\n```text\n{ $.b = 2 }\r\n```\n"),
            "7 One | { $.a = 1 }\n16 { $.b = 2 } | { $.b = 2 }\n");
}

TEST(PatternFile, PatternsMayGoOnOverLinesAndNeedNoTitle) {
  EXPECT_EQ(listed("{ $.a = 1 ||\n  $.b = 2 }\n[x,\n y]\n# T\n\nERROR -retry\n{ $.c = 3 }"),
            "1 { $.a = 1 || $.b = 2 } | { $.a = 1 || $.b = 2 }\n3 [x, y] | [x, y]\n"
            "7 T | ERROR -retry\n8 { $.c = 3 } | { $.c = 3 }\n");
}

TEST(PatternFile, ErrorsNameLineAndColumn) {
  EXPECT_EQ(listed("# T\n\n{ $.a == 1 }\n"),
            "line 3: column 7: equality is written with one =\n  { $.a == 1 }\n        ^");
  EXPECT_EQ(listed("# only titles\n"), "there is no pattern in the file");
  EXPECT_EQ(listed("```bash\nls\n```\n{ $.a = 1 }"), "there is no pattern in the file");
  EXPECT_EQ(listed("{ $.a = 1\n").substr(0, 6), "line 1");
  std::string many;
  for (int i = 0; i < 4097; ++i) many += "x\n";
  EXPECT_EQ(parse_pattern_file(many).error().code, Code::kTooLarge);
}

}  // namespace
}  // namespace sightglass::event
