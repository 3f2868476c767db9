#include "http/connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>

namespace sightglass::http {
namespace {

constexpr int kReadsPerRound = 16;  // then others get their turn
constexpr Nanos kLingerNs = 2 * kSecond;
constexpr std::size_t kKeptBytes = 16 << 10;  // of a buffer's memory, between uses

void recycle(std::string& buffer) {
  buffer.clear();
  if (buffer.capacity() > kKeptBytes) buffer = {};
}

// Views into [from, from + size) become views into `to`; others (literals of the codec) stay.
void rebase(std::string_view& view, const char* from, std::size_t size, const char* to) {
  if (view.data() >= from && view.data() <= from + size) {
    view = std::string_view(to + (view.data() - from), view.size());
  }
}

void rebase(net::RequestHead& head, const char* from, std::size_t size, const char* to) {
  for (auto* view : {&head.method, &head.target, &head.path, &head.query}) {
    rebase(*view, from, size, to);
  }
  for (auto& field : head.headers.all) {
    rebase(field.name, from, size, to);
    rebase(field.value, from, size, to);
  }
}

// Of a head that was refused: a person's client still gets the error in its protocol's shape.
std::string_view path_of(std::string_view head) {
  const auto line = head.substr(0, std::min(head.find('\r'), std::size_t{512}));
  const auto from = line.find(' ');
  if (from == std::string_view::npos) return {};
  const auto rest = line.substr(from + 1);
  return rest.substr(0, rest.find_first_of(" ?"));
}

}  // namespace

class Connection::Entry {
 public:
  explicit Entry(Connection& connection) : connection_(connection) { ++connection_.depth_; }
  ~Entry() { --connection_.depth_; }
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;

