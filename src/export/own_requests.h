// Which records of the journal an engine that gets requests is told of.
#pragma once

#include <memory>

#include "base/bytes.h"
#include "event/catalogue.h"
#include "event/event.h"

namespace sightglass::exporting {

// Terminal events of the gateway's own: what applications sent is theirs. Threads: one.
class OwnRequests {
 public:
  // True: it is another one than before, and in force from here on.
  bool use(const std::shared_ptr<const event::Catalogue>& catalogue);
  // The request that the record is, borrowing from both; null when it is none. Valid until the
  // next.
  const event::Event* read(Bytes payload);

 private:
  std::shared_ptr<const event::Catalogue> catalogue_;
  event::FieldId ingested_ = event::kNoField;
  event::Event event_;  // reused
};

}  // namespace sightglass::exporting
