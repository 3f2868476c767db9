#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "event/event.h"
#include "event/sampling.h"
#include "logs/console_lines.h"
#include "logs/json_line.h"
#include "logs/log_file.h"
#include "logs/logs.h"

namespace sightglass::logs {
namespace {

constexpr std::uint8_t kSnapshotVersion = 1;

class LogFold final : public journal::Fold {
 public:
  LogFold(const Options& options, FileSystem& fs, SinkLog& console, Telemetry& telemetry, Log& log)
      : options_(options),
        console_(console),
        malformed_(telemetry.counter("sightglass_fold_malformed_total",
                                     "Records that a fold could not read.", {{"fold", "logs"}})),
        sampled_(telemetry.counter("sightglass_log_lines_dropped_total",
                                   "JSON lines that no file took, by reason.",
                                   {{"reason", "sampled"}})) {
    const Profile* profile = find_profile(options_.profile);
    if (profile == nullptr) {
      log.warn("logs", "no such log profile; lines are written in the profile coachup");
    }
    profile_ = profile != nullptr ? profile : &default_profile();
    if (!options_.file.enabled) return;
    file_ = std::make_unique<LogFile>(options_.file, fs, telemetry, log);
    position_ = file_->resume_position();
  }

  std::string_view name() const override { return "logs"; }

  void apply(const journal::Reader::Batch& batch) override {
    bind(batch.catalogue);
    lines_.clear();
    console_lines_.clear();
    journal::Totals added;
    journal::Position last_seq = 0;
    const bool print = (options_.console || options_.syslog) &&
                       batch.header.accept_ns >= options_.console_since_ns;
    for (const auto& record : batch.records) {
      if (record.position <= position_) continue;  // written before a restart
      position_ = record.position;
      if (record.kind != journal::RecordKind::kEvent || catalogue_ == nullptr) continue;
      if (!event::decode(record.payload, event_)) {
        malformed_.add();
        continue;
      }
      if (write_line(record.position, added)) last_seq = record.position;
      // The console is the gateway's own: what applications send would drown it.
      if (print && !event_.get(ingested_).as_bool()) print_line();
    }
    if (file_ != nullptr) {
      file_->append(lines_, last_seq, position_, added, batch.header.accept_ns);
    } else {
      add_totals(added);
    }
    if (!console_lines_.empty()) console_.write_lines(console_lines_);
  }

  // Only without a file; with one, the file and its state are the snapshot.
  void save(std::string& out) const override {
    ByteWriter writer(out);
    writer.u8(kSnapshotVersion);
    writer.u64(position_);
    const auto t = totals();
    writer.u64(t.requests);
    writer.u64(t.input_tokens);
    writer.u64(t.output_tokens);
    writer.i64(t.cost_nanousd);
    writer.u64(t.unpriced);
  }

  Status load(Bytes snapshot) override {
    ByteReader in(snapshot);
    const auto version = in.u8();
    if (in.ok() && version > kSnapshotVersion) {
      return fail(Code::kVersion, "the logs snapshot was written by a newer version");
    }
    const auto position = in.u64();
    journal::Totals t;
    t.requests = in.u64();
    t.input_tokens = in.u64();
    t.output_tokens = in.u64();
    t.cost_nanousd = in.i64();
    t.unpriced = in.u64();
    if (!in.ok() || !in.empty() || version == 0) {
      return fail(Code::kCorrupt, "the logs snapshot is damaged");
    }
    if (file_ != nullptr) return {};
    position_ = position;
    totals_ = t;
    return {};
  }

  std::optional<journal::Position> durable_position() const override {
    if (file_ == nullptr) return std::nullopt;
    return file_->durable();
  }

  Status forget(const journal::Forget& forget) override {
    return file_ != nullptr ? file_->forget(forget) : Status();
  }

  void idle(Nanos accept_ns) override {
    if (file_ != nullptr) file_->maintain(accept_ns);
  }

  journal::Totals totals() const override { return file_ != nullptr ? file_->totals() : totals_; }

 private:
  void bind(const std::shared_ptr<const event::Catalogue>& next) {
    if (next == nullptr || next == catalogue_) return;
    catalogue_ = next;
    writer_.emplace(*profile_, LineDefaults{options_.service, options_.env}, next);
    printer_.emplace(next);
    event_totals_.emplace(*next);
    logger_ = next->field("logger");
    ingested_ = next->field("ingested");
  }

  // Whether the event became a line. Terminal events always do: the file is a witness of every
  // request, whatever level is asked for.
  bool write_line(journal::Position seq, journal::Totals& added) {
    const auto& types = catalogue_->event_types();
    if (event_.type >= types.size()) event_.type = event::kOtherEvent;
    event_.level = effective_level(event_.level, event_.get(logger_).as_text());
    const bool ended = event_totals_->add(event_, added);
    const bool ends_request =
        ended || (types[event_.type].terminal && !event_.get(ingested_).as_bool());
    if (event_.level < options_.level && !ends_request) {
      return false;
    }
    if (!event::is_kept(types[event_.type], seq)) {
      sampled_.add();
      return false;
    }
    if (file_ != nullptr) writer_->append(event_, seq, lines_);
    return true;
  }

  void print_line() {
    if (!printer_->is_summary(event_)) {
      printer_->append(event_, console_lines_);
    } else if (options_.summary_lines) {
      for (auto& line : options_.summary_lines(printer_->summary_requests(event_))) {
        console_lines_.push_back(std::move(line));
      }
    }
  }

  void add_totals(const journal::Totals& added) {
    totals_.requests += added.requests;
    totals_.input_tokens += added.input_tokens;
    totals_.output_tokens += added.output_tokens;
    totals_.cost_nanousd += added.cost_nanousd;
    totals_.unpriced += added.unpriced;
  }

  Options options_;
  SinkLog& console_;
  Counter& malformed_;
  Counter& sampled_;
  const Profile* profile_ = nullptr;
  std::unique_ptr<LogFile> file_;
  journal::Position position_ = 0;
  journal::Totals totals_;  // without a file

  std::shared_ptr<const event::Catalogue> catalogue_;
  std::optional<LineWriter> writer_;
  std::optional<ConsoleWriter> printer_;
  std::optional<EventTotals> event_totals_;
  event::FieldId logger_ = event::kNoField, ingested_ = event::kNoField;

  event::Event event_;
  std::string lines_;
  std::vector<ConsoleLine> console_lines_;
};

}  // namespace

std::unique_ptr<journal::Fold> make_log_fold(const Options& options, FileSystem& fs,
                                             SinkLog& console, Telemetry& telemetry, Log& log) {
  return std::make_unique<LogFold>(options, fs, console, telemetry, log);
}

}  // namespace sightglass::logs
