// The columns that every table of hourly sums has, with their places in these.
#pragma once

#include <string>

#include "export/hourly.h"

namespace sightglass::exporting {

struct HourlyName {
  const char* name;  // of the field and of the column
  std::string HourlyKey::* in;
};
inline constexpr HourlyName kHourlyNames[] = {{"client", &HourlyKey::client},
                                              {"provider", &HourlyKey::provider},
                                              {"model", &HourlyKey::model},
                                              {"outcome", &HourlyKey::outcome}};

struct HourlySum {
  const char* name;  // likewise
  Int128 HourlySums::* in;
};
inline constexpr HourlySum kHourlySums[] = {
    {"input_tokens", &HourlySums::input_tokens},
    {"cache_read_tokens", &HourlySums::cache_read_tokens},
    {"cache_write_5m_tokens", &HourlySums::cache_write_5m_tokens},
    {"cache_write_1h_tokens", &HourlySums::cache_write_1h_tokens},
    {"output_tokens", &HourlySums::output_tokens},
    {"total_tokens", &HourlySums::total_tokens},
    {"cost_nanousd", &HourlySums::cost_nanousd}};

}  // namespace sightglass::exporting
