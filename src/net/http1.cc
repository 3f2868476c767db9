#include "net/http1.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "base/text.h"
#include "net/characters.h"

namespace sightglass::net {
namespace {

struct ErrorText {
  std::string_view name;
  std::string_view sentence;
  int status;
};

// In the order of ParseError.
constexpr std::array<ErrorText, 19> kErrors = {{
    {"none", "Nothing is wrong.", 200},
    {"bad_request_line", "The request line is malformed.", 400},
    {"bad_version", "Only HTTP/1.1 and HTTP/1.0 are spoken here.", 505},
    {"bad_method", "The method is not a token.", 400},
    {"bad_target", "The request target is malformed or not in origin form.", 400},
    {"foreign_host", "The request target names another host than the Host field.", 400},
    {"missing_host", "The Host field is missing or empty.", 400},
    {"bad_header", "A header field is malformed.", 400},
    {"bare_lf", "A line ends in LF without CR.", 400},
    {"obs_fold", "Folded header fields are not accepted.", 400},
    {"line_too_long", "The first line is too long.", 414},
    {"head_too_large", "The header fields are too large.", 431},
    {"too_many_fields", "There are too many header fields.", 431},
    {"bad_content_length", "Content-Length is malformed or given more than once.", 400},
    {"bad_transfer_encoding", "The only transfer coding accepted is chunked, once.", 501},
    {"length_and_chunked", "Content-Length and Transfer-Encoding exclude each other.", 400},
    {"bad_chunk", "The chunked body is malformed.", 400},
    {"bad_status_line", "The status line is malformed.", 400},
    {"body_too_large", "The body is too large.", 413},
}};

const ErrorText& error_text(ParseError error) {
  return kErrors[std::min(static_cast<std::size_t>(error), kErrors.size() - 1)];
}

// The first byte in [p, end) that a field value may not hold (a control character but HTAB), or
// end. Eight bytes at a time: the lowest marked byte of each mask is exact, so that the lowest of
// both is (Warren, Hacker's Delight, 6-1).
const char* skip_field_value(const char* p, const char* end) {
  constexpr std::uint64_t kOnes = 0x0101010101010101u;
  for (;;) {
    while (end - p >= 8) {
      std::uint64_t word;
      std::memcpy(&word, p, 8);
      const std::uint64_t below_blank = (word - kOnes * 0x20) & ~word;
      const std::uint64_t del = word ^ (kOnes * 0x7f);
      const std::uint64_t marks = (below_blank | ((del - kOnes) & ~del)) & (kOnes * 0x80);
      if (marks != 0) {
        p += std::countr_zero(marks) / 8;
        break;
      }
      p += 8;
    }
    while (p != end && is_field_value(*p)) ++p;
    if (p == end || *p != '\t') return p;
    ++p;
  }
}

// Calls `use` for each element of a comma-separated list.
template <typename Use>
void for_each_element(std::string_view list, Use use) {
  while (!list.empty()) {
    const auto comma = std::min(list.find(','), list.size());
    const auto element = trim(list.substr(0, comma));
    if (!element.empty()) use(element);
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
}

// What the fields say about framing and the connection.
struct Framing {
  bool has_length = false;
  bool has_coding = false;
  std::uint64_t length = 0;
  bool close = false;
  bool keep_alive = false;
  bool expect_continue = false;
  std::uint32_t hosts = 0;
  std::string_view host;
};

ParseError read_content_length(std::string_view value, Framing& framing) {
  // 19 digits fit into 64 bits; leading zeros count as digits.
  if (framing.has_length || value.empty() || value.size() > 19) {
    return ParseError::kBadContentLength;
  }
  std::uint64_t length = 0;
  for (const char c : value) {
    if (c < '0' || c > '9') return ParseError::kBadContentLength;
    length = length * 10 + static_cast<std::uint64_t>(c - '0');
  }
  framing.has_length = true;
  framing.length = length;
  return ParseError::kNone;
}

ParseError read_field(std::string_view name, std::string_view value, Framing& framing) {
  switch (name.size()) {
    case 4:
      if (equals_ignoring_case(name, "host")) {
        ++framing.hosts;
        framing.host = value;
      }
      break;
    case 6:
      if (equals_ignoring_case(name, "expect")) {
        framing.expect_continue |= equals_ignoring_case(value, "100-continue");
      }
      break;
    case 10:
      if (equals_ignoring_case(name, "connection")) {
        bool tokens = true;
        for_each_element(value, [&](std::string_view option) {
          framing.close |= equals_ignoring_case(option, "close");
          framing.keep_alive |= equals_ignoring_case(option, "keep-alive");
          tokens = tokens && std::ranges::all_of(option, is_token);
        });
        if (!tokens) return ParseError::kBadHeader;
      }
      break;
    case 14:
      if (equals_ignoring_case(name, "content-length")) return read_content_length(value, framing);
      break;
    case 17:
      if (equals_ignoring_case(name, "transfer-encoding")) {
        if (framing.has_coding || !equals_ignoring_case(value, "chunked")) {
          return ParseError::kBadTransferEncoding;
        }
        framing.has_coding = true;
      }
      break;
    default:
      break;
  }
  return ParseError::kNone;
}

// The field lines from `p` to the empty line that ends at `end`. Every line is known to end in
// CRLF.
ParseError read_fields(const char* p, const char* end, std::size_t max_fields, Headers& headers,
                       Framing& framing) {
  headers.all.clear();
  for (;;) {
    if (*p == '\r') return p + 2 == end ? ParseError::kNone : ParseError::kBadHeader;
    if (*p == ' ' || *p == '\t') return ParseError::kObsFold;
    const char* name = p;
    while (is_token(*p)) ++p;
    if (*p != ':' || p == name) return ParseError::kBadHeader;
    const std::string_view name_text(name, static_cast<std::size_t>(p - name));
    ++p;
    while (*p == ' ' || *p == '\t') ++p;
    const char* value = p;
    p = skip_field_value(p, end);
    if (*p != '\r' || p[1] != '\n') return ParseError::kBadHeader;
    const char* value_end = p;
    while (value_end != value && (value_end[-1] == ' ' || value_end[-1] == '\t')) --value_end;
    const std::string_view value_text(value, static_cast<std::size_t>(value_end - value));
    p += 2;
    if (headers.all.size() == max_fields) return ParseError::kTooManyFields;
    headers.all.push_back({name_text, value_text});
    if (const auto error = read_field(name_text, value_text, framing); error != ParseError::kNone) {
      return error;
    }
  }
}

ParseError check_framing(const Framing& framing, bool http_1_0) {
  if (framing.has_length && framing.has_coding) return ParseError::kLengthAndChunked;
  // RFC 9112 section 6.1: a coding in a message of HTTP/1.0 means that its framing is faulty.
  if (framing.has_coding && http_1_0) return ParseError::kBadTransferEncoding;
  return ParseError::kNone;
}

bool keeps_alive(const Framing& framing, bool http_1_0) {
  return !framing.close && (!http_1_0 || framing.keep_alive);
}

// "HTTP/1.1" or "HTTP/1.0" at `p`; `malformed` when it is not a version at all.
ParseError read_version(const char* p, std::size_t size, ParseError malformed, bool& http_1_0) {
  if (size < 8 || std::memcmp(p, "HTTP/", 5) != 0 || !is_digit(p[5]) || p[6] != '.' ||
      !is_digit(p[7])) {
    return malformed;
  }
  if (p[5] != '1' || p[7] > '1') return ParseError::kBadVersion;
  http_1_0 = p[7] == '0';
  return ParseError::kNone;
}

ParseError read_request_line(const char*& p, RequestHead& head) {
  const char* start = p;
  while (is_token(*p)) ++p;
  if (p == start || *p != ' ') return ParseError::kBadMethod;
  head.method = {start, static_cast<std::size_t>(p - start)};
  const char* target = ++p;
  while (is_target(*p)) ++p;
  if (*p == '\r') return ParseError::kBadRequestLine;  // HTTP/0.9, or a control character
  if (p == target || *p != ' ') return ParseError::kBadTarget;
  head.target = {target, static_cast<std::size_t>(p - target)};
  const char* version = ++p;
  while (*p != '\r') ++p;
  const auto size = static_cast<std::size_t>(p - version);
  if (size != 8 || p[1] != '\n') return ParseError::kBadRequestLine;
  p += 2;
  return read_version(version, size, ParseError::kBadRequestLine, head.http_1_0);
}

// Brings the target to origin form, given the Host field.
ParseError read_target(RequestHead& head, const Framing& framing) {
  if (framing.hosts > 1) return ParseError::kBadHeader;
  if (framing.hosts == 0 || framing.host.empty()) {
    if (!head.http_1_0 || framing.hosts == 1) return ParseError::kMissingHost;
  }
  for (const char c : framing.host) {
    if (!is_host(c)) return ParseError::kBadHeader;
  }
  if (head.target == "*") {
    if (head.method != "OPTIONS") return ParseError::kBadTarget;
  } else if (head.target.front() != '/') {
    const std::size_t scheme = equals_ignoring_case(head.target.substr(0, 7), "http://")    ? 7
                               : equals_ignoring_case(head.target.substr(0, 8), "https://") ? 8
                                                                                            : 0;
    if (scheme == 0) return ParseError::kBadTarget;
    const auto rest = head.target.substr(scheme);
    const auto authority = rest.substr(0, rest.find_first_of("/?"));
    if (framing.hosts == 0 || !equals_ignoring_case(authority, framing.host)) {
      return ParseError::kForeignHost;
    }
    head.target = rest.substr(authority.size());
    // A query without a path cannot become origin form without a copy; nobody sends it.
    if (head.target.starts_with('?')) return ParseError::kBadTarget;
    if (head.target.empty()) head.target = "/";
  }
  const auto mark = head.target.find('?');
  head.path = head.target.substr(0, mark);
  head.query = mark == std::string_view::npos ? std::string_view() : head.target.substr(mark + 1);
  return ParseError::kNone;
}

ParseError read_status_line(const char*& p, ResponseHead& head, bool& http_1_0) {
  const char* start = p;
  while (is_field_value(*p) || *p == '\t') ++p;
  if (*p != '\r' || p[1] != '\n') return ParseError::kBadStatusLine;
  const std::string_view line(start, static_cast<std::size_t>(p - start));
  p += 2;
  const auto error = read_version(line.data(), line.size(), ParseError::kBadStatusLine, http_1_0);
  if (error != ParseError::kNone) return error;
  // "HTTP/1.1 200" without the blank behind it is sent by real servers, and means no harm.
  if (line.size() < 12 || line[8] != ' ' || (line.size() > 12 && line[12] != ' ')) {
    return ParseError::kBadStatusLine;
  }
  if (line[9] < '1' || !is_digit(line[9]) || !is_digit(line[10]) || !is_digit(line[11])) {
    return ParseError::kBadStatusLine;
  }
  head.status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
  head.reason = line.size() > 13 ? line.substr(13) : std::string_view();
  return ParseError::kNone;
}

}  // namespace

std::string_view Headers::get(std::string_view name) const {
  for (const auto& header : all) {
    if (equals_ignoring_case(header.name, name)) return header.value;
  }
  return {};
}

bool Headers::has(std::string_view name) const {
  return std::ranges::any_of(
      all, [&](const Header& header) { return equals_ignoring_case(header.name, name); });
}

std::string_view parse_error_name(ParseError error) { return error_text(error).name; }
std::string_view parse_error_sentence(ParseError error) { return error_text(error).sentence; }
int parse_error_status(ParseError error) { return error_text(error).status; }

ParseState HeadParser::bad(ParseError error) {
  error_ = error;
  return ParseState::kBad;
}

// Looks for the empty line, and refuses on the way what would hide it: a bare LF, a first line or a
// head past its limit. Everything else is judged once the head is whole, so that the verdict does
// not depend on how the bytes came.
ParseState HeadParser::find_end(std::string_view in, std::size_t& end) {
  for (;;) {
    std::size_t bound = limits_.head_bytes;
    auto too_long = ParseError::kHeadTooLarge;
    if (line_start_ == 0 && limits_.line_bytes + 2 < bound) {
      bound = limits_.line_bytes + 2;
      too_long = ParseError::kLineTooLong;
    }
    const auto stop = std::min(in.size(), bound);
    const void* found =
        stop > scanned_ ? std::memchr(in.data() + scanned_, '\n', stop - scanned_) : nullptr;
    if (found == nullptr) {
      scanned_ = std::max(scanned_, stop);
      return in.size() >= bound ? bad(too_long) : ParseState::kNeedMore;
    }
    const auto at = static_cast<std::size_t>(static_cast<const char*>(found) - in.data());
    if (at == 0 || in[at - 1] != '\r') return bad(ParseError::kBareLf);
    const bool empty_line = at - 1 == line_start_;
    line_start_ = scanned_ = at + 1;
    if (empty_line) {
      end = at + 1;
      return ParseState::kDone;
    }
  }
}

ParseState HeadParser::request(std::string_view in, RequestHead& head, std::size_t& consumed) {
  if (error_ != ParseError::kNone) return ParseState::kBad;
  // What cannot become a request (a TLS hello, an empty line) is refused at its first byte.
  if (!in.empty() && !is_token(in.front())) return bad(ParseError::kBadMethod);
  std::size_t end = 0;
  if (const auto state = find_end(in, end); state != ParseState::kDone) return state;

  const char* p = in.data();
  Framing framing;
  auto error = read_request_line(p, head);
  if (error == ParseError::kNone) {
    error = read_fields(p, in.data() + end, limits_.fields, head.headers, framing);
  }
  if (error == ParseError::kNone) error = check_framing(framing, head.http_1_0);
  if (error == ParseError::kNone) error = read_target(head, framing);
  if (error != ParseError::kNone) return bad(error);

  head.keep_alive = keeps_alive(framing, head.http_1_0);
  head.expect_continue = framing.expect_continue && !head.http_1_0;
  head.content_length = framing.length;
  head.body = framing.has_coding   ? BodyKind::kChunked
              : framing.has_length ? BodyKind::kLength
                                   : BodyKind::kNone;
  consumed = end;
  reset();
  return ParseState::kDone;
}

ParseState HeadParser::response(std::string_view in, bool head_request, ResponseHead& head,
                                std::size_t& consumed) {
  if (error_ != ParseError::kNone) return ParseState::kBad;
  if (!in.empty() && in.front() != 'H') return bad(ParseError::kBadStatusLine);
  std::size_t end = 0;
  if (const auto state = find_end(in, end); state != ParseState::kDone) return state;

  const char* p = in.data();
  bool http_1_0 = false;
  Framing framing;
  auto error = read_status_line(p, head, http_1_0);
  if (error == ParseError::kNone) {
    error = read_fields(p, in.data() + end, limits_.fields, head.headers, framing);
  }
  if (error == ParseError::kNone) error = check_framing(framing, http_1_0);
  if (error != ParseError::kNone) return bad(error);

  head.keep_alive = keeps_alive(framing, http_1_0);
  head.content_length = 0;
  const bool never_has_content = head.status < 200 || head.status == 204;
  if (head_request || never_has_content || head.status == 304) {
    head.body = BodyKind::kNone;
    // Framing fields where no content can be leave it open whether bytes follow: not reused.
    if (never_has_content && (framing.has_coding || framing.length > 0)) head.keep_alive = false;
  } else if (framing.has_coding) {
    head.body = BodyKind::kChunked;
  } else if (framing.has_length) {
    head.body = BodyKind::kLength;
    head.content_length = framing.length;
  } else {
    head.body = BodyKind::kUntilClose;
    head.keep_alive = false;
  }
  consumed = end;
  reset();
  return ParseState::kDone;
}

std::size_t write_chunk_header(std::uint64_t size, char* out) {
  const int digits = std::max(1, (67 - std::countl_zero(size)) / 4);
  for (int i = digits; i-- > 0; size >>= 4) out[i] = "0123456789abcdef"[size & 15];
  out[digits] = '\r';
  out[digits + 1] = '\n';
  return static_cast<std::size_t>(digits) + 2;
}

bool is_hop_by_hop(std::string_view name, std::string_view connection_value) {
  constexpr std::array<std::string_view, 9> kHopByHop = {"connection",
                                                         "keep-alive",
                                                         "proxy-connection",
                                                         "te",
                                                         "transfer-encoding",
                                                         "proxy-authorization",
                                                         "proxy-authenticate",
                                                         "trailer",
                                                         "upgrade"};
  for (const auto known : kHopByHop) {
    if (equals_ignoring_case(name, known)) return true;
  }
  bool named = false;
  for_each_element(connection_value,
                   [&](std::string_view option) { named |= equals_ignoring_case(option, name); });
  return named;
}

std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (text.size() - i < 3) return std::nullopt;
      const int high = hex_digit(text[i + 1]);
      const int low = hex_digit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (c == '\0') return std::nullopt;
    out.push_back(c);
  }
  return out;
}

std::optional<std::string> query_parameter(std::string_view query, std::string_view name) {
  const auto decode = [](std::string_view part) {
    std::string text(part);
    std::ranges::replace(text, '+', ' ');
    return percent_decode(text);
  };
  while (!query.empty()) {
    const auto pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    const auto equals = pair.find('=');
    const auto key = decode(pair.substr(0, equals));
    if (key != name) continue;
    if (equals == std::string_view::npos) return std::string();
    return decode(pair.substr(equals + 1));
  }
  return std::nullopt;
}

}  // namespace sightglass::net
