// The real process on the real file system, killed by the kernel at every failpoint of the room
// (docs/failpoints.md): what it acknowledged is there once, and a fold counts it once.
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "journal/testing.h"

namespace sightglass::journal {
namespace {

constexpr const char* kDirectoryVariable = "SIGHTGLASS_TEST_DIRECTORY";
constexpr int kRecords = 200;

// Events number themselves 0, 1, 2, …; this fold notices one that is missing, double or displaced.
class CountingFold final : public Fold {
 public:
  std::string_view name() const override { return "count"; }
  void apply(const Reader::Batch& batch) override {
    for (const auto& record : batch.records) {
      if (record.kind != RecordKind::kEvent) continue;
      if (record.payload != std::to_string(count_)) ++misfits_;
      ++count_;
    }
  }
  void save(std::string& out) const override {
    ByteWriter w(out);
    w.u64(count_);
    w.u64(misfits_);
  }
  Status load(Bytes snapshot) override {
    ByteReader in(snapshot);
    count_ = in.u64();
    misfits_ = in.u64();
    if (!in.ok()) return fail(Code::kCorrupt, "not a count");
    return {};
  }
  std::uint64_t count() const { return count_; }
  std::uint64_t misfits() const { return misfits_; }

 private:
  std::uint64_t count_ = 0;
  std::uint64_t misfits_ = 0;
};

struct Life {
  explicit Life(const std::string& directory) {
    options.directory = directory + "/journal";
    options.segment_bytes = 4000;
    options.max_bytes = 64 << 20;
    options.reserve_bytes = 0;
    runner_options.snapshot_directory = directory + "/snapshots";
    runner_options.snapshot_every_bytes = 700;
  }
  // Opens, and loads the fold up to what is committed.
  void begin() {
    auto opened = Journal::open(options, fs, clock, telemetry, log, "gw", tiny_catalogue("one"));
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    journal = std::move(*opened);
    runner =
        FoldRunner::make(runner_options, options, *journal, fs, clock, telemetry, log, {&fold});
    const auto loaded = runner->load();
    ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
  }

  Options options;
  RunnerOptions runner_options;
  PosixFileSystem fs;
  SystemClock clock;
  Telemetry telemetry;
  NullLog log;
  CountingFold fold;
  std::unique_ptr<Journal> journal;
  std::unique_ptr<FoldRunner> runner;
};

// Runs in a process of its own, started by the test below.
TEST(KillVictim, DISABLED_AppendsUntilItIsKilled) {
  const std::string directory = ::getenv(kDirectoryVariable);
  Life life(directory);
  life.begin();
  life.runner->start();
  const int told = ::open((directory + "/acknowledged").c_str(), O_WRONLY | O_CREAT, 0600);
  for (int i = static_cast<int>(life.fold.count()); i < kRecords; ++i) {
    ASSERT_TRUE(life.journal->append(RecordKind::kEvent, std::to_string(i)));
    ASSERT_EQ(::pwrite(told, &i, sizeof i, 0), static_cast<ssize_t>(sizeof i));
    if (i % 20 == 10) {
      ASSERT_TRUE(life.journal->change_catalogue(tiny_catalogue("n" + std::to_string(i))));
    }
  }
  ::close(told);
  ASSERT_TRUE(life.runner->stop());
}

// True: it died by the failpoint. False: it ran to its end without arriving there.
bool run_victim(const std::string& directory, const std::string& failpoint) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::setenv(kDirectoryVariable, directory.c_str(), 1);
    ::setenv("SIGHTGLASS_FAILPOINT", failpoint.c_str(), 1);
    const int nowhere = ::open("/dev/null", O_WRONLY);
    ::dup2(nowhere, 1);
    ::execl("/proc/self/exe", "victim", "--gtest_also_run_disabled_tests",
            "--gtest_filter=KillVictim.*", static_cast<char*>(nullptr));
    ::_exit(99);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) {
    EXPECT_EQ(WTERMSIG(status), SIGKILL) << failpoint;
    return true;
  }
  EXPECT_EQ(WEXITSTATUS(status), 0) << failpoint;
  return false;
}

int last_acknowledged(const std::string& directory) {
  int last = -1;
  const int file = ::open((directory + "/acknowledged").c_str(), O_RDONLY);
  if (file >= 0 && ::pread(file, &last, sizeof last, 0) != sizeof last) last = -1;
  if (file >= 0) ::close(file);
  return last;
}

TEST(Kill, AtEveryFailpointKeepsWhatWasAcknowledgedAndCountsItOnce) {
  const std::vector<std::string> points = {
      "journal.before_write",    "journal.before_sync",     "journal.after_sync",
      "journal.segment_created", "journal.segment_durable", "control.before_rename",
      "control.after_rename",    "snapshot.before_rename",  "snapshot.after_rename"};
  for (const auto& point : points) {
    char name[] = "/tmp/sightglass-kill-XXXXXX";
    const std::string directory = ::mkdtemp(name);
    // Each life goes on from what the kill before left, and dies a little later.
    for (const int arrival : {1, 2, 3}) {
      const bool killed = run_victim(directory, point + ":" + std::to_string(arrival));
      EXPECT_TRUE(killed) << point << " was not reached " << arrival << " times";
      const auto acknowledged = last_acknowledged(directory);
      Life life(directory);
      life.begin();
      if (HasFatalFailure()) return;
      EXPECT_EQ(life.fold.misfits(), 0u) << point << ":" << arrival;
      EXPECT_GE(static_cast<int>(life.fold.count()), acknowledged + 1) << point << ":" << arrival;
      // At most the one record that was under way.
      EXPECT_LE(static_cast<int>(life.fold.count()), acknowledged + 2) << point << ":" << arrival;
      EXPECT_TRUE(life.journal->recovery().damage.empty());
    }
    EXPECT_FALSE(run_victim(directory, "nowhere"));  // and the rest runs to its end
    Life life(directory);
    life.begin();
    EXPECT_EQ(life.fold.count(), static_cast<std::uint64_t>(kRecords)) << point;
    EXPECT_EQ(life.fold.misfits(), 0u);
    life.runner.reset();
    life.journal.reset();
    std::filesystem::remove_all(directory);
  }
}

}  // namespace
}  // namespace sightglass::journal
