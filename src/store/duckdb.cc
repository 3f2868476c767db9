#include "store/duckdb.h"

#include <duckdb.h>

#include <cstring>
#include <limits>
#include <utility>

namespace sightglass::store::duck {
namespace {

duckdb_type type_id(Type type) {
  switch (type) {
    case Type::kBoolean:
      return DUCKDB_TYPE_BOOLEAN;
    case Type::kBigint:
      return DUCKDB_TYPE_BIGINT;
    case Type::kUbigint:
      return DUCKDB_TYPE_UBIGINT;
    case Type::kDouble:
      return DUCKDB_TYPE_DOUBLE;
    case Type::kText:
      return DUCKDB_TYPE_VARCHAR;
    case Type::kTimestampNs:
      return DUCKDB_TYPE_TIMESTAMP_NS;
  }
  return DUCKDB_TYPE_INVALID;
}

// The kind of fault by what DuckDB puts in front of its messages; prepare and append give no type.
// The text itself goes no further than this function.
std::unexpected<Error> fault(const char* untrusted_text) {
  const std::string_view text = untrusted_text == nullptr ? "" : untrusted_text;
  const auto begins = [&](std::string_view kind) { return text.starts_with(kind); };
  if (begins("INTERRUPT")) return fail(Code::kTimeout, "the query was interrupted");
  if (text.find("No space left on device") != text.npos || text.find("max_temp") != text.npos) {
    return fail(Code::kNoSpace, "the query engine found no space on the disk");
  }
  if (begins("Out of Memory")) {
    return fail(Code::kTooLarge, "the query engine's memory limit was reached");
  }
  if (begins("IO Error")) return fail(Code::kIo, "the query engine could not read or write a file");
  // A broken footer is an "Invalid Error" of the Thrift reader.
  if (begins("Invalid Input") || begins("Invalid Error") || begins("Serialization")) {
    return fail(Code::kCorrupt, "the query engine found malformed data");
  }
  if (begins("Binder") || begins("Catalog") || begins("Parser")) {
    return fail(Code::kInternal, "the query engine did not understand our statement");
  }
  if (begins("Conversion") || begins("Out of Range")) {
    return fail(Code::kInvalid, "a value is out of the query engine's range");
  }
  if (begins("TransactionContext")) {
    return fail(Code::kInternal, "the query engine refused a transaction");
  }
  return fail(Code::kInternal, "the query engine failed");
}

// Frees a result however its query ended.
struct OwnedResult {
  duckdb_result result{};
  ~OwnedResult() { duckdb_destroy_result(&result); }
};

// HUGEINT to 64 bits; what does not fit stays at the end of the range.
std::int64_t saturated(const duckdb_hugeint& value) {
  if (value.upper == 0 && value.lower <= std::uint64_t{INT64_MAX}) {
    return static_cast<std::int64_t>(value.lower);
  }
  if (value.upper == -1 && value.lower >= std::uint64_t{1} << 63) {
    return static_cast<std::int64_t>(value.lower);
  }
  return value.upper < 0 ? std::numeric_limits<std::int64_t>::min()
                         : std::numeric_limits<std::int64_t>::max();
}

void read_cell(void* data, duckdb_type type, idx_t row, Rows::Cell& out) {
  switch (type) {
    case DUCKDB_TYPE_BOOLEAN:
      out.integer = static_cast<bool*>(data)[row] ? 1 : 0;
      break;
    case DUCKDB_TYPE_INTEGER:
      out.integer = static_cast<std::int32_t*>(data)[row];
      break;
    case DUCKDB_TYPE_BIGINT:
    case DUCKDB_TYPE_UBIGINT:
    case DUCKDB_TYPE_TIMESTAMP:
    case DUCKDB_TYPE_TIMESTAMP_NS:
      out.integer = static_cast<std::int64_t*>(data)[row];
      break;
    case DUCKDB_TYPE_HUGEINT:
      out.integer = saturated(static_cast<duckdb_hugeint*>(data)[row]);
      break;
    case DUCKDB_TYPE_DOUBLE:
      out.number = static_cast<double*>(data)[row];
      break;
    case DUCKDB_TYPE_VARCHAR:
    case DUCKDB_TYPE_BLOB: {
      auto& text = static_cast<duckdb_string_t*>(data)[row];
      out.text.assign(duckdb_string_t_data(&text), duckdb_string_t_length(text));
      break;
    }
    default:
      break;  // no statement of ours asks for another type
  }
}

// What read_cell() makes of a column's values.
Type type_of(duckdb_type type) {
  switch (type) {
    case DUCKDB_TYPE_BOOLEAN:
      return Type::kBoolean;
    case DUCKDB_TYPE_DOUBLE:
      return Type::kDouble;
    case DUCKDB_TYPE_VARCHAR:
    case DUCKDB_TYPE_BLOB:
      return Type::kText;
    case DUCKDB_TYPE_TIMESTAMP:
    case DUCKDB_TYPE_TIMESTAMP_NS:
      return Type::kTimestampNs;
    case DUCKDB_TYPE_UBIGINT:
      return Type::kUbigint;
    default:
      return Type::kBigint;
  }
}

std::string doubled(std::string_view text, char quote) {
  std::string out(1, quote);
  for (const char c : text) {
    if (c == quote) out.push_back(c);
    out.push_back(c);
  }
  out.push_back(quote);
  return out;
}

}  // namespace

std::string_view sql_name(Type type) {
  switch (type) {
    case Type::kBoolean:
      return "BOOLEAN";
    case Type::kBigint:
      return "BIGINT";
    case Type::kUbigint:
      return "UBIGINT";
    case Type::kDouble:
      return "DOUBLE";
    case Type::kText:
      return "VARCHAR";
    case Type::kTimestampNs:
      return "TIMESTAMP_NS";
  }
  return "";
}

std::string quoted_name(std::string_view name) { return doubled(name, '"'); }
std::string quoted_text(std::string_view text) { return doubled(text, '\''); }

Chunk::Chunk(std::span<const Type> types)
    : types_(types.begin(), types.end()), columns_(types.size()) {
  std::vector<duckdb_logical_type> logical;
  for (const auto type : types) logical.push_back(duckdb_create_logical_type(type_id(type)));
  chunk_ = duckdb_create_data_chunk(logical.data(), logical.size());
  for (auto& type : logical) duckdb_destroy_logical_type(&type);
  attach();
}

Chunk::~Chunk() { duckdb_destroy_data_chunk(&chunk_); }

void Chunk::attach() {
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    auto* vector = duckdb_data_chunk_get_vector(chunk_, i);
    duckdb_vector_ensure_validity_writable(vector);
    columns_[i].raw = duckdb_vector_get_data(vector);
    columns_[i].validity = duckdb_vector_get_validity(vector);
    columns_[i].vector = vector;
    std::memset(columns_[i].validity, 0, kChunkRows / 8);
  }
}

