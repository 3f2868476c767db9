// simdjson by itself, over the same lines: the floors that our parsing is compared with.
#pragma once

#include <memory>
#include <string_view>

namespace bench {

// Validates whole lines: the DOM.
class ValidatingLoop {
 public:
  ValidatingLoop();
  ~ValidatingLoop();
  bool take(std::string_view padded_line);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Looks two fields up and validates nothing else: On-Demand.
class LookingLoop {
 public:
  LookingLoop();
  ~LookingLoop();
  bool take(std::string_view padded_line);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace bench
