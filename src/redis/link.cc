#include "redis/link.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"

namespace sightglass::redis {
namespace {

constexpr Nanos kFirstPause = 100 * kMillisecond;
constexpr Nanos kLongestPause = 5 * kSecond;
constexpr Nanos kGreetWithin = 2 * kSecond;
constexpr std::uint32_t kGone = EPOLLRDHUP | EPOLLHUP | EPOLLERR;

// The first word of an error is a name; the rest may hold anything.
std::string first_word(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, std::min(text.find(' '), std::size_t{24}))) {
    if (c >= 'A' && c <= 'Z') out += c;
  }
  return out;
}

Fault fault_of(std::string_view word) {
  return word == "WRONGPASS" || word == "NOAUTH" || word == "NOPERM" ? Fault::kDenied
                                                                     : Fault::kRefused;
}

// "run_id:0123…" among the lines of INFO.
std::string run_id_in(std::string_view info) {
  constexpr std::string_view kKey = "run_id:";
  const auto at = info.find(kKey);
  if (at == std::string_view::npos) return {};
  const auto rest = info.substr(at + kKey.size());
  return std::string(rest.substr(0, std::min(rest.find_first_of("\r\n"), std::size_t{64})));
}

Nanos time_in(const Reply& reply) {
  if (reply.items.size() != 2) return 0;
  const auto seconds = parse_int(reply.items[0].text);
  const auto micros = parse_int(reply.items[1].text);
  constexpr std::int64_t kMostSeconds = 1'000'000'000'000 / 200;  // what nanoseconds can say
  if (!seconds || !micros || *seconds <= 0 || *seconds > kMostSeconds) return 0;
  return *seconds * kSecond + std::clamp<std::int64_t>(*micros, 0, 999'999) * kMicrosecond;
}

}  // namespace

Link::Link(net::Loop& loop, const Options& options, std::string_view script, Health* health,
           Telemetry& telemetry, Ready ready)
    : loop_(loop),
      options_(options),
      script_(script),
      health_(health),
      on_ready_(std::move(ready)),
      resolver_(loop, nullptr, telemetry),
      timer_(loop, [this] { on_timer(); }),
      flush_(loop, [this] { flush(); }) {}

Link::~Link() {
  if (stream_) loop_.remove(stream_->fd());
}

void Link::start() { connect(); }

void Link::on_timer() {
  if (phase_ == Phase::kDown) return connect();
  if (phase_ == Phase::kReady && !sent_.empty() &&
      loop_.now_ns() - sent_.front().at_ns < options_.timeout_ns) {
    return watch_oldest();
  }
  if (phase_ == Phase::kReady && sent_.empty()) return;
  fail(Fault::kTimeout);
}

void Link::connect() {
  phase_ = Phase::kResolving;
  timer_.arm(std::max(kGreetWithin, options_.timeout_ns));
  if (net::is_numeric_host(options_.host)) return open(options_.host);
  const auto known =
      resolver_.resolve(options_.host, [this, serial = serial_](net::Addresses addresses) {
        if (serial != serial_ || phase_ != Phase::kResolving) return;
        addresses ? open(addresses->front()) : fail(Fault::kResolve);
      });
  if (known) open(known->front());
}

void Link::open(const std::string& host) {
  const auto fd = net::connect_tcp({host, options_.port});
  if (!fd) return fail(Fault::kConnect);
  if (options_.tls) {
    auto wrapped = options_.tls->wrap(*fd, options_.host);
    stream_ = wrapped ? std::move(*wrapped) : net::plain_stream(*fd);  // closes it
    if (!wrapped) return fail(Fault::kTls);
  } else {
    stream_ = net::plain_stream(*fd);
  }
  phase_ = Phase::kConnecting;
  if (!loop_.add(*fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP, this)) fail(Fault::kConnect);
}

void Link::on_io(std::uint32_t events) {
  if (phase_ == Phase::kConnecting) {
    if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) == 0) return;
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(stream_->fd(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return fail(Fault::kConnect);
    phase_ = Phase::kHandshaking;
  }
  if (phase_ == Phase::kHandshaking) return go_on_with_handshake();
  if (phase_ != Phase::kGreeting && phase_ != Phase::kReady) return;
  const auto serial = serial_;
  if ((events & EPOLLOUT) != 0) flush();
  if (serial == serial_ && ((events & (EPOLLIN | kGone)) != 0 || stream_->secure())) read();
}

void Link::go_on_with_handshake() {
  const auto result = stream_->handshake();
  if (result.state == net::IoState::kAgain) return;
  if (result.state != net::IoState::kOk) return fail(Fault::kTls);
  greet();
}

enum Link::Step : std::uint8_t { kCredentials, kDatabase, kInfo, kTime, kScript };

