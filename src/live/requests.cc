#include "live/requests.h"

#include <algorithm>
#include <chrono>

#include "base/json_writer.h"

namespace sightglass::live {
namespace {
constexpr std::size_t kChunkRows = 256;
}  // namespace

Requests::Table::Table(Requests& owner, std::size_t capacity) : owner_(owner), rows_(capacity) {
  free_.reserve(capacity);
  for (std::size_t i = capacity; i > 0; --i) free_.push_back(static_cast<Handle>(i - 1));
}

Requests::Table::Handle Requests::Table::start(const RequestRow& row) {
  Handle handle = kNone;
  {
    const std::scoped_lock lock(mutex_);
    if (!free_.empty()) {
      handle = free_.back();
      free_.pop_back();
      rows_[handle].row = row;
      rows_[handle].used = true;
    }
  }
  if (handle == kNone) {
    owner_.dropped_.fetch_add(1, std::memory_order_relaxed);
    return kNone;
  }
  owner_.count_.fetch_add(1, std::memory_order_relaxed);
  owner_.changed();
  return handle;
}

void Requests::Table::end(Handle handle) {
  if (handle == kNone) return;
  {
    const std::scoped_lock lock(mutex_);
    if (!rows_[handle].used) return;
    rows_[handle].used = false;
    free_.push_back(handle);
  }
  owner_.count_.fetch_sub(1, std::memory_order_relaxed);
  owner_.changed();
}

Requests::Table& Requests::add_table(std::size_t capacity) {
  return *tables_.emplace_back(std::make_unique<Table>(*this, capacity));
}

// The version is raised after the row changed, so whoever sees the new version sees the change.
void Requests::changed() {
  version_.fetch_add(1, std::memory_order_seq_cst);
  if (waiters_.load(std::memory_order_seq_cst) == 0) return;  // workers pay for a lock only then
  {
    const std::scoped_lock lock(wait_mutex_);
  }  // a waiter between its check and its sleep
  wait_.notify_all();
}

std::vector<RequestRow> Requests::snapshot(std::size_t limit, bool& truncated) const {
  std::vector<RequestRow> rows;
  rows.reserve(count());
  for (const auto& table : tables_) {
    // In chunks, so that the table's worker never waits for more than one of them.
    for (std::size_t from = 0; from < table->rows_.size(); from += kChunkRows) {
      const std::scoped_lock lock(table->mutex_);
      const std::size_t to = std::min(from + kChunkRows, table->rows_.size());
      for (std::size_t i = from; i < to; ++i) {
        if (table->rows_[i].used) rows.push_back(table->rows_[i].row);
      }
    }
  }
  const auto newer = [](const RequestRow& a, const RequestRow& b) {
    if (a.start_wall_ns != b.start_wall_ns) return a.start_wall_ns > b.start_wall_ns;
    return a.request_id < b.request_id;
  };
  truncated = rows.size() > limit;
  if (truncated) {
    std::nth_element(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(limit), rows.end(),
                     newer);
    rows.resize(limit);
  }
  std::sort(rows.begin(), rows.end(), newer);
  return rows;
}

std::uint64_t Requests::wait_change(std::uint64_t seen, Nanos timeout_ns) const {
  std::unique_lock lock(wait_mutex_);
  waiters_.fetch_add(1, std::memory_order_seq_cst);
  const auto changed = [&] { return version_.load(std::memory_order_seq_cst) != seen; };
  wait_.wait_for(lock, std::chrono::nanoseconds(timeout_ns), changed);
  waiters_.fetch_sub(1, std::memory_order_seq_cst);
  return version();
}

void derive_names(RequestRow& row) {
  const auto colon = row.requested_model.find(':');
  const bool qualified = colon != std::string::npos;
  row.model = qualified ? row.requested_model.substr(colon + 1) : row.requested_model;
  row.qualified_model = qualified ? row.requested_model : row.provider + ":" + row.requested_model;
}

void append_row_json(const RequestRow& row, Nanos now_monotonic_ns, std::string& out,
                     std::string_view gateway) {
  const Nanos running = std::max<Nanos>(0, now_monotonic_ns - row.start_monotonic_ns);
  JsonWriter json(out);
  json.begin_object().key("request_id").string(row.request_id);
  json.key("provider").string(row.provider).key("model").string(row.model);
  json.key("requested_model").string(row.requested_model);
  json.key("resolved_model").string(row.resolved_model);
  json.key("qualified_model").string(row.qualified_model);
  json.key("is_streaming").boolean(row.is_streaming);
  json.key("start_time").decimal(row.start_wall_ns / kMicrosecond, 6);
  json.key("duration_ms").integer((running + kMillisecond / 2) / kMillisecond);
  json.key("input_tokens").integer(row.input_tokens);
  json.key("output_tokens").integer(row.output_tokens);
  json.key("cache_read_tokens").integer(row.cache_read_tokens);
  json.key("cache_creation_tokens").integer(row.cache_creation_tokens);
  json.key("tool_uses").integer(row.tool_uses);
  json.key("tool_results").integer(row.tool_results);
  json.key("tool_calls").integer(row.tool_calls);
  json.key("request_size").integer(row.request_size);
  json.key("message_count").integer(row.message_count);
  if (!gateway.empty()) json.key("gateway").string(gateway);
  json.end_object();
}

}  // namespace sightglass::live
