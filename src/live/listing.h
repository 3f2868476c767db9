// The requests in flight of one gateway as bytes, for the gateways beside it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "live/requests.h"

namespace sightglass::live {

inline constexpr std::size_t kMostListed = 500;            // rows of one gateway, the newest
inline constexpr std::size_t kLongestListing = 48u << 10;  // bytes; what passes it is left out

// Times are the teller's monotonic clock: it has no relation to the reader's.
struct Listing {
  Nanos told_ns = 0;
  std::size_t requests = 0;      // in flight there, with those that are left out
  std::vector<RequestRow> rows;  // newest first; start_wall_ns is 0
};

// Version 1, little-endian, varints as in base/bytes.h: u8 version; told, in microseconds;
// requests; number of rows; for each row: id, provider, requested and resolved model as counted
// texts, u8 streaming, start in microseconds, the four tokens, the three tools, size, messages.
// What follows from the names stands nowhere.
//
// The bytes in two parts: a gateway that has nothing new to say has the same `body`.
struct ListingBytes {
  std::string head, body;
};
ListingBytes write_listing(const Requests& requests);

// nullopt: no such listing, or one past the bounds. Texts in it are visible ASCII of at most 128
// bytes.
std::optional<Listing> read_listing(Bytes bytes);

}  // namespace sightglass::live
