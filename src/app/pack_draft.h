// A first pack from a user's own log: its event types, its fields with the kind that was seen and
// a class guessed from the name.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "event/catalogue.h"

namespace sightglass::app {

// Reads lines of JSON, one object each, and remembers names, kinds and counts; of values nothing.
// What the packs in force know already is only counted. A guess errs on the side of keeping back:
// a text whose name does not say what it is becomes free_text, which never passes.
// Bounds: lines of 1 MiB, 2,000 event types and fields each, nesting of 8; what is past them is
// counted in a comment.
class PackDraft {
 public:
  explicit PackDraft(std::shared_ptr<const event::Catalogue> known);
  ~PackDraft();

  void add_line(std::string_view line);
  std::uint64_t objects() const { return objects_; }

  // The pack as YAML: `name` is its own name, `source` what was read, for the first line.
  std::string text(std::string_view name, std::string_view source) const;

 private:
  struct Reader;
  struct Seen {  // of one path
    std::uint64_t times = 0, bools = 0, ints = 0, doubles = 0, texts = 0, lists = 0;
    std::uint64_t times_of_day = 0;  // texts that are points in time
    std::uint64_t request_ids = 0;   // texts in the form of a request id
  };
  struct Type {
    std::uint64_t times = 0;
    std::map<std::string, std::uint64_t, std::less<>> levels;
  };
  struct Guess {
    std::string_view kind, field_class;
    char identifier = 0;
  };
  static Guess guess(std::string_view name, const Seen& seen);
  void add_event(const std::string& type, const std::string& level);
  void add_field(const std::string& path, const Seen& one);
  void write_fields(std::string_view name, std::string& out) const;
  void write_events(std::string& out) const;

  std::shared_ptr<const event::Catalogue> known_;
  std::unique_ptr<Reader> reader_;
  std::map<std::string, Seen, std::less<>> fields_;  // by path
  std::map<std::string, Type, std::less<>> types_;   // unknown ones
  std::map<std::string, std::uint64_t, std::less<>> known_types_, known_fields_;
  std::uint64_t objects_ = 0, others_ = 0, untyped_ = 0, beyond_ = 0;
};

}  // namespace sightglass::app
