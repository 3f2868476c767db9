// The propagation headers of a request → the fields that its records may lack.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/telemetry.h"
#include "event/catalogue.h"
#include "event/event.h"
#include "net/http1.h"

namespace sightglass::ingest {

// Headers in order of the printed list: x-request-id, x-user-id, x-session-id, x-focus-id (also
// x-tracked-skill-id), x-group-id, traceparent, x-provider, x-model-id. Values are raw here: what
// takes their place in an event is the door's business.
struct HeaderFields {
  struct Item {
    std::string_view field;  // its name; a literal
    std::string value;
    bool always = false;  // also in place of what the record says
  };
  std::vector<Item> items;
};

// Reads and checks them. What is longer than 256 bytes, holds anything but visible ASCII, or is not
// in its own form (request id, traceparent, a model's or provider's name) is dropped and counted.
class HeaderReader {
 public:
  explicit HeaderReader(Telemetry& telemetry);
  HeaderFields read(const net::Headers& headers) const;

 private:
  Counter& dropped_;
};

// Adds to `event` what it lacks. Texts are borrowed from `fields`.
void fill_missing(const HeaderFields& fields, const event::Catalogue& catalogue,
                  event::Event& event);

}  // namespace sightglass::ingest
