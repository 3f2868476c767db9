#include "ingest/local_sockets.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <list>
#include <mutex>
#include <thread>
#include <vector>

#include "codec/json_reader.h"
#include "net/stream.h"

namespace sightglass::ingest {
namespace {

constexpr std::size_t kRunBytes = 256u << 10;  // recorded at a time
constexpr std::size_t kReadBytes = 64u << 10;
constexpr int kRoundReads = 256;  // datagrams in a row before the streams have their turn
constexpr auto kRetry = std::chrono::milliseconds(100);
constexpr int kFullPollMs = 20;

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

// A bound datagram socket in place of a stale one.
Result<int> bind_datagrams(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return fail(Code::kInvalid, "the socket's path is too long; set ingest.socket_folder");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  Descriptor fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return fail_errno("socket", errno);
  struct stat status{};
  if (::lstat(path.c_str(), &status) == 0) {
    if (!S_ISSOCK(status.st_mode)) return fail(Code::kExists, "the path is not a socket");
    const Descriptor probe(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (::connect(probe.get(), generic, sizeof address) == 0) {
      return fail(Code::kExists, "the socket is in use");
    }
    ::unlink(path.c_str());
  }
  if (::fchmod(fd.get(), 0660) != 0 || ::bind(fd.get(), generic, sizeof address) != 0 ||
      ::chmod(path.c_str(), 0660) != 0) {
    return fail_errno("bind", errno);
  }
  return fd.release();
}

std::uint64_t count_lines(std::string_view text) {
  return static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
}

// The beginning of `text` that ends with a line, at most kRunBytes unless one line is longer.
std::string_view run_of(std::string_view text) {
  if (text.size() <= kRunBytes) return text;
  auto end = text.rfind('\n', kRunBytes - 1);
  if (end == std::string_view::npos) end = text.find('\n');
  return text.substr(0, end + 1);
}

class LocalSocketsImpl final : public LocalSockets {
 public:
  LocalSocketsImpl(Take take, Telemetry& telemetry, Log& log)
      : take_(std::move(take)),
        log_(log),
        datagram_lines_(lines(telemetry, "datagram")),
        stream_lines_(lines(telemetry, "stream")),
        queue_full_(dropped(telemetry, "queue_full")),
        too_long_(dropped(telemetry, "too_long")),
        refused_(dropped(telemetry, "refused")),
        closing_lost_(dropped(telemetry, "shutdown")) {}
  ~LocalSocketsImpl() override { LocalSocketsImpl::close(); }

  Status begin(const Options& options) {
    const auto datagrams = options.folder + "/ingest.sock";
    const auto streams = options.folder + "/ingest-stream.sock";
    auto fd = bind_datagrams(datagrams);
    if (!fd) return fail(datagrams, std::move(fd).error());
    datagrams_.emplace(*fd);
    fd = net::listen_unix(streams);
    if (!fd) return fail(streams, std::move(fd).error());
    listener_.emplace(*fd);
    if (::chmod(streams.c_str(), 0660) != 0) return fail_errno(streams, errno);
    wake_.emplace(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    reader_ = std::thread([this] { read_all(); });
    writer_ = std::thread([this] { record_all(); });
    pthread_setname_np(reader_.native_handle(), "sg-local-read");
    pthread_setname_np(writer_.native_handle(), "sg-local-rec");
    return {};
  }

  void close() override {
    if (!reader_.joinable()) return;
    const std::uint64_t one = 1;
    stopping_.store(true);
    (void)!::write(wake_->get(), &one, sizeof one);
    reader_.join();
    {
      const std::scoped_lock lock(mutex_);
      closed_ = true;
    }
    changed_.notify_all();
    writer_.join();
  }

 private:
  struct Connection {
    Descriptor socket;
    std::string partial;    // a line that has not ended
    bool skipping = false;  // the rest of a line that is too long
  };

  static Counter& lines(Telemetry& telemetry, const char* socket) {
    return telemetry.counter("sightglass_local_lines_total",
                             "Lines that came through the local sockets.", {{"socket", socket}});
  }
  static Counter& dropped(Telemetry& telemetry, const char* reason) {
    return telemetry.counter("sightglass_local_dropped_total",
                             "Lines of the local sockets that were dropped, by reason.",
                             {{"reason", reason}});
  }

  // ---- the reader -------------------------------------------------------------------------------

  void read_all() {
    std::vector<char> buffer(std::max(kReadBytes, kDatagramBytes + 1));
    while (!stopping_.load()) {
      const bool full = is_full();
      const bool room = connections_.size() < kConnections;
      std::vector<pollfd> polled = {{wake_->get(), POLLIN, 0},
                                    {datagrams_->get(), POLLIN, 0},
                                    {room ? listener_->get() : -1, POLLIN, 0}};
      for (const auto& connection : connections_) {
        polled.push_back({full ? -1 : connection.socket.get(), POLLIN, 0});
      }
      if (::poll(polled.data(), polled.size(), full ? kFullPollMs : -1) < 0) continue;
      auto at = polled.begin() + 3;
      for (auto it = connections_.begin(); it != connections_.end(); ++at) {
        const bool stays = at->revents == 0 || is_full() || read_stream(*it, buffer);
        it = stays ? std::next(it) : connections_.erase(it);
      }
      if (polled[1].revents != 0) read_datagrams(buffer);
      if (polled[2].revents == 0) continue;
      if (auto fd = net::accept_connection(listener_->get())) {
        connections_.push_back({Descriptor(*fd), {}, false});
      }
    }
    read_datagrams(buffer);
    for (auto& connection : connections_) {
      while (!is_full() && read_stream(connection, buffer)) {
      }
    }
    connections_.clear();
  }

  void read_datagrams(std::vector<char>& buffer) {
    for (int i = 0; i < kRoundReads; ++i) {
      const auto n = ::recv(datagrams_->get(), buffer.data(), kDatagramBytes + 1, MSG_DONTWAIT);
      if (n < 0) return;
      const std::string_view text(buffer.data(), static_cast<std::size_t>(n));
      const auto count = count_lines(text) + (text.ends_with('\n') || text.empty() ? 0 : 1);
      datagram_lines_.add(count);
      if (text.size() > kDatagramBytes) {
        too_long_.add(count);
      } else if (!enqueue(text)) {
        queue_full_.add(count);
      }
    }
  }

  // False: the connection is over.
  bool read_stream(Connection& connection, std::vector<char>& buffer) {
    const auto n = ::recv(connection.socket.get(), buffer.data(), kReadBytes, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return !stopping_.load();
    if (n <= 0) {
      if (!connection.partial.empty()) {
        stream_lines_.add();
        if (!enqueue(connection.partial)) queue_full_.add();
      }
      return false;
    }
    std::string_view text(buffer.data(), static_cast<std::size_t>(n));
    stream_lines_.add(count_lines(text));
    if (connection.skipping) {
      const auto end = text.find('\n');
      if (end == std::string_view::npos) return true;
      connection.skipping = false;
      text.remove_prefix(end + 1);
    }
    const auto end = text.rfind('\n') + 1;  // npos + 1 is 0
    if (end > 0) {
      connection.partial.append(text.substr(0, end));
      if (!enqueue(connection.partial)) queue_full_.add(count_lines(connection.partial));
      connection.partial.clear();
    }
    connection.partial.append(text.substr(end));
    if (connection.partial.size() > codec::kMaxRecordBytes) {
      too_long_.add();
      connection.partial = std::string();
      connection.skipping = true;
    }
    return true;
  }

  // Streams stop being read here: the longest line and a buffer still fit behind it.
  bool is_full() {
    const std::scoped_lock lock(mutex_);
    return pending_.size() >= kPendingBytes / 2;
  }

  bool enqueue(std::string_view text) {
    if (text.empty()) return true;
    {
      const std::scoped_lock lock(mutex_);
      if (pending_.size() + text.size() + 1 > kPendingBytes) return false;
      pending_.append(text);
      if (pending_.back() != '\n') pending_.push_back('\n');
    }
    changed_.notify_one();
    return true;
  }

  // ---- the writer -------------------------------------------------------------------------------

  void record_all() {
    std::string lines;
    for (;;) {
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return closed_ || !pending_.empty(); });
        if (pending_.empty()) return;
        lines.clear();
        std::swap(lines, pending_);
      }
      std::string_view rest = lines;
      while (!rest.empty()) {
        const auto run = run_of(rest);
        record(run);
        rest.remove_prefix(run.size());
      }
    }
  }

  // Until it is recorded, or can never be.
  void record(std::string_view run) {
    while (!run.empty()) {
      Request request;
      request.form = Form::kLines;
      request.body.reserve(run.size() + codec::kPadding);
      request.body = run;
      const auto outcome = take_(request);
      for (std::uint64_t line = 1; line < outcome.resume_line && !run.empty(); ++line) {
        run.remove_prefix(std::min(run.find('\n') + 1, run.size()));
      }
      switch (outcome.refusal) {
        case Refusal::kNone:
          return;
        case Refusal::kNoMemory:
        case Refusal::kBusySource:
        case Refusal::kBehind:
        case Refusal::kUnavailable:
          break;
        default:
          refused_.add(count_lines(run));
          return;
      }
      std::unique_lock lock(mutex_);
      if (changed_.wait_for(lock, kRetry, [this] { return closed_; })) {
        closing_lost_.add(count_lines(run));
        log_.warn("ingest", "lines of the local sockets were lost: nothing could be recorded");
        return;
      }
    }
  }

  const Take take_;
  Log& log_;
  Counter& datagram_lines_;
  Counter& stream_lines_;
  Counter& queue_full_;
  Counter& too_long_;
  Counter& refused_;
  Counter& closing_lost_;
  std::optional<Descriptor> datagrams_, listener_, wake_;
  std::list<Connection> connections_;
  std::atomic<bool> stopping_ = false;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::string pending_;  // whole lines
  bool closed_ = false;

  std::thread reader_, writer_;
};

}  // namespace

Result<std::unique_ptr<LocalSockets>> LocalSockets::open(const Options& options, Take take,
                                                         Telemetry& telemetry, Log& log) {
  auto made = std::make_unique<LocalSocketsImpl>(std::move(take), telemetry, log);
  SG_TRY(made->begin(options));
  return made;
}

}  // namespace sightglass::ingest
