// How tables of ClickHouse are described, and what their rows' bytes have in common.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/clock.h"

namespace sightglass::exporting {

// A column of a table, in the order of the rows' bytes.
struct RowColumn {
  std::string_view name, type;  // "cost_nanousd", "Nullable(Int64)"
};

// Values of the types Date and DateTime. What these cannot hold stands at the end of their range.
inline void put_date(Nanos time_ns, ByteWriter& out) {
  constexpr Nanos kDay = 86'400 * kSecond;
  const auto day = std::clamp<Nanos>(time_ns / kDay, 0, 0xffff);
  out.u8(static_cast<std::uint8_t>(day & 0xff));
  out.u8(static_cast<std::uint8_t>(day >> 8));
}
inline void put_date_time(Nanos time_ns, ByteWriter& out) {
  out.u32(static_cast<std::uint32_t>(std::clamp<Nanos>(time_ns / kSecond, 0, 0xffff'ffff)));
}

}  // namespace sightglass::exporting
