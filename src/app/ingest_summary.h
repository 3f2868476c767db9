// What became of everything that one run sent, and how far it is.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "follow/receiver.h"

namespace sightglass::app {

// Bounds: kMaxTypes event types (the rest is "(others)"), kMaxLines line numbers a reason.
class IngestSummary {
 public:
  static constexpr std::size_t kMaxTypes = 200;
  static constexpr std::size_t kMaxLines = 5;

  // `first_line`: of the batch in its file, from 1; 0 where lines are not counted.
  void add(const std::string& file, std::uint64_t first_line, const follow::Taken& taken,
           std::uint64_t bytes);
  void add_known(std::uint64_t bytes) { known_bytes_ += bytes; }  // taken in an earlier run

  std::uint64_t accepted() const { return accepted_; }
  std::uint64_t rejected() const { return rejected_; }
  std::uint64_t lines() const { return accepted_ + rejected_ + duplicates_; }
  std::uint64_t bytes() const { return bytes_; }
  std::uint64_t known_bytes() const { return known_bytes_; }

  std::string as_table(Nanos took_ns) const;
  std::string as_json(Nanos took_ns) const;

 private:
  struct Place {
    std::string file;
    std::uint64_t line = 0;
  };
  struct Reason {
    std::uint64_t count = 0;
    std::vector<Place> first;
  };
  std::uint64_t accepted_ = 0, duplicates_ = 0, rejected_ = 0;
  std::uint64_t dropped_fields_ = 0, withheld_fields_ = 0;
  std::uint64_t bytes_ = 0, known_bytes_ = 0;
  std::map<std::string, std::uint64_t> events_;
  std::map<std::string, Reason> reasons_;
  std::string hint_;
};

// "812,345"
std::string with_commas(std::uint64_t number);

// One line of progress: "app.log  45 %  1,230.4 MB  812,345 lines/s  0:12 left". `total_bytes` 0:
// not known, then without percent and time left.
std::string progress_line(const std::string& name, std::uint64_t done_bytes,
                          std::uint64_t total_bytes, std::uint64_t lines, Nanos took_ns);

}  // namespace sightglass::app
