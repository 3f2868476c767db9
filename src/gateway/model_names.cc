#include "gateway/model_names.h"

#include <algorithm>

#include "guard/secret_scan.h"

namespace sightglass::gateway {

bool AnsweredNames::contains(std::string_view name) const {
  const std::scoped_lock lock(mutex_);
  return names_.contains(name);
}

void AnsweredNames::add(std::string_view name) {
  if (!is_showable_name(name)) return;
  const std::scoped_lock lock(mutex_);
  if (names_.size() < capacity_ && !names_.contains(name)) names_.emplace(name);
}

bool is_showable_name(std::string_view name) {
  if (name.empty() || name.size() > 128) return false;
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._:/@+-").find(c) != std::string_view::npos;
  });
  return plain && guard::find_secret(name) == nullptr;
}

std::string_view model_label(const Settings& settings, const AnsweredNames& answered,
                             std::string_view upstream) {
  if (upstream.empty()) return "";
  if (settings.prices().knows(upstream) || settings.lists_model(upstream) ||
      answered.contains(upstream)) {
    return upstream;
  }
  return "other";
}

}  // namespace sightglass::gateway
