#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <mutex>

#include "base/text.h"
#include "logs/logs.h"

namespace sightglass::logs {
namespace {

constexpr std::size_t kMaxLineBytes = 8192;
constexpr int kFacilityDaemon = 3;

int severity(Level level) {  // RFC 3164, table 2
  switch (level) {
    case Level::kDebug:
      return 7;
    case Level::kInfo:
      return 6;
    case Level::kWarn:
      return 4;
    case Level::kError:
      return 3;
    case Level::kCritical:
      return 2;
  }
  return 6;
}

std::string_view upper_name(Level level) {
  constexpr std::array<std::string_view, 5> kNames = {"DEBUG", "INFO", "WARN", "ERROR", "CRITICAL"};
  return kNames[static_cast<std::size_t>(level)];
}

// JOURNAL_STREAM holds "device:inode" of the stream that journald reads (systemd.exec(5)); the
// variable is inherited by whoever redirects that stream, so both must agree.
bool is_journal_stream(const std::string& journal_stream, int fd) {
  struct stat info{};
  if (journal_stream.empty() || fstat(fd, &info) != 0) return false;
  return journal_stream == std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino);
}

// The datagram socket of the local syslog daemon.
class SyslogSocket {
 public:
  explicit SyslogSocket(std::string path) : path_(std::move(path)) {}
  ~SyslogSocket() { drop(); }
  SyslogSocket(const SyslogSocket&) = delete;
  SyslogSocket& operator=(const SyslogSocket&) = delete;

  bool connect() {
    drop();
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path_.size() >= sizeof address.sun_path) return false;
    std::memcpy(address.sun_path, path_.data(), path_.size());
    fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd_ < 0) return false;
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
      return true;
    drop();
    return false;
  }

  // One more connection is tried, since a daemon that restarted has a new socket. A full queue
  // (EAGAIN) is not waited for.
  bool send(std::string_view datagram) {
    for (int attempt = 0; attempt < 2; ++attempt) {
      if (fd_ < 0 && !connect()) return false;
      const auto n = ::send(fd_, datagram.data(), datagram.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n >= 0) return true;
      if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EMSGSIZE) return false;
      drop();
    }
    return false;
  }

 private:
  void drop() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  std::string path_;
  int fd_ = -1;
};

class Sinks final : public SinkLog {
 public:
  Sinks(const Options& options, Telemetry& telemetry, const Clock& clock)
      : options_(options),
        clock_(clock),
        syslog_(options.syslog_path),
        journald_(is_journal_stream(options.journal_stream, options.console_fd)),
        lost_console_(lost(telemetry, "console")),
        lost_syslog_(lost(telemetry, "syslog")) {
    // Under journald the console is the journal; its socket would bring each line twice.
    use_syslog_ = options_.syslog && !journald_ && syslog_.connect();
    if (options_.syslog && !journald_ && !use_syslog_) {
      write(Level::kWarn, "logs", "syslog was asked for, but its socket is not there: console only",
            {});
    }
  }

  void write(Level level, std::string_view logger, std::string_view message,
             std::string_view request_id) override {
    const ConsoleLine line{level, std::string(logger), std::string(message),
                           std::string(request_id)};
    write_lines({&line, 1});
  }

  void write_lines(std::span<const ConsoleLine> lines) override {
    const std::scoped_lock lock(mutex_);
    buffer_.clear();
    for (const auto& line : lines) {
      const Level level = effective_level(line.level, line.logger);
      if (!enabled(level)) continue;
      const std::string text = render(level, line);
      const bool sent = use_syslog_ && send_syslog(level, text);
      if (options_.console || (use_syslog_ && !sent)) append_console(level, text);
    }
    if (!buffer_.empty()) write_console();
  }

  bool enabled(Level level) const override { return level >= options_.level; }

  SinkState state() const override {
    const std::scoped_lock lock(mutex_);
    SinkState out;
    out.requested = options_.syslog || journald_;
    out.effective = use_syslog_ || journald_;
    if (use_syslog_) out.handler = Handler::kSyslog;
    if (journald_) out.handler = Handler::kJournald;
    return out;
  }

  void flush() override {}  // nothing is held back

 private:
  static Counter& lost(Telemetry& telemetry, const char* sink) {
    return telemetry.counter("sightglass_log_lines_lost_total",
                             "Lines of text that a log sink did not take.", {{"sink", sink}});
  }

  // `LEVEL - [b7c1a5f9] message`, with hashed keys, on one line.
  static std::string render(Level level, const ConsoleLine& line) {
    std::string text(upper_name(level));
    text.append(" - ");
    if (!line.request_id.empty()) {
      const std::string prefix = "[" + line.request_id.substr(0, 8) + "] ";
      if (!std::string_view(line.message).starts_with(prefix)) text.append(prefix);
    }
    text.append(hash_keys(line.message));
    for (char& c : text) {
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
    }
    if (text.size() > kMaxLineBytes) text.resize(kMaxLineBytes);
    return text;
  }

  std::tm local_time() const {
    const std::time_t now = static_cast<std::time_t>(clock_.wall_ns() / kSecond);
    std::tm parts{};
    localtime_r(&now, &parts);
    return parts;
  }

  void append_console(Level level, const std::string& text) {
    if (journald_) {
      buffer_.append("<").append(std::to_string(severity(level))).append(">");
    } else {
      const auto now = local_time();
      char time[16];
      buffer_.append(time, std::strftime(time, sizeof time, "%H:%M:%S", &now)).append(" - ");
    }
    buffer_.append(text).push_back('\n');
  }

  void write_console() {
    std::string_view left = buffer_;
    while (!left.empty()) {
      const auto n = ::write(options_.console_fd, left.data(), left.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) {
        lost_console_.add(static_cast<std::uint64_t>(std::count(left.begin(), left.end(), '\n')));
        return;
      }
      left.remove_prefix(static_cast<std::size_t>(n));
    }
  }

  // As syslog(3) sends to a local daemon: RFC 3164 without the host name, which the daemon adds.
  bool send_syslog(Level level, const std::string& text) {
    constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const auto now = local_time();
    char head[80];
    const int n = std::snprintf(head, sizeof head, "<%d>%s %2d %02d:%02d:%02d sightglass[%d]: ",
                                kFacilityDaemon * 8 + severity(level),
                                kMonths[static_cast<std::size_t>(now.tm_mon)], now.tm_mday,
                                now.tm_hour, now.tm_min, now.tm_sec, static_cast<int>(getpid()));
    if (syslog_.send(std::string(head, static_cast<std::size_t>(n)) + text)) return true;
    lost_syslog_.add();
    return false;
  }

  Options options_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  SyslogSocket syslog_;
  bool journald_ = false;
  bool use_syslog_ = false;
  Counter& lost_console_;
  Counter& lost_syslog_;
  std::string buffer_;
};

}  // namespace

std::string_view handler_name(Handler handler) {
  switch (handler) {
    case Handler::kConsole:
      return "console";
    case Handler::kSyslog:
      return "syslog";
    case Handler::kJournald:
      return "journald";
  }
  return "console";
}

Level effective_level(Level level, std::string_view logger) {
  if (level != Level::kInfo) return level;
  for (const std::string_view noisy : {"openai", "httpx", "httpcore", "upstream"}) {
    if (logger.starts_with(noisy)) return Level::kDebug;
  }
  return level;
}

std::unique_ptr<SinkLog> make_sink_log(const Options& options, Telemetry& telemetry,
                                       const Clock& clock) {
  return std::make_unique<Sinks>(options, telemetry, clock);
}

}  // namespace sightglass::logs
