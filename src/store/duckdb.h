// DuckDB's C API with owners, values and our errors: an in-memory database that reads and writes
// Parquet, and nothing else of it.
//
// Errors: DuckDB's text never leaves this file, because it can quote values; what leaves is a code
// and a sentence of ours that names the kind of fault. kTimeout: interrupted. kTooLarge: the memory
// limit. kNoSpace, kIo: files. kCorrupt: a file that does not read as Parquet.
// Threads: one at a time per object, except Connection::interrupt(), which any may call. A query
// runs on the calling thread (the database has no threads of its own).
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

// The names are DuckDB's own.
// NOLINTBEGIN(bugprone-reserved-identifier)
struct _duckdb_connection;
struct _duckdb_data_chunk;
struct _duckdb_appender;
// NOLINTEND(bugprone-reserved-identifier)

namespace sightglass::store::duck {

// A chunk's capacity: DuckDB's vector size.
inline constexpr std::size_t kChunkRows = 2048;

enum class Type : std::uint8_t { kBoolean, kBigint, kUbigint, kDouble, kText, kTimestampNs };

std::string_view sql_name(Type type);  // "BIGINT", …
// A name or a text as SQL, quoted; every name and path in our statements goes through these.
std::string quoted_name(std::string_view name);
std::string quoted_text(std::string_view text);

using Parameter = std::variant<std::int64_t, std::string>;

// A whole result, copied out: answers here have at most some ten thousand cells.
class Rows {
 public:
  struct Cell {
    bool null = true;
    std::int64_t integer = 0;  // BOOLEAN, integers (HUGEINT saturates), timestamps
    double number = 0;         // DOUBLE
    std::string text;          // VARCHAR
  };
  std::size_t size() const { return columns_ == 0 ? 0 : cells_.size() / columns_; }
  const Cell& at(std::size_t row, std::size_t column) const {
    return cells_[row * columns_ + column];
  }
  std::int64_t integer(std::size_t row, std::size_t column) const {
    return at(row, column).integer;
  }
  struct Column {
    std::string name;
    Type type = Type::kText;
  };
  const std::vector<Column>& columns() const { return named_; }

 private:
  friend class Connection;
  std::size_t columns_ = 0;
  std::vector<Column> named_;
  std::vector<Cell> cells_;  // row by row
};

// Rows on their way into a table, column by column. Every cell is null until set.
class Chunk {
 public:
  explicit Chunk(std::span<const Type> types);
  ~Chunk();
  Chunk(const Chunk&) = delete;
  Chunk& operator=(const Chunk&) = delete;

  std::size_t size() const { return size_; }
  bool full() const { return size_ == kChunkRows; }
  bool is_set(std::size_t column) const {  // in the row at hand
    return (columns_[column].validity[size_ / 64] >> (size_ % 64) & 1) != 0;
  }
  void set_integer(std::size_t column, std::int64_t value) {  // kBigint, kUbigint, kTimestampNs
    columns_[column].integers[size_] = value;
    mark(column);
  }
  void set_boolean(std::size_t column, bool value) {
    columns_[column].booleans[size_] = value;
    mark(column);
  }
  void set_number(std::size_t column, double value) {
    columns_[column].numbers[size_] = value;
    mark(column);
  }
  void set_text(std::size_t column, std::string_view valid_utf8);  // copied
  void next_row() { ++size_; }
  void clear();
  // The rows of another chunk, whose column i is the column `places[i]` here. This one is empty.
  void take(const Chunk& from, std::span<const std::size_t> places);

