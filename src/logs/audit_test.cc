// The audit trail: each line is bound to the one before, over restarts and rotation; whoever
// changes it is found.
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "../tests/support/batches.h"
#include "base/fake_file_system.h"
#include "base/sha256.h"
#include "logs/audit_chain.h"
#include "logs/logs.h"

namespace sightglass::logs {
namespace {

using testing::Batches;
using testing::TestEvent;

constexpr Nanos kStart = 1'755'611'952'345'000'000;
constexpr const char* kPath = "/data/audit/audit.jsonl";

TestEvent admin_request(int n) {
  TestEvent e("admin_request", kStart + n * kSecond);
  return e.with("method", "GET")
      .with("admin_endpoint", "/admin/v1/metrics/global")
      .with("admin_path", "/admin/v1/metrics/global")
      .with("remote_address", "192.168.1.100")
      .with("admin_actor", "admin")
      .with("status_code", 200)
      .with("request_id", "r" + std::to_string(n));
}

FileOptions small_files(std::uint64_t max_size_bytes = 2'000, std::uint32_t max_backups = 3) {
  FileOptions options;
  options.path = kPath;
  options.max_size_bytes = max_size_bytes;
  options.max_backups = max_backups;
  return options;
}

// A journal of audit events and others, one batch each.
struct Source {
  Batches batches{testing::gateway_catalogue()};
  std::vector<Batches::Batch> made;
  int audited = 0;

  void grow(int count) {
    for (int i = 0; i < count; ++i) {
      const auto at = kStart + static_cast<Nanos>(made.size()) * kSecond;
      TestEvent e = i % 3 == 2 ? TestEvent("startup_complete", at) : admin_request(audited++);
      made.push_back(batches.make(std::vector<TestEvent>{e}, at));
    }
  }
  void feed(journal::Fold& fold) const {
    for (const auto& batch : made) {
      if (batch.header.first > *fold.durable_position()) fold.apply(batch);
    }
  }
};

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

// The whole trail, oldest line first.
std::vector<std::string> all_lines(const FakeFileSystem& fs) {
  std::string text;
  for (int n = 9; n > 0; --n) text += fs.content(kPath + ("." + std::to_string(n))).value_or("");
  return lines_of(text + fs.content(kPath).value_or(""));
}

// Another reading of the form than the product's own: by searching.
std::string member(const std::string& line, const std::string& name) {
  const auto at = line.rfind("\"" + name + "\":\"") + name.size() + 4;
  return line.substr(at, line.find('"', at) - at);
}

struct Trail {
  FakeFileSystem fs;
  Telemetry telemetry;
  NullLog log;
  Source source;

