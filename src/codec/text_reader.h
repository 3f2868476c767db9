// Activity lines, `[METRIC] [user] event key=value …`, and JSON objects in mixed text → events.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "codec/json_reader.h"
#include "codec/verdict.h"
#include "event/catalogue.h"
#include "event/event.h"

namespace sightglass::codec {

// Reads one line after the other.
//
// An activity line may have anything in front of `[METRIC]`; a point in time at the very front is
// the event's. A value runs to the next ` key=`, so it may hold blanks and `=` (and
// `; parameter=`, as MIME types do); one in double
// quotes (with \" and \\ inside) ends at its closing quote: the strict form, which may hold ` key=`
// too. A user that is missing, `[]`, `[unknown]` or `[None]` is `unknown`. Any other line counts if
// it ends in a JSON object; everything else is kNotAnEvent.
//
// Ownership, threads and bounds: as JsonReader.
class TextReader {
 public:
  TextReader(const event::Catalogue& catalogue, JsonReader& json);
  ~TextReader();

  Verdict read(std::string_view line, Nanos accept_ns, event::Event& out, RecordNotes& notes);

 private:
  Verdict read_activity(std::string_view line, std::size_t mark, Nanos accept_ns, event::Event& out,
                        RecordNotes& notes);
  struct Names;
  const Names& names_of(event::EventTypeId type);
  void put(std::string_view name, std::string_view text, event::Event& out, RecordNotes& notes);

  const event::Catalogue& catalogue_;
  JsonReader& json_;
  std::vector<std::unique_ptr<Names>> names_;  // by NamesId, made when first met
  std::string unquoted_;  // the values of the record in hand that were in quotes
};

}  // namespace sightglass::codec
