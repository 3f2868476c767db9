// Which text a scraper wants, by its Accept field.
#pragma once

#include <string>
#include <string_view>

#include "meter/meter_fold.h"

namespace sightglass::meter {

// The best of what `accept` names and we write: OpenMetrics 1.0 (also asked for as 0.0.1) and the
// older text as 0.0.4 or 1.0.0, by `q`, the first where that is a tie. Names stand with their dots
// where the entry says `escaping=allow-utf-8`; every other escaping gets underscores, which all of
// them allow us to send. Nothing that fits: 0.0.4.
// Sources: Prometheus, "Content negotiation" and "Escaping schemes"; RFC 9110 section 12.5.1.
// Bounds: the first 32 entries count.
Exposition negotiate(std::string_view accept);

// The Content-Type that goes with it.
std::string_view content_type(const Exposition& exposition);

}  // namespace sightglass::meter
