#include "follow/byte_source.h"

#include <poll.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>

namespace sightglass::follow {
namespace {

constexpr std::size_t kBufferBytes = 128 << 10;
constexpr int kGzipWindow = 15 + 16;
constexpr int kZstdWindowLog = 27;
constexpr std::string_view kGzipMagic = "\x1f\x8b";
constexpr std::string_view kZstdMagic = "\x28\xb5\x2f\xfd";

// The file as it is, with what was looked at in front.
class Plain final : public ByteSource {
 public:
  Plain(Descriptor descriptor, std::string begun)
      : descriptor_(std::move(descriptor)), begun_(std::move(begun)) {}

  Result<std::size_t> read(char* out, std::size_t size) override {
    if (!begun_.empty()) {
      const auto n = std::min(size, begun_.size());
      std::memcpy(out, begun_.data(), n);
      begun_.erase(0, n);
      read_ += n;
      return n;
    }
    for (;;) {
      const auto n = ::read(descriptor_.get(), out, size);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return fail_errno("reading failed", errno);
      read_ += static_cast<std::uint64_t>(n);
      return static_cast<std::size_t>(n);
    }
  }
  bool pauses(int wait_ms) const override {
    if (!begun_.empty()) return false;
    pollfd polled{descriptor_.get(), POLLIN, 0};
    return ::poll(&polled, 1, wait_ms) == 0;
  }
  std::uint64_t packed_bytes() const override { return read_; }
  bool packed() const override { return false; }

 private:
  Descriptor descriptor_;
  std::string begun_;
  std::uint64_t read_ = 0;
};

std::unexpected<Error> damaged() {
  return fail(Code::kCorrupt, "the packed content is damaged or cut short");
}

class Gzip final : public ByteSource {
 public:
  explicit Gzip(Plain plain) : plain_(std::move(plain)), buffer_(kBufferBytes, '\0') {
    ready_ = inflateInit2(&z_, kGzipWindow) == Z_OK;
  }
  ~Gzip() override {
    if (ready_) inflateEnd(&z_);
  }
  Gzip(const Gzip&) = delete;
  Gzip& operator=(const Gzip&) = delete;

  Result<std::size_t> read(char* out, std::size_t size) override {
    if (!ready_) return fail(Code::kInternal, "no memory for unpacking");
    z_.next_out = reinterpret_cast<Bytef*>(out);
    z_.avail_out = static_cast<uInt>(size);
    while (z_.avail_out == size) {
      if (z_.avail_in == 0 && !full_) {
        SG_ASSIGN(const auto n, plain_.read(buffer_.data(), buffer_.size()));
        if (n == 0 && between_) return std::size_t{0};
        if (n == 0) return damaged();
        z_.next_in = reinterpret_cast<Bytef*>(buffer_.data());
        z_.avail_in = static_cast<uInt>(n);
      }
      if (between_ && inflateReset(&z_) != Z_OK) return damaged();
      between_ = full_ = false;
      const int result = inflate(&z_, Z_NO_FLUSH);
      if (result == Z_STREAM_END) {
        between_ = true;
      } else if (result != Z_OK && result != Z_BUF_ERROR) {
        return damaged();
      }
    }
    full_ = z_.avail_out == 0 && !between_;
    return size - z_.avail_out;
  }
  // What is packed has an end: it is waited for.
  bool pauses(int) const override { return false; }
  std::uint64_t packed_bytes() const override { return plain_.packed_bytes(); }
  bool packed() const override { return true; }

 private:
  Plain plain_;
  std::string buffer_;
  z_stream z_{};
  bool ready_ = false;
  bool between_ = false;  // a member has ended; another may follow
  bool full_ = false;     // more may come of what was read already
};

class Zstd final : public ByteSource {
 public:
  explicit Zstd(Plain plain)
      : plain_(std::move(plain)),
        buffer_(kBufferBytes, '\0'),
        stream_(ZSTD_createDStream(), ZSTD_freeDStream) {
    (void)ZSTD_DCtx_setParameter(stream_.get(), ZSTD_d_windowLogMax, kZstdWindowLog);
  }

  Result<std::size_t> read(char* out, std::size_t size) override {
    ZSTD_outBuffer target{out, size, 0};
    while (target.pos == 0) {
      if (in_.pos == in_.size && !full_) {
        SG_ASSIGN(const auto n, plain_.read(buffer_.data(), buffer_.size()));
        if (n == 0 && between_) return std::size_t{0};
        if (n == 0) return damaged();
        in_ = {buffer_.data(), n, 0};
      }
      const auto left = ZSTD_decompressStream(stream_.get(), &target, &in_);
      if (ZSTD_isError(left) != 0) return damaged();
      between_ = left == 0;
      full_ = target.pos == size && !between_;
    }
    return target.pos;
  }
  // What is packed has an end: it is waited for.
  bool pauses(int) const override { return false; }
  std::uint64_t packed_bytes() const override { return plain_.packed_bytes(); }
  bool packed() const override { return true; }

 private:
  Plain plain_;
  std::string buffer_;
  std::unique_ptr<ZSTD_DStream, std::size_t (*)(ZSTD_DStream*)> stream_;
  ZSTD_inBuffer in_{nullptr, 0, 0};
  bool between_ = false;  // a frame has ended; another may follow
  bool full_ = false;     // more may come of what was read already
};

}  // namespace

Result<std::unique_ptr<ByteSource>> open_bytes(Descriptor descriptor) {
  std::string begun;
  while (begun.size() < kZstdMagic.size()) {
    char buffer[kZstdMagic.size()];
    const auto n = ::read(descriptor.get(), buffer, kZstdMagic.size() - begun.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno("reading failed", errno);
    if (n == 0) break;
    begun.append(buffer, static_cast<std::size_t>(n));
  }
  const bool gzip = begun.starts_with(kGzipMagic), zstd = begun == kZstdMagic;
  Plain plain(std::move(descriptor), std::move(begun));
  if (gzip) return std::make_unique<Gzip>(std::move(plain));
  if (zstd) return std::make_unique<Zstd>(std::move(plain));
  return std::make_unique<Plain>(std::move(plain));
}

}  // namespace sightglass::follow
