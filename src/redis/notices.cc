#include "redis/notices.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/text.h"
#include "redis/stream.h"

namespace sightglass::redis {
namespace {

constexpr Nanos kPause = kSecond;
constexpr std::string_view kWaitMs = "5000";
constexpr Nanos kPatience = 10 * kSecond;  // longer than Redis waits
constexpr std::size_t kMostOnTheirWay = 64;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool parse_digest(std::string_view hex, Digest& out) {
  if (hex.size() != 2 * out.size()) return false;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int high = hex_value(hex[2 * i]), low = hex_value(hex[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = static_cast<Digest::value_type>(high * 16 + low);
  }
  return true;
}

std::string hex_of(const Digest& digest) {
  return to_hex({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

}  // namespace

bool read_notices(const Reply& reply, std::string& last, std::vector<Digest>& out) {
  return read_entries(reply, last, [&out](const std::vector<Reply>& fields) {
    Digest digest{};
    // What others may have written there says nothing.
    if (fields.size() == 2 && fields[0].is_text("key") && parse_digest(fields[1].text, digest)) {
      out.push_back(digest);
    }
  });
}

Notices::Notices(Memory& memory, net::Loop& loop, Learn learn)
    : loop_(loop),
      learn_(std::move(learn)),
      stream_(memory.prefix + "revoked"),
      patient_(memory.options.with_patience(kPatience)),
      reader_(loop, patient_, {}, nullptr, memory.telemetry,
              [this](const Link::Greeting& greeting) {
                if (std::exchange(run_id_, greeting.run_id) != greeting.run_id) {
                  last_ = "0-0";
                  seen_.clear();
                  caught_up_ = false;
                }
                read();
              }),
      writer_(loop, memory.options, {}, nullptr, memory.telemetry,
              [this](const Link::Greeting&) { add_missing(); }),
      again_(loop, [this] { read(); }) {}

void Notices::start() {
  reader_.start();
  writer_.start();
}

void Notices::revoked(std::shared_ptr<const control::Clients> clients) {
  loop_.post([this, clients = std::move(clients)]() mutable {
    clients_ = std::move(clients);
    add_missing();
  });
}

// Without waiting until all that is there was read, so that only what is missing is added then.
void Notices::read() {
  if (!reader_.ready()) return;  // its greeting reads
  const auto done = [this](const Reply* reply) { on_read(reply); };
  if (caught_up_) {
    reader_.send({"XREAD", "COUNT", "500", "BLOCK", kWaitMs, "STREAMS", stream_, last_}, done);
  } else {
    reader_.send({"XREAD", "COUNT", "500", "STREAMS", stream_, last_}, done);
  }
}

void Notices::on_read(const Reply* reply) {
  if (reply == nullptr) return;
  auto last = last_;
  std::vector<Digest> keys;
  if (!read_notices(*reply, last, keys)) return reader_.distrust();
  if (!keys.empty() && !learn_(keys)) return again_.arm(kPause);
  seen_.insert(keys.begin(), keys.end());
  if (last == last_ && !std::exchange(caught_up_, true)) add_missing();
  last_ = std::move(last);
  read();
}

void Notices::add_missing() {
  if (!caught_up_ || !clients_ || !writer_.ready()) return;
  for (const auto& key : clients_->revoked) {
    if (writer_.on_their_way() >= kMostOnTheirWay) return;  // an answer goes on
    if (!seen_.insert(key).second) continue;
    writer_.send({"XADD", stream_, "MAXLEN", "~", "100000", "*", "key", hex_of(key)},
                 [this, key](const Reply* reply) {
                   if (reply == nullptr) {
                     seen_.erase(key);  // the next greeting tries again
                   } else {
                     add_missing();
                   }
                 });
  }
}

}  // namespace sightglass::redis
