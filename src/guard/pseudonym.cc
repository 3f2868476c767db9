#include "guard/pseudonym.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>

#include "base/sha256.h"
#include "base/text.h"
#include "guard/key_epochs.h"

namespace sightglass::guard {
namespace {

constexpr Nanos kDay = 86'400 * kSecond;
constexpr Nanos kRetryAfter = 10 * kSecond;
constexpr std::size_t kMaxFileBytes = 64 * 1024;
constexpr std::size_t kStrongKeyCharacters = 22;  // of base64: 128 bits

Nanos midnight_before(Nanos time_ns) { return time_ns - ((time_ns % kDay) + kDay) % kDay; }

std::string parent_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// A ring that others can read is no secret any more. A file system that is not the kernel's has no
// mode to look at.
Status check_mode(const std::string& path) {
  struct stat status{};
  if (stat(path.c_str(), &status) != 0) return {};
  if ((status.st_mode & 077) != 0) {
    return fail(Code::kDenied, "others may read the key ring; run chmod 600 on it");
  }
  if (status.st_uid != geteuid()) {
    return fail(Code::kDenied, "the key ring belongs to another user");
  }
  return {};
}

}  // namespace

struct KeyRing::State {
  Options options;
  FileSystem& fs;
  Random& random;
  const Clock& clock;

  std::mutex mutex;                          // guards what follows, and the file
  std::shared_ptr<const KeyEpochs> current;  // never null once open
  Nanos failed_at_ns = 0;                    // monotonic; 0: the last write went well
  Error failure;
  std::atomic<std::uint64_t> generation{0};  // of `current`; lets readers skip the lock

  State(Options o, FileSystem& f, Random& r, const Clock& c)
      : options(std::move(o)), fs(f), random(r), clock(c) {}

