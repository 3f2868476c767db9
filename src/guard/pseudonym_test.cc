#include "guard/pseudonym.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <thread>

#include "base/file_system.h"
#include "base/sha256.h"
#include "base/text.h"
#include "guard/guard_test_support.h"
#include "guard/hmac_pads.h"
#include "guard/key_epochs.h"

namespace sightglass::guard {
namespace {

constexpr Nanos kDay = 86'400 * kSecond;

std::string pseudonym(KeyRing& keys, std::string_view kind, std::string_view raw, Nanos time_ns) {
  std::string out;
  EXPECT_TRUE(keys.pseudonym(kind, raw, time_ns, out));
  return out;
}

// The oracle is base's one-call HMAC.
TEST(HmacPads, EqualsTheOneCallHmacForKeysAndMessagesOfAllSizes) {
  SeededRandom random(3);
  for (std::size_t key_size = 1; key_size <= 64; key_size += 7) {
    for (std::size_t size = 0; size < 300; size += 11) {
      std::string key(key_size, '\0');
      std::string message(size, '\0');
      random.fill(key.data(), key.size());
      random.fill(message.data(), message.size());
      EXPECT_EQ(hmac(hmac_pads(key), message), hmac_sha256(key, message));
    }
  }
}

// RFC 4231, test case 2.
TEST(HmacPads, GivesThePublishedTestVector) {
  const auto digest = hmac(hmac_pads("Jefe"), "what do ya want for nothing?");
  EXPECT_EQ(to_hex({reinterpret_cast<const char*>(digest.data()), digest.size()}),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(Pseudonym, HasKindEpochAnd26Base32Digits) {
  TestRing ring;
  const auto text = pseudonym(ring.keys(), "u", "alice", ring.clock().wall_ns());
  ASSERT_EQ(text.size(), 4 + kPseudonymDigits) << text;
  EXPECT_EQ(text.substr(0, 4), "u:1.");
  EXPECT_EQ(text.find_first_not_of("abcdefghijklmnopqrstuvwxyz234567", 4), std::string::npos);
}

// The digits are the HMAC under the key that the ring's file and its documented derivation give.
TEST(Pseudonym, CanBeRecomputedFromTheRingsFile) {
  TestRing ring;
  const auto file = ring.files().content(TestRing::path()).value();
  const auto at = file.find("epoch 1 ");
  const auto line = file.substr(at, file.find('\n', at) - at);
  const auto hex = line.substr(line.rfind(' ') + 1);
  std::string master;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    master += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  const auto key = hmac_sha256(master, "sightglass/pseudonym/1/u");
  const auto digest = hmac_sha256({reinterpret_cast<const char*>(key.data()), key.size()}, "alice");
  const auto text = pseudonym(ring.keys(), "u", "alice", ring.clock().wall_ns());
  for (std::size_t i = 0; i < kPseudonymDigits; ++i) {
    unsigned digit = 0;
    for (std::size_t bit = 5 * i; bit < 5 * i + 5; ++bit) {
      digit = digit * 2 + ((digest[bit / 8] >> (7 - bit % 8)) & 1);
    }
    EXPECT_EQ(text[4 + i], "abcdefghijklmnopqrstuvwxyz234567"[digit]) << i;
  }
}

TEST(Pseudonym, StaysTheSameAcrossReopening) {
  TestRing ring;
  const auto now = ring.clock().wall_ns();
  const auto person = pseudonym(ring.keys(), "u", "alice", now);
  const auto session = pseudonym(ring.keys(), "s", "abc", now);
  const auto key = ring.keys().keyed_hash16("short");
  ring.reopen();
  EXPECT_EQ(pseudonym(ring.keys(), "u", "alice", now), person);
  EXPECT_EQ(pseudonym(ring.keys(), "s", "abc", now), session);
  EXPECT_EQ(ring.keys().keyed_hash16("short"), key);
}

TEST(Pseudonym, DiffersBetweenKindsPeopleAndRings) {
  TestRing ring;
  TestRing other(2);
  const auto now = ring.clock().wall_ns();
  std::set<std::string> digits;
  for (char kind = 'a'; kind <= 'z'; ++kind) {
    for (const auto* raw : {"alice", "bob"}) {
      digits.insert(pseudonym(ring.keys(), std::string(1, kind), raw, now).substr(4));
      digits.insert(pseudonym(other.keys(), std::string(1, kind), raw, now).substr(4));
    }
  }
  EXPECT_EQ(digits.size(), 26u * 2 * 2);
}

// S3-R08: old and new values cannot be joined.
TEST(Pseudonym, ChangesWithTheEpochAtMidnightUtc) {
  TestRing ring;
  const auto first = ring.clock().wall_ns();
  const auto before = pseudonym(ring.keys(), "u", "alice", first);
  const auto start = first - first % kDay;
  const auto next = start + 30 * kDay;
  ring.clock().advance(next - 1 - first);
  EXPECT_EQ(pseudonym(ring.keys(), "u", "alice", next - 1), before);
  ring.clock().advance(1);
  const auto after = pseudonym(ring.keys(), "u", "alice", next);
  EXPECT_EQ(after.substr(0, 4), "u:2.");
  EXPECT_NE(after.substr(4), before.substr(4));
  EXPECT_EQ(ring.keys().epoch_of(next), 2u);
}

TEST(Pseudonym, SessionsAndGroupsKeepTheirKeyThroughEpochs) {
  TestRing ring;
  const auto first = ring.clock().wall_ns();
  const auto session = pseudonym(ring.keys(), "s", "abc", first);
  const auto group = pseudonym(ring.keys(), "g", "grp_1", first);
  ring.clock().advance(100 * kDay);
  const auto now = ring.clock().wall_ns();
  EXPECT_EQ(pseudonym(ring.keys(), "s", "abc", now), session);
  EXPECT_EQ(pseudonym(ring.keys(), "g", "grp_1", now), group);
}

TEST(Pseudonym, LateEventsWithinTheGraceGetTheirOwnEpochAndOlderOnesTheCurrent) {
  TestRing ring;
  const auto first = ring.clock().wall_ns();
  const auto next = first - first % kDay + 30 * kDay;
  ring.clock().advance(next - first + kDay);
  EXPECT_EQ(pseudonym(ring.keys(), "u", "alice", next - kSecond).substr(0, 4), "u:1.");
  EXPECT_EQ(pseudonym(ring.keys(), "u", "alice", next - 5 * kDay).substr(0, 4), "u:2.");
  EXPECT_EQ(pseudonym(ring.keys(), "u", "alice", 0).substr(0, 4), "u:2.");
  EXPECT_EQ(pseudonym(ring.keys(), "u", "alice", INT64_MAX).substr(0, 4), "u:2.");
}

TEST(Pseudonym, EventsAheadOfTheClockGetTheNextEpochOnceItIsMade) {
  TestRing ring;
  const auto first = ring.clock().wall_ns();
  const auto next = first - first % kDay + 30 * kDay;
  ring.clock().advance(next - first - kDay);
  ASSERT_TRUE(ring.keys().tend());
  EXPECT_EQ(pseudonym(ring.keys(), "u", "alice", next + kSecond).substr(0, 4), "u:2.");
  EXPECT_EQ(pseudonym(ring.keys(), "u", "alice", ring.clock().wall_ns()).substr(0, 4), "u:1.");
}

TEST(Pseudonym, LongSilenceMakesOneEpochAndKeepsTheCut) {
  TestRing ring;
  const auto start = ring.clock().wall_ns() / kDay * kDay;
  ring.clock().advance(1000 * kDay);
  EXPECT_EQ(ring.keys().epoch_of(ring.clock().wall_ns()), 2u);
  const auto file = ring.files().content(TestRing::path()).value();
  EXPECT_NE(file.find("epoch 2 " + std::to_string((start + 990 * kDay) / kSecond) + " "),
            std::string::npos);
}

TEST(Pseudonym, ClockThatStepsBackFindsItsOldEpoch) {
  TestRing ring;
  const auto first = ring.clock().wall_ns();
  const auto before = pseudonym(ring.keys(), "u", "alice", first);
  ring.clock().step_wall(500 * kDay);
  pseudonym(ring.keys(), "u", "alice", ring.clock().wall_ns());
  ring.clock().step_wall(-500 * kDay);
  EXPECT_EQ(pseudonym(ring.keys(), "u", "alice", first), before);
  ring.clock().step_wall(-50 * kDay);
  const auto earlier = ring.clock().wall_ns();
  EXPECT_EQ(pseudonym(ring.keys(), "u", "alice", earlier).substr(0, 4), "u:3.");
  ring.reopen();
  EXPECT_EQ(pseudonym(ring.keys(), "u", "alice", earlier).substr(0, 4), "u:3.");
}

// A key that a crash could forget must name nobody.
TEST(Pseudonym, IsRefusedWhileTheNewEpochsKeyCannotBeWritten) {
  TestRing ring;
  ring.clock().advance(40 * kDay);
  ring.make_unwritable();
  std::string out;
  EXPECT_FALSE(ring.keys().pseudonym("u", "alice", ring.clock().wall_ns(), out));
  EXPECT_FALSE(ring.keys().tend());
  EXPECT_EQ(out, "");
  ring.make_writable();
  EXPECT_FALSE(ring.keys().tend()) << "not before ten seconds are over";
  ring.clock().advance(10 * kSecond);
  ASSERT_TRUE(ring.keys().tend());
  const auto text = pseudonym(ring.keys(), "u", "alice", ring.clock().wall_ns());
  ring.files().crash();
  ring.reopen();
  EXPECT_EQ(pseudonym(ring.keys(), "u", "alice", ring.clock().wall_ns()), text);
}

TEST(Pseudonym, RefusesKindsThatAreNoLetter) {
  TestRing ring;
  std::string out;
  for (const auto* kind : {"", "U", "1", "us", "{"}) {
    EXPECT_FALSE(ring.keys().pseudonym(kind, "alice", ring.clock().wall_ns(), out)) << kind;
  }
  EXPECT_EQ(out, "");
}

// S1-B12
TEST(Pseudonym, LeavesUnknownPlainAndEmptyAway) {
  TestRing ring;
  const auto now = ring.clock().wall_ns();
  EXPECT_EQ(pseudonym(ring.keys(), "u", "[unknown]", now), "unknown");
  std::string out;
  EXPECT_FALSE(ring.keys().pseudonym("u", " \t", now, out));
}

TEST(KeyRing, FileIsForItsOwnerOnly) {
  char folder[] = "/tmp/sightglass-ring-XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  const auto path = std::string(folder) + "/keys/ring";
  PosixFileSystem fs;
  SeededRandom random(1);
  ManualClock clock;
  ASSERT_TRUE(KeyRing::open({.path = path}, fs, random, clock));
  struct stat status{};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  ASSERT_EQ(chmod(path.c_str(), 0640), 0);
  const auto refused = KeyRing::open({.path = path}, fs, random, clock);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kDenied);
  EXPECT_NE(refused.error().message.find("chmod 600"), std::string::npos);
  std::filesystem::remove_all(folder);
}

TEST(KeyRing, LeavesAWholeRingOrNoneWhenTheProcessDiesWhileMakingIt) {
  for (std::uint64_t step = 1; step < 12; ++step) {
    FakeFileSystem fs(step);
    SeededRandom random(1);
    ManualClock clock;
    fs.halt_after(step);
    static_cast<void>(KeyRing::open({.path = "/keys/ring"}, fs, random, clock));
    fs.crash();
    const auto opened = KeyRing::open({.path = "/keys/ring"}, fs, random, clock);
    EXPECT_TRUE(opened) << step << ": " << opened.error().message;
  }
}

TEST(KeyRing, RefusesADamagedFileWithAdvice) {
  TestRing ring;
  const auto good = ring.files().content(TestRing::path()).value();
  for (std::size_t i = 0; i < good.size(); ++i) {
    auto bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    ring.files().set_content(TestRing::path(), bad);
    const auto opened = ring.open();
    ASSERT_FALSE(opened) << i;
    EXPECT_TRUE(opened.error().code == Code::kCorrupt || opened.error().code == Code::kVersion);
  }
  for (std::size_t size = 0; size < good.size(); ++size) {
    ring.files().set_content(TestRing::path(), good.substr(0, size));
    const auto opened = ring.open();
    ASSERT_FALSE(opened) << size;
    EXPECT_NE(opened.error().message.find("backup"), std::string::npos);
  }
}

TEST(KeyRing, RefusesANewerVersionAsSuch) {
  TestRing ring;
  auto file = ring.files().content(TestRing::path()).value();
  file.replace(file.find(" 1\n"), 3, " 2\n");
  ring.files().set_content(TestRing::path(), file);
  const auto opened = ring.open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kVersion);
}

TEST(KeyRing, RefusesEpochsThatAreNotWholeDays) {
  FakeFileSystem fs;
  SeededRandom random(1);
  ManualClock clock;
  KeyRing::Options options{.path = "/ring"};
  options.epoch_ns = 36 * 3'600 * kSecond;
  EXPECT_FALSE(KeyRing::open(options, fs, random, clock));
}

TEST(KeyRing, StopsAt256Epochs) {
  TestRing ring;
  for (int i = 0; i < 300; ++i) {
    ring.clock().advance(30 * kDay);
    static_cast<void>(ring.keys().tend());
  }
  const auto status = ring.keys().tend();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kTooLarge);
  ring.clock().step_wall(-60 * 30 * kDay);
  ring.reopen();
}

// Run under ThreadSanitizer.
TEST(KeyRing, ServesManyThreadsWhileEpochsChange) {
  TestRing ring;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      std::shared_ptr<const KeyEpochs> epochs;
      for (int i = 0; i < 500; ++i) {
        std::string out;
        EXPECT_TRUE(ring.keys().pseudonym("u", "alice", ring.clock().wall_ns(), out));
        const auto now = ring.keys().refresh(epochs);
        EXPECT_TRUE(epochs->choose('u', now, now));
      }
    });
  }
  for (int i = 0; i < 20; ++i) {
    ring.clock().advance(30 * kDay);
    EXPECT_TRUE(ring.keys().tend());
  }
  for (auto& thread : threads) thread.join();
}

