#include "journal/snapshot.h"

#include "base/crc32c.h"
#include "journal/durable_file.h"

namespace sightglass::journal {
namespace {

constexpr std::string_view kMagic{"\x89SGS\r\n\x1a\n", 8};
constexpr std::uint32_t kSnapshotVersion = 1;
constexpr std::uint64_t kMaxSnapshotBytes = 4ull << 30;

struct Decoded {
  std::uint64_t generation = 0;
  Position position = 0;
  Bytes state;
};

// Errors: kCorrupt, kVersion.
Result<Decoded> decode(Bytes file, std::string_view fold) {
  const auto corrupt = fail(Code::kCorrupt, "fails its checksum");
  if (file.size() < kMagic.size() + 8 || !file.starts_with(kMagic)) return corrupt;
  ByteReader crc(file.substr(file.size() - 4));
  if (crc.u32() != crc32c(file.substr(0, file.size() - 4))) return corrupt;
  ByteReader in(file.substr(kMagic.size(), file.size() - kMagic.size() - 4));
  if (in.u32() > kSnapshotVersion) {
    return fail(Code::kVersion,
                "a snapshot of a newer version; start that version, or restore "
                "the data folder from before it ran");
  }
  Decoded out;
  out.generation = in.u64();
  out.position = in.u64();
  const auto name = in.string();
  out.state = in.raw(in.u64());
  if (!in.ok() || !in.empty() || name != fold) return corrupt;
  return out;
}

}  // namespace

std::string encode_snapshot_head(std::string_view fold, Position position, std::uint64_t generation,
                                 std::uint64_t state_bytes) {
  std::string out(kMagic);
  ByteWriter w(out);
  w.u32(kSnapshotVersion);
  w.u64(generation);
  w.u64(position);
  w.string(fold);
  w.u64(state_bytes);
  return out;
}

SnapshotFiles::SnapshotFiles(FileSystem& fs, std::string directory, std::string fold)
    : fs_(fs), directory_(std::move(directory)), fold_(std::move(fold)) {
  slots_[0].path = directory_ + "/" + fold_ + ".a.snapshot";
  slots_[1].path = directory_ + "/" + fold_ + ".b.snapshot";
}

Status SnapshotFiles::look() {
  for (auto& slot : slots_) {
    slot.present = fs_.exists(slot.path);
    slot.generation.reset();
    slot.position = 0;
    if (!slot.present) continue;
    const auto file = read_file(fs_, slot.path, kMaxSnapshotBytes);
    if (!file) continue;  // as good as damaged
    const auto decoded = decode(*file, fold_);
    if (!decoded && decoded.error().code == Code::kVersion) return fail(slot.path, decoded.error());
    if (!decoded) continue;
    slot.generation = decoded->generation;
    slot.position = decoded->position;
  }
  return {};
}

int SnapshotFiles::present() const {
  return (slots_[0].present ? 1 : 0) + (slots_[1].present ? 1 : 0);
}

int SnapshotFiles::intact() const {
  return (slots_[0].generation ? 1 : 0) + (slots_[1].generation ? 1 : 0);
}

const SnapshotFiles::Slot* SnapshotFiles::newest() const {
  if (!slots_[0].generation && !slots_[1].generation) return nullptr;
  return slots_[0].generation > slots_[1].generation ? &slots_[0] : &slots_[1];
}

SnapshotFiles::Slot* SnapshotFiles::older_slot() {
  return slots_[0].generation > slots_[1].generation ? &slots_[1] : &slots_[0];
}

std::optional<Snapshot> SnapshotFiles::read(const Slot* slot) const {
  if (slot == nullptr) return std::nullopt;
  auto file = read_file(fs_, slot->path, kMaxSnapshotBytes);
  if (!file) return std::nullopt;
  const auto decoded = decode(*file, fold_);
  if (!decoded) return std::nullopt;
  return Snapshot{decoded->position, std::string(decoded->state)};
}

std::optional<Snapshot> SnapshotFiles::read_older() const {
  const auto* last = newest();
  if (last == nullptr) return std::nullopt;
  const auto& other = last == &slots_[0] ? slots_[1] : slots_[0];
  return other.generation ? read(&other) : std::nullopt;
}

void SnapshotFiles::discard_newest() {
  if (const auto* last = newest()) slots_[last - slots_].generation.reset();
}

Status SnapshotFiles::write(Position position, Bytes state) {
  const auto* last = newest();
  const auto generation = last != nullptr ? *last->generation + 1 : 1;
  auto& slot = *older_slot();
  const auto head = encode_snapshot_head(fold_, position, generation, state.size());
  std::string crc;
  ByteWriter(crc).u32(crc32c(state, crc32c(head)));
  if (auto written = write_durably(fs_, slot.path, {head, state, crc}, "snapshot"); !written) {
    // A rename that was not synced may stand there after a crash or not: which one it is, is open
    // until the next good write, so the other one alone counts.
    slot.generation.reset();
    slot.position = 0;
    return written;
  }
  slot.present = true;
  slot.generation = generation;
  slot.position = position;
  return {};
}

Status SnapshotFiles::remove_all() {
  for (auto& slot : slots_) {
    SG_TRY(fs_.remove(slot.path));
    slot.present = false;
    slot.generation.reset();
    slot.position = 0;
  }
  return fs_.sync_directory(directory_);
}

Position SnapshotFiles::newest_position() const {
  const auto* last = newest();
  return last != nullptr ? last->position : 0;
}

Position SnapshotFiles::older_position() const {
  if (intact() < 2) return 0;
  return std::min(slots_[0].position, slots_[1].position);
}

}  // namespace sightglass::journal
