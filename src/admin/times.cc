#include "admin/times.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/text.h"
#include "net/http1.h"

namespace sightglass::admin {
namespace {

// Seconds that an int64 of nanoseconds can hold: until the year 2262.
constexpr double kLastSecond = 9.2e9;

Result<Nanos> parse_seconds(std::string_view name, const std::string& text) {
  const auto value = parse_double(trim(text));
  if (!value || !std::isfinite(*value) || *value < 0 || *value > kLastSecond) {
    return fail(Code::kInvalid, std::string(name) + " must be Unix seconds such as 1700000000");
  }
  // Whole seconds and the fraction apart: a double holds 2^53 ns only up to 1970-04-15.
  const double whole = std::floor(*value);
  return static_cast<Nanos>(whole) * kSecond +
         static_cast<Nanos>(std::llround((*value - whole) * 1e9));
}

Status refuse_unknown(std::string_view query, std::span<const std::string_view> known) {
  while (!query.empty()) {
    const auto ampersand = query.find('&');
    const auto part = query.substr(0, ampersand);
    const auto name = part.substr(0, part.find('='));
    if (!name.empty() && std::find(known.begin(), known.end(), name) == known.end()) {
      std::string sentence = "unknown parameter";
      if (const auto close = nearest(name, known.data(), known.size())) {
        sentence += "; did you mean '" + *close + "'?";
      } else {
        sentence += "; known are:";
        for (const auto one : known) sentence += " " + std::string(one);
      }
      return fail(Code::kInvalid, sentence);
    }
    query = ampersand == std::string_view::npos ? std::string_view{} : query.substr(ampersand + 1);
  }
  return {};
}

}  // namespace

Result<store::Range> parse_range(std::string_view query, Nanos now_ns, Nanos window_ns) {
  store::Range range;
  const auto end = net::query_parameter(query, "end");
  const auto start = net::query_parameter(query, "start");
  range.end_ns = (now_ns / kSecond + 1) * kSecond;
  if (end && !end->empty()) {
    SG_ASSIGN(range.end_ns, parse_seconds("end", *end));
  }
  range.start_ns = std::max<Nanos>(0, range.end_ns - window_ns);
  if (start && !start->empty()) {
    SG_ASSIGN(range.start_ns, parse_seconds("start", *start));
  }
  if (range.start_ns >= range.end_ns) {
    return fail(Code::kInvalid, "start must be before end; both are Unix seconds");
  }
  return range;
}

Status refuse_unknown_parameters(std::string_view query,
                                 std::initializer_list<std::string_view> known) {
  return refuse_unknown(query, {known.begin(), known.size()});
}

Status refuse_unknown_parameters(std::string_view query, std::span<const http::Parameter> known) {
  std::vector<std::string_view> names;
  for (const auto& parameter : known) names.emplace_back(parameter.name);
  return refuse_unknown(query, names);
}

}  // namespace sightglass::admin
