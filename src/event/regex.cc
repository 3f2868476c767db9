#include "event/regex.h"

#include <re2/re2.h>

namespace sightglass::event {
namespace {

constexpr std::int64_t kMaxMemory = 1 << 20;

std::string_view reason(re2::RE2::ErrorCode code) {
  using re2::RE2;
  switch (code) {
    case RE2::ErrorBadEscape:
      return "no such escape";
    case RE2::ErrorBadCharClass:
    case RE2::ErrorBadCharRange:
      return "a character class that makes no sense";
    case RE2::ErrorMissingBracket:
      return "the closing ] of a character class is missing";
    case RE2::ErrorMissingParen:
    case RE2::ErrorUnexpectedParen:
      return "a bracket without its partner";
    case RE2::ErrorTrailingBackslash:
      return "a backslash with nothing behind it";
    case RE2::ErrorRepeatArgument:
      return "nothing to repeat here";
    case RE2::ErrorRepeatSize:
      return "a repetition of more than 1000, or one that ends before it begins";
    case RE2::ErrorRepeatOp:
      return "a repetition of a repetition";
    case RE2::ErrorBadPerlOp:
      return "no such (?...) operator; looking around and back is not possible in linear time";
    case RE2::ErrorBadUTF8:
      return "not UTF-8";
    case RE2::ErrorPatternTooLarge:
      return "it needs more than 1 MiB of memory";
    default:
      return "not understood";
  }
}

}  // namespace

Regex::Regex() = default;
Regex::~Regex() = default;

Result<std::shared_ptr<const Regex>> Regex::compile(std::string_view text, std::size_t& at) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_never_capture(true);
  options.set_max_mem(kMaxMemory);
  auto compiled =
      std::make_unique<const re2::RE2>(re2::StringPiece(text.data(), text.size()), options);
  if (!compiled->ok()) {
    const auto found = text.find(compiled->error_arg());
    at = compiled->error_arg().empty() || found == std::string_view::npos ? 0 : found;
    return fail(Code::kInvalid,
                "in this regular expression: " + std::string(reason(compiled->error_code())));
  }
  std::shared_ptr<Regex> out(new Regex());
  out->text_ = std::string(text);
  out->compiled_ = std::move(compiled);
  return out;
}

bool Regex::found_in(std::string_view text) const {
  return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *compiled_);
}

}  // namespace sightglass::event
