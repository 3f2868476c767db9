// The meter fold against a naive model, and what must hold over restarts, budgets and parking.
#include "meter/meter_fold.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <sstream>
#include <thread>

#include "../tests/support/batches.h"
#include "event/sampling.h"
#include "journal/fold_harness.h"
#include "journal/format.h"
#include "journal/gap.h"
#include "meter/series_table.h"

namespace sightglass::meter {
namespace {

using testing::Batches;
using testing::TestEvent;

constexpr Nanos kStart = 1'700'000'000 * kSecond;
constexpr Nanos kHour = 3600 * kSecond;

std::string exposed(const MeterFold& fold, Format format = Format::kPrometheus004) {
  Telemetry none;
  std::string out;
  fold.expose(format, none, out);
  return out;
}

std::string saved(const MeterFold& fold) {
  std::string out;
  fold.save(out);
  return out;
}

// Sample lines: everything before the value → the value.
std::map<std::string, std::string> samples(const std::string& text) {
  std::map<std::string, std::string> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line[0] == '#') continue;
    const auto space = line.rfind(' ');
    EXPECT_TRUE(out.emplace(line.substr(0, space), line.substr(space + 1)).second) << line;
  }
  return out;
}

std::shared_ptr<const event::Catalogue> pack(const std::string& meters) {
  return testing::parse_catalogue(
      "pack: t\nversion: 1\nfields:\n"
      "  outcome: { kind: text, class: type, values: [ok, error] }\n"
      "  model: { kind: text, class: name }\n"
      "  amount: { kind: int, class: count }\n"
      "  share: { kind: double, class: count }\n"
      "events:\n  done: { level: info, terminal: true }\nmeters:\n" +
      meters);
}

constexpr const char* kRequests =
    "  - metric: t_requests_total\n    type: counter\n    help: Requests.\n"
    "    match: '{ $.outcome = * }'\n    labels: { model: $.model }\n";
constexpr const char* kErrors =
    "  - metric: t_errors_total\n    type: counter\n    help: Errors.\n"
    "    match: '{ $.outcome = \"error\" }'\n    with: t_requests_total\n"
    "    labels: { model: $.model }\n";
constexpr const char* kAmount =
    "  - metric: t_amount_total\n    type: counter\n    help: Amount.\n"
    "    match: '{ $.amount = * }'\n    value: $.amount\n    labels: { model: $.model }\n";

TestEvent done(const std::string& model, const char* outcome = "ok") {
  TestEvent e("done");
  e.with("outcome", outcome).with("model", model);
  return e;
}

// ---- the naive model -----------------------------------------------------------------------

std::string decimal_text(Int128 value, int digits) {
  std::string text;
  do {
    text.insert(text.begin(), static_cast<char>('0' + static_cast<int>(value % 10)));
    value /= 10;
  } while (value != 0);
  while (static_cast<int>(text.size()) <= digits) text.insert(text.begin(), '0');
  if (digits == 0) return text;
  text.insert(text.size() - static_cast<std::size_t>(digits), ".");
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text;
}

struct Naive {
  std::map<std::string, std::string> expected(const event::Catalogue& catalogue) const {
    std::map<std::string, std::string> out;
    for (const auto& meter : catalogue.meters()) {
      const auto at = series.find(meter.name);
      if (at == series.end()) continue;
      for (const auto& [labels, values] : at->second) add(meter, labels, values, out);
    }
    return out;
  }

  static void add(const event::Meter& meter, const std::string& labels,
                  const std::vector<std::int64_t>& values,
                  std::map<std::string, std::string>& out) {
    Int128 sum = 0;
    for (const auto v : values) sum += v;
    const auto braces = [&](const std::string& more) {
      const std::string all = labels + (labels.empty() || more.empty() ? "" : ",") + more;
      return all.empty() ? all : "{" + all + "}";
    };
    if (meter.type != event::MeterType::kHistogram) {
      out[meter.name + braces("")] = decimal_text(sum, -meter.scale);
      return;
    }
    for (const double bound : meter.buckets) {
      std::int64_t n = 0;
      // Values are microseconds and bounds seconds with few digits: exact as long double.
      for (const auto v : values) n += static_cast<long double>(v) <= bound * 1e6L + 1e-6L ? 1 : 0;
      char le[32];
      std::snprintf(le, sizeof le, "%.10g", bound);
      std::string text = le;
      if (text.find_first_of(".e") == std::string::npos) text += ".0";
      out[meter.name + "_bucket" + braces("le=\"" + text + "\"")] = std::to_string(n);
    }
    out[meter.name + "_bucket" + braces("le=\"+Inf\"")] = std::to_string(values.size());
    out[meter.name + "_sum" + braces("")] = decimal_text(sum, -meter.scale);
    out[meter.name + "_count" + braces("")] = std::to_string(values.size());
  }

