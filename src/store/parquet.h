// Parquet files written and read back by the engine.
#pragma once

#include "store/duckdb.h"
#include "store/history.h"

namespace sightglass::store {

// Ownership: a connection of its own. Threads: one. DuckDB syncs nothing (traced); History does.
class ParquetWriter final : public TableWriter {
 public:
  explicit ParquetWriter(duck::Connection connection) : connection_(std::move(connection)) {}
  Status write(const std::string& select, const std::string& path) override;
  Result<Facts> facts(const std::string& path) override;
  Result<Facts> facts_of(const std::string& select) override;
  Result<std::uint64_t> count(const std::string& select) override;
  Result<RollupTable> roll_up(const std::string& select) override;
  Result<std::vector<std::string>> columns(const std::vector<std::string>& paths) override;
  Result<std::vector<std::pair<std::int64_t, std::int64_t>>> pairs(
      const std::string& select) override;
  Status texts(const std::string& select,
               const std::function<void(std::int64_t, std::string_view)>& row) override;

  // Ends what runs now with kTimeout. Any thread.
  void interrupt() { connection_.interrupt(); }

 private:
  duck::Connection connection_;
};

}  // namespace sightglass::store
