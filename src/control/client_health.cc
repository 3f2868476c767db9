#include "control/client_health.h"

#include <algorithm>
#include <map>
#include <numeric>

namespace sightglass::control {
namespace {

constexpr std::int64_t kDayHours = 24;
constexpr double kMinutesEach = 5;       // of ClientUse::Count
constexpr std::int64_t kLeastUsual = 6;  // of them to compare with
constexpr double kErrorRate = 0.1;
constexpr double kErrorRise = 2;

ClientHealth::Usage usage_of(const ClientUse& use, Nanos wall_ns) {
  ClientHealth::Usage out;
  const auto now = wall_ns / ClientUse::kFiveMinutesNs;
  const auto first = std::max(use.first_ns() / ClientUse::kFiveMinutesNs,
                              now - static_cast<std::int64_t>(ClientUse::kCounts) + 1);
  std::uint64_t before = 0;
  for (const auto& count : use.counts()) {
    if (count.id > now || count.id < first) continue;
    (count.id >= now - 1 ? out.recent : before) += count.requests;
  }
  const auto into = static_cast<double>(wall_ns - now * ClientUse::kFiveMinutesNs) / (60e9);
  out.recent_per_minute = static_cast<double>(out.recent) / (kMinutesEach + into);
  const auto periods = now - 1 - first;
  if (use.first_ns() == 0 || periods < kLeastUsual) return out;
  out.usual_per_minute =
      static_cast<double>(before) / (static_cast<double>(periods) * kMinutesEach);
  out.spike = out.recent >= ClientHealth::kFewest &&
              out.recent_per_minute >= ClientHealth::kSpike * *out.usual_per_minute;
  return out;
}

ClientHealth::Errors errors_of(const ClientUse& use, std::int64_t now_hour) {
  ClientHealth::Errors out;
  std::uint64_t before = 0, failed_before = 0;
  std::map<std::string, std::uint64_t> types;
  for (const auto& hour : use.hours()) {
    if (hour.id > now_hour || hour.id <= now_hour - kDayHours) continue;
    if (hour.id < now_hour - 1) {
      before += hour.requests;
      failed_before += hour.failed;
      continue;
    }
    out.requests += hour.requests;
    out.failed += hour.failed;
    for (const auto& [type, count] : hour.error_types) types[type] += count;
  }
  const auto rate = [](std::uint64_t part, std::uint64_t all) {
    return all == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(all);
  };
  out.rate = rate(out.failed, out.requests);
  if (before >= ClientHealth::kFewest) out.usual_rate = rate(failed_before, before);
  out.increase = out.requests >= ClientHealth::kFewest && out.rate >= kErrorRate &&
                 out.rate >= kErrorRise * out.usual_rate.value_or(0);
  out.types.assign(types.begin(), types.end());
  std::sort(out.types.begin(), out.types.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  return out;
}

std::vector<ClientHealth::Budget> budgets_of(const Account::State& state, Nanos wall_ns) {
  std::vector<ClientHealth::Budget> out;
  const std::int64_t limits[] = {state.limits.nanousd_per_hour, state.limits.nanousd_per_day,
                                 state.limits.nanousd_per_month};
  for (std::size_t i = 0; i < kPeriods; ++i) {
    if (limits[i] == 0) continue;
    ClientHealth::Budget budget;
    budget.period = static_cast<Period>(i);
    budget.limit_nanousd = limits[i];
    budget.spent_nanousd = state.nanousd[i];
    budget.reserved_nanousd = state.reserved_nanousd;
    budget.refused = state.refused[i];
    budget.resets_ns = period_end(budget.period, period_of(budget.period, wall_ns));
    budget.near = budget.spent_nanousd >= limits[i] / 5 * 4;
    budget.over = budget.spent_nanousd >= limits[i] || budget.refused > 0;
    out.push_back(budget);
  }
  return out;
}

std::vector<ClientHealth::Provider> providers_of(const ClientUse& use, std::int64_t now_hour) {
  std::map<std::string, Share> sums;
  for (const auto& hour : use.hours()) {
    if (hour.id > now_hour || hour.id <= now_hour - kDayHours) continue;
    for (const auto& [id, share] : hour.providers) {
      auto& sum = sums[id];
      sum.requests += share.requests;
      sum.tokens += share.tokens;
      sum.nanousd += share.nanousd;
    }
  }
  std::vector<std::int64_t> requests, tokens, cost;
  for (const auto& [id, sum] : sums) {
    requests.push_back(static_cast<std::int64_t>(sum.requests));
    tokens.push_back(sum.tokens);
    cost.push_back(sum.nanousd);
  }
  const auto r = millionths(requests), t = millionths(tokens), c = millionths(cost);
  std::vector<ClientHealth::Provider> out;
  for (const auto& [id, sum] : sums) {
    const auto i = out.size();
    out.push_back({id, sum, r[i], t[i], c[i]});
  }
  return out;
}

}  // namespace

std::vector<std::int64_t> millionths(const std::vector<std::int64_t>& amounts) {
  constexpr std::int64_t kWhole = 1'000'000;
  __extension__ using Wide = __int128;
  Wide all = 0;
  for (const auto amount : amounts) all += std::max<std::int64_t>(amount, 0);
  std::vector<std::int64_t> out(amounts.size(), 0);
  if (all == 0) return out;
  std::vector<Wide> remainders(amounts.size(), 0);
  std::int64_t left = kWhole;
  for (std::size_t i = 0; i < amounts.size(); ++i) {
    const Wide scaled = static_cast<Wide>(std::max<std::int64_t>(amounts[i], 0)) * kWhole;
    out[i] = static_cast<std::int64_t>(scaled / all);
    remainders[i] = scaled % all;
    left -= out[i];
  }
  std::vector<std::size_t> order(amounts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](auto a, auto b) {
    return remainders[a] != remainders[b] ? remainders[a] > remainders[b] : a < b;
  });
  for (std::size_t i = 0; left > 0; ++i, --left) ++out[order[i]];
  return out;
}

ClientHealth assess(const ClientUse& use, const std::optional<Account::State>& budget,
                    Nanos wall_ns) {
  ClientHealth out;
  const auto now_hour = period_of(Period::kHour, wall_ns);
  out.usage = usage_of(use, wall_ns);
  out.errors = errors_of(use, now_hour);
  if (budget) out.budgets = budgets_of(*budget, wall_ns);
  for (const auto& one : out.budgets) out.overrun = out.overrun || one.over;
  out.providers = providers_of(use, now_hour);
  return out;
}

}  // namespace sightglass::control
