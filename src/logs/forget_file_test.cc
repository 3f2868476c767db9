#include "logs/forget_file.h"

#include <gtest/gtest.h>

#include "base/fake_file_system.h"

namespace sightglass::logs {
namespace {

const std::string kAlice = "u:1.aaaaaaaaaaaaaaaaaaaaaaaaaa";
const std::string kBob = "u:1.bbbbbbbbbbbbbbbbbbbbbbbbbb";

std::string line(std::uint64_t seq, const std::string& user) {
  return R"({"event":"llm_call","user_id":")" + user + R"(","seq":)" + std::to_string(seq) + "}\n";
}

TEST(ForgetFile, OverwritesOnePersonInEveryLineAndKeepsTheRest) {
  FakeFileSystem fs;
  const journal::Forget forget({kAlice});
  std::string before;
  std::string wanted;
  // Past two pieces, so that texts lie across their ends.
  for (std::uint64_t seq = 1; before.size() < (5u << 19); ++seq) {
    before += line(seq, seq % 3 == 0 ? kAlice : kBob);
    wanted += line(seq, seq % 3 == 0 ? "forgotten....................." : kBob);
  }
  fs.set_content("/log", before);
  const auto changed = forget_in_file(fs, "/log", forget);
  ASSERT_TRUE(changed);
  EXPECT_TRUE(*changed);
  EXPECT_EQ(fs.content("/log").value(), wanted);
  EXPECT_FALSE(fs.exists("/log.forget"));
  EXPECT_FALSE(forget_in_file(fs, "/log", forget).value()) << "nothing is left to do";
}

TEST(ForgetFile, FindsATextWhereverAPieceEnds) {
  const journal::Forget forget({kAlice});
  for (std::size_t shift = 0; shift <= kAlice.size() + 2; ++shift) {
    FakeFileSystem fs;
    const auto before = std::string((1 << 20) - shift, 'x') + " " + kAlice + " end";
    fs.set_content("/log", before);
    ASSERT_TRUE(forget_in_file(fs, "/log", forget).value()) << shift;
    EXPECT_EQ(fs.content("/log").value().find(kAlice), std::string::npos) << shift;
    EXPECT_EQ(fs.content("/log").value().size(), before.size());
  }
}

TEST(ForgetFile, ACrashLeavesTheOldFileOrTheNewOneAndTheNextTryEndsIt) {
  const journal::Forget forget({kAlice});
  const auto before = line(1, kAlice) + line(2, kBob);
  for (std::uint64_t step = 1; step < 12; ++step) {
    FakeFileSystem fs(step);
    fs.set_content("/logs/log", before);
    fs.halt_after(step);
    static_cast<void>(forget_in_file(fs, "/logs/log", forget));
    fs.crash();
    EXPECT_EQ(fs.content("/logs/log").value().size(), before.size()) << step;
    ASSERT_TRUE(forget_in_file(fs, "/logs/log", forget)) << step;
    EXPECT_EQ(fs.content("/logs/log").value().find(kAlice), std::string::npos) << step;
    EXPECT_NE(fs.content("/logs/log").value().find(kBob), std::string::npos) << step;
  }
}

TEST(ForgetFile, AFullDiskIsAnErrorAndLeavesTheFile) {
  FakeFileSystem fs;
  fs.set_content("/log", line(1, kAlice));
  fs.set_fault([](std::string_view operation) -> std::optional<Error> {
    if (!operation.starts_with("append")) return std::nullopt;
    return Error{Code::kNoSpace, "full"};
  });
  EXPECT_FALSE(forget_in_file(fs, "/log", journal::Forget({kAlice})));
  EXPECT_EQ(fs.content("/log").value(), line(1, kAlice));
}

}  // namespace
}  // namespace sightglass::logs
