#include "control/client_use.h"

#include <algorithm>

namespace sightglass::control {
namespace {

constexpr std::size_t kMostNames = 32;
constexpr std::string_view kOtherName = "__other__";

// The entry of `id` in a list that is ordered by it and holds the last `most` of them; null when it
// is older than what is kept.
template <typename Entry>
Entry* entry_of(std::vector<Entry>& list, std::int64_t id, std::size_t most) {
  const auto newest = list.empty() ? id : std::max(list.back().id, id);
  const auto oldest = newest - static_cast<std::int64_t>(most) + 1;
  if (id < oldest) return nullptr;
  auto at = std::lower_bound(list.begin(), list.end(), id,
                             [](const Entry& entry, std::int64_t i) { return entry.id < i; });
  if (at == list.end() || at->id != id) {
    at = list.insert(at, Entry{});
    at->id = id;
  }
  const auto kept = std::find_if(list.begin(), list.end(),
                                 [&](const Entry& entry) { return entry.id >= oldest; });
  const auto gone = kept - list.begin();
  const auto index = at - list.begin() - gone;
  list.erase(list.begin(), kept);
  return &list[static_cast<std::size_t>(index)];
}

template <typename Map>
typename Map::mapped_type& named(Map& map, std::string_view name) {
  if (const auto found = map.find(name); found != map.end()) return found->second;
  return map[std::string(map.size() < kMostNames - 1 ? name : kOtherName)];
}

}  // namespace

void ClientUse::add_hour(const Ended& ended) {
  Hour* hour = entry_of(hours_, period_of(Period::kHour, ended.time_ns), kHours);
  if (hour == nullptr) return;
  if (ended.rejected) {
    ++hour->rejected;
    return;
  }
  ++hour->requests;
  auto& share = named(hour->providers, ended.provider);
  ++share.requests;
  share.tokens += ended.tokens;
  share.nanousd += ended.nanousd;
  if (!ended.failed) return;
  ++hour->failed;
  ++named(hour->error_types, ended.error_type.empty() ? "_OTHER" : ended.error_type);
}

void ClientUse::add_count(Nanos time_ns) {
  Count* count = entry_of(counts_, time_ns / kFiveMinutesNs, kCounts);
  if (count != nullptr) ++count->requests;
}

void ClientUse::add(const Ended& ended) {
  if (first_ns_ == 0) first_ns_ = ended.time_ns;
  last_ns_ = std::max(last_ns_, ended.time_ns);
  add_hour(ended);
  spending_.money.add(ended.nanousd, ended.time_ns);
  if (ended.rejected) return;
  add_count(ended.time_ns);
  spending_.requests.add(1, ended.start_ns / kSecond);
  spending_.tokens.add(ended.tokens, ended.time_ns / kSecond);
}

void ClientUse::save(ByteWriter& out) const {
  out.i64(first_ns_);
  out.i64(last_ns_);
  spending_.money.save(out);
  spending_.requests.save(out);
  spending_.tokens.save(out);
  out.varint(hours_.size());
  for (const auto& hour : hours_) {
    out.zigzag(hour.id);
    out.varint(hour.requests);
    out.varint(hour.failed);
    out.varint(hour.rejected);
    out.varint(hour.providers.size());
    for (const auto& [name, share] : hour.providers) {
      out.string(name);
      out.varint(share.requests);
      out.zigzag(share.tokens);
      out.zigzag(share.nanousd);
    }
    out.varint(hour.error_types.size());
    for (const auto& [name, count] : hour.error_types) {
      out.string(name);
      out.varint(count);
    }
  }
  out.varint(counts_.size());
  for (const auto& count : counts_) {
    out.zigzag(count.id);
    out.varint(count.requests);
  }
}

void ClientUse::load(ByteReader& in) {
  first_ns_ = in.i64();
  last_ns_ = in.i64();
  spending_.money.load(in);
  spending_.requests.load(in);
  spending_.tokens.load(in);
  const auto hours = in.varint();
  if (hours > kHours) return in.invalidate();
  for (std::uint64_t i = 0; i < hours && in.ok(); ++i) {
    Hour hour;
    hour.id = in.zigzag();
    hour.requests = in.varint();
    hour.failed = in.varint();
    hour.rejected = in.varint();
    const auto providers = in.varint();
    if (providers > kMostNames) return in.invalidate();
    for (std::uint64_t p = 0; p < providers && in.ok(); ++p) {
      auto& share = hour.providers[std::string(in.string())];
      share.requests = in.varint();
      share.tokens = in.zigzag();
      share.nanousd = in.zigzag();
    }
    const auto types = in.varint();
    if (types > kMostNames) return in.invalidate();
    for (std::uint64_t t = 0; t < types && in.ok(); ++t) {
      const std::string name(in.string());
      hour.error_types[name] = in.varint();
    }
    if (!hours_.empty() && hours_.back().id >= hour.id) return in.invalidate();
    hours_.push_back(std::move(hour));
  }
  const auto counts = in.varint();
  if (counts > kCounts) return in.invalidate();
  for (std::uint64_t i = 0; i < counts && in.ok(); ++i) {
    Count count;
    count.id = in.zigzag();
    count.requests = in.varint();
    if (!counts_.empty() && counts_.back().id >= count.id) return in.invalidate();
    counts_.push_back(count);
  }
}

}  // namespace sightglass::control
