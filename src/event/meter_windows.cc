// The part of a meter's rule that speaks of event time: window, grace, keep, default.
#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "event/catalogue_builder.h"

namespace sightglass::event {
namespace {

constexpr Nanos kLeastGrace = 300 * kSecond;
constexpr Nanos kMostKept = 400 * 86'400 * kSecond;
constexpr std::int64_t kMostWindows = 10'080;  // a week of minutes

std::optional<Window> read_window(std::string_view text) {
  if (text == "minute") return Window::kMinute;
  if (text == "hour") return Window::kHour;
  if (text == "day") return Window::kDay;
  return std::nullopt;
}

// Three hours of minutes, a week of hours, two months of days.
std::uint32_t usual_windows(Window window) {
  constexpr std::uint32_t kUsual[] = {0, 180, 168, 62};
  return kUsual[static_cast<std::size_t>(window)];
}

}  // namespace

Status CatalogueBuilder::read_meter_windows(const PackDocument& pack, const PackNode& node,
                                            Meter& out) const {
  const auto owner = "meter " + quoted(out.dotted);
  std::string window, grace, keep, fallback;
  SG_TRY(pack.read(node, owner, "window", window));
  SG_TRY(pack.read(node, owner, "grace", grace));
  SG_TRY(pack.read(node, owner, "keep", keep));
  SG_TRY(pack.read(node, owner, "default", fallback));
  const auto wrong = [&](const char* key, const std::string& sentence) {
    return pack.error(node.find(key)->line, owner + ": " + sentence);
  };
  if (!window.empty()) {
    const auto known = read_window(window);
    if (!known) return wrong("window", "window must be minute, hour or day");
    out.window = *known;
  }
  const Nanos length = window_ns(out.window);
  for (const char* key : {"grace", "keep"}) {
    if (length == 0 && node.find(key) != nullptr) {
      return wrong(key, std::string(key) + " needs a window: minute, hour or day");
    }
  }
  if (length != 0) {
    out.grace_ns = std::max(kLeastGrace, out.window == Window::kMinute ? 0 : length);
    out.keep_windows = usual_windows(out.window);
  }
  if (length != 0 && !keep.empty()) {
    const auto span = parse_duration_ns(keep);
    if (!span || *span < length || *span > kMostKept || *span / length > kMostWindows) {
      return wrong("keep", "keep is a time such as 3h, from one window to 10080 windows or 400d");
    }
    out.keep_windows = static_cast<std::uint32_t>(*span / length);
  }
  if (!grace.empty()) {
    const auto span = parse_duration_ns(grace);
    if (!span) return wrong("grace", "grace is a time such as 5m");
    out.grace_ns = *span;
  }
  if (length != 0 && out.grace_ns > length * (out.keep_windows - 1)) {
    if (!grace.empty()) return wrong("grace", "grace must be shorter than what keep keeps");
    out.grace_ns = length * (out.keep_windows - 1);
  }
  if (node.find("default") == nullptr) return {};
  out.default_value = parse_double(fallback);
  if (!out.default_value || !std::isfinite(*out.default_value)) {
    return wrong("default", "default is a number such as 0");
  }
  if (out.type == MeterType::kHistogram || out.type == MeterType::kDistinct) {
    return wrong("default", "a default is for counters and gauges");
  }
  if (out.type == MeterType::kCounter && length == 0) {
    return wrong("default",
                 "a counter's total has no gaps to fill; its windows have: add window: minute");
  }
  return {};
}

}  // namespace sightglass::event
