#include "store/id_index.h"

#include <algorithm>
#include <cstring>

#include "base/bytes.h"
#include "base/crc32c.h"

namespace sightglass::store {
namespace {

constexpr std::string_view kMagic = "SGID";
constexpr std::uint32_t kVersion = 1;
constexpr std::uint64_t kStretchRows = 32'768;  // a row group of the engine's
constexpr std::uint64_t kMostStretches = 4'096, kMostBlocks = 1u << 20;
constexpr std::uint64_t kBitsPerRow = 12;
// A block is eight words, of which an id sets one bit each: the split-block filter of the Parquet
// format, with its multipliers.
constexpr std::size_t kWords = 8, kBlockBytes = kWords * sizeof(std::uint32_t);
constexpr std::uint32_t kMultipliers[kWords] = {0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d,
                                                0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31};
constexpr std::size_t kCrcBytes = 4, kHeaderBytes = 40;

std::uint64_t hash_of(std::string_view id) {
  char bytes[kIndexedIdBytes] = {};
  std::memcpy(bytes, id.data(), std::min(id.size(), sizeof bytes));
  std::uint64_t hash = 0;
  std::memcpy(&hash, bytes, sizeof hash);
  // The finalizer of MurmurHash3: each bit in changes half of the bits out.
  hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccd;
  hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53;
  return hash ^ hash >> 33;
}

std::uint32_t bit_of(std::uint64_t hash, std::size_t word) {
  return std::uint32_t{1} << (static_cast<std::uint32_t>(hash) * kMultipliers[word] >> 27);
}

// A line holds one block of every stretch.
std::uint64_t line_of(std::uint64_t hash, std::uint64_t lines) {
  return (hash >> 32) * lines >> 32;
}

std::uint64_t width_of(journal::Position first, journal::Position last, std::uint64_t stretches) {
  return (last - first) / stretches + 1;
}

struct Header {
  journal::Position first = 0, last = 0;
  std::uint64_t stretches = 0, blocks = 0;
  std::uint64_t line_bytes() const { return stretches * kBlockBytes + kCrcBytes; }
};

// False when it is no index of this data.
bool read_header(Bytes bytes, std::uint32_t data_crc, Header& out) {
  if (bytes.size() != kHeaderBytes || !bytes.starts_with(kMagic)) return false;
  const auto summed = bytes.substr(0, kHeaderBytes - kCrcBytes);
  ByteReader in(bytes.substr(kMagic.size()));
  const auto version = in.u32(), crc = in.u32();
  out.first = in.u64();
  out.last = in.u64();
  out.stretches = in.u32();
  out.blocks = in.u32();
  return in.u32() == crc32c(summed) && version == kVersion && crc == data_crc &&
         out.first <= out.last && out.last >> 63 == 0 && out.stretches - 1 < kMostStretches &&
         out.blocks - 1 < kMostBlocks;
}

bool read(const File& file, std::uint64_t offset, std::string& out) {
  const auto got = file.pread(out.data(), out.size(), offset);
  return got && *got == out.size();
}

// Where the line lies is part of its sum, so that none stands for another.
std::uint32_t crc_of(std::uint64_t line, Bytes blocks) {
  return crc32c(blocks, static_cast<std::uint32_t>(line));
}

bool has(Bytes block, std::uint64_t hash) {
  std::uint32_t words[kWords];
  std::memcpy(words, block.data(), sizeof words);
  for (std::size_t i = 0; i < kWords; ++i) {
    if ((words[i] & bit_of(hash, i)) == 0) return false;
  }
  return true;
}

}  // namespace

IdIndexBuilder::IdIndexBuilder(std::uint32_t data_crc, std::uint64_t rows, journal::Position first,
                               journal::Position last)
    : data_crc_(data_crc), first_(first), last_(std::max(first, last)) {
  stretches_ =
      std::clamp<std::uint64_t>((rows + kStretchRows - 1) / kStretchRows, 1, kMostStretches);
  width_ = width_of(first_, last_, stretches_);
  const auto bits = (rows + stretches_ - 1) / stretches_ * kBitsPerRow;
  blocks_ =
      std::clamp<std::uint64_t>((bits + kBlockBytes * 8 - 1) / (kBlockBytes * 8), 1, kMostBlocks);
  lines_.assign(blocks_ * stretches_ * kBlockBytes, '\0');
}

std::uint64_t IdIndexBuilder::stretch_of(journal::Position position) const {
  return (std::clamp(position, first_, last_) - first_) / width_;
}

void IdIndexBuilder::add(journal::Position position, std::string_view id) {
  const auto hash = hash_of(id);
  auto* const block =
      lines_.data() + (line_of(hash, blocks_) * stretches_ + stretch_of(position)) * kBlockBytes;
  std::uint32_t words[kWords];
  std::memcpy(words, block, sizeof words);
  for (std::size_t i = 0; i < kWords; ++i) words[i] |= bit_of(hash, i);
  std::memcpy(block, words, sizeof words);
}

std::string IdIndexBuilder::finish() const {
  std::string out(kMagic);
  ByteWriter writer(out);
  writer.u32(kVersion);
  writer.u32(data_crc_);
  writer.u64(first_);
  writer.u64(last_);
  writer.u32(static_cast<std::uint32_t>(stretches_));
  writer.u32(static_cast<std::uint32_t>(blocks_));
  writer.u32(crc32c(Bytes(out)));
  const auto bytes = stretches_ * kBlockBytes;
  for (std::uint64_t line = 0; line < blocks_; ++line) {
    const auto blocks = Bytes(lines_).substr(line * bytes, bytes);
    writer.raw(blocks);
    writer.u32(crc_of(line, blocks));
  }
  return out;
}

std::optional<std::vector<Stretch>> stretches_with(FileSystem& fs, const std::string& path,
                                                   std::uint32_t data_crc, std::string_view begin) {
  if (begin.size() < kIndexedIdBytes) return std::nullopt;
  const auto file = fs.open(path, OpenMode::kRead);
  std::string bytes(kHeaderBytes, '\0');
  Header header;
  if (!file || !read(**file, 0, bytes) || !read_header(bytes, data_crc, header)) {
    return std::nullopt;
  }
  const auto hash = hash_of(begin);
  const auto line = line_of(hash, header.blocks);
  bytes.assign(header.line_bytes(), '\0');
  if (!read(**file, kHeaderBytes + line * header.line_bytes(), bytes)) return std::nullopt;
  const auto blocks = Bytes(bytes).substr(0, bytes.size() - kCrcBytes);
  if (ByteReader(Bytes(bytes).substr(blocks.size())).u32() != crc_of(line, blocks)) {
    return std::nullopt;
  }
  const auto width = width_of(header.first, header.last, header.stretches);
  std::vector<Stretch> out;
  for (std::uint64_t i = 0; i < header.stretches; ++i) {
    if (i > (header.last - header.first) / width) break;  // more stretches than positions
    if (!has(blocks.substr(i * kBlockBytes, kBlockBytes), hash)) continue;
    const auto first = header.first + i * width;
    const auto last = header.last - first < width ? header.last : first + width - 1;
    if (!out.empty() && out.back().last + 1 == first) {
      out.back().last = last;
    } else {
      out.push_back({first, last});
    }
  }
  return out;
}

}  // namespace sightglass::store
