// Arbitrary bytes as a segment, through recovery and readers: no crash, no endless loop, and what
// recovery leaves is stable: a second recovery finds nothing more to cut, and both see the same
// records.
//
// The first byte chooses how much of the input is made to pass the checksums, so that the fuzzer
// gets past them: 0: bytes as they are; 1: a good head before them; 2 and more: the input is taken
// as a list of batches (length byte, count byte, records), each with a good header.
// Parser: journal/format.cc:decode|from_hex journal/recovery.cc journal/segment_scan.cc
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/fake_file_system.h"
#include "journal/format.h"
#include "journal/journal.h"
#include "journal/recovery.h"

namespace {

using namespace sightglass;
using namespace sightglass::journal;

constexpr Position kFirst = 7;

std::string batches_from(Bytes input, std::uint32_t seed) {
  std::string out;
  ByteReader in(input);
  Position next = kFirst;
  while (!in.empty()) {
    const std::size_t length = in.u8();
    const std::uint32_t count = in.u8();
    const auto records = in.raw(std::min(length, in.remaining()));
    const auto header = encode_batch_header({next, count, static_cast<Nanos>(next)}, records, seed);
    out.append(header.data(), header.size()).append(records);
    // Every 16th count leaves a byte of damage, every 32nd a hole in the positions.
    if (count % 16 == 15) out.push_back('?');
    next += count + (count % 32 == 31 ? 5 : 0);
  }
  return out;
}

std::string segment_from(Bytes input) {
  if (input.empty()) return {};
  const auto mode = static_cast<std::uint8_t>(input[0]);
  input.remove_prefix(1);
  if (mode == 0) return std::string(input);
  SegmentHeader header;
  header.first = kFirst;
  header.gateway_id = "fuzz";
  auto out = encode_segment_head(header);
  if (mode == 1) return out.append(input);
  return out + batches_from(input, header.checksum);
}

void require(bool condition) {
  if (!condition) std::abort();
}

struct Seen {
  std::uint64_t records = 0;
  Position last = 0;
  bool failed = false;
};

Seen read_all(FileSystem& fs, const Options& options) {
  Seen seen;
  auto reader = open_reader(options, fs, nullptr, kFirst - 1);
  if (!reader) return {.failed = true};
  Reader::Batch batch;
  for (;;) {
    const auto more = (*reader)->next(batch);
    if (!more) seen.failed = true;
    if (!more || !*more) return seen;
    for (const auto& record : batch.records) {
      require(record.position > seen.last);  // in order, once
      (void)decode_control(record.payload);
      (void)decode_barrier(record.payload);
      seen.last = record.position;
      ++seen.records;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto segment = segment_from(Bytes(reinterpret_cast<const char*>(data), size));
  FakeFileSystem fs;
  Options options;
  options.directory = "journal";
  fs.set_content("journal/" + segment_name(kFirst), segment);
  const auto before = read_all(fs, options);
  auto first = recover(fs, options.directory);
  if (!first) return 0;
  require(first->next >= kFirst);
  require(first->report.last + 1 == first->next);
  const auto after = read_all(fs, options);
  // Cutting the tail takes no intact record away.
  require(after.records == before.records && after.last == before.last);
  require(after.last < first->next);
  auto second = recover(fs, options.directory);
  require(second.has_value() && second->report.torn_bytes == 0);
  require(first->segments.empty() || second->next == first->next);
  return 0;
}