  void count(const event::Catalogue& catalogue, const TestEvent& in) {
    event::Event event;
    event.type = catalogue.event_type(in.type);
    for (const auto& [name, value] : in.fields) {
      event::Value v;
      if (const auto* i = std::get_if<std::int64_t>(&value)) v = event::Value::integer(*i);
      if (const auto* b = std::get_if<bool>(&value)) v = event::Value::boolean(*b);
      if (const auto* t = std::get_if<std::string>(&value)) v = event::Value::text(*t);
      event.fields.push_back({catalogue.field(name), v});
    }
    for (const auto& meter : catalogue.meters()) {
      const auto labels = label_text(catalogue, meter, in);
      const bool hit = event::Pattern::parse(meter.match)->matches(catalogue, event);
      if (!hit) continue;
      const auto value =
          meter.value == event::kNoField ? 1 : in.number(catalogue.fields()[meter.value].name);
      series[meter.name][labels].push_back(value);
      for (const auto& other : catalogue.meters()) {
        if (other.created_with == meter.name) series[other.name][labels];
      }
    }
  }

  static std::string label_text(const event::Catalogue& catalogue, const event::Meter& meter,
                                const TestEvent& in) {
    std::string out;
    for (const auto& label : meter.labels) {
      if (!out.empty()) out += ",";
      out += label.name + "=\"" + in.text(catalogue.fields()[label.field].name) + "\"";
    }
    return out;
  }

  std::map<std::string, std::map<std::string, std::vector<std::int64_t>>> series;
};

// S4-M01 to S4-M11, S4-B01 to S4-B05
TEST(MeterFold, AgreesWithANaiveModelOnRandomEvents) {
  const auto catalogue = testing::gateway_catalogue();
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    SeededRandom random(seed);
    Batches batches(catalogue);
    Telemetry telemetry;
    MeterFold fold(telemetry);
    Naive naive;
    for (const auto& meter : catalogue->meters()) {
      if (meter.labels.empty()) naive.series[meter.name][""];
    }
    for (int b = 0; b < 40; ++b) {
      std::vector<TestEvent> events;
      for (std::uint64_t i = random.below(20); i > 0; --i) {
        events.push_back(testing::random_terminal(random, kStart));
        naive.count(*catalogue, events.back());
      }
      fold.apply(batches.make(events, kStart + b * kSecond));
    }
    EXPECT_EQ(samples(exposed(fold)), naive.expected(*catalogue)) << "seed " << seed;
  }
}

