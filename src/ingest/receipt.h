// What a batch of ingested events says about itself, journalled in the same batch as the events: so
// that after a crash an event and what tells a second copy of it are both there, or neither.
//
// Payload of a journal record of kind kReceipt, little-endian:
//   u8     version     1
//   varint accepted    events of this batch
//   varint rejected    records of the request that became none
//   varint duplicates  records whose event_id was known
//   string source      "" without one; then
//   varint end         everything of the source before this byte has been taken
//   varint n_ids       then per event that had an event_id: 16 bytes, the first of its SHA-256
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace sightglass::ingest {

using EventKey = std::array<std::uint64_t, 2>;  // of an event_id
EventKey event_key(std::string_view event_id);

struct Receipt {
  std::uint64_t accepted = 0;
  std::uint64_t rejected = 0;
  std::uint64_t duplicates = 0;
  std::string source;
  std::uint64_t end = 0;
  std::vector<EventKey> ids;
};

// So many fit into one record with room to spare.
inline constexpr std::size_t kMaxReceiptIds = 60'000;
inline constexpr std::size_t kMaxSourceBytes = 128;

std::string encode(const Receipt& receipt);
std::optional<Receipt> decode_receipt(Bytes payload);  // nullopt: malformed, or of a newer version

// [A-Za-z0-9._:/-]{1,128}
bool is_source_id(std::string_view text);

}  // namespace sightglass::ingest
