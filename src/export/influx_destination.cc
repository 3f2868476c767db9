#include "export/influx_destination.h"

#include <utility>

#include "export/points.h"

namespace sightglass::exporting {
namespace {

class InfluxDestination final : public Destination {
 public:
  InfluxDestination(std::string measurement, std::string gateway, std::unique_ptr<LineSink> sink)
      : writer_(std::move(measurement), std::move(gateway)), sink_(std::move(sink)) {}

  void use(const std::shared_ptr<const event::Catalogue>& catalogue) override {
    writer_.use(catalogue);
  }
  void append(Bytes payload, journal::Position position, Nanos) override {
    writer_.append(payload, position, points_);
  }
  std::size_t count() const override { return points_.count(); }
  std::size_t bytes() const override { return points_.text.size(); }
  void clear() override { points_.clear(); }

  Verdict send(std::size_t first, std::size_t last) override {
    const auto lines = points_.range(first, last);
    auto verdict = sink_->send(lines);
    verdict.bytes = lines.size();
    return verdict;
  }
  void stop_by(Nanos monotonic_ns) override { sink_->stop_by(monotonic_ns); }

 private:
  PointWriter writer_;
  const std::unique_ptr<LineSink> sink_;
  Points points_;
};

}  // namespace

std::unique_ptr<Destination> make_influx_destination(std::string measurement, std::string gateway,
                                                     std::unique_ptr<LineSink> sink) {
  return std::make_unique<InfluxDestination>(std::move(measurement), std::move(gateway),
                                             std::move(sink));
}

}  // namespace sightglass::exporting
