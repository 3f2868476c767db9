#include "app/backup.h"

#include <simdjson.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <limits>
#include <optional>
#include <set>
#include <vector>

#include "base/crc32c.h"
#include "base/failpoint.h"
#include "base/json_writer.h"
#include "control/copy.h"
#include "journal/journal.h"
#include "journal/snapshot.h"
#include "store/manifest.h"

namespace sightglass::app {
namespace {

constexpr std::string_view kFormat = "sightglass-backup";
constexpr std::uint64_t kVersion = 1;
constexpr std::string_view kList = "backup.json";
constexpr std::size_t kPieceBytes = 1u << 20;
constexpr std::uint64_t kListLimitBytes = 64u << 20;
constexpr int kAttempts = 20;

struct Copied {
  std::string path;  // below the folder
  std::uint64_t bytes = 0;
  std::uint32_t crc = 0;
};

constexpr std::string_view kControl = "control.db";

// What stands in a data folder and is of the running process alone, or is copied another way.
bool is_passing(const std::string& name) {
  return name.starts_with(kControl) || name == "lock" || name.ends_with(".sock") ||
         name.ends_with(".new") || name.ends_with(".tmp");
}

std::string parent_of(const std::string& path) {
  const auto slash = path.find_last_of('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

// The bytes that are there when it is opened; the copy is on the disk when it returns.
Result<Copied> copy_file(FileSystem& fs, const std::string& from, const std::string& to) {
  SG_ASSIGN(const auto in, fs.open(from, OpenMode::kRead));
  SG_ASSIGN(const auto size, in->size());
  SG_TRY(fs.remove(to));
  SG_ASSIGN(const auto out, fs.open(to, OpenMode::kCreateNew));
  Copied done;
  std::string piece(kPieceBytes, '\0');
  while (done.bytes < size) {
    const auto want = std::min<std::uint64_t>(piece.size(), size - done.bytes);
    SG_ASSIGN(const auto got, in->pread(piece.data(), want, done.bytes));
    if (got == 0) break;
    const auto part = Bytes(piece).substr(0, got);
    SG_TRY(out->append(part));
    done.crc = crc32c(part, done.crc);
    done.bytes += got;
  }
  SG_TRY(out->sync_data());
  return done;
}

class Backup {
 public:
  Backup(std::string data, std::string target, FileSystem& fs)
      : data_(std::move(data)), target_(std::move(target)), fs_(fs) {}

  Result<BackupSummary> run(const Clock& clock) {
    if (!fs_.exists(data_ + "/gateway-id")) {
      return fail(Code::kNotFound, data_ + " is no data folder of a server; name one with --data");
    }
    SG_TRY(make_folder(""));
    for (int attempt = 1;; ++attempt) {
      SG_ASSIGN(const bool whole, copy_all());
      if (whole) break;
      if (attempt == kAttempts) {
        return fail(Code::kBusy,
                    "the server changes its files faster than they are copied; try again when "
                    "there is less traffic");
      }
    }
    SG_FAILPOINT("backup.copied");
    for (const auto& folder : folders_) SG_TRY(fs_.sync_directory(folder));
    SG_TRY(replace_file(fs_, target_ + "/" + std::string(kList), list(clock)));
    SG_FAILPOINT("backup.listed");
    BackupSummary out;
    for (const auto& file : files_) {
      ++out.files;
      out.bytes += file.bytes;
    }
    return out;
  }

 private:
  Status make_folder(const std::string& name) {
    const auto path = name.empty() ? target_ : target_ + "/" + name;
    SG_TRY(fs_.create_directories(path));
    folders_.insert(path);
    return {};
  }
  bool is_folder(const std::string& path) { return fs_.list(path).has_value(); }

  // False: what was copied does not fit together, since the server went on meanwhile.
  Result<bool> copy_all() {
    // The history's files stay from one attempt to the next: they never change.
    std::erase_if(files_, [](const Copied& file) { return !file.path.starts_with("store/"); });
    bool has_store = is_folder(data_ + "/store");
    journal::Position needed = std::numeric_limits<journal::Position>::max();
    if (has_store) {
      SG_ASSIGN(const auto covered, copy_store());
      if (!covered) return false;
      needed = *covered;
    }
    SG_ASSIGN(const auto names, fs_.list(data_));
    for (const auto& name : names) {
      if (name != "journal" && name != "store" && !is_passing(name)) SG_TRY(copy_tree(name));
    }
    if (fs_.exists(data_ + "/" + std::string(kControl))) SG_TRY(copy_control());
    SG_ASSIGN(const auto folded, least_snapshot());
    needed = std::min(needed, folded);
    SG_TRY(copy_tree("journal"));  // last: it must hold what the others lack
    if (needed == std::numeric_limits<journal::Position>::max()) return true;  // from its beginning
    journal::Options options;
    options.directory = target_ + "/journal";
    const auto reader = journal::open_reader(options, fs_, nullptr, needed);
    if (!reader && reader.error().code == Code::kNotFound) return false;
    if (!reader) return std::unexpected(reader.error());
    return true;
  }

  // A file that goes while it is to be copied is none that counts any more.
  Status copy_tree(const std::string& name) {
    const auto from = data_ + "/" + name;
    if (const auto inside = fs_.list(from)) {
      SG_TRY(make_folder(name));
      for (const auto& one : *inside) {
        if (!is_passing(one)) SG_TRY(copy_tree(name + "/" + one));
      }
      return {};
    }
    auto copied = copy_file(fs_, from, target_ + "/" + name);
    if (!copied && copied.error().code == Code::kNotFound) return fs_.remove(target_ + "/" + name);
    if (!copied) return fail(from, std::move(copied).error());
    copied->path = name;
    files_.push_back(std::move(*copied));
    return {};
  }

  // A database is more than its file's bytes: its engine makes the copy, which is copied in turn so
  // that it is read, counted and synced as the others are.
  Status copy_control() {
    const std::string name(kControl);
    const auto aside = target_ + "/" + name + ".copy";
    SG_TRY(fs_.remove(aside));
    SG_TRY(control::copy_database(data_ + "/" + name, aside));
    auto copied = copy_file(fs_, aside, target_ + "/" + name);
    SG_TRY(fs_.remove(aside));
    if (!copied) return fail(name, std::move(copied).error());
    copied->path = name;
    files_.push_back(std::move(*copied));
    return {};
  }

  // How far the copied manifest covers the journal; nothing when the server replaced its files.
  Result<std::optional<journal::Position>> copy_store() {
    SG_TRY(make_folder("store"));
    SG_TRY(make_folder("store/parquet"));
    SG_TRY(make_folder("store/rollup"));
    const std::string name = "store/manifest.json";
    SG_ASSIGN(auto copied, copy_file(fs_, data_ + "/" + name, target_ + "/" + name));
    SG_ASSIGN(const auto text, read_file(fs_, target_ + "/" + name));
    SG_ASSIGN(const auto manifest, store::parse_manifest(text));
    std::erase_if(files_, [&](const Copied& file) { return file.path == name; });
    copied.path = name;
    files_.push_back(copied);
    std::set<std::string> named = {name};
    for (const auto& file : manifest.files) {
      named.insert("store/parquet/" + file.name);
      SG_ASSIGN(const bool there, copy_counted("store/parquet/" + file.name, file.bytes, file.crc));
      if (!there) return std::optional<journal::Position>();
    }
    for (const auto& file : manifest.rollups) {
      named.insert("store/rollup/" + file.name);
      SG_ASSIGN(const bool there, copy_counted("store/rollup/" + file.name, file.bytes, file.crc));
      if (!there) return std::optional<journal::Position>();
    }
    // What an earlier attempt copied and this manifest no longer names.
    for (const auto& file : files_) {
      if (!named.contains(file.path)) SG_TRY(fs_.remove(target_ + "/" + file.path));
    }
    std::erase_if(files_, [&](const Copied& file) { return !named.contains(file.path); });
    return std::optional(manifest.covered);
  }

  Result<bool> copy_counted(const std::string& path, std::uint64_t bytes, std::uint32_t crc) {
    const auto same = [&](const Copied& file) { return file.path == path; };
    if (std::any_of(files_.begin(), files_.end(), same)) return true;
    auto copied = copy_file(fs_, data_ + "/" + path, target_ + "/" + path);
    if (!copied && copied.error().code == Code::kNotFound) return false;
    if (!copied) return fail(path, std::move(copied).error());
    if (copied->bytes != bytes || copied->crc != crc) {
      return fail(Code::kCorrupt, path +
                                      " is damaged; a running server sets it aside within "
                                      "minutes, then try again");
    }
    copied->path = path;
    files_.push_back(std::move(*copied));
    return true;
  }

  // The position from which the fold that is furthest behind goes on, of those with snapshots.
  Result<journal::Position> least_snapshot() {
    auto least = std::numeric_limits<journal::Position>::max();
    const auto folder = target_ + "/snapshots";
    const auto names = fs_.list(folder);
    if (!names) return least;
    std::set<std::string> folds;
    for (const auto& name : *names) {
      if (name.ends_with(".snapshot")) folds.insert(name.substr(0, name.find('.')));
    }
    for (const auto& fold : folds) {
      journal::SnapshotFiles files(fs_, folder, fold);
      SG_TRY(files.look());
      if (files.intact() != 0) least = std::min(least, files.newest_position());
    }
    return least;
  }

  std::string list(const Clock& clock) const {
    std::string out;
    JsonWriter json(out);
    json.begin_object().key("format").string(kFormat);
    json.key("version").unsigned_integer(kVersion);
    json.key("created").integer(clock.wall_ns() / kSecond);
    json.key("files").begin_array();
    for (const auto& file : files_) {
      json.begin_object().key("path").string(file.path);
      json.key("bytes").unsigned_integer(file.bytes);
      json.key("crc32c").unsigned_integer(file.crc).end_object();
    }
    json.end_array().end_object();
    return out + "\n";
  }

  const std::string data_, target_;
  FileSystem& fs_;
  std::vector<Copied> files_;
  std::set<std::string> folders_;
};

// Below the folder, and nowhere else.
bool is_below(std::string_view path) {
  return !path.empty() && path.front() != '/' && path.find("..") == path.npos &&
         path.find('\0') == path.npos && path.find("//") == path.npos;
}

Result<std::vector<Copied>> read_list(const std::string& backup, FileSystem& fs) {
  const auto text = read_file(fs, backup + "/" + std::string(kList), kListLimitBytes);
  if (!text) {
    return fail(Code::kNotFound, backup + " is no whole backup: it has no " + std::string(kList));
  }
  const auto damaged = fail(Code::kCorrupt, std::string(kList) + " is damaged");
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  simdjson::dom::array files;
  std::string_view format;
  std::uint64_t version = 0;
  if (parser.parse(simdjson::padded_string(*text)).get(root) != simdjson::SUCCESS ||
      root["format"].get(format) != simdjson::SUCCESS || format != kFormat ||
      root["version"].get(version) != simdjson::SUCCESS) {
    return damaged;
  }
  if (version > kVersion) {
    return fail(Code::kVersion,
                "the backup was made by a newer version of Sightglass; restore it with that one");
  }
  if (root["files"].get(files) != simdjson::SUCCESS) return damaged;
  std::vector<Copied> out;
  for (const auto file : files) {
    std::string_view path;
    std::uint64_t bytes = 0, crc = 0;
    if (file["path"].get(path) != simdjson::SUCCESS || !is_below(path) ||
        file["bytes"].get(bytes) != simdjson::SUCCESS ||
        file["crc32c"].get(crc) != simdjson::SUCCESS || crc > 0xffff'ffffu) {
      return damaged;
    }
    out.push_back({std::string(path), bytes, static_cast<std::uint32_t>(crc)});
  }
  return out;
}

// Of an attempt that came to nothing.
Status remove_tree(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  return error ? fail(Code::kIo, path + " cannot be removed") : Status();
}

// `fill` writes the folder; it gets its name when all of it is there.
Result<BackupSummary> make_whole(const std::string& target, const std::string& aside,
                                 FileSystem& fs,
                                 const std::function<Result<BackupSummary>()>& fill) {
  if (const auto inside = fs.list(target); inside && !inside->empty()) {
    return fail(Code::kExists, target + " is there and not empty; name another folder");
  }
  SG_TRY(remove_tree(aside));
  auto done = fill();
  if (!done) {
    (void)remove_tree(aside);
    return done;
  }
  SG_TRY(fs.sync_directory(aside));
  SG_TRY(fs.rename(aside, target));
  SG_TRY(fs.sync_directory(parent_of(target)));
  return done;
}

std::string without_slash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

}  // namespace

Result<BackupSummary> back_up(const std::string& data, const std::string& target, FileSystem& fs,
                              const Clock& clock) {
  const auto to = without_slash(target);
  const auto aside = to + ".partial";
  return make_whole(to, aside, fs,
                    [&] { return Backup(without_slash(data), aside, fs).run(clock); });
}

Result<BackupSummary> restore_backup(const std::string& backup, const std::string& data,
                                     FileSystem& fs) {
  SG_ASSIGN(const auto files, read_list(backup, fs));
  const auto to = without_slash(data);
  const auto aside = to + ".partial";
  return make_whole(to, aside, fs, [&]() -> Result<BackupSummary> {
    BackupSummary out;
    std::set<std::string> folders = {aside};
    SG_TRY(fs.create_directories(aside));
    for (const auto& file : files) {
      const auto path = aside + "/" + file.path;
      if (folders.insert(parent_of(path)).second) SG_TRY(fs.create_directories(parent_of(path)));
      auto copied = copy_file(fs, backup + "/" + file.path, path);
      if (!copied) return fail(file.path, std::move(copied).error());
      if (copied->bytes != file.bytes || copied->crc != file.crc) {
        return fail(Code::kCorrupt, file.path + " is not as the backup lists it: it is damaged");
      }
      ++out.files;
      out.bytes += copied->bytes;
      SG_FAILPOINT("restore.copied");
    }
    for (const auto& folder : folders) SG_TRY(fs.sync_directory(folder));
    return out;
  });
}

}  // namespace sightglass::app
