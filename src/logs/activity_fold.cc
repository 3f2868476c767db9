// The fold that writes the Activity seed's lines.
#include <memory>
#include <optional>
#include <string>

#include "logs/activity_line.h"
#include "logs/line_fold.h"
#include "logs/logs.h"

namespace sightglass::logs {
namespace {

class ActivityLines {
 public:
  ActivityLines(ActivityForm form, const event::PlainNames* names) : form_(form), names_(names) {}
  void begin(const std::shared_ptr<const event::Catalogue>& catalogue) {
    writer_.emplace(catalogue, form_, names_);
  }
  void append(const event::Event& event, journal::Position, std::string& out) {
    writer_->append(event, out);
  }

 private:
  ActivityForm form_;
  const event::PlainNames* names_;
  std::optional<ActivityWriter> writer_;
};

class ActivityFold final : public LineFold<ActivityLines> {
 public:
  ActivityFold(const ActivityOptions& options, const event::PlainNames* names, FileSystem& fs,
               Telemetry& telemetry, Log& log)
      : LineFold("activity", options.file, options.begin_at, fs, telemetry, log) {
    write_with({options.strict ? ActivityForm::kStrict : ActivityForm::kPrinted, names});
  }
  Status forget(const journal::Forget& forget) override { return file().forget(forget); }
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
