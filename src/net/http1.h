// The HTTP/1.1 codec: strict by RFC 9112, incremental, zero-copy.
//
// Refused, each with its reason: Content-Length with Transfer-Encoding, several Content-Lengths,
// any transfer coding but `chunked`, bare LF, obs-fold, blanks before the colon, control characters
// in the head, an absolute-form target with a foreign host, HTTP/2 prefaces, and what passes the
// limits. Fuzzed, and held against Boost.Beast's parser in a differential test.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace sightglass::net {

struct Header {
  std::string_view name;   // as received; compare without case
  std::string_view value;  // trimmed
};

// The fields of a head, in order. Ownership: views into the connection's read buffer, valid until
// the exchange ends.
struct Headers {
  std::vector<Header> all;
  std::string_view get(std::string_view name) const;  // first match, "" when absent
  bool has(std::string_view name) const;
};

enum class BodyKind : std::uint8_t { kNone, kLength, kChunked, kUntilClose };

struct RequestHead {
  std::string_view method;
  std::string_view target;  // origin form, e.g. "/v1/messages?beta=true"
  std::string_view path;    // target up to '?'
  std::string_view query;   // after '?', without it
  bool http_1_0 = false;
  bool keep_alive = true;
  bool expect_continue = false;
  Headers headers;
  BodyKind body = BodyKind::kNone;
  std::uint64_t content_length = 0;  // kLength
};

struct ResponseHead {
  int status = 0;
  std::string_view reason;
  bool keep_alive = true;
  Headers headers;
  BodyKind body = BodyKind::kNone;
  std::uint64_t content_length = 0;
};

struct Limits {
  std::size_t line_bytes = 8 << 10;   // request or status line
  std::size_t head_bytes = 32 << 10;  // whole head
  std::size_t fields = 100;
};

enum class ParseState : std::uint8_t { kNeedMore, kDone, kBad };

// Why a message was refused; each has its status code and a fixed sentence.
enum class ParseError : std::uint8_t {
  kNone,
  kBadRequestLine,
  kBadVersion,
  kBadMethod,
  kBadTarget,
  kForeignHost,
  kMissingHost,
  kBadHeader,
  kBareLf,
  kObsFold,
  kLineTooLong,
  kHeadTooLarge,
  kTooManyFields,
  kBadContentLength,
  kBadTransferEncoding,
  kLengthAndChunked,
  kBadChunk,
  kBadStatusLine,
  kBodyTooLarge,
};
std::string_view parse_error_name(ParseError error);      // a label: "bad_header"
std::string_view parse_error_sentence(ParseError error);  // for a person
int parse_error_status(ParseError error);                 // 400, 413, 414, 431, 501, 505

// Parses a head that begins at the start of `in`. On kDone, `consumed` is its length, `head` views
// into `in`, and the parser is ready for the next head. Call again with more bytes on kNeedMore
// (scanning resumes where it stopped as long as the same object is used and `in` still begins with
// the same bytes). After kBad it stays bad until reset(). The verdict does not depend on how the
// bytes were split. Reusing `head` reuses its memory; it is meaningless unless kDone.
class HeadParser {
 public:
  explicit HeadParser(Limits limits = {}) : limits_(limits) {}
  ParseState request(std::string_view in, RequestHead& head, std::size_t& consumed);
  // `head_request`: the answer to HEAD has no body whatever its fields say.
  ParseState response(std::string_view in, bool head_request, ResponseHead& head,
                      std::size_t& consumed);
  ParseError error() const { return error_; }
  void reset() { scanned_ = line_start_ = 0, error_ = ParseError::kNone; }

 private:
  ParseState bad(ParseError error);
  ParseState find_end(std::string_view in, std::size_t& end);
  Limits limits_;
  std::size_t scanned_ = 0;     // no line feed between line_start_ and here
  std::size_t line_start_ = 0;  // the line that the scan is in
  ParseError error_ = ParseError::kNone;
};

// Takes the framing off a body. Feed it what arrives; it gives views of the content within.
// Chunk extensions are checked and skipped, trailers checked and dropped.
// Bounds: 1 KiB of extensions per chunk, 8 KiB of trailers, 16 digits of chunk size.
class BodyDecoder {
 public:
  void start(BodyKind kind, std::uint64_t content_length);
  // Consumes from the front of `in`; returns the next run of content (a view into `in`). An empty
  // view means: all of `in` was taken, or the body is complete (the rest of `in` is not its), or it
  // failed.
  std::string_view next(std::string_view& in);
  void end_of_input();  // kUntilClose: complete; else an incomplete body is an error
  bool complete() const { return state_ == State::kComplete; }
  bool failed() const { return state_ == State::kFailed; }

 private:
  enum class State : std::uint8_t {
    kLength,
    kUntilClose,
    kChunkSizeFirst,  // at least one digit
    kChunkSize,
    kExtensionName,
    kExtensionNameMore,
    kExtensionValue,
    kExtensionToken,
    kExtensionQuoted,
    kExtensionEscape,
    kExtensionEnd,
    kChunkSizeLf,
    kChunkData,
    kChunkDataCr,
    kChunkDataLf,
    kTrailer,  // at the start of a line
    kTrailerName,
    kTrailerValue,
    kTrailerLf,
    kFinalLf,
    kComplete,
    kFailed
  };
  static bool spans(State state);
  State step(char c);
  State size_digit(char c);
  State extension(char c);
  State trailer(char c);

  State state_ = State::kComplete;
  std::uint64_t left_ = 0;
  std::uint32_t digits_ = 0;
  std::uint32_t skipped_bytes_ = 0;  // of this chunk's extensions, or of the trailers
};

// "1f3\r\n" for gathered writes; `out` holds at least 18 bytes. Returns the length.
std::size_t write_chunk_header(std::uint64_t size, char* out);

// Hop-by-hop fields (RFC 9110 section 7.6.1) and those that `connection` names.
bool is_hop_by_hop(std::string_view name, std::string_view connection_value);

// %XX-decoding of a path or query part; nullopt when malformed or when it holds NUL.
std::optional<std::string> percent_decode(std::string_view text);
// The first value of `name` in a query string, decoded ('+' is a blank).
std::optional<std::string> query_parameter(std::string_view query, std::string_view name);

}  // namespace sightglass::net
