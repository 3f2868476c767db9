// A `.env` file in the working directory, for the one flag that the Activity seed keeps there.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "app/binder.h"
#include "base/file_system.h"

namespace sightglass::app {

inline constexpr const char* kMetricsLoggingFlag = "FEATURE_METRICS_LOGGING_ENABLED";

// The value of `name` in the text of a `.env` file: `NAME=value`, also behind `export`, in single
// or double quotes, with blanks and a comment behind it; the last line that sets it counts. Lines
// of another form say nothing.
std::optional<std::string> dotenv_value(std::string_view text, std::string_view name);

// The environment, and for the flag above what `.env` says where the environment does not.
Environment with_dotenv(Environment environment, FileSystem& fs);

}  // namespace sightglass::app
