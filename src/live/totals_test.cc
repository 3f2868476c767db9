// Running totals against a naive model, read back by a YAML parser that is not ours.
#include "live/totals.h"

#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <atomic>
#include <cmath>
#include <functional>
#include <map>
#include <set>
#include <thread>

#include "../tests/support/batches.h"
#include "journal/fold_harness.h"
#include "live/report.h"
#include "live/summary.h"

namespace sightglass::live {
namespace {

using testing::Batches;
using testing::TestEvent;

constexpr Nanos kStart = 1'795'217'100 * kSecond;

std::string saved(const TotalsFold& fold) {
  std::string out;
  fold.save(out);
  return out;
}

bool failed(const TestEvent& e) {
  return e.text("outcome") == "error" || e.text("outcome") == "timeout";
}

bool streaming(const TestEvent& e) {
  for (const auto& [name, value] : e.fields) {
    if (name == "is_streaming") return std::get<bool>(value);
  }
  return false;
}

using Passes = std::function<bool(const TestEvent&)>;

// The eleven keys, added up the slow way over whatever events pass.
void expect_cell(const YAML::Node& cell, const std::vector<TestEvent>& events, const Passes& passes,
                 const std::string& what) {
  std::map<std::string, std::int64_t> sums;
  std::int64_t duration_us = 0;
  for (const auto& e : events) {
    if (!passes(e)) continue;
    ++sums["requests"];
    sums["errors"] += failed(e) ? 1 : 0;
    for (const char* name : {"input_tokens", "output_tokens", "cache_read_tokens", "tool_uses",
                             "tool_results", "tool_calls"}) {
      sums[name] += e.number(name);
    }
    sums["cache_creation_tokens"] +=
        e.number("cache_write_5m_tokens") + e.number("cache_write_1h_tokens");
    duration_us += e.number("latency_us");
  }
  if (sums["requests"] == 0) {
    EXPECT_FALSE(cell) << what;
    return;
  }
  ASSERT_TRUE(cell) << what;
  EXPECT_EQ(cell.size(), 11u) << what;
  for (const auto& entry : sums) {
    const YAML::Node value = cell[entry.first];
    EXPECT_EQ(std::stoll(value.Scalar()), entry.second) << what + entry.first;
  }
  EXPECT_NEAR(cell["total_duration_ms"].as<double>(), static_cast<double>(duration_us) / 1e3, 1e-6);
  EXPECT_EQ(
      cell["average_duration_ms"].as<std::int64_t>(),
      std::llround(static_cast<double>(duration_us) / static_cast<double>(sums["requests"]) / 1e3))
      << what;
}

void expect_node(const YAML::Node& node, const std::vector<TestEvent>& events, const Passes& passes,
                 const std::string& what) {
  expect_cell(node["total"], events, passes, what + " total ");
  expect_cell(
      node["streaming"], events, [&](const TestEvent& e) { return passes(e) && streaming(e); },
      what + " streaming ");
  expect_cell(
      node["non_streaming"], events, [&](const TestEvent& e) { return passes(e) && !streaming(e); },
      what + " plain ");
}

std::string provider_of(const TestEvent& e) {
  return e.has("provider") ? e.text("provider") : "unknown";
}

struct Fixture {
  ManualClock clock{kStart};
  Requests requests{clock};
  Batches batches{testing::gateway_catalogue()};
  TotalsFold fold;
  std::vector<TestEvent> events;