// With parking, another catalogue and a gap on the way.
TEST(MeterFold, GivesTheSameSnapshotStraightAndWithARestartAfterEveryRecord) {
  SeededRandom random(7);
  Batches batches(testing::gateway_catalogue());
  Telemetry telemetry;
  std::vector<Batches::Batch> all;
  for (int b = 0; b < 30; ++b) {
    if (b == 15) batches.use(pack(std::string(kRequests) + kErrors + kAmount));
    if (b == 20) batches.use(testing::gateway_catalogue());
    std::vector<TestEvent> events;
    for (std::uint64_t i = 1 + random.below(8); i > 0; --i) {
      events.push_back(b >= 15 && b < 20 ? done("m" + std::to_string(random.below(3)))
                                         : testing::random_terminal(random, kStart));
    }
    all.push_back(batches.make(events, kStart + b * 2 * kHour));
    if (b == 22) {
      journal::Gap gap;
      gap.lines.push_back({"ok", "openai", 5, 3, 100, 20, 1'500'000'000, 1});
      all.push_back(batches.make(
          std::vector<Batches::Payload>{{journal::RecordKind::kGap, journal::encode_gap(gap)}},
          kStart + b * 2 * kHour));
    }
  }
  EXPECT_EQ(
      journal::check_fold_is_pure([&] { return std::make_unique<MeterFold>(telemetry); }, all), "");
}

TEST(MeterFold, ARestartKeepsWhatIsExposedAndTheTotals) {
  Batches batches(testing::gateway_catalogue());
  SeededRandom random(17);
  Telemetry telemetry;
  MeterFold fold(telemetry);
  std::vector<TestEvent> events;
  for (int i = 0; i < 100; ++i) events.push_back(testing::random_terminal(random, kStart));
  fold.apply(batches.make(events, kStart));
  MeterFold restarted(telemetry);
  ASSERT_TRUE(restarted.load(saved(fold)));
  EXPECT_EQ(samples(exposed(restarted)), samples(exposed(fold)));
  EXPECT_EQ(restarted.totals(), fold.totals());
}

TEST(MeterFold, IgnoresRecordsThatItHasFoldedAlready) {
  Batches batches(testing::gateway_catalogue());
  SeededRandom random(3);
  Telemetry telemetry;
  MeterFold fold(telemetry);
  const auto batch =
      batches.make(std::vector<TestEvent>{testing::random_terminal(random, kStart)}, kStart);
  fold.apply(batch);
  const auto once = exposed(fold);
  fold.apply(batch);
  EXPECT_EQ(exposed(fold), once);
}

TEST(MeterFold, TotalsAreThoseOfTheTerminalEvents) {
  Batches batches(testing::gateway_catalogue());
  SeededRandom random(11);
  Telemetry telemetry;
  MeterFold fold(telemetry);
  journal::Totals tally;
  std::vector<TestEvent> events;
  for (int i = 0; i < 200; ++i) {
    const auto& e = events.emplace_back(testing::random_terminal(random, kStart));
    ++tally.requests;
    tally.input_tokens += static_cast<std::uint64_t>(
        e.number("input_tokens") + e.number("cache_read_tokens") +
        e.number("cache_write_5m_tokens") + e.number("cache_write_1h_tokens"));
    tally.output_tokens += static_cast<std::uint64_t>(e.number("output_tokens"));
    tally.cost_nanousd += e.number("cost_nanousd");
    tally.unpriced += e.has("unpriced_reason") ? 1 : 0;
  }
  fold.apply(batches.make(events, kStart));
  EXPECT_EQ(fold.totals(), tally);
}

// S4-M05, S4-Q04
TEST(MeterFold, ErrorSeriesExistAtZeroAsSoonAsTheirRequestSeriesDo) {
  Batches batches(pack(std::string(kRequests) + kErrors));
  Telemetry telemetry;
  MeterFold fold(telemetry);
  fold.apply(batches.make(std::vector<TestEvent>{done("a")}, kStart));
  EXPECT_EQ(samples(exposed(fold)).at("t_errors_total{model=\"a\"}"), "0");
}

// S4-M08
TEST(MeterFold, MetersWithoutLabelsStandAtZeroBeforeTheirFirstEvent) {
  Batches batches(testing::gateway_catalogue());
  Telemetry telemetry;
  MeterFold fold(telemetry);
  fold.apply(batches.tick(kStart));
  const auto all = samples(exposed(fold));
  EXPECT_EQ(all.at("coo_llm_admin_rate_limits_total"), "0");
  EXPECT_EQ(all.at("sightglass_overhead_seconds_bucket{le=\"+Inf\"}"), "0");
}

TEST(MeterFold, AddsWhatIsPastTheBudgetToOneOverflowSeries) {
  Batches batches(pack(std::string(kRequests) + "    max_series: 3\n"));
  Telemetry telemetry;
  MeterFold fold(telemetry);
  std::vector<TestEvent> events;
  for (int i = 0; i < 10; ++i) events.push_back(done("m" + std::to_string(i)));
  events.push_back(done("m0"));
  fold.apply(batches.make(events, kStart));
  const auto all = samples(exposed(fold));
  EXPECT_EQ(all.size(), 5u);
  EXPECT_EQ(all.at("t_requests_total{model=\"m0\"}"), "2");
  EXPECT_EQ(all.at("t_requests_total{model=\"__other__\"}"), "7");
  EXPECT_EQ(all.at("sightglass_series_overflow_total{metric=\"t_requests_total\"}"), "7");
}

TEST(MeterFold, ParksASeriesAfterADayAndGoesOnFromItsValue) {
  Batches batches(pack(kRequests));
  Telemetry telemetry;
  MeterFold fold(telemetry);
  fold.apply(batches.make(std::vector<TestEvent>{done("a"), done("a"), done("b")}, kStart));
  fold.apply(batches.make(std::vector<TestEvent>{done("b")}, kStart + 23 * kHour));
  EXPECT_EQ(samples(exposed(fold)).size(), 2u);
  fold.apply(batches.tick(kStart + 26 * kHour));
  EXPECT_EQ(samples(exposed(fold)).count("t_requests_total{model=\"a\"}"), 0u);
  EXPECT_EQ(samples(exposed(fold)).at("t_requests_total{model=\"b\"}"), "2");
  fold.apply(batches.make(std::vector<TestEvent>{done("a")}, kStart + 700 * kHour));
  EXPECT_EQ(samples(exposed(fold)).at("t_requests_total{model=\"a\"}"), "3");
}

TEST(MeterFold, ParkedSeriesLeaveRoomInTheBudget) {
  Batches batches(pack(std::string(kRequests) + "    max_series: 2\n"));
  Telemetry telemetry;
  MeterFold fold(telemetry);
  fold.apply(batches.make(std::vector<TestEvent>{done("a"), done("b")}, kStart));
  fold.apply(batches.make(std::vector<TestEvent>{done("c"), done("d")}, kStart + 30 * kHour));
  const auto all = samples(exposed(fold));
  EXPECT_EQ(all.at("t_requests_total{model=\"c\"}"), "1");
  EXPECT_EQ(all.at("t_requests_total{model=\"d\"}"), "1");
  EXPECT_EQ(all.count("t_requests_total{model=\"__other__\"}"), 0u);
}

TEST(MeterFold, AnErrorSeriesIsNotParkedWhileItsRequestsRun) {
  Batches batches(pack(std::string(kRequests) + kErrors));
  Telemetry telemetry;
  MeterFold fold(telemetry);
  for (int hour = 0; hour < 60; hour += 5) {
    fold.apply(batches.make(std::vector<TestEvent>{done("a")}, kStart + hour * kHour));
  }
  EXPECT_EQ(samples(exposed(fold)).at("t_errors_total{model=\"a\"}"), "0");
}

TEST(MeterFold, ForgetsTheOldestParkedSeriesPastTheirBoundAndKeepsItsPartOfTheTotals) {
  std::string text = testing::source_text("packs/gateway.yaml");
  const std::string head = "  - metric: sightglass_requests_total\n    type: counter\n";
  const auto at = text.find(head);
  ASSERT_NE(at, std::string::npos);
  text.insert(at + head.size(), "    max_series: 1\n");
  Batches batches(testing::parse_catalogue(text));
  Telemetry telemetry;
  MeterFold fold(telemetry);
  for (int i = 0; i < 10; ++i) {
    TestEvent e("chat_completion_success");
    e.with("outcome", "ok").with("provider", "p" + std::to_string(i)).with("model", "m");
    fold.apply(batches.make(std::vector<TestEvent>{e}, kStart + i * 30 * kHour));
  }
  EXPECT_EQ(fold.totals().requests, 10u);
  const auto all = samples(exposed(fold));
  const auto evicted = "sightglass_series_evicted_total{metric=\"sightglass_requests_total\"}";
  EXPECT_GT(std::stoi(all.at(evicted)), 0);
}

TEST(MeterFold, AChangedRuleBeginsAgainAtZeroAndAnUnchangedOneGoesOn) {
  Batches batches(pack(std::string(kRequests) + kAmount));
  Telemetry telemetry;
  MeterFold fold(telemetry);
  TestEvent e = done("a");
  e.with("amount", 5);
  fold.apply(batches.make(std::vector<TestEvent>{e}, kStart));
  // The meters change places and one of them its rule, so that every number is another one.
  batches.use(
      pack("  - metric: t_amount_total\n    type: counter\n    help: Amount.\n"
           "    match: '{ $.amount > 1 }'\n    value: $.amount\n    labels: { model: $.model }\n" +
           std::string(kRequests)));
  fold.apply(batches.make(std::vector<TestEvent>{e}, kStart + 60 * kSecond));
  const auto all = samples(exposed(fold, Format::kOpenMetrics100));
  EXPECT_EQ(all.at("t_requests_total{model=\"a\"}"), "2");
  EXPECT_EQ(all.at("t_requests_created{model=\"a\"}"), "1700000000");
  EXPECT_EQ(all.at("t_amount_total{model=\"a\"}"), "5");
  EXPECT_EQ(all.at("t_amount_created{model=\"a\"}"), "1700000060");
}

TEST(MeterFold, TotalsKeepWhatAChangedRuleHadCounted) {
  Batches batches(testing::gateway_catalogue());
  Telemetry telemetry;
  MeterFold fold(telemetry);
  TestEvent e("chat_completion_success");
  e.with("outcome", "ok").with("provider", "p").with("model", "m");
  fold.apply(batches.make(std::vector<TestEvent>{e}, kStart));
  std::string text = testing::source_text("packs/gateway.yaml");
  const std::string old =
      "labels: { provider: $.provider, model: $.model, endpoint: $.endpoint, "
      "outcome: $.outcome }";
  const auto at = text.find(old);
  ASSERT_NE(at, std::string::npos);
  text.replace(at, old.size(), "labels: { provider: $.provider, outcome: $.outcome }");
  batches.use(testing::parse_catalogue(text));
  fold.apply(batches.make(std::vector<TestEvent>{e}, kStart + kSecond));
  EXPECT_EQ(samples(exposed(fold)).at("sightglass_requests_total{provider=\"p\",outcome=\"ok\"}"),
            "1");
  EXPECT_EQ(fold.totals().requests, 2u);
}

TEST(MeterFold, CountersNeverTakeNegativeValues) {
  Batches batches(pack(kAmount));
  Telemetry telemetry;
  MeterFold fold(telemetry);
  TestEvent up = done("a");
  up.with("amount", 7);
  TestEvent down = done("a");
  down.with("amount", -3);
  fold.apply(batches.make(std::vector<TestEvent>{up, down}, kStart));
  EXPECT_EQ(samples(exposed(fold)).at("t_amount_total{model=\"a\"}"), "7");
  const auto all = samples(exposed(fold));
  EXPECT_EQ(all.at("sightglass_meter_values_refused_total{metric=\"t_amount_total\","
                   "reason=\"negative\"}"),
            "1");
}

TEST(MeterFold, SumsStayExactPast64Bits) {
  Batches batches(pack(kAmount));
  Telemetry telemetry;
  MeterFold fold(telemetry);
  TestEvent e = done("a");
  e.with("amount", INT64_MAX);
  fold.apply(batches.make(std::vector<TestEvent>{e, e, e}, kStart));
  EXPECT_EQ(samples(exposed(fold)).at("t_amount_total{model=\"a\"}"), "27670116110564327421");
}

TEST(MeterFold, GaugesShowTheLastValue) {
  Batches batches(
      pack("  - metric: t_share\n    type: gauge\n    help: Share.\n"
           "    match: '{ $.share = * }'\n    value: $.share\n"));
  Telemetry telemetry;
  MeterFold fold(telemetry);
  TestEvent a = done("a");
  a.with("share", 0.25);
  TestEvent b = done("a");
  b.with("share", 0.125);
  fold.apply(batches.make(std::vector<TestEvent>{a, b}, kStart));
  EXPECT_EQ(samples(exposed(fold)).at("t_share"), "0.125");
}

// Nothing of a forgotten label stays, in the exposition or in a snapshot, and sums stay.
TEST(MeterFold, ForgottenLabelsGoIntoTheOverflowSeries) {
  const std::string gone = "u:1.aaaaaaaaaaaaaaaaaaaaaaaaaa";
  const std::string stays = "u:1.bbbbbbbbbbbbbbbbbbbbbbbbbb";
  Batches batches(pack(std::string(kRequests) + kErrors));
  std::vector<journal::Reader::Batch> all;
  all.push_back(batches.make({done(gone), done(gone, "error"), done(stays)}, kStart));
  all.push_back(batches.make(std::vector<Batches::Payload>{{journal::RecordKind::kForget,
                                                            journal::Forget({gone}).encode()}},
                             kStart + kSecond));
  all.push_back(batches.make({done(stays), done("gpt")}, kStart + 2 * kSecond));
  Telemetry telemetry;
  MeterFold fold(telemetry);
  fold.apply(all[0]);
  EXPECT_NE(saved(fold).find(gone), std::string::npos);
  for (std::size_t i = 1; i < all.size(); ++i) fold.apply(all[i]);
  EXPECT_EQ(saved(fold).find(gone), std::string::npos);
  auto lines = samples(exposed(fold));
  EXPECT_EQ(lines["t_requests_total{model=\"" + gone + "\"}"], "");
  EXPECT_EQ(lines["t_requests_total{model=\"__other__\"}"], "2");
  EXPECT_EQ(lines["t_errors_total{model=\"__other__\"}"], "1");
  EXPECT_EQ(lines["t_requests_total{model=\"" + stays + "\"}"], "2");
  EXPECT_EQ(lines["t_requests_total{model=\"gpt\"}"], "1");
  EXPECT_EQ(
      journal::check_fold_is_pure([&] { return std::make_unique<MeterFold>(telemetry); }, all), "");
}

TEST(MeterFold, UnrecordedRequestsAreCountedApart) {
  Batches batches(testing::gateway_catalogue());
  Telemetry telemetry;
  MeterFold fold(telemetry);
  journal::Gap gap;
  gap.lines.push_back({"ok", "openai", 5, 3, 100, 20, 1'500'000'000, 1});
  fold.apply(batches.make(
      std::vector<Batches::Payload>{{journal::RecordKind::kGap, journal::encode_gap(gap)}},
      kStart));
  const auto all = samples(exposed(fold));
  EXPECT_EQ(all.at("sightglass_gap_requests_total{outcome=\"ok\",provider=\"openai\"}"), "3");
  EXPECT_EQ(all.at("sightglass_gap_cost_usd_total{outcome=\"ok\",provider=\"openai\"}"), "1.5");
  EXPECT_EQ(fold.totals().requests, 0u);
}

TEST(MeterFold, TheJournalsOwnCountersStandBesideTheGapFamilies) {
  Telemetry own;
  own.counter("sightglass_unrecorded_requests_total", "Ended requests.", {{"cause", "disk"}})
      .add(4);
  own.counter("t_requests_total", "A pack took this name, but has no series yet.").add(5);
  Telemetry telemetry;
  MeterFold fold(telemetry);
  Batches batches(pack(kRequests));
  fold.apply(batches.tick(kStart));
  std::string out;
  fold.expose(Format::kPrometheus004, own, out);
  EXPECT_EQ(samples(out).at("sightglass_unrecorded_requests_total{cause=\"disk\"}"), "4");
  EXPECT_EQ(samples(out).at("t_requests_total"), "5");
}

TEST(MeterFold, AScrapeIsOneMomentAndNeverGoesBack) {
  Batches batches(testing::gateway_catalogue());
  Telemetry telemetry;
  MeterFold fold(telemetry);
  std::atomic<bool> finished{false};
  std::thread writer([&] {
    for (int b = 0; b < 100; ++b) {
      TestEvent e("chat_completion_success");
      e.with("outcome", "ok").with("provider", "p").with("model", "m").with("key", "k");
      e.with("latency_us", 100'000);
      fold.apply(batches.make(std::vector<TestEvent>{e, e, e}, kStart));
    }
    finished = true;
  });
  int last = 0;
  while (true) {
    const bool final_look = finished.load();
    const auto all = samples(exposed(fold));
    const std::string labels = "{provider=\"p\",model=\"m\",key=\"k\"}";
    if (const auto at = all.find("coo_llm_requests_total" + labels); at != all.end()) {
      EXPECT_EQ(at->second, all.at("coo_llm_latency_seconds_count" + labels));
      EXPECT_EQ(std::stoi(at->second) % 3, 0);  // a batch is folded as a whole
      EXPECT_GE(std::stoi(at->second), last);
      last = std::stoi(at->second);
    }
    if (final_look) break;
  }
  writer.join();
  EXPECT_EQ(last, 300);
}

TEST(MeterFold, RefusesEveryCutOrBentSnapshotWithoutHarm) {
  Batches batches(testing::gateway_catalogue());
  SeededRandom random(5);
  Telemetry telemetry;
  MeterFold fold(telemetry);
  fold.apply(
      batches.make(std::vector<TestEvent>{testing::random_terminal(random, kStart)}, kStart));
  const auto snapshot = saved(fold);
  for (std::size_t cut = 0; cut < snapshot.size(); ++cut) {
    MeterFold other(telemetry);
    EXPECT_FALSE(other.load(Bytes(snapshot).substr(0, cut))) << cut;
  }
  for (int i = 0; i < 2000; ++i) {
    auto bent = snapshot;
    bent[random.below(bent.size())] = static_cast<char>(random.next());
    MeterFold other(telemetry);
    if (other.load(bent)) exposed(other);
  }
  auto newer = snapshot;
  newer[0] = 99;
  const auto loaded = MeterFold(telemetry).load(newer);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, Code::kVersion);
}

// ---- the account -------------------------------------------------------------------------------

std::shared_ptr<const event::Catalogue> account_pack() {
  return testing::parse_catalogue(
      "pack: t\nversion: 1\nfields:\n"
      "  ingested: { kind: bool, class: flag }\n"
      "events:\n  done: { level: info, terminal: true }\n  seen: { level: info, row: true }\n"
      "  much: { level: info, row: true, sample: 3 }\n  noted: { level: info }\n");
}

TEST(MeterFold, AccountsForEveryEventByWhatBecomesOfIt) {
  const auto catalogue = account_pack();
  Batches batches(catalogue);
  Telemetry telemetry;
  MeterFold fold(telemetry);
  std::vector<TestEvent> events;
  for (int i = 0; i < 300; ++i) {
    TestEvent e(i % 4 == 0 ? "done" : i % 4 == 1 ? "seen" : i % 4 == 2 ? "much" : "noted");
    if (i % 8 == 3) e.with("ingested", true);  // some of `noted`: whatever is sent is a row
    events.push_back(std::move(e));
  }
  const auto batch = batches.make(events, kStart);
  fold.apply(batch);
  std::uint64_t kept = 0;  // of `much`, by the rule itself
  const auto& much = catalogue->event_types()[catalogue->event_type("much")];
  for (std::size_t i = 2; i < 300; i += 4) {
    kept += event::is_kept(much, batch.header.first + i) ? 1 : 0;
  }
  const auto account = fold.account();
  EXPECT_EQ(account.since, journal::Position{0});
  EXPECT_EQ(account.events, 300u);
  EXPECT_EQ(account.ingested, 38u);
  EXPECT_EQ(account.no_row, 75u - 38u);
  EXPECT_EQ(account.sampled, 75u - kept);
  EXPECT_GT(kept, 0u);
  EXPECT_GT(account.sampled, 0u);
}

TEST(MeterFold, AnAccountBeginsAnewWithItsRecord) {
  Batches batches(account_pack());
  Telemetry telemetry;
  std::vector<journal::Reader::Batch> all;
  all.push_back(batches.make({TestEvent("done"), TestEvent("noted")}, kStart));
  all.push_back(batches.make(
      std::vector<Batches::Payload>{{journal::RecordKind::kAccount, journal::encode_account(41)}},
      kStart));
  const auto since = all.back().header.first;
  all.push_back(batches.make({TestEvent("noted")}, kStart));
  EXPECT_EQ(
      journal::check_fold_is_pure([&] { return std::make_unique<MeterFold>(telemetry); }, all), "");
  MeterFold fold(telemetry);
  for (const auto& batch : all) fold.apply(batch);
  EXPECT_EQ(fold.account().since, since);
  EXPECT_EQ(fold.account().events, 1u);
  EXPECT_EQ(fold.account().no_row, 1u);
  EXPECT_EQ(fold.account().rows_before, 41u);
  EXPECT_TRUE(fold.account().counts_rows);
  fold.apply(
      batches.make(std::vector<Batches::Payload>{{journal::RecordKind::kAccount,
                                                  journal::encode_account(journal::kNoStore)}},
                   kStart));
  EXPECT_FALSE(fold.account().counts_rows);
  EXPECT_EQ(fold.account().rows_before, 0u);
}

TEST(MeterFold, AJournalThatDoesNotBeginAtItsFirstRecordHasNoAccount) {
  Batches batches(account_pack());
  (void)batches.make({TestEvent("done")}, kStart);
  Telemetry telemetry;
  MeterFold fold(telemetry);
  fold.apply(batches.make({TestEvent("done")}, kStart));
  EXPECT_FALSE(fold.account().since.has_value());
}

}  // namespace
}  // namespace sightglass::meter
