#include "gateway/inflate.h"

#include <zlib.h>

#include "base/text.h"

namespace sightglass::gateway {
namespace {

constexpr int kGzipWindow = 15 + 16;
constexpr int kZlibWindow = 15;
constexpr int kRawWindow = -15;
constexpr std::size_t kStep = 16 << 10;

int window_of(ContentCoding coding) {
  return coding == ContentCoding::kGzip ? kGzipWindow : kZlibWindow;
}

}  // namespace

ContentCoding content_coding(std::string_view field) {
  field = trim(field);
  if (field.empty() || equals_ignoring_case(field, "identity")) return ContentCoding::kIdentity;
  if (equals_ignoring_case(field, "gzip") || equals_ignoring_case(field, "x-gzip")) {
    return ContentCoding::kGzip;
  }
  if (equals_ignoring_case(field, "deflate")) return ContentCoding::kDeflate;
  return ContentCoding::kOther;
}

struct Inflater::Stream {
  z_stream z{};
  bool made = false;

  bool reset(int window) {
    if (made) return inflateReset2(&z, window) == Z_OK;
    made = inflateInit2(&z, window) == Z_OK;
    return made;
  }
  ~Stream() {
    if (made) inflateEnd(&z);
  }
};

Inflater::Inflater() : stream_(std::make_unique<Stream>()) {}
Inflater::~Inflater() = default;

void Inflater::start(ContentCoding coding) {
  coding_ = coding;
  in_bytes_ = out_bytes_ = 0;
  complete_ = raw_ = false;
  state_ = InflateState::kGood;
  if (coding == ContentCoding::kOther) {
    state_ = InflateState::kMalformed;
  } else if (coding != ContentCoding::kIdentity && !stream_->reset(window_of(coding))) {
    state_ = InflateState::kTooLarge;  // no memory for the window
  }
}

InflateState Inflater::fail(InflateState why) { return state_ = why; }

// "deflate" means zlib's format by the RFC and a raw stream by some servers: told apart at the
// very first bytes.
bool Inflater::retry_raw(std::string_view in) {
  if (coding_ != ContentCoding::kDeflate || raw_ || out_bytes_ != 0 || in_bytes_ != in.size()) {
    return false;
  }
  raw_ = true;
  return stream_->reset(kRawWindow);
}

// One call of zlib's, appending to `out`; its result code.
int Inflater::step(std::string& out) {
  auto& z = stream_->z;
  const std::size_t before = out.size();
  out.resize(before + kStep);
  z.next_out = reinterpret_cast<Bytef*>(out.data() + before);
  z.avail_out = static_cast<uInt>(kStep);
  const int result = inflate(&z, Z_NO_FLUSH);
  const std::size_t made = kStep - z.avail_out;
  out.resize(before + made);
  out_bytes_ += made;
  return result;
}

bool Inflater::within_bounds() const {
  if (out_bytes_ > kMaxBytes) return false;
  return out_bytes_ <= kRatioFreeBytes || out_bytes_ / kMaxRatio <= in_bytes_;
}

InflateState Inflater::feed(std::string_view in, std::string& out) {
  if (state_ != InflateState::kGood || in.empty()) return state_;
  in_bytes_ += in.size();
  if (coding_ == ContentCoding::kIdentity) {
    out_bytes_ += in.size();
    if (!within_bounds()) return fail(InflateState::kTooLarge);
    out.append(in);
    return state_;
  }
  auto& z = stream_->z;
  const auto offer = [&] {
    z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    z.avail_in = static_cast<uInt>(in.size());
  };
  offer();
  for (;;) {
    if (complete_) {
      // Another gzip member may follow (RFC 1952 section 2.2); zero padding may not matter.
      if (z.avail_in == 0 || coding_ != ContentCoding::kGzip || *z.next_in == 0) return state_;
      if (inflateReset(&z) != Z_OK) return fail(InflateState::kTooLarge);
      complete_ = false;
    }
    const int result = step(out);
    if (!within_bounds()) return fail(InflateState::kTooLarge);
    complete_ = result == Z_STREAM_END;
    if (complete_) continue;
    if (result != Z_OK && result != Z_BUF_ERROR) {
      if (!retry_raw(in)) return fail(InflateState::kMalformed);
      offer();
      continue;
    }
    if (z.avail_out != 0) return state_;  // room was left, so all input was taken
  }
}

}  // namespace sightglass::gateway
