// The hot tail: the newest rows, in memory and open to queries, until they are sealed. A restart
// makes it again from the journal.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "event/event.h"
#include "journal/record.h"
#include "store/duckdb.h"
#include "store/facts.h"
#include "store/schema.h"

namespace sightglass::store {

struct RowHeader {
  journal::Position position = 0;
  Nanos accept_ns = 0;
};

// What did not fit a column and reads as null. Never an error: a row is worth more than a value.
struct DroppedValues {
  std::uint64_t kind = 0;       // of another kind than the column
  std::uint64_t not_utf8 = 0;   // text that is not
  std::uint64_t too_long = 0;   // text past kMaxTextBytes
  std::uint64_t no_column = 0;  // the table is full
};

// Rows gather in a chunk of 2,048 and go into a table of the engine with it, or when somebody wants
// to see them. A table has the fixed columns and those that the tail before it used: a pack knows
// hundreds of fields and its events use some dozens. A field that is not among them widens the
// chunk while its table has no row yet, and else opens a further table with a column more; all of
// them together are the tail.
//
// Threads: one at a time; queries read the tables of select() from connections of their own.
// Bounds: whoever appends cuts by rows(), text_bytes() and table_bytes().
// Cost: 3 to 4 µs of CPU a row of forty values.
class Tail {
 public:
  static constexpr std::size_t kMaxTextBytes = 4096;

  // `schema` outlives the tail and is used by it alone. `number` makes the tables' names.
  // `expected`: used_columns() of the tail before.
  Tail(duck::Database& database, Schema& schema, std::string gateway, std::uint64_t number,
       const std::vector<ColumnId>& expected = {});
  ~Tail();  // drops its tables: no query may still read them
  Tail(const Tail&) = delete;
  Tail& operator=(const Tail&) = delete;

  // Positions must ascend. On an error nothing was appended and the same call may be repeated.
  Status append(const RowHeader& header, const Layout& layout, const event::Event& event,
                DroppedValues& dropped);
  Status flush();  // every appended row is now in a table

  std::uint64_t rows() const { return facts_.rows; }
  std::uint64_t text_bytes() const { return text_bytes_; }
  // What the tables' cells take, used or not; text but for its first bytes is not in it.
  std::uint64_t table_bytes() const { return table_bytes_; }
  Nanos first_accept_ns() const { return first_accept_ns_; }
  Facts facts() const;
  // The tables that hold flushed rows. Empty: there are none.
  const std::vector<std::string>& tables() const { return tables_; }
  // Each table's column names, parallel to tables().
  const std::vector<std::vector<ColumnId>>& table_columns() const { return table_columns_; }
  // Those that some row of this tail has a value in, and the fixed ones; ascending.
  std::vector<ColumnId> used_columns() const;

 private:
  Status open_part();
  Status create_table();
  bool use_columns(const Layout& layout, const event::Event& event);
  bool set(std::uint16_t place, duck::Type type, const event::Value& value, DroppedValues& dropped);
  bool set_text(std::uint16_t place, std::string_view text, DroppedValues& dropped);
  void count(ColumnId column, const event::Value& value);

  duck::Database& database_;
  Schema& schema_;
  const std::string gateway_;
  const std::uint64_t number_;
  const TotalsColumns totals_columns_;

  std::unique_ptr<duck::Connection> connection_;
  std::unique_ptr<duck::Chunk> chunk_;
  std::vector<ColumnId> chunk_columns_;  // of the chunk and, once there is one, its table
  std::uint64_t row_bytes_ = 0;          // of the chunk's columns
  bool created_ = false;                 // the chunk's table is there
  std::unique_ptr<duck::Appender> appender_;
  std::vector<std::uint16_t> places_;  // ColumnId → place in the chunk, kNoPlace where absent
  std::vector<bool> wanted_, used_;    // by ColumnId: in the next table; by some row
  std::string scratch_;
  std::vector<std::string> tables_;
  std::vector<std::vector<ColumnId>> table_columns_;

  Facts facts_;
  ExactSum input_, output_, cost_;
  std::uint64_t text_bytes_ = 0;
  std::uint64_t table_bytes_ = 0;
  Nanos first_accept_ns_ = 0;
};

}  // namespace sightglass::store