  explicit Trail(int events, FileOptions options = small_files(1 << 20)) {
    source.grow(events);
    source.feed(*make_audit_fold(options, fs, telemetry, log));
  }
  AuditVerdict verify(std::string_view head = "") {
    auto verdict = verify_audit_trail(fs, kPath, head);
    EXPECT_TRUE(verdict) << (verdict ? "" : verdict.error().message);
    return verdict ? *verdict : AuditVerdict{};
  }
  void replace(const std::vector<std::string>& lines) {
    std::string text;
    for (const auto& line : lines) text += line + "\n";
    fs.set_content(kPath, text);
  }
};

// S4-B08, S4-B09.
TEST(AuditTrail, EachLineIsBoundToTheOneBeforeByItsHash) {
  Trail trail(30);
  std::string previous(64, '0');
  int number = 0;
  for (const auto& line : all_lines(trail.fs)) {
    EXPECT_TRUE(line.starts_with("{\"link\":" + std::to_string(++number) + ",\"seq\":")) << line;
    EXPECT_EQ(member(line, "previous"), previous);
    const auto hash = member(line, "hash");
    EXPECT_EQ(sha256_hex(line.substr(0, line.rfind(",\"hash\"")) + "}"), hash);
    EXPECT_EQ(member(line, "remote_address"), "192.168.1.100");
    previous = hash;
  }
  EXPECT_EQ(number, 20);  // every third event is none of administration
  const auto verdict = trail.verify();
  EXPECT_FALSE(verdict.broken);
  EXPECT_EQ(verdict.links, 20u);
  EXPECT_EQ(verdict.last.hash, previous);
}

TEST(AuditTrail, EventsThatSomebodySentInAreNone) {
  Trail trail(0);
  auto fold = make_audit_fold(small_files(), trail.fs, trail.telemetry, trail.log);
  fold->apply(trail.source.batches.make(
      std::vector<TestEvent>{admin_request(1).with("ingested", true), admin_request(2)}, kStart));
  fold.reset();
  EXPECT_EQ(trail.verify().links, 1u);
}

TEST(AuditTrail, TheChainGoesOnOverRestartsAndRotation) {
  Trail trail(0);
  for (int life = 0; life < 6; ++life) {
    auto fold = make_audit_fold(small_files(), trail.fs, trail.telemetry, trail.log);
    trail.source.grow(9);
    trail.source.feed(*fold);
  }
  const auto verdict = trail.verify();
  EXPECT_FALSE(verdict.broken) << verdict.broken->what;
  EXPECT_EQ(verdict.files, 4u);  // the rest was rotated away, and the verdict says so
  EXPECT_GT(verdict.deleted_before, 0u);
  EXPECT_EQ(verdict.last.number, static_cast<std::uint64_t>(trail.source.audited));
  EXPECT_EQ(verdict.links + verdict.deleted_before, verdict.last.number);
}

TEST(AuditTrail, AStateThatIsLostBreaksNothing) {
  Trail trail(12);
  ASSERT_TRUE(trail.fs.remove(std::string(kPath) + ".state"));
  trail.source.grow(6);
  trail.source.feed(*make_audit_fold(small_files(1 << 20), trail.fs, trail.telemetry, trail.log));
  EXPECT_FALSE(trail.verify().broken);
  EXPECT_EQ(trail.verify().links, static_cast<std::uint64_t>(trail.source.audited));
}

TEST(AuditTrail, WhateverByteIsChangedTheFirstBrokenLinkIsNamed) {
  Trail trail(9);
  const auto whole = *trail.fs.content(kPath);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    if (whole[at] == '\n') continue;
    auto changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    if (changed[at] == '\n') continue;
    trail.fs.set_content(kPath, changed);
    const auto line = static_cast<std::uint64_t>(
        1 + std::count(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
    const auto verdict = trail.verify();
    ASSERT_TRUE(verdict.broken) << "byte " << at;
    EXPECT_EQ(verdict.broken->line, line) << "byte " << at;
  }
}

TEST(AuditTrail, LinesThatAreMissingMovedOrPutInAreFound) {
  Trail trail(12);
  const auto lines = all_lines(trail.fs);
  const auto broken_at = [&](std::vector<std::string> changed) {
    trail.replace(changed);
    const auto verdict = trail.verify();
    return verdict.broken ? verdict.broken->line : 0;
  };
  ASSERT_EQ(lines.size(), 8u);
  auto removed = lines;
  removed.erase(removed.begin() + 3);
  EXPECT_EQ(broken_at(removed), 4u);
  auto moved = lines;
  std::swap(moved[2], moved[3]);
  EXPECT_EQ(broken_at(moved), 3u);
  auto twice = lines;
  twice.insert(twice.begin() + 5, twice[4]);
  EXPECT_EQ(broken_at(twice), 6u);
  auto foreign = lines;
  foreign.insert(foreign.begin() + 1, R"({"event_type":"admin_request"})");
  EXPECT_EQ(broken_at(foreign), 2u);
  EXPECT_EQ(broken_at(lines), 0u);
}

// Whoever changes a line and makes its hash anew must do so for all behind it; a head that was
// noted down elsewhere shows even that, and lines cut from the end.
TEST(AuditTrail, AHeadThatWasNotedShowsATrailThatWasMadeAnew) {
  Trail trail(12);
  const auto head = trail.verify().last.hash;
  EXPECT_TRUE(trail.verify(head).found_expected);
  auto lines = all_lines(trail.fs);
  auto cut = lines;
  cut.pop_back();
  trail.replace(cut);
  EXPECT_FALSE(trail.verify().broken);
  EXPECT_FALSE(trail.verify(head).found_expected);

  std::string previous(64, '0');
  for (auto& line : lines) {
    line = line.substr(0, line.rfind(",\"previous\"")) + ",\"previous\":\"" + previous + "\"";
    const auto actor = line.find("\"admin\"");
    line.replace(actor, 7, "\"other\"");
    previous = sha256_hex(line + "}");
    line += ",\"hash\":\"" + previous + "\"}";
  }
  trail.replace(lines);
  EXPECT_FALSE(trail.verify().broken);
  EXPECT_FALSE(trail.verify(head).found_expected);
}

TEST(AuditTrail, AnUnfinishedLastLineIsNoBreak) {
  Trail trail(6);
  trail.fs.set_content(kPath, *trail.fs.content(kPath) + "{\"link\":5,\"se");
  const auto verdict = trail.verify();
  EXPECT_FALSE(verdict.broken);
  EXPECT_TRUE(verdict.unfinished);
}

TEST(AuditTrail, ItIsIntactAfterAnyCrash) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Trail trail(0);
    SeededRandom random(seed * 7919);
    for (int life = 0; life < 5; ++life) {
      if (life < 4) trail.fs.halt_after(1 + random.below(60));
      {
        auto fold = make_audit_fold(small_files(2'000, 9), trail.fs, trail.telemetry, trail.log);
        trail.source.grow(6);
        for (const auto& batch : trail.source.made) {
          if (!trail.fs.halted() && batch.header.first > *fold->durable_position()) {
            fold->apply(batch);
          }
        }
      }
      if (life < 4) trail.fs.crash();
    }
    const auto verdict = trail.verify();
    ASSERT_FALSE(verdict.broken) << "seed " << seed << ": " << verdict.broken->what;
    EXPECT_EQ(verdict.links, static_cast<std::uint64_t>(trail.source.audited)) << "seed " << seed;
  }
}

}  // namespace
}  // namespace sightglass::logs
