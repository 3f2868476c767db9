// The statements: built from column names, table names and file paths of our own making. Values
// from outside are parameters, always.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "journal/forget.h"
#include "store/facts.h"
#include "store/schema.h"
#include "store/tail.h"

namespace sightglass::store {

// `SELECT` of the tail's used columns in the schema's order over its tables, in the order of
// positions; what a table lacks is null.
std::string select_tail(const Schema& schema, const Tail& tail);

// Every column of the schema over files, whatever version of the table they were written with.
// What they have beside that comes behind.
std::string select_files(const Schema& schema, std::span<const std::string> paths);

// The names of the columns that at least one of the files has.
std::string select_column_names(std::span<const std::string> paths);

// `read_parquet([...])` for the base and core columns, which every file has. Asking for these alone
// spares the engine from reading all footers before it begins: a third of a small file's cost.
std::string scan_files(std::span<const std::string> paths);
// The same with every column that any of the files has; null where one has it not.
std::string scan_files_by_name(std::span<const std::string> paths);

// `source` (what stands behind FROM) with these columns, null where it lacks them.
std::string with_columns(std::span<const Column> columns, const std::string& source);

// Position and id of the rows that have one, in no order.
std::string select_ids(std::span<const std::string> paths);

// How many rows of the files have one of the texts in this column. One column at a time: packs have
// hundreds, and the engine's memory is small.
std::string count_rows_with(const Column& column, std::span<const std::string> paths,
                            const journal::Forget& forget);
// As select_files(), with null where one of the texts stands in one of `columns`.
std::string select_files_without(const Schema& schema, std::span<const std::string> paths,
                                 std::span<const std::string> columns,
                                 const journal::Forget& forget);

// COPY of `select` to `path`. Cost: 2 to 4 µs a row. Syncs nothing.
std::string copy_to_parquet(const std::string& select, const std::string& path);

// One row of aggregates over `from`, which facts_of() reads.
std::string select_facts(const std::string& from);
Facts facts_of(const duck::Rows& rows);

}  // namespace sightglass::store