void Chunk::clear() {
  duckdb_data_chunk_reset(chunk_);
  size_ = 0;
  attach();
}

void Chunk::set_text(std::size_t column, std::string_view valid_utf8) {
  auto& to = columns_[column];
  duckdb_string_t* strings = static_cast<duckdb_string_t*>(to.raw);
  // Short text lies inside the cell itself; written here it costs no call.
  if (valid_utf8.size() <= sizeof strings->value.inlined.inlined) {
    auto& cell = strings[size_].value.inlined;
    std::memset(&cell, 0, sizeof cell);
    cell.length = static_cast<std::uint32_t>(valid_utf8.size());
    std::memcpy(cell.inlined, valid_utf8.data(), valid_utf8.size());
  } else {
    duckdb_vector_assign_string_element_len(static_cast<duckdb_vector>(to.vector), size_,
                                            valid_utf8.data(), valid_utf8.size());
  }
  mark(column);
}

void Chunk::take(const Chunk& from, std::span<const std::size_t> places) {
  for (std::size_t c = 0; c < from.columns_.size(); ++c) {
    const auto& old = from.columns_[c];
    auto& to = columns_[places[c]];
    std::memcpy(to.validity, old.validity, kChunkRows / 8);
    if (from.types_[c] != Type::kText) {
      std::memcpy(to.raw, old.raw, from.size_ * (from.types_[c] == Type::kBoolean ? 1 : 8));
      continue;
    }
    // Long text lies in its vector's own memory.
    auto* const strings = static_cast<duckdb_string_t*>(old.raw);
    for (size_ = 0; size_ < from.size_; ++size_) {
      if (!from.is_set(c, size_)) continue;
      set_text(places[c],
               {duckdb_string_t_data(&strings[size_]), duckdb_string_t_length(strings[size_])});
    }
  }
  size_ = from.size_;
}

