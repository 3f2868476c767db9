// JSON lines from the journal: their shape, and that each event has exactly one, whatever happens.
#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "../tests/support/batches.h"
#include "base/fake_file_system.h"
#include "event/sampling.h"
#include "logs/json_line.h"
#include "logs/logs.h"

namespace sightglass::logs {
namespace {

using testing::Batches;
using testing::TestEvent;

constexpr Nanos kStart = 1'755'611'952'345'000'000;  // 2025-08-19T13:59:12.345Z

class Recorder final : public SinkLog {
 public:
  void write(Level level, std::string_view logger, std::string_view message,
             std::string_view request_id) override {
    lines.push_back({level, std::string(logger), std::string(message), std::string(request_id)});
  }
  void write_lines(std::span<const ConsoleLine> more) override {
    lines.insert(lines.end(), more.begin(), more.end());
  }
  bool enabled(Level) const override { return true; }
  SinkState state() const override { return {}; }
  void flush() override {}
  std::vector<ConsoleLine> lines;
};

TestEvent full_terminal() {
  TestEvent e("stream_completed", kStart);
  e.with("request_id", "b7c1a5f9-2b2e-4ac6-9f0d-9f6d2e0b7a6e");
  e.with("endpoint", "chat_completions").with("method", "POST");
  e.with("route", "/v1/chat/completions").with("provider", "openai");
  e.with("model", "gpt-4o-mini").with("key", "openai-9987861163793b2d");
  e.with("user_id", "u:7e8a").with("outcome", "ok").with("status_code", 200);
  e.with("is_streaming", true).with("input_tokens", 1184).with("output_tokens", 362);
  e.with("total_tokens", 1546).with("cost_nanousd", 21'000'000).with("latency_us", 842'113);
  e.with("first_content_us", 620'000).with("start_time_ns", kStart - 842 * kMillisecond);
  return e;
}

// ---- exactly once ---------------------------------------------------------------------------

Options small_files() {
  Options options;
  options.file.path = "logs/llm.log";
  options.file.max_size_bytes = 4000;
  options.file.max_backups = 10'000;
  options.console = false;
  return options;
}

std::vector<journal::Position> seqs_in(FakeFileSystem& fs, const std::string& path) {
  std::vector<std::string> files;
  for (int n = 1; fs.content(path + "." + std::to_string(n)); ++n) {
    files.insert(files.begin(), *fs.content(path + "." + std::to_string(n)));
  }
  if (const auto last = fs.content(path)) files.push_back(*last);
  std::vector<journal::Position> out;
  for (const auto& file : files) {
    std::istringstream in(file);
    for (std::string line; std::getline(in, line);) {
      out.push_back(line_seq(line));
      EXPECT_NE(out.back(), 0u) << line;
    }
  }
  return out;
}

// The journal of a test: batches, and which positions are events.
struct Source {
  Batches batches{testing::gateway_catalogue()};
  std::vector<Batches::Batch> made;
  std::vector<journal::Position> events;
  journal::Totals totals;

  void grow(SeededRandom& random) {
    std::vector<Batches::Payload> payloads;
    for (std::uint64_t i = 1 + random.below(6); i > 0; --i) {
      if (random.below(4) == 0) {
        payloads.emplace_back(journal::RecordKind::kTick, "");
        continue;
      }
      const auto e = testing::random_terminal(random, kStart);
      events.push_back(batches.next() + payloads.size());
      payloads.emplace_back(journal::RecordKind::kEvent, batches.encode(e));
      ++totals.requests;
      totals.input_tokens += static_cast<std::uint64_t>(
          e.number("input_tokens") + e.number("cache_read_tokens") +
          e.number("cache_write_5m_tokens") + e.number("cache_write_1h_tokens"));
      totals.output_tokens += static_cast<std::uint64_t>(e.number("output_tokens"));
      totals.cost_nanousd += e.number("cost_nanousd");
      totals.unpriced += e.has("unpriced_reason") ? 1 : 0;
    }
    made.push_back(batches.make(payloads, kStart + static_cast<Nanos>(made.size()) * kSecond / 3));
  }
  // As a reader does: the batches that hold something behind `after`.
  template <typename F>
  void each_after(journal::Position after, F&& f) const {
    for (const auto& batch : made) {
      if (batch.header.first + batch.header.count - 1 > after && !f(batch)) return;
    }
  }
};

void expect_whole(FakeFileSystem& fs, const Source& source, const std::string& what) {
  const auto seqs = seqs_in(fs, "logs/llm.log");
  EXPECT_EQ(seqs, source.events) << what;
}

TEST(LogFold, WritesEachEventOnceAcrossRotations) {
  FakeFileSystem fs;
  Source source;
  SeededRandom random(1);
  Telemetry telemetry;
  NullLog log;
  Recorder console;
  auto fold = make_log_fold(small_files(), fs, console, telemetry, log);
  for (int i = 0; i < 60; ++i) {
    source.grow(random);
    fold->apply(source.made.back());
  }
  EXPECT_EQ(fold->totals(), source.totals);
  expect_whole(fs, source, "straight");
  EXPECT_TRUE(fs.content("logs/llm.log.3"));
}

// S4-B22: by age too, counted from the file's first line, also over a restart.
TEST(LogFold, RotatesByAgeWhoeverWroteTheFirstLine) {
  FakeFileSystem fs;
  Source source;
  Telemetry telemetry;
  NullLog log;
  Recorder console;
  auto options = small_files();
  options.file.max_size_bytes = 1 << 30;
  options.file.max_age_ns = 3'600 * kSecond;
  const auto write = [&](Nanos at) {
    auto fold = make_log_fold(options, fs, console, telemetry, log);
    auto batch = source.batches.make(std::vector<TestEvent>{full_terminal()}, at);
    for (const auto& record : batch.records) source.events.push_back(record.position);
    fold->apply(batch);
  };
  write(kStart);
  write(kStart + 1'800 * kSecond);
  EXPECT_FALSE(fs.content("logs/llm.log.1"));
  write(kStart + 3'600 * kSecond);
  ASSERT_TRUE(fs.content("logs/llm.log.1"));
  write(kStart + 7'199 * kSecond);
  EXPECT_FALSE(fs.content("logs/llm.log.2"));
  write(kStart + 7'200 * kSecond);
  EXPECT_TRUE(fs.content("logs/llm.log.2"));
  EXPECT_EQ(seqs_in(fs, "logs/llm.log"), source.events);
}

// After any crash, at any operation, with what was not synced lost or torn: each seq once, the
// totals exact, and what was once called durable is still there.
TEST(LogFold, EachSeqStandsExactlyOnceAfterAnyCrash) {
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    FakeFileSystem fs(seed);
    SeededRandom random(seed * 7919);
    Source source;
    Telemetry telemetry;
    NullLog log;
    Recorder console;
    journal::Position claimed = 0;
    for (int life = 0; life < 6; ++life) {
      {
        if (life < 5) fs.halt_after(1 + random.below(60));
        auto fold = make_log_fold(small_files(), fs, console, telemetry, log);
        if (!fs.halted()) {
          EXPECT_GE(*fold->durable_position(), claimed) << "seed " << seed;
        }
        const auto apply = [&](const Batches::Batch& batch) {
          fold->apply(batch);
          claimed = std::max(claimed, *fold->durable_position());
          return !fs.halted();
        };
        source.each_after(*fold->durable_position(), apply);
        for (int i = 0; i < 12 && !fs.halted(); ++i) {
          source.grow(random);
          apply(source.made.back());
        }
        if (life == 5) {
          EXPECT_EQ(fold->totals(), source.totals) << "seed " << seed;
        }
      }
      if (life < 5) fs.crash();
    }
    expect_whole(fs, source, "seed " + std::to_string(seed));
  }
}

TEST(LogFold, AKilledProcessWithoutPowerLossLosesNothingEither) {
  FakeFileSystem fs;
  Source source;
  SeededRandom random(5);
  Telemetry telemetry;
  NullLog log;
  Recorder console;
  for (int life = 0; life < 5; ++life) {
    auto fold = make_log_fold(small_files(), fs, console, telemetry, log);
    source.each_after(*fold->durable_position(), [&](const Batches::Batch& batch) {
      fold->apply(batch);
      return true;
    });
    for (int i = 0; i < 9; ++i) {
      source.grow(random);
      fold->apply(source.made.back());
    }
    EXPECT_EQ(fold->totals(), source.totals);
    // A process that dies closes nothing and syncs nothing: the object is kept from doing so.
    fs.set_fault([](std::string_view) { return Error{Code::kIo, "dead"}; });
    fold.reset();
    fs.set_fault({});
  }
  expect_whole(fs, source, "killed");
}

TEST(LogFold, CutsATornLastLine) {
  FakeFileSystem fs;
  Source source;
  SeededRandom random(6);
  Telemetry telemetry;
  NullLog log;
  Recorder console;
  Options options = small_files();
  options.file.max_size_bytes = 1 << 20;
  for (int i = 0; i < 3; ++i) source.grow(random);
  {
    auto fold = make_log_fold(options, fs, console, telemetry, log);
    for (const auto& batch : source.made) fold->apply(batch);
  }
  const auto whole = *fs.content("logs/llm.log");
  fs.set_content("logs/llm.log", whole + "{\"ts\":\"2025-08-19T13:5");
  auto fold = make_log_fold(options, fs, console, telemetry, log);
  EXPECT_EQ(*fs.content("logs/llm.log"), whole);
  EXPECT_GT(telemetry.counter("sightglass_log_file_cut_bytes_total", "").value(), 0u);
}

TEST(LogFold, GoesOnFromTheBackupWhenTheFileWasJustRotatedAndTheStateIsGone) {
  FakeFileSystem fs;
  Source source;
  SeededRandom random(8);
  Telemetry telemetry;
  NullLog log;
  Recorder console;
  for (int i = 0; i < 20; ++i) source.grow(random);
  {
    auto fold = make_log_fold(small_files(), fs, console, telemetry, log);
    for (const auto& batch : source.made) fold->apply(batch);
  }
  ASSERT_TRUE(fs.rename("logs/llm.log", "logs/llm.log.0"));
  for (int n = 60; n >= 0; --n) {
    const auto from = "logs/llm.log." + std::to_string(n);
    if (fs.exists(from)) {
      ASSERT_TRUE(fs.rename(from, "logs/llm.log." + std::to_string(n + 1)));
    }
  }
  ASSERT_TRUE(fs.remove("logs/llm.log.state"));
  auto fold = make_log_fold(small_files(), fs, console, telemetry, log);
  EXPECT_EQ(*fold->durable_position(), source.events.back());
  EXPECT_EQ(fold->totals(), source.totals);
}

TEST(LogFold, TotalsOutliveTheLinesThatRotationDeleted) {
  FakeFileSystem fs;
  Source source;
  SeededRandom random(9);
  Telemetry telemetry;
  NullLog log;
  Recorder console;
  Options options = small_files();
  for (const std::uint32_t backups : {1u, 0u}) {
    options.file.max_backups = backups;
    auto fold = make_log_fold(options, fs, console, telemetry, log);
    for (int i = 0; i < 60; ++i) {
      source.grow(random);
      fold->apply(source.made.back());
    }
    fold.reset();
    fold = make_log_fold(options, fs, console, telemetry, log);
    EXPECT_EQ(fold->totals(), source.totals) << backups;
    EXPECT_FALSE(fs.exists("logs/llm.log.2"));
  }
}

TEST(LogFold, LinesWaitOutAFullDiskAndFailedSyncsWithoutLossOrDoubles) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    FakeFileSystem fs(seed);
    Source source;
    SeededRandom random(seed);
    Telemetry telemetry;
    NullLog log;
    Recorder console;
    auto fold = make_log_fold(small_files(), fs, console, telemetry, log);
    bool failed = false;
    for (int i = 0; i < 80; ++i) {
      if (random.below(9) == 0) fs.fail_syncs(1 + static_cast<std::uint32_t>(random.below(3)));
      if (random.below(9) == 0) fs.fail_renames(1);
      if (i % 20 == 5) fs.fill_up_after(random.below(3000));
      if (i % 20 == 12) fs.set_capacity_bytes(1ull << 40);
      source.grow(random);
      fold->apply(source.made.back());
      const auto ok = telemetry.gauge("sightglass_log_file_ok", "").value();
      failed = failed || ok == 0;
    }
    fs.set_capacity_bytes(1ull << 40);
    fs.fail_syncs(0);
    fs.fail_renames(0);
    for (int i = 0; i < 5; ++i) fold->idle(kStart + (100 + i) * kSecond);
    EXPECT_TRUE(failed);
    EXPECT_EQ(telemetry.gauge("sightglass_log_file_ok", "").value(), 1);
    EXPECT_EQ(fold->totals(), source.totals) << "seed " << seed;
    expect_whole(fs, source, "seed " + std::to_string(seed));
  }
}

TEST(LogFold, WhatWaitsForTheFileIsBoundedAndDropsAreCounted) {
  FakeFileSystem fs;
  Telemetry telemetry;
  NullLog log;
  Recorder console;
  Source source;
  SeededRandom random(4);
  auto fold = make_log_fold(small_files(), fs, console, telemetry, log);
  fs.set_fault([](std::string_view) { return Error{Code::kNoSpace, "full"}; });
  const auto e = testing::random_terminal(random, kStart);
  std::uint64_t sent = 0;
  auto& dropped =
      telemetry.counter("sightglass_log_lines_dropped_total", "", {{"reason", "file_error"}});
  while (dropped.value() == 0 && sent < 200'000) {
    fold->apply(source.batches.make(std::vector<TestEvent>(500, e), kStart));
    sent += 500;
  }
  ASSERT_GT(dropped.value(), 0u);
  fs.set_fault({});
  fold->idle(kStart + 10 * kSecond);
  EXPECT_EQ(fold->totals().requests, sent - dropped.value());
  EXPECT_EQ(seqs_in(fs, "logs/llm.log").size(), sent - dropped.value());
}

TEST(LogFold, AFileThatCannotBeOpenedIsNotFatalAndIsFoundLater) {
  FakeFileSystem fs;
  Source source;
  SeededRandom random(12);
  Telemetry telemetry;
  NullLog log;
  Recorder console;
  for (int i = 0; i < 4; ++i) source.grow(random);
  {
    auto fold = make_log_fold(small_files(), fs, console, telemetry, log);
    for (const auto& batch : source.made) fold->apply(batch);
  }
  ASSERT_TRUE(fs.remove("logs/llm.log.state"));
  fs.set_fault([](std::string_view) { return Error{Code::kIo, "no"}; });
  auto fold = make_log_fold(small_files(), fs, console, telemetry, log);
  EXPECT_EQ(*fold->durable_position(), 0u);
  for (const auto& batch : source.made) fold->apply(batch);
  source.grow(random);
  fold->apply(source.made.back());
  fs.set_fault({});
  fold->idle(kStart + 100 * kSecond);
  EXPECT_EQ(fold->totals(), source.totals);
  expect_whole(fs, source, "late");
}

TEST(LogFold, AForeignFileKeepsItsLines) {
  FakeFileSystem fs;
  ASSERT_TRUE(fs.create_directories("logs"));
  fs.set_content("logs/llm.log", "somebody else's line\n{\"a\":1}\n");
  Telemetry telemetry;
  NullLog log;
  Recorder console;
  Source source;
  SeededRandom random(2);
  source.grow(random);
  auto fold = make_log_fold(small_files(), fs, console, telemetry, log);
  EXPECT_EQ(*fold->durable_position(), 0u);
  fold->apply(source.made[0]);
  EXPECT_TRUE(fs.content("logs/llm.log")->starts_with("somebody else's line\n{\"a\":1}\n"));
}

TEST(LogFold, TheDurablePositionMovesOnWhileNoLineIsWritten) {
  FakeFileSystem fs;
  Telemetry telemetry;
  NullLog log;
  Recorder console;
  Batches batches(testing::gateway_catalogue());
  auto fold = make_log_fold(small_files(), fs, console, telemetry, log);
  for (int i = 0; i < 100; ++i) fold->apply(batches.tick(kStart + i * kSecond));
  EXPECT_GT(*fold->durable_position(), 60u);
  const auto claimed = *fold->durable_position();
  fs.crash();
  EXPECT_GE(*make_log_fold(small_files(), fs, console, telemetry, log)->durable_position(),
            claimed);
}

// S4-F08 to S4-F11: the level holds for everything but the ends of requests.
TEST(LogFold, TheLevelLeavesOutCompanionsAndNeverATerminal) {
  FakeFileSystem fs;
  Telemetry telemetry;
  NullLog log;
  Recorder console;
  Options options = small_files();
  options.level = Level::kError;
  Batches batches(testing::gateway_catalogue());
  TestEvent companion("tools_detected", kStart);
  TestEvent terminal("stream_completed", kStart);
  terminal.with("outcome", "ok");
  auto fold = make_log_fold(options, fs, console, telemetry, log);
  fold->apply(batches.make(std::vector<TestEvent>{companion, terminal}, kStart));
  EXPECT_EQ(seqs_in(fs, "logs/llm.log"), std::vector<journal::Position>{2});
  EXPECT_EQ(fold->totals().requests, 1u);
}

// S0-B08: one in N of the sampled type, the same ones in every replay; other types are untouched.
TEST(LogFold, OfASampledTypeOneInNBecomesALine) {
  const auto catalogue = testing::parse_catalogue(
      testing::source_text("packs/gateway.yaml") +
      "---\npack: sampling\nversion: 1\nevents:\n  tools_detected: { sample: 4 }\n");
  Batches batches(catalogue);
  std::vector<TestEvent> events;
  for (int i = 0; i < 1000; ++i) {
    events.emplace_back(i % 2 == 0 ? "tools_detected" : "tool_choice_detected", kStart);
  }
  const auto batch = batches.make(events, kStart);
  Options options = small_files();
  options.file.max_size_bytes = 1 << 20;
  std::string first;
  for (int replay = 0; replay < 2; ++replay) {
    FakeFileSystem fs;
    Telemetry telemetry;
    NullLog log;
    Recorder console;
    make_log_fold(options, fs, console, telemetry, log)->apply(batch);
    const auto text = *fs.content("logs/llm.log");
    std::size_t kept = 0, others = 0;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
      const bool sampled = line.find("\"tools_detected\"") != std::string::npos;
      ++(sampled ? kept : others);
      if (sampled) {
        EXPECT_TRUE(event::is_kept(
            catalogue->event_types()[catalogue->event_type("tools_detected")], line_seq(line)));
      }
    }
    EXPECT_EQ(others, 500u);
    EXPECT_GT(kept, 80u);
    EXPECT_LT(kept, 170u);
    const auto dropped =
        telemetry.counter("sightglass_log_lines_dropped_total", "", {{"reason", "sampled"}})
            .value();
    EXPECT_EQ(kept + dropped, 500u);
    if (replay == 0) first = text;
    EXPECT_EQ(text, first);
  }
}

TEST(LogFold, WithoutAFileItKeepsItsTotalsInSnapshots) {
  FakeFileSystem fs;
  Telemetry telemetry;
  NullLog log;
  Recorder console;
  Options options = small_files();
  options.file.enabled = false;
  Source source;
  SeededRandom random(2);
  source.grow(random);
  auto fold = make_log_fold(options, fs, console, telemetry, log);
  EXPECT_FALSE(fold->durable_position());
  fold->apply(source.made[0]);
  std::string snapshot;
  fold->save(snapshot);
  auto other = make_log_fold(options, fs, console, telemetry, log);
  ASSERT_TRUE(other->load(snapshot));
  EXPECT_EQ(other->totals(), source.totals);
  other->apply(source.made[0]);
  EXPECT_EQ(other->totals(), source.totals);
  EXPECT_FALSE(other->load(snapshot.substr(1)));
}

// ---- the console ----------------------------------------------------------------------------

std::vector<ConsoleLine> printed(const std::vector<TestEvent>& events, Options options = {}) {
  FakeFileSystem fs;
  Telemetry telemetry;
  NullLog log;
  Recorder console;
  options.file.enabled = false;
  Batches batches(testing::gateway_catalogue());
  make_log_fold(options, fs, console, telemetry, log)->apply(batches.make(events, kStart));
  return console.lines;
}

// S2-B31, S2-F32, S2-C02
TEST(ConsoleLines, ARequestHasAStartAndAnEndUnderItsId) {
  TestEvent start("chat_completion_request_start", kStart);
  start.with("request_id", "b7c1a5f9-2b2e-4ac6-9f0d-9f6d2e0b7a6e").with("provider", "openai");
  start.with("model_requested", "fast").with("model_upstream", "gpt-4o").with("is_streaming", true);
  start.with("message_count", 3).with("max_tokens", 100).with("request_bytes", 512);
  start.with("tool_count", 2).with("tool_uses", 1).with("tool_results", 1);
  auto end = full_terminal();
  end.with("request_bytes", 120).with("response_bytes", 900).with("tool_calls", 1);
  TestEvent error("chat_completions_error", kStart);
  error.with("request_id", "deadbeef").with("outcome", "error").with("latency_us", 10'400);
  error.with("error_type", "provider_server_error");
  const auto lines = printed({start, end, error});
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0].message,
            "START | Model: fast (resolved: openai:gpt-4o) | Stream: true | Messages: 3 | Max "
            "Tokens: 100 | Size: 512 bytes | Tools: 2 | Tool Uses: 1 | Tool Results: 1");
  EXPECT_EQ(lines[1].message,
            "SUCCESS | Duration: 842ms | Tokens: 1184->362 | Size: 120->900 bytes | Tool Calls: 1");
  EXPECT_EQ(lines[1].request_id, "b7c1a5f9-2b2e-4ac6-9f0d-9f6d2e0b7a6e");
  EXPECT_EQ(lines[2].message,
            "ERROR | Duration: 10ms | Error: provider_server_error (the provider failed)");
  EXPECT_EQ(lines[2].level, Level::kError);
}

// S4-F05, S4-F06, S4-F07
TEST(ConsoleLines, AuditLinesAreAsPrinted) {
  TestEvent start("admin_request_start", kStart);
  start.with("method", "DELETE").with("admin_path", "/admin/v1/clients/client-123");
  start.with("remote_address", "10.0.0.50");
  TestEvent end("admin_request", kStart);
  end.with("method", "GET").with("admin_endpoint", "/admin/v1/metrics/global");
  end.with("admin_path", "/admin/v1/metrics/global").with("latency_us", 45'000);
  const auto lines = printed({start, end});
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].message, "[AUDIT] DELETE /admin/v1/clients/client-123 from 10.0.0.50");
  EXPECT_EQ(lines[1].message, "[AUDIT] GET /admin/v1/metrics/global completed in 45ms");
}

// S2-B34
TEST(ConsoleLines, ASummaryEventPrintsTheSummaryLines) {
  TestEvent e("metrics_summary", kStart);
  e.with("summary_requests", 100);
  Options options;
  options.summary_lines = [](std::int64_t n) {
    return std::vector<ConsoleLine>{
        {Level::kInfo, "conversation", " SUMMARY (last " + std::to_string(n) + " requests)", {}}};
  };
  const auto lines = printed({e}, options);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].message, " SUMMARY (last 100 requests)");
}

TEST(ConsoleLines, WhatWasAcceptedBeforeTheStartIsNotPrintedAgain) {
  Options options;
  options.console_since_ns = kStart + 1;
  EXPECT_TRUE(printed({full_terminal()}, options).empty());
}

}  // namespace
}  // namespace sightglass::logs
