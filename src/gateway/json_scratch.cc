#include "gateway/json_state.h"

namespace sightglass::gateway {

JsonScratch::JsonScratch() : state_(std::make_unique<State>()) {}
JsonScratch::~JsonScratch() = default;

}  // namespace sightglass::gateway