  void fill(std::uint64_t seed, int n) {
    SeededRandom random(seed);
    for (int i = 0; i < n; ++i) {
      events.push_back(testing::random_terminal(random, kStart + i * kSecond));
    }
    fold.apply(batches.make(events, kStart));
  }
  YAML::Node yaml(const RunningTotalsQuery& query = {}) {
    return YAML::Load(fold.running_totals_yaml(query, requests, clock.wall_ns()));
  }
};

// S2-B01, S2-K01 to S2-K08, S2-F15 to S2-F31, S2-B08 to S2-B15, S2-B20 to S2-B23, S2-A02, S2-B68
TEST(RunningTotals, AgreeWithANaiveModelAtEachLevel) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    Fixture f;
    f.fill(seed, 300);
    const auto root = f.yaml();
    std::int64_t requests = 0, errors = 0, input = 0, duration = 0;
    for (const auto& e : f.events) {
      ++requests;
      errors += failed(e) ? 1 : 0;
      input += e.number("input_tokens");
      duration += e.number("latency_us");
    }
    EXPECT_EQ(root["summary"]["total_requests"].as<std::int64_t>(), requests);
    EXPECT_EQ(root["summary"]["total_errors"].as<std::int64_t>(), errors);
    EXPECT_EQ(root["summary"]["total_input_tokens"].as<std::int64_t>(), input);
    EXPECT_EQ(root["summary"]["total_duration_ms"].as<std::int64_t>(),
              std::llround(static_cast<double>(duration) / 1e3));
    std::size_t pairs = 0;
    for (const auto& provider : root["providers"]) {
      const auto name = provider.first.as<std::string>();
      const auto of_provider = [&](const TestEvent& e) { return provider_of(e) == name; };
      expect_node(provider.second["rollup"], f.events, of_provider, name);
      for (const auto& model : provider.second["models"]) {
        const auto model_name = model.first.as<std::string>();
        expect_node(
            model.second, f.events,
            [&](const TestEvent& e) { return of_provider(e) && e.text("model") == model_name; },
            name + ":" + model_name);
        ++pairs;
      }
    }
    std::set<std::string> expected_pairs;
    for (const auto& e : f.events) {
      if (e.has("model")) expected_pairs.insert(provider_of(e) + ":" + e.text("model"));
    }
    EXPECT_EQ(pairs, expected_pairs.size());
  }
}

TEST(RunningTotals, GiveTheSameSnapshotStraightAndWithARestartAfterEveryRecord) {
  Batches batches(testing::gateway_catalogue());
  SeededRandom random(4);
  std::vector<Batches::Batch> all;
  for (int b = 0; b < 25; ++b) {
    std::vector<TestEvent> events;
    for (std::uint64_t i = 1 + random.below(25); i > 0; --i) {
      auto terminal = testing::random_terminal(random, kStart + b * kSecond);
      TestEvent start("chat_completion_request_start", kStart);
      start.with("request_id", terminal.text("request_id")).with("provider", "openai");
      events.push_back(start);
      if (random.below(4) != 0) events.push_back(terminal);
      if (random.below(30) == 0) events.emplace_back("metrics_summary", kStart);
    }
    all.push_back(batches.make(events, kStart + b * kSecond));
  }
  EXPECT_EQ(journal::check_fold_is_pure([] { return std::make_unique<TotalsFold>(); }, all), "");
}

TEST(RunningTotals, RefuseEveryCutOrBentSnapshotWithoutHarm) {
  Fixture f;
  f.fill(9, 20);
  const auto snapshot = saved(f.fold);
  for (std::size_t cut = 0; cut < snapshot.size(); ++cut) {
    TotalsFold other;
    EXPECT_FALSE(other.load(Bytes(snapshot).substr(0, cut))) << cut;
  }
  SeededRandom random(2);
  for (int i = 0; i < 2000; ++i) {
    auto bent = snapshot;
    bent[random.below(bent.size())] = static_cast<char>(random.next());
    TotalsFold other;
    if (other.load(bent)) other.summary();
  }
}

