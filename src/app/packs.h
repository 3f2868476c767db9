// The packs in force: those that the program ships and the operator's own.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "admin/config_routes.h"
#include "app/config.h"
#include "base/file_system.h"
#include "base/log.h"
#include "base/result.h"
#include "base/telemetry.h"
#include "event/catalogue.h"
#include "event/pattern.h"

namespace sightglass::app {

// The shipped packs (gateway and coo-llm first, the others by name), the configured files, then
// *.yaml of the configured folder by name: in this order later ones build on earlier ones.
// Errors name the file that could not be read.
Result<std::vector<event::PackFile>> pack_files_of(const Config& config, FileSystem& fs);

// The packs, read and compiled.
struct Packs {
  std::shared_ptr<const event::Catalogue> catalogue;
  std::shared_ptr<const event::MatchPlan> plan;
};
// Errors: with file and line.
Result<Packs> load_packs(const Config& config, FileSystem& fs);

// What is different in `next`, meter by meter.
admin::Reloaded compare_packs(const event::Catalogue& now, const Packs& next);

// One log line and one count for what a reload did, and a line for each thing to look at.
void tell_reload(const Result<admin::Reloaded>& done, Telemetry& telemetry, Log& log);

// How many fields of each class a pack brought, by the class' name; without the classes of none.
std::vector<std::pair<std::string, std::size_t>> fields_by_class(const event::Catalogue& catalogue,
                                                                 const event::Pack& pack);
// One line a pack: name, event types, fields, meters, fields by class.
std::string pack_table(const event::Catalogue& catalogue);

}  // namespace sightglass::app
