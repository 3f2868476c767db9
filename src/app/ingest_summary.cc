#include "app/ingest_summary.h"

#include <algorithm>
#include <cstdio>
#include <tuple>

#include "base/json_writer.h"

namespace sightglass::app {
namespace {

constexpr const char* kOthers = "(others)";
constexpr const char* kNotListed = "(more than the server lists)";

std::string fixed(double number, int digits) {
  char buffer[64];
  const int n = std::snprintf(buffer, sizeof buffer, "%.*f", digits, number);
  return std::string(buffer, static_cast<std::size_t>(n));
}

// A count in a column of its own, and what it counts.
std::string counted(std::uint64_t count, const std::string& what) {
  constexpr std::size_t kWidth = 14;
  const auto digits = with_commas(count);
  return std::string(kWidth - std::min(kWidth, digits.size()), ' ') + digits + "  " + what;
}

double seconds(Nanos ns) { return static_cast<double>(std::max<Nanos>(ns, 1)) / 1e9; }

double per_second(std::uint64_t count, Nanos took_ns) {
  return static_cast<double>(count) / seconds(took_ns);
}

}  // namespace

void IngestSummary::add(const std::string& file, std::uint64_t first_line,
                        const follow::Taken& taken, std::uint64_t bytes) {
  accepted_ += taken.accepted;
  duplicates_ += taken.duplicates;
  rejected_ += taken.rejected;
  dropped_fields_ += taken.dropped_fields;
  withheld_fields_ += taken.withheld_fields;
  bytes_ += bytes;
  for (const auto& [name, count] : taken.events) {
    const bool room = events_.contains(name) || events_.size() < kMaxTypes;
    events_[room ? name : kOthers] += count;
  }
  for (const auto& refused : taken.refused) {
    auto& reason = reasons_[refused.reason];
    ++reason.count;
    if (first_line == 0 || reason.first.size() >= kMaxLines) continue;
    reason.first.push_back({file, first_line + refused.line - 1});
  }
  if (taken.rejected > taken.refused.size()) {
    reasons_[kNotListed].count += taken.rejected - taken.refused.size();
  }
  if (taken.dropped_fields > 0 || hint_.empty()) hint_ = taken.hint;
}

std::string IngestSummary::as_table(Nanos took_ns) const {
  std::string out;
  std::vector<std::pair<std::string, std::uint64_t>> types(events_.begin(), events_.end());
  std::sort(types.begin(), types.end(), [](const auto& a, const auto& b) {
    return std::tie(b.second, a.first) < std::tie(a.second, b.first);
  });
  if (!types.empty()) out += "accepted, by event type\n";
  for (const auto& [name, count] : types) out += counted(count, name) + "\n";
  if (!reasons_.empty()) out += "rejected, by reason\n";
  for (const auto& [name, reason] : reasons_) {
    out += counted(reason.count, name);
    for (std::size_t i = 0; i < reason.first.size(); ++i) {
      const auto& [file, line] = reason.first[i];
      out += (i == 0 ? "  " : ", ") + file + ":" + std::to_string(line);
    }
    out += reason.count > reason.first.size() && !reason.first.empty() ? ", …\n" : "\n";
  }
  out += with_commas(lines()) + " lines, " + fixed(static_cast<double>(bytes_) / 1e6, 1) +
         " MB in " + fixed(seconds(took_ns), 1) + " s: " + with_commas(accepted_) + " accepted, " +
         with_commas(rejected_) + " rejected";
  if (duplicates_ > 0) out += ", " + with_commas(duplicates_) + " known by their event_id";
  out +=
      "; " + with_commas(static_cast<std::uint64_t>(per_second(lines(), took_ns))) + " lines/s\n";
  if (known_bytes_ > 0) {
    out += with_commas(known_bytes_) + " bytes had been taken before and were not sent again\n";
  }
  if (dropped_fields_ > 0) {
    out += with_commas(dropped_fields_) + " fields that no pack knows were dropped\n";
  }
  if (withheld_fields_ > 0) {
    out += with_commas(withheld_fields_) + " fields were withheld by the guard\n";
  }
  if (!hint_.empty()) out += hint_ + "\n";
  return out;
}

std::string IngestSummary::as_json(Nanos took_ns) const {
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("accepted").unsigned_integer(accepted_);
  json.key("rejected").unsigned_integer(rejected_);
  json.key("duplicates").unsigned_integer(duplicates_);
  json.key("lines").unsigned_integer(lines());
  json.key("bytes").unsigned_integer(bytes_);
  json.key("known_bytes").unsigned_integer(known_bytes_);
  json.key("dropped_fields").unsigned_integer(dropped_fields_);
  json.key("withheld_fields").unsigned_integer(withheld_fields_);
  json.key("duration_ms").decimal(took_ns / 1'000, 3);
  json.key("events").begin_object();
  for (const auto& [name, count] : events_) json.key(name).unsigned_integer(count);
  json.end_object().key("reasons").begin_object();
  for (const auto& [name, reason] : reasons_) {
    json.key(name).begin_object().key("count").unsigned_integer(reason.count);
    json.key("first").begin_array();
    for (const auto& place : reason.first) {
      json.begin_object().key("file").string(place.file);
      json.key("line").unsigned_integer(place.line).end_object();
    }
    json.end_array().end_object();
  }
  json.end_object().end_object();
  out.push_back('\n');
  return out;
}

std::string with_commas(std::uint64_t number) {
  auto digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

std::string progress_line(const std::string& name, std::uint64_t done_bytes,
                          std::uint64_t total_bytes, std::uint64_t lines, Nanos took_ns) {
  auto out = name;
  if (total_bytes > 0) {
    const auto part =
        static_cast<double>(std::min(done_bytes, total_bytes)) / static_cast<double>(total_bytes);
    constexpr std::size_t kWidth = 20;
    const auto full = static_cast<std::size_t>(part * kWidth);
    out += "  [" + std::string(full, '#') + std::string(kWidth - full, '.') + "]";
    out += " " + fixed(part * 100, 0) + " %";
  }
  out += "  " + fixed(static_cast<double>(done_bytes) / 1e6, 1) + " MB  " +
         with_commas(static_cast<std::uint64_t>(per_second(lines, took_ns))) + " lines/s";
  if (total_bytes > done_bytes && done_bytes > 0) {
    const auto left = static_cast<std::uint64_t>(seconds(took_ns) *
                                                 static_cast<double>(total_bytes - done_bytes) /
                                                 static_cast<double>(done_bytes));
    const auto rest = std::to_string(left % 60);
    out += "  " + std::to_string(left / 60) + (rest.size() < 2 ? ":0" : ":") + rest + " left";
  }
  return out;
}

}  // namespace sightglass::app