TEST(RunningTotals, HaveTheOriginalsLayout) {
  Fixture f;
  TestEvent a("stream_completed", kStart);
  a.with("outcome", "ok").with("provider", "openai").with("model", "gpt-4o");
  a.with("is_streaming", true).with("input_tokens", 1200).with("output_tokens", 300);
  a.with("latency_us", 10'250);
  TestEvent b("chat_completions_error", kStart + kSecond);
  b.with("outcome", "error").with("error_type", "provider_server_error").with("provider", "openai");
  b.with("latency_us", 11'000);
  f.fold.apply(f.batches.make(std::vector<TestEvent>{a, b}, kStart));
  RunningTotalsQuery query;
  query.provider = "OPEN*";
  query.model = "gpt*";
  EXPECT_EQ(f.fold.running_totals_yaml(query, f.requests, kStart + 111'677 * kMicrosecond),
            R"(# Running Totals Report

# Generated: 2026-11-20T23:25:00.111677Z

# Filter: provider=OPEN* & model=gpt*

#

# Summary Statistics

summary:
  last_accessed:
    top: '2026-11-20T23:25:01Z'
  total_requests: 2
  total_errors: 1
  total_input_tokens: 1200
  total_output_tokens: 300
  total_cache_read_tokens: 0
  total_cache_creation_tokens: 0
  total_tool_uses: 0
  total_tool_results: 0
  total_tool_calls: 0
  active_requests: 0
  average_duration_ms: 11
  total_duration_ms: 21

# Provider Breakdown

providers:
  # Openai Provider
  openai:
    last_accessed: '2026-11-20T23:25:01Z'
    rollup:
      total:
        requests: 2
        errors: 1
        input_tokens: 1200
        output_tokens: 300
        cache_read_tokens: 0
        cache_creation_tokens: 0
        tool_uses: 0
        tool_results: 0
        tool_calls: 0
        average_duration_ms: 11
        total_duration_ms: 21.25
      streaming:
        requests: 1
        errors: 0
        input_tokens: 1200
        output_tokens: 300
        cache_read_tokens: 0
        cache_creation_tokens: 0
        tool_uses: 0
        tool_results: 0
        tool_calls: 0
        average_duration_ms: 10
        total_duration_ms: 10.25
      non_streaming:
        requests: 1
        errors: 1
        input_tokens: 0
        output_tokens: 0
        cache_read_tokens: 0
        cache_creation_tokens: 0
        tool_uses: 0
        tool_results: 0
        tool_calls: 0
        average_duration_ms: 11
        total_duration_ms: 11.0
    models:
      gpt-4o:
        last_accessed: '2026-11-20T23:25:00Z'
        total:
          requests: 1
          errors: 0
          input_tokens: 1200
          output_tokens: 300
          cache_read_tokens: 0
          cache_creation_tokens: 0
          tool_uses: 0
          tool_results: 0
          tool_calls: 0
          average_duration_ms: 10
          total_duration_ms: 10.25
        streaming:
          requests: 1
          errors: 0
          input_tokens: 1200
          output_tokens: 300
          cache_read_tokens: 0
          cache_creation_tokens: 0
          tool_uses: 0
          tool_results: 0
          tool_calls: 0
          average_duration_ms: 10
          total_duration_ms: 10.25
)");
}

// S2-B17
TEST(RunningTotals, WithoutTrafficTheKeysStandEmpty) {
  Fixture f;
  const auto root = f.yaml();
  EXPECT_TRUE(root["summary"]["last_accessed"].IsNull());
  EXPECT_EQ(root["summary"]["average_duration_ms"].as<int>(), 0);
  EXPECT_TRUE(root["providers"].IsMap());
  EXPECT_EQ(root["providers"].size(), 0u);
}

// S2-B16: case-insensitive, whole string; the near miss filters all out.
TEST(RunningTotals, FilterByWildcardsAndSumOnlyWhatPassed) {
  Fixture f;
  std::vector<TestEvent> events;
  for (const auto& [provider, model] : std::vector<std::pair<const char*, const char*>>{
           {"openai", "gpt-4o"}, {"openai", "o3"}, {"anthropic", "claude"}, {"openai", ""}}) {
    TestEvent e("chat_completion_success", kStart);
    e.with("outcome", "ok").with("provider", provider);
    if (*model != '\0') e.with("model", model);
    events.push_back(e);
  }
  f.fold.apply(f.batches.make(events, kStart));
  const auto total = [&](const char* provider, const char* model) {
    RunningTotalsQuery query;
    query.provider = provider;
    query.model = model;
    return f.yaml(query)["summary"]["total_requests"].as<int>();
  };
  EXPECT_EQ(total("*", "*"), 4);
  EXPECT_EQ(total("OPEN*", "*"), 3);
  EXPECT_EQ(total("OPEN*", "GPT-[0-9]*"), 2);  // and what named no model
  EXPECT_EQ(total("open", "*"), 0);
  EXPECT_EQ(total("anthropic", "gpt"), 0);
}

// S2-B19: once in its split and once in the summary, never in averages; not at all without.
TEST(RunningTotals, CountARequestInFlightOnce) {
  Fixture f;
  TestEvent e("stream_completed", kStart);
  e.with("outcome", "ok").with("provider", "openai").with("model", "gpt-4o");
  e.with("is_streaming", true).with("latency_us", 30'000).with("input_tokens", 10);
  f.fold.apply(f.batches.make(std::vector<TestEvent>{e}, kStart));
  RequestRow row;
  row.provider = "openai";
  row.resolved_model = "gpt-4o";
  row.is_streaming = true;
  row.input_tokens = 7;
  row.start_wall_ns = kStart;
  f.requests.add_table(4).start(row);
  const auto with = f.yaml();
  EXPECT_EQ(with["summary"]["total_requests"].as<int>(), 2);
  EXPECT_EQ(with["summary"]["total_input_tokens"].as<int>(), 17);
  EXPECT_EQ(with["summary"]["active_requests"].as<int>(), 1);
  EXPECT_EQ(with["summary"]["average_duration_ms"].as<int>(), 30);
  const auto rollup = with["providers"]["openai"]["rollup"];
  EXPECT_EQ(rollup["streaming"]["requests"].as<int>(), 2);
  EXPECT_EQ(rollup["streaming"]["average_duration_ms"].as<int>(), 30);
  EXPECT_EQ(with["providers"]["openai"]["models"]["gpt-4o"]["total"]["requests"].as<int>(), 2);
  RunningTotalsQuery query;
  query.include_active = false;
  const auto without = f.yaml(query);
  EXPECT_EQ(without["summary"]["total_requests"].as<int>(), 1);
  EXPECT_EQ(without["providers"]["openai"]["rollup"]["total"]["requests"].as<int>(), 1);
}

// S2-B03
TEST(RunningTotals, SinceStartShowsOnlyWhatThisProcessSaw) {
  Fixture f;
  f.fill(1, 10);
  f.fold.mark_start();
  TestEvent e("chat_completion_success", kStart);
  e.with("outcome", "ok").with("provider", "openai").with("model", "m");
  f.fold.apply(f.batches.make(std::vector<TestEvent>{e}, kStart));
  RunningTotalsQuery query;
  EXPECT_EQ(f.yaml(query)["summary"]["total_requests"].as<int>(), 11);
  query.since_start = true;
  EXPECT_EQ(f.yaml(query)["summary"]["total_requests"].as<int>(), 1);
}

// S2-B68
TEST(RunningTotals, QuoteNamesSoThatAForeignParserReadsThemBack) {
  const std::string names[] = {"x/y:free",     "a # b", "*anchor", "- dash", "yes",   "No",
                               "123",          "1e5",   "0x1f",    "null",   "~",     "it's",
                               "\"q\"",        "a: b",  "? k",     "[list]", "{map}", "%tag",
                               "@at",          "`tick", "&a",      "!t",     "|",     ">",
                               "trailing ",    " lead", "a\nb",    "tab\t",  "",      "é",
                               "\xE2\x80\xA8", "=",     "<<",      "off",    ".inf",  "2026-11-20",
                               "back\\slash",  "\x7f",  "on",      "true",   "y",     "a\"b\n"};
  for (const auto& name : names) {
    std::string text = "k: v\n";
    append_yaml_text(text, name);
    text += ": ";
    append_yaml_text(text, name);
    text += "\n";
    const auto root = YAML::Load(text);
    ASSERT_EQ(root.size(), 2u) << text;
    for (const auto& entry : root) {
      const auto key = entry.first.as<std::string>();
      if (key == "k") continue;
      EXPECT_EQ(key, name) << text;
      EXPECT_EQ(entry.second.as<std::string>(), name) << text;
    }
  }
  // Words that other readers take for something else are quoted even where yaml-cpp would not.
  std::string out;
  append_yaml_text(out, "yes");
  EXPECT_EQ(out, "'yes'");
}

TEST(RunningTotals, AFilterCannotLeaveItsCommentLine) {
  Fixture f;
  RunningTotalsQuery query;
  query.provider = "a\nsummary: {}\r\n\xE2\x80\xA8 x";
  const auto text = f.fold.running_totals_yaml(query, f.requests, kStart);
  EXPECT_NE(text.find("# Filter: provider=a?summary: {}??? x\n"), std::string::npos) << text;
}

TEST(RunningTotals, JsonHasTheSameKeysAndNumbers) {
  Fixture f;
  f.fill(6, 60);
  const auto yaml = f.yaml();
  // JSON is a subset of YAML, so the same foreign parser reads both.
  const auto json = YAML::Load(f.fold.running_totals_json({}, f.requests, kStart));
  const std::function<void(const YAML::Node&, const YAML::Node&, const std::string&)> same =
      [&](const YAML::Node& a, const YAML::Node& b, const std::string& path) {
        ASSERT_EQ(a.Type(), b.Type()) << path;
        if (!a.IsMap()) {
          if (a.IsScalar()) {
            EXPECT_EQ(a.Scalar(), b.Scalar()) << path;
          }
          return;
        }
        ASSERT_EQ(a.size(), b.size()) << path;
        for (const auto& entry : a) {
          const auto key = entry.first.Scalar();
          ASSERT_TRUE(b[key]) << path + "/" + key;
          same(entry.second, b[key], path + "/" + key);
        }
      };
  same(yaml, json, "");
}

TEST(RunningTotals, RingsKeepTheNewestAndAnErrorIsInBoth) {
  Fixture f;
  f.fill(8, 800);
  const auto errors = f.fold.recent_errors(1000);
  const auto traces = f.fold.recent_traces(1000);
  EXPECT_EQ(errors.size(), 100u);
  EXPECT_EQ(traces.size(), 200u);
  EXPECT_EQ(traces[0].seq, 800u);
  EXPECT_GT(errors[0].seq, errors[1].seq);
  EXPECT_EQ(f.fold.recent_traces(3).size(), 3u);
  const auto at = std::find_if(traces.begin(), traces.end(),
                               [&](const Trace& t) { return t.seq == errors[0].seq; });
  ASSERT_NE(at, traces.end());
  EXPECT_EQ(at->error_type, errors[0].error_type);
}

TEST(RunningTotals, OpenStartsAreThoseWithoutATerminal) {
  Fixture f;
  const auto start = [](const char* id) {
    TestEvent e("messages_request_start", kStart);
    e.with("request_id", id).with("provider", "anthropic").with("model_requested", "claude");
    e.with("is_streaming", true).with("start_time_ns", kStart - kSecond);
    return e;
  };
  TestEvent end("messages_success", kStart);
  end.with("request_id", "a").with("outcome", "ok");
  // A client may use an id twice: the second start stays open.
  f.fold.apply(
      f.batches.make(std::vector<TestEvent>{start("a"), start("b"), start("a"), end}, kStart));
  const auto open = f.fold.open_starts();
  ASSERT_EQ(open.size(), 2u);
  EXPECT_EQ(open[0].request_id, "b");
  EXPECT_EQ(open[1].request_id, "a");
  EXPECT_EQ(open[0].start_ns, kStart - kSecond);
  EXPECT_EQ(open[0].model_requested, "claude");
  EXPECT_TRUE(open[0].is_streaming);
}

TEST(RunningTotals, PastTheBoundOfPairsSumsStillHold) {
  Tally tally;
  Split one;
  one.requests = 1;
  for (std::size_t i = 0; i < kMaxPairs + 500; ++i) {
    tally.add_request("p", "m" + std::to_string(i), false, one, 1);
  }
  std::int64_t requests = 0;
  std::size_t pairs = 0;
  for (const auto& [provider, models] : tally.providers()) {
    pairs += models.size();
    for (const auto& [model, halves] : models) requests += halves.total().requests;
  }
  EXPECT_EQ(requests, static_cast<std::int64_t>(kMaxPairs) + 500);
  EXPECT_EQ(pairs, kMaxPairs + 1);
}

// S2-B07, S2-B09: readers under load see summary and breakdown of one moment, which only grows.
TEST(RunningTotals, ASummaryIsAlwaysTheSumOfItsProviders) {
  Fixture f;
  std::atomic<bool> done{false};
  std::thread writer([&] {
    SeededRandom random(3);
    for (int b = 0; b < 60; ++b) {
      std::vector<TestEvent> events;
      for (int i = 0; i < 5; ++i) events.push_back(testing::random_terminal(random, kStart));
      f.fold.apply(f.batches.make(events, kStart));
    }
    done = true;
  });
  std::int64_t last = 0;
  while (true) {
    const bool final_look = done.load();
    const auto report = f.fold.report({}, f.requests, kStart);
    Split sum;
    for (const auto& [name, provider] : report.providers) add(sum, provider.rollup.total().sum);
    const Split shown = report.summary.total().sum;
    EXPECT_EQ(shown.requests, sum.requests);
    EXPECT_EQ(shown.input_tokens, sum.input_tokens);
    EXPECT_EQ(shown.duration_us, sum.duration_us);
    EXPECT_GE(shown.requests, last);
    last = shown.requests;
    if (final_look) break;
  }
  writer.join();
  EXPECT_EQ(last, 300);
}

// S2-B34, S2-F29, S2-F30: the printed line, with plain type names.
TEST(Summary, LinesAreAsTheOriginalPrintsThem) {
  TotalsFold::Summary summary;
  summary.all.requests = 3;
  summary.all.errors = 1;
  summary.all.duration_us = 31'000;
  summary.all.input_tokens = 1217;
  summary.all.output_tokens = 305;
  summary.all.cache_read_tokens = 1'234'567;
  summary.all.tool_calls = 3;
  summary.models = {{"gpt-4o", 2}, {"x/y:free", 1}};
  summary.errors = {{"provider_timeout", 1}};
  const auto lines = summary_lines(summary, 3);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0].text,
            " SUMMARY (last 3 requests) | Total: 3 | Errors: 1 | Avg Duration: 10ms | Input "
            "Tokens: 1,217 | Output Tokens: 305 | Cache Hits: 1,234,567 | Cache Creation: 0 | "
            "Tool Uses: 0 | Tool Results: 0 | Tool Calls: 3");
  EXPECT_EQ(lines[1].text, " MODELS | gpt-4o: 2 | x/y:free: 1");
  EXPECT_EQ(lines[2].text, " ERRORS | provider_timeout: 1");
  EXPECT_EQ(lines[2].level, Level::kWarn);
  summary.errors.clear();
  EXPECT_EQ(summary_lines(summary, 3).size(), 2u);
}

// S2-B66, S2-G02
TEST(Summary, WhatCompletedAfterItWasBuiltBelongsToTheNext) {
  Fixture f;
  f.fill(2, 30);
  event::Event event;
  ASSERT_TRUE(build_summary_event(f.fold.summary(), 20, f.batches.catalogue(), kStart, event));
  std::string payload;
  event::encode(event, payload);
  f.fold.apply(f.batches.make(std::vector<Batches::Payload>{{journal::RecordKind::kEvent, payload}},
                              kStart));
  EXPECT_EQ(f.fold.completed_since_summary(), 10u);
}

// S2-B66, S2-G02
TEST(Summary, TheEventHasTheNumbersAndStartsANewWindow) {
  Fixture f;
  f.fill(2, 30);
  EXPECT_EQ(f.fold.completed_since_summary(), 30u);
  const auto summary = f.fold.summary();
  event::Event event;
  ASSERT_TRUE(build_summary_event(summary, 30, f.batches.catalogue(), kStart, event));
  EXPECT_EQ(event.get(f.batches.catalogue().field("summary_requests")).as_int(), 30);
  EXPECT_EQ(event.get(f.batches.catalogue().field("total_requests")).as_int(), 30);
  EXPECT_EQ(event.get(f.batches.catalogue().field("total_input_tokens")).as_int(),
            summary.all.input_tokens);
  std::string payload;
  event::encode(event, payload);
  f.fold.apply(f.batches.make(std::vector<Batches::Payload>{{journal::RecordKind::kEvent, payload}},
                              kStart));
  EXPECT_EQ(f.fold.completed_since_summary(), 0u);
  EXPECT_EQ(f.fold.totals().requests, 30u);
}

}  // namespace
}  // namespace sightglass::live
