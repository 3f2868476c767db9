#include <algorithm>

#include "net/characters.h"
#include "net/http1.h"

namespace sightglass::net {
namespace {
constexpr std::uint32_t kMaxExtensionBytes = 1 << 10;
constexpr std::uint32_t kMaxTrailerBytes = 8 << 10;
constexpr std::uint32_t kMaxSizeDigits = 16;
}  // namespace

void BodyDecoder::start(BodyKind kind, std::uint64_t content_length) {
  left_ = 0;
  digits_ = 0;
  skipped_bytes_ = 0;
  switch (kind) {
    case BodyKind::kNone:
      state_ = State::kComplete;
      break;
    case BodyKind::kLength:
      left_ = content_length;
      state_ = content_length == 0 ? State::kComplete : State::kLength;
      break;
    case BodyKind::kChunked:
      state_ = State::kChunkSizeFirst;
      break;
    case BodyKind::kUntilClose:
      state_ = State::kUntilClose;
      break;
  }
}

bool BodyDecoder::spans(State state) {
  return state == State::kLength || state == State::kUntilClose || state == State::kChunkData;
}

std::string_view BodyDecoder::next(std::string_view& in) {
  std::size_t used = 0;
  while (used < in.size() && !spans(state_) && !complete() && !failed()) state_ = step(in[used++]);
  in.remove_prefix(used);
  if (in.empty() || !spans(state_)) return {};
  if (state_ == State::kUntilClose) {
    const auto content = in;
    in = {};
    return content;
  }
  const auto content = in.substr(0, std::min<std::uint64_t>(left_, in.size()));
  in.remove_prefix(content.size());
  left_ -= content.size();
  if (left_ == 0) {
    state_ = state_ == State::kLength ? State::kComplete : State::kChunkDataCr;
  }
  return content;
}

void BodyDecoder::end_of_input() {
  if (state_ == State::kUntilClose) state_ = State::kComplete;
  if (state_ != State::kComplete) state_ = State::kFailed;
}

BodyDecoder::State BodyDecoder::step(char c) {
  switch (state_) {
    case State::kChunkSizeFirst:
    case State::kChunkSize:
      return size_digit(c);
    case State::kChunkSizeLf:
      if (c != '\n') return State::kFailed;
      skipped_bytes_ = 0;
      return left_ == 0 ? State::kTrailer : State::kChunkData;
    case State::kChunkDataCr:
      return c == '\r' ? State::kChunkDataLf : State::kFailed;
    case State::kChunkDataLf:
      digits_ = 0;
      return c == '\n' ? State::kChunkSizeFirst : State::kFailed;
    case State::kTrailerLf:
      return c == '\n' ? State::kTrailer : State::kFailed;
    case State::kFinalLf:
      return c == '\n' ? State::kComplete : State::kFailed;
    case State::kTrailer:
    case State::kTrailerName:
    case State::kTrailerValue:
      return trailer(c);
    default:
      return extension(c);
  }
}

BodyDecoder::State BodyDecoder::size_digit(char c) {
  if (const int digit = hex_digit(c); digit >= 0) {
    if (++digits_ > kMaxSizeDigits) return State::kFailed;
    left_ = left_ << 4 | static_cast<std::uint64_t>(digit);
    return State::kChunkSize;
  }
  if (state_ == State::kChunkSizeFirst) return State::kFailed;
  if (c == '\r') return State::kChunkSizeLf;
  return c == ';' ? State::kExtensionName : State::kFailed;
}

// chunk-ext of RFC 9112 section 7.1.1, without its "bad whitespace".
BodyDecoder::State BodyDecoder::extension(char c) {
  if (++skipped_bytes_ > kMaxExtensionBytes) return State::kFailed;
  switch (state_) {
    case State::kExtensionName:
      return is_token(c) ? State::kExtensionNameMore : State::kFailed;
    case State::kExtensionNameMore:
      if (is_token(c)) return state_;
      if (c == '=') return State::kExtensionValue;
      break;
    case State::kExtensionValue:
      if (c == '"') return State::kExtensionQuoted;
      return is_token(c) ? State::kExtensionToken : State::kFailed;
    case State::kExtensionToken:
      if (is_token(c)) return state_;
      break;
    case State::kExtensionQuoted:
      if (c == '"') return State::kExtensionEnd;
      if (c == '\\') return State::kExtensionEscape;
      return is_field_value(c) || c == '\t' ? state_ : State::kFailed;
    case State::kExtensionEscape:
      return is_field_value(c) || c == '\t' ? State::kExtensionQuoted : State::kFailed;
    default:
      break;
  }
  if (c == ';') return State::kExtensionName;
  return c == '\r' ? State::kChunkSizeLf : State::kFailed;
}

BodyDecoder::State BodyDecoder::trailer(char c) {
  if (state_ == State::kTrailer && c == '\r') return State::kFinalLf;
  if (++skipped_bytes_ > kMaxTrailerBytes) return State::kFailed;
  if (state_ == State::kTrailerValue) {
    if (c == '\r') return State::kTrailerLf;
    return is_field_value(c) || c == '\t' ? state_ : State::kFailed;
  }
  if (is_token(c)) return State::kTrailerName;
  return c == ':' && state_ == State::kTrailerName ? State::kTrailerValue : State::kFailed;
}

}  // namespace sightglass::net