// One flight: credentials, database, who the server is, its clock, the script.
void Link::greet() {
  phase_ = Phase::kGreeting;
  greeting_ = {};
  greeting_.asked_ns = loop_.clock().wall_ns();
  const auto say = [this](const std::vector<std::string_view>& words, Step step) {
    enqueue(words, [this, step](const Reply* reply) {
      if (reply != nullptr) greeted(*reply, step);
    });
  };
  if (!options_.password.empty()) {
    if (options_.username.empty()) {
      say({"AUTH", options_.password}, kCredentials);
    } else {
      say({"AUTH", options_.username, options_.password}, kCredentials);
    }
  }
  const auto database = std::to_string(options_.database);
  if (options_.database != 0) say({"SELECT", database}, kDatabase);
  say({"INFO", "server"}, kInfo);
  say({"TIME"}, kTime);
  if (!script_.empty()) say({"SCRIPT", "LOAD", script_}, kScript);
}

void Link::greeted(const Reply& reply, Step step) {
  const auto word = reply.type == Reply::Type::kError ? first_word(reply.text) : std::string();
  if (reply.type == Reply::Type::kError) {
    return fail(step == kCredentials ? Fault::kDenied : fault_of(word), word);
  }
  if (step <= kDatabase && !reply.is_text("OK")) return fail(Fault::kNonsense);
  if (step == kInfo) greeting_.run_id = run_id_in(reply.text);
  if (step == kTime) greeting_.now_ns = time_in(reply);
  if (step == kScript) greeting_.script = reply.text;
  if (step != (script_.empty() ? kTime : kScript)) return;
  if (greeting_.run_id.empty() || greeting_.now_ns == 0 ||
      greeting_.script.empty() != script_.empty()) {
    return fail(Fault::kNonsense);
  }
  phase_ = Phase::kReady;
  timer_.disarm();
  if (health_ != nullptr) health_->ready();
  on_ready_(greeting_);
}

void Link::send(const std::vector<std::string_view>& words, Done done) {
  enqueue(words, std::move(done));
}

void Link::enqueue(const std::vector<std::string_view>& words, Done done) {
  append_command(out_, words);
  sent_.push_back({std::move(done), loop_.fresh_now_ns()});
  flush_.schedule();
  if (phase_ == Phase::kReady && !timer_.armed()) watch_oldest();
}

void Link::watch_oldest() {
  if (sent_.empty()) return timer_.disarm();
  const auto left = sent_.front().at_ns + options_.timeout_ns - loop_.now_ns();
  timer_.arm(std::max<Nanos>(left, kMillisecond));
}

void Link::flush() {
  if (!stream_ || phase_ < Phase::kGreeting) return;
  std::size_t done = 0;
  while (done < out_.size()) {
    const iovec part{out_.data() + done, out_.size() - done};
    const auto result = stream_->write(&part, 1);
    if (result.state == net::IoState::kAgain) break;
    if (result.state != net::IoState::kOk) {
      // What it said before it closed comes first.
      out_.clear();
      return read();
    }
    done += result.bytes;
  }
  out_.erase(0, done);
}

void Link::read() {
  const auto serial = serial_;
  std::array<char, 16u << 10> buffer;
  for (;;) {
    const auto result = stream_->read(buffer.data(), buffer.size());
    if (result.state == net::IoState::kAgain) return;
    if (result.state != net::IoState::kOk) return fail(Fault::kClosed);
    in_.append(buffer.data(), result.bytes);
    if (!take() || serial != serial_) return;
  }
}

// False when the link is no more.
bool Link::take() {
  std::size_t begin = 0;
  const auto serial = serial_;
  while (begin < in_.size()) {
    Reply reply;
    std::size_t consumed = 0;
    const auto got = parse_reply(std::string_view(in_).substr(begin), reply, consumed);
    if (got == Parsed::kNeedMore) break;
    if (got == Parsed::kBad || sent_.empty()) return fail(Fault::kNonsense), false;
    begin += consumed;
    const auto sent = std::move(sent_.front());
    sent_.pop_front();
    if (phase_ == Phase::kReady) {
      if (reply.type == Reply::Type::kError) {
        const auto word = first_word(reply.text);
        sent_.push_front(sent);
        return fail(fault_of(word), word), false;
      }
      if (health_ != nullptr) health_->round_trip(loop_.fresh_now_ns() - sent.at_ns);
      pause_ns_ = 0;
    }
    sent.done(&reply);
    if (serial != serial_) return false;
  }
  in_.erase(0, begin);
  if (phase_ == Phase::kReady && sent_.empty()) timer_.disarm();
  return true;
}

void Link::fail(Fault fault, std::string_view why) {
  if (phase_ == Phase::kDown) return;
  const bool was_ready = phase_ == Phase::kReady;
  ++serial_;
  if (stream_) loop_.remove(stream_->fd());
  stream_.reset();
  phase_ = Phase::kDown;
  out_.clear();
  in_.clear();
  flush_.cancel();
  if (health_ != nullptr) {
    if (was_ready) health_->lost();
    health_->failed(fault, why);
  }
  pause_ns_ = pause_ns_ == 0 ? kFirstPause : std::min(2 * pause_ns_, kLongestPause);
  timer_.arm(pause_ns_);
  const auto unanswered = std::exchange(sent_, {});
  for (const auto& one : unanswered) one.done(nullptr);
}

}  // namespace sightglass::redis
