#include "event/event.h"

#include <cstring>
#include <limits>

namespace sightglass::event {
namespace {

constexpr std::size_t kMaxVarintBytes = 10;
constexpr std::size_t kMaxHeaderBytes = kMaxVarintBytes + 1 + sizeof(Nanos) + 2 * kMaxVarintBytes;
constexpr std::size_t kMaxMeterBytes = 3 + 1 + sizeof(double);
constexpr std::size_t kMaxFieldBytes = 3 + 1 + kMaxVarintBytes;  // and the text's own bytes

// Writes into room that the caller has measured; ByteWriter's growing string costs a check a byte.
class Cursor {
 public:
  explicit Cursor(char* at) : at_(at) {}
  void u8(std::uint8_t v) { *at_++ = static_cast<char>(v); }
  void varint(std::uint64_t v) {
    while (v >= 0x80) {
      *at_++ = static_cast<char>(v | 0x80);
      v >>= 7;
    }
    *at_++ = static_cast<char>(v);
  }
  void zigzag(std::int64_t v) {
    varint((static_cast<std::uint64_t>(v) << 1) ^ static_cast<std::uint64_t>(v >> 63));
  }
  template <typename T>
  void fixed(T v) {
    std::memcpy(at_, &v, sizeof v);
    at_ += sizeof v;
  }
  // Words are mostly short: two overlapping moves of fixed size beat a call.
  void raw(std::string_view v) {
    const char* const from = v.data();
    const auto n = v.size();
    if (n > 32) {
      std::memcpy(at_, from, n);
    } else if (n >= 16) {
      std::memcpy(at_, from, 16);
      std::memcpy(at_ + n - 16, from + n - 16, 16);
    } else if (n >= 8) {
      std::memcpy(at_, from, 8);
      std::memcpy(at_ + n - 8, from + n - 8, 8);
    } else {
      for (std::size_t i = 0; i < n; ++i) at_[i] = from[i];
    }
    at_ += n;
  }
  char* at() const { return at_; }

 private:
  char* at_;
};

void write_value(Cursor& cursor, const Value& value) {
  cursor.u8(static_cast<std::uint8_t>(value.kind()));
  switch (value.kind()) {
    case Kind::kNull:
      break;
    case Kind::kBool:
      cursor.u8(value.as_bool() ? 1 : 0);
      break;
    case Kind::kInt:
      cursor.zigzag(value.as_int());
      break;
    case Kind::kDouble:
      cursor.fixed(value.as_double());
      break;
    case Kind::kText:
      cursor.varint(value.as_text().size());
      cursor.raw(value.as_text());
      break;
  }
}

char* write(const Event& event, std::size_t n_fields, char* to) {
  Cursor cursor(to);
  cursor.varint(event.type);
  cursor.u8(static_cast<std::uint8_t>(event.level));
  cursor.fixed(event.time_ns);
  cursor.varint(event.meters.size());
  for (const auto& hit : event.meters) {
    cursor.varint(hit.meter);
    cursor.u8(hit.has_value ? 1 : 0);
    if (hit.has_value) cursor.fixed(hit.value);
  }
  cursor.varint(n_fields);
  for (const auto& field : event.fields) {
    if (field.value.is_null()) continue;  // null is absence
    cursor.varint(field.field);
    write_value(cursor, field.value);
  }
  return cursor.at();
}

// Ids are 16 bits; anything wider is a malformed record, not another id.
std::uint16_t read_id(ByteReader& in) {
  const auto id = in.varint();
  if (id > std::numeric_limits<std::uint16_t>::max()) in.invalidate();
  return static_cast<std::uint16_t>(id);
}

bool read_flag(ByteReader& in) {
  const auto byte = in.u8();
  if (byte > 1) in.invalidate();
  return byte == 1;
}

Value read_value(ByteReader& in) {
  switch (static_cast<Kind>(in.u8())) {
    case Kind::kBool:
      return Value::boolean(read_flag(in));
    case Kind::kInt:
      return Value::integer(in.zigzag());
    case Kind::kDouble:
      return Value::number(in.f64());
    case Kind::kText: {
      const auto text = in.string();
      if (text.size() > std::numeric_limits<std::uint32_t>::max()) in.invalidate();
      return Value::text(text);
    }
    case Kind::kNull:
      break;  // never written
  }
  in.invalidate();
  return {};
}

// What stands before the fields.
bool read_head(ByteReader& in, Event& out) {
  out.meters.clear();
  out.fields.clear();
  out.type = read_id(in);
  const auto level = in.u8();
  if (level > static_cast<std::uint8_t>(Level::kCritical)) return false;
  out.level = static_cast<Level>(level);
  out.time_ns = in.i64();

  // A count that the bytes left cannot hold is refused before anything is reserved for it.
  const auto n_meters = in.varint();
  if (!in.ok() || n_meters > in.remaining() / 2) return false;
  for (std::uint64_t i = 0; i < n_meters; ++i) {
    MeterHit hit;
    hit.meter = read_id(in);
    hit.has_value = read_flag(in);
    if (hit.has_value) hit.value = in.f64();
    if (!in.ok()) return false;
    out.meters.push_back(hit);
  }
  return in.ok();
}

}  // namespace

void encode(const Event& event, std::string& out) {
  std::size_t bound = kMaxHeaderBytes + event.meters.size() * kMaxMeterBytes;
  std::size_t n_fields = 0;
  for (const auto& field : event.fields) {
    if (field.value.is_null()) continue;
    ++n_fields;
    bound += kMaxFieldBytes + field.value.as_text().size();
  }
  const auto before = out.size();
  out.resize_and_overwrite(before + bound, [&](char* data, std::size_t) {
    return static_cast<std::size_t>(write(event, n_fields, data + before) - data);
  });
}

bool decode_head(Bytes payload, Event& out) {
  ByteReader in(payload);
  return read_head(in, out);
}

bool decode(Bytes payload, Event& out) {
  ByteReader in(payload);
  if (!read_head(in, out)) return false;
  const auto n_fields = in.varint();
  if (!in.ok() || n_fields > in.remaining() / 3) return false;
  for (std::uint64_t i = 0; i < n_fields; ++i) {
    FieldValue field;
    field.field = read_id(in);
    field.value = read_value(in);
    if (!in.ok()) return false;
    out.fields.push_back(field);
  }
  return in.ok() && in.empty();
}

}  // namespace sightglass::event
