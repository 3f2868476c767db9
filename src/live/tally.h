// Completed requests added up, provider → model, streaming and not.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/clock.h"
#include "live/totals.h"

namespace sightglass::live {

void add(Split& to, const Split& from);

// What one request, or a bucket of them, adds to the two halves.
struct Halves {
  Split streaming, plain;
  Nanos last_ns = 0;  // when the last one ended; 0: never

  Split total() const {
    Split out = streaming;
    add(out, plain);
    return out;
  }
};

inline constexpr std::size_t kMaxPairs = 10'000;      // provider and model pairs of their own
inline constexpr std::size_t kMaxErrorTypes = 1'000;  // the vocabulary is closed and far smaller
inline constexpr std::string_view kOtherName = "__other__";

// Bounds: kMaxPairs pairs; what comes past them is added under kOtherName, so that sums hold.
class Tally {
 public:
  using Models = std::map<std::string, Halves, std::less<>>;  // "" : requests without a model

  void add_request(std::string_view provider, std::string_view model, bool is_streaming,
                   const Split& request, Nanos end_ns);
  void add_error_type(std::string_view error_type);

  const std::map<std::string, Models, std::less<>>& providers() const { return providers_; }
  const std::map<std::string, std::int64_t, std::less<>>& error_types() const {
    return error_types_;
  }

  void save(ByteWriter& out) const;
  [[nodiscard]] bool load(ByteReader& in);

 private:
  Halves& bucket(std::string_view provider, std::string_view model);

  std::map<std::string, Models, std::less<>> providers_;
  std::map<std::string, std::int64_t, std::less<>> error_types_;
  std::size_t pairs_ = 0;
};

void save_split(const Split& split, ByteWriter& out);
Split load_split(ByteReader& in);

}  // namespace sightglass::live
