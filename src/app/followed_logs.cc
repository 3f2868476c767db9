#include "app/followed_logs.h"

#include "app/ingest_client.h"
#include "app/workers.h"

namespace sightglass::app {
namespace {

constexpr std::string_view kLogger = "follow";
constexpr Nanos kLook = 100 * kMillisecond;
constexpr Nanos kAfterFault = kSecond;

}  // namespace

FollowedLogs::FollowedLogs(const std::vector<FollowConfig>& files, const std::string& socket_path,
                           const Clock& clock, Telemetry& telemetry, Log& log)
    : configs_(files), socket_path_(socket_path), clock_(clock), telemetry_(telemetry), log_(log) {}

Status FollowedLogs::start() {
  IngestTarget target;
  target.unix_path = socket_path_;
  Patience patience;
  patience.most_ns = 0;
  patience.wait = [this](Nanos ns) { return wait(ns); };
  patience.note = [this](std::string_view note) { log_.info(kLogger, std::string(note)); };
  SG_ASSIGN(receiver_, make_ingest_client(target, clock_, std::move(patience)));
  for (const auto& config : configs_) {
    follow::FollowOptions options;
    options.host = config.source;
    if (config.format == "events") options.form = follow::Form::kEvents;
    if (config.format == "lines") options.form = follow::Form::kLines;
    File file;
    file.follower =
        std::make_unique<follow::Follower>(config.path, options, *receiver_, clock_, *this);
    const Labels labels = {{"file", config.path}};
    file.accepted = &telemetry_.counter("sightglass_followed_lines_total",
                                        "Lines of followed files that became events.", labels);
    file.rejected =
        &telemetry_.counter("sightglass_followed_rejected_total",
                            "Lines of followed files that became none; the reasons are in "
                            "sightglass_ingest_rejected_total.",
                            labels);
    files_.push_back(std::move(file));
  }
  thread_ = std::thread([this] {
    name_thread("follow");
    run();
  });
  return {};
}

void FollowedLogs::stop() {
  if (!thread_.joinable()) return;
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

bool FollowedLogs::wait(Nanos ns) {
  std::unique_lock lock(mutex_);
  return !wake_.wait_for(lock, std::chrono::nanoseconds(ns), [this] { return stopping_; });
}

void FollowedLogs::run() {
  for (;;) {
    bool more = false;
    for (std::size_t i = 0; i < files_.size(); ++i) {
      auto& file = files_[i];
      if (clock_.monotonic_ns() < file.not_before_ns) continue;
      stepping_ = &file;
      auto stepped = file.follower->step();
      if (stepped) {
        more = more || *stepped;
      } else if (stepped.error().code != Code::kCancelled) {
        file.not_before_ns = clock_.monotonic_ns() + kAfterFault;
        log_.warn(kLogger, configs_[i].path + ": " + stepped.error().message);
      }
    }
    if (!wait(more ? 0 : kLook)) return;
  }
}

void FollowedLogs::on_taken(const std::string&, const follow::Taken& taken, std::uint64_t) {
  stepping_->accepted->add(taken.accepted);
  stepping_->rejected->add(taken.rejected);
}

void FollowedLogs::on_note(const std::string& path, std::string_view note) {
  log_.info(kLogger, path + " " + std::string(note));
}

}  // namespace sightglass::app
