// What an engine that takes text is made of: who writes an event for it, what is sent together, and
// who sends it. export/text_destination.h joins them.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "event/catalogue.h"
#include "export/verdict.h"
#include "journal/record.h"

namespace sightglass::exporting {

// Points or rows that are sent together, in the order of the journal.
struct Points {
  struct Point {
    std::size_t end = 0;  // in `text`, behind its last byte
    journal::Position position = 0;
    Nanos accept_ns = 0;  // when its batch of the journal was accepted
  };
  std::string text;
  std::vector<Point> points;
  std::size_t count() const { return points.size(); }
  void clear() { text.clear(), points.clear(); }
};

// Those from `first` up to `last`, that one not. Borrowed; at least one, unless empty() is asked.
class Part {
 public:
  Part(const Points& of, std::size_t first, std::size_t last)
      : of_(&of), first_(first), last_(last) {}
  explicit Part(const Points& of) : Part(of, 0, of.count()) {}

  bool empty() const { return first_ == last_; }
  std::size_t count() const { return last_ - first_; }
  const Points::Point& front() const { return of_->points[first_]; }
  const Points::Point& back() const { return of_->points[last_ - 1]; }
  std::string_view text() const {
    const auto begin = first_ == 0 ? 0 : of_->points[first_ - 1].end;
    return empty() ? std::string_view()
                   : std::string_view(of_->text).substr(begin, back().end - begin);
  }
  const Points::Point& operator[](std::size_t i) const { return of_->points[first_ + i]; }
  // What stands up to this position, and what stands behind it.
  Part up_to(journal::Position position) const { return {*of_, first_, end_of(position)}; }
  Part behind(journal::Position position) const { return {*of_, end_of(position), last_}; }

 private:
  std::size_t end_of(journal::Position position) const {
    const auto from = of_->points.begin() + static_cast<std::ptrdiff_t>(first_);
    const auto to = of_->points.begin() + static_cast<std::ptrdiff_t>(last_);
    const auto at = std::partition_point(
        from, to, [&](const Points::Point& point) { return point.position <= position; });
    return static_cast<std::size_t>(at - of_->points.begin());
  }
  const Points* of_;
  std::size_t first_, last_;
};

// Makes an engine's bytes of events. The same event gives the same bytes each time.
// Threads: one.
class Writer {
 public:
  virtual ~Writer() = default;
  virtual void use(const std::shared_ptr<const event::Catalogue>& catalogue) = 0;  // from here on
  // Appends what becomes of this record; nothing, where it is no such event.
  virtual void append(Bytes payload, journal::Position position, Nanos accept_ns, Points& out) = 0;
};

// Hands parts to an engine and says what became of them.
// Threads: send() from one; stop_by() from any: sends end by then, also the one that runs.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual Verdict send(const Part& part) = 0;
  virtual void stop_by(Nanos monotonic_ns) = 0;
};

}  // namespace sightglass::exporting
