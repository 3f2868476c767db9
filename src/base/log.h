// The operational log as a parameter: what the program says about itself. Sinks live in `logs`.
#pragma once

#include <cstdint>
#include <string_view>

namespace sightglass {

enum class Level : std::uint8_t { kDebug, kInfo, kWarn, kError, kCritical };

std::string_view level_name(Level level);  // "debug", "info", "warn", "error", "critical"

// Threads: write from any; it may block on the sink, so I/O workers log sparingly, never per
// request. Messages hold no content, no secrets, no third party's error text.
class Log {
 public:
  virtual ~Log() = default;
  // `logger` is the room's name; `request_id` the whole id or empty.
  virtual void write(Level level, std::string_view logger, std::string_view message,
                     std::string_view request_id = {}) = 0;
  virtual bool enabled(Level level) const = 0;

  void debug(std::string_view logger, std::string_view message) {
    if (enabled(Level::kDebug)) write(Level::kDebug, logger, message);
  }
  void info(std::string_view logger, std::string_view message) {
    write(Level::kInfo, logger, message);
  }
  void warn(std::string_view logger, std::string_view message) {
    write(Level::kWarn, logger, message);
  }
  void error(std::string_view logger, std::string_view message) {
    write(Level::kError, logger, message);
  }
};

// Says nothing; for tests.
class NullLog final : public Log {
 public:
  void write(Level, std::string_view, std::string_view, std::string_view) override {}
  bool enabled(Level) const override { return false; }
};

}  // namespace sightglass
