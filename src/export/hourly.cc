#include "export/hourly.h"

#include <algorithm>
#include <iterator>

#include "base/json_writer.h"
#include "export/hourly_columns.h"

namespace sightglass::exporting {
namespace {

constexpr std::size_t kLongestName = 256;
constexpr Nanos kHour = 3'600 * kSecond;

// The names that pass the door are plain already; what would make a server refuse the row is not
// worth losing it.
std::string plain(std::string_view text) {
  std::string out(text.substr(0, kLongestName));
  std::ranges::replace_if(out, [](char c) { return c < 0x20 || c > 0x7e; }, '_');
  return out;
}

Nanos hour_of(Nanos time_ns) {
  const auto at = std::max<Nanos>(time_ns, 0);
  return at - at % kHour;
}

std::string decimal(Int128 value) {
  const bool negative = value < 0;
  std::string out;
  do {
    const auto digit = static_cast<int>(value % 10);
    out.push_back(static_cast<char>('0' + (negative ? -digit : digit)));
    value /= 10;
  } while (value != 0);
  if (negative) out.push_back('-');
  std::ranges::reverse(out);
  return out;
}

}  // namespace

void HourlySums::add(const HourlySums& other) {
  requests += other.requests;
  errors += other.errors;
  unpriced += other.unpriced;
  timed += other.timed;
  for (const auto& sum : kHourlySums) this->*sum.in += other.*sum.in;
  latency_us += other.latency_us;
  latency_max_us = std::max(latency_max_us, other.latency_max_us);
}

void HourlyReader::use(const std::shared_ptr<const event::Catalogue>& catalogue) {
  if (!requests_.use(catalogue)) return;
  latency_ = catalogue->field("latency_us");
  unpriced_ = catalogue->field("unpriced_reason");
  names_.clear();
  for (const auto& name : kHourlyNames) names_.push_back(catalogue->field(name.name));
  sums_.clear();
  for (const auto& sum : kHourlySums) sums_.push_back(catalogue->field(sum.name));
}

void HourlyReader::append(Bytes payload, JournalMark mark, std::vector<HourlyEntry>& out) {
  const auto* const event = requests_.read(payload);
  if (event == nullptr) return;
  auto& entry = out.emplace_back();
  entry.mark = mark;
  entry.key.hour_ns = hour_of(event->time_ns);
  for (std::size_t i = 0; i < std::size(kHourlyNames); ++i) {
    entry.key.*kHourlyNames[i].in = plain(event->get(names_[i]).as_text());
  }
  auto& sums = entry.sums;
  sums.requests = 1;
  sums.errors = entry.key.outcome == "error" || entry.key.outcome == "timeout";
  sums.unpriced = event->get(unpriced_).kind() == event::Kind::kText;
  for (std::size_t i = 0; i < std::size(kHourlySums); ++i) {
    sums.*kHourlySums[i].in = event->get(sums_[i]).as_int();
  }
  if (const auto latency = event->get(latency_); latency.kind() == event::Kind::kInt) {
    sums.timed = 1;
    sums.latency_us = sums.latency_max_us = latency.as_int();
  }
}

std::string hourly_json(const HourlyTable& table) {
  std::string out;
  JsonWriter json(out);
  json.begin_array();
  std::string hour;
  for (const auto& [key, sums] : table) {
    hour.clear();
    append_iso8601(hour, key.hour_ns, 0);
    json.begin_object().key("hour").string(hour);
    for (const auto& name : kHourlyNames) json.key(name.name).string(key.*name.in);
    json.key("requests").unsigned_integer(sums.requests);
    json.key("errors").unsigned_integer(sums.errors);
    for (const auto& sum : kHourlySums) json.key(sum.name).raw(decimal(sums.*sum.in));
    json.key("unpriced_requests").unsigned_integer(sums.unpriced);
    json.key("timed_requests").unsigned_integer(sums.timed);
    json.key("latency_us").raw(decimal(sums.latency_us));
    json.key("latency_max_us").integer(sums.latency_max_us).end_object();
  }
  json.end_array();
  return out;
}

}  // namespace sightglass::exporting
