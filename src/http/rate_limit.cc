#include "http/rate_limit.h"

#include <algorithm>

namespace sightglass::http {

RateLimit::Window& RateLimit::window(std::string_view key, Nanos now_ns) {
  const auto over = [&](const Window& w) { return now_ns - w.start_ns >= window_ns_; };
  auto found = windows_.find(std::string(key));
  if (found == windows_.end() && windows_.size() >= capacity_) {
    std::erase_if(windows_, [&](const auto& entry) { return over(entry.second); });
  }
  Window* window = &shared_;
  if (found != windows_.end()) {
    window = &found->second;
  } else if (windows_.size() < capacity_) {
    window = &windows_[std::string(key)];
  }
  if (window->count == 0 || over(*window)) *window = {now_ns, 0};
  return *window;
}

int RateLimit::wait_s(const Window& window, Nanos now_ns) const {
  const auto left_ns = window.start_ns + window_ns_ - now_ns;
  return static_cast<int>(std::max<Nanos>((left_ns + kSecond - 1) / kSecond, 1));
}

int RateLimit::take(std::string_view key, Nanos now_ns) {
  const std::scoped_lock lock(mutex_);
  auto& w = window(key, now_ns);
  if (w.count >= per_window_) return wait_s(w, now_ns);
  ++w.count;
  return 0;
}

int RateLimit::peek(std::string_view key, Nanos now_ns) {
  const std::scoped_lock lock(mutex_);
  const auto& w = window(key, now_ns);
  return w.count >= per_window_ ? wait_s(w, now_ns) : 0;
}

std::size_t RateLimit::keys() const {
  const std::scoped_lock lock(mutex_);
  return windows_.size();
}

}  // namespace sightglass::http
