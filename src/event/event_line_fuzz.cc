// A pattern (the input's first line) over hostile lines (the rest): matching is safe, the prefilter
// loses nothing, explanation, plan and evaluator agree.
// Parser: event/raw_line.cc event/json_select.cc event/tokens.cc event/line_evaluator.cc
//   event/prefilter.cc event/line_pattern.cc event/literal_finder.cc
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "event/literal_finder.h"
#include "event/raw_line.h"

namespace {

using sightglass::event::LiteralFinder;
using sightglass::event::Pattern;
using sightglass::event::Prefilter;
using sightglass::event::RawLine;

void check(RawLine& raw, const Pattern& pattern, const Prefilter& prefilter,
           const LiteralFinder& finder, std::string_view line) {
  raw.set(line);
  const bool matches = raw.matches(pattern);
  if (matches && !prefilter.can_match(line)) std::abort();
  std::vector<std::uint64_t> found(finder.bit_words(), 0);
  finder.find(line, found.data());
  const auto& needles = prefilter.needles();
  for (std::size_t i = 0; i < needles.size(); ++i) {
    const bool hint = ((found[i / 64] >> (i % 64)) & 1) != 0;
    if (!hint && line.find(needles[i]) != std::string_view::npos) std::abort();
  }
  const auto explanation = raw.explain(pattern);
  if (explanation.matches != matches) std::abort();
  for (const auto& verdict : explanation.conditions) {
    if (verdict.seen.empty() || verdict.seen.size() > 300) std::abort();
  }
  std::vector<sightglass::event::Extracted> values;
  raw.extract(pattern, values);
  for (const auto& value : values) {
    if (value.name.empty() || value.json.empty()) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto end = text.find('\n');
  const auto pattern = Pattern::parse(text.substr(0, end));
  if (!pattern || end == std::string_view::npos) return 0;
  const Prefilter prefilter(*pattern);
  const LiteralFinder finder(prefilter.needles());
  RawLine raw;
  while (end != std::string_view::npos) {
    text.remove_prefix(end + 1);
    end = text.find('\n');
    check(raw, *pattern, prefilter, finder, text.substr(0, end));
  }
  return 0;
}
