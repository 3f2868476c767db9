// What a simulated provider answers, as a pure function of the request: OpenAI's and Anthropic's
// real wire formats, the same bytes for the same request.
//
// Tokens are words: one per blank-separated word of the prompt, one per word of the answer, so that
// a prompt of n words costs n input tokens and `max_tokens` says how long the answer is. A prompt
// may begin with a line of directives for tests, which costs no tokens:
//   sim: status=429 tokens=5 chunks=5 gap_ms=20 delay_ms=100 reset_after=2 cached=10 write5m=4
//        write1h=2 reasoning=3 tools=1 crlf=1 nulls=1 usage=end|inline|none
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sightglass::app {

enum class Dialect : std::uint8_t { kChat, kResponses, kEmbeddings, kMessages, kCountTokens };

// What the provider bills: five disjoint parts, and money by its own price list, computed apart
// from the product's price book.
struct Bill {
  std::string model;
  std::int64_t input = 0, cache_read = 0, cache_write_5m = 0, cache_write_1h = 0;
  std::int64_t output = 0, reasoning = 0;
  bool priced = false;
  std::int64_t cost_nanousd = 0;
};

struct Reply {
  int status = 200;
  bool stream = false;
  std::string body;                 // whole, where not streamed
  std::vector<std::string> events;  // SSE events in order, where streamed
  std::int64_t delay_ms = 0;        // before the head
  std::int64_t gap_ms = 0;          // between two events
  std::int64_t reset_after = -1;    // cut the connection after this many events; -1: never
  Bill bill;                        // all zero where status is not 200
  // What the first event alone announces: Anthropic's message_start tells the input and one output
  // token, so that a stream which is cut behind it is billed so.
  Bill announced;
};

// How much goes wrong by itself, decided by a hash of the request: the fault plan of the proofs.
struct Faults {
  bool standard = false;  // 1 % 429, 0.5 % resets, 10 % cached tokens, CRLF and nulls by halves
};

// Errors: kInvalid when the body is not JSON or has no model.
Result<Reply> simulate_reply(Dialect dialect, std::string_view body, const Faults& faults);

// An error in the dialect's own shape.
std::string provider_error_body(Dialect dialect, int status, std::string_view message);

}  // namespace sightglass::app
