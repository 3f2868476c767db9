#include "export/rows.h"

#include <algorithm>
#include <utility>

#include "event/sampling.h"

namespace sightglass::exporting {
namespace {

using event::Kind;

constexpr RowColumn kHead[] = {
    {"gateway", "String"},       {"pos", "UInt64"},          {"accept_date", "Date"},
    {"accept_time_ns", "Int64"}, {"event_time", "DateTime"}, {"event_time_ns", "Int64"},
    {"event_type", "String"},    {"level", "String"},        {"terminal", "UInt8"},
};

struct FieldColumn {
  std::string_view name;
  Kind kind;
};
constexpr FieldColumn kFields[] = {
    {"request_id", Kind::kText},
    {"endpoint", Kind::kText},
    {"provider", Kind::kText},
    {"client", Kind::kText},
    {"key", Kind::kText},
    {"model", Kind::kText},
    {"model_requested", Kind::kText},
    {"model_upstream", Kind::kText},
    {"user_id", Kind::kText},
    {"session_id", Kind::kText},
    {"outcome", Kind::kText},
    {"error_type", Kind::kText},
    {"usage_state", Kind::kText},
    {"unpriced_reason", Kind::kText},
    {"is_streaming", Kind::kBool},
    {"ingested", Kind::kBool},
    {"status_code", Kind::kInt},
    {"upstream_status", Kind::kInt},
    {"attempts", Kind::kInt},
    {"input_tokens", Kind::kInt},
    {"cache_read_tokens", Kind::kInt},
    {"cache_write_5m_tokens", Kind::kInt},
    {"cache_write_1h_tokens", Kind::kInt},
    {"output_tokens", Kind::kInt},
    {"reasoning_tokens", Kind::kInt},
    {"total_tokens", Kind::kInt},
    {"cost_nanousd", Kind::kInt},
    {"latency_us", Kind::kInt},
    {"first_event_us", Kind::kInt},
    {"first_content_us", Kind::kInt},
    {"upstream_us", Kind::kInt},
    {"overhead_us", Kind::kInt},
    {"start_time_ns", Kind::kInt},
    {"request_bytes", Kind::kInt},
    {"response_bytes", Kind::kInt},
    {"tool_calls", Kind::kInt},
};

constexpr RowColumn kFurtherColumns[] = {
    {"flags.name", "Array(String)"},   {"flags.value", "Array(UInt8)"},
    {"ints.name", "Array(String)"},    {"ints.value", "Array(Int64)"},
    {"doubles.name", "Array(String)"}, {"doubles.value", "Array(Float64)"},
    {"texts.name", "Array(String)"},   {"texts.value", "Array(String)"},
};

std::string_view type_of(Kind kind) {
  if (kind == Kind::kText) return "Nullable(String)";
  return kind == Kind::kInt ? "Nullable(Int64)" : "Nullable(UInt8)";
}

void append_value(const event::Value& value, std::string& out) {
  ByteWriter writer(out);
  switch (value.kind()) {
    case Kind::kBool:
      return writer.u8(value.as_bool() ? 1 : 0);
    case Kind::kInt:
      return writer.i64(value.as_int());
    case Kind::kDouble:
      return writer.f64(value.as_double());
    case Kind::kText:
      return writer.string(value.as_text());
    case Kind::kNull:
      return;
  }
}

}  // namespace

std::vector<RowColumn> row_columns() {
  std::vector<RowColumn> out(std::begin(kHead), std::end(kHead));
  for (const auto& field : kFields) out.push_back({field.name, type_of(field.kind)});
  out.insert(out.end(), std::begin(kFurtherColumns), std::end(kFurtherColumns));
  return out;
}

void RowWriter::use(const std::shared_ptr<const event::Catalogue>& catalogue) {
  if (catalogue == nullptr || catalogue == catalogue_) return;
  catalogue_ = catalogue;
  ingested_ = catalogue->field("ingested");
  sort_fields();
}

// By a field's own name: an alias means another field.
void RowWriter::sort_fields() {
  const auto& fields = catalogue_->fields();
  columns_.assign(fields.size(), kFurther);
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (!event::passes(fields[i].field_class)) {
      columns_[i] = kNever;
      continue;
    }
    const auto* const column =
        std::find_if(std::begin(kFields), std::end(kFields),
                     [&](const FieldColumn& known) { return known.name == fields[i].name; });
    if (column != std::end(kFields)) {
      columns_[i] = static_cast<std::uint16_t>(column - std::begin(kFields));
    }
  }
}

bool RowWriter::fits(const event::Value& value, std::uint16_t column) const {
  return column < std::size(kFields) && values_[column].is_null() &&
         value.kind() == kFields[column].kind;
}

void RowWriter::put_further(std::string_view name, const event::Value& value) {
  constexpr Kind kOrder[] = {Kind::kBool, Kind::kInt, Kind::kDouble, Kind::kText};
  const auto* const place = std::find(std::begin(kOrder), std::end(kOrder), value.kind());
  if (place == std::end(kOrder)) return;
  auto& further = further_[static_cast<std::size_t>(place - std::begin(kOrder))];
  ++further.count;
  ByteWriter(further.names).string(name);
  append_value(value, further.values);
}

// The nanoseconds are whole, also where the columns beside them cannot hold a time.
void RowWriter::head(const event::EventType& type, journal::Position position, Nanos accept_ns,
                     std::string& row) const {
  ByteWriter out(row);
  out.string(gateway_);
  out.u64(position);
  put_date(accept_ns, out);
  out.i64(accept_ns);
  put_date_time(event_.time_ns, out);
  out.i64(event_.time_ns);
  out.string(type.name);
  out.string(level_name(event_.level));
  out.u8(type.terminal && !event_.get(ingested_).as_bool() ? 1 : 0);
}

void RowWriter::append(Bytes payload, journal::Position position, Nanos accept_ns, Points& out) {
  if (catalogue_ == nullptr || !event::decode(payload, event_)) return;
  const auto& types = catalogue_->event_types();
  if (event_.type >= types.size()) return;
  const auto& type = types[event_.type];
  const bool row = type.terminal || type.row || event_.get(ingested_).as_bool();
  if (!row || !event::is_kept(type, position)) return;

  values_.assign(std::size(kFields), {});
  for (auto& further : further_) further.clear();
  for (const auto& field : event_.fields) {
    const auto column = field.field < columns_.size() ? columns_[field.field] : kNever;
    if (column == kNever) continue;
    if (fits(field.value, column)) {
      values_[column] = field.value;
    } else {
      put_further(catalogue_->fields()[field.field].name, field.value);
    }
  }
  if (type.sample > 1) put_further("sampled_one_in", event::Value::integer(type.sample));

  head(type, position, accept_ns, out.text);
  ByteWriter writer(out.text);
  for (const auto& value : values_) {
    writer.u8(value.is_null() ? 1 : 0);
    append_value(value, out.text);
  }
  for (const auto& further : further_) {
    writer.varint(further.count);
    writer.raw(further.names);
    writer.varint(further.count);
    writer.raw(further.values);
  }
  out.points.push_back({out.text.size(), position, accept_ns});
}

}  // namespace sightglass::exporting
