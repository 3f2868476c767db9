// One core's loop over a file of lines, as far as one is told to go: only cutting lines, bare
// simdjson, our parsing, or everything up to the journal's payload. Prints one JSON object.
//
//   bench_lines WAY[,WAY…] FILE [--packs FILE,FILE…] [--rounds N]
//   WAY: lines | dom | ondemand | parse | record
#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "bare_json.h"
#include "base/fake_file_system.h"
#include "codec/body.h"
#include "event/pattern.h"
#include "ingest/intake.h"

namespace {

using namespace sightglass;  // NOLINT: a program's one namespace

// As much of the file at a time as `sightglass ingest` sends in one request.
constexpr std::size_t kBlockBytes = 4u << 20;

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "bench_lines: %s\n", what.c_str());
  std::exit(2);
}

double seconds(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

std::string contents(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) die("cannot read " + path);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct Count {
  std::uint64_t lines = 0, taken = 0, bytes = 0, out_bytes = 0;
};

// Whole lines of a file, a block at a time, with padding behind them.
template <typename Visit>
void for_each_block(const std::string& path, const Visit& visit) {
  static std::vector<char> buffer(kBlockBytes + codec::kPadding, ' ');
  std::FILE* const file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) die("cannot read " + path);
  std::size_t kept = 0;
  for (;;) {
    const auto got = std::fread(buffer.data() + kept, 1, kBlockBytes - kept, file);
    std::string_view text(buffer.data(), kept + got);
    const auto end = got == 0 ? text.size() : text.rfind('\n') + 1;
    visit(text.substr(0, end));
    kept = text.size() - end;
    std::memmove(buffer.data(), buffer.data() + end, kept);
    if (got == 0) break;
  }
  std::fclose(file);
}

template <typename Take>
void for_each_line(std::string_view block, Count& count, const Take& take) {
  codec::LineCutter cutter(block);
  codec::RawRecord record;
  while (cutter.next(record)) {
    ++count.lines;
    count.taken += take(record.text) ? 1 : 0;
  }
  count.bytes += block.size();
}

std::shared_ptr<const event::Catalogue> catalogue_of(const std::vector<std::string>& paths) {
  std::vector<event::PackFile> files;
  for (const auto& path : paths) files.push_back({path, contents(path)});
  auto parsed = event::Catalogue::parse(files);
  if (!parsed) die(parsed.error().message);
  return *parsed;
}

// Everything between a body and the journal.
struct Shop {
  explicit Shop(std::shared_ptr<const event::Catalogue> names) : catalogue(std::move(names)) {
    auto opened = guard::KeyRing::open({.path = "/keys/ring"}, files, random, clock);
    auto plan = event::MatchPlan::compile(catalogue);
    if (!opened || !plan) die("no key ring or plan");
    keys = std::move(*opened);
    intake = std::make_unique<ingest::Intake>(
        std::make_unique<guard::Door>(catalogue, std::move(*plan), *keys, telemetry));
  }
  FakeFileSystem files;
  SeededRandom random{1};
  SystemClock clock;
  Telemetry telemetry;
  std::shared_ptr<const event::Catalogue> catalogue;
  std::unique_ptr<guard::KeyRing> keys;
  std::unique_ptr<ingest::Intake> intake;
  ingest::Batch batch;
  codec::JsonReader reader{*catalogue};
};

void record(Shop& shop, ingest::Form form, std::string_view block, Count& count) {
  auto& batch = shop.batch;
  const auto now = shop.clock.wall_ns();
  const auto ahead = shop.intake->look_ahead(block, form);
  ingest::Tally tally;
  for_each_line(block, count, [&](std::string_view line) {
    if (shop.intake->read(line, form, now) != codec::Verdict::kAccepted) return false;
    shop.intake->pass({}, batch, tally);
    if (batch.bytes() > (6u << 20)) {
      count.out_bytes += batch.bytes();
      batch.clear();
    }
    return true;
  });
}

