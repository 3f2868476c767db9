// For tests: what a ClickHouse does to its clients on a bad day, on 127.0.0.1.
#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/bytes.h"
#include "export/clickhouse.h"
#include "export/fake_influx.h"
#include "export/rows.h"
#include "net/scripted_server.h"

namespace sightglass::exporting {

// A row by the names of its columns, as text; NULL is "\N", arrays between commas.
using Row = std::map<std::string, std::string>;

inline std::string read_value(ByteReader& in, std::string_view type) {
  const auto inside = [&](std::string_view word) {
    return type.substr(word.size(), type.size() - word.size() - 1);
  };
  if (type.starts_with("Nullable("))
    return in.u8() != 0 ? "\\N" : read_value(in, inside("Nullable("));
  if (type.starts_with("Array(")) {
    std::string out;
    for (auto n = in.varint(); n > 0 && in.ok(); --n) {
      out += (out.empty() ? "" : ",") + read_value(in, inside("Array("));
    }
    return out;
  }
  if (type == "String") return std::string(in.string());
  if (type == "UInt8") return std::to_string(in.u8());
  if (type == "DateTime") return std::to_string(in.u32());
  if (type == "UInt64") return std::to_string(in.u64());
  if (type == "Int32") return std::to_string(static_cast<std::int32_t>(in.u32()));
  if (type == "Decimal(38, 0)") {  // small ones: the high half is the sign
    const auto low = in.i64();
    return in.i64() == (low < 0 ? -1 : 0) ? std::to_string(low) : "large";
  }
  if (type == "Int64") return std::to_string(in.i64());
  if (type == "Float64") return std::to_string(in.f64());
  const auto low = in.u8();  // Date
  return std::to_string(low | in.u8() << 8);
}

// Empty where the bytes are no whole rows.
inline std::vector<Row> read_rows(std::string_view bytes,
                                  const std::vector<RowColumn>& columns = row_columns()) {
  std::vector<Row> rows;
  ByteReader in(bytes);
  while (!in.empty()) {
    Row row;
    for (const auto& column : columns) {
      row[std::string(column.name)] = read_value(in, column.type);
    }
    if (!in.ok()) return {};
    rows.push_back(std::move(row));
  }
  return rows;
}

inline std::string listed_columns(const std::vector<RowColumn>& columns = row_columns()) {
  std::string out;
  for (const auto& column : columns) {
    if (!out.empty()) out += kBetweenColumns;
    out += std::string(column.name) + " " + std::string(column.type);
  }
  return out;
}

// A table that ignores a block with the bytes of one that it has, unless told otherwise.
class FakeClickHouse {
 public:
  struct Request {
    int number = 0;   // of inserts: 1, 2, 3, …; of questions 0
    std::string sql;  // of questions
  };
  struct Act {
    bool take = true;
    std::string answer = FakeInflux::answer(200);  // empty: hangs up
    std::chrono::milliseconds wait{0};
  };
  using Behaviour = std::function<Act(const Request&)>;

  explicit FakeClickHouse(Behaviour behaviour = nullptr,
                          std::vector<RowColumn> columns = row_columns())
      : behaviour_(std::move(behaviour)),
        table_(std::move(columns)),
        columns_(listed_columns(table_)) {
    std::vector<net::ScriptedServer::Script> scripts(
        2'000, [this](net::ScriptedPeer& peer) { talk(peer); });
    server_ = std::make_unique<net::ScriptedServer>(std::move(scripts));
  }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(server_->port()); }
  std::vector<Row> rows() const {
    const std::scoped_lock lock(mutex_);
    return rows_;
  }
  std::int64_t sum(const std::string& column) const {
    std::int64_t total = 0;
    for (const auto& row : rows()) total += std::stoll(row.at(column));
    return total;
  }
  std::vector<std::string> heads() const {
    const std::scoped_lock lock(mutex_);
    return heads_;
  }
  std::vector<std::string> blocks() const {  // of each insert, whatever became of it
    const std::scoped_lock lock(mutex_);
    return blocks_;
  }
  int inserts() const { return inserts_; }
  void deduplicate(bool whether) { deduplicate_ = whether; }
  void running(int inserts) { running_ = inserts; }
  void columns(std::string listed) {
    const std::scoped_lock lock(mutex_);
    columns_ = std::move(listed);
  }
  void add(const Row& row) {
    const std::scoped_lock lock(mutex_);
    rows_.push_back(row);
  }

 private:
  void talk(net::ScriptedPeer& peer) {
    for (;;) {
      const auto text = peer.read_request();
      if (text.empty()) return;
      const auto end = text.find("\r\n\r\n") + 4;
      const auto head = text.substr(0, end), body = text.substr(end);
      {
        const std::scoped_lock lock(mutex_);
        heads_.push_back(head);
      }
      const bool insert = head.find("INSERT") != std::string::npos;
      const Request request{insert ? ++inserts_ : 0, insert ? "" : body};
      Act act = behaviour_ ? behaviour_(request) : Act{};
      if (insert) {
        take(unpacked(body), act.take);
      } else if (act.answer == Act{}.answer) {
        act.answer = FakeInflux::answer(200, answer_to(body));
      }
      std::this_thread::sleep_for(act.wait);
      if (act.answer.empty() || !peer.send(act.answer)) return;
    }
  }
  void take(const std::string& block, bool whether) {
    const std::scoped_lock lock(mutex_);
    blocks_.push_back(block);
    if (!whether || (!known_.insert(block).second && deduplicate_)) return;
    for (auto& row : read_rows(block, table_)) rows_.push_back(std::move(row));
  }
  static std::uint64_t number_behind(const std::string& sql, const std::string& word) {
    return std::stoull(sql.substr(sql.find(word) + word.size()));
  }
  std::string answer_to(const std::string& sql) const {
    const std::scoped_lock lock(mutex_);
    if (sql.find("schema_version") != std::string::npos) return "1\n";
    if (sql.find("system.columns") != std::string::npos) return "18.16.1\t" + columns_ + "\n";
    const auto first = number_behind(sql, "pos >= "), last = number_behind(sql, "pos <= ");
    std::uint64_t greatest = 0, ended = 0;
    std::int64_t count = 0, sum = 0, accepted = 0;
    for (const auto& row : rows_) {
      const auto position = std::stoull(row.at("pos"));
      if (position < first || sql.find("'" + row.at("gateway") + "'") == std::string::npos)
        continue;
      greatest = std::max<std::uint64_t>(greatest, position);
      if (position > last) continue;
      ended = std::max<std::uint64_t>(ended, position);
      accepted = std::max<std::int64_t>(accepted, std::stoll(row.at("accept_time_ns")));
      ++count;
      sum += std::stoll(row.at("accept_time_ns")) % kAcceptModulus;
    }
    const bool of_sums = sql.find("maxIf(pos") != std::string::npos;
    return std::to_string(greatest) + "\t" +
           (of_sums ? std::to_string(ended) : std::to_string(count)) + "\t" +
           std::to_string(of_sums ? accepted : sum) + "\t" + std::to_string(running_) + "\n";
  }

  const Behaviour behaviour_;
  const std::vector<RowColumn> table_;
  std::atomic<int> inserts_{0}, running_{0};
  std::atomic<bool> deduplicate_{true};
  mutable std::mutex mutex_;
  std::string columns_;
  std::vector<Row> rows_;
  std::set<std::string> known_;
  std::vector<std::string> heads_, blocks_;
  std::unique_ptr<net::ScriptedServer> server_;
};

}  // namespace sightglass::exporting
