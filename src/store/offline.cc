#include "store/offline.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "store/manifest.h"
#include "store/queries.h"

namespace sightglass::store {
namespace {

constexpr int kAttempts = 3;
constexpr std::uint64_t kManifestLimitBytes = 16ull << 20;

// A folder below the temporary one, gone with it.
class SpillFolder {
 public:
  SpillFolder() {
    std::error_code none;
    auto path = (std::filesystem::temp_directory_path(none) / "sightglass-query-XXXXXX").string();
    if (mkdtemp(path.data()) != nullptr) path_ = path;
  }
  ~SpillFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  SpillFolder(const SpillFolder&) = delete;
  SpillFolder& operator=(const SpillFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;  // empty: the engine keeps to its memory
};

class Files final : public OfflineQueries {
 public:
  Files(std::string directory, FileSystem& fs) : directory_(std::move(directory)), fs_(fs) {}

  Status start(const Clock& clock, Telemetry& telemetry) {
    SG_TRY(look());
    SG_ASSIGN(database_, duck::Database::open({.temporary_directory = spill_.path()}));
    SG_ASSIGN(auto connection, database_->connect());
    Options options;
    options.query_limit_ns = 600 * kSecond;
    queries_ = std::make_unique<LocalQueries>(
        options, directory_, fs_, std::move(connection), clock, telemetry,
        [this] { return look(); }, [] {});
    return {};
  }

  Result<Answer> answer(const TypedPlan& plan, const std::atomic<bool>* left) override {
    for (int attempt = 1;; ++attempt) {
      const auto before = generation_;
      auto out = queries_->answer(plan, left);
      if (out || out.error().code != Code::kCorrupt || attempt == kAttempts) return out;
      // A file that the manifest named and that is gone was merged or has expired meanwhile.
      if (!look() || generation_ == before) return out;
    }
  }

 private:
  Result<Version> look() {
    const auto path = directory_ + "/manifest.json";
    const auto text = read_file(fs_, path, kManifestLimitBytes);
    if (!text && text.error().code == Code::kNotFound) {
      return fail(Code::kNotFound, "there is no history in " + directory_ +
                                       "; name the server's data folder with --data");
    }
    if (!text) return fail("manifest.json", text.error());
    auto manifest = parse_manifest(*text);
    if (!manifest) return fail("manifest.json", manifest.error());
    generation_ = manifest->generation;
    Schema schema;
    for (const auto& column : manifest->columns) schema.add(column.name, column.type);
    Version out;
    out.columns = schema.columns();
    out.up_to = manifest->covered;
    for (const auto& file : manifest->files) {
      out.newest_ns = std::max(out.newest_ns, file.facts.max_time_ns);
      out.files.push_back(std::make_shared<const ManifestFile>(file));
    }
    for (const auto& file : manifest->rollups) {
      out.rollups.push_back(std::make_shared<const ManifestRollup>(file));
    }
    out.rolled_up = manifest->rolled_up;
    out.expired_newest_ns = manifest->expired_newest_ns;
    return out;
  }

  const std::string directory_;
  FileSystem& fs_;
  SpillFolder spill_;
  std::uint64_t generation_ = 0;
  std::unique_ptr<duck::Database> database_;
  std::unique_ptr<LocalQueries> queries_;
};

}  // namespace

Result<std::unique_ptr<OfflineQueries>> OfflineQueries::open(const std::string& directory,
                                                             FileSystem& fs, const Clock& clock,
                                                             Telemetry& telemetry) {
  if (directory.find_first_of("*?[]{}") != std::string::npos) {
    return fail(Code::kInvalid, "the store's folder may not have any of *?[]{} in its path");
  }
  auto out = std::make_unique<Files>(directory, fs);
  SG_TRY(out->start(clock, telemetry));
  return out;
}

}  // namespace sightglass::store
