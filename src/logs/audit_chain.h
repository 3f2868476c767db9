// The audit trail: one JSON line per administrative event, each bound to the one before it.
//
//   {"link":1,"seq":7,"time":"…","event_type":"admin_request", …,"previous":"<64 hex>","hash":"<64
//   hex>"}
//
// `hash` is the SHA-256 of the line's own bytes without `,"hash":"…"`; `previous` is the hash of
// the line before, of the first line 64 zeros. So whoever changes, inserts or removes a line must
// change every line behind it. Anybody can check it with a JSON-blind tool: cut, hash, compare.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_system.h"
#include "event/catalogue.h"
#include "event/event.h"
#include "journal/fold.h"

namespace sightglass::logs {

// What a line is bound by.
struct AuditLink {
  std::uint64_t number = 0;  // 1, 2, 3 …
  journal::Position seq = 0;
  std::string previous, hash;  // 64 lower-case hex digits
};

// What stands before the first line.
AuditLink audit_beginning();
// The link of a line without its newline; nullopt when it is not the form above. Whether its hash
// is right is not looked at.
std::optional<AuditLink> read_audit_link(std::string_view line);
bool audit_hash_is_right(std::string_view line);  // of a line that has a link

// Renders the events whose type begins with `admin_` and that nobody sent in. Threads: one.
class AuditWriter {
 public:
  explicit AuditWriter(std::shared_ptr<const event::Catalogue> catalogue);
  // Appends the line behind `last`, which becomes its link; false when the event is none of these.
  bool append(const event::Event& event, journal::Position seq, AuditLink& last,
              std::string& out) const;

 private:
  std::shared_ptr<const event::Catalogue> catalogue_;
  std::vector<bool> audited_;  // by EventTypeId
  event::FieldId ingested_;
};

// The link of the last whole line up to a position (in the newest backup, where the file has
// none); the beginning where there is no such line.
AuditLink last_audit_link(FileSystem& fs, const std::string& path, journal::Position up_to);

struct AuditVerdict {
  struct Break {
    std::string file;
    std::uint64_t line = 0;    // in the file, from 1
    std::uint64_t number = 0;  // of the link that should stand there
    std::string what;          // for people
  };
  std::uint64_t links = 0, files = 0;
  AuditLink first, last;             // as read; both empty where there is no line
  bool found_expected = true;        // of `expected_head`
  std::optional<Break> broken;       // the first one; reading ends there
  bool unfinished = false;           // a last line without its newline: somebody is writing it
  std::uint64_t deleted_before = 0;  // links before the first one: rotated away, or removed
};

// Reads the trail from its oldest backup on. `expected_head`: a hash that was noted down earlier
// and must be among the links; or empty. Errors: kNotFound when there is no such file; kIo.
// Bounds: a line of 64 KiB; memory for one at a time.
Result<AuditVerdict> verify_audit_trail(FileSystem& fs, const std::string& path,
                                        std::string_view expected_head);

}  // namespace sightglass::logs
