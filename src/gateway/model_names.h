// Which model names may be label values: those we know, and those that a provider answered for.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <unordered_set>

#include "gateway/settings.h"

namespace sightglass::gateway {

// Names that a provider answered with 2xx, shared by all workers. Threads: any.
// Bounds: `capacity` names; past it further ones stay "other".
class AnsweredNames {
 public:
  explicit AnsweredNames(std::size_t capacity = 1000) : capacity_(capacity) {}
  bool contains(std::string_view name) const;
  void add(std::string_view name);

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
  };
  mutable std::mutex mutex_;
  std::unordered_set<std::string, Hash, std::equal_to<>> names_;
  std::size_t capacity_;
};

// [A-Za-z0-9._:/@+-]{1,128} and nothing that looks like a secret: what a row may show.
bool is_showable_name(std::string_view name);

// The label for a request that was sent as `upstream`: the name if it is known, else "other"; ""
// for "". Takes the lock only for names that neither price book nor configuration knows.
std::string_view model_label(const Settings& settings, const AnsweredNames& answered,
                             std::string_view upstream);

}  // namespace sightglass::gateway
