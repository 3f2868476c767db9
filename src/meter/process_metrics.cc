#include "meter/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>

namespace sightglass::meter {
namespace {

double seconds(const timeval& t) {
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
}

double cpu_seconds() {
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// proc(5): /proc/[pid]/statm, second field, in pages.
double resident_bytes() {
  std::ifstream in("/proc/self/statm");
  double all = 0;
  double resident = 0;
  in >> all >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

// proc(5): /proc/[pid]/stat, field 22, in clock ticks since boot; `btime` in /proc/stat. The
// second field is the command in brackets and may hold anything, so counting starts behind it.
double start_time() {
  std::ifstream in("/proc/self/stat");
  std::string line;
  std::getline(in, line);
  const auto close = line.rfind(')');
  if (close == std::string::npos) return 0;
  std::istringstream rest(line.substr(close + 1));
  std::string skipped;
  for (int field = 3; field < 22; ++field) rest >> skipped;
  double ticks = 0;
  rest >> ticks;
  std::ifstream stat("/proc/stat");
  while (std::getline(stat, line)) {
    if (line.starts_with("btime ")) {
      return std::stod(line.substr(6)) + ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
    }
  }
  return 0;
}

double open_descriptors() {
  std::error_code error;
  double n = 0;
  std::filesystem::directory_iterator it("/proc/self/fd", error);
  for (; !error && it != std::filesystem::directory_iterator(); it.increment(error)) ++n;
  return n > 0 ? n - 1 : 0;  // less the one that reads the folder
}

}  // namespace

void register_process_metrics(Telemetry& telemetry) {
  using Kind = Telemetry::Kind;
  telemetry.gauge_function("process_resident_memory_bytes", "Resident memory size in bytes.",
                           Kind::kGauge, resident_bytes);
  telemetry.gauge_function("process_cpu_seconds_total",
                           "User and system CPU time spent in seconds.", Kind::kCounter,
                           cpu_seconds);
  telemetry.gauge_function("process_start_time_seconds",
                           "Start time of the process since the Unix epoch in seconds.",
                           Kind::kGauge, [started = start_time()] { return started; });
  telemetry.gauge_function("process_open_fds", "Number of open file descriptors.", Kind::kGauge,
                           open_descriptors);
}

}  // namespace sightglass::meter
