// The fold that writes the Activity seed's lines.
#include <memory>
#include <optional>
#include <string>

#include "event/event.h"
#include "logs/activity_file.h"
#include "logs/activity_line.h"
#include "logs/logs.h"

namespace sightglass::logs {
namespace {

class ActivityFold final : public journal::Fold {
 public:
  ActivityFold(const ActivityOptions& options, const event::PlainNames* names, FileSystem& fs,
               Telemetry& telemetry, Log& log)
      : form_(options.strict ? ActivityForm::kStrict : ActivityForm::kPrinted),
        names_(names),
        file_(options.file, "activity", options.begin_at, fs, telemetry, log),
        position_(file_.resume_position()),
        malformed_(telemetry.counter("sightglass_fold_malformed_total",
                                     "Records that a fold could not read.",
                                     {{"fold", "activity"}})) {}

  std::string_view name() const override { return "activity"; }

  void apply(const journal::Reader::Batch& batch) override {
    if (batch.catalogue != nullptr && batch.catalogue != catalogue_) {
      catalogue_ = batch.catalogue;
      writer_.emplace(catalogue_, form_, names_);
    }
    lines_.clear();
    for (const auto& record : batch.records) {
      if (record.position <= position_) continue;  // written before a restart
      position_ = record.position;
      if (record.kind != journal::RecordKind::kEvent || !writer_) continue;
      if (!event::decode(record.payload, event_)) {
        malformed_.add();
        continue;
      }
      writer_->append(event_, lines_);
    }
    file_.append(lines_, position_, batch.header.accept_ns);
  }

  // The file and its state are the snapshot.
  void save(std::string&) const override {}
  Status load(Bytes) override { return {}; }
  std::optional<journal::Position> durable_position() const override { return file_.durable(); }
  void idle(Nanos accept_ns) override { file_.maintain(accept_ns); }
  Status forget(const journal::Forget& forget) override { return file_.forget(forget); }

 private:
  ActivityForm form_;
  const event::PlainNames* names_;
  ActivityFile file_;
  journal::Position position_ = 0;
  Counter& malformed_;
  std::shared_ptr<const event::Catalogue> catalogue_;
  std::optional<ActivityWriter> writer_;
  event::Event event_;
  std::string lines_;
};

}  // namespace

std::unique_ptr<journal::Fold> make_activity_fold(const ActivityOptions& options,
                                                  const event::PlainNames* names, FileSystem& fs,
                                                  Telemetry& telemetry, Log& log) {
  return std::make_unique<ActivityFold>(options, names, fs, telemetry, log);
}

Status forget_activity_position(const FileOptions& file, FileSystem& fs) {
  return fs.remove(file.path + ".state");
}

}  // namespace sightglass::logs
