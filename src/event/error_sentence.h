// Our own words for each error_type: they stand wherever a provider's text would have stood.
#pragma once

#include <string_view>

namespace sightglass::event {

// A fixed sentence without content. Unknown types get that of `_OTHER`; never empty.
std::string_view error_sentence(std::string_view error_type);

}  // namespace sightglass::event
