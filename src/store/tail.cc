#include "store/tail.h"

#include <cmath>

#include "base/json_writer.h"
#include "base/text.h"

namespace sightglass::store {
namespace {

constexpr std::uint16_t kNoPlace = 0xffff;
// The engine keeps the ends of the 64-bit range for infinities; these are the years 1684 and 2255.
constexpr Nanos kEarliest = -9'000'000'000 * kSecond, kLatest = 9'000'000'000 * kSecond;

bool is_utf8(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    if (static_cast<unsigned char>(text[i]) < 0x80) {
      ++i;
      continue;
    }
    const auto length = utf8_sequence_length(text.substr(i));
    if (length == 0) return false;
    i += length;
  }
  return true;
}

}  // namespace

Tail::Tail(duck::Database& database, Schema& schema, std::string gateway, std::uint64_t number,
           const std::vector<ColumnId>& expected)
    : database_(database),
      schema_(schema),
      gateway_(std::move(gateway)),
      number_(number),
      totals_columns_(schema),
      wanted_(Schema::kMaxColumns, false),
      used_(Schema::kMaxColumns, false) {
  for (std::size_t i = 0; i < kFixedColumns; ++i) wanted_[i] = used_[i] = true;
  for (const auto column : expected) wanted_[column] = true;
}

Tail::~Tail() {
  appender_.reset();
  if (connection_ == nullptr) return;
  // In memory a failed drop costs memory only, and the names are never used again.
  for (const auto& table : tables_) (void)connection_->run("DROP TABLE " + table);
}

// A chunk with the columns that are wanted now; the rows that stand in one without a table move
// over.
Status Tail::open_part() {
  if (created_) SG_TRY(flush());
  std::vector<ColumnId> columns;
  std::vector<duck::Type> types;
  std::vector<std::uint16_t> places(schema_.columns().size(), kNoPlace);
  row_bytes_ = 0;
  for (std::size_t i = 0; i < schema_.columns().size(); ++i) {
    if (!wanted_[i]) continue;
    const auto type = schema_.columns()[i].type;
    places[i] = static_cast<std::uint16_t>(columns.size());
    columns.push_back(static_cast<ColumnId>(i));
    types.push_back(type);
    row_bytes_ += type == duck::Type::kText ? 16 : type == duck::Type::kBoolean ? 1 : 8;
  }
  auto chunk = std::make_unique<duck::Chunk>(types);
  if (chunk_ != nullptr && chunk_->size() != 0) {
    std::vector<std::size_t> moved;
    for (const auto column : chunk_columns_) moved.push_back(places[column]);
    chunk->take(*chunk_, moved);
  }
  chunk_ = std::move(chunk);
  chunk_columns_ = std::move(columns);
  places_ = std::move(places);
  created_ = false;
  appender_.reset();
  return {};
}

Status Tail::create_table() {
  if (connection_ == nullptr) {
    SG_ASSIGN(auto connection, database_.connect());
    connection_ = std::make_unique<duck::Connection>(std::move(connection));
  }
  const auto name = "tail_" + std::to_string(number_) + "_" + std::to_string(tables_.size());
  std::string sql = "CREATE TABLE " + name + " (";
  for (const auto id : chunk_columns_) {
    const auto& column = schema_.columns()[id];
    if (id != chunk_columns_.front()) sql += ", ";
    sql += duck::quoted_name(column.name) + " " + std::string(duck::sql_name(column.type));
  }
  SG_TRY(connection_->run(sql + ")"));
  tables_.push_back(name);
  table_columns_.push_back(chunk_columns_);
  created_ = true;
  return {};
}

// True when the row brings a column that the open table does not have.
bool Tail::use_columns(const Layout& layout, const event::Event& event) {
  bool missing = chunk_ == nullptr;
  for (const auto& field : event.fields) {
    const auto column = layout.column(field.field);
    if (column == kNoColumn || field.value.is_null()) continue;
    const bool placed = column < places_.size() && places_[column] != kNoPlace;
    if (placed && used_[column]) continue;
    used_[column] = wanted_[column] = true;
    schema_.use(column);
    missing = missing || !placed;
  }
  return missing;
}

std::vector<ColumnId> Tail::used_columns() const {
  std::vector<ColumnId> out;
  for (std::size_t i = 0; i < used_.size(); ++i) {
    if (used_[i]) out.push_back(static_cast<ColumnId>(i));
  }
  return out;
}

