// For tests: the tables of deploy/clickhouse, as printed.
#pragma once

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "../tests/support/batches.h"

namespace sightglass::exporting {

// The statements of a printed file, one by one: neither HTTP nor the library takes several at once.
inline std::vector<std::string> printed_statements(const std::string& file) {
  std::istringstream lines(testing::source_text(file));
  std::vector<std::string> out(1);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("--")) continue;
    const bool ends = line.ends_with(';');
    out.back() += (ends ? line.substr(0, line.size() - 1) : line) + "\n";
    if (ends) out.emplace_back();
  }
  std::erase_if(out, [](const std::string& one) {
    return one.find_first_not_of("\n ") == std::string::npos;
  });
  return out;
}

// Makes them on an engine that answers ask(sql).
template <typename Engine>
void make_printed_tables(Engine& engine) {
  const auto statements = printed_statements("deploy/clickhouse/single.sql");
  EXPECT_FALSE(statements.empty()) << "deploy/clickhouse/single.sql is not found; set "
                                      "SIGHTGLASS_SOURCE_DIR to the folder of the sources";
  for (const auto& statement : statements) engine.ask(statement);
}

}  // namespace sightglass::exporting
