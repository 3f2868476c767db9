#include "bare_json.h"

#include <simdjson.h>

namespace bench {

struct ValidatingLoop::State {
  simdjson::dom::parser parser;
};
ValidatingLoop::ValidatingLoop() : state_(std::make_unique<State>()) {}
ValidatingLoop::~ValidatingLoop() = default;

bool ValidatingLoop::take(std::string_view line) {
  simdjson::dom::element root;
  return state_->parser.parse(line.data(), line.size(), false).get(root) == simdjson::SUCCESS;
}

struct LookingLoop::State {
  simdjson::ondemand::parser parser;
  std::size_t found = 0;
};
LookingLoop::LookingLoop() : state_(std::make_unique<State>()) {}
LookingLoop::~LookingLoop() = default;

bool LookingLoop::take(std::string_view line) {
  simdjson::ondemand::document document;
  const simdjson::padded_string_view padded(line.data(), line.size(),
                                            line.size() + simdjson::SIMDJSON_PADDING);
  if (state_->parser.iterate(padded).get(document) != simdjson::SUCCESS) return false;
  std::string_view type, model;
  if (document["event_type"].get_string().get(type) == simdjson::SUCCESS) ++state_->found;
  if (document["model"].get_string().get(model) == simdjson::SUCCESS) ++state_->found;
  return true;
}

}  // namespace bench
