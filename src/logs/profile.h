// Room-internal: how lines of each profile look, as data. profile.cc holds the tables.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace sightglass::logs {

// How a field's number becomes the line's.
enum class Unit : std::uint8_t {
  kAsIs,
  kMicrosToMillis,
  kMicrosToSeconds,
  kNanosToCents,  // nano-dollars → cents
  kNanosToDollars,
  kNanosToTime,  // Unix nanoseconds → ISO-8601
};

// What a name stands for where the event has no field for it.
enum class Derived : std::uint8_t {
  kNothing,
  kService,         // the configured service
  kEnv,             // the configured environment
  kEventType,       // always
  kEventWords,      // always: "stream_completed" → "Stream completed"
  kLogger,          // a component, by the event's name
  kCaller,          // its source file
  kSpan,            // of an event that ends an upstream call: "provider.chat"
  kErrorSentence,   // beside an error type: a fixed sentence in the place of the free text
  kStreamDuration,  // of a streamed request's end
  kDisconnect,      // the same
};

// One name in a line. `path` is also looked up among the catalogue's names and aliases, so that a
// pack's field with this alias is written under it, as it is; `field` is the gateway's own field,
// in the gateway's unit. At most one dot: the object that the name stands in.
struct Name {
  std::string_view path;
  std::string_view field;
  Unit unit = Unit::kAsIs;
  Derived derived = Derived::kNothing;
};

// An order of names, for events that have a field called `marker` ("": all others).
struct Shape {
  std::string_view marker;
  std::span<const std::string_view> order;
};

// A line: time and level; the names of `head`; those of the first shape that fits; other names in
// the table's order; fields without a name, in the event's order; objects that the shape does not
// name; `tail`; and `seq` at the very end.
struct Profile {
  std::string_view name;
  std::string_view time_key;
  int time_digits;
  std::string_view warn;  // how a warning is called
  std::span<const std::string_view> head;
  std::span<const Name> names;
  std::span<const Shape> shapes;  // the last one fits always
  std::span<const std::string_view> tail;
};

std::span<const Profile> profiles();  // the first is the default

// The component and source file that an event of ours belongs to, in Events-seed lines.
struct Origin {
  std::string_view prefix;  // of the event's name
  std::string_view logger;
  std::string_view caller;
};
const Origin& origin_of(std::string_view event_type);

// "chat_completions" → "provider.chat": the span of an upstream call.
std::string_view span_of(std::string_view endpoint);

}  // namespace sightglass::logs
