// What reading JSON needs and keeps between readings: one parser's memory per worker.
#pragma once

#include <cstddef>
#include <memory>

namespace sightglass::gateway {

// Bytes that must be readable past the end of what is parsed in place.
inline constexpr std::size_t kJsonPadding = 64;

// Threads: one worker's. Bounds: gives memory back after a document of more than 1 MiB.
class JsonScratch {
 public:
  JsonScratch();
  ~JsonScratch();

  struct State;  // json_state.h
  State& state() { return *state_; }

 private:
  std::unique_ptr<State> state_;
};

}  // namespace sightglass::gateway
