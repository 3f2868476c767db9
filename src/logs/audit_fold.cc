// The fold that writes the audit trail.
#include <limits>
#include <memory>
#include <optional>
#include <string>

#include "logs/audit_chain.h"
#include "logs/line_fold.h"
#include "logs/logs.h"

namespace sightglass::logs {
namespace {

constexpr auto kEnd = std::numeric_limits<journal::Position>::max();

class AuditLines {
 public:
  explicit AuditLines(AuditLink last) : last_(std::move(last)) {}
  void begin(const std::shared_ptr<const event::Catalogue>& catalogue) {
    writer_.emplace(catalogue);
  }
  void append(const event::Event& event, journal::Position position, std::string& out) {
    writer_->append(event, position, last_, out);
  }

 private:
  AuditLink last_;
  std::optional<AuditWriter> writer_;
};

// No line holds what stands for a person, so there is nothing to forget.
class AuditFold final : public LineFold<AuditLines> {
 public:
  AuditFold(const FileOptions& options, FileSystem& fs, Telemetry& telemetry, Log& log)
      :  // Where the state is lost the last line says how far it came.
        LineFold("audit", options, last_audit_link(fs, options.path, kEnd).seq, fs, telemetry,
                 log) {
    write_with(AuditLines(last_audit_link(fs, options.path, position())));
  }
};

}  // namespace

std::unique_ptr<journal::Fold> make_audit_fold(const FileOptions& options, FileSystem& fs,
                                               Telemetry& telemetry, Log& log) {
  return std::make_unique<AuditFold>(options, fs, telemetry, log);
}

}  // namespace sightglass::logs
