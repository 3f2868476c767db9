// Looks into a compressed answer: the meter's own copy, never the client's bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace sightglass::gateway {

enum class ContentCoding : std::uint8_t { kIdentity, kGzip, kDeflate, kOther };

// From a Content-Encoding field: "gzip" and "x-gzip", "deflate", "" and "identity"; anything else,
// lists included, is kOther.
ContentCoding content_coding(std::string_view field);

enum class InflateState : std::uint8_t {
  kGood,
  kTooLarge,   // a bound was passed
  kMalformed,  // not what the field said
};

// gzip (RFC 1952, several members) and deflate (RFC 1950; raw RFC 1951, which some servers mean).
// Bounds: 64 MiB in all, and 200:1 past the first MiB. After a failure everything more is ignored.
// Reuse one object: zlib's 40 KiB window is allocated once.
class Inflater {
 public:
  static constexpr std::uint64_t kMaxBytes = 64u << 20;
  static constexpr std::uint64_t kMaxRatio = 200;
  static constexpr std::uint64_t kRatioFreeBytes = 1u << 20;

  Inflater();
  ~Inflater();
  void start(ContentCoding coding);

  // Appends what `in` decodes to. `out` grows by what came out and no more.
  InflateState feed(std::string_view in, std::string& out);
  InflateState state() const { return state_; }
  bool complete() const { return complete_; }  // the last member's end was seen

 private:
  struct Stream;
  InflateState fail(InflateState why);
  bool retry_raw(std::string_view in);
  int step(std::string& out);
  bool within_bounds() const;

  std::unique_ptr<Stream> stream_;
  ContentCoding coding_ = ContentCoding::kIdentity;
  InflateState state_ = InflateState::kGood;
  std::uint64_t in_bytes_ = 0;
  std::uint64_t out_bytes_ = 0;
  bool complete_ = false;
  bool raw_ = false;
};

}  // namespace sightglass::gateway
