#include "ingest/local_sockets.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <condition_variable>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace sightglass::ingest {
namespace {

// Keeps what it is given; can be told to refuse, or to wait at a gate.
class Recorder {
 public:
  Outcome take(Request& request) {
    std::unique_lock lock(mutex_);
    entered_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
    Outcome outcome;
    if (refusals_ > 0) {
      --refusals_;
      outcome.refusal = refusal_;
      return outcome;
    }
    std::string_view rest = request.body;
    while (!rest.empty()) {
      const auto end = rest.find('\n');
      lines_.emplace_back(rest.substr(0, end));
      rest.remove_prefix(end + 1);
    }
    changed_.notify_all();
    return outcome;
  }
  // Waits for so many lines; what came.
  std::vector<std::string> wait_lines(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(120), [&] { return lines_.size() >= count; });
    return lines_;
  }
  void wait_entered() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(120), [&] { return entered_; });
  }
  void shut() {
    const std::scoped_lock lock(mutex_);
    open_ = false;
  }
  void open() {
    const std::scoped_lock lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void refuse(Refusal refusal, int times) {
    const std::scoped_lock lock(mutex_);
    refusal_ = refusal;
    refusals_ = times;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> lines_;
  bool open_ = true, entered_ = false;
  Refusal refusal_ = Refusal::kNone;
  int refusals_ = 0;
};

class LocalSocketsTest : public testing::Test {
 protected:
  LocalSocketsTest() {
    char name[] = "/tmp/sightglass-local-XXXXXX";
    folder = ::mkdtemp(name);
    options.folder = folder;
  }
  ~LocalSocketsTest() override {
    recorder.open();
    sockets.reset();
    std::error_code error;
    std::filesystem::remove_all(folder, error);
  }
  void start() {
    auto made = LocalSockets::open(
        options, [this](Request& request) { return recorder.take(request); }, telemetry, log);
    ASSERT_TRUE(made) << made.error().message;
    sockets = std::move(*made);
  }
  int connected(const std::string& file, int type) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const auto path = folder + "/" + file;
    std::memcpy(address.sun_path, path.data(), path.size());
    const int fd = ::socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return fd;
  }
  void datagram(std::string_view text) {
    const int fd = connected("ingest.sock", SOCK_DGRAM);
    EXPECT_EQ(::send(fd, text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
    ::close(fd);
  }
  static void write_all(int fd, std::string_view text) {
    while (!text.empty()) {
      const auto n = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
      ASSERT_GT(n, 0);
      text.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  std::uint64_t dropped(const char* reason) {
    return telemetry.counter("sightglass_local_dropped_total", "", {{"reason", reason}}).value();
  }
  using Lines = std::vector<std::string>;

  std::string folder;
  LocalSockets::Options options;
  Recorder recorder;
  Telemetry telemetry;
  NullLog log;
  std::unique_ptr<LocalSockets> sockets;
};

TEST_F(LocalSocketsTest, ADatagramIsOneOrMoreLines) {
  start();
  datagram("[METRIC] [u] error");
  datagram("one\ntwo\n");
  EXPECT_EQ(recorder.wait_lines(3), (Lines{"[METRIC] [u] error", "one", "two"}));
}

TEST_F(LocalSocketsTest, AStreamIsCutIntoItsLinesHoweverItIsSent) {
  start();
  const int fd = connected("ingest-stream.sock", SOCK_STREAM);
  write_all(fd, "one\ntw");
  EXPECT_EQ(recorder.wait_lines(1), (Lines{"one"}));
  write_all(fd, "o\nthree");
  EXPECT_EQ(recorder.wait_lines(2), (Lines{"one", "two"}));
  ::close(fd);
  EXPECT_EQ(recorder.wait_lines(3), (Lines{"one", "two", "three"}));
}

TEST_F(LocalSocketsTest, TheSocketsAreForOwnerAndGroupOnly) {
  start();
  for (const auto* name : {"/ingest.sock", "/ingest-stream.sock"}) {
    struct stat status{};
    ASSERT_EQ(::stat((folder + name).c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0660u);
  }
}

TEST_F(LocalSocketsTest, WhatIsTooLongIsDroppedAndCountedAndTheRestGoesOn) {
  start();
  datagram(std::string(LocalSockets::kDatagramBytes + 1, 'x'));
  const int fd = connected("ingest-stream.sock", SOCK_STREAM);
  write_all(fd, std::string(2u << 20, 'x'));
  write_all(fd, "\nafter\n");
  EXPECT_EQ(recorder.wait_lines(1), (Lines{"after"}));
  ::close(fd);
  EXPECT_EQ(dropped("too_long"), 2u);
}

TEST_F(LocalSocketsTest, DatagramsThatFindNoRoomAreDroppedAndCountedAndNoneIsLostUncounted) {
  recorder.shut();
  start();
  datagram("first");
  recorder.wait_entered();
  const std::string text(60'000, 'x');
  constexpr std::size_t kSent = 100;  // 6 MB
  for (std::size_t i = 0; i < kSent; ++i) datagram(text);
  recorder.open();
  sockets->close();
  const auto lines = recorder.wait_lines(1);
  EXPECT_GT(dropped("queue_full"), 0u);
  EXPECT_EQ(lines.size() + dropped("queue_full"), kSent + 1);
}

TEST_F(LocalSocketsTest, AStreamWaitsInsteadOfBeingDropped) {
  recorder.shut();
  start();
  datagram("first");
  recorder.wait_entered();
  const int fd = connected("ingest-stream.sock", SOCK_STREAM);
  constexpr std::size_t kLines = 100'000;
  std::thread sender([&] {
    const std::string line(79, 'x');
    for (std::size_t i = 0; i < kLines; ++i) write_all(fd, line + "\n");
    ::close(fd);
  });
  recorder.open();
  sender.join();
  EXPECT_EQ(recorder.wait_lines(kLines + 1).size(), kLines + 1);
  EXPECT_EQ(dropped("queue_full"), 0u);
}

TEST_F(LocalSocketsTest, LinesAreKeptWhileNothingCanBeRecorded) {
  recorder.refuse(Refusal::kUnavailable, 3);
  start();
  datagram("one");
  EXPECT_EQ(recorder.wait_lines(1), (Lines{"one"}));
}

TEST_F(LocalSocketsTest, WhatCanNeverBeRecordedIsDroppedAndCounted) {
  recorder.refuse(Refusal::kInternal, 1);
  start();
  datagram("one");
  recorder.wait_entered();
  datagram("two");
  const auto lines = recorder.wait_lines(1);
  sockets->close();
  EXPECT_EQ(lines.size() + dropped("refused"), 2u);
  EXPECT_GE(dropped("refused"), 1u);
}

TEST_F(LocalSocketsTest, ClosingRecordsWhatHasCome) {
  start();
  for (int i = 0; i < 100; ++i) datagram(std::to_string(i));
  sockets->close();
  EXPECT_EQ(recorder.wait_lines(100).size(), 100u);
}

TEST_F(LocalSocketsTest, ClosingEndsEvenWhereNothingCanBeRecorded) {
  recorder.refuse(Refusal::kUnavailable, 1'000'000);
  start();
  datagram("one");
  recorder.wait_entered();
  sockets->close();
  EXPECT_EQ(dropped("shutdown"), 1u);
}

TEST_F(LocalSocketsTest, AStaleSocketIsReplacedAndALiveOneIsNot) {
  start();
  const auto second = LocalSockets::open(
      options, [this](Request& request) { return recorder.take(request); }, telemetry, log);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kExists);
  sockets.reset();
  start();
  datagram("one");
  EXPECT_EQ(recorder.wait_lines(1), (Lines{"one"}));
}

}  // namespace
}  // namespace sightglass::ingest