Appender::~Appender() {
  if (appender_ != nullptr) duckdb_appender_destroy(&appender_);
}

Status Appender::append(Chunk& chunk) {
  if (appender_ == nullptr) return fail(Code::kInternal, "the appender is closed");
  duckdb_data_chunk_set_size(chunk.chunk_, chunk.size_);
  if (duckdb_append_data_chunk(appender_, chunk.chunk_) == DuckDBSuccess &&
      duckdb_appender_flush(appender_) == DuckDBSuccess) {
    return {};
  }
  auto data = duckdb_appender_error_data(appender_);
  auto error = fault(duckdb_error_data_message(data));
  duckdb_destroy_error_data(&data);
  return error;
}

Connection::~Connection() {
  if (connection_ != nullptr) duckdb_disconnect(&connection_);
}

void Connection::interrupt() { duckdb_interrupt(connection_); }

Status Connection::run(const std::string& sql) {
  return turns_->run([&]() -> Status {
    OwnedResult result;
    if (duckdb_query(connection_, sql.c_str(), &result.result) == DuckDBSuccess) return {};
    return fault(duckdb_result_error(&result.result));
  });
}

namespace {

struct Prepared {
  duckdb_prepared_statement statement = nullptr;
  ~Prepared() { duckdb_destroy_prepare(&statement); }
};

Status prepare(duckdb_connection connection, const std::string& sql,
               std::span<const Parameter> parameters, Prepared& out) {
  if (duckdb_prepare(connection, sql.c_str(), &out.statement) != DuckDBSuccess) {
    return fault(duckdb_prepare_error(out.statement));
  }
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    duckdb_state bound = DuckDBError;
    if (const auto* integer = std::get_if<std::int64_t>(&parameters[i])) {
      bound = duckdb_bind_int64(out.statement, i + 1, *integer);
    } else {
      const auto& text = std::get<std::string>(parameters[i]);
      bound = duckdb_bind_varchar_length(out.statement, i + 1, text.data(), text.size());
    }
    if (bound != DuckDBSuccess) return fail(Code::kInvalid, "a query parameter was refused");
  }
  return {};
}

}  // namespace

void Connection::begin_rows(void* result, Rows& rows) {
  auto* const from = static_cast<duckdb_result*>(result);
  rows.columns_ = duckdb_column_count(from);
  for (std::size_t c = 0; c < rows.columns_; ++c) {
    rows.named_.push_back({duckdb_column_name(from, c), type_of(duckdb_column_type(from, c))});
  }
}

void Connection::add_chunk(void* result, _duckdb_data_chunk* chunk, Rows& rows) {
  auto* const from = static_cast<duckdb_result*>(result);
  const idx_t count = duckdb_data_chunk_get_size(chunk);
  const auto first = rows.cells_.size();
  rows.cells_.resize(first + count * rows.columns_);
  for (std::size_t c = 0; c < rows.columns_; ++c) {
    auto* vector = duckdb_data_chunk_get_vector(chunk, c);
    auto* data = duckdb_vector_get_data(vector);
    auto* validity = duckdb_vector_get_validity(vector);
    const auto type = duckdb_column_type(from, c);
    for (idx_t r = 0; r < count; ++r) {
      if (validity != nullptr && !duckdb_validity_row_is_valid(validity, r)) continue;
      auto& cell = rows.cells_[first + r * rows.columns_ + c];
      cell.null = false;
      read_cell(data, type, r, cell);
    }
  }
}

Result<Rows> Connection::query(const std::string& sql, std::span<const Parameter> parameters) {
  return turns_->run([&] { return query_once(sql, parameters); });
}

