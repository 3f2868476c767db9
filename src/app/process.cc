#include "app/process.h"

#include <execinfo.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <system_error>

namespace sightglass::app {
namespace {

// Addresses, never memory: what lies there may be somebody's prompt.
void print_addresses_and_die(int signal_number) {
  constexpr char kMessage[] = "sightglass: fatal signal; addresses:\n";
  (void)!::write(STDERR_FILENO, kMessage, sizeof kMessage - 1);
  void* frames[48];
  backtrace_symbols_fd(frames, backtrace(frames, 48), STDERR_FILENO);
  signal(signal_number, SIG_DFL);
  raise(signal_number);
}

// The group's own limit ("max": none), else what the machine has. cgroups(7), sysconf(3).
std::int64_t memory_limit() {
  std::int64_t limit = static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  std::ifstream groups("/proc/self/cgroup");
  std::string line;
  while (std::getline(groups, line)) {
    if (!line.starts_with("0::")) continue;
    std::ifstream file("/sys/fs/cgroup" + line.substr(3) + "/memory.max");
    std::int64_t bytes = 0;
    if (file >> bytes) limit = std::min(limit, bytes);
  }
  return limit;
}

std::vector<std::pair<std::string, std::int64_t>> threads_by_name() {
  std::map<std::string, std::int64_t> counts;
  std::error_code error;
  std::filesystem::directory_iterator task("/proc/self/task", error);
  for (; !error && task != std::filesystem::directory_iterator(); task.increment(error)) {
    std::ifstream file(task->path() / "comm");
    std::string name;
    if (!std::getline(file, name)) continue;  // it has ended meanwhile
    const auto stem = name.find_last_not_of("-0123456789");
    ++counts[stem == std::string::npos ? name : name.substr(0, stem + 1)];
  }
  return {counts.begin(), counts.end()};
}

}  // namespace

void harden_process(bool dumpable) {
  if (!dumpable) {
    prctl(PR_SET_DUMPABLE, 0);
    const rlimit none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
  }
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  void* warm_up[1];
  backtrace(warm_up, 1);  // loads its library now; in the handler that would allocate
  for (const int number : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT}) {
    signal(number, print_addresses_and_die);
  }
}

ProcessNumbers process_numbers() {
  ProcessNumbers numbers;
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with("VmRSS:")) numbers.resident_bytes = std::stol(line.substr(6)) * 1024;
    if (line.starts_with("Threads:")) numbers.threads = std::stol(line.substr(8));
  }
  numbers.limit_bytes = memory_limit();
  numbers.threads_by_name = threads_by_name();
  return numbers;
}

}  // namespace sightglass::app
