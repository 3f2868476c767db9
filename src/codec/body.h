// A request's body → its records: content coding undone within bounds, then cut into lines,
// elements of an array, or one object.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace sightglass::codec {

enum class Coding : std::uint8_t { kIdentity, kGzip, kZstd, kUnknown };
Coding content_coding(std::string_view field);  // of a Content-Encoding field; "" is kIdentity

enum class Inflated : std::uint8_t {
  kDone,
  kMalformed,  // not what the field said, or cut short
  kTooLarge,   // past 64 MiB, or 100:1 past the first MiB
  kNoRoom,     // `make_room` refused
};

inline constexpr std::uint64_t kMaxInflatedBytes = 64u << 20;
inline constexpr std::uint64_t kMaxInflateRatio = 100;

// Appends what gzip (RFC 1952, several members) or zstd (RFC 8878, several frames) decodes to.
// `make_room` is asked before `out` grows, with the bytes to come; it keeps the memory of many
// bodies together within a bound.
Inflated inflate(Coding coding, std::string_view in, std::string& out,
                 const std::function<bool(std::size_t bytes)>& make_room);

// One record of a body. Line: from 1; of an array, the element's number.
struct RawRecord {
  std::string_view text;
  std::uint64_t line = 0;
};

// The non-blank lines of a text; CR and blanks around them are cut off.
class LineCutter {
 public:
  explicit LineCutter(std::string_view text) : rest_(text) {}
  bool next(RawRecord& out);

 private:
  std::string_view rest_;
  std::uint64_t line_ = 0;
};

// The elements of a JSON array, found by their brackets and strings alone; whether an element is
// valid is the reader's to say. Once the array itself is broken, its rest is one last record, which
// no reader takes.
class ArrayCutter {
 public:
  explicit ArrayCutter(std::string_view text);  // begins with `[`
  bool next(RawRecord& out);
  bool broken() const { return broken_; }  // the last record given out is the broken rest

 private:
  std::string_view text_;
  std::size_t at_ = 1;
  std::uint64_t line_ = 0;
  bool ended_ = false, broken_ = false;
};

}  // namespace sightglass::codec
