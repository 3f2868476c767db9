// Writes JSON text by appending to a string; commas and escapes are its business, nesting the
// caller's. RFC 8259; invalid UTF-8 becomes U+FFFD, so that the output is always valid.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sightglass {

void append_json_string(std::string& out, std::string_view text);  // with the quotes
// How many of the leading bytes stand in a JSON string as they are; all of them for most texts.
// Cost: eight bytes at a time.
std::size_t json_plain_prefix(std::string_view text);
void append_int(std::string& out, std::int64_t value);
void append_uint(std::string& out, std::uint64_t value);
// Shortest form that reads back to the same double; NaN and infinities become null.
void append_double(std::string& out, double value);
// value / 10^digits without passing through a double: append_decimal(out, 2100, 3) gives "2.1".
void append_decimal(std::string& out, std::int64_t value, int digits);
// "2026-11-20T23:25:00.111Z": UTC; digits of the fraction: 0, 3, 6 or 9.
void append_iso8601(std::string& out, std::int64_t unix_ns, int fraction_digits = 3);

// Cost: about 70 ns for a line of six fields into a warm buffer.
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }
  JsonWriter& key(std::string_view name) {
    comma();
    append_json_string(out_, name);
    out_.push_back(':');
    need_comma_ = false;
    return *this;
  }
  JsonWriter& string(std::string_view v) { return comma(), append_json_string(out_, v), done(); }
  JsonWriter& integer(std::int64_t v) { return comma(), append_int(out_, v), done(); }
  JsonWriter& unsigned_integer(std::uint64_t v) { return comma(), append_uint(out_, v), done(); }
  JsonWriter& number(double v) { return comma(), append_double(out_, v), done(); }
  JsonWriter& decimal(std::int64_t v, int digits) {
    return comma(), append_decimal(out_, v, digits), done();
  }
  JsonWriter& boolean(bool v) { return comma(), out_.append(v ? "true" : "false"), done(); }
  JsonWriter& null() { return comma(), out_.append("null"), done(); }
  JsonWriter& raw(std::string_view json) { return comma(), out_.append(json), done(); }
  std::string& out() { return out_; }

 private:
  JsonWriter& open(char c) {
    comma();
    out_.push_back(c);
    need_comma_ = false;
    return *this;
  }
  JsonWriter& close(char c) {
    out_.push_back(c);
    return done();
  }
  void comma() {
    if (need_comma_) out_.push_back(',');
  }
  JsonWriter& done() {
    need_comma_ = true;
    return *this;
  }
  std::string& out_;
  bool need_comma_ = false;
};

}  // namespace sightglass
