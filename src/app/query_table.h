// A query's JSON answer for a terminal, or as CSV.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sightglass::app {

struct QueryText {
  std::string text;
  std::size_t rows = 0;  // of the answer
};

// kCourses: an answer with steps as one line a group and statistic, its course as a sparkline.
enum class Layout : std::uint8_t { kCourses, kEachRow };
// Units told, numbers grouped. Errors: kInvalid where the JSON is not an answer.
Result<QueryText> query_table(std::string_view json, Layout layout);
// RFC 4180: a head with the columns' names, numbers as they stand in the JSON, times in ISO 8601.
Result<QueryText> query_csv(std::string_view json);

// The scale of a sparkline: what stands lowest and highest.
struct Scale {
  double least = 0, greatest = 0;
};
// Eight heights, a dot where there is no value; at most `width` letters, neighbours averaged.
std::string sparkline(const std::vector<std::optional<double>>& values, std::size_t width,
                      Scale scale);

}  // namespace sightglass::app
