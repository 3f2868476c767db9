// Little-endian bytes and varints, for every format we store. Source of the varint: protobuf's
// base-128 encoding; zigzag for signed numbers.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace sightglass {

using Bytes = std::string_view;  // borrowed bytes; never assumed to be text

static_assert(std::endian::native == std::endian::little, "the formats are stored as they lie");

// Appends to a string that the caller owns and may reuse.
class ByteWriter {
 public:
  explicit ByteWriter(std::string& out) : out_(out) {}

  void u8(std::uint8_t v) { out_.push_back(static_cast<char>(v)); }
  void u32(std::uint32_t v) { fixed(v); }
  void u64(std::uint64_t v) { fixed(v); }
  void i64(std::int64_t v) { fixed(v); }
  void f64(double v) { fixed(v); }
  void varint(std::uint64_t v) {
    char buffer[10];
    std::size_t n = 0;
    while (v >= 0x80) {
      buffer[n++] = static_cast<char>(v | 0x80);
      v >>= 7;
    }
    buffer[n++] = static_cast<char>(v);
    out_.append(buffer, n);
  }
  void zigzag(std::int64_t v) {
    varint((static_cast<std::uint64_t>(v) << 1) ^ static_cast<std::uint64_t>(v >> 63));
  }
  void raw(Bytes v) { out_.append(v); }
  void string(Bytes v) {
    varint(v.size());
    out_.append(v);
  }
  std::string& out() { return out_; }

 private:
  template <typename T>
  void fixed(T v) {
    char buffer[sizeof v];
    std::memcpy(buffer, &v, sizeof v);
    out_.append(buffer, sizeof v);
  }
  std::string& out_;
};

// Reads what ByteWriter wrote. Hostile bytes are safe: past the end or malformed sets !ok(), every
// later read gives zero or an empty view, and nothing is read out of bounds.
class ByteReader {
 public:
  explicit ByteReader(Bytes in) : in_(in) {}

  bool ok() const { return ok_; }
  bool empty() const { return in_.empty(); }
  std::size_t remaining() const { return in_.size(); }
  void invalidate() { ok_ = false, in_ = {}; }

  std::uint8_t u8() { return fixed<std::uint8_t>(); }
  std::uint32_t u32() { return fixed<std::uint32_t>(); }
  std::uint64_t u64() { return fixed<std::uint64_t>(); }
  std::int64_t i64() { return fixed<std::int64_t>(); }
  double f64() { return fixed<double>(); }
  std::uint64_t varint() {
    std::uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto byte = u8();
      if (!ok_) return 0;
      v |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return v;
    }
    invalidate();
    return 0;
  }
  std::int64_t zigzag() {
    const auto v = varint();
    return static_cast<std::int64_t>(v >> 1) ^ -static_cast<std::int64_t>(v & 1);
  }
  Bytes raw(std::size_t size) {
    if (size > in_.size()) {
      invalidate();
      return {};
    }
    const Bytes out = in_.substr(0, size);
    in_.remove_prefix(size);
    return out;
  }
  Bytes string() { return raw(varint()); }

 private:
  template <typename T>
  T fixed() {
    T v{};
    if (in_.size() < sizeof v) {
      invalidate();
      return v;
    }
    std::memcpy(&v, in_.data(), sizeof v);
    in_.remove_prefix(sizeof v);
    return v;
  }
  Bytes in_;
  bool ok_ = true;
};

}  // namespace sightglass
