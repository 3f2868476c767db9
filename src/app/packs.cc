#include "app/packs.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>

#include "app/embedded.h"
#include "base/text.h"

namespace sightglass::app {

namespace {

constexpr std::uint64_t kMaxPackBytes = 4 << 20;
// What the others build on.
constexpr std::string_view kFirst[] = {"gateway.yaml", "coo-llm.yaml"};

bool is_first(std::string_view path) {
  return std::find(std::begin(kFirst), std::end(kFirst), path) != std::end(kFirst);
}

Result<std::vector<std::string>> folder_files(const std::string& folder, FileSystem& fs) {
  std::vector<std::string> files;
  if (folder.empty()) return files;
  auto names = fs.list(folder);
  if (!names) return fail("packs_dir", std::move(names).error());
  for (const auto& name : *names) {
    const bool is_pack = name.ends_with(".yaml") || name.ends_with(".yml");
    if (is_pack && !name.starts_with('.')) files.push_back(folder + "/" + name);
  }
  std::sort(files.begin(), files.end());
  return files;
}

// The configuration's `sampling` as one more pack, since what folds go by stands in the journal.
Result<event::PackFile> sampling_pack(const std::map<std::string, std::string>& sampling,
                                      const std::vector<event::PackFile>& others) {
  SG_ASSIGN(const auto known, event::Catalogue::parse(others));
  std::string text = "pack: sampling\nversion: 1\nevents:\n";
  for (const auto& [type, rate] : sampling) {
    if (known->event_type(type) == event::kOtherEvent) {
      return fail(Code::kInvalid, "sampling: no pack declares the event type '" + type + "'");
    }
    const auto n = parse_int(rate);
    if (!n || *n < 1) {
      return fail(Code::kInvalid,
                  "sampling: '" + type + "' needs a whole number, not '" + rate + "'");
    }
    text += "  " + type + ": { sample: " + std::to_string(*n) + " }\n";
  }
  return event::PackFile{"sampling (of the configuration)", std::move(text)};
}

}  // namespace

Result<std::vector<event::PackFile>> pack_files_of(const Config& config, FileSystem& fs) {
  std::vector<event::PackFile> out;
  for (const auto name : kFirst) {
    for (const auto& pack : pack_files()) {
      if (pack.path == name)
        out.push_back({"packs/" + std::string(name), std::string(pack.content)});
    }
  }
  for (const auto& pack : pack_files()) {
    if (is_first(pack.path)) continue;
    out.push_back({"packs/" + std::string(pack.path), std::string(pack.content)});
  }
  auto paths = config.packs;
  SG_ASSIGN(auto more, folder_files(config.packs_dir, fs));
  paths.insert(paths.end(), more.begin(), more.end());
  for (const auto& path : paths) {
    auto content = read_file(fs, path, kMaxPackBytes);
    if (!content) return fail("pack", std::move(content).error());
    out.push_back({path, std::move(*content)});
  }
  if (!config.sampling.empty()) {
    SG_ASSIGN(auto sampling, sampling_pack(config.sampling, out));
    out.push_back(std::move(sampling));
  }
  return out;
}

Result<Packs> load_packs(const Config& config, FileSystem& fs) {
  Packs packs;
  SG_ASSIGN(const auto files, pack_files_of(config, fs));
  SG_ASSIGN(packs.catalogue, event::Catalogue::parse(files));
  SG_ASSIGN(auto plan, event::MatchPlan::compile(packs.catalogue));
  packs.plan = std::move(plan);
  return packs;
}

admin::Reloaded compare_packs(const event::Catalogue& now, const Packs& next) {
  admin::Reloaded out;
  out.changed = now.hash() != next.catalogue->hash();
  for (const auto& pack : next.catalogue->packs()) {
    out.packs.push_back(
        {pack.name, pack.event_types.size(), pack.fields.size(), pack.meters.size()});
  }
  // Name and rule are a meter's identity.
  std::map<std::string, std::string> rules;
  for (const auto& meter : now.meters()) rules.emplace(meter.name, meter.rule_hash);
  for (const auto& meter : next.catalogue->meters()) {
    const auto old = rules.find(meter.name);
    const bool kept = old != rules.end() && old->second == meter.rule_hash;
    ++(kept ? out.meters_kept : out.meters_begun);
    if (old != rules.end()) rules.erase(old);
  }
  out.meters_gone = rules.size();
  out.warnings = next.plan->warnings();
  return out;
}

void tell_reload(const Result<admin::Reloaded>& done, Telemetry& telemetry, Log& log) {
  const auto count = [&](const char* result) {
    telemetry
        .counter("sightglass_config_reloads_total", "Reloads of the configuration and the packs.",
                 {{"result", result}})
        .add();
  };
  if (!done) {
    count("refused");
    log.error("app", "reload refused, all stays as it was: " + done.error().message);
    return;
  }
  count(done->changed ? "changed" : "unchanged");
  log.info("app", "reloaded: " + std::to_string(done->meters_kept) + " meters go on, " +
                      std::to_string(done->meters_begun) + " begin, " +
                      std::to_string(done->meters_gone) + " end");
  for (const auto& warning : done->warnings) log.warn("app", warning);
  for (const auto& key : done->restart_needed) {
    log.warn("app", "the setting " + key + " has changed and needs a restart");
  }
}

std::vector<std::pair<std::string, std::size_t>> fields_by_class(const event::Catalogue& catalogue,
                                                                 const event::Pack& pack) {
  constexpr auto kClasses = static_cast<std::size_t>(event::FieldClass::kFreeText) + 1;
  std::array<std::size_t, kClasses> counts{};
  for (const auto id : pack.fields) {
    ++counts[static_cast<std::size_t>(catalogue.fields()[id].field_class)];
  }
  std::vector<std::pair<std::string, std::size_t>> out;
  for (std::size_t i = 0; i < kClasses; ++i) {
    if (counts[i] == 0) continue;
    out.emplace_back(event::class_name(static_cast<event::FieldClass>(i)), counts[i]);
  }
  return out;
}

std::string pack_table(const event::Catalogue& catalogue) {
  std::string out = "  PACK            EVENT TYPES    FIELDS    METERS  FIELDS BY CLASS\n";
  for (const auto& pack : catalogue.packs()) {
    std::string classes;
    for (const auto& [name, n] : fields_by_class(catalogue, pack)) {
      classes += (classes.empty() ? "" : ", ") + name + " " + std::to_string(n);
    }
    char line[256];
    std::snprintf(line, sizeof line, "  %-16s %10zu %9zu %9zu  ", pack.name.c_str(),
                  pack.event_types.size(), pack.fields.size(), pack.meters.size());
    out.append(line).append(classes).append(pack.awake ? "" : "; asleep until its first event");
    out += '\n';
  }
  return out;
}

}  // namespace sightglass::app
