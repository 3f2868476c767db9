// Fills a data folder's store with made-up terminal events of some months, by the code that a
// server seals, merges and expires with, and says what each step cost:
//
//   bench_history DATA --packs a.yaml,b.yaml --events N [--end UNIX_SECONDS] [--days 90] [--seed 1]
//                 [--clients 400] [--trace-ids] [--memory-mb 128] [--seal-rows 32768]
//
// DATA/store must not exist. Prints one JSON object; how far it is goes to standard error. What no
// server meets: rows come as fast as they are taken, so that each seal is a full one.
#include <cstdio>
#include <cstring>
#include <ctime>
#include <stdexcept>

#include "base/text.h"
#include "history_events.h"
#include "store/parquet.h"
#include "store/sql.h"
#include "store/tail.h"
#include "store/upkeep.h"

namespace sightglass::bench {
namespace {

constexpr Nanos kDay = 86'400 * kSecond;

struct Arguments {
  HistoryOptions history;
  std::string data;
  std::vector<std::string> packs;
  std::uint64_t memory_bytes = 128ull << 20;
  std::uint64_t seal_rows = 32'768;
};

template <typename T>
T check(Result<T> result, const char* what) {
  if (!result) throw std::runtime_error(std::string(what) + ": " + result.error().message);
  return std::move(*result);
}
void check(const Status& status, const char* what) {
  if (!status) throw std::runtime_error(std::string(what) + ": " + status.error().message);
}

Arguments parse(int argc, char** argv) {
  Arguments out;
  const auto number = [](const std::string& text) {
    const auto value = parse_int(text);
    if (!value || *value < 1) throw std::runtime_error("not a whole number: " + text);
    return static_cast<std::uint64_t>(*value);
  };
  out.history.end_ns = static_cast<Nanos>(std::time(nullptr)) * kSecond;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (!name.starts_with("--")) {
      out.data = name;
      continue;
    }
    if (name == "--trace-ids") {
      out.history.trace_ids = true;
      continue;
    }
    if (++i == argc) throw std::runtime_error(name + " needs a value");
    const std::string value = argv[i];
    if (name == "--packs") {
      for (std::string_view rest = value; !rest.empty();) {
        const auto comma = std::min(rest.find(','), rest.size());
        out.packs.emplace_back(rest.substr(0, comma));
        rest.remove_prefix(std::min(comma + 1, rest.size()));
      }
    } else if (name == "--events") {
      out.history.events = number(value);
    } else if (name == "--end") {
      out.history.end_ns = static_cast<Nanos>(number(value)) * kSecond;
    } else if (name == "--days") {
      out.history.days = static_cast<int>(number(value));
    } else if (name == "--seed") {
      out.history.seed = number(value);
    } else if (name == "--clients") {
      out.history.clients = number(value);
    } else if (name == "--memory-mb") {
      out.memory_bytes = number(value) << 20;
    } else if (name == "--seal-rows") {
      out.seal_rows = number(value);
    } else {
      throw std::runtime_error("unknown option " + name);
    }
  }
  if (out.data.empty() || out.packs.empty())
    throw std::runtime_error("DATA and --packs are needed");
  out.history.end_ns -= out.history.end_ns % (3'600 * kSecond);
  return out;
}

double seconds_of(clockid_t id) {
  timespec now{};
  clock_gettime(id, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}
double cpu_s() { return seconds_of(CLOCK_PROCESS_CPUTIME_ID); }

// What a step costs; adds up.
class Cost {
 public:
  explicit Cost(double& sum) : sum_(sum), began_(cpu_s()) {}
  ~Cost() { sum_ += cpu_s() - began_; }

 private:
  double& sum_;
  const double began_;
};

class Filling {
 public:
  explicit Filling(const Arguments& arguments) : arguments_(arguments) {
    std::string text;
    for (const auto& path : arguments.packs) {
      if (!text.empty()) text += "\n---\n";
      text += check(read_file(fs_, path), path.c_str());
    }
    catalogue_ = check(event::Catalogue::parse(text), "packs");
    const auto directory = arguments.data + "/store";
    if (fs_.exists(directory)) throw std::runtime_error(directory + " is there already");
    check(fs_.create_directories(arguments.data), "data folder");
    database_ =
        check(store::duck::Database::open({.memory_limit_bytes = arguments.memory_bytes,
                                           .temporary_directory = directory + "/tmp/engine"}),
              "engine");
    writer_ = std::make_unique<store::ParquetWriter>(check(database_->connect(), "engine"));
    history_ = check(store::History::open(directory, fs_, *writer_, telemetry_, log_), "history");
    store::Retention retention;  // the server's defaults
    retention.minutes_ns = 7 * kDay;
    retention.hours_ns = 400 * kDay;
    store::CompactionLimits limits;
    limits.seal_rows = arguments.seal_rows;
    limits.file_rows = 64 * arguments.seal_rows;
    upkeep_ = std::make_unique<store::Upkeep>(retention, limits, *history_, *writer_);
    layout_ = std::make_unique<store::Layout>(catalogue_, schema_);
  }

  void run() {
    HistoryEvents events(arguments_.history, *catalogue_);
    event::Event event;
    const auto began = seconds_of(CLOCK_MONOTONIC);
    auto day = events.first_ns() / kDay;
    auto told = began;
    new_tail();
    // One at a time costs more to time than to append: the clock is read by thousands.
    for (bool more = true; more;) {
      const auto before = cpu_s();
      std::uint64_t taken = 0;
      for (; tail_->rows() < arguments_.seal_rows && (more = events.next(event)); ++taken) {
        position_ += 2;  // its start has one, too
        check(
            tail_->append({position_, event.time_ns + kMillisecond * 3}, *layout_, event, dropped_),
            "append");
      }
      take_s_ += cpu_s() - before;
      rows_ += taken;
      seal();
      if (event.time_ns / kDay != day || !more) {
        day = event.time_ns / kDay;
        keep_house(event.time_ns);
      }
      const auto now = seconds_of(CLOCK_MONOTONIC);
      if (now - told < 2 && more) continue;
      told = now;
      const auto part = static_cast<double>(rows_) / static_cast<double>(arguments_.history.events);
      std::fprintf(stderr, "\r  %5.1f %%, %.0f s left, %zu files  ", 100 * part,
                   (now - began) / part - (now - began), history_->files().size());
    }
    keep_house((arguments_.history.end_ns / kDay + 1) * kDay);  // the last day is over, too
    std::fprintf(stderr, "\n");
    wall_s_ = seconds_of(CLOCK_MONOTONIC) - began;
    measure_generator();
  }

  void report() const {
    std::uint64_t bytes = 0, rows = 0, rollup_bytes = 0;
    for (const auto& file : history_->files()) bytes += file->bytes, rows += file->facts.rows;
    for (const auto& file : history_->rollups()) rollup_bytes += file->bytes;
    std::printf(
        "{\"events\":%llu,\"end\":%lld,\"days\":%d,\"wall_s\":%.3f,\"generate_cpu_s\":%.3f,"
        "\"append_cpu_s\":%.3f,\"seal_cpu_s\":%.3f,\"merge_cpu_s\":%.3f,\"seals\":%llu,"
        "\"sealed_bytes\":%llu,\"bytes\":%llu,\"files\":%zu,\"rollup_bytes\":%llu,"
        "\"rollup_files\":%zu,\"position\":%llu}\n",
        static_cast<unsigned long long>(rows),
        static_cast<long long>(arguments_.history.end_ns / kSecond), arguments_.history.days,
        wall_s_, generate_s_, std::max(take_s_ - generate_s_, 0.0), seal_s_, merge_s_,
        static_cast<unsigned long long>(seals_), static_cast<unsigned long long>(sealed_bytes_),
        static_cast<unsigned long long>(bytes), history_->files().size(),
        static_cast<unsigned long long>(rollup_bytes), history_->rollups().size(),
        static_cast<unsigned long long>(position_));
  }

 private:
  void new_tail() {
    const auto expected = tail_ == nullptr ? std::vector<store::ColumnId>() : tail_->used_columns();
    tail_.reset();
    tail_ = std::make_unique<store::Tail>(*database_, schema_, "bench", ++tails_, expected);
  }

  void seal() {
    if (tail_->rows() == 0) return;
    {
      const Cost cost(seal_s_);
      check(tail_->flush(), "flush");
      check(history_->add(select_tail(schema_, *tail_), tail_->facts(), position_, schema_),
            "seal");
      history_->remove_retired();
    }
    ++seals_;
    sealed_bytes_ += history_->files().back()->bytes;
    new_tail();
  }

  void keep_house(Nanos now_ns) {
    const Cost cost(merge_s_);
    while (check(upkeep_->expire(schema_, now_ns), "expire")) {
    }
    while (check(upkeep_->compact(schema_, now_ns), "merge")) history_->remove_retired();
    history_->remove_retired();
  }

  // Generating costs what it costs without a store behind; appending is the rest.
  void measure_generator() {
    auto few = arguments_.history;
    few.events = std::min<std::uint64_t>(few.events, 200'000);
    HistoryEvents events(few, *catalogue_);
    event::Event event;
    double spent = 0;
    {
      const Cost cost(spent);
      while (events.next(event)) {
      }
    }
    generate_s_ = spent / static_cast<double>(few.events) * static_cast<double>(rows_);
  }

  const Arguments& arguments_;
  PosixFileSystem fs_;
  Telemetry telemetry_;
  NullLog log_;
  std::shared_ptr<const event::Catalogue> catalogue_;
  std::unique_ptr<store::duck::Database> database_;
  std::unique_ptr<store::ParquetWriter> writer_;
  std::unique_ptr<store::History> history_;
  std::unique_ptr<store::Upkeep> upkeep_;
  store::Schema schema_;
  std::unique_ptr<store::Layout> layout_;
  std::unique_ptr<store::Tail> tail_;
  store::DroppedValues dropped_;
  journal::Position position_ = 0;
  std::uint64_t tails_ = 0, rows_ = 0, seals_ = 0, sealed_bytes_ = 0;
  double take_s_ = 0, generate_s_ = 0, seal_s_ = 0, merge_s_ = 0, wall_s_ = 0;
};

}  // namespace
}  // namespace sightglass::bench

int main(int argc, char** argv) {
  try {
    const auto arguments = sightglass::bench::parse(argc, argv);
    sightglass::bench::Filling filling(arguments);
    filling.run();
    filling.report();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_history: %s\n", error.what());
    return 1;
  }
  return 0;
}
