#include "event/plain_names.h"

#include <utility>

namespace sightglass::event {

void PlainNames::put(std::string_view pseudonym, std::string_view plain) {
  const std::scoped_lock lock(mutex_);
  if (recent_.contains(pseudonym)) return;
  if (recent_.size() >= half_) older_ = std::exchange(recent_, {});
  recent_.emplace(pseudonym, plain);
}

std::string PlainNames::find(std::string_view pseudonym) const {
  const std::scoped_lock lock(mutex_);
  for (const auto* names : {&recent_, &older_}) {
    if (const auto it = names->find(pseudonym); it != names->end()) return it->second;
  }
  return {};
}

}  // namespace sightglass::event
