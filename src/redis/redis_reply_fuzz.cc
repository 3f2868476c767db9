// Any bytes as answers of Redis: no crash, the same however they are cut, and what a script is said
// to have answered is refused or within its bounds.
// Parser: redis/reply.cc redis/script.cc:read_answer redis/notices.cc:read_notices redis/stream.cc
// redis/cancels.cc:read_cancels redis/board.cc:read_named redis/board.cc:read_words
// control/shared_use.cc
#include <array>
#include <cstdlib>
#include <string>
#include <vector>

#include "redis/board.h"
#include "redis/cancels.h"
#include "redis/notices.h"
#include "redis/reply.h"
#include "redis/script.h"

namespace {

// What other gateways say: within its bounds, or refused.
void read_gateways(const sightglass::redis::Reply& reply) {
  using namespace sightglass;
  std::string last = "0-0";
  std::vector<redis::CancelWord> words;
  std::size_t nonsense = 0;
  if (redis::read_cancels(reply, last, words, nonsense) && last.size() > 42) std::abort();
  for (const auto& word : words) {
    if (word.gateway.empty() || word.gateway.size() > 128 || word.request_id.size() > 128 ||
        word.call < 0 || word.ended < 0 || word.is_answer != word.request_id.empty()) {
      std::abort();
    }
  }
  std::int64_t now_ms = 0;
  std::vector<redis::Board::Heard> heard;
  if (!redis::read_named(reply, "own", now_ms, heard)) return;
  if (heard.size() > redis::kMostHeard || now_ms < 0) std::abort();
  for (auto& one : heard) {
    if (one.gateway.empty() || one.gateway == "own" || one.age_ns < 0) std::abort();
    redis::read_words(reply.items[0].text + ":" + one.gateway, now_ms, one);
    if (one.words != one.gateway || one.words_age_ns != 0) std::abort();
    redis::read_words(one.gateway, now_ms, one);
    if (one.words_age_ns < 0) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sightglass;
  const std::vector<char> given(data, data + size);
  const std::string_view in(given.data(), given.size());
  redis::Reply reply;
  std::size_t consumed = 0;
  const auto got = redis::parse_reply(in, reply, consumed);
  if (got != redis::Parsed::kWhole) return 0;
  if (consumed == 0 || consumed > size) std::abort();
  redis::Reply again;
  std::size_t second = 0;
  if (redis::parse_reply(in.substr(0, consumed), again, second) != redis::Parsed::kWhole ||
      second != consumed || again != reply) {
    std::abort();
  }
  for (const auto cut : {consumed / 2, consumed - 1}) {
    if (redis::parse_reply(in.substr(0, cut), again, second) == redis::Parsed::kWhole) std::abort();
  }
  // A list of texts is a command, too.
  std::vector<std::string_view> words;
  for (const auto& item : reply.items) {
    if (item.type == redis::Reply::Type::kText && item.text.size() < 1'000)
      words.push_back(item.text);
  }
  std::string command;
  redis::append_command(command, words);
  if (redis::parse_reply(command, again, second) != redis::Parsed::kWhole ||
      second != command.size() || again.items.size() != words.size()) {
    std::abort();
  }
  std::string last = "0-0";
  std::vector<Digest> keys;
  if (redis::read_notices(reply, last, keys) && last.size() > 42) std::abort();
  read_gateways(reply);
  for (const std::size_t waiting : {0, 1, 2}) {
    const auto answer = redis::read_answer(reply, waiting);
    if (!answer || answer->stale) continue;
    if (answer->decisions.size() != waiting) std::abort();
    std::array<std::int64_t, control::kPeriods> periods{};
    for (std::size_t i = 0; i < periods.size(); ++i) {
      periods[i] = control::period_of(static_cast<control::Period>(i), answer->now_ns);
    }
    const auto known = control::known_use(answer->others, periods, answer->now_ns);
    if (known.running < 0 || known.requests < 0 || known.tokens < 0) std::abort();
  }
  return 0;
}