Result<Rows> Connection::query_once(const std::string& sql, std::span<const Parameter> parameters) {
  Prepared prepared;
  SG_TRY(prepare(connection_, sql, parameters, prepared));
  OwnedResult result;
  if (duckdb_execute_prepared(prepared.statement, &result.result) != DuckDBSuccess) {
    return fault(duckdb_result_error(&result.result));
  }
  Rows rows;
  begin_rows(&result.result, rows);
  while (auto chunk = duckdb_fetch_chunk(result.result)) {
    add_chunk(&result.result, chunk, rows);
    duckdb_destroy_data_chunk(&chunk);
  }
  return rows;
}

Status Connection::each(const std::string& sql, std::span<const Parameter> parameters,
                        const std::function<Status(const Rows&)>& piece) {
  Prepared prepared;
  SG_TRY(prepare(connection_, sql, parameters, prepared));
  struct Pending {
    duckdb_pending_result pending = nullptr;
    ~Pending() { duckdb_destroy_pending(&pending); }
  } pending;
  if (duckdb_pending_prepared_streaming(prepared.statement, &pending.pending) != DuckDBSuccess) {
    return fault(duckdb_pending_error(pending.pending));
  }
  OwnedResult result;
  if (duckdb_execute_pending(pending.pending, &result.result) != DuckDBSuccess) {
    return fault(duckdb_result_error(&result.result));
  }
  for (;;) {
    auto chunk = duckdb_fetch_chunk(result.result);
    if (chunk == nullptr) break;
    Rows rows;
    begin_rows(&result.result, rows);
    add_chunk(&result.result, chunk, rows);
    duckdb_destroy_data_chunk(&chunk);
    SG_TRY(piece(rows));
  }
  // A stream that ends early says why only here.
  if (const auto* const error = duckdb_result_error(&result.result)) return fault(error);
  return {};
}

Result<Appender> Connection::appender(const std::string& table) {
  Appender out;
  if (duckdb_appender_create(connection_, nullptr, table.c_str(), &out.appender_) !=
      DuckDBSuccess) {
    auto data = duckdb_appender_error_data(out.appender_);
    auto error = fault(duckdb_error_data_message(data));
    duckdb_destroy_error_data(&data);
    return error;
  }
  return out;
}

struct Database::Handle {
  duckdb_database database = nullptr;
  ~Handle() { duckdb_close(&database); }
};

Database::Database(std::unique_ptr<Handle> handle)
    : handle_(std::move(handle)), turns_(std::make_shared<Turns>()) {}
Database::~Database() = default;

Result<std::unique_ptr<Database>> Database::open(const DatabaseOptions& options) {
  duckdb_config config = nullptr;
  if (duckdb_create_config(&config) != DuckDBSuccess) {
    return fail(Code::kInternal, "the query engine has no configuration");
  }
  const auto bytes = [](std::uint64_t n) { return std::to_string(n) + "B"; };
  const std::pair<const char*, std::string> settings[] = {
      {"threads", "1"},
      {"memory_limit", bytes(options.memory_limit_bytes)},
      {"temp_directory", options.temporary_directory},
      {"max_temp_directory_size", bytes(options.temporary_limit_bytes)},
      {"autoinstall_known_extensions", "false"},
      {"autoload_known_extensions", "false"},
      {"preserve_insertion_order", "true"},
  };
  bool ok = true;
  for (const auto& [name, value] : settings) {
    ok = ok && duckdb_set_config(config, name, value.c_str()) == DuckDBSuccess;
  }
  auto handle = std::make_unique<Handle>();
  char* untrusted_error = nullptr;
  ok = ok && duckdb_open_ext(nullptr, &handle->database, config, &untrusted_error) == DuckDBSuccess;
  duckdb_free(untrusted_error);
  duckdb_destroy_config(&config);
  if (!ok) return fail(Code::kInternal, "the query engine did not start with our settings");
  std::unique_ptr<Database> database(new Database(std::move(handle)));
  SG_ASSIGN(auto connection, database->connect());
  SG_TRY(connection.run("SET lock_configuration = true"));
  return database;
}

Result<Connection> Database::connect() {
  duckdb_connection connection = nullptr;
  if (duckdb_connect(handle_->database, &connection) != DuckDBSuccess) {
    return fail(Code::kInternal, "the query engine gave no connection");
  }
  return Connection(connection, turns_);
}

}  // namespace sightglass::store::duck
