// The wide table: one row per event that becomes one, one typed column per field that may pass.
//
// Columns come from the catalogue as data. A column once there keeps its name, type and place; what
// a later catalogue adds comes behind it, and files from before read as null there. Version 1 of
// the table is these rules, kBaseColumns and kCoreColumns; docs/store-format.md.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "event/catalogue.h"
#include "event/event.h"
#include "store/duckdb.h"

namespace sightglass::store {

inline constexpr std::uint32_t kSchemaVersion = 1;

// In each row, whatever the catalogue says; their places are fixed.
enum BaseColumn : std::uint16_t {
  kPosition,    // journal position: with `gateway` the row's identity
  kGateway,     // who wrote it
  kAcceptTime,  // of the batch
  kEventTime,   // of a terminal event: its end
  kEventType,
  kLevel,
  kTerminal,  // ended a request; only such rows count as requests
  kBaseColumns
};

inline constexpr std::size_t kFixedColumns = kBaseColumns + 13;  // base and core

using ColumnId = std::uint16_t;
inline constexpr ColumnId kNoColumn = 0xffff;

struct Column {
  std::string name;
  duck::Type type = duck::Type::kText;
  bool in_use = false;  // some row had a value; a tail has only such columns
};

// Bounds: 1,024 columns; fields past that are not stored, which the layout counts.
// Threads: one.
class Schema {
 public:
  static constexpr std::size_t kMaxColumns = 1024;

  Schema();  // base and core columns
  const std::vector<Column>& columns() const { return columns_; }
  ColumnId find(std::string_view name) const;
  // The column's id, new or old; an old one keeps its type. kNoColumn when there are too many.
  ColumnId add(std::string_view name, duck::Type type);
  // The base and core columns, and of the others those that are named, in the same order.
  Schema only(const std::vector<std::string>& names) const;
  // True when the column was not in use before.
  bool use(ColumnId column) { return !std::exchange(columns_[column].in_use, true); }

 private:
  std::vector<Column> columns_;
  std::unordered_map<std::string, ColumnId> index_;
};

// What the queries and the seal's check read: there in each file and each tail.
namespace core {
inline constexpr std::string_view kOutcome = "outcome", kProvider = "provider", kClient = "client",
                                  kModel = "model", kInputTokens = "input_tokens",
                                  kCacheReadTokens = "cache_read_tokens",
                                  kCacheWrite5mTokens = "cache_write_5m_tokens",
                                  kCacheWrite1hTokens = "cache_write_1h_tokens",
                                  kOutputTokens = "output_tokens", kTotalTokens = "total_tokens",
                                  kCostNanousd = "cost_nanousd",
                                  kUnpricedReason = "unpriced_reason", kLatencyUs = "latency_us";
}  // namespace core

// The ids of the columns that a seal's totals are made of.
struct TotalsColumns {
  explicit TotalsColumns(const Schema& schema);
  ColumnId input[4];
  ColumnId output, cost, unpriced_reason;
};

// One catalogue's ids, resolved to columns. Ownership: holds the catalogue. Immutable once made.
class Layout {
 public:
  Layout(std::shared_ptr<const event::Catalogue> catalogue, Schema& schema);
  const event::Catalogue& catalogue() const { return *catalogue_; }
  ColumnId column(event::FieldId field) const {
    return field < columns_.size() ? columns_[field] : kNoColumn;
  }
  // A field id past the catalogue's: what one row of a sampled type stands for, in
  // `sampled_one_in`.
  event::FieldId sampling_field() const {
    return static_cast<event::FieldId>(catalogue_->fields().size());
  }
  // Null: no row. Everything that an application sent is one.
  const event::EventType* row_type(const event::Event& event) const {
    if (event.type >= catalogue_->event_types().size()) return nullptr;
    const auto& out = catalogue_->event_types()[event.type];
    return out.terminal || out.row || is_ingested(event) ? &out : nullptr;
  }
  // An application's event, which ends no request of the gateway whatever its type.
  bool is_ingested(const event::Event& event) const { return event.get(ingested_).as_bool(); }

 private:
  std::shared_ptr<const event::Catalogue> catalogue_;
  std::vector<ColumnId> columns_;  // by FieldId
  event::FieldId ingested_ = event::kNoField;
};

duck::Type column_type(event::Kind kind);

}  // namespace sightglass::store
