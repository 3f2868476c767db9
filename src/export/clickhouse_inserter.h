// Inserts blocks into a table of ClickHouse, each once.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "export/clickhouse.h"

namespace sightglass::exporting {

// A block of some table: rows whose `pos` goes from first() to last(), in the order of the journal.
class ClickHouseBlock {
 public:
  virtual ~ClickHouseBlock() = default;
  virtual journal::Position first() const = 0;
  virtual journal::Position last() const = 0;
  // Two columns of SQL, whole numbers, over the gateway's rows from first() on, by which
  // begins_with() tells whose rows they are.
  virtual std::string checks() const = 0;
  virtual bool begins_with(const Present& present) const = 0;
  // What is there up to this position is taken off. False: nothing is left.
  virtual bool take_off(journal::Position up_to) = 0;
  // In RowBinary, the same bytes each time.
  virtual std::string_view rows() = 0;
};

// Whatever the engine did with a block whose answer was lost, it is there once in the end:
//
//  - before the first block, and after each that was not taken, it is asked what it has of this
//    gateway from the block's first position on; what is there is not sent again;
//  - what is sent again has the same bytes, which a Replicated table ignores if it has them.
//
// After a failure the next replica is tried. Nothing is ever dropped: whatever is answered, the
// block waits.
// Threads: send() from one; stop_by() from any.
class ClickHouseInserter {
 public:
  // Errors: kInvalid for an address or a file of authorities that is none.
  static Result<ClickHouseInserter> make(const ClickHouseOptions& options, const Clock& clock);
  Verdict send(ClickHouseBlock& block);
  void stop_by(Nanos monotonic_ns);

 private:
  ClickHouseInserter(ClickHouseOptions options, std::vector<std::unique_ptr<ClickHouseNode>> nodes)
      : options_(std::move(options)), nodes_(std::move(nodes)) {}
  ClickHouseNode& node() { return *nodes_[at_]; }
  Verdict taken(const ClickHouseBlock& block);
  Verdict another(const Verdict& verdict);
  Verdict settle(ClickHouseBlock& block, bool& left);
  std::string query_prefix() const;
  std::string question(const ClickHouseBlock& block) const;

  ClickHouseOptions options_;
  std::vector<std::unique_ptr<ClickHouseNode>> nodes_;
  std::size_t at_ = 0;
  bool in_doubt_ = true;
  journal::Position there_ = 0;  // the last of this gateway, when it was asked
};

}  // namespace sightglass::exporting
