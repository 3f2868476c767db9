// A %regular expression% of the filter language, run by RE2.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace re2 {
class RE2;
}

namespace sightglass::event {

// Searches anywhere in a text, minding case; `.` does not match a line's end.
// Threads: const use from any. Bounds: 1 MiB of memory each.
// Cost: linear in the text, whatever the expression; about 0.1 µs for a short one.
class Regex {
 public:
  // Errors: kInvalid with RE2's reason; `at` is then the offset of the faulty part in `text`.
  static Result<std::shared_ptr<const Regex>> compile(std::string_view text, std::size_t& at);
  ~Regex();

  bool found_in(std::string_view text) const;
  const std::string& text() const { return text_; }  // without the percent signs

 private:
  Regex();
  std::string text_;
  std::unique_ptr<const re2::RE2> compiled_;
};

}  // namespace sightglass::event
