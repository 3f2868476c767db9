// Simulated providers as HTTP routes, and the tally they keep of what they served: the witness that
// knows nothing of the product.
#pragma once

#include <cstdint>
#include <fstream>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "app/simulated_reply.h"
#include "http/server.h"

namespace sightglass::app {

struct TallyRow {
  std::uint64_t requests = 0, errors = 0, cut = 0;
  std::uint64_t input_tokens = 0;  // all four input parts
  std::uint64_t cached_tokens = 0;
  std::uint64_t output_tokens = 0;
  std::int64_t cost_nanousd = 0;
  std::uint64_t unpriced = 0;  // answered 200, not in the provider's price list
};

// Threads: any. Ownership of the file: one line of JSON per request as it ends, written at once, so
// that a killed peer can be held against it.
class Tally {
 public:
  explicit Tally(const std::string& path);  // "" keeps it in memory only
  // kCut: the answer never got out whole; `bill` is what its beginning announced.
  enum class End : std::uint8_t { kServed, kError, kCut };
  void add(std::string_view request_id, int status, const Bill& bill, End end);
  std::string to_json() const;
  TallyRow total() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, TallyRow> by_model_;
  std::ofstream file_;
};

// /v1/chat/completions, /v1/responses, /v1/embeddings, /v1/models, /v1/messages,
// /v1/messages/count_tokens, and GET /tally. Any key is taken but one that ends in "-bad": 401.
std::vector<http::Route> simulator_routes(Tally& tally, Faults faults);

}  // namespace sightglass::app
