#include "ingest/receipt.h"

#include <algorithm>
#include <cstring>

#include "base/sha256.h"

namespace sightglass::ingest {

namespace {
constexpr std::uint8_t kVersion = 1;
}

EventKey event_key(std::string_view event_id) {
  const auto digest = sha256(event_id);
  EventKey key;
  static_assert(sizeof key <= sizeof digest);
  std::memcpy(key.data(), digest.data(), sizeof key);
  return key;
}

std::string encode(const Receipt& receipt) {
  std::string out;
  ByteWriter w(out);
  w.u8(kVersion);
  w.varint(receipt.accepted);
  w.varint(receipt.rejected);
  w.varint(receipt.duplicates);
  w.string(receipt.source);
  if (!receipt.source.empty()) w.varint(receipt.end);
  w.varint(receipt.ids.size());
  for (const auto& id : receipt.ids) {
    w.u64(id[0]);
    w.u64(id[1]);
  }
  return out;
}

std::optional<Receipt> decode_receipt(Bytes payload) {
  ByteReader in(payload);
  if (in.u8() != kVersion) return std::nullopt;
  Receipt receipt;
  receipt.accepted = in.varint();
  receipt.rejected = in.varint();
  receipt.duplicates = in.varint();
  receipt.source = in.string();
  if (!receipt.source.empty()) receipt.end = in.varint();
  const auto n = in.varint();
  if (!in.ok() || in.remaining() % sizeof(EventKey) != 0 ||
      in.remaining() / sizeof(EventKey) != n) {
    return std::nullopt;
  }
  receipt.ids.reserve(n);
  for (std::uint64_t i = 0; i < n; ++i) {
    const auto first = in.u64();
    receipt.ids.push_back({first, in.u64()});
  }
  if (!receipt.source.empty() && !is_source_id(receipt.source)) return std::nullopt;
  return receipt;
}

bool is_source_id(std::string_view text) {
  return !text.empty() && text.size() <= kMaxSourceBytes &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '_' || c == ':' || c == '/' || c == '-';
         });
}

}  // namespace sightglass::ingest
