#include "codec/body.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <memory>

#include "base/text.h"

namespace sightglass::codec {
namespace {

constexpr std::size_t kStep = 64 << 10;
constexpr std::size_t kRatioFreeBytes = 1 << 20;
constexpr int kGzipWindow = 15 + 16;
constexpr int kZstdWindowLog = 26;  // 64 MiB, as much as may come out

bool within_bounds(std::size_t in_bytes, std::size_t out_bytes) {
  if (out_bytes > kMaxInflatedBytes) return false;
  return out_bytes <= kRatioFreeBytes || out_bytes / kMaxInflateRatio <= in_bytes;
}

Inflated inflate_gzip(std::string_view in, std::string& out, const auto& make_room) {
  z_stream z{};
  if (inflateInit2(&z, kGzipWindow) != Z_OK) return Inflated::kNoRoom;
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&z, inflateEnd);
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
  z.avail_in = static_cast<uInt>(in.size());
  for (bool complete = false; !complete;) {
    if (!make_room(kStep)) return Inflated::kNoRoom;
    const auto before = out.size();
    out.resize(before + kStep);
    z.next_out = reinterpret_cast<Bytef*>(out.data() + before);
    z.avail_out = static_cast<uInt>(kStep);
    const int result = inflate(&z, Z_NO_FLUSH);
    out.resize(before + kStep - z.avail_out);
    if (!within_bounds(in.size(), out.size())) return Inflated::kTooLarge;
    if (result == Z_STREAM_END) {
      complete = z.avail_in == 0;
      if (!complete && inflateReset(&z) != Z_OK) return Inflated::kNoRoom;
    } else if (result != Z_OK || (z.avail_in == 0 && z.avail_out != 0)) {
      return Inflated::kMalformed;
    }
  }
  return Inflated::kDone;
}

Inflated inflate_zstd(std::string_view in, std::string& out, const auto& make_room) {
  const std::unique_ptr<ZSTD_DStream, std::size_t (*)(ZSTD_DStream*)> stream(ZSTD_createDStream(),
                                                                             ZSTD_freeDStream);
  if (stream == nullptr) return Inflated::kNoRoom;
  (void)ZSTD_DCtx_setParameter(stream.get(), ZSTD_d_windowLogMax, kZstdWindowLog);
  ZSTD_inBuffer source{in.data(), in.size(), 0};
  for (;;) {
    if (!make_room(kStep)) return Inflated::kNoRoom;
    const auto before = out.size();
    out.resize(before + kStep);
    ZSTD_outBuffer target{out.data() + before, kStep, 0};
    const auto left = ZSTD_decompressStream(stream.get(), &target, &source);
    out.resize(before + target.pos);
    if (ZSTD_isError(left) != 0) return Inflated::kMalformed;
    if (!within_bounds(in.size(), out.size())) return Inflated::kTooLarge;
    if (source.pos == source.size && target.pos < target.size) {
      return left == 0 ? Inflated::kDone : Inflated::kMalformed;
    }
  }
}

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// The end of the JSON value that begins at `at`: behind its last bracket, or where a comma, a
// bracket or the end follows a scalar. npos when its brackets do not close.
std::size_t value_end(std::string_view text, std::size_t at) {
  bool in_string = false;
  std::size_t depth = 0;
  for (std::size_t i = at; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
      continue;
    }
    if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (depth == 0 && (c == ',' || c == ']' || c == '}')) {
      return i;
    } else if (c == '}' || c == ']') {
      if (--depth == 0) return i + 1;
    }
  }
  return std::string_view::npos;
}

}  // namespace

Coding content_coding(std::string_view field) {
  field = trim(field);
  if (field.empty() || equals_ignoring_case(field, "identity")) return Coding::kIdentity;
  if (equals_ignoring_case(field, "gzip") || equals_ignoring_case(field, "x-gzip")) {
    return Coding::kGzip;
  }
  return equals_ignoring_case(field, "zstd") ? Coding::kZstd : Coding::kUnknown;
}

Inflated inflate(Coding coding, std::string_view in, std::string& out,
                 const std::function<bool(std::size_t bytes)>& make_room) {
  switch (coding) {
    case Coding::kGzip:
      return inflate_gzip(in, out, make_room);
    case Coding::kZstd:
      return inflate_zstd(in, out, make_room);
    case Coding::kIdentity:
      if (in.size() > kMaxInflatedBytes) return Inflated::kTooLarge;
      if (!make_room(in.size())) return Inflated::kNoRoom;
      out.append(in);
      return Inflated::kDone;
    case Coding::kUnknown:
      break;
  }
  return Inflated::kMalformed;
}

bool LineCutter::next(RawRecord& out) {
  while (!rest_.empty()) {
    const auto end = std::min(rest_.find('\n'), rest_.size());
    const auto text = trim(rest_.substr(0, end));
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    ++line_;
    if (text.empty()) continue;
    out = {text, line_};
    return true;
  }
  return false;
}

ArrayCutter::ArrayCutter(std::string_view text) : text_(text) {
  // `[]` has no element at all.
  while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  if (at_ < text_.size() && text_[at_] == ']') {
    ended_ = true;
    ++at_;
  }
}

bool ArrayCutter::next(RawRecord& out) {
  if (broken_) return false;
  const auto skip = [&] {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  };
  const auto give_up = [&](std::size_t from) {
    broken_ = true;
    out = {text_.substr(std::min(from, text_.size())), ++line_};
    return true;
  };
  skip();
  if (ended_) return at_ < text_.size() ? give_up(at_) : false;
  const auto from = at_;
  const auto end = value_end(text_, from);
  if (end == std::string_view::npos || end == from) return give_up(from);
  out = {trim(text_.substr(from, end - from)), line_ + 1};
  at_ = end;
  skip();
  if (at_ >= text_.size() || (text_[at_] != ',' && text_[at_] != ']')) return give_up(from);
  ended_ = text_[at_] == ']';
  ++at_;
  ++line_;
  return true;
}

}  // namespace sightglass::codec
