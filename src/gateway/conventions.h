// The Propagation seed's header conventions at the door: who a request is for and what it says
// about itself, read from its fields, checked and bounded.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "guard/pseudonym.h"
#include "net/http1.h"

namespace sightglass::gateway {

// Why a caller's field went no further; a label, so a closed list.
enum class Stripped : std::uint8_t { kUnknown, kMalformed, kTooLong };
inline constexpr std::array<std::string_view, 3> kStrippedReasons = {"unknown", "malformed",
                                                                     "too_long"};
using StrippedCounts = std::array<std::size_t, kStrippedReasons.size()>;

// Identifiers are raw, or hashed by the caller: either way they are one to us, and only pseudonyms
// of them are recorded or sent on.
// Ownership: views into the request's head.
struct Conventions {
  std::string_view user_id;     // x-user-id
  std::string_view session_id;  // x-session-id
  std::string_view focus_id;    // x-focus-id, or its later name x-tracked-skill-id
  std::string_view group_id;    // x-group-id
  std::string_view provider;    // x-provider: [A-Za-z0-9._-]{1,64}
  std::string_view model;       // x-model-id: a model's name

  // Takes what is well-formed; the rest is as if it had not come, and counted.
  // Bounds: identifiers of 256 bytes.
  static Conventions read(const net::Headers& headers, StrippedCounts& stripped);
};

// Appends the fields that go on to a provider: the identifiers as the pseudonyms of `time_ns`'
// epoch, provider and model as they came. An identifier without a key is left out.
void write_conventions(const net::Headers& headers, const Conventions& from, guard::KeyRing& keys,
                       std::int64_t time_ns, std::string& out);

// Whether these conventions are what the field is about; such a field never goes on as it is.
bool is_convention(std::string_view name);

}  // namespace sightglass::gateway
