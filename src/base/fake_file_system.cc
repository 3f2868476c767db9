#include "base/fake_file_system.h"

#include <algorithm>
#include <cerrno>

namespace sightglass {
namespace {

std::string clean(const std::string& path) {
  std::string out;
  for (const char c : path) {
    if (c == '/' && !out.empty() && out.back() == '/') continue;
    out.push_back(c);
  }
  if (out.size() > 1 && out.back() == '/') out.pop_back();
  if (out.starts_with("./")) out.erase(0, 2);
  return out;
}

// "" for a name without a folder, which stands for the working directory.
std::string parent(const std::string& path) {
  const auto slash = path.find_last_of('/');
  if (slash == std::string::npos) return "";
  return slash == 0 ? "/" : path.substr(0, slash);
}

bool is_top(const std::string& directory) {
  return directory.empty() || directory == "." || directory == "/";
}

}  // namespace

struct FakeFileSystem::Inode {
  std::string content;  // as the process reads it
  std::string durable;  // as it was at the last good sync
  // The least size since the last good sync: bytes before it are as they were then.
  std::uint64_t kept_bytes = 0;
  std::uint64_t preallocated_bytes = 0;
  bool lost = false;  // a sync failed: what came since the last good one will never last
};

struct FakeFileSystem::Change {
  enum class Kind : std::uint8_t { kCreate, kRename, kRemove, kDirectory };
  Kind kind = Kind::kCreate;
  std::string from;  // kRename, kRemove
  std::string to;    // kCreate, kRename, kDirectory
  std::shared_ptr<Inode> inode;
  const std::string& path() const { return kind == Kind::kRemove ? from : to; }
};

class FakeFileSystem::OpenFile final : public File {
 public:
  OpenFile(FakeFileSystem& fs, std::shared_ptr<Inode> inode, std::string path, OpenMode mode)
      : fs_(fs), inode_(std::move(inode)), path_(std::move(path)), mode_(mode), epoch_(fs.epoch_) {}

  Status append(Bytes data) override { return append(std::vector<Bytes>{data}); }

  Status append(const std::vector<Bytes>& parts) override {
    std::string all;
    for (const auto part : parts) all.append(part);
    const std::scoped_lock lock(fs_.mutex_);
    SG_TRY(check_writable());
    return fs_.append(*inode_, path_, all);
  }

  Result<std::size_t> pread(char* out, std::size_t size, std::uint64_t offset) const override {
    const std::scoped_lock lock(fs_.mutex_);
    SG_TRY(check_open());
    if (!fs_.failing_reads_.empty() && path_.find(fs_.failing_reads_) != std::string::npos) {
      return fail_errno("read " + path_, EIO);
    }
    const auto& bytes = inode_->content;
    if (offset >= bytes.size()) return std::size_t{0};
    return bytes.copy(out, size, static_cast<std::size_t>(offset));
  }

  Status sync_data() override {
    const std::scoped_lock lock(fs_.mutex_);
    SG_TRY(check_open());
    SG_TRY(fs_.begin_change("sync " + path_));
    if (fs_.failing_syncs_ > 0) {
      --fs_.failing_syncs_;
      inode_->lost = true;
      return fail_errno("sync " + path_, EIO);
    }
    if (!inode_->lost && !fs_.lying_syncs_) {
      inode_->durable = inode_->content;
      inode_->kept_bytes = inode_->content.size();
    }
    fs_.record("sync " + path_);
    return {};
  }

  Status truncate(std::uint64_t size_bytes) override {
    const std::scoped_lock lock(fs_.mutex_);
    SG_TRY(check_writable());
    const auto operation = "truncate " + path_ + " " + std::to_string(size_bytes);
    SG_TRY(fs_.begin_change(operation));
    inode_->content.resize(static_cast<std::size_t>(size_bytes), '\0');
    inode_->kept_bytes = std::min(inode_->kept_bytes, size_bytes);
    inode_->preallocated_bytes = 0;
    fs_.record(operation);
    return {};
  }

  Status preallocate(std::uint64_t size_bytes) override {
    const std::scoped_lock lock(fs_.mutex_);
    SG_TRY(check_writable());
    const auto operation = "preallocate " + path_ + " " + std::to_string(size_bytes);
    SG_TRY(fs_.begin_change(operation));
    const auto has = std::max<std::uint64_t>(inode_->content.size(), inode_->preallocated_bytes);
    if (size_bytes > has && size_bytes - has > fs_.room()) {
      return fail_errno("reserve space for " + path_, ENOSPC);
    }
    inode_->preallocated_bytes = std::max(inode_->preallocated_bytes, size_bytes);
    fs_.record(operation);
    return {};
  }

