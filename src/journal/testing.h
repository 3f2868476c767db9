// What the journal's tests share: a journal in a lossy file system, under a clock that stands.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/fake_file_system.h"
#include "event/event.h"
#include "journal/fold.h"
#include "journal/format.h"
#include "journal/journal.h"

namespace sightglass::journal {

// Keeps what was said, for tests that assert that nothing stays silent.
class KeepingLog final : public Log {
 public:
  void write(Level level, std::string_view, std::string_view message, std::string_view) override {
    const std::scoped_lock lock(mutex_);
    text_.append(level_name(level)).append(": ").append(message).append("\n");
  }
  bool enabled(Level) const override { return true; }
  std::string text() const {
    const std::scoped_lock lock(mutex_);
    return text_;
  }

 private:
  mutable std::mutex mutex_;
  std::string text_;
};

inline std::shared_ptr<const event::Catalogue> tiny_catalogue(const std::string& name = "tiny") {
  auto parsed = event::Catalogue::parse("pack: " + name + R"(
version: 1
fields:
  outcome:       { kind: text, class: type, values: [ok, error] }
  provider:      { kind: text, class: category }
  input_tokens:  { kind: int, class: count }
  output_tokens: { kind: int, class: count }
  cost_nanousd:  { kind: int, class: money }
events:
  request_start: { level: info, start: true }
  request_done:  { level: info, terminal: true }
)");
  EXPECT_TRUE(parsed.has_value()) << (parsed ? "" : parsed.error().message);
  return parsed ? *parsed : nullptr;
}

// A terminal event of the tiny catalogue.
inline std::string done_event(const event::Catalogue& catalogue, std::string_view outcome,
                              std::string_view provider, std::int64_t tokens) {
  event::Event event;
  event.type = catalogue.event_type("request_done");
  event.fields = {{catalogue.field("outcome"), event::Value::text(outcome)},
                  {catalogue.field("provider"), event::Value::text(provider)},
                  {catalogue.field("input_tokens"), event::Value::integer(tokens)},
                  {catalogue.field("output_tokens"), event::Value::integer(2 * tokens)},
                  {catalogue.field("cost_nanousd"), event::Value::integer(1000)}};
  std::string out;
  event::encode(event, out);
  return out;
}

// How long tests wait for what another thread brings about: a loaded machine may stand still.
constexpr Nanos kPatience = 120 * kSecond;

template <typename Condition>
bool eventually(Condition&& condition) {
  for (int i = 0; i < 120'000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return condition();
}

struct Bench {
  explicit Bench(std::uint64_t seed = 1) : fs(seed) {
    options.directory = "data/journal";
    options.commit_delay_ns = 0;
    options.tick_ns = 0;
    options.reserve_bytes = 0;
    options.max_bytes = 1ull << 30;
  }

  Result<std::unique_ptr<Journal>> try_open() {
    return Journal::open(options, fs, clock, telemetry, log, "gw-1", catalogue);
  }
  std::unique_ptr<Journal> open() {
    auto journal = try_open();
    EXPECT_TRUE(journal.has_value()) << (journal ? "" : journal.error().message);
    return journal ? std::move(*journal) : nullptr;
  }

  struct Got {
    std::vector<std::pair<Position, std::string>> records;  // "<kind>:<payload>"
    std::vector<Nanos> accept_ns;                           // by batch
    std::uint64_t skipped = 0;
    std::string error;
    std::vector<std::string> payloads(RecordKind kind = RecordKind::kEvent) const {
      std::vector<std::string> out;
      for (const auto& [position, text] : records) {
        if (text[0] == static_cast<char>('0' + static_cast<int>(kind)))
          out.push_back(text.substr(2));
      }
      return out;
    }
  };
  Got read(const Journal* journal, Position after = 0) {
    Got got;
    auto reader = open_reader(options, fs, journal, after);
    if (!reader) {
      got.error = reader.error().message;
      return got;
    }
    Reader::Batch batch;
    for (;;) {
      const auto more = (*reader)->next(batch);
      if (!more) got.error = more.error().message;
      if (!more || !*more) break;
      EXPECT_EQ(batch.records.size(), batch.header.count);
      got.accept_ns.push_back(batch.header.accept_ns);
      for (const auto& record : batch.records) {
        got.records.emplace_back(record.position, std::to_string(static_cast<int>(record.kind)) +
                                                      ":" + std::string(record.payload));
      }
    }
    got.skipped = (*reader)->skipped();
    return got;
  }

  double metric(std::string_view name, const Labels& labels = {}) const {
    for (const auto& family : telemetry.collect()) {
      if (family.name != name) continue;
      for (const auto& sample : family.samples) {
        if (sample.labels == labels) return sample.value;
      }
    }
    return -1;
  }

  std::vector<std::string> segment_files() {
    std::vector<std::string> out;
    const auto names = fs.list(options.directory);
    if (!names) return out;
    for (const auto& name : *names) {
      if (parse_segment_name(name)) out.push_back(name);
    }
    return out;
  }

  FakeFileSystem fs;
  ManualClock clock;
  Telemetry telemetry;
  KeepingLog log;
  Options options;
  std::shared_ptr<const event::Catalogue> catalogue;
};

inline std::vector<std::string> numbered(int count, const std::string& prefix = "r") {
  std::vector<std::string> out;
  for (int i = 0; i < count; ++i) out.push_back(prefix + std::to_string(i));
  return out;
}

}  // namespace sightglass::journal
