#include "redis/reply.h"

#include "base/json_writer.h"
#include "base/text.h"

namespace sightglass::redis {
namespace {

constexpr std::size_t kLongestLine = 64u << 10;  // of a status or an error

class Parser {
 public:
  explicit Parser(std::string_view in) : in_(in) {}
  std::size_t at() const { return at_; }

  Parsed read(Reply& out, int depth) {
    if (at_ >= in_.size()) return Parsed::kNeedMore;
    if (depth > kDeepest || ++items_ > kMostItems) return Parsed::kBad;
    const char kind = in_[at_++];
    std::string_view line;
    if (const auto got = read_line(line); got != Parsed::kWhole) return got;
    out.items.clear();
    out.integer = 0;
    switch (kind) {
      case '+':
      case '-':
        out.type = kind == '+' ? Reply::Type::kText : Reply::Type::kError;
        out.text.assign(line);
        return Parsed::kWhole;
      case ':':
        out.text.clear();
        return read_integer(line, out);
      case '$':
        return read_bulk(line, out);
      case '*':
        return read_array(line, out, depth);
      default:
        return Parsed::kBad;
    }
  }

 private:
  Parsed read_line(std::string_view& line) {
    const auto end = in_.find("\r\n", at_);
    if (end == std::string_view::npos) {
      return in_.size() - at_ > kLongestLine ? Parsed::kBad : Parsed::kNeedMore;
    }
    if (end - at_ > kLongestLine) return Parsed::kBad;
    line = in_.substr(at_, end - at_);
    at_ = end + 2;
    return Parsed::kWhole;
  }

  static Parsed read_integer(std::string_view line, Reply& out) {
    const auto number = parse_int(line);
    if (!number) return Parsed::kBad;
    out.type = Reply::Type::kInteger;
    out.integer = *number;
    return Parsed::kWhole;
  }

  Parsed read_bulk(std::string_view line, Reply& out) {
    const auto size = parse_int(line);
    if (!size || *size < -1 || *size > static_cast<std::int64_t>(kLongestReply)) {
      return Parsed::kBad;
    }
    out.text.clear();
    out.type = *size < 0 ? Reply::Type::kNull : Reply::Type::kText;
    if (*size < 0) return Parsed::kWhole;
    const auto length = static_cast<std::size_t>(*size);
    const auto rest = in_.substr(at_);
    if (rest.size() < length + 2) return Parsed::kNeedMore;
    if (rest.substr(length, 2) != "\r\n") return Parsed::kBad;
    out.text.assign(rest.substr(0, length));
    at_ += length + 2;
    return Parsed::kWhole;
  }

  Parsed read_array(std::string_view line, Reply& out, int depth) {
    const auto count = parse_int(line);
    if (!count || *count < -1 || *count > static_cast<std::int64_t>(kMostItems)) {
      return Parsed::kBad;
    }
    out.text.clear();
    out.type = *count < 0 ? Reply::Type::kNull : Reply::Type::kArray;
    for (std::int64_t i = 0; i < *count; ++i) {  // room is made for what is there, not for a claim
      if (const auto got = read(out.items.emplace_back(), depth + 1); got != Parsed::kWhole) {
        return got;
      }
    }
    return Parsed::kWhole;
  }

  std::string_view in_;
  std::size_t at_ = 0;
  std::size_t items_ = 0;
};

}  // namespace

Parsed parse_reply(std::string_view in, Reply& out, std::size_t& consumed) {
  Parser parser(in);
  const auto got = parser.read(out, 0);
  if (got == Parsed::kNeedMore && in.size() > kLongestReply) return Parsed::kBad;
  if (got == Parsed::kWhole) consumed = parser.at();
  return got;
}

void append_command(std::string& out, const std::vector<std::string_view>& words) {
  out += '*';
  append_int(out, static_cast<std::int64_t>(words.size()));
  out += "\r\n";
  for (const auto word : words) {
    out += '$';
    append_int(out, static_cast<std::int64_t>(word.size()));
    out += "\r\n";
    out += word;
    out += "\r\n";
  }
}

}  // namespace sightglass::redis