Status Tail::append(const RowHeader& header, const Layout& layout, const event::Event& event,
                    DroppedValues& dropped) {
  const auto* type = layout.row_type(event);
  if (type == nullptr) return {};
  const bool terminal = type->terminal && !layout.is_ingested(event);
  if (use_columns(layout, event)) SG_TRY(open_part());
  if (chunk_->full()) SG_TRY(flush());

  const auto time_ns = std::clamp(event.time_ns, kEarliest, kLatest);
  auto& chunk = *chunk_;  // the base columns are always in use: their places are their ids
  chunk.set_integer(kPosition, static_cast<std::int64_t>(header.position));
  chunk.set_text(kGateway, gateway_);
  const auto accept_ns = std::clamp(header.accept_ns, kEarliest, kLatest);
  chunk.set_integer(kAcceptTime, accept_ns);
  chunk.set_integer(kEventTime, time_ns);
  chunk.set_text(kEventType, type->name);
  chunk.set_text(kLevel, level_name(event.level));
  chunk.set_boolean(kTerminal, terminal);
  for (const auto& field : event.fields) {
    if (field.value.is_null()) continue;
    const auto column = layout.column(field.field);
    if (column == kNoColumn) {
      ++dropped.no_column;
      continue;
    }
    const auto stored = set(places_[column], schema_.columns()[column].type, field.value, dropped);
    if (stored && terminal) count(column, field.value);
  }
  chunk.next_row();

  if (facts_.rows++ == 0) {
    facts_.first = header.position;
    facts_.min_time_ns = facts_.max_time_ns = time_ns;
    facts_.accepted_from_ns = facts_.accepted_to_ns = accept_ns;
    first_accept_ns_ = header.accept_ns;
  }
  facts_.last = header.position;
  facts_.min_time_ns = std::min(facts_.min_time_ns, time_ns);
  facts_.max_time_ns = std::max(facts_.max_time_ns, time_ns);
  facts_.accepted_from_ns = std::min(facts_.accepted_from_ns, accept_ns);
  facts_.accepted_to_ns = std::max(facts_.accepted_to_ns, accept_ns);
  facts_.totals.requests += terminal ? 1 : 0;
  return {};
}

// False when the value was dropped; an event's first value of a field wins, as in Event::get.
bool Tail::set(std::uint16_t place, duck::Type type, const event::Value& value,
               DroppedValues& dropped) {
  using event::Kind;
  auto& chunk = *chunk_;
  if (chunk.is_set(place)) return false;
  const auto kind = value.kind();
  switch (type) {
    case duck::Type::kText:
      if (kind == Kind::kText) return set_text(place, value.as_text(), dropped);
      scratch_.clear();
      if (kind == Kind::kBool) scratch_ = value.as_bool() ? "true" : "false";
      if (kind == Kind::kInt) append_int(scratch_, value.as_int());
      if (kind == Kind::kDouble) append_double(scratch_, value.as_double());
      return set_text(place, scratch_, dropped);
    case duck::Type::kBoolean:
      if (kind != Kind::kBool) break;
      chunk.set_boolean(place, value.as_bool());
      return true;
    case duck::Type::kDouble:
      if (!value.is_number()) break;
      chunk.set_number(place, value.as_double());
      return true;
    case duck::Type::kBigint:
    case duck::Type::kUbigint:
    case duck::Type::kTimestampNs:
      if (kind != Kind::kInt) break;
      chunk.set_integer(place, value.as_int());
      return true;
  }
  ++dropped.kind;
  return false;
}

bool Tail::set_text(std::uint16_t place, std::string_view text, DroppedValues& dropped) {
  if (text.size() > kMaxTextBytes) {
    ++dropped.too_long;
    return false;
  }
  if (!is_utf8(text)) {
    ++dropped.not_utf8;
    return false;
  }
  chunk_->set_text(place, text);
  text_bytes_ += text.size();
  return true;
}

void Tail::count(ColumnId column, const event::Value& value) {
  const auto& columns = totals_columns_;
  for (const auto input : columns.input) {
    if (column == input) return input_.add(value.as_int());
  }
  if (column == columns.output) return output_.add(value.as_int());
  if (column == columns.cost) return cost_.add(value.as_int());
  if (column == columns.unpriced_reason) ++facts_.totals.unpriced;
}

Facts Tail::facts() const {
  auto out = facts_;
  out.totals.input_tokens = static_cast<std::uint64_t>(input_.value());
  out.totals.output_tokens = static_cast<std::uint64_t>(output_.value());
  out.totals.cost_nanousd = cost_.value();
  return out;
}

Status Tail::flush() {
  if (chunk_ == nullptr || chunk_->size() == 0) return {};
  // A table takes memory for a whole chunk at once, however few rows come.
  const auto rows = created_ ? chunk_->size() : duck::kChunkRows;
  if (!created_) SG_TRY(create_table());
  if (appender_ == nullptr) {
    SG_ASSIGN(auto appender, connection_->appender(tables_.back()));
    appender_ = std::make_unique<duck::Appender>(std::move(appender));
  }
  if (auto appended = appender_->append(*chunk_); !appended) {
    appender_.reset();  // of no more use; the chunk still has every row
    return appended;
  }
  chunk_->clear();
  table_bytes_ += rows * row_bytes_;
  return {};
}

}  // namespace sightglass::store
