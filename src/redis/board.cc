#include "redis/board.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace sightglass::redis {
namespace {

constexpr Nanos kPatience = kSecond;    // nobody's request waits for it
constexpr std::size_t kReadAtOnce = 4;  // words in one answer
constexpr std::size_t kLongestName = 64;
constexpr std::int64_t kMostMs = 5'000'000'000'000;  // the year 2128
constexpr std::string_view kExchanges = "sightglass_redis_inflight_exchanges_total";
constexpr std::string_view kExchangesHelp =
    "Times that this gateway told its requests in flight and asked for the others', by result.";

// A clock that was set back leaves entries of the future: whoever lives enters anew.
constexpr std::string_view kScript = R"lua(
local set, key, gateway, keep = KEYS[1], KEYS[2], ARGV[1], tonumber(ARGV[2])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local function text(n) return string.format('%.0f', n) end
if ARGV[3] == 'say' then
  redis.call('SET', key, text(now) .. ':' .. ARGV[4], 'PX', text(keep))
  redis.call('ZADD', set, text(now), gateway)
elseif ARGV[3] == 'leave' then
  redis.call('DEL', key)
  redis.call('ZREM', set, gateway)
end
redis.call('ZREMRANGEBYSCORE', set, '-inf', '(' .. text(now - keep))
redis.call('ZREMRANGEBYSCORE', set, text(now + 1000), '+inf')
redis.call('PEXPIRE', set, text(6 * keep))
return {text(now), redis.call('ZREVRANGEBYSCORE', set, '+inf', '-inf', 'WITHSCORES', 'LIMIT', 0,
                              tonumber(ARGV[5]))}
)lua";

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kLongestName && is_visible_ascii(text);
}

std::optional<std::int64_t> milliseconds(std::string_view text) {
  const auto value = parse_int(text);
  return value && *value >= 0 && *value <= kMostMs ? value : std::nullopt;
}

Nanos age(std::int64_t now_ms, std::int64_t then_ms) {
  return std::max<std::int64_t>(now_ms - then_ms, 0) * kMillisecond;
}

}  // namespace

std::string_view board_script() { return kScript; }

bool read_named(const Reply& reply, std::string_view own, std::int64_t& now_ms,
                std::vector<Board::Heard>& out) {
  if (reply.items.size() != 2) return false;
  const auto now = milliseconds(reply.items[0].text);
  const auto& list = reply.items[1].items;
  if (!now || list.size() % 2 != 0 || list.size() > 2 * kMostHeard) return false;
  now_ms = *now;
  for (std::size_t i = 0; i < list.size(); i += 2) {
    const auto then = milliseconds(list[i + 1].text);
    // What others may have written there says nothing.
    if (!then || !is_name(list[i].text) || list[i].text == own) continue;
    out.push_back({list[i].text, age(*now, *then), std::nullopt, 0});
  }
  std::sort(out.begin(), out.end(),
            [](const auto& a, const auto& b) { return a.gateway < b.gateway; });
  return true;
}

void read_words(std::string_view text, std::int64_t now_ms, Board::Heard& out) {
  const auto colon = text.find(':');
  const auto then = milliseconds(text.substr(0, std::min(colon, text.size())));
  if (colon == std::string_view::npos || !then) return;
  out.words = std::string(text.substr(colon + 1));
  out.words_age_ns = age(now_ms, *then);
}

Board::Board(Memory& memory, net::Loop& loop, std::string gateway)
    : prefix_(memory.prefix + "inflight:"),
      gateway_(std::move(gateway)),
      set_key_(memory.prefix + "gateways"),
      own_key_(prefix_ + gateway_),
      patient_(memory.options.with_patience(kPatience)),
      exchanged_(memory.telemetry.counter(kExchanges, kExchangesHelp, {{"result", "ok"}})),
      failed_(memory.telemetry.counter(kExchanges, kExchangesHelp, {{"result", "failed"}})),
      left_out_(memory.telemetry.counter(
          "sightglass_redis_inflight_unread_total",
          "Gateways whose requests in flight were not read because there are too many.")),
      link_(loop, patient_, kScript, nullptr, memory.telemetry,
            [this](const Link::Greeting& greeting) {
              script_ = greeting.script;
              ++connection_;
            }) {}

bool Board::exchange(const std::optional<std::string>& words, bool read, Done done) {
  if (!link_.ready() || busy_) return false;
  busy_ = true;
  const auto exchange = std::make_shared<Exchange>();
  exchange->done = std::move(done);
  exchange->read = read;
  const auto keep = std::to_string(kBoardKeeps / kMillisecond);
  const auto most = std::to_string(kMostHeard);
  link_.send({"EVALSHA", script_, "2", set_key_, own_key_, gateway_, keep,
              words ? std::string_view("say") : std::string_view("ask"),
              words ? std::string_view(*words) : std::string_view(), most},
             [this, exchange](const Reply* reply) { on_named(exchange, reply); });
  return true;
}

void Board::leave(std::function<void()> done) {
  if (!link_.ready()) return done();
  const auto keep = std::to_string(kBoardKeeps / kMillisecond);
  link_.send({"EVALSHA", script_, "2", set_key_, own_key_, gateway_, keep, "leave", "", "0"},
             [done = std::move(done)](const Reply*) { done(); });
}

void Board::on_named(const std::shared_ptr<Exchange>& exchange, const Reply* reply) {
  if (reply == nullptr) return finish(exchange, false);
  if (!read_named(*reply, gateway_, exchange->now_ms, exchange->heard)) {
    finish(exchange, false);
    return link_.distrust();
  }
  if (!exchange->read) return finish(exchange, true);
  if (exchange->heard.size() > kMostRead) left_out_.add(exchange->heard.size() - kMostRead);
  read_on(exchange);
}

void Board::read_on(const std::shared_ptr<Exchange>& exchange) {
  const auto all = std::min(exchange->heard.size(), kMostRead);
  const auto count = std::min(kReadAtOnce, all - exchange->next);
  if (count == 0) return finish(exchange, true);
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < count; ++i) {
    keys.push_back(prefix_ + exchange->heard[exchange->next + i].gateway);
  }
  std::vector<std::string_view> command{"MGET"};
  command.insert(command.end(), keys.begin(), keys.end());
  link_.send(command,
             [this, exchange, count](const Reply* reply) { on_words(exchange, count, reply); });
}

void Board::on_words(const std::shared_ptr<Exchange>& exchange, std::size_t count,
                     const Reply* reply) {
  if (reply == nullptr) return finish(exchange, false);
  if (reply->items.size() != count) {
    finish(exchange, false);
    return link_.distrust();
  }
  for (const auto& item : reply->items) {
    auto& one = exchange->heard[exchange->next++];
    if (item.type == Reply::Type::kText) read_words(item.text, exchange->now_ms, one);
  }
  read_on(exchange);
}

void Board::finish(const std::shared_ptr<Exchange>& exchange, bool answered) {
  busy_ = false;
  (answered ? exchanged_ : failed_).add();
  exchange->done(answered ? &exchange->heard : nullptr);
}

}  // namespace sightglass::redis
