// An outcome as the client reads it.
#pragma once

#include <string_view>

#include "http/exchange.h"
#include "ingest/service.h"

namespace sightglass::ingest {

// 200: {"accepted":n,"duplicates":n,"rejected":[{"line":3,"reason":"bad_json"}],"rejected_total":n,
// "dropped_fields":k,"withheld_fields":k,"events":{type:n},"next":…,"hint":"…"}; "duplicates",
// "withheld_fields" and "next" only where there is something to say. A range that was taken before
// answers {"accepted":0,"duplicate":true,"next":…}.
// Refusals: {"error":{…}}, with "next" for ranges, and with "accepted" and "resume_line" where a
// part was recorded.
http::Response answer(const Outcome& outcome, std::string_view request_id);

// A refusal before anything was read.
http::Response refuse(Refusal refusal, std::string_view request_id);

}  // namespace sightglass::ingest
