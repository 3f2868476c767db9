#include "event/line_plan.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "event/event_test_support.h"
#include "event/literal_finder.h"
#include "event/pattern.h"
#include "event/raw_line.h"

namespace sightglass::event {
namespace {

// A pack whose meters m0, m1, … match by these patterns.
std::shared_ptr<const Catalogue> pack_of(const std::vector<std::string>& patterns) {
  std::string pack =
      "pack: p\nversion: 1\nfields: { n: { kind: int, class: count } }\nevents: { e: {} }\n"
      "meters:\n";
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    std::string quoted;
    for (const char c : patterns[i]) quoted.append(c == '\'' ? "''" : std::string(1, c));
    pack += "  - { metric: m" + std::to_string(i) + ", type: counter, help: h, match: '" + quoted +
            "' }\n";
  }
  return must_parse(pack);
}

// What a reader of lines and the door do with a line that is no record.
class Lines {
 public:
  explicit Lines(std::vector<std::string> patterns)
      : catalogue_(pack_of(patterns)),
        lines_(LinePlan::compile(*catalogue_)),
        plan_(std::move(*MatchPlan::compile(catalogue_))) {}

  std::vector<MeterId> hits(std::string_view line) {
    Event event;
    lines_->match(line, line_scratch_, event.fields);
    plan_->match(event, scratch_);
    std::vector<MeterId> out;
    for (const auto& hit : event.meters) out.push_back(hit.meter);
    return out;
  }

