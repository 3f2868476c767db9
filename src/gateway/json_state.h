// The inside of JsonScratch; for the few .cc files that read JSON.
#pragma once

#include <simdjson.h>

#include <optional>
#include <string>
#include <string_view>

#include "gateway/json_scratch.h"

namespace sightglass::gateway {

static_assert(kJsonPadding == simdjson::SIMDJSON_PADDING);

struct JsonScratch::State {
  static constexpr std::size_t kKeepBytes = 1 << 20;

  simdjson::ondemand::parser parser;
  std::string copy;  // of documents that lie without padding

  simdjson::padded_string_view padded(std::string_view text) {
    copy.assign(text);
    copy.append(kJsonPadding, ' ');
    return simdjson::padded_string_view(copy.data(), text.size(), copy.size());
  }

  // After each document: content is wiped, and an unusual size is not kept for ever.
  void release() {
    if (copy.capacity() > kKeepBytes) copy = std::string();
    copy.clear();
    if (parser.capacity() > kKeepBytes) parser = simdjson::ondemand::parser();
  }
};

// A number as a count: an integer from 0 to 10^15, nullopt for anything else.
inline std::optional<std::int64_t> count_of(simdjson::ondemand::value value) {
  std::uint64_t number = 0;
  if (value.get_uint64().get(number) != simdjson::SUCCESS || number > 1'000'000'000'000'000) {
    return std::nullopt;
  }
  return static_cast<std::int64_t>(number);
}

}  // namespace sightglass::gateway
