// A filter pattern as a condition over a version's columns.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "event/catalogue.h"
#include "event/pattern_node.h"
#include "store/duckdb_functions.h"
#include "store/schema.h"

namespace sightglass::store {

// In SQL where that says the same as the filter language, so that the engine can pass over what
// cannot match; else by asking the language itself (sg_holds_<type>). A pattern decides the same of
// a row here and as Pattern::matches() of the event that it was.
// Ownership: catalogue, columns and predicates outlive it; predicates grow by what the texts ask.
// Threads: one.
class PatternSql {
 public:
  PatternSql(const event::Catalogue& catalogue, std::span<const Column> columns,
             std::vector<duck::Functions::Predicate>& predicates)
      : catalogue_(catalogue), columns_(columns), predicates_(predicates) {}

  // To stand behind WHERE, in brackets where it needs them; NULL there means false. Every column of
  // the pattern that the version has must be in the statement, null where a file lacks it.
  std::string condition(const event::PatternNode& pattern);
  // Those columns, each once.
  std::vector<Column> columns_of(const event::PatternNode& pattern) const;

 private:
  // Null: the version has no such column, so that no row has a value.
  const Column* column_of(std::string_view path) const;
  std::string decide(const event::PatternCondition& asked);
  std::string ask(const Column& column, duck::Functions::Predicate predicate);
  duck::Functions::Predicate of_built_in(const event::PatternCondition& asked,
                                         std::string_view path) const;
  bool knows(std::string_view path, const std::string& text) const;

  const event::Catalogue& catalogue_;
  const std::span<const Column> columns_;
  std::vector<duck::Functions::Predicate>& predicates_;
};

}  // namespace sightglass::store
