// The program's version; CHANGELOG.md says what changed.
#pragma once

namespace sightglass::app {

inline constexpr const char* kVersion = "0.1.0";

}  // namespace sightglass::app
