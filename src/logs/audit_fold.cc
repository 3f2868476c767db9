// The fold that writes the audit trail.
#include <limits>
#include <memory>
#include <optional>
#include <string>

#include "event/event.h"
#include "logs/activity_file.h"
#include "logs/audit_chain.h"
#include "logs/logs.h"

namespace sightglass::logs {
namespace {

constexpr auto kEnd = std::numeric_limits<journal::Position>::max();

class AuditFold final : public journal::Fold {
 public:
  AuditFold(const FileOptions& options, FileSystem& fs, Telemetry& telemetry, Log& log)
      :  // Where the state is lost the last line says how far it came.
        file_(options, "audit", last_audit_link(fs, options.path, kEnd).seq, fs, telemetry, log),
        position_(file_.resume_position()),
        last_(last_audit_link(fs, options.path, position_)),
        malformed_(telemetry.counter("sightglass_fold_malformed_total",
                                     "Records that a fold could not read.", {{"fold", "audit"}})) {}

  std::string_view name() const override { return "audit"; }

  void apply(const journal::Reader::Batch& batch) override {
    if (batch.catalogue != nullptr && batch.catalogue != catalogue_) {
      catalogue_ = batch.catalogue;
      writer_.emplace(catalogue_);
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
      writer_->append(event_, record.position, last_, lines_);
    }
    file_.append(lines_, position_, batch.header.accept_ns);
  }

  // The file and its state are the snapshot. No line holds what stands for a person, so there is
  // nothing to forget.
  void save(std::string&) const override {}
  Status load(Bytes) override { return {}; }
  std::optional<journal::Position> durable_position() const override { return file_.durable(); }
  void idle(Nanos accept_ns) override { file_.maintain(accept_ns); }

 private:
  ActivityFile file_;
  journal::Position position_ = 0;
  AuditLink last_;
  Counter& malformed_;
  std::shared_ptr<const event::Catalogue> catalogue_;
  std::optional<AuditWriter> writer_;
  event::Event event_;
  std::string lines_;
};

}  // namespace

std::unique_ptr<journal::Fold> make_audit_fold(const FileOptions& options, FileSystem& fs,
                                               Telemetry& telemetry, Log& log) {
  return std::make_unique<AuditFold>(options, fs, telemetry, log);
}

}  // namespace sightglass::logs
