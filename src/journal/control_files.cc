#include "journal/control_files.h"

#include "base/sha256.h"
#include "journal/durable_file.h"

namespace sightglass::journal {
namespace {

constexpr std::uint64_t kMaxControlBytes = 64u << 20;

}  // namespace

std::string control_path(const std::string& journal_directory, const std::string& hash) {
  return journal_directory + "/" + std::string(kControlDirectory) + "/" + hash;
}

Status keep_control(FileSystem& fs, const std::string& journal_directory,
                    const event::Catalogue& catalogue) {
  const auto path = control_path(journal_directory, catalogue.hash());
  if (const auto there = read_file(fs, path, kMaxControlBytes);
      there && *there == catalogue.text()) {
    // It may stand there from a run that died before its folder was synced.
    return fs.sync_directory(journal_directory + "/" + std::string(kControlDirectory));
  }
  return write_durably(fs, path, {catalogue.text()}, "control");
}

Result<std::shared_ptr<const event::Catalogue>> load_control(FileSystem& fs,
                                                             const std::string& journal_directory,
                                                             const std::string& hash) {
  const auto path = control_path(journal_directory, hash);
  SG_ASSIGN(auto text, read_file(fs, path, kMaxControlBytes));
  if (sha256_hex(text) != hash) {
    return fail(Code::kCorrupt, path + ": is not the text that its name promises");
  }
  auto catalogue = event::Catalogue::parse(std::move(text));
  if (!catalogue) return fail(path, std::move(catalogue).error());
  return catalogue;
}

void remove_unused_controls(FileSystem& fs, const std::string& journal_directory,
                            const std::set<std::string>& used) {
  const auto directory = journal_directory + "/" + std::string(kControlDirectory);
  const auto names = fs.list(directory);
  if (!names) return;
  for (const auto& name : *names) {
    if (!used.contains(name)) (void)fs.remove(directory + "/" + name);
  }
}

}  // namespace sightglass::journal