TEST(KeyId, NamesStrongKeysBySha256AndShortOnesByKeyedHash) {
  TestRing ring;
  const std::string strong(22, 'k');
  EXPECT_EQ(key_id("openai", strong, ring.keys()), "openai-" + sha256_hex(strong).substr(0, 16));
  const auto weak = key_id("client", "admin-key", ring.keys());
  EXPECT_EQ(weak.size(), 7u + 16);
  EXPECT_EQ(weak.find(sha256_hex("admin-key").substr(0, 16)), std::string::npos);
  TestRing other(2);
  EXPECT_NE(key_id("client", "admin-key", other.keys()), weak);
}

// S3-R07: likely ids and everything but the ring find nobody.
TEST(Pseudonym, DictionaryWithoutTheRingFindsNobody) {
  TestRing ring;
  TestRing attacker(99);
  const auto now = ring.clock().wall_ns();
  std::set<std::string> seen;
  for (int i = 0; i < 200; ++i) {
    seen.insert(pseudonym(ring.keys(), "u", "user" + std::to_string(i), now).substr(4));
  }
  for (int i = 0; i < 200; ++i) {
    const auto raw = "user" + std::to_string(i);
    EXPECT_FALSE(seen.contains(pseudonym(attacker.keys(), "u", raw, now).substr(4)));
    EXPECT_FALSE(seen.contains(sha256_hex(raw).substr(0, 26)));
  }
}

}  // namespace
}  // namespace sightglass::guard
