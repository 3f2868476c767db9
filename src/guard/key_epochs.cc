#include "guard/key_epochs.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <new>

#include "base/text.h"

namespace sightglass::guard {
namespace {

constexpr std::string_view kMagic = "sightglass-key-ring ";
constexpr std::string_view kVersionLine = "sightglass-key-ring 1\n";
constexpr std::string_view kDerivation = "sightglass/pseudonym/1/";
constexpr std::string_view kIdentityDerivation = "sightglass/key-id/1";
constexpr std::size_t kKeyBytes = 32;

Bytes bytes_of(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

bool read_key(std::string_view hex, char (&out)[kKeyBytes]) {
  if (hex.size() != 2 * kKeyBytes) return false;
  for (std::size_t i = 0; i < kKeyBytes; ++i) {
    const int high = hex_digit(hex[2 * i]);
    const int low = hex_digit(hex[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = static_cast<char>(high * 16 + low);
  }
  return true;
}

// The next word of a line of words parted by single blanks.
std::string_view next_word(std::string_view& line) {
  const auto end = line.find(' ');
  const auto word = line.substr(0, end);
  line.remove_prefix(end == std::string_view::npos ? line.size() : end + 1);
  return word;
}

template <typename T>
bool read_whole(std::string_view text, T& out) {
  const auto done = std::from_chars(text.data(), text.data() + text.size(), out);
  return done.ec == std::errc() && done.ptr == text.data() + text.size();
}

void append_random_key(Random& random, std::string& out) {
  char key[kKeyBytes];
  random.fill(key, sizeof key);
  constexpr char kDigits[] = "0123456789abcdef";
  for (const char c : key) {
    out += kDigits[static_cast<unsigned char>(c) >> 4];
    out += kDigits[static_cast<unsigned char>(c) & 15];
  }
  wipe(key, sizeof key);
}

void append_sum(std::string& file) {
  const auto sum = sha256_hex(file);
  file.append("sum ").append(sum).append("\n");
}

void append_epoch(std::string& file, Random& random, std::uint32_t id, Nanos start_ns) {
  file += "epoch " + std::to_string(id) + " " + std::to_string(start_ns / kSecond) + " ";
  append_random_key(random, file);
  file += '\n';
}

// Growing would leave copies of the keys behind in freed memory.
std::string roomy(std::size_t size_bytes) {
  std::string out;
  out.reserve(size_bytes + 1024);
  return out;
}

// The last line's place when its sum is right.
std::optional<std::size_t> checked_body(std::string_view file) {
  const auto at = file.rfind("\nsum ");
  if (at == std::string_view::npos) return std::nullopt;
  const auto body = file.substr(0, at + 1);
  if (file.substr(at + 1) != "sum " + sha256_hex(body) + "\n") return std::nullopt;
  return body.size();
}

struct RingLine {
  enum class Type : std::uint8_t { kIdentity, kLasting, kEpoch, kBad };
  Type type = Type::kBad;
  std::uint32_t id = 0;
  Nanos start_ns = 0;
  std::string_view key;
};

RingLine read_line(std::string_view line) {
  RingLine out;
  const auto word = next_word(line);
  bool ok = true;
  if (word == "identity") {
    out.type = RingLine::Type::kIdentity;
  } else if (word == "lasting") {
    out.type = RingLine::Type::kLasting;
    ok = read_whole(next_word(line), out.id);
  } else if (word == "epoch") {
    std::int64_t start_s = 0;
    out.type = RingLine::Type::kEpoch;
    ok = read_whole(next_word(line), out.id) && read_whole(next_word(line), start_s) &&
         std::llabs(start_s) < (std::int64_t{1} << 33);
    if (ok) out.start_ns = start_s * kSecond;
  }
  out.key = line;
  if (!ok) out.type = RingLine::Type::kBad;
  return out;
}

void derive_row(std::string_view key_hex, HmacPads* row, std::size_t kinds, bool& ok) {
  char master[kKeyBytes];
  ok = read_key(key_hex, master);
  if (ok) {
    auto pads = hmac_pads(Bytes(master, sizeof master));
    for (std::size_t kind = 0; kind < kinds; ++kind) {
      const auto label = std::string(kDerivation) + static_cast<char>('a' + kind);
      auto derived = hmac(pads, label);
      row[kind] = hmac_pads(bytes_of(derived));
      wipe(reinterpret_cast<char*>(derived.data()), derived.size());
    }
    wipe(reinterpret_cast<char*>(&pads), sizeof pads);
  }
  wipe(master, sizeof master);
}

std::unexpected<Error> corrupt() {
  return fail(Code::kCorrupt,
              "the key ring is damaged; restore it from its backup, or move it away to begin with "
              "new keys, whose pseudonyms do not join the old ones");
}

}  // namespace

Result<std::shared_ptr<const KeyEpochs>> KeyEpochs::parse(std::string_view file, Times times,
                                                          std::uint64_t generation) {
  if (!file.starts_with(kMagic)) return corrupt();
  if (!file.starts_with(kVersionLine)) {
    unsigned version = 0;
    const auto line = file.substr(0, file.find('\n'));
    if (!read_whole(line.substr(kMagic.size()), version) || version <= 1) return corrupt();
    return fail(Code::kVersion, "the key ring was written by a newer version of this program");
  }
  const auto body_size = checked_body(file);
  if (!body_size) return corrupt();
  auto body = file.substr(0, *body_size);
  body.remove_prefix(kVersionLine.size());

  std::shared_ptr<KeyEpochs> out(new KeyEpochs(times, generation));
  out->memory_ = LockedMemory((2 + kMaxEpochs) * kKinds * sizeof(HmacPads));
  bool has_identity = false;
  bool has_lasting = false;
  while (!body.empty()) {
    const auto end = body.find('\n');
    const auto line = read_line(body.substr(0, end));
    body.remove_prefix(end + 1);  // the body ends with a line's end
    bool ok = true;
    switch (line.type) {
      case RingLine::Type::kBad:
        return corrupt();
      case RingLine::Type::kIdentity: {
        derive_row(line.key, out->row(0), kKinds, ok);
        // Its own derivation, so that no pseudonym key can equal it.
        auto derived = hmac(out->row(0)[0], kIdentityDerivation);
        out->row(0)[0] = hmac_pads(bytes_of(derived));
        wipe(reinterpret_cast<char*>(derived.data()), derived.size());
        has_identity = true;
        break;
      }
      case RingLine::Type::kLasting:
        derive_row(line.key, out->row(1), kKinds, ok);
        out->lasting_id_ = line.id;
        has_lasting = true;
        break;
      case RingLine::Type::kEpoch: {
        auto& epochs = out->epochs_;
        if (epochs.size() == kMaxEpochs) return corrupt();
        if (!epochs.empty() && epochs.back().start_ns >= line.start_ns) return corrupt();
        derive_row(line.key, out->row(2 + epochs.size()), kKinds, ok);
        epochs.push_back({line.id, line.start_ns});
        break;
      }
    }
    if (!ok) return corrupt();
  }
  if (!has_identity || !has_lasting || out->epochs_.empty()) return corrupt();
  return out;
}

std::optional<std::size_t> KeyEpochs::covering(Nanos time_ns) const {
  for (std::size_t i = epochs_.size(); i-- > 0;) {
    if (epochs_[i].start_ns > time_ns) continue;
    if (time_ns - epochs_[i].start_ns >= times_.epoch_ns) return std::nullopt;
    return i;
  }
  return std::nullopt;
}

std::uint32_t KeyEpochs::epoch_at(Nanos now_ns) const {
  const auto index = covering(now_ns);
  return index ? epochs_[*index].id : 0;
}

std::optional<ChosenKey> KeyEpochs::choose(char kind, Nanos event_ns, Nanos now_ns) const {
  if (kind < 'a' || kind > 'z') return std::nullopt;
  const auto column = static_cast<std::size_t>(kind - 'a');
  if (event::is_lasting_identifier(kind)) return ChosenKey{{&row(1)[column], lasting_id_}, {}};
  const bool near = event_ns >= now_ns - times_.grace_ns && event_ns <= now_ns + times_.grace_ns;
  auto index = near ? covering(event_ns) : std::nullopt;
  const auto time_ns = index ? event_ns : now_ns;
  if (!index) index = covering(now_ns);
  if (!index) return std::nullopt;
  ChosenKey chosen{{&row(2 + *index)[column], epochs_[*index].id}, {}};
  const bool overlaps =
      *index > 0 && time_ns - epochs_[*index].start_ns < times_.overlap_ns &&
      epochs_[*index].start_ns - end_ns(*index - 1) < times_.overlap_ns;  // else long silence
  if (overlaps) chosen.previous = {&row(1 + *index)[column], epochs_[*index - 1].id};
  return chosen;
}

std::vector<EpochKey> KeyEpochs::keys_of(char kind) const {
  std::vector<EpochKey> out;
  if (kind < 'a' || kind > 'z') return out;
  const auto column = static_cast<std::size_t>(kind - 'a');
  if (event::is_lasting_identifier(kind)) return {{&row(1)[column], lasting_id_}};
  for (std::size_t i = 0; i < epochs_.size(); ++i) {
    out.push_back({&row(2 + i)[column], epochs_[i].id});
  }
  return out;
}

Nanos KeyEpochs::end_ns(std::size_t index) const {
  const auto end = epochs_[index].start_ns + times_.epoch_ns;
  return index + 1 < epochs_.size() ? std::min(end, epochs_[index + 1].start_ns) : end;
}

std::string make_ring_file(Random& random, Nanos first_epoch_start_ns) {
  auto out = roomy(0);
  out += kVersionLine;
  out += "identity ";
  append_random_key(random, out);
  out += "\nlasting 1 ";
  append_random_key(random, out);
  out += '\n';
  append_epoch(out, random, 1, first_epoch_start_ns);
  append_sum(out);
  return out;
}

std::string add_ring_epoch(std::string_view file, Random& random, std::uint32_t id,
                           Nanos start_ns) {
  auto out = roomy(file.size());
  const auto body_size = checked_body(file).value_or(0);
  auto body = file.substr(0, body_size);
  // Lines of epochs ascend by start; the new one stands before the first later one.
  bool added = false;
  while (!body.empty()) {
    const auto end = body.find('\n') + 1;
    const auto line = read_line(body.substr(0, end - 1));
    if (!added && line.type == RingLine::Type::kEpoch && line.start_ns > start_ns) {
      append_epoch(out, random, id, start_ns);
      added = true;
    }
    out += body.substr(0, end);
    body.remove_prefix(end);
  }
  if (!added) append_epoch(out, random, id, start_ns);
  append_sum(out);
  return out;
}

std::string drop_ring_epochs(std::string_view file, std::span<const std::uint32_t> ids) {
  auto out = roomy(file.size());
  auto body = file.substr(0, checked_body(file).value_or(0));
  while (!body.empty()) {
    const auto end = body.find('\n') + 1;
    const auto line = read_line(body.substr(0, end - 1));
    const bool dropped = line.type == RingLine::Type::kEpoch &&
                         std::find(ids.begin(), ids.end(), line.id) != ids.end();
    if (!dropped) out += body.substr(0, end);
    body.remove_prefix(end);
  }
  append_sum(out);
  return out;
}

void append_pseudonym(char kind, const EpochKey& key, std::string_view raw, std::string& out) {
  constexpr char kBase32[] = "abcdefghijklmnopqrstuvwxyz234567";  // RFC 4648, lower case
  const auto digest = hmac(*key.pads, raw);
  char text[kMaxPseudonymBytes];
  char* at = text;
  *at++ = kind;
  *at++ = ':';
  at = std::to_chars(at, text + sizeof text, key.epoch).ptr;
  *at++ = '.';
  std::uint32_t bits = 0;
  int n_bits = 0;
  const unsigned char* byte = digest.data();
  for (std::size_t i = 0; i < kPseudonymDigits; ++i) {
    if (n_bits < 5) {
      bits = (bits << 8) | *byte++;
      n_bits += 8;
    }
    n_bits -= 5;
    *at++ = kBase32[(bits >> n_bits) & 31];
  }
  out.append(text, at);
}

}  // namespace sightglass::guard
