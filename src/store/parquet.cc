#include "store/parquet.h"

#include "store/rollup_sql.h"
#include "store/sql.h"

namespace sightglass::store {

Status ParquetWriter::write(const std::string& select, const std::string& path) {
  return connection_.run(copy_to_parquet(select, path));
}

Result<Facts> ParquetWriter::facts(const std::string& path) {
  const std::string paths[] = {path};
  SG_ASSIGN(const auto rows, connection_.query(select_facts(scan_files(paths))));
  return store::facts_of(rows);
}

Result<Facts> ParquetWriter::facts_of(const std::string& select) {
  SG_ASSIGN(const auto rows, connection_.query(select_facts("(" + select + ")")));
  return store::facts_of(rows);
}

Result<std::uint64_t> ParquetWriter::count(const std::string& select) {
  SG_ASSIGN(const auto rows, connection_.query(select));
  return static_cast<std::uint64_t>(rows.integer(0, 0));
}

Result<RollupTable> ParquetWriter::roll_up(const std::string& select) {
  SG_ASSIGN(const auto rows, connection_.query(select_rollup(select, "true")));
  return read_rollup(rows);
}

Result<std::vector<std::string>> ParquetWriter::columns(const std::vector<std::string>& paths) {
  SG_ASSIGN(const auto rows, connection_.query(select_column_names(paths)));
  std::vector<std::string> out;
  for (std::size_t i = 0; i < rows.size(); ++i) out.push_back(rows.at(i, 0).text);
  return out;
}

Result<std::vector<std::pair<std::int64_t, std::int64_t>>> ParquetWriter::pairs(
    const std::string& select) {
  SG_ASSIGN(const auto rows, connection_.query(select));
  std::vector<std::pair<std::int64_t, std::int64_t>> out;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    out.emplace_back(rows.integer(i, 0), rows.integer(i, 1));
  }
  return out;
}

Status ParquetWriter::texts(const std::string& select,
                            const std::function<void(std::int64_t, std::string_view)>& row) {
  return connection_.each(select, {}, [&](const duck::Rows& rows) -> Status {
    for (std::size_t i = 0; i < rows.size(); ++i) row(rows.integer(i, 0), rows.at(i, 1).text);
    return {};
  });
}

}  // namespace sightglass::store
