// The operational log's sinks: console, syslog, journald.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <sstream>
#include <thread>

#include "base/sha256.h"
#include "logs/logs.h"

namespace sightglass::logs {
namespace {

struct Pipe {
  int fds[2];
  Pipe() { EXPECT_EQ(::pipe(fds), 0); }
  ~Pipe() {
    ::close(fds[0]);
    close_write();
  }
  void close_write() {
    if (fds[1] >= 0) ::close(fds[1]);
    fds[1] = -1;
  }
  std::string read_all() {
    close_write();
    std::string out;
    char buffer[4096];
    for (ssize_t n = 0; (n = ::read(fds[0], buffer, sizeof buffer)) > 0;) {
      out.append(buffer, static_cast<std::size_t>(n));
    }
    return out;
  }
  std::string stream_id() const {
    struct stat info{};
    fstat(fds[1], &info);
    return std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino);
  }
};

// A syslog daemon's socket in a folder of its own.
struct Daemon {
  std::string folder, path;
  int fd = -1;
  Daemon() {
    char name[] = "/tmp/sightglass_syslog_XXXXXX";
    folder = mkdtemp(name);
    path = folder + "/log";
    listen();
  }
  ~Daemon() {
    stop();
    std::filesystem::remove_all(folder);
  }
  void listen() {
    fd = ::socket(AF_UNIX, SOCK_DGRAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  void stop() {
    if (fd >= 0) ::close(fd);
    fd = -1;
    ::unlink(path.c_str());
  }
  std::string receive() const {
    char buffer[10000];
    const auto n = ::recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
    return n < 0 ? "" : std::string(buffer, static_cast<std::size_t>(n));
  }
};

constexpr const char* kId = "b7c1a5f9-2b2e-4ac6-9f0d-9f6d2e0b7a6e";

std::string local(const char* format, Nanos wall_ns) {
  const std::time_t seconds = wall_ns / kSecond;
  char out[32];
  return {out, std::strftime(out, sizeof out, format, std::localtime(&seconds))};
}

struct Fixture {
  ManualClock clock{1'755'611'952 * kSecond};
  Telemetry telemetry;
  Pipe pipe;
  Options options;
  Fixture() { options.console_fd = pipe.fds[1]; }
  std::unique_ptr<SinkLog> make() { return make_sink_log(options, telemetry, clock); }
  std::string time() const { return local("%H:%M:%S", clock.wall_ns()); }
};

// S2-B27, S2-F32, S2-B29, S2-C02
TEST(SinkLog, AConsoleLineHasTimeLevelPrefixAndHashedKeys) {
  Fixture f;
  const std::string key = "sk-ant-api03-abcdefghijklmnop";
  f.make()->write(Level::kInfo, "gateway", "upstream said no to " + key, kId);
  EXPECT_EQ(f.pipe.read_all(), f.time() + " - INFO - [b7c1a5f9] upstream said no to sk-" +
                                   sha256_hex(key).substr(0, 8) + "\n");
}

TEST(SinkLog, ThePrefixStandsOnce) {
  Fixture f;
  auto log = f.make();
  log->write(Level::kWarn, "gateway", "[b7c1a5f9] already there", kId);
  log->write(Level::kWarn, "gateway", "no request", {});
  EXPECT_EQ(f.pipe.read_all(), f.time() + " - WARN - [b7c1a5f9] already there\n" + f.time() +
                                   " - WARN - no request\n");
}

TEST(SinkLog, AMessageCannotBeginALineOfItsOwn) {
  Fixture f;
  f.make()->write(Level::kInfo, "x", "a\nb\r\x1b[31mc", {});
  EXPECT_EQ(f.pipe.read_all(), f.time() + " - INFO - a b  [31mc\n");
}

// S2-B32, S2-B33, S2-B30
TEST(SinkLog, NoisyLoggersAreDebugAtInfoAndOnlyThen) {
  Fixture f;
  auto log = f.make();
  for (const char* logger : {"httpx", "httpcore.http11", "openai", "httpxy", "upstream"}) {
    log->write(Level::kInfo, logger, "chatter", {});
  }
  log->write(Level::kWarn, "httpx", "trouble", {});
  EXPECT_EQ(f.pipe.read_all(), f.time() + " - WARN - trouble\n");
  Fixture debug;
  debug.options.level = Level::kDebug;
  debug.make()->write(Level::kInfo, "httpx", "chatter", {});
  EXPECT_EQ(debug.pipe.read_all(), debug.time() + " - DEBUG - chatter\n");
}

// S2-B25, S2-B26, S2-B29
TEST(SinkLog, SyslogGetsRfc3164DatagramsAndTheConsoleTheSameLines) {
  Daemon daemon;
  Fixture f;
  f.options.syslog = true;
  f.options.syslog_path = daemon.path;
  auto log = f.make();
  log->write(Level::kError, "gateway", "Bearer admin-key refused", kId);
  const std::string text =
      "ERROR - [b7c1a5f9] Bearer " + sha256_hex("admin-key").substr(0, 8) + " refused";
  EXPECT_EQ(daemon.receive(), "<27>" + local("%b %e %H:%M:%S", f.clock.wall_ns()) + " sightglass[" +
                                  std::to_string(getpid()) + "]: " + text);
  EXPECT_EQ(f.pipe.read_all(), f.time() + " - " + text + "\n");
  EXPECT_TRUE(log->state().requested);
  EXPECT_TRUE(log->state().effective);
  EXPECT_EQ(log->state().handler, Handler::kSyslog);
}

// S2-B30: the downgrade holds on every handler.
TEST(SinkLog, SyslogDoesNotGetNoisyLoggersEither) {
  Daemon daemon;
  Fixture f;
  f.options.syslog = true;
  f.options.syslog_path = daemon.path;
  f.make()->write(Level::kInfo, "httpx", "chatter", {});
  EXPECT_EQ(daemon.receive(), "");
}

// S2-B26: absent socket: console, said once.
TEST(SinkLog, WithoutTheSocketTheConsoleTakesOverAndSaysSoOnce) {
  Fixture f;
  f.options.syslog = true;
  f.options.syslog_path = "/nonexistent/log";
  auto log = f.make();
  log->write(Level::kInfo, "x", "one", {});
  log->write(Level::kInfo, "x", "two", {});
  EXPECT_TRUE(log->state().requested);
  EXPECT_FALSE(log->state().effective);
  EXPECT_EQ(log->state().handler, Handler::kConsole);
  EXPECT_EQ(f.pipe.read_all(),
            f.time() +
                " - WARN - syslog was asked for, but its socket is not there: console only\n" +
                f.time() + " - INFO - one\n" + f.time() + " - INFO - two\n");
}

TEST(SinkLog, ARestartedDaemonIsFoundAgainAndAMissingOneLosesNoLine) {
  Daemon daemon;
  Fixture f;
  f.options.syslog = true;
  f.options.syslog_path = daemon.path;
  f.options.console = false;
  auto log = f.make();
  daemon.stop();
  log->write(Level::kInfo, "x", "while away", {});
  daemon.listen();
  log->write(Level::kInfo, "x", "back", {});
  EXPECT_NE(daemon.receive().find("]: INFO - back"), std::string::npos);
  EXPECT_EQ(f.pipe.read_all(), f.time() + " - INFO - while away\n");
}

// S2-B28
TEST(SinkLog, UnderJournaldTheLineHasAPriorityAndNoTimeOfItsOwn) {
  Fixture f;
  f.options.journal_stream = f.pipe.stream_id();
  auto log = f.make();
  log->write(Level::kWarn, "x", "careful", kId);
  EXPECT_EQ(log->state().handler, Handler::kJournald);
  EXPECT_EQ(f.pipe.read_all(), "<4>WARN - [b7c1a5f9] careful\n");
}

TEST(SinkLog, AnInheritedJournalVariableAloneMeansNothing) {
  Fixture f;
  f.options.journal_stream = "1:1";
  auto log = f.make();
  EXPECT_EQ(log->state().handler, Handler::kConsole);
}

// S2-B31: with many writers each line is whole and carries its own id.
TEST(SinkLog, LinesOfParallelRequestsAreWholeAndCarryTheirOwnIds) {
  Fixture f;
  auto log = f.make();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&log, t] {
      const std::string id(8, static_cast<char>('a' + t));
      for (int i = 0; i < 50; ++i) log->write(Level::kInfo, "x", "request of " + id, id);
    });
  }
  for (auto& thread : threads) thread.join();
  std::istringstream in(f.pipe.read_all());
  int lines = 0;
  for (std::string line; std::getline(in, line); ++lines) {
    const auto id = line.substr(line.size() - 8);
    EXPECT_EQ(line, f.time() + " - INFO - [" + id + "] request of " + id);
  }
  EXPECT_EQ(lines, 200);
}

TEST(SinkLog, LinesThatNobodyTookAreCounted) {
  Fixture f;
  f.options.console_fd = -1;
  f.make()->write(Level::kInfo, "x", "lost", {});
  EXPECT_EQ(
      f.telemetry.counter("sightglass_log_lines_lost_total", "", {{"sink", "console"}}).value(),
      1u);
}

}  // namespace
}  // namespace sightglass::logs
