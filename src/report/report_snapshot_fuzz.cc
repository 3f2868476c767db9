// Any bytes as a snapshot: refused, or a state that saves to bytes which load to the same state.
// Parser: report/report_fold.cc:load report/measure_state.cc:load report/hours.cc:load
// report/distinct.cc:load report/top.cc:load report/pairs.cc:load
#include <cstdlib>
#include <string>

#include "report/report_fold.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sightglass;
  report::ReportFold fold;
  if (!fold.load({reinterpret_cast<const char*>(data), size})) return 0;
  std::string first, second;
  fold.save(first);
  report::ReportFold other;
  if (!other.load(first)) std::abort();
  other.save(second);
  if (first != second) std::abort();
  return 0;
}
