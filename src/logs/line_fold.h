// Room-internal: a fold that writes a line for some of the events into one rotated file, each once.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "event/event.h"
#include "logs/activity_file.h"
#include "logs/logs.h"

namespace sightglass::logs {

// `Lines` knows what the lines look like: begin(catalogue), then append(event, position, out) for
// each event in the journal's order. The file and its state are the snapshot.
template <typename Lines>
class LineFold : public journal::Fold {
 public:
  // `begin_at`: where the file's state is lost.
  LineFold(std::string_view name, const FileOptions& options, journal::Position begin_at,
           FileSystem& fs, Telemetry& telemetry, Log& log)
      : name_(name),
        file_(options, name, begin_at, fs, telemetry, log),
        position_(file_.resume_position()),
        malformed_(telemetry.counter("sightglass_fold_malformed_total",
                                     "Records that a fold could not read.",
                                     {{"fold", std::string(name)}})) {}

  std::string_view name() const override { return name_; }

  void apply(const journal::Reader::Batch& batch) override {
    if (batch.catalogue != nullptr && batch.catalogue != catalogue_) {
      catalogue_ = batch.catalogue;
      lines_->begin(catalogue_);
    }
    text_.clear();
    for (const auto& record : batch.records) {
      if (record.position <= position_) continue;  // written before a restart
      position_ = record.position;
      if (record.kind != journal::RecordKind::kEvent || catalogue_ == nullptr) continue;
      if (!event::decode(record.payload, event_)) {
        malformed_.add();
        continue;
      }
      lines_->append(event_, record.position, text_);
    }
    file_.append(text_, position_, batch.header.accept_ns);
  }

  void save(std::string&) const override {}
  Status load(Bytes) override { return {}; }
  std::optional<journal::Position> durable_position() const override { return file_.durable(); }
  void idle(Nanos accept_ns) override { file_.maintain(accept_ns); }

 protected:
  // Before the first batch.
  void write_with(Lines lines) { lines_.emplace(std::move(lines)); }
  ActivityFile& file() { return file_; }
  journal::Position position() const { return position_; }

 private:
  const std::string_view name_;  // a literal
  ActivityFile file_;
  journal::Position position_ = 0;
  Counter& malformed_;
  std::shared_ptr<const event::Catalogue> catalogue_;
  std::optional<Lines> lines_;
  event::Event event_;
  std::string text_;
};

}  // namespace sightglass::logs
