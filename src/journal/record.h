// What lies in the journal. Byte by byte: docs/journal-format.md.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/clock.h"

namespace sightglass::journal {

using Position = std::uint64_t;  // of a record: 1, 2, 3, …; 0 is before the first

enum class RecordKind : std::uint8_t {
  kEvent = 1,    // payload: event/event.h
  kTick = 2,     // empty: time passed (one a second while idle)
  kControl = 3,  // string kind, string content hash: what changes folding ("catalogue")
  kBarrier = 4,  // u64 id: folds publish their totals as they pass; the last record of its batch
  kGap = 5,      // aggregates of what could not be recorded: journal/gap.h
  kReceipt = 6,  // of a batch of ingested events: ingest/receipt.h
  kForget = 7,   // texts that are to vanish: journal/forget.h; the last record of its segment
  kAccount = 8,  // u64 rows of the store: `accepted = stored + dropped` is added up from here on
};

// Ownership: the payload is borrowed from the batch that it was read with.
struct Record {
  Position position = 0;
  RecordKind kind = RecordKind::kEvent;
  Bytes payload;
};

// A record that has no position yet. Ownership: the payload is borrowed from whoever appends.
struct Draft {
  RecordKind kind = RecordKind::kEvent;
  Bytes payload;
};

struct BatchHeader {
  Position first = 0;
  std::uint32_t count = 0;
  Nanos accept_ns = 0;  // never decreases from batch to batch
};

// The longest payload of one record. Longer ones are refused (append) or dropped and counted
// (offer): an event has no business being longer, and readers may rely on it.
inline constexpr std::size_t kMaxPayloadBytes = 1u << 20;

}  // namespace sightglass::journal
