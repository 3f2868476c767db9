// The typed queries, as SQL over one version of the history.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "store/duckdb_functions.h"
#include "store/history.h"
#include "store/partial_answer.h"
#include "store/query_queue.h"
#include "store/store.h"
#include "store/tail.h"

namespace sightglass::store {

// What one query sees: sealed files and tails that together hold each row once. Holding it keeps
// the files in their place and the tables alive.
struct Version {
  std::vector<DataFile> files;
  std::vector<std::shared_ptr<const Tail>> tails;
  std::vector<std::string> tables;  // of the tails, as far as they were filled
  std::vector<RollupFile> rollups;  // of the rows in the files, and of those that have expired
  journal::Position rolled_up = 0;  // rows of files past this are in no roll-up yet
  Nanos expired_newest_ns = 0;      // Manifest's: requests after this are all there as rows
  std::vector<Column> columns;      // of the table: some files and tails lack some
  journal::Position up_to = 0;      // what is newer in the journal is not in it
  Nanos newest_ns = 0;              // accept time of the newest
};

// `SELECT <columns> FROM …` over the files that can have rows of the range, and all tables; empty
// when there is neither. kAllowed: the parts differ in their columns and are joined by name.
enum class Missing : std::uint8_t { kNever, kAllowed };
std::string select_version(const Version& version, const std::string& parquet_directory,
                           std::string_view columns, Range range,
                           Missing missing = Missing::kNever);

// One row of a `SELECT *`.
StoredEvent event_of(const duck::Rows& rows, std::size_t row);

// The part of a range that the engine's timestamps can hold.
Range within_engine(Range range);

struct RollupCover;  // store/rollup_cover.h
class RollupPlan;    // store/rollup_plan.h
struct RowScope;     // store/typed_sql.h
enum class Reach : std::uint8_t;

class LocalQueries final : public Queries, public TypedQueries {
 public:
  // Called on the query thread: everything appended so far, as one version.
  using Look = std::function<Result<Version>()>;
  // Called when a file could not be read: somebody should check them all.
  using Suspect = std::function<void()>;

  static constexpr std::int64_t kMaxSteps = 11'000;  // of a series; more is kTooLarge

  // `folder`: the store's.
  LocalQueries(const Options& options, const std::string& folder, FileSystem& fs,
               duck::Connection connection, const Clock& clock, Telemetry& telemetry, Look look,
               Suspect suspect);
  Result<Aggregate> aggregate(Range range, const Filter& filter) override;
  Result<Series> series(Range range, Nanos step_ns) override;
  Result<EventPage> events(const EventQuery& query) override;
  Result<RollupTable> rollups(const RollupQuery& query) override;
  Result<std::vector<Group>> groups(const GroupQuery& query) override;
  Result<Answer> answer(const TypedPlan& plan, const std::atomic<bool>* left = nullptr) override;
  Result<std::vector<EventCount>> counts(Range range) override;

  void interrupt() { connection_.interrupt(); }
  void close() { queue_.close(); }

 private:
  struct Names {
    std::set<std::string> clients, providers;
  };
  Result<duck::Rows> run(std::string_view columns, Range range, const std::string& before,
                         const std::string& after, std::span<const duck::Parameter> parameters);
  struct Gathered;
  Status read_typed(const TypedPlan& plan, PartialAnswer::Period period, const Version& version,
                    const RowScope& scope, Gathered& out);
  // False: cells do not suffice, and rows may.
  Result<bool> read_cells(const RollupPlan& rollups, PartialAnswer::Period period,
                          const Version& version, const RollupCover& cover, Reach reach,
                          Gathered& out);
  // Whether roll-ups of this step know of requests in the range.
  Result<bool> had_requests(const Version& version, RollupStep step, Range range);
  Status check_interrupted() const;
  Result<bool> gather(const TypedPlan& plan, const RollupPlan* rollups, const Version& version,
                      Reach reach, Gathered& out);
  Status read_answer(const TypedPlan& plan, Answer& out);
  Status read_events(const EventQuery& query, EventPage& page);
  struct EventSearch;  // store/event_query.cc
  Status read_span(const EventSearch& search, const std::string& source, std::int64_t from,
                   std::int64_t before, EventPage& page);
  Result<Aggregate> aggregate_rows(const Version& version, Range range, const Filter& filter,
                                   Names* names);
  // As rollups(), and as aggregate() where rows have expired, on the query thread.
  Result<RollupTable> read_rollups(const Version& version, const RollupQuery& query);
  Status add_expired(const Version& version, Range range, const Filter& filter, Aggregate& out,
                     Names& names);
  Status read_counts(Range range, std::vector<EventCount>& out);
  // What the caller is told when a statement over the history failed.
  std::unexpected<Error> explained(const Error& error) const;

  const std::string directory_, parquet_directory_, rollup_directory_;
  FileSystem& fs_;
  duck::Functions functions_{TypedQuery::kSketchBytes};  // outlives the connection
  duck::Connection connection_;
  Status functions_added_;
  const Look look_;
  const Suspect suspect_;
  std::atomic<bool> interrupted_ = false;  // the question that is being answered
  QueryQueue queue_;
};

}  // namespace sightglass::store
