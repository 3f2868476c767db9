// Changes to a request's body that leave every other byte as the client wrote it.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "gateway/request_scan.h"

namespace sightglass::gateway {

// What to change.
struct SpliceWish {
  std::string_view model;      // the new name; empty: keep the client's
  bool ask_for_usage = false;  // {"stream_options":{"include_usage":true}}, where it is left open
};

// The body in pieces, in order: borrowed from the original and from this object. Feed them to a
// gathered write.
class Splice {
 public:
  // `scan` must come from these very bytes. Never changes an explicit include_usage.
  void make(std::string_view body, const RequestScan& scan, const SpliceWish& wish);

  const std::string_view* begin() const { return pieces_.data(); }
  const std::string_view* end() const { return pieces_.data() + count_; }
  std::size_t size_bytes() const;
  bool asks_for_usage() const { return asks_for_usage_; }  // this splice does, not the client
  std::string text() const;

 private:
  void replace(std::string_view body, std::size_t begin, std::size_t size, std::string_view with);

  std::array<std::string_view, 5> pieces_;  // two changes at most
  std::size_t count_ = 0;
  std::size_t done_ = 0;  // of the original
  bool asks_for_usage_ = false;
  std::string model_json_;
};

}  // namespace sightglass::gateway