  KeyEpochs::Times times() const {
    return {options.epoch_ns, options.grace_ns, options.overlap_ns};
  }
  Status load();
  Status add_epoch_for(Nanos time_ns);
  Status add_epoch(Nanos start_ns);
  Status delete_old_epochs(Nanos now_ns);
  Status replace(std::string next);
  Status tend_locked(bool with_grace);
  std::shared_ptr<const KeyEpochs> snapshot(Nanos now_ns);
};

// Reads the ring into `current`, making it first where there is none.
Status KeyRing::State::load() {
  if (!fs.exists(options.path)) {
    SG_TRY(fs.create_directories(parent_of(options.path)));
    auto file = make_ring_file(random, midnight_before(clock.wall_ns()));
    auto written = replace_file(fs, options.path, file);
    wipe(file);
    if (!written) return fail("the key ring cannot be written", std::move(written).error());
  }
  SG_TRY(check_mode(options.path));
  auto file = read_file(fs, options.path, kMaxFileBytes);
  if (!file) return fail("the key ring cannot be read", std::move(file).error());
  const auto next = generation.load(std::memory_order_relaxed) + 1;
  auto parsed = KeyEpochs::parse(*file, times(), next);
  wipe(*file);
  if (!parsed) return std::unexpected(std::move(parsed).error());
  current = std::move(*parsed);
  generation.store(next, std::memory_order_release);
  return {};
}

Status KeyRing::State::add_epoch_for(Nanos time_ns) {
  // Spans follow one another from the epoch before, so that they stay cut at midnight; before the
  // first epoch there is nothing to follow. An epoch that began within a day leads back to one.
  Nanos start_ns = midnight_before(time_ns);
  for (const auto& epoch : current->epochs()) {
    if (epoch.start_ns > time_ns) break;
    const auto from = midnight_before(epoch.start_ns);
    start_ns = time_ns - (time_ns - from) % options.epoch_ns;
  }
  return add_epoch(start_ns);
}

Status KeyRing::State::add_epoch(Nanos start_ns) {
  const auto& epochs = current->epochs();
  std::uint32_t id = 0;
  for (const auto& epoch : epochs) id = std::max(id, epoch.id);
  if (epochs.size() == KeyEpochs::kMaxEpochs) {
    return fail(Code::kTooLarge, "the key ring is full: 256 epochs");
  }
  auto file = read_file(fs, options.path, kMaxFileBytes);
  if (!file) return fail("the key ring cannot be read", std::move(file).error());
  auto next = add_ring_epoch(*file, random, id + 1, start_ns);
  wipe(*file);
  return replace(std::move(next));
}

Status KeyRing::State::replace(std::string next) {
  auto written = replace_file(fs, options.path, next);
  wipe(next);
  if (!written) return fail("the key ring cannot be written", std::move(written).error());
  return load();
}

// Late events of the grace may still ask for a key whose epoch is over.
Status KeyRing::State::delete_old_epochs(Nanos now_ns) {
  if (options.keep_ns == 0) return {};
  const auto& epochs = current->epochs();
  const auto in_use = current->covering(now_ns);
  std::vector<std::uint32_t> old;
  for (std::size_t i = 0; in_use && i < *in_use; ++i) {
    const auto kept_until = current->end_ns(i) + std::max(options.keep_ns, options.overlap_ns);
    if (now_ns - options.grace_ns >= kept_until) old.push_back(epochs[i].id);
  }
  if (old.empty()) return {};
  auto file = read_file(fs, options.path, kMaxFileBytes);
  if (!file) return fail("the key ring cannot be read", std::move(file).error());
  auto next = drop_ring_epochs(*file, old);
  wipe(*file);
  return replace(std::move(next));
}

// `mutex` is held. Keys are used only once they are on disk: a pseudonym under a key that a crash
// forgets would join nothing.
Status KeyRing::State::tend_locked(bool with_grace) {
  const auto now = clock.wall_ns();
  const auto until = with_grace ? now + options.grace_ns : now;
  if (current->covers(now) && current->covers(until)) {
    return with_grace ? delete_old_epochs(now) : Status();
  }
  const auto monotonic = clock.monotonic_ns();
  if (failed_at_ns != 0 && monotonic - failed_at_ns < kRetryAfter) {
    return std::unexpected(failure);
  }
  for (const auto time : {now, until}) {
    if (current->covers(time)) continue;
    if (auto status = add_epoch_for(time); !status) {
      failure = status.error();
      failed_at_ns = monotonic;
      return status;
    }
  }
  failed_at_ns = 0;
  return with_grace ? delete_old_epochs(now) : Status();
}

std::shared_ptr<const KeyEpochs> KeyRing::State::snapshot(Nanos now_ns) {
  const std::lock_guard lock(mutex);
  // Without a key for now, identifiers are dropped; so the failure shows itself.
  if (!current->covers(now_ns)) static_cast<void>(tend_locked(false));
  return current;
}

KeyRing::KeyRing() = default;
KeyRing::~KeyRing() = default;

Result<std::unique_ptr<KeyRing>> KeyRing::open(Options options, FileSystem& fs, Random& random,
                                               const Clock& clock) {
  if (options.epoch_ns < kDay || options.epoch_ns % kDay != 0) {
    return fail(Code::kInvalid, "a pseudonym epoch is a whole number of days");
  }
  if (options.grace_ns < 0 || options.grace_ns > options.epoch_ns) {
    return fail(Code::kInvalid, "the grace is at most one epoch");
  }
  if (options.overlap_ns < 0 || options.keep_ns < 0) {
    return fail(Code::kInvalid, "overlap and keeping of pseudonym epochs are not negative");
  }
  std::unique_ptr<KeyRing> ring(new KeyRing());
  ring->state_ = std::make_unique<State>(std::move(options), fs, random, clock);
  const std::lock_guard lock(ring->state_->mutex);
  SG_TRY(ring->state_->load());
  SG_TRY(ring->state_->tend_locked(true));
  return ring;
}

Status KeyRing::tend() {
  const std::lock_guard lock(state_->mutex);
  return state_->tend_locked(true);
}

Result<KeyRing::Epoch> KeyRing::rotate(Rotation rotation) {
  const std::lock_guard lock(state_->mutex);
  const auto now = state_->clock.wall_ns();
  const auto start_ns =
      rotation == Rotation::kNow ? now - now % kSecond : midnight_before(now) + kDay;
  const auto is_it = [&](const auto& epoch) { return epoch.start_ns == start_ns; };
  const auto& before = state_->current->epochs();
  if (std::find_if(before.begin(), before.end(), is_it) == before.end()) {
    SG_TRY(state_->add_epoch(start_ns));
  }
  const auto& epochs = state_->current->epochs();
  const auto at = std::find_if(epochs.begin(), epochs.end(), is_it);
  const auto index = static_cast<std::size_t>(at - epochs.begin());
  return Epoch{at->id, at->start_ns, state_->current->end_ns(index)};
}

std::vector<KeyRing::Epoch> KeyRing::epochs() const {
  const std::lock_guard lock(state_->mutex);
  std::vector<Epoch> out;
  for (const auto& epoch : state_->current->epochs()) {
    out.push_back({epoch.id, epoch.start_ns, state_->current->end_ns(out.size())});
  }
  return out;
}

std::vector<KeyRing::Pseudonym> KeyRing::pseudonyms(std::string_view kinds,
                                                    std::string_view raw) const {
  std::vector<Pseudonym> out;
  std::string buffer;
  const auto identifier = normalised_identifier(raw, buffer);
  if (identifier.empty() || is_unknown_identifier(identifier)) return out;
  std::shared_ptr<const KeyEpochs> epochs;
  {
    const std::lock_guard lock(state_->mutex);
    epochs = state_->current;
  }
  for (const char kind : kinds) {
    for (const auto& key : epochs->keys_of(kind)) {
      out.push_back({kind, key.epoch, {}});
      append_pseudonym(kind, key, identifier, out.back().text);
    }
  }
  wipe(buffer);
  return out;
}

Nanos KeyRing::refresh(std::shared_ptr<const KeyEpochs>& snapshot) {
  const auto now = state_->clock.wall_ns();
  const auto generation = state_->generation.load(std::memory_order_acquire);
  const bool fresh =
      snapshot != nullptr && snapshot->generation() == generation && snapshot->covers(now);
  if (!fresh) snapshot = state_->snapshot(now);
  return now;
}

bool KeyRing::is_locked() const {
  const std::lock_guard lock(state_->mutex);
  return state_->current->is_locked();
}

bool KeyRing::pseudonym(std::string_view kind, std::string_view raw, Nanos time_ns,
                        std::string& out) {
  std::string buffer;
  const auto identifier = normalised_identifier(raw, buffer);
  if (kind.size() != 1 || identifier.empty()) return false;
  if (is_unknown_identifier(identifier)) {
    out += "unknown";
    return true;
  }
  const auto now = state_->clock.wall_ns();
  const auto epochs = state_->snapshot(now);
  const auto key = epochs->choose(kind[0], time_ns, now);
  if (key) append_pseudonym(kind[0], *key, identifier, out);
  wipe(buffer);
  return key.has_value();
}

std::uint32_t KeyRing::epoch_of(Nanos time_ns) const {
  const auto now = state_->clock.wall_ns();
  const auto key = state_->snapshot(now)->choose('u', time_ns, now);
  return key ? key->epoch : 0;
}

std::string KeyRing::keyed_hash16(std::string_view secret) const {
  std::shared_ptr<const KeyEpochs> epochs;
  {
    const std::lock_guard lock(state_->mutex);
    epochs = state_->current;
  }
  const auto digest = hmac(epochs->identity(), secret);
  return to_hex({reinterpret_cast<const char*>(digest.data()), 8});
}

std::string_view normalised_identifier(std::string_view raw, std::string& buffer) {
  raw = trim(raw);
  if (raw.find('@') == std::string_view::npos) return raw;
  const auto is_upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  if (std::none_of(raw.begin(), raw.end(), is_upper)) return raw;
  const auto at = buffer.size();
  for (const char c : raw) buffer += is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
  return std::string_view(buffer).substr(at);
}

bool is_unknown_identifier(std::string_view normalised) {
  return normalised == "unknown" || normalised == "[unknown]";
}

std::string key_id(std::string_view provider, std::string_view key, const KeyRing& ring) {
  std::string out(provider);
  out += '-';
  out +=
      key.size() >= kStrongKeyCharacters ? sha256_hex(key).substr(0, 16) : ring.keyed_hash16(key);
  return out;
}

}  // namespace sightglass::guard