 private:
  friend class Appender;
  struct Column {
    union {
      std::int64_t* integers;
      bool* booleans;
      double* numbers;
      void* raw;
    };
    std::uint64_t* validity;
    void* vector;
  };
  void mark(std::size_t column) {
    columns_[column].validity[size_ / 64] |= std::uint64_t{1} << (size_ % 64);
  }
  bool is_set(std::size_t column, std::size_t row) const {
    return (columns_[column].validity[row / 64] >> (row % 64) & 1) != 0;
  }
  void attach();
  _duckdb_data_chunk* chunk_ = nullptr;
  std::vector<Type> types_;
  std::vector<Column> columns_;
  std::size_t size_ = 0;
};

// Appends chunks to one table; a chunk is in the table, whole, or not at all.
class Appender {
 public:
  Appender() = default;
  Appender(Appender&& other) noexcept : appender_(std::exchange(other.appender_, nullptr)) {}
  Appender& operator=(Appender&& other) noexcept {
    std::swap(appender_, other.appender_);
    return *this;
  }
  ~Appender();
  // After an error the appender is of no more use; the chunk stays as it was.
  Status append(Chunk& chunk);

 private:
  friend class Connection;
  _duckdb_appender* appender_ = nullptr;
};

// The statements of one database share its memory: one that failed for want of it while another ran
// runs once more when no other does. Bounds: it waits kPatience for that, then its error stands.
class Turns {
 public:
  static constexpr std::chrono::seconds kPatience{5};

  template <typename Statement>
  auto run(const Statement& statement) -> decltype(statement()) {
    bool was_alone = false;
    auto done = [&] {
      const std::shared_lock with_others(mutex_);
      const auto number = ++begun_;
      const bool began_alone = running_++ == 0;
      auto result = statement();
      --running_;
      was_alone = began_alone && begun_ == number;
      return result;
    }();
    if (done || done.error().code != Code::kTooLarge || was_alone) return done;
    const std::unique_lock alone(mutex_, kPatience);
    return alone ? statement() : std::move(done);
  }

 private:
  std::shared_timed_mutex mutex_;
  std::atomic<std::uint64_t> begun_{0};
  std::atomic<std::uint32_t> running_{0};
};

class Connection {
 public:
  Connection(Connection&& other) noexcept
      : connection_(std::exchange(other.connection_, nullptr)), turns_(std::move(other.turns_)) {}
  Connection& operator=(Connection&&) = delete;
  ~Connection();

  Status run(const std::string& sql);
  // One statement; `parameters` stand for ?1, ?2, ….
  Result<Rows> query(const std::string& sql, std::span<const Parameter> parameters = {});
  // The same, a piece of at most kChunkRows rows after the other, for answers of any size. An error
  // of `piece` ends it. Takes no turn: pieces were given out before it could be run again.
  Status each(const std::string& sql, std::span<const Parameter> parameters,
              const std::function<Status(const Rows&)>& piece);
  Result<Appender> appender(const std::string& table);
  // Ends what runs now with kTimeout; nothing when nothing runs. Any thread.
  void interrupt();
  _duckdb_connection* handle() { return connection_; }  // for Functions

 private:
  friend class Database;
  Connection(_duckdb_connection* connection, std::shared_ptr<Turns> turns)
      : connection_(connection), turns_(std::move(turns)) {}
  Result<Rows> query_once(const std::string& sql, std::span<const Parameter> parameters);
  // `result`: a duckdb_result.
  static void begin_rows(void* result, Rows& rows);
  static void add_chunk(void* result, _duckdb_data_chunk* chunk, Rows& rows);
  _duckdb_connection* connection_;
  std::shared_ptr<Turns> turns_;
};

struct DatabaseOptions {
  std::uint64_t memory_limit_bytes = 128ull << 20;
  std::string temporary_directory;  // for what does not fit into memory
  std::uint64_t temporary_limit_bytes = 1ull << 30;
};

// In memory, no extension from outside, configuration locked. Ownership: outlives its connections.
class Database {
 public:
  static Result<std::unique_ptr<Database>> open(const DatabaseOptions& options);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  Result<Connection> connect();

 private:
  struct Handle;
  explicit Database(std::unique_ptr<Handle> handle);
  std::unique_ptr<Handle> handle_;
  std::shared_ptr<Turns> turns_;
};

}  // namespace sightglass::store::duck
