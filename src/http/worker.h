// The server's inside: what its workers share, and one worker. Not for other rooms.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "http/admission.h"
#include "http/server.h"
#include "net/loop.h"

namespace sightglass::http {

class Connection;

// Why something was turned away, beside the codec's own reasons.
enum class Reason : std::uint8_t {
  kBadHost,
  kBadPath,
  kNotFound,
  kBadMethod,
  kForeignOrigin,
  kEmbedding,
  kUnauthenticated,
  kForbidden,
  kRateLimited,
  kDraining,
  kHeaderTimeout,
  kBodyTimeout,
  kBodyTooLarge,
  kConnections,
  kConnectionsPerAddress,
  kDescriptors,
  kForeignUser,
  kTlsFailed,
  kTlsTimeout,
  kWriteTimeout,
  kWriteOverflow,
  kLengthMismatch,
  kBadResponseField,
  kCount
};

class Rejections {
 public:
  explicit Rejections(Telemetry& telemetry);
  void add(Reason reason) { reasons_[static_cast<std::size_t>(reason)]->add(); }
  void add(net::ParseError error) { parse_errors_[static_cast<std::size_t>(error)]->add(); }

 private:
  std::array<Counter*, static_cast<std::size_t>(Reason::kCount)> reasons_{};
  std::array<Counter*, static_cast<std::size_t>(net::ParseError::kBodyTooLarge) + 1>
      parse_errors_{};
};

// How many connections each foreign address holds. Bounds: one entry per open connection at most.
// Threads: any; asked when connections come and go, never per request.
class AddressCounts {
 public:
  bool enter(const std::string& address, std::size_t limit);  // false: it holds `limit` already
  void leave(const std::string& address);

 private:
  std::mutex mutex_;
  std::unordered_map<std::string, std::size_t> counts_;
};

// A Listen that was bound.
struct Door {
  std::size_t index = 0;
  std::uint16_t port = 0;
  bool is_unix = false;
  bool loopback = false;
  std::uint32_t realms = 0;  // bits by Realm
  HostRule hosts;
  std::shared_ptr<net::TlsContext> tls;
  bool serves(Realm realm) const { return (realms >> static_cast<unsigned>(realm) & 1u) != 0; }
};

// What all workers see; immutable once they run, but for what is atomic or locks itself.
struct Shared {
  Shared(ServerOptions o, const Router& r, Gatekeeper& g, Telemetry& telemetry, Log& l);
  Response error(std::string_view path, int status, std::string_view type,
                 std::string_view sentence, std::string_view request_id) const;

  ServerOptions options;
  const Router& router;
  Gatekeeper& gatekeeper;
  Log& log;
  Rejections rejections;
  Counter& accepted;
  Gauge& open_connections;
  AddressSet trusted;
  std::vector<Door> doors;
  AddressCounts addresses;
  std::atomic<std::size_t> connections{0};
  std::atomic<bool> draining{false};
};

// One loop's listeners and connections. Threads: the loop's, but where said.
class Worker {
 public:
  Worker(Shared& shared, net::Loop& loop, std::size_t index, Telemetry& telemetry);
  ~Worker();

  void listen(int fd, const Door& door);  // before the loop's first event; takes the descriptor
  void start();
  void stop_accepting();
  void close_all();
  std::size_t in_flight() const {
    return in_flight_.load(std::memory_order_acquire);
  }  // any thread

  // For connections:
  Shared& shared() { return shared_; }
  net::Loop& loop() { return loop_; }
  std::size_t index() const { return index_; }
  Random& random() { return *random_; }
  Counter& requests() { return requests_; }
  std::string_view date_line();  // "Date: …\r\n", renewed once a second
  // One read's worth of bytes, for the connection that is being served right now.
  static constexpr std::size_t kScratchBytes = 64 << 10;
  char* scratch() { return scratch_.get(); }
  std::string& head_text() { return head_text_; }  // for building an answer's head
  void exchange_began() { in_flight_.fetch_add(1, std::memory_order_relaxed); }
  void exchange_ended() { in_flight_.fetch_sub(1, std::memory_order_release); }
  void closed(Connection* connection);

 private:
  void recycle();
  class Acceptor;
  void welcome(int fd, const Door& door, std::string peer);
  void turn_away(int fd, const Door& door, Reason reason);
  bool relieve(int listener);  // EMFILE: closes one waiting connection by the spare descriptor

  Shared& shared_;
  net::Loop& loop_;
  const std::size_t index_;
  std::unique_ptr<Random> random_;
  Counter& requests_;
  std::unique_ptr<char[]> scratch_;
  std::string head_text_;
  char date_line_[48];
  std::size_t date_length_ = 0;
  std::int64_t date_second_ = -1;
  std::atomic<std::size_t> in_flight_{0};
  std::vector<std::unique_ptr<Acceptor>> acceptors_;
  std::vector<std::unique_ptr<Connection>> open_;
  std::vector<std::unique_ptr<Connection>> retired_;  // closed in this round
  std::vector<std::unique_ptr<Connection>> spare_;    // to be used again
  net::Later recycle_;
  int spare_fd_ = -1;
};

}  // namespace sightglass::http
