// For the tests of this room: packs from text or from the source tree, and events in short.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>

#include "event/catalogue.h"
#include "event/event.h"
#include "event/pattern.h"

namespace sightglass::event {

inline std::string source_file(const std::string& path) {
  const char* const root = std::getenv("SIGHTGLASS_SOURCE_DIR");
  std::ifstream in(std::string(root == nullptr ? "." : root) + "/" + path, std::ios::binary);
  EXPECT_TRUE(in.good()) << path;
  return std::string(std::istreambuf_iterator<char>(in), {});
}

inline std::shared_ptr<const Catalogue> must_parse(std::string_view text) {
  auto parsed = Catalogue::parse(std::string(text));
  if (!parsed) {
    ADD_FAILURE() << parsed.error().message;
    std::abort();
  }
  return *parsed;
}

inline std::unique_ptr<MatchPlan> must_compile(std::shared_ptr<const Catalogue> catalogue) {
  auto plan = MatchPlan::compile(std::move(catalogue));
  if (!plan) {
    ADD_FAILURE() << plan.error().message;
    std::abort();
  }
  return std::move(*plan);
}

}  // namespace sightglass::event
