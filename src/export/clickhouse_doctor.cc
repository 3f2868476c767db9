#include "export/clickhouse_doctor.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace sightglass::exporting {
namespace {

using Kind = Verdict::Kind;

// Each holds the days of acceptance apart, as blocks do.
constexpr std::string_view kPartitionKeys[] = {"toYYYYMM(accept_date)", "accept_date",
                                               "toYYYYMMDD(accept_date)", "toMonday(accept_date)"};

std::vector<std::string> cells(const std::string& line) {
  std::vector<std::string> out;
  std::string_view left = trim(line);
  while (!left.empty()) {
    const auto cell = left.substr(0, left.find('\t'));
    out.emplace_back(cell);
    left.remove_prefix(std::min(left.size(), cell.size() + 1));
  }
  return out;
}

// Of what a stranger says: a version's characters.
std::string plain(std::string_view version) {
  const auto end = version.find_first_not_of("0123456789.");
  return std::string(version.substr(0, std::min<std::size_t>(end, 32)));
}

class Examination {
 public:
  Examination(const ClickHouseOptions& options, ClickHouseNode& node)
      : options_(options), node_(node) {}

  std::vector<Finding> run() {
    if (tables() && engine()) write();
    return std::move(findings_);
  }

 private:
  void ok(std::string text) { findings_.push_back({true, std::move(text)}); }
  bool wrong(std::string text) {
    findings_.push_back({false, std::move(text)});
    return false;
  }
  bool wrong(const Verdict& verdict) {
    return wrong(std::string(clickhouse_sentence(verdict.reason)));
  }
  bool replicated() const { return options_.replicas.size() > 1; }
  std::string printed_sql() const {
    return replicated() ? "deploy/clickhouse/replicated.sql" : "deploy/clickhouse/single.sql";
  }

  bool tables() {
    const auto verdict = node_.look();
    if (!node_.version().empty()) ok("answers as ClickHouse " + plain(node_.version()));
    for (const auto& difference : node_.differences()) {
      wrong(difference + "; make the tables with " + printed_sql() +
            ", in a database without them where there are older ones");
    }
    if (verdict.kind == Kind::kTaken) {
      ok("the table " + options_.database + "." + options_.table + " has its columns");
      return true;
    }
    return node_.differences().empty() ? wrong(verdict) : false;
  }

  bool engine() {
    const auto answer =
        node_.ask_server("SELECT engine, partition_key FROM system.tables WHERE database = " +
                         sql_text(options_.database) + " AND name = " + sql_text(options_.table));
    if (!answer) return wrong(answer.error());
    const auto row = cells(*answer);
    const std::string engine = row.empty() ? std::string() : row[0];
    const std::string key = row.size() < 2 ? std::string() : row[1];
    if (engine.find("MergeTree") == std::string::npos) {
      return wrong(
          "the table is no MergeTree; a gateway writes to the table of one shard itself, not "
          "through a Distributed one: " +
          printed_sql());
    }
    if (std::find(std::begin(kPartitionKeys), std::end(kPartitionKeys), key) ==
        std::end(kPartitionKeys)) {
      return wrong("the table is not partitioned by accept_date; a block could be there in part: " +
                   printed_sql());
    }
    if (!engine.starts_with("Replicated")) {
      if (replicated()) {
        return wrong("the table is not replicated, though its shard names replicas: " +
                     printed_sql());
      }
      ok("its engine is not replicated; blocks are asked about before they come again");
      return true;
    }
    return replicas();
  }

  bool replicas() {
    const auto answer = node_.ask_server(
        "SELECT toString(is_readonly), toString(active_replicas), toString(total_replicas) FROM "
        "system.replicas WHERE database = " +
        sql_text(options_.database) + " AND table = " + sql_text(options_.table));
    if (!answer) return wrong(answer.error());
    const auto row = cells(*answer);
    if (row.size() < 3) return wrong("system.replicas does not know the table; look at its log");
    if (row[0] != "0") {
      return wrong("the replica is read-only; it has lost ZooKeeper: look at that, and at its log");
    }
    const auto active = parse_int(row[1]).value_or(0);
    if (active < options_.quorum) {
      return wrong(std::to_string(active) + " replicas are active, insert_quorum wants " +
                   std::to_string(options_.quorum) + "; bring one back, or lower it");
    }
    ok(std::to_string(active) + " of " + plain(row[2]) + " replicas are active");
    return true;
  }

  void write() {
    const auto verdict = node_.insert("", "sightglass-doctor", 1);
    if (verdict.kind == Kind::kTaken) return ok("may write to it");
    wrong(verdict);
  }

  const ClickHouseOptions& options_;
  ClickHouseNode& node_;
  std::vector<Finding> findings_;
};

}  // namespace

Result<std::vector<Finding>> examine_clickhouse(const ClickHouseOptions& options,
                                                const std::string& url, const Clock& clock) {
  SG_ASSIGN(const auto node, ClickHouseNode::make(options, url, clock));
  return Examination(options, *node).run();
}

}  // namespace sightglass::exporting
