#include "follow/follower.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <set>

#include "follow/fake_receiver.h"
#include "follow/scratch_folder.h"

namespace sightglass::follow {
namespace {

struct Quiet final : Watcher {
  void on_taken(const std::string&, const Taken& taken, std::uint64_t) override {
    rejected += taken.rejected;
  }
  void on_note(const std::string&, std::string_view note) override { notes.emplace_back(note); }
  std::uint64_t rejected = 0;
  std::vector<std::string> notes;
};

class FollowerTest : public testing::Test {
 protected:
  void restart() {
    FollowOptions options;
    options.most_bytes = most_bytes;
    follower = std::make_unique<Follower>(folder.in("app.log"), options, receiver, clock, quiet);
  }
  // Until there is nothing more to send.
  void drain() {
    for (int looks = 0; looks < 10'000; ++looks) {
      const auto more = follower->step();
      if (!more) continue;  // the receiver was away
      if (!*more) return;
    }
    FAIL() << "never done";
  }
  // Lets what was renamed come to its end.
  void wait_quiet() {
    drain();
    clock.advance(6 * kSecond);
    drain();
  }
  using Lines = std::vector<std::string>;

  ScratchFolder folder;
  FakeReceiver receiver;
  ManualClock clock;
  Quiet quiet;
  std::size_t most_bytes = 4u << 20;
  std::unique_ptr<Follower> follower;
};

TEST_F(FollowerTest, SendsWholeLinesAndLetsTheUnfinishedOneWait) {
  folder.write("app.log", "one\ntwo\nthr");
  restart();
  drain();
  EXPECT_EQ(receiver.lines, (Lines{"one", "two"}));
  folder.append("app.log", "ee\n");
  drain();
  EXPECT_EQ(receiver.lines, (Lines{"one", "two", "three"}));
}

TEST_F(FollowerTest, AFirstLineThatIsUnfinishedGivesNoNameYet) {
  folder.write("app.log", "on");
  restart();
  drain();
  EXPECT_TRUE(receiver.marks.empty());
  folder.append("app.log", "e\n");
  drain();
  EXPECT_EQ(receiver.lines, (Lines{"one"}));
}

TEST_F(FollowerTest, WaitsForAFileThatIsNotThereYet) {
  restart();
  drain();
  folder.write("app.log", "one\n");
  drain();
  EXPECT_EQ(receiver.lines, (Lines{"one"}));
}

TEST_F(FollowerTest, GoesOnAfterARestartWhereTheReceiverStands) {
  folder.write("app.log", "one\n");
  restart();
  drain();
  folder.append("app.log", "two\n");
  restart();
  drain();
  EXPECT_EQ(receiver.lines, (Lines{"one", "two"}));
}

TEST_F(FollowerTest, GoesOnUnderTheNameOfTheFirstKiBOnceThereIsOne) {
  folder.write("app.log", "one\n");
  restart();
  drain();
  Lines wanted = {"one"};
  for (int i = 0; i < 3; ++i) {
    const std::string line = std::to_string(i) + std::string(700, 'x');
    folder.append("app.log", line + "\n");
    wanted.push_back(line);
    drain();
    restart();
    drain();
  }
  EXPECT_EQ(receiver.lines, wanted);
  EXPECT_EQ(receiver.marks.size(), 2u);
}

TEST_F(FollowerTest, RenamingLosesNothingThatIsStillWrittenToTheOldFile) {
  folder.write("app.log", "one\n");
  restart();
  drain();
  folder.rename("app.log", "app.log.1");
  folder.append("app.log.1", "two\n");
  drain();
  folder.write("app.log", "three\n");
  drain();
  folder.append("app.log.1", "late\n");
  drain();
  EXPECT_EQ(receiver.lines, (Lines{"one", "two", "three", "late"}));
}

TEST_F(FollowerTest, SeveralRotationsBetweenTwoLooksLoseNothing) {
  folder.write("app.log", "one\n");
  restart();
  drain();
  folder.rename("app.log", "app.log.2");
  folder.append("app.log.2", "two\n");
  folder.write("app.log.1", "three\n");
  folder.write("app.log", "four\n");
  drain();
  std::sort(receiver.lines.begin(), receiver.lines.end());
  EXPECT_EQ(receiver.lines, (Lines{"four", "one", "three", "two"}));
}

TEST_F(FollowerTest, RotationsWhileItWasAwayLoseNothing) {
  folder.write("app.log", "one\n");
  restart();
  drain();
  follower.reset();
  folder.append("app.log", "two\n");
  folder.rename("app.log", "app.log.2");
  folder.write("app.log.1", "three\n");
  folder.write("app.log", "four\n");
  restart();
  drain();
  EXPECT_EQ(receiver.lines, (Lines{"one", "two", "three", "four"}));
}

TEST_F(FollowerTest, OlderRotatedFilesAreLeftAloneOnTheVeryFirstStart) {
  folder.write("app.log.1", "old\n");
  folder.write("app.log", "one\n");
  restart();
  drain();
  folder.append("app.log", "two\n");
  restart();
  drain();
  EXPECT_EQ(receiver.lines, (Lines{"one", "two"}));
  ASSERT_FALSE(quiet.notes.empty());
  EXPECT_NE(quiet.notes[0].find("left alone"), std::string::npos);
}

TEST_F(FollowerTest, CopyingAndEmptyingLosesNothingThatWasCopied) {
  folder.write("app.log", "one\n");
  restart();
  drain();
  folder.append("app.log", "two\n");
  folder.copy("app.log", "app.log.1");
  folder.write("app.log", "three\n");
  drain();
  EXPECT_EQ(receiver.lines.size(), 3u);
  EXPECT_EQ((std::set<std::string>(receiver.lines.begin(), receiver.lines.end())),
            (std::set<std::string>{"one", "two", "three"}));
  restart();
  wait_quiet();
  EXPECT_EQ(receiver.lines.size(), 3u);
}

TEST_F(FollowerTest, CopyingAndEmptyingWhileItWasAwayLosesNothing) {
  folder.write("app.log", "one of the first\n");
  restart();
  drain();
  follower.reset();
  folder.append("app.log", "two\n");
  folder.copy("app.log", "app.log.1");
  folder.write("app.log", "three\n");
  restart();
  wait_quiet();
  EXPECT_EQ(receiver.lines, (Lines{"one of the first", "two", "three"}));
}

TEST_F(FollowerTest, AnEmptyFileThatIsWrittenCopiedAndEmptiedBetweenTwoLooksLosesNothing) {
  folder.write("app.log", "one\n");
  restart();
  drain();
  folder.copy("app.log", "app.log.2");
  folder.write("app.log", "");
  drain();
  folder.append("app.log", "two\n");
  folder.copy("app.log", "app.log.1");
  folder.write("app.log", "three\n");
  drain();
  EXPECT_EQ(std::multiset<std::string>(receiver.lines.begin(), receiver.lines.end()),
            (std::multiset<std::string>{"one", "three", "two"}));
}

TEST_F(FollowerTest, ACopyThatIsSeenInTheMakingIsNoNewFile) {
  folder.write("app.log", "one\ntwo\nthree\n");
  restart();
  drain();
  folder.append("app.log", "four\n");
  for (const auto* part : {"", "one\n", "one\ntwo\nthr", "one\ntwo\nthree\n"}) {
    folder.write("app.log.1", part);
    (void)follower->step();
    restart();
    (void)follower->step();
  }
  folder.append("app.log", "five\n");
  folder.copy("app.log", "app.log.1");
  (void)follower->step();
  folder.write("app.log", "six\n");
  drain();
  EXPECT_EQ(receiver.lines, (Lines{"one", "two", "three", "four", "five", "six"}));
}

TEST_F(FollowerTest, AnEmptiedFileThatBeginsWithTheSameLineIsSentAnew) {
  folder.write("app.log", "same\nsame\n");
  restart();
  drain();
  folder.write("app.log", "same\n");
  drain();
  EXPECT_EQ(receiver.lines, (Lines{"same", "same", "same"}));
  folder.append("app.log", "same\n");
  restart();
  drain();
  EXPECT_EQ(receiver.lines.size(), 4u);
}

TEST_F(FollowerTest, AnEmptiedFileThatHasGrownPastThePositionIsTold) {
  folder.write("app.log", "one\n");
  restart();
  drain();
  folder.write("app.log", "2nd\nthird\nfourth\n");
  drain();
  EXPECT_EQ(receiver.lines, (Lines{"one", "2nd", "third", "fourth"}));
}

TEST_F(FollowerTest, ARenamedFileEndsWithItsUnfinishedLineOnceItIsQuiet) {
  folder.write("app.log", "one\ntwo");
  restart();
  drain();
  folder.rename("app.log", "app.log.1");
  folder.write("app.log", "three\n");
  wait_quiet();
  EXPECT_EQ(receiver.lines, (Lines{"one", "three", "two"}));
}

TEST_F(FollowerTest, ALineOverAMebibyteIsRefusedOnceAndTheNextOnesAreTaken) {
  folder.write("app.log", "one\n" + std::string(5u << 20, 'x') + "\nafter\n");
  restart();
  drain();
  EXPECT_EQ(receiver.lines, (Lines{"one", "after"}));
  EXPECT_EQ(quiet.rejected, 1u);
}

TEST_F(FollowerTest, ALongLineThatIsCutByARestartIsNotReadFromItsMiddle) {
  folder.write("app.log", std::string(5u << 20, 'x'));
  restart();
  drain();
  EXPECT_EQ(quiet.rejected, 1u);
  folder.append("app.log", "tail of it\nafter\n");
  restart();
  drain();
  EXPECT_EQ(receiver.lines, (Lines{"after"}));
}

TEST_F(FollowerTest, ARefusalOfTheSizeHalvesTheBatches) {
  receiver.most_bytes = 100'000;
  std::string content;
  for (int i = 0; i < 30'000; ++i) content += "line " + std::to_string(i) + "\n";
  folder.write("app.log", content);
  restart();
  drain();
  EXPECT_EQ(receiver.lines.size(), 30'000u);
}

TEST_F(FollowerTest, TwoFollowersOfOneFileSendEachLineOnce) {
  folder.write("app.log", "one\n");
  restart();
  drain();
  Quiet other_quiet;
  Follower other(folder.in("app.log"), {}, receiver, clock, other_quiet);
  for (int i = 0; i < 50; ++i) {
    folder.append("app.log", std::to_string(i) + std::string(60, '.') + "\n");
    ASSERT_TRUE(other.step());
    folder.append("app.log", std::to_string(i) + std::string(60, ',') + "\n");
    drain();
  }
  EXPECT_EQ(receiver.lines.size(), 101u);
  EXPECT_EQ(std::set<std::string>(receiver.lines.begin(), receiver.lines.end()).size(), 101u);
}

// A naive model: the lines that were written. Whatever happens in whatever order, the receiver has
// each of them once at the end.
class FollowerRandomTest : public FollowerTest, public testing::WithParamInterface<unsigned> {};

TEST_P(FollowerRandomTest, EveryLineArrivesOnceThroughRotationsRestartsAndLostAnswers) {
  std::mt19937 random(GetParam());
  const auto below = [&](unsigned n) { return random() % n; };
  most_bytes = 1 + below(3'000);
  const bool copies = GetParam() % 2 == 0;
  std::multiset<std::string> written;
  unsigned number = 0, files = 0;
  const auto write_some = [&] {
    std::string text;
    for (unsigned i = below(40); i > 0; --i) {
      auto line = "line " + std::to_string(number++) + std::string(below(120), '.');
      written.insert(line);
      text += line + "\n";
    }
    // In two writes, so that a look may come in the middle of a line.
    const auto half = text.empty() ? 0 : below(static_cast<unsigned>(text.size()));
    folder.append("app.log", text.substr(0, half));
    if (below(2) == 0) (void)follower->step();
    folder.append("app.log", text.substr(half));
  };
  const auto rotate = [&] {
    const auto name = "app.log." + std::to_string(1'000 + files++);
    if (copies) {
      folder.copy("app.log", name);
      folder.write("app.log", "");
    } else {
      folder.rename("app.log", name);
      folder.append("app.log", "");
    }
  };
  restart();
  written.insert("the first");
  folder.write("app.log", "the first\n");
  drain();
  for (int round = 0; round < 120; ++round) {
    switch (below(6)) {
      case 0:
        if (std::filesystem::file_size(folder.in("app.log")) > 0) rotate();
        break;
      case 1:
        restart();
        break;
      case 2:
        receiver.fail_before = static_cast<int>(below(3));
        break;
      case 3:
        receiver.fail_after = static_cast<int>(below(3));
        break;
      default:
        break;
    }
    write_some();
    for (unsigned looks = below(4); looks > 0; --looks) (void)follower->step();
  }
  receiver.fail_before = receiver.fail_after = -1;
  drain();
  wait_quiet();
  std::multiset<std::string> got(receiver.lines.begin(), receiver.lines.end());
  EXPECT_EQ(got.size(), written.size());
  EXPECT_TRUE(got == written);
}

INSTANTIATE_TEST_SUITE_P(Seeds, FollowerRandomTest, testing::Range(0u, 200u));

}  // namespace
}  // namespace sightglass::follow
