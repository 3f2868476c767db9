#include "export/http_words.h"

#include <zlib.h>

#include <algorithm>
#include <cstdint>

#include "base/text.h"

namespace sightglass::exporting {
namespace {

constexpr int kLevel = 3;  // lines are much alike: a tenth of their size already
constexpr int kGzipWindow = 15 + 16;

}  // namespace

bool pack(std::string_view in, std::string& out) {
  z_stream stream{};
  if (deflateInit2(&stream, kLevel, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    return false;
  }
  out.resize(deflateBound(&stream, in.size()));
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));  // only read
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const bool done = deflate(&stream, Z_FINISH) == Z_STREAM_END;
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return done;
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      out.push_back(c);
    } else {
      out.push_back('%');
      out.push_back(kHex[byte >> 4]);
      out.push_back(kHex[byte & 15]);
    }
  }
  return out;
}

std::string base64(std::string_view in) {
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < in.size(); i += 3) {
    const auto byte = [&](std::size_t k) -> std::uint32_t {
      return i + k < in.size() ? static_cast<unsigned char>(in[i + k]) : 0;
    };
    const auto group = byte(0) << 16 | byte(1) << 8 | byte(2);
    out.push_back(kLetters[group >> 18]);
    out.push_back(kLetters[group >> 12 & 63]);
    out.push_back(i + 1 < in.size() ? kLetters[group >> 6 & 63] : '=');
    out.push_back(i + 2 < in.size() ? kLetters[group & 63] : '=');
  }
  return out;
}

Reason reason_of(net::CallError error) {
  switch (error) {
    case net::CallError::kResolve:
      return Reason::kResolve;
    case net::CallError::kConnect:
      return Reason::kConnect;
    case net::CallError::kTls:
      return Reason::kTls;
    case net::CallError::kTimeoutConnect:
    case net::CallError::kTimeoutHead:
    case net::CallError::kTimeoutIdle:
      return Reason::kTimeout;
    case net::CallError::kReset:
    case net::CallError::kTruncated:
      return Reason::kReset;
    case net::CallError::kBadResponse:
      return Reason::kNonsense;
    case net::CallError::kCancelled:
      return Reason::kCancelled;
  }
  return Reason::kNonsense;
}

std::string basic_authorization(const std::string& username, const std::string& password) {
  if (username.empty()) return {};
  return "Authorization: Basic " + base64(username + ":" + password) + "\r\n";
}

Reason reason_of_status(int status) {
  if (status == 401 || status == 403) return Reason::kDenied;
  if (status == 413) return Reason::kTooLarge;
  if (status == 429 || status == 503) return Reason::kBusy;
  return status >= 500 ? Reason::kServerError : Reason::kNonsense;
}

Nanos pause_asked(std::string_view retry_after) {
  const auto seconds = parse_int(trim(retry_after));
  return seconds && *seconds > 0 ? std::min<std::int64_t>(*seconds, 3'600) * kSecond : 0;
}

}  // namespace sightglass::exporting