Count run(const std::string& way, const std::string& path, Shop* shop) {
  Count count;
  if (way == "lines") {
    for_each_block(path, [&](auto block) {
      for_each_line(block, count, [](auto line) { return !line.empty(); });
    });
  } else if (way == "dom") {
    bench::ValidatingLoop loop;
    for_each_block(path, [&](auto block) {
      for_each_line(block, count, [&](auto line) { return loop.take(line); });
    });
  } else if (way == "ondemand") {
    bench::LookingLoop loop;
    for_each_block(path, [&](auto block) {
      for_each_line(block, count, [&](auto line) { return loop.take(line); });
    });
  } else if (way == "parse") {
    auto& reader = shop->reader;
    event::Event event;
    codec::RecordNotes notes;
    const auto now = shop->clock.wall_ns();
    for_each_block(path, [&](auto block) {
      const codec::JsonReader::Ahead ahead(reader, block);
      for_each_line(block, count, [&](auto line) {
        return reader.read(line, now, event, notes) == codec::Verdict::kAccepted;
      });
    });
  } else if (way == "record") {
    const bool json = std::ifstream(path).get() == '{';
    const auto form = json ? ingest::Form::kJson : ingest::Form::kLines;
    for_each_block(path, [&](auto block) { record(*shop, form, block, count); });
    count.out_bytes += shop->batch.bytes();
    shop->batch.clear();
  } else {
    die("unknown way " + way);
  }
  return count;
}

struct Best {
  Count count;
  double wall_s = 1e9, cpu_s = 1e9;
};

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find(',', at), text.size());
    out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

void print(const std::vector<std::string>& ways, const std::vector<Best>& best,
           std::size_t meters) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::printf("{\"rss_mib\":%.1f,\"meters\":%zu,\"ways\":{",
              static_cast<double>(usage.ru_maxrss) / 1024, meters);
  for (std::size_t i = 0; i < ways.size(); ++i) {
    const auto& [count, wall_s, cpu_s] = best[i];
    std::printf(
        "%s\"%s\":{\"lines\":%llu,\"taken\":%llu,\"bytes\":%llu,\"out_bytes\":%llu,"
        "\"wall_s\":%.6f,\"cpu_s\":%.6f}",
        i == 0 ? "" : ",", ways[i].c_str(), static_cast<unsigned long long>(count.lines),
        static_cast<unsigned long long>(count.taken), static_cast<unsigned long long>(count.bytes),
        static_cast<unsigned long long>(count.out_bytes), wall_s, cpu_s);
  }
  std::puts("}}");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) die("usage: bench_lines WAY[,WAY…] FILE [--packs FILE,FILE…] [--rounds N]");
  const auto ways = split(argv[1]);
  const std::string path = argv[2];
  std::string packs;
  int rounds = 1;
  for (int i = 3; i + 1 < argc; i += 2) {
    if (std::string_view(argv[i]) == "--packs") packs = argv[i + 1];
    if (std::string_view(argv[i]) == "--rounds") rounds = std::atoi(argv[i + 1]);
  }
  std::unique_ptr<Shop> shop;
  if (!packs.empty()) shop = std::make_unique<Shop>(catalogue_of(split(packs)));
  // The ways take turns, so that what else the machine does meets them alike.
  std::vector<Best> best(ways.size());
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < ways.size(); ++i) {
      const auto wall_from = seconds(CLOCK_MONOTONIC), cpu_from = seconds(CLOCK_THREAD_CPUTIME_ID);
      best[i].count = run(ways[i], path, shop.get());
      best[i].wall_s = std::min(best[i].wall_s, seconds(CLOCK_MONOTONIC) - wall_from);
      best[i].cpu_s = std::min(best[i].cpu_s, seconds(CLOCK_THREAD_CPUTIME_ID) - cpu_from);
    }
  }
  print(ways, best, shop == nullptr ? 0 : shop->catalogue->meters().size());
  return 0;
}
