#include "export/own_requests.h"

namespace sightglass::exporting {

bool OwnRequests::use(const std::shared_ptr<const event::Catalogue>& catalogue) {
  if (catalogue == nullptr || catalogue == catalogue_) return false;
  catalogue_ = catalogue;
  ingested_ = catalogue->field("ingested");
  return true;
}

const event::Event* OwnRequests::read(Bytes payload) {
  if (catalogue_ == nullptr || !event::decode_head(payload, event_)) return nullptr;
  const auto& types = catalogue_->event_types();
  if (event_.type >= types.size() || !types[event_.type].terminal) return nullptr;
  if (!event::decode(payload, event_) || event_.get(ingested_).as_bool()) return nullptr;
  return &event_;
}

}  // namespace sightglass::exporting