  Result<std::uint64_t> size() const override {
    const std::scoped_lock lock(fs_.mutex_);
    SG_TRY(check_open());
    return static_cast<std::uint64_t>(inode_->content.size());
  }

 private:
  Status check_open() const {
    if (epoch_ != fs_.epoch_) return fail_errno("use after crash of " + path_, EIO);
    return {};
  }
  Status check_writable() const {
    SG_TRY(check_open());
    if (mode_ == OpenMode::kRead) return fail_errno("write " + path_, EBADF);
    return {};
  }

  FakeFileSystem& fs_;
  std::shared_ptr<Inode> inode_;
  std::string path_;
  OpenMode mode_;
  std::uint64_t epoch_;
};

FakeFileSystem::FakeFileSystem(std::uint64_t seed) : random_(seed) {}
FakeFileSystem::~FakeFileSystem() = default;

// ---- faults and the record ----------------------------------------------------------------------

Status FakeFileSystem::begin_change(const std::string& operation) {
  if (halted_) return fail_errno(operation, EIO);
  if (fault_) {
    if (auto error = fault_(operation)) return std::unexpected(std::move(*error));
  }
  ++changes_;
  if (changes_ >= halt_at_) {
    halted_ = true;
    return fail_errno(operation, EIO);
  }
  return {};
}

void FakeFileSystem::record(std::string operation) { operations_.push_back(std::move(operation)); }

std::uint64_t FakeFileSystem::used() const {
  std::uint64_t sum = 0;
  for (const auto& [path, inode] : names_) {
    sum += std::max<std::uint64_t>(inode->content.size(), inode->preallocated_bytes);
  }
  return sum;
}

std::uint64_t FakeFileSystem::room() const {
  const auto taken = used();
  return taken < capacity_bytes_ ? capacity_bytes_ - taken : 0;
}

Status FakeFileSystem::append(Inode& inode, const std::string& path, Bytes data) {
  const auto operation = "append " + path + " " + std::to_string(data.size());
  if (auto status = begin_change(operation); !status) {
    // A process that dies in write(2) leaves any part of it behind.
    if (halted_ && changes_ == halt_at_ && !data.empty()) {
      inode.content.append(data.substr(0, random_.below(data.size() + 1)));
      halt_at_ = 0;
    }
    return status;
  }
  const auto size_bytes = inode.content.size();
  const auto own =
      inode.preallocated_bytes > size_bytes ? inode.preallocated_bytes - size_bytes : 0;
  const auto fits = own + room();
  if (data.size() > fits) {
    inode.content.append(data.substr(0, static_cast<std::size_t>(fits)));
    return fail_errno("write " + path, ENOSPC);
  }
  inode.content.append(data);
  record(operation);
  return {};
}

// ---- names --------------------------------------------------------------------------------------

Result<std::unique_ptr<File>> FakeFileSystem::open(const std::string& raw, OpenMode mode) {
  const auto path = clean(raw);
  const std::scoped_lock lock(mutex_);
  const auto found = names_.find(path);
  if (found != names_.end()) {
    if (mode == OpenMode::kCreateNew) return fail_errno("open " + path, EEXIST);
    return std::make_unique<OpenFile>(*this, found->second, path, mode);
  }
  if (mode == OpenMode::kRead) return fail_errno("open " + path, ENOENT);
  const auto folder = parent(path);
  if (!is_top(folder) && !directories_.contains(folder)) return fail_errno("open " + path, ENOENT);
  SG_TRY(begin_change("create " + path));
  auto inode = std::make_shared<Inode>();
  names_[path] = inode;
  pending_.push_back({Change::Kind::kCreate, "", path, inode});
  record("create " + path);
  return std::make_unique<OpenFile>(*this, std::move(inode), path, mode);
}

Result<std::vector<std::string>> FakeFileSystem::list(const std::string& raw) {
  const auto directory = clean(raw);
  const std::scoped_lock lock(mutex_);
  if (!is_top(directory) && !directories_.contains(directory)) {
    return fail_errno("list " + directory, ENOENT);
  }
  std::vector<std::string> names;
  for (const auto& [path, inode] : names_) {
    if (parent(path) == directory) names.push_back(path.substr(path.find_last_of('/') + 1));
  }
  for (const auto& path : directories_) {
    if (parent(path) == directory) names.push_back(path.substr(path.find_last_of('/') + 1));
  }
  std::sort(names.begin(), names.end());
  return names;
}

Status FakeFileSystem::create_directories(const std::string& raw) {
  const auto path = clean(raw);
  const std::scoped_lock lock(mutex_);
  for (std::size_t end = 0; end != std::string::npos;) {
    end = path.find('/', end + 1);
    const auto made = path.substr(0, end);
    if (made.empty() || made == "." || directories_.contains(made)) continue;
    SG_TRY(begin_change("mkdir " + made));
    directories_.insert(made);
    if (is_top(parent(made))) {
      durable_directories_.insert(made);
    } else {
      pending_.push_back({Change::Kind::kDirectory, "", made, nullptr});
    }
    record("mkdir " + made);
  }
  return {};
}

Status FakeFileSystem::rename(const std::string& raw_from, const std::string& raw_to) {
  const auto from = clean(raw_from);
  const auto to = clean(raw_to);
  const std::scoped_lock lock(mutex_);
  const auto found = names_.find(from);
  if (found == names_.end()) return fail_errno("rename to " + to, ENOENT);
  if (!is_top(parent(to)) && !directories_.contains(parent(to))) {
    return fail_errno("rename to " + to, ENOENT);
  }
  const auto operation = "rename " + from + " " + to;
  SG_TRY(begin_change(operation));
  if (failing_renames_ > 0) {
    --failing_renames_;
    return fail_errno("rename to " + to, EIO);
  }
  auto inode = found->second;
  names_.erase(found);
  names_[to] = inode;
  pending_.push_back({Change::Kind::kRename, from, to, std::move(inode)});
  record(operation);
  return {};
}

Status FakeFileSystem::remove(const std::string& raw) {
  const auto path = clean(raw);
  const std::scoped_lock lock(mutex_);
  if (!names_.contains(path)) return {};
  SG_TRY(begin_change("remove " + path));
  names_.erase(path);
  pending_.push_back({Change::Kind::kRemove, path, "", nullptr});
  record("remove " + path);
  return {};
}

void FakeFileSystem::persist(const Change& change) {
  switch (change.kind) {
    case Change::Kind::kCreate:
      durable_[change.to] = change.inode;
      return;
    case Change::Kind::kRename:
      durable_.erase(change.from);
      durable_[change.to] = change.inode;
      return;
    case Change::Kind::kRemove:
      durable_.erase(change.from);
      return;
    case Change::Kind::kDirectory:
      durable_directories_.insert(change.to);
      return;
  }
}

Status FakeFileSystem::sync_directory(const std::string& raw) {
  const auto directory = clean(raw);
  const auto folder = directory == "." ? std::string() : directory;
  const std::scoped_lock lock(mutex_);
  if (!is_top(folder) && !directories_.contains(folder)) {
    return fail_errno("open " + directory, ENOENT);
  }
  SG_TRY(begin_change("sync_directory " + directory));
  std::set<std::string> moved_away;  // a rename that lasts takes the source's creation with it
  for (const auto& change : pending_) {
    if (parent(change.path()) != folder) continue;
    persist(change);
    if (change.kind == Change::Kind::kRename) moved_away.insert(change.from);
  }
  std::erase_if(pending_, [&](const Change& change) {
    return parent(change.path()) == folder ||
           (change.kind == Change::Kind::kCreate && moved_away.contains(change.to) &&
            !names_.contains(change.to));
  });
  record("sync_directory " + directory);
  return {};
}

bool FakeFileSystem::exists(const std::string& raw) {
  const auto path = clean(raw);
  const std::scoped_lock lock(mutex_);
  return is_top(path) || names_.contains(path) || directories_.contains(path);
}

Result<std::uint64_t> FakeFileSystem::free_bytes(const std::string&) {
  const std::scoped_lock lock(mutex_);
  return room();
}

Result<std::uint64_t> FakeFileSystem::total_bytes(const std::string&) {
  const std::scoped_lock lock(mutex_);
  return capacity_bytes_;
}

// ---- the crash ----------------------------------------------------------------------------------

void FakeFileSystem::crash() {
  const std::scoped_lock lock(mutex_);
  ++epoch_;
  // Names: the file system's own journal keeps an ordered prefix of what was pending.
  const auto kept = random_.below(pending_.size() + 1);
  for (std::size_t i = 0; i < kept; ++i) persist(pending_[i]);
  pending_.clear();
  directories_ = durable_directories_;
  std::erase_if(durable_, [&](const auto& entry) {
    const auto folder = parent(entry.first);
    return !is_top(folder) && !directories_.contains(folder);
  });
  names_ = durable_;
  for (auto& [path, inode] : names_) {
    auto after = inode->durable;
    // An unsynced truncation happened or did not; appended bytes can only stand behind it.
    const bool truncated = inode->kept_bytes < after.size();
    if (!truncated || random_.below(2) == 0) {
      const auto base = std::min<std::size_t>(after.size(), inode->kept_bytes);
      after.resize(base);
      Bytes tail = inode->lost
                       ? Bytes()
                       : Bytes(inode->content).substr(std::min(base, inode->content.size()));
      // The size may have grown by any part of the tail, and any run of its bytes may be missing.
      tail = tail.substr(0, random_.below(tail.size() + 1));
      while (!tail.empty()) {
        const auto run = std::min<std::size_t>(
            tail.size(), 1 + random_.below(random_.below(8) == 0 ? 4096 : 64));
        if (random_.below(3) == 0) {
          after.append(run, '\0');
        } else {
          after.append(tail.substr(0, run));
        }
        tail.remove_prefix(run);
      }
    }
    inode->content = inode->durable = std::move(after);
    inode->kept_bytes = inode->content.size();
    inode->lost = false;
  }
  failing_syncs_ = failing_renames_ = 0;
  lying_syncs_ = false;
  failing_reads_.clear();
  fault_ = nullptr;
  halted_ = false;
  halt_at_ = std::numeric_limits<std::uint64_t>::max();
}

// ---- switches -----------------------------------------------------------------------------------

void FakeFileSystem::set_capacity_bytes(std::uint64_t bytes) {
  const std::scoped_lock lock(mutex_);
  capacity_bytes_ = bytes;
}

void FakeFileSystem::fill_up_after(std::uint64_t bytes) {
  const std::scoped_lock lock(mutex_);
  capacity_bytes_ = used() + bytes;
}

void FakeFileSystem::fail_syncs(std::uint32_t count) {
  const std::scoped_lock lock(mutex_);
  failing_syncs_ = count;
}

void FakeFileSystem::lie_about_syncs() {
  const std::scoped_lock lock(mutex_);
  lying_syncs_ = true;
}

void FakeFileSystem::fail_renames(std::uint32_t count) {
  const std::scoped_lock lock(mutex_);
  failing_renames_ = count;
}

void FakeFileSystem::fail_reads(std::string path_part) {
  const std::scoped_lock lock(mutex_);
  failing_reads_ = std::move(path_part);
}

void FakeFileSystem::set_fault(std::function<std::optional<Error>(std::string_view)> fault) {
  const std::scoped_lock lock(mutex_);
  fault_ = std::move(fault);
}

void FakeFileSystem::halt_after(std::uint64_t operations) {
  const std::scoped_lock lock(mutex_);
  halt_at_ = changes_ + std::max<std::uint64_t>(operations, 1);
}

bool FakeFileSystem::halted() const {
  const std::scoped_lock lock(mutex_);
  return halted_;
}

std::vector<std::string> FakeFileSystem::operations() const {
  const std::scoped_lock lock(mutex_);
  return operations_;
}

void FakeFileSystem::clear_operations() {
  const std::scoped_lock lock(mutex_);
  operations_.clear();
}

std::uint64_t FakeFileSystem::changes() const {
  const std::scoped_lock lock(mutex_);
  return changes_;
}

std::optional<std::string> FakeFileSystem::content(const std::string& path) const {
  const std::scoped_lock lock(mutex_);
  const auto found = names_.find(clean(path));
  if (found == names_.end()) return std::nullopt;
  return found->second->content;
}

void FakeFileSystem::set_content(const std::string& raw, std::string bytes) {
  const auto path = clean(raw);
  const std::scoped_lock lock(mutex_);
  for (auto folder = parent(path); !is_top(folder); folder = parent(folder)) {
    directories_.insert(folder);
    durable_directories_.insert(folder);
  }
  auto& inode = names_[path];
  if (inode == nullptr) inode = std::make_shared<Inode>();
  durable_[path] = inode;
  inode->content = inode->durable = std::move(bytes);
  inode->kept_bytes = inode->content.size();
}

std::uint64_t FakeFileSystem::used_bytes() const {
  const std::scoped_lock lock(mutex_);
  return used();
}

}  // namespace sightglass
