#include "store/sql.h"

#include <algorithm>

namespace sightglass::store {
namespace {

std::string name_of(const Column& column) { return duck::quoted_name(column.name); }

std::string typed_null(const Column& column) {
  return "NULL::" + std::string(duck::sql_name(column.type)) + " AS " + name_of(column);
}

std::string read_parquet(std::span<const std::string> paths, std::string_view options) {
  std::string sql = "read_parquet([";
  for (std::size_t i = 0; i < paths.size(); ++i) {
    if (i != 0) sql += ", ";
    sql += duck::quoted_text(paths[i]);
  }
  return sql.append("], hive_partitioning = false").append(options).append(")");
}

// Whether a column's value is one of the texts. Only what has a pseudonym's form is hashed.
std::string is_named(const Column& column, const journal::Forget& forget) {
  std::string hashes;
  for (const auto& hash : forget.hex()) {
    if (!hashes.empty()) hashes += ", ";
    hashes += duck::quoted_text(hash);
  }
  const auto name = name_of(column);
  return name + " LIKE '" + std::string(journal::kPseudonymLike) + "' AND list_contains([" +
         hashes + "], left(sha256(" + name + "), 32))";
}

}  // namespace

std::string with_columns(std::span<const Column> columns, const std::string& source) {
  std::string nulls;
  for (const auto& column : columns) nulls += (nulls.empty() ? "" : ", ") + typed_null(column);
  if (nulls.empty()) return source;
  return "(SELECT " + nulls + " WHERE false UNION ALL BY NAME SELECT * FROM " + source + ")";
}

std::string count_rows_with(const Column& column, std::span<const std::string> paths,
                            const journal::Forget& forget) {
  return "SELECT count(*) FROM " + with_columns({&column, 1}, scan_files_by_name(paths)) +
         " WHERE " + is_named(column, forget);
}

std::string select_files_without(const Schema& schema, std::span<const std::string> paths,
                                 std::span<const std::string> columns,
                                 const journal::Forget& forget) {
  std::string sql = "SELECT ";
  for (std::size_t c = 0; c < schema.columns().size(); ++c) {
    const auto& column = schema.columns()[c];
    if (c != 0) sql += ", ";
    if (std::find(columns.begin(), columns.end(), column.name) == columns.end()) {
      sql += name_of(column);
    } else {
      sql += "CASE WHEN " + is_named(column, forget) + " THEN NULL ELSE " + name_of(column) +
             " END AS " + name_of(column);
    }
  }
  return sql + " FROM (" + select_files(schema, paths) + ")";
}

std::string scan_files(std::span<const std::string> paths) { return read_parquet(paths, ""); }

std::string scan_files_by_name(std::span<const std::string> paths) {
  return read_parquet(paths, ", union_by_name = true");
}

std::string select_ids(std::span<const std::string> paths) {
  const Column id{"request_id", duck::Type::kText};
  return "SELECT pos::BIGINT, request_id FROM " +
         with_columns({&id, 1}, scan_files_by_name(paths)) + " WHERE request_id IS NOT NULL";
}

std::string select_tail(const Schema& schema, const Tail& tail) {
  std::string sql;
  const auto used = tail.used_columns();
  for (std::size_t t = 0; t < tail.tables().size(); ++t) {
    const auto& has = tail.table_columns()[t];
    sql += t == 0 ? "SELECT " : " UNION ALL SELECT ";
    for (const auto id : used) {
      const auto& column = schema.columns()[id];
      if (id != used.front()) sql += ", ";
      const bool there = std::binary_search(has.begin(), has.end(), id);
      sql += there ? name_of(column) : typed_null(column);
    }
    sql += " FROM " + tail.tables()[t];
  }
  return sql;
}

std::string select_files(const Schema& schema, std::span<const std::string> paths) {
  // The empty first part gives every column a name and a type, whether or not a file has it.
  std::string sql = "SELECT ";
  for (std::size_t c = 0; c < schema.columns().size(); ++c) {
    if (c != 0) sql += ", ";
    sql += typed_null(schema.columns()[c]);
  }
  return sql + " WHERE false UNION ALL BY NAME SELECT * FROM " +
         read_parquet(paths, ", union_by_name = true");
}

std::string select_column_names(std::span<const std::string> paths) {
  std::string sql = "SELECT DISTINCT name FROM parquet_schema([";
  for (std::size_t i = 0; i < paths.size(); ++i) {
    if (i != 0) sql += ", ";
    sql += duck::quoted_text(paths[i]);
  }
  return sql + "])";
}

std::string copy_to_parquet(const std::string& select, const std::string& path) {
  // Version 2 pages pack times and positions as differences (69 → 58 bytes a row); level 1 of zstd
  // is as small as level 6 here and costs a quarter less. Few values repeat often enough for a
  // dictionary past 2,048 entries to pay.
  return "COPY (" + select + ") TO " + duck::quoted_text(path) +
         " (FORMAT parquet, PARQUET_VERSION V2, COMPRESSION zstd, COMPRESSION_LEVEL 1, "
         "DICTIONARY_SIZE_LIMIT 2048, ROW_GROUP_SIZE 32768, KV_METADATA {sightglass_schema: '" +
         std::to_string(kSchemaVersion) + "'})";
}

std::string select_facts(const std::string& from) {
  return "SELECT count(*), min(pos), max(pos), min(epoch_ns(event_time)), "
         "max(epoch_ns(event_time)), count(*) FILTER (terminal), "
         "sum(coalesce(input_tokens, 0)::HUGEINT + coalesce(cache_read_tokens, 0) + "
         "coalesce(cache_write_5m_tokens, 0) + coalesce(cache_write_1h_tokens, 0)) "
         "FILTER (terminal), "
         "sum(output_tokens) FILTER (terminal), sum(cost_nanousd) FILTER (terminal), "
         "count(unpriced_reason) FILTER (terminal), "
         "min(epoch_ns(accept_time)), max(epoch_ns(accept_time)) FROM " +
         from;
}

Facts facts_of(const duck::Rows& rows) {
  Facts out;
  out.rows = static_cast<std::uint64_t>(rows.integer(0, 0));
  out.first = static_cast<std::uint64_t>(rows.integer(0, 1));
  out.last = static_cast<std::uint64_t>(rows.integer(0, 2));
  out.min_time_ns = rows.integer(0, 3);
  out.max_time_ns = rows.integer(0, 4);
  out.totals.requests = static_cast<std::uint64_t>(rows.integer(0, 5));
  out.totals.input_tokens = static_cast<std::uint64_t>(rows.integer(0, 6));
  out.totals.output_tokens = static_cast<std::uint64_t>(rows.integer(0, 7));
  out.totals.cost_nanousd = rows.integer(0, 8);
  out.totals.unpriced = static_cast<std::uint64_t>(rows.integer(0, 9));
  out.accepted_from_ns = rows.integer(0, 10);
  out.accepted_to_ns = rows.integer(0, 11);
  return out;
}

}  // namespace sightglass::store
