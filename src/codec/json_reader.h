// One raw JSON object → an event as the door takes it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "codec/verdict.h"
#include "event/catalogue.h"
#include "event/event.h"

namespace sightglass::codec {

inline constexpr std::size_t kPadding = 64;               // readable bytes past every record
inline constexpr std::size_t kMaxRecordBytes = 1u << 20;  // of one record as it was sent
inline constexpr int kMaxDepth = 64;

// What a record said beside its fields.
struct RecordNotes {
  std::uint32_t unknown_fields = 0;  // keys that no pack knows; dropped
  bool time_missing = false;         // the accept time stands in its place
  bool time_unreadable = false;      // likewise
  std::string_view event_id;         // "" when it has none; borrowed like the fields
};

// Reads one record after the other. The whole record is validated before anything of it counts.
//
// The event's type is what `event_type` (or `eventType`) names, else what `event` or `type` names
// if a pack knows that name, else `_other`. Levels and times are read in any usual form; a record
// without a time gets `accept_ns`. A key given twice counts as given last, integers past 64 bits
// are doubles, and keys that no pack knows are counted and dropped. Nothing of what is read may
// stand behind the door before guard::Door::pass.
//
// Ownership: the catalogue outlives the reader; texts in `out` are borrowed from the reader until
// the next call. Threads: one reader per thread.
// Bounds: kMaxRecordBytes, kMaxDepth. Cost: one and a half times simdjson's bare DOM parse, with
// Ahead; a tenth more without.
class JsonReader {
 public:
  explicit JsonReader(const event::Catalogue& catalogue);
  ~JsonReader();

  // While it lives, lines that lie in `lines`, one behind the other, are read several at a time.
  // `lines` stays as it is for so long, with kPadding readable bytes behind it.
  class [[nodiscard]] Ahead {
   public:
    Ahead(JsonReader& reader, std::string_view lines);
    ~Ahead();
    Ahead(const Ahead&) = delete;
    Ahead& operator=(const Ahead&) = delete;

   private:
    JsonReader& reader_;
  };

  // `line` must be followed by kPadding readable bytes. Without kAccepted `out` is unspecified.
  Verdict read(std::string_view line, Nanos accept_ns, event::Event& out, RecordNotes& notes);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Whether an event's time can be meant: from the year 2000 to an hour ahead of `accept_ns`.
Verdict judge_time(Nanos time_ns, Nanos accept_ns);

// debug, info, warn(ing), error, critical and what other loggers call them, in any case.
bool parse_level(std::string_view text, Level& out);

}  // namespace sightglass::codec
