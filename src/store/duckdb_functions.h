// Functions of ours that the engine calls: conditions of filter patterns, decided as everywhere
// else, and the mergeable sketches.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "event/value.h"
#include "store/duckdb.h"

namespace sightglass::store::duck {

// In SQL, once added to a connection:
//   sg_holds_<type>(n, value) → BOOLEAN     the n-th predicate's word on it, NULL as a null value
//   sg_bucket(value DOUBLE) → DOUBLE        the least of … 1, 2, 5, 10, 20, … that is not below it
//   sg_sketch(value DOUBLE) → BLOB          a ValueHistogram of the values that are not NULL
//   sg_distinct(value VARCHAR) → BLOB       a DistinctSet of them
//
// Ownership: outlives every connection that it was added to.
// Threads: predicates() and begin() by whoever runs the query, between queries; the engine calls on
// the thread that runs it.
// Bounds: what the sketches of one query take; past it the query fails and too_large() says why.
class Functions {
 public:
  using Predicate = std::function<bool(const event::Value&)>;

  explicit Functions(std::size_t sketch_bytes) : limit_bytes_(sketch_bytes) {}
  Functions(const Functions&) = delete;
  Functions& operator=(const Functions&) = delete;

  Status add_to(Connection& connection);
  void begin(std::vector<Predicate> predicates);
  bool too_large() const { return too_large_; }

 private:
  friend struct Calls;
  const std::size_t limit_bytes_;
  std::vector<Predicate> predicates_;
  std::size_t sketch_bytes_ = 0;
  bool too_large_ = false;
};

}  // namespace sightglass::store::duck
