// For tests: takes batches as the server does, and can fail before or after taking one.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/text.h"
#include "follow/receiver.h"

namespace sightglass::follow {

class FakeReceiver final : public Receiver {
 public:
  std::map<std::string, std::uint64_t, std::less<>> marks;
  std::vector<std::string> lines;  // whole, non-blank, in order of arrival
  std::size_t most_bytes = SIZE_MAX;
  int fail_before = -1;  // so many calls of take() from now fails without taking
  int fail_after = -1;   // takes, and its answer is lost
  std::size_t batches = 0;

  Result<std::uint64_t> next(std::string_view source) override {
    const auto found = marks.find(source);
    return found == marks.end() ? 0 : found->second;
  }

  Result<Taken> take(const Batch& batch) override {
    if (is_due(fail_before)) return fail(Code::kUnavailable, "away");
    Taken taken;
    auto& mark = marks[std::string(batch.source)];
    taken.next = mark;
    if (batch.body.size() > most_bytes) {
      taken.verdict = Taken::Verdict::kTooMuch;
    } else if (batch.end <= mark) {
      taken.verdict = Taken::Verdict::kKnown;
    } else if (batch.first != mark) {
      taken.verdict = Taken::Verdict::kConflict;
    } else {
      mark = batch.end;
      ++batches;
      take_lines(batch.body, taken);
    }
    if (is_due(fail_after)) return fail(Code::kUnavailable, "went away");
    return taken;
  }

 private:
  // Counts down to its time, which comes once.
  static bool is_due(int& left) {
    if (left < 0) return false;
    --left;
    return left < 0;
  }

  void take_lines(std::string_view body, Taken& taken) {
    for (std::uint64_t line = 1; !body.empty(); ++line) {
      const auto end = std::min(body.find('\n'), body.size());
      const auto text = trim(body.substr(0, end));
      body.remove_prefix(std::min(end + 1, body.size()));
      if (text.empty()) continue;
      if (text.size() > (1u << 20)) {
        ++taken.rejected;
        taken.refused.push_back({line, "line_too_long"});
        continue;
      }
      ++taken.accepted;
      lines.emplace_back(text);
    }
  }
};

}  // namespace sightglass::follow
