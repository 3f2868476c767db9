#include "export/carrier.h"

#include <pthread.h>

#include <chrono>
#include <utility>

namespace sightglass::exporting {
namespace {

constexpr Nanos kGather = 100 * kMillisecond;
constexpr auto kRetryEvery = std::chrono::seconds(1);
constexpr auto kLook = std::chrono::milliseconds(50);

}  // namespace

Result<std::unique_ptr<Carrier>> Carrier::make(Parts parts, std::unique_ptr<Outbox> outbox,
                                               std::uint64_t max_lag_bytes) {
  const auto cursor = outbox->heard();
  if (cursor > parts.journal.committed()) SG_TRY(parts.journal.advance_to(cursor));
  std::unique_ptr<Carrier> carrier(new Carrier(std::move(parts), std::move(outbox)));
  const auto& p = carrier->parts_;
  journal::RunnerOptions options;
  options.snapshot_directory = p.snapshot_directory;
  options.required = false;
  options.max_lag_bytes = max_lag_bytes;
  options.gather_ns = kGather;
  carrier->runner_ = journal::FoldRunner::make(options, p.journal_options, p.journal, p.fs, p.clock,
                                               p.telemetry, p.log, {carrier->outbox_.get()});
  return carrier;
}

void Carrier::start() {
  beginning_ = std::thread([this] { begin(); });
  pthread_setname_np(beginning_.native_handle(), "sg-export");
}

// What the journal already has, then what comes.
void Carrier::begin() {
  while (!stopping_.load()) {
    const auto loaded = runner_->load();
    if (loaded) {
      if (!stopping_.load()) runner_->start();
      return;
    }
    parts_.log.error("export", "reading the journal waits: " + loaded.error().message);
    const auto until = std::chrono::steady_clock::now() + kRetryEvery;
    while (!stopping_.load() && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(kLook);
    }
  }
}

Status Carrier::stop(Nanos within_ns) {
  if (stopped_) return {};
  stopped_ = true;
  stopping_.store(true);
  outbox_->begin_close(within_ns);
  if (beginning_.joinable()) beginning_.join();
  const auto stopped = runner_->stop(within_ns);
  outbox_->finish();
  return stopped;
}

}  // namespace sightglass::exporting
