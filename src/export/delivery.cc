#include "export/delivery.h"

#include <algorithm>
#include <utility>

namespace sightglass::exporting {
namespace {

constexpr Nanos kTellEvery = 300 * kSecond;  // the same trouble
constexpr Nanos kTellGapEvery = 60 * kSecond;
constexpr Nanos kMostAsked = 300 * kSecond;  // of a Retry-After

// A part of `span_ns` by chance, at least half of it: gateways that failed together come back
// apart.
Nanos by_chance(Nanos span_ns, Random& random) {
  std::uint32_t drawn = 0;
  random.fill(reinterpret_cast<char*>(&drawn), sizeof drawn);
  const auto half_ns = span_ns / 2;
  const auto part = static_cast<double>(drawn) * 0x1.0p-32;
  return half_ns + static_cast<Nanos>(static_cast<double>(half_ns) * part);
}

}  // namespace

Delivery::Delivery(std::string engine, ReasonSentence sentence, Backoff backoff, const Clock& clock,
                   Random& random, Telemetry& telemetry, Log& log)
    : engine_(std::move(engine)),
      sentence_(sentence),
      backoff_(backoff),
      clock_(clock),
      random_(random),
      telemetry_(telemetry),
      log_(log),
      sent_points_(counter("sightglass_export_sent_points_total", "Points that an engine took.")),
      sent_bytes_(counter("sightglass_export_sent_bytes_total",
                          "Bytes of batches that an engine took, before packing.")),
      sent_batches_(counter("sightglass_export_batches_total", "Batches that an engine took.")),
      retries_(counter("sightglass_export_retries_total", "Batches to be sent once more.")),
      repeated_points_(counter("sightglass_export_repeated_points_total",
                               "Points sent again though the engine may have taken them.")),
      gap_lag_(counter("sightglass_export_gap_records_total",
                       "Records of the journal that an engine never gets, by reason.",
                       {{"reason", "lag"}})),
      gap_skipped_(counter("sightglass_export_gap_records_total",
                           "Records of the journal that an engine never gets, by reason.",
                           {{"reason", "skipped"}})),
      up_(telemetry.gauge("sightglass_export_up", "1 while an engine takes what is sent, else 0.",
                          {{"engine", engine_}})) {
  for (std::size_t i = 0; i < kReasons; ++i) {
    const std::string name(reason_name(static_cast<Reason>(i)));
    errors_[i] = &counter("sightglass_export_errors_total", "Failed attempts by reason.",
                          {{"reason", name}});
    dropped_[i] =
        &counter("sightglass_export_dropped_points_total",
                 "Points that an engine refused for good, by reason.", {{"reason", name}});
  }
  up_.set(1);
}

Counter& Delivery::counter(const char* name, const char* help, Labels more) {
  Labels labels = {{"engine", engine_}};
  for (auto& label : more) labels.push_back(std::move(label));
  return telemetry_.counter(name, help, std::move(labels));
}

Nanos Delivery::wait_ns() const { return std::max<Nanos>(next_ns_ - clock_.monotonic_ns(), 0); }

void Delivery::taken(std::uint64_t points, const Verdict& verdict) {
  const auto lost = std::min(points, verdict.dropped);
  sent_points_.add(points - lost);
  sent_bytes_.add(verdict.bytes);
  sent_batches_.add();
  failures_ = 0;
  next_ns_ = 0;
  up_.set(1);
  if (failing_.exchange(false)) {
    const auto seconds = (clock_.monotonic_ns() - failing_since_ns_.load()) / kSecond;
    log_.info("export", engine_ + " takes points again after " + std::to_string(seconds) + " s");
  }
  if (lost > 0) dropped(lost, verdict.reason);
}

void Delivery::failed(std::uint64_t points, const Verdict& verdict) {
  errors_[static_cast<std::size_t>(verdict.reason)]->add();
  retries_.add();
  if (verdict.maybe_taken) repeated_points_.add(points);
  const auto doublings = std::min(failures_++, 20u);
  auto wait_ns = std::min(backoff_.most_ns, backoff_.first_ns << doublings);
  wait_ns = std::max(by_chance(wait_ns, random_), std::min(verdict.retry_after_ns, kMostAsked));
  next_ns_ = clock_.monotonic_ns() + wait_ns;
  if (verdict.reason == Reason::kCancelled) return;
  up_.set(0);
  tell_failure(verdict);
}

// Once when it begins or becomes another trouble, and then now and again.
void Delivery::tell_failure(const Verdict& verdict) {
  const auto now = clock_.monotonic_ns();
  const bool began = !failing_.load();
  if (began) failing_since_ns_.store(now);
  const bool other = reason_.exchange(verdict.reason) != verdict.reason;
  failing_.store(true);
  if (!began && !other && now - told_ns_ < kTellEvery) return;
  told_ns_ = now;
  const auto code = verdict.code.empty() ? std::string() : " (" + verdict.code + ")";
  log_.warn("export", "storage.runtime " + engine_ + ": " + std::string(sentence_(verdict.reason)) +
                          code + ". What it misses waits in the journal; requests are not slowed");
}

void Delivery::dropped(std::uint64_t points, Reason reason) {
  dropped_[static_cast<std::size_t>(reason)]->add(points);
  dropped_total_.fetch_add(points, std::memory_order_relaxed);
  log_.error("export", "storage.runtime " + engine_ + ": " + std::to_string(points) +
                           " points are lost to it: " + std::string(sentence_(reason)));
}

void Delivery::gap(std::uint64_t records, Gap why) {
  if (records == 0) return;
  (why == Gap::kLag ? gap_lag_ : gap_skipped_).add(records);
  gap_records_.fetch_add(records, std::memory_order_relaxed);
  gap_untold_ += records;
  const auto now = clock_.monotonic_ns();
  if (gap_told_ns_ != 0 && now - gap_told_ns_ < kTellGapEvery) return;
  gap_told_ns_ = now;
  log_.error(
      "export",
      "storage.runtime " + engine_ + ": " + std::to_string(std::exchange(gap_untold_, 0)) +
          " records of the journal are lost to it" +
          (why == Gap::kLag ? ", which lags more than max_lag_bytes"
                            : ", skipped because it lags or the journal no longer has them"));
}

Delivery::Health Delivery::health() const {
  Health health;
  health.ok = !failing_.load();
  health.reason = reason_.load();
  health.sentence = sentence_(health.reason);
  health.failing_ns = health.ok ? 0 : clock_.monotonic_ns() - failing_since_ns_.load();
  health.sent = sent_points_.value();
  health.dropped = dropped_total_.load(std::memory_order_relaxed);
  health.gap_records = gap_records();
  return health;
}

}  // namespace sightglass::exporting
