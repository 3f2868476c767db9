// Events as rows of ClickHouse's table `events`, in its format RowBinary.
// Source: ClickHouse documentation, "RowBinary"; 18.16 and today's take the same bytes.
// What the columns mean: docs/clickhouse.md; the table itself: deploy/clickhouse.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "event/event.h"
#include "export/row_column.h"
#include "export/sink.h"

namespace sightglass::exporting {

inline constexpr std::uint32_t kRowSchemaVersion = 1;

std::vector<RowColumn> row_columns();

// Writes one row for each event of which the store has one: terminal ones, those that a pack makes
// rows of, and what applications sent. `gateway` and `pos` together are its identity.
//
// Fields that have a column stand there, what is unknown as NULL and never as 0. All others that
// may pass, and a value whose kind is not its column's, stand by their kind in `flags`, `ints`,
// `doubles` or `texts` with their name: a pack of one's own needs no change of the table.
// Threads: one. Cost: about 2 µs a row.
class RowWriter final : public Writer {
 public:
  explicit RowWriter(std::string gateway) : gateway_(std::move(gateway)) {}
  void use(const std::shared_ptr<const event::Catalogue>& catalogue) override;
  void append(Bytes payload, journal::Position position, Nanos accept_ns, Points& out) override;

 private:
  static constexpr std::uint16_t kFurther = 0xffff, kNever = 0xfffe;
  // Fields without a column of one kind, by twos: their names, their values.
  struct Further {
    std::uint64_t count = 0;
    std::string names, values;
    void clear() { count = 0, names.clear(), values.clear(); }
  };
  void sort_fields();
  bool fits(const event::Value& value, std::uint16_t column) const;
  void put_further(std::string_view name, const event::Value& value);
  void head(const event::EventType& type, journal::Position position, Nanos accept_ns,
            std::string& row) const;

  const std::string gateway_;
  std::shared_ptr<const event::Catalogue> catalogue_;
  std::vector<std::uint16_t> columns_;  // by FieldId: a column's number, kFurther or kNever
  event::FieldId ingested_ = event::kNoField;
  event::Event event_;                // reused, as is what follows
  std::vector<event::Value> values_;  // by column
  std::array<Further, 4> further_;    // flags, ints, doubles, texts
};

}  // namespace sightglass::exporting
