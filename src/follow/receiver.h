// What takes the lines of a source and remembers how far it got: the ingest endpoints, or a fake.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace sightglass::follow {

enum class Form : std::uint8_t { kEvents, kLines };  // JSON objects, or text with JSON in it

// Bytes [first, end) of a source. `body` is what of them is to be read: whole lines, or less where
// a line is too long to be one.
struct Batch {
  std::string_view source;
  std::uint64_t first = 0, end = 0;
  std::string_view body;
  Form form = Form::kEvents;
};

// What became of a batch. Lines count from 1 within the body.
struct Taken {
  struct Refused {
    std::uint64_t line = 0;
    std::string reason;
  };
  std::uint64_t accepted = 0, duplicates = 0;
  std::uint64_t rejected = 0;
  std::uint64_t dropped_fields = 0, withheld_fields = 0;
  std::vector<Refused> refused;                               // at most as many as the server names
  std::vector<std::pair<std::string, std::uint64_t>> events;  // accepted, by type
  std::string hint;

  // The range was taken before (known), or does not begin where the source stands (conflict): then
  // the source goes on at `next`.
  enum class Verdict : std::uint8_t { kTaken, kKnown, kConflict, kTooMuch };
  Verdict verdict = Verdict::kTaken;
  std::uint64_t next = 0;
};

// Threads: one. Both calls wait for the answer, as long as the implementation is patient.
class Receiver {
 public:
  virtual ~Receiver() = default;
  // The byte that the source goes on with; 0 for one that was never heard of.
  virtual Result<std::uint64_t> next(std::string_view source) = 0;
  // kTaken is durable. kTooMuch: send less at a time.
  virtual Result<Taken> take(const Batch& batch) = 0;
};

}  // namespace sightglass::follow
