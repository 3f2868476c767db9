#include "export/text_destination.h"

#include <utility>

namespace sightglass::exporting {
namespace {

class TextDestination final : public Destination {
 public:
  TextDestination(std::unique_ptr<Writer> writer, std::unique_ptr<Sink> sink)
      : writer_(std::move(writer)), sink_(std::move(sink)) {}

  void use(const std::shared_ptr<const event::Catalogue>& catalogue) override {
    writer_->use(catalogue);
  }
  void append(Bytes payload, journal::Position position, Nanos accept_ns) override {
    writer_->append(payload, position, accept_ns, points_);
  }
  std::size_t count() const override { return points_.count(); }
  std::size_t bytes() const override { return points_.text.size(); }
  Mark mark(std::size_t entry) const override {
    const auto& point = points_.points[entry];
    return {point.position, point.accept_ns};
  }
  void clear() override { points_.clear(); }

  Verdict send(std::size_t first, std::size_t last) override {
    const Part part(points_, first, last);
    auto verdict = sink_->send(part);
    verdict.bytes = part.text().size();
    return verdict;
  }
  void stop_by(Nanos monotonic_ns) override { sink_->stop_by(monotonic_ns); }

 private:
  const std::unique_ptr<Writer> writer_;
  const std::unique_ptr<Sink> sink_;
  Points points_;
};

}  // namespace

std::unique_ptr<Destination> make_destination(std::unique_ptr<Writer> writer,
                                              std::unique_ptr<Sink> sink) {
  return std::make_unique<TextDestination>(std::move(writer), std::move(sink));
}

}  // namespace sightglass::exporting