 private:
  Connection& connection_;
};

Connection::Connection(Worker& worker)
    : worker_(worker),
      shared_(worker.shared()),
      limits_(shared_.options.limits),
      timer_(worker.loop(), [this] { on_timer(); }),
      later_(worker.loop(), [this] { on_later(); }),
      parser_(limits_.head) {}

Connection::~Connection() = default;

Status Connection::open(std::unique_ptr<net::Stream> stream, const Door& door, std::string peer) {
  stream_ = std::move(stream);
  door_ = &door;
  peer_ = std::move(peer);
  peer_trusted_ = shared_.trusted.contains(peer_);
  readable_ = end_seen_ = reset_seen_ = blocked_ = flush_waits_ = writable_waits_ = false;
  host_seen_.clear();
  state_ = stream_->secure() ? State::kHandshake : State::kHead;
  next_head();
  if (stream_->secure()) {
    state_ = State::kHandshake;
    set_input_deadline(limits_.tls_handshake_ns);
  }
  return worker_.loop().add(stream_->fd(), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, this);
}

void Connection::on_io(std::uint32_t events) {
  if (state_ == State::kClosed) return;
  const Entry entry(*this);
  if ((events & (EPOLLHUP | EPOLLERR)) != 0) reset_seen_ = end_seen_ = true;
  if ((events & EPOLLRDHUP) != 0) end_seen_ = true;
  if ((events & ~std::uint32_t{EPOLLOUT}) != 0) readable_ = true;
  if (state_ == State::kHandshake) shake_hands();
  if (state_ == State::kClosed || state_ == State::kHandshake) return;
  if ((events & EPOLLOUT) != 0 && !out_.empty()) {
    blocked_ = false;
    flush();
  }
  pump();
  notice_departure();
  leave();
}

void Connection::shake_hands() {
  const auto result = stream_->handshake();
  if (result.state == net::IoState::kAgain) return;
  if (result.state != net::IoState::kOk) {
    shared_.rejections.add(Reason::kTlsFailed);
    return close_now();
  }
  readable_ = true;
  next_head();
}

bool Connection::wants_input() const {
  switch (state_) {
    case State::kHead:
    case State::kDiscard:
    case State::kLinger:
      return true;
    case State::kBody:
      return !paused_;
    default:
      return false;
  }
}

// Runs until nothing is left to do: input that waits, then the socket's.
void Connection::pump() {
  int reads = 0;
  for (;;) {
    if (end_pending_) settle();
    if (!wants_input()) return;
    if (rest_used_ < rest_.size()) {
      auto in = std::string_view(rest_).substr(rest_used_);
      feed(in);
      if (state_ == State::kClosed) return;
      rest_used_ = rest_.size() - in.size();
      if (in.empty()) {
        recycle(rest_);
        rest_used_ = 0;
      }
      continue;
    }
    if (!readable_) return;
    if (reads++ == kReadsPerRound) {
      return come_back();
    }
    const auto result = stream_->read(worker_.scratch(), Worker::kScratchBytes);
    if (result.state == net::IoState::kOk) {
      // A short read has emptied the socket, unless its end stands behind it. TLS holds bytes of
      // its own and is read until it says kAgain.
      if (result.bytes < Worker::kScratchBytes && !end_seen_ && !stream_->secure()) {
        readable_ = false;
      }
      std::string_view in(worker_.scratch(), result.bytes);
      feed(in);
      if (!in.empty() && state_ != State::kClosed) rest_.assign(in);
      continue;
    }
    readable_ = false;
    if (result.state == net::IoState::kEnd) end_of_input();
    if (result.state == net::IoState::kError) lost();
  }
}

void Connection::feed(std::string_view& in) {
  while (!in.empty() && wants_input()) {
    switch (state_) {
      case State::kHead:
        feed_head(in);
        break;
      case State::kBody:
      case State::kDiscard:
        feed_body(in);
        break;
      default:
        in = {};
        break;
    }
    if (end_pending_) settle();
  }
}

void Connection::feed_head(std::string_view& in) {
  if (!head_begun_) {
    head_begun_ = true;
    first_byte_ns_ = worker_.loop().now_ns();
    window_open_ = false;
  }
  std::size_t consumed = 0;
  const std::size_t before = head_text_.size();
  if (before > 0) head_text_.append(in);
  const std::string_view text = before > 0 ? std::string_view(head_text_) : in;
  const auto result = parser_.request(text, head_, consumed);
  if (result == net::ParseState::kNeedMore) {
    if (before == 0) {
      head_text_.assign(in);
      set_input_deadline(limits_.header_time_ns);
    }
    in = {};
    return;
  }
  if (result == net::ParseState::kBad) {
    const auto error = parser_.error();
    shared_.rejections.add(error);
    const std::string path(path_of(text));
    in = {};
    return refuse_unparsed(net::parse_error_status(error), net::parse_error_sentence(error), path);
  }
  if (before == 0) {
    head_text_.assign(in.substr(0, consumed));
    rebase(head_, in.data(), consumed, head_text_.data());
    in.remove_prefix(consumed);
  } else {
    in.remove_prefix(consumed - before);
    head_text_.resize(consumed);  // shrinks: the views stay
  }
  input_deadline_ns_ = 0;
  begin_exchange();
  if (!in.empty()) continue_waits_ = false;  // it sends its body without waiting for leave
  send_continue();
}

void Connection::feed_body(std::string_view& in) {
  for (;;) {
    const auto content = decoder_.next(in);
    if (decoder_.failed()) {
      in = {};
      shared_.rejections.add(net::ParseError::kBadChunk);
      return refuse_for_handler(400, "invalid_request_error",
                                net::parse_error_sentence(net::ParseError::kBadChunk));
    }
    if (!content.empty()) {
      body_seen_ += content.size();
      window_bytes_ += content.size();
      if (body_seen_ > body_limit_ && in_exchange_ && !started_) {
        in = {};
        shared_.rejections.add(Reason::kBodyTooLarge);
        return refuse_for_handler(413, "invalid_request_error", "The body is too large.");
      }
      if (handler_ && !ended_ && !end_pending_) handler_->on_body(*this, content);
    }
    if (decoder_.complete()) return body_complete();
    if (content.empty() || !wants_input()) return;
    // The answer ended early: the rest is dropped once it has gone out.
    if (end_pending_) return;
  }
}

void Connection::body_complete() {
  input_deadline_ns_ = 0;
  if (state_ == State::kDiscard) return next_head();
  state_ = State::kAnswer;
  if (handler_ && !ended_ && !end_pending_) handler_->on_body_end(*this);
}

void Connection::end_of_input() {
  end_seen_ = true;
  if (in_exchange_) return schedule_end(true);  // inside the body
  close_now();
}

void Connection::lost() {
  reset_seen_ = end_seen_ = true;
  if (in_exchange_) return schedule_end(true);
  close_now();
}

// The client left while its request is being served (Exchange says what a half-close means).
void Connection::notice_departure() {
  if (!in_exchange_ || !end_seen_) return;
  if (reset_seen_ || (head_.keep_alive && !ended_)) schedule_end(true);
}

void Connection::schedule_end(bool client_gone) {
  if (!in_exchange_ || end_pending_) return;
  end_pending_ = true;
  end_gone_ = client_gone;
  if (depth_ == 0) come_back();  // else whoever entered settles
}

// For what is asked for from outside of the connection's own code, perhaps by a handler that must
// not die on its own stack.
void Connection::come_back() { later_.schedule(); }

void Connection::on_later() {
  const Entry entry(*this);
  pump();
  leave();
}

// The last step of every entry point.
void Connection::leave() {
  while (state_ != State::kClosed && (flush_waits_ || writable_waits_ || end_pending_)) {
    if (flush_waits_) flush();
    if (writable_waits_) {
      writable_waits_ = false;
      if (handler_ && !ended_ && !end_pending_) handler_->on_writable(*this);
    }
    if (end_pending_) pump();  // which settles
  }
}

void Connection::settle() {
  if (!end_pending_) return;
  end_pending_ = false;
  ended_ = started_ = true;  // what the handler still says is not heard
  if (audited_) audit_done();
  if (handler_) {
    handler_->on_close(*this, end_gone_);
    handler_.reset();
  }
  in_exchange_ = false;
  worker_.exchange_ended();
  if (cut_ && framing_ == Framing::kUntilClose) {
    // Only a reset tells the client that this end is not the answer's.
    const linger reset{1, 0};
    setsockopt(stream_->fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  }
  if (end_gone_ || cut_) return close_now();
  if (!persist_) return linger_or_close();
  if (state_ == State::kBody) {
    state_ = State::kDiscard;
    paused_ = window_open_ = false;
    return set_input_deadline(limits_.body_grace_ns);
  }
  next_head();
}

void Connection::next_head() {
  state_ = State::kHead;
  parser_.reset();
  recycle(head_text_);
  head_begun_ = false;
  set_input_deadline(limits_.idle_ns);
}

// Closing while input is unread makes the kernel send a reset, which can overtake the answer.
void Connection::linger_or_close() {
  const bool clean = state_ == State::kAnswer && parsed_ && rest_.empty() && !readable_;
  if (end_seen_ || (clean && !stream_->secure())) return close_now();
  stream_->shutdown_write();
  if (clean) return close_now();
  state_ = State::kLinger;
  set_input_deadline(kLingerNs);
}

void Connection::close_now() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  timer_.disarm();
  later_.cancel();
  timer_deadline_ns_ = input_deadline_ns_ = output_deadline_ns_ = 0;
  worker_.loop().remove(stream_->fd());
  stream_.reset();
  out_.clear();
  recycle(head_text_);
  recycle(rest_);
  rest_used_ = 0;
  worker_.closed(this);
}

void Connection::cut() {
  if (state_ == State::kClosed) return;
  const Entry entry(*this);
  if (in_exchange_) {
    cut_ = true;
    schedule_end(false);
    return settle();
  }
  close_now();
}

void Connection::resume_body() {
  if (!paused_) return;
  paused_ = false;
  window_open_ = false;
  if (state_ != State::kBody) return;
  set_input_deadline(limits_.body_grace_ns);
  send_continue();
  if (depth_ == 0) come_back();  // else pump() goes on by itself
}

// Deadlines move with every request, the timer does not: it may fire early, looks, and arms itself
// for what is left.
void Connection::arm() {
  Nanos next = input_deadline_ns_;
  if (output_deadline_ns_ != 0 && (next == 0 || output_deadline_ns_ < next)) {
    next = output_deadline_ns_;
  }
  if (next == 0 || (timer_.armed() && timer_deadline_ns_ <= next)) return;
  timer_deadline_ns_ = next;
  timer_.arm(std::max<Nanos>(next - worker_.loop().now_ns(), 0));
}

void Connection::set_input_deadline(Nanos after_ns) {
  input_deadline_ns_ = worker_.loop().now_ns() + after_ns;
  arm();
}

void Connection::set_output_deadline() {
  output_deadline_ns_ = worker_.loop().now_ns() + limits_.idle_ns;
  arm();
}

void Connection::on_timer() {
  if (state_ == State::kClosed) return;
  const Entry entry(*this);
  const auto now = worker_.loop().now_ns();
  if (output_deadline_ns_ != 0 && now >= output_deadline_ns_) {
    shared_.rejections.add(Reason::kWriteTimeout);
    schedule_end(true);
  } else if (input_deadline_ns_ != 0 && now >= input_deadline_ns_) {
    on_input_timeout(now);
  }
  pump();
  leave();
  if (state_ != State::kClosed) arm();
}

void Connection::on_input_timeout(Nanos now_ns) {
  switch (state_) {
    case State::kHandshake:
      shared_.rejections.add(Reason::kTlsTimeout);
      return close_now();
    case State::kHead:
      if (!head_begun_) return close_now();  // idle
      shared_.rejections.add(Reason::kHeaderTimeout);
      return refuse_unparsed(408, "The request's head took too long.");
    case State::kBody:
    case State::kDiscard: {
      if (paused_) {
        input_deadline_ns_ = 0;
        return;
      }
      // The grace is over; from now on each window must bring its share.
      const auto window = std::clamp<Nanos>(limits_.body_grace_ns, 10 * kMillisecond, 5 * kSecond);
      const auto share = static_cast<std::uint64_t>(static_cast<double>(limits_.body_rate_bytes) *
                                                    static_cast<double>(window) / kSecond);
      if (!window_open_ || window_bytes_ >= share) {
        window_open_ = true;
        window_bytes_ = 0;
        input_deadline_ns_ = now_ns + window;
        return;
      }
      shared_.rejections.add(Reason::kBodyTimeout);
      if (state_ == State::kDiscard) return close_now();
      return refuse_for_handler(408, "invalid_request_error", "The body came too slowly.");
    }
    case State::kLinger:
      return close_now();
    default:
      input_deadline_ns_ = 0;
      return;
  }
}

}  // namespace sightglass::http
