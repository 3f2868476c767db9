// The two text formats: escapes, exact numbers, and what the reference linter says.
#include "meter/exposition.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cctype>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "../tests/support/batches.h"
#include "meter/meter_fold.h"
#include "meter/process_metrics.h"

namespace sightglass::meter {
namespace {

using testing::Batches;
using testing::TestEvent;

constexpr Nanos kStart = 1'700'000'000 * kSecond + 250 * kMillisecond;

std::string scaled(Int128 value, int scale) {
  std::string out;
  append_scaled(out, value, scale);
  return out;
}

TEST(Exposition, WritesNanoDollarsExactly) {
  EXPECT_EQ(scaled(0, -9), "0");
  EXPECT_EQ(scaled(1, -9), "0.000000001");
  EXPECT_EQ(scaled(300'000'000, -9), "0.3");  // 0.1 + 0.2 as doubles would not be
  EXPECT_EQ(scaled(25'500'000'000, -9), "25.5");
  EXPECT_EQ(scaled(Int128{1'000'000'000'000'000'000} * 1'000'000 + 1, -9),
            "1000000000000000.000000001");
  EXPECT_EQ(scaled(-1'500, -3), "-1.5");
  EXPECT_EQ(scaled(7, 3), "7000");
}

TEST(Exposition, WritesBoundsInCanonicalForm) {
  EXPECT_EQ(bound_text(0.000025), "2.5e-05");
  EXPECT_EQ(bound_text(0.05), "0.05");
  EXPECT_EQ(bound_text(1), "1.0");
  EXPECT_EQ(bound_text(900), "900.0");
  EXPECT_EQ(bound_text(100000), "100000.0");
}

std::shared_ptr<const event::Catalogue> odd_pack() {
  return testing::parse_catalogue(
      "pack: t\nversion: 1\nfields:\n  model: { kind: text, class: name }\n"
      "  us: { kind: int, class: duration }\n"
      "events:\n  done: { level: info }\nmeters:\n"
      "  - metric: t_seen\n    type: counter\n    help: 'Back\\slash and \"end\".'\n"
      "    match: '{ $.model = * }'\n    labels: { model: $.model }\n"
      "  - metric: t_wait_seconds\n    type: histogram\n    unit: seconds\n    help: Wait.\n"
      "    match: '{ $.us = * }'\n    value: $.us\n    scale: -6\n    buckets: [0.5, 1]\n");
}

std::string odd_exposition(Format format) {
  Batches batches(odd_pack());
  Telemetry telemetry;
  MeterFold fold(telemetry);
  TestEvent e("done");
  e.with("model", "a\"b\\c\nd\xff").with("us", 1'000'000);
  fold.apply(batches.make(std::vector<TestEvent>{e}, kStart));
  Telemetry own;
  own.gauge("b_open", "Open.").set(3);
  own.counter("z_total", "Z.", {{"reason", "x"}}).add(2);
  std::string out;
  fold.expose(format, own, out);
  return out;
}

TEST(Exposition, PrometheusTextIsAsTheFormatSays) {
  EXPECT_EQ(odd_exposition(Format::kPrometheus004),
            "# HELP b_open Open.\n# TYPE b_open gauge\nb_open 3\n"
            "# HELP t_seen Back\\\\slash and \"end\".\n# TYPE t_seen counter\n"
            "t_seen{model=\"a\\\"b\\\\c\\nd\xEF\xBF\xBD\"} 1\n"
            "# HELP t_wait_seconds Wait.\n# TYPE t_wait_seconds histogram\n"
            "t_wait_seconds_bucket{le=\"0.5\"} 0\nt_wait_seconds_bucket{le=\"1.0\"} 1\n"
            "t_wait_seconds_bucket{le=\"+Inf\"} 1\nt_wait_seconds_sum 1\nt_wait_seconds_count 1\n"
            "# HELP z_total Z.\n# TYPE z_total counter\nz_total{reason=\"x\"} 2\n");
}

TEST(Exposition, OpenMetricsTextIsAsTheFormatSays) {
  EXPECT_EQ(odd_exposition(Format::kOpenMetrics100),
            "# HELP b_open Open.\n# TYPE b_open gauge\nb_open 3\n"
            "# HELP t_seen Back\\\\slash and \\\"end\\\".\n# TYPE t_seen counter\n"
            "t_seen_total{model=\"a\\\"b\\\\c\\nd\xEF\xBF\xBD\"} 1\n"
            "t_seen_created{model=\"a\\\"b\\\\c\\nd\xEF\xBF\xBD\"} 1700000000.25\n"
            "# HELP t_wait_seconds Wait.\n# TYPE t_wait_seconds histogram\n"
            "# UNIT t_wait_seconds seconds\n"
            "t_wait_seconds_bucket{le=\"0.5\"} 0\nt_wait_seconds_bucket{le=\"1.0\"} 1\n"
            "t_wait_seconds_bucket{le=\"+Inf\"} 1\nt_wait_seconds_sum 1\nt_wait_seconds_count 1\n"
            "t_wait_seconds_created 1700000000.25\n"
            "# HELP z Z.\n# TYPE z counter\nz_total{reason=\"x\"} 2\n# EOF\n");
}

std::string busy_exposition(Format format) {
  Batches batches(testing::gateway_catalogue());
  SeededRandom random(1);
  Telemetry telemetry;
  register_process_metrics(telemetry);
  MeterFold fold(telemetry);
  std::vector<TestEvent> events;
  for (int i = 0; i < 300; ++i) {
    auto& e = events.emplace_back(testing::random_terminal(random, kStart));
    e.with("first_content_us", static_cast<std::int64_t>(random.below(3'000'000)));
    e.with("overhead_us", static_cast<std::int64_t>(random.below(300)));
  }
  fold.apply(batches.make(events, kStart));
  std::string out;
  fold.expose(format, telemetry, out);
  return out;
}

// The reference linter of the format: promtool from Debian's `prometheus`. It must be there.
TEST(Exposition, PromtoolFindsNothingToSay) {
  const auto path = std::filesystem::temp_directory_path() /
                    ("sightglass_exposition_" + std::to_string(getpid()));
  std::ofstream(path) << busy_exposition(Format::kPrometheus004);
  const std::string command = "promtool check metrics < " + path.string() + " 2>&1";
  FILE* pipe = popen(command.c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  std::string said;
  char buffer[512];
  while (fgets(buffer, sizeof buffer, pipe) != nullptr) said += buffer;
  const int status = pclose(pipe);
  std::filesystem::remove(path);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << said;
  EXPECT_EQ(said, "");
}

// A small reader of OpenMetrics 1.0: families contiguous and once, metadata first, samples of
// their family's type only, no sample twice, `# EOF` last.
TEST(Exposition, OpenMetricsFamiliesAreWhole) {
  std::istringstream in(busy_exposition(Format::kOpenMetrics100));
  std::set<std::string> families;
  std::set<std::string> seen;
  std::string family, type, line;
  bool ended = false;
  while (std::getline(in, line)) {
    ASSERT_FALSE(ended) << "text after # EOF";
    if (line == "# EOF") {
      ended = true;
      continue;
    }
    if (line.starts_with("# HELP ")) {
      family = line.substr(7, line.find(' ', 7) - 7);
      EXPECT_TRUE(families.insert(family).second) << family;
      continue;
    }
    if (line.starts_with("# TYPE ")) {
      ASSERT_EQ(line.substr(7, family.size() + 1), family + " ");
      type = line.substr(8 + family.size());
      EXPECT_FALSE(type == "counter" && family.ends_with("_total")) << family;
      continue;
    }
    if (line.starts_with("# UNIT ")) {
      const auto unit = line.substr(8 + family.size());
      EXPECT_TRUE(family.ends_with("_" + unit)) << line;
      continue;
    }
    const auto space = line.rfind(' ');
    EXPECT_TRUE(seen.insert(line.substr(0, space)).second) << line;
    const auto name = line.substr(0, line.find_first_of("{ "));
    ASSERT_TRUE(name.starts_with(family)) << line;
    const auto suffix = name.substr(family.size());
    const std::set<std::string> allowed =
        type == "counter"     ? std::set<std::string>{"_total", "_created"}
        : type == "histogram" ? std::set<std::string>{"_bucket", "_sum", "_count", "_created"}
                              : std::set<std::string>{""};
    EXPECT_EQ(allowed.count(suffix), 1u) << line;
    char* end = nullptr;
    std::strtod(line.c_str() + space + 1, &end);
    EXPECT_EQ(*end, '\0') << line;
  }
  EXPECT_TRUE(ended);
  EXPECT_GT(families.size(), 20u);
}

// S2-L04
TEST(ProcessMetrics, TellMemoryTimeAndDescriptors) {
  Telemetry telemetry;
  register_process_metrics(telemetry);
  std::map<std::string, double> values;
  for (const auto& family : telemetry.collect()) values[family.name] = family.samples[0].value;
  EXPECT_GT(values.at("process_resident_memory_bytes"), 1e5);
  EXPECT_GT(values.at("process_cpu_seconds_total"), 0);
  EXPECT_GE(values.at("process_open_fds"), 3);
  EXPECT_NEAR(values.at("process_start_time_seconds"), static_cast<double>(time(nullptr)), 3600);
}

}  // namespace
}  // namespace sightglass::meter
