// One field's value: nothing, a flag, a number, or text that somebody else owns.
#pragma once

#include <cstdint>
#include <string_view>

namespace sightglass::event {

enum class Kind : std::uint8_t { kNull, kBool, kInt, kDouble, kText };

// Ownership: text is borrowed; the value must not outlive the record it came from. 16 bytes.
class Value {
 public:
  constexpr Value() : int_(0) {}
  static constexpr Value boolean(bool v) {
    Value out(Kind::kBool);
    out.int_ = v ? 1 : 0;
    return out;
  }
  static constexpr Value integer(std::int64_t v) {
    Value out(Kind::kInt);
    out.int_ = v;
    return out;
  }
  static constexpr Value number(double v) {
    Value out(Kind::kDouble);
    out.double_ = v;
    return out;
  }
  static constexpr Value text(std::string_view v) {  // at most 4 GiB
    Value out(Kind::kText);
    out.text_ = v.data();
    out.size_ = static_cast<std::uint32_t>(v.size());
    return out;
  }

  // An object or an array stood here: present, not null, and equal to nothing. Filter patterns ask
  // for it at the door; for everybody else it is a null.
  static constexpr Value nested() {
    Value out;
    out.int_ = 1;
    return out;
  }

  constexpr Kind kind() const { return kind_; }
  constexpr bool is_nested() const { return kind_ == Kind::kNull && int_ != 0; }
  constexpr bool is_null() const { return kind_ == Kind::kNull; }
  constexpr bool is_number() const { return kind_ == Kind::kInt || kind_ == Kind::kDouble; }
  constexpr bool as_bool() const { return kind_ == Kind::kBool && int_ != 0; }
  // Only where kind() is kInt or kBool; 0 otherwise.
  constexpr std::int64_t as_int() const {
    return kind_ == Kind::kInt || kind_ == Kind::kBool ? int_ : 0;
  }
  constexpr double as_double() const {
    if (kind_ == Kind::kDouble) return double_;
    return static_cast<double>(as_int());
  }
  constexpr std::string_view as_text() const {
    return kind_ == Kind::kText ? std::string_view(text_, size_) : std::string_view();
  }

  friend constexpr bool operator==(const Value& a, const Value& b) {
    if (a.kind_ != b.kind_) return false;
    if (a.kind_ == Kind::kText) return a.as_text() == b.as_text();
    if (a.kind_ == Kind::kDouble) return a.double_ == b.double_;
    return a.int_ == b.int_;
  }

 private:
  constexpr explicit Value(Kind kind) : kind_(kind), int_(0) {}
  Kind kind_ = Kind::kNull;
  std::uint32_t size_ = 0;
  union {
    std::int64_t int_;
    double double_;
    const char* text_;
  };
};

}  // namespace sightglass::event
