// For tests that kill a process of the store's: the child, and what must hold afterwards.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "store/duckdb.h"
#include "store/sample_rows.h"
#include "store/store.h"
#include "store/test_folder.h"

namespace sightglass::store {

constexpr Range kEver{0, 4'000'000'000 * kSecond};

inline Options options_in(const std::string& folder) {
  Options out;
  out.directory = folder + "/store";
  out.gateway = "gw-1";
  out.seal_rows = 500;
  // By the machine's own clock in some tests, and it may stall.
  out.query_limit_ns = 3'600 * kSecond;
  return out;
}

// Runs one of the DISABLED_ tests below in a process of its own, perhaps under another program.
// The child's wait status.
inline int run_child(const std::vector<std::string>& wrapper, const std::string& folder,
                     const std::string& failpoint, const std::string& suite) {
  char self[4096] = {};
  EXPECT_GT(readlink("/proc/self/exe", self, sizeof self - 1), 0);
  std::vector<std::string> words = wrapper;
  words.emplace_back(self);
  words.emplace_back("--gtest_filter=" + suite + ".*");
  words.emplace_back("--gtest_also_run_disabled_tests");
  const auto pid = fork();
  if (pid == 0) {
    setenv("SIGHTGLASS_STORE_CHILD", folder.c_str(), 1);
    setenv("SIGHTGLASS_FAILPOINT", failpoint.c_str(), 1);
    setenv("ASAN_OPTIONS", "detect_leaks=0", 1);  // it cannot look under a tracer
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    if (std::freopen("/dev/null", "w", stdout) == nullptr) _exit(126);
    execvp(argv[0], argv.data());
    _exit(127);
  }
  int status = 0;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  return status;
}

// The roll-ups by the hour have each request once.
inline void expect_rolled_up(Store& store, const std::vector<sample::Row>& rows) {
  RollupQuery query;
  query.end_ns = kEver.end_ns;
  query.step = RollupStep::kHour;
  const auto got = store.queries().rollups(query);
  ASSERT_TRUE(got.has_value()) << got.error().message;
  journal::Totals sum;
  for (const auto& [key, cell] : got->cells()) {
    sum.requests += cell.requests;
    sum.output_tokens += static_cast<std::uint64_t>(cell.output_tokens);
    sum.cost_nanousd += cell.cost_nanousd;
  }
  const auto want = sample::totals(rows);
  EXPECT_EQ(sum.requests, want.requests);
  EXPECT_EQ(sum.output_tokens, want.output_tokens);
  EXPECT_EQ(sum.cost_nanousd, want.cost_nanousd);
}

// The row set, read from the files by an engine of its own.
inline void expect_each_row_once(const std::string& folder, const std::vector<sample::Row>& rows) {
  auto database = duck::Database::open({.temporary_directory = folder + "/t"});
  auto connection = (*database)->connect();
  const auto got = connection->query("SELECT pos, request_id, cost_nanousd FROM read_parquet('" +
                                     folder + "/store/parquet/*.parquet') ORDER BY pos");
  ASSERT_TRUE(got.has_value()) << got.error().message;
  std::size_t i = 0;
  for (const auto& row : rows) {
    if (!row.terminal) continue;
    ASSERT_LT(i, got->size());
    ASSERT_EQ(static_cast<std::uint64_t>(got->integer(i, 0)), row.position);
    ASSERT_EQ(got->at(i, 1).text, row.text("request_id"));
    ASSERT_EQ(got->at(i, 2).null, !row.number("cost_nanousd").has_value());
    ASSERT_EQ(got->integer(i, 2), row.number("cost_nanousd").value_or(0));
    ++i;
  }
  EXPECT_EQ(i, got->size());
}

}  // namespace sightglass::store