  std::shared_ptr<const Catalogue> catalogue_;
  std::unique_ptr<LinePlan> lines_;
  std::unique_ptr<MatchPlan> plan_;
  LinePlan::Scratch line_scratch_;
  MatchPlan::Scratch scratch_;
};

using Ids = std::vector<MeterId>;

TEST(LinePlan, LinesReachTheMetersOfPatternsOverText) {
  Lines lines({"[tag = METRIC, user, event = llm_call, ...]", "ERROR -retrying",
               "?timeout ?refused", "{ $.n = 1 }", "[tag=METRIC,user,event=llm_call,...]"});
  EXPECT_EQ(lines.hits("[METRIC] [u] llm_call model=x"), (Ids{0, 4}));
  EXPECT_EQ(lines.hits("[METRIC] [u] other"), Ids());
  EXPECT_EQ(lines.hits("ERROR timeout"), (Ids{1, 2}));
  EXPECT_EQ(lines.hits("ERROR retrying, refused"), Ids{2});
  EXPECT_EQ(lines.hits(""), Ids());
  EXPECT_EQ(lines.catalogue_->match_only().size(), 3u) << "equal patterns share a slot";
  EXPECT_FALSE(lines.catalogue_->match_only()[0].many());
}

TEST(LinePlan, WithoutPatternsOverTextThereIsNothingToRun) {
  Lines lines({"{ $.n = 1 }", "{ $.a[0] = 1 }"});
  EXPECT_TRUE(lines.lines_->empty());
  Event event;
  LinePlan::Scratch scratch;
  lines.lines_->match("anything", scratch, event.fields);
  EXPECT_TRUE(event.fields.empty());
}

TEST(LinePlan, ThePlainEvaluatorReadsTheSameSlot) {
  Lines lines({"ERROR"});
  const auto pattern = std::move(*Pattern::parse(" ERROR "));
  Event event;
  EXPECT_FALSE(pattern.matches(*lines.catalogue_, event));
  event.fields = {{lines.catalogue_->match_only("\"ERROR\""), Value::boolean(true)}};
  EXPECT_TRUE(pattern.matches(*lines.catalogue_, event));
}

std::string word(SeededRandom& random) {
  static constexpr std::string_view kWords[] = {"ab",   "abc",     "bc", "b",   "ca",
                                                "[ab]", "\"a b\"", "12", "1.5", "cab"};
  return std::string(kWords[random.below(std::size(kWords))]);
}

std::string random_pattern(SeededRandom& random) {
  static constexpr std::string_view kValues[] = {"ab", "a*", "\"*b\"", "12", "%b.%", "\"a b\""};
  std::string out;
  if (random.below(2) == 0) {
    const auto rest = random.below(5);
    for (std::uint64_t i = 0, n = 1 + random.below(4); i < n; ++i) {
      out.append(out.empty() ? "[" : ", ");
      if (i == rest) {
        out += "...";
        continue;
      }
      out += "f" + std::to_string(i);
      if (random.below(2) == 0) continue;
      out.append(random.below(3) == 0 ? " != " : " = ");
      out += kValues[random.below(std::size(kValues))];
    }
    return out + "]";
  }
  static constexpr std::string_view kTerms[] = {"ab", "\"a b\"", "c", "%^b%", "1", "cab"};
  static constexpr std::string_view kSigns[] = {"", "", "", "?", "-"};
  for (auto n = 1 + random.below(3); n > 0; --n) {
    out.append(out.empty() ? "" : " ").append(kSigns[random.below(std::size(kSigns))]);
    out += kTerms[random.below(std::size(kTerms))];
  }
  return out;
}

TEST(LinePlan, AgreesWithThePlainEvaluatorOnRandomPatternsAndLines) {
  SeededRandom random(3);
  std::vector<std::string> texts;
  for (int i = 0; i < 300; ++i) texts.push_back(random_pattern(random));
  Lines lines(texts);
  std::vector<Pattern> patterns;
  for (const auto& text : texts) patterns.push_back(std::move(*Pattern::parse(text)));
  RawLine raw;
  std::size_t hits = 0;
  for (int round = 0; round < 1'000; ++round) {
    std::string line;
    for (auto n = random.below(6); n > 0; --n) line += word(random) + " ";
    raw.set(line);
    Ids expected;
    for (std::size_t i = 0; i < patterns.size(); ++i) {
      if (raw.matches(patterns[i])) expected.push_back(static_cast<MeterId>(i));
    }
    ASSERT_EQ(lines.hits(line), expected) << line;
    hits += expected.size();
  }
  EXPECT_GT(hits, 10'000u);
}

TEST(LiteralFinder, FindsWhatASearchFinds) {
  SeededRandom random(9);
  const auto make = [&](std::size_t size) {
    std::string out;
    while (out.size() < size) out += static_cast<char>('a' + random.below(3));
    return out;
  };
  std::size_t found_count = 0;
  for (int round = 0; round < 300; ++round) {
    std::vector<std::string> words;
    for (auto n = 1 + random.below(90); n > 0; --n) words.push_back(make(1 + random.below(8)));
    const LiteralFinder finder(words);
    const auto text = make(random.below(60));
    std::vector<std::uint64_t> found(finder.bit_words(), 0);
    finder.find(text, found.data());
    for (std::size_t i = 0; i < words.size(); ++i) {
      const bool here = ((found[i / 64] >> (i % 64)) & 1) != 0;
      ASSERT_EQ(here, text.find(words[i]) != std::string::npos) << words[i] << " in " << text;
      found_count += here;
    }
  }
  EXPECT_GT(found_count, 1'000u);
}

TEST(LiteralFinder, LongWordsAndEveryByteAreHintsThatMissNothing) {
  std::vector<std::string> words = {"a long word that is cut"};
  for (int i = 0; i < 256; ++i) words.push_back("x" + std::string(1, static_cast<char>(i)));
  const LiteralFinder finder(words);
  for (const auto& word : words) {
    std::vector<std::uint64_t> found(finder.bit_words(), 0);
    finder.find("--" + word + "--", found.data());
    const auto i = static_cast<std::size_t>(&word - words.data());
    EXPECT_NE((found[i / 64] >> (i % 64)) & 1, 0u) << i;
  }
}

}  // namespace
}  // namespace sightglass::event
