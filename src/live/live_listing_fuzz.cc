// Any bytes as another gateway's requests in flight: refused, or rows within their bounds that are
// written the same way again.
// Parser: live/listing.cc:read_listing
#include <cstdlib>
#include <string>

#include "live/listing.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sightglass;
  const auto listing = live::read_listing({reinterpret_cast<const char*>(data), size});
  if (!listing) return 0;
  if (listing->rows.size() > live::kMostListed || listing->rows.size() > listing->requests) {
    std::abort();
  }
  ManualClock clock;
  live::Requests requests(clock);
  auto& table = requests.add_table(live::kMostListed);
  auto start = static_cast<Nanos>(listing->rows.size());
  for (auto row : listing->rows) {
    row.start_wall_ns = start--;  // newest first, as it came
    table.start(row);
  }
  const auto bytes = live::write_listing(requests);
  const auto again = live::read_listing(bytes.head + bytes.body);
  if (!again || again->rows.size() > listing->rows.size()) std::abort();
  for (std::size_t i = 0; i < again->rows.size(); ++i) {
    std::string first, second;
    live::append_row_json(listing->rows[i], 0, first);
    live::append_row_json(again->rows[i], 0, second);
    if (first != second) std::abort();
  }
  return 0;
}
