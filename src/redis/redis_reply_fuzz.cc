// Any bytes as answers of Redis: no crash, the same however they are cut, and what a script is said
// to have answered is refused or within its bounds.
// Parser: redis/reply.cc redis/script.cc:read_answer redis/notices.cc:read_notices
// control/shared_use.cc
#include <array>
#include <cstdlib>
#include <string>
#include <vector>

#include "redis/notices.h"
#include "redis/reply.h"
#include "redis/script.h"

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
