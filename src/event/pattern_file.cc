#include "event/pattern_file.h"

#include <algorithm>

#include "base/text.h"

namespace sightglass::event {
namespace {

constexpr std::size_t kMaxPatterns = 4096;
constexpr std::string_view kFence = "```";

bool holds_patterns(std::string_view language) {
  return language.empty() || language == "text" || language == "pattern" || language == "patterns";
}

// Whether a pattern so far goes on in the next line.
bool is_open(std::string_view text) {
  return (text.starts_with('{') && !text.ends_with('}')) ||
         (text.starts_with('[') && !text.ends_with(']'));
}

class FileParser {
 public:
  explicit FileParser(std::string_view text) : text_(text) {
    for (std::string_view line; next_line(line);) has_fences_ |= trim(line).starts_with(kFence);
    at_ = 0;
    line_ = 0;
  }

  Result<std::vector<TitledPattern>> parse() {
    bool counts = !has_fences_;
    bool fenced = false;
    for (std::string_view raw; next_line(raw);) {
      const auto line = trim(raw);
      if (line.starts_with(kFence)) {
        SG_TRY(finish());
        fenced = !fenced;
        counts = fenced && holds_patterns(trim(line.substr(kFence.size())));
        title_.clear();
      } else if (counts) {
        SG_TRY(take(line));
      }
    }
    SG_TRY(finish());
    if (out_.empty()) return fail(Code::kInvalid, "there is no pattern in the file");
    return std::move(out_);
  }

 private:
  bool next_line(std::string_view& out) {
    if (at_ >= text_.size()) return false;
    const auto end = std::min(text_.find('\n', at_), text_.size());
    out = text_.substr(at_, end - at_);
    at_ = end + 1;
    ++line_;
    return true;
  }

  Status take(std::string_view line) {
    if (!open_.empty() && !line.empty()) {
      open_.append(" ").append(line);
      return is_open(open_) ? Status() : finish();
    }
    SG_TRY(finish());
    if (line.starts_with('#')) {
      title_ = std::string(trim(line.substr(std::min(line.find_first_not_of('#'), line.size()))));
      return {};
    }
    if (line.empty()) return {};
    open_ = std::string(line);
    opened_line_ = line_;
    return is_open(open_) ? Status() : finish();
  }

  Status finish() {
    if (open_.empty()) return {};
    const auto where = "line " + std::to_string(opened_line_);
    if (out_.size() == kMaxPatterns) {
      return fail(Code::kTooLarge, where + ": a file has at most 4096 patterns");
    }
    auto pattern = Pattern::parse(open_);
    if (!pattern) return fail(where, std::move(pattern).error());
    out_.push_back({title_.empty() ? open_ : title_, opened_line_, std::move(*pattern)});
    open_.clear();
    title_.clear();
    return {};
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int line_ = 0;
  bool has_fences_ = false;
  std::string title_;
  std::string open_;  // the pattern in hand
  int opened_line_ = 0;
  std::vector<TitledPattern> out_;
};

}  // namespace

Result<std::vector<TitledPattern>> parse_pattern_file(std::string_view text) {
  return FileParser(text).parse();
}

}  // namespace sightglass::event
