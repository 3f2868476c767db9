#include "app/health_checks.h"

#include <algorithm>

#include "app/process.h"

namespace sightglass::app {
namespace {

constexpr double kNearLimit = 0.95;  // of the memory

}  // namespace

admin::HealthCheck journal_health(const journal::Journal& journal) {
  admin::HealthCheck check;
  check.name = "journal";
  check.ok = journal.writable();
  if (!check.ok) {
    check.problem = "nothing can be recorded; free disk space below the data folder";
  }
  check.numbers = {{"position", static_cast<std::int64_t>(journal.committed())},
                   {"bytes", static_cast<std::int64_t>(journal.bytes_on_disk())}};
  return check;
}

admin::HealthCheck folds_health(journal::Position committed,
                                std::initializer_list<NamedRunner> runners) {
  admin::HealthCheck check;
  check.name = "folds";
  for (const auto& [name, runner] : runners) {
    if (runner == nullptr) continue;
    const auto behind = committed - std::min(committed, runner->position());
    check.numbers.emplace_back(std::string(name) + "_lag_records",
                               static_cast<std::int64_t>(behind));
  }
  return check;
}

admin::HealthCheck store_health(store::Store& store, const Clock& clock) {
  const auto health = store.health();
  admin::HealthCheck check;
  check.name = "store";
  check.ok = health.ok;
  check.problem = health.problem;
  const auto began_ns = clock.monotonic_ns();
  const auto answered = store.queries().aggregate({0, 1}, {});
  if (check.ok && !answered) {
    check.ok = false;
    check.problem = "it does not answer questions: " + answered.error().message;
    // Many questions at once are no damage: the server serves on.
    check.vital = answered.error().code != Code::kBusy && answered.error().code != Code::kTimeout;
  }
  check.numbers = {{"files", static_cast<std::int64_t>(health.files)},
                   {"rows", static_cast<std::int64_t>(health.rows)},
                   {"tail_rows", static_cast<std::int64_t>(health.tail_rows)},
                   {"bytes", static_cast<std::int64_t>(health.bytes)},
                   {"answer_us", (clock.monotonic_ns() - began_ns) / kMicrosecond}};
  return check;
}

admin::HealthCheck with_last_error(admin::HealthCheck check, std::span<const live::Trace> errors) {
  const auto last = std::find_if(errors.begin(), errors.end(), [&](const live::Trace& error) {
    return check.name == "provider." + error.provider;
  });
  if (last != errors.end()) {
    check.words.emplace_back("last_error_type", last->error_type);
    check.numbers.emplace_back("last_error_time", last->end_ns / kSecond);
  }
  return check;
}

admin::HealthCheck process_health(std::size_t connections, std::size_t in_flight) {
  auto numbers = process_numbers();
  admin::HealthCheck check;
  check.name = "process";
  check.vital = false;
  check.ok = numbers.limit_bytes == 0 || static_cast<double>(numbers.resident_bytes) <
                                             kNearLimit * static_cast<double>(numbers.limit_bytes);
  if (!check.ok) {
    check.problem = "memory is nearly spent; give the process more, or lower store.memory_limit";
  }
  check.numbers = {{"resident_bytes", numbers.resident_bytes},
                   {"limit_bytes", numbers.limit_bytes},
                   {"threads", numbers.threads},
                   {"goroutines", numbers.threads},
                   {"connections", static_cast<std::int64_t>(connections)},
                   {"requests_in_flight", static_cast<std::int64_t>(in_flight)}};
  check.parts_key = "threads_by_name";
  check.parts = std::move(numbers.threads_by_name);
  return check;
}

}  // namespace sightglass::app
