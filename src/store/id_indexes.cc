#include "store/id_indexes.h"

#include <algorithm>

#include "store/id_index.h"
#include "store/sql.h"

namespace sightglass::store {
namespace {

constexpr std::string_view kFolder = "/ids", kEnding = ".ids";

}  // namespace

std::string id_index_path(const std::string& store_directory, const std::string& file_name) {
  return (store_directory + std::string(kFolder) + "/" + file_name).append(kEnding);
}

Result<bool> IdIndexes::make_next() {
  if (!there_) SG_TRY(load());
  SG_ASSIGN(const bool removed, remove_stale());
  const auto& files = history_.manifest().files;
  const auto next = std::find_if(files.rbegin(), files.rend(), [&](const ManifestFile& file) {
    return !there_->contains(file.name);
  });
  if (next == files.rend()) return removed;
  SG_TRY(make(*next));
  there_->insert(next->name);
  return true;
}

Status IdIndexes::load() {
  const auto folder = directory_ + std::string(kFolder);
  SG_TRY(fs_.create_directories(folder));
  SG_ASSIGN(const auto names, fs_.list(folder));
  std::set<std::string> there;
  for (const auto& name : names) {
    if (name.ends_with(kEnding)) {
      there.insert(name.substr(0, name.size() - kEnding.size()));
    } else {
      SG_TRY(fs_.remove(folder + "/" + name));  // what a crash left half made
    }
  }
  there_ = std::move(there);
  return {};
}

Result<bool> IdIndexes::remove_stale() {
  std::set<std::string> wanted;
  for (const auto& file : history_.manifest().files) wanted.insert(file.name);
  bool removed = false;
  for (auto name = there_->begin(); name != there_->end();) {
    if (wanted.contains(*name)) {
      ++name;
      continue;
    }
    SG_TRY(fs_.remove(id_index_path(directory_, *name)));
    name = there_->erase(name);
    removed = true;
  }
  return removed;
}

Status IdIndexes::make(const ManifestFile& file) {
  const auto& facts = file.facts;
  IdIndexBuilder builder(file.crc, facts.rows, facts.first, facts.last);
  const std::vector<std::string> paths = {history_.path(file)};
  SG_TRY(writer_.texts(select_ids(paths), [&](std::int64_t position, std::string_view id) {
    builder.add(static_cast<journal::Position>(position), id);
  }));
  return replace_file(fs_, id_index_path(directory_, file.name), builder.finish());
}

}  // namespace sightglass::store
