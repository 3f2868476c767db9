// What the codec's tests share: a small catalogue, and reading with padding behind the record.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "codec/json_reader.h"
#include "codec/text_reader.h"

namespace sightglass::codec {

inline constexpr Nanos kNow = 1'763'700'000 * kSecond;  // 2025-11-21T04:40:00Z

inline std::shared_ptr<const event::Catalogue> test_catalogue() {
  auto parsed = event::Catalogue::parse(R"(
pack: test
version: 1
fields:
  request_id:     { kind: text, class: correlation, aliases: [requestId] }
  user_id:        { kind: text, class: identifier, identifier: u, aliases: [user, userIdHash] }
  model:          { kind: text, class: name, aliases: [modelId] }
  tool_name:      { kind: text, class: name }
  content_type:   { kind: text, class: category }
  category:       { kind: text, class: category }
  error_type:     { kind: text, class: name, aliases: [error.type] }
  error:          { kind: text, class: free_text, aliases: [error.message] }
  message_count:  { kind: int, class: count }
  tool_count:     { kind: int, class: count }
  file_size:      { kind: int, class: size }
  cost_cents:     { kind: double, class: money, aliases: [costCents] }
  streaming:      { kind: bool, class: flag }
  latency_ms:     { kind: int, class: duration, aliases: [latencyMs] }
  first_token_ms: { kind: int, class: duration, aliases: [sse.firstTokenMs] }
  stalls:         { kind: int, class: count, aliases: [sse.stalls] }
  ingested:       { kind: bool, class: flag }
events:
  llm_call:     { level: info }
  tool_call:    { level: info }
  tool_error:   { level: error }
  file_upload:  { level: info }
  file_stored:  { level: info }
  error:        { level: error }
)");
  EXPECT_TRUE(parsed.has_value()) << (parsed ? "" : parsed.error().message);
  return parsed ? *parsed : nullptr;
}

// Reads a record as the server does: in a buffer with padding behind it.
struct Bench {
  explicit Bench(std::shared_ptr<const event::Catalogue> given = test_catalogue())
      : catalogue(std::move(given)) {}
  Verdict json(std::string_view text) {
    buffer.assign(text).append(kPadding, ' ');
    return reader.read(std::string_view(buffer).substr(0, text.size()), kNow, event, notes);
  }
  Verdict line(std::string_view text) {
    buffer.assign(text).append(kPadding, ' ');
    return lines.read(std::string_view(buffer).substr(0, text.size()), kNow, event, notes);
  }
  // What counts: of a field given twice, the last.
  event::Value get(std::string_view name) const {
    event::Value out;
    for (const auto& f : event.fields) {
      if (f.field == catalogue->field(name)) out = f.value;
    }
    return out;
  }
  std::string type() const { return catalogue->event_types()[event.type].name; }

  std::shared_ptr<const event::Catalogue> catalogue;
  JsonReader reader{*catalogue};
  TextReader lines{*catalogue, reader};
  std::string buffer;
  event::Event event;
  RecordNotes notes;
};

}  // namespace sightglass::codec
