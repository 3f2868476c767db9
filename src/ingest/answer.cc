#include "ingest/answer.h"

#include "base/json_writer.h"

namespace sightglass::ingest {
namespace {

struct Sentence {
  int status = 500;
  std::string_view type;
  std::string_view code;
  std::string_view text;  // with the next step
  std::string_view retry_after;
};

Sentence sentence_of(Refusal refusal) {
  switch (refusal) {
    case Refusal::kMalformedCoding:
      return {
          400,
          "invalid_request_error",
          "bad_request",
          "The body is not what Content-Encoding says, or is cut short; send it again whole, as "
          "gzip or zstd.",
          {}};
    case Refusal::kTooLarge:
      return {413,
              "invalid_request_error",
              "payload_too_large",
              "The body inflates to more than 64 MiB or than a hundred times its size; send it in "
              "parts.",
              {}};
    case Refusal::kRangeTooLarge:
      return {413,
              "invalid_request_error",
              "payload_too_large",
              "A range is recorded in one piece, and this one is too large for that; send at most "
              "4 MiB of the source at a time.",
              {}};
    case Refusal::kNoMemory:
      return {429, "rate_limit_error", "rate_limited",
              "Too many bodies are being taken at once; send this one again later, or raise "
              "ingest.memory_bytes.",
              "1"};
    case Refusal::kBusySource:
      return {429, "rate_limit_error", "rate_limited",
              "Another request of this source is being taken; send one at a time.", "1"};
    case Refusal::kConflict:
      return {409,
              "invalid_request_error",
              "conflict",
              "The range overlaps what was taken of this source, or leaves a hole behind it; go on "
              "from byte `next`.",
              {}};
    case Refusal::kBehind:
      return {429, "rate_limit_error", "rate_limited",
              "Events come faster than they are worked off; send this body again later.", "2"};
    case Refusal::kUnavailable:
      return {
          503, "overloaded_error", "unavailable",
          "Nothing can be recorded at the moment; send this body again later. /health says why.",
          "5"};
    case Refusal::kNone:
    case Refusal::kInternal:
      break;
  }
  return {500, "internal_error", "internal_error", "This body could not be recorded.", {}};
}

void write_rejected(const Tally& tally, JsonWriter& json) {
  json.key("rejected").begin_array();
  for (const auto& [line, verdict] : tally.refused) {
    json.begin_object().key("line").unsigned_integer(line);
    json.key("reason").string(codec::verdict_name(verdict)).end_object();
  }
  json.end_array().key("rejected_total").unsigned_integer(tally.rejected());
}

std::string_view hint_of(const Outcome& outcome) {
  const auto& tally = outcome.tally;
  bool others = false;
  for (const auto& [name, count] : outcome.events) others = others || name == "_other";
  if (tally.unknown_fields > 0) {
    return "Some fields are in no pack and were dropped: `sightglass pack draft FILE` shows them "
           "and "
           "writes a pack that keeps them.";
  }
  if (others) {
    return "Some event types are in no pack and count as _other: `sightglass pack draft FILE` "
           "writes a pack that knows them.";
  }
  if (tally.rejected() > 0) return "docs/ingest.md says what each reason means.";
  return "`sightglass report` shows the numbers.";
}

}  // namespace

http::Response refuse(Refusal refusal, std::string_view request_id) {
  Outcome outcome;
  outcome.refusal = refusal;
  return answer(outcome, request_id);
}

http::Response answer(const Outcome& outcome, std::string_view request_id) {
  http::Response response;
  JsonWriter json(response.body);
  json.begin_object();
  const auto& tally = outcome.tally;
  if (outcome.refusal != Refusal::kNone) {
    const auto s = sentence_of(outcome.refusal);
    response.status = s.status;
    if (!s.retry_after.empty()) response.headers.emplace_back("Retry-After", s.retry_after);
    json.key("error").begin_object();
    json.key("message").string(s.text).key("type").string(s.type).key("code").string(s.code);
    json.key("request_id").string(request_id).end_object();
    if (outcome.resume_line > 1) {
      json.key("accepted").unsigned_integer(tally.accepted);
      json.key("resume_line").unsigned_integer(outcome.resume_line);
      write_rejected(tally, json);
    }
    if (outcome.next) json.key("next").unsigned_integer(*outcome.next);
    json.end_object();
    return response;
  }
  json.key("accepted").unsigned_integer(tally.accepted);
  if (outcome.duplicate) {
    json.key("duplicate").boolean(true).key("next").unsigned_integer(outcome.next.value_or(0));
    json.end_object();
    return response;
  }
  if (tally.duplicates > 0) json.key("duplicates").unsigned_integer(tally.duplicates);
  write_rejected(tally, json);
  json.key("dropped_fields").unsigned_integer(tally.unknown_fields);
  if (tally.withheld_fields > 0)
    json.key("withheld_fields").unsigned_integer(tally.withheld_fields);
  json.key("events").begin_object();
  for (const auto& [name, count] : outcome.events) json.key(name).unsigned_integer(count);
  json.end_object();
  if (outcome.next) json.key("next").unsigned_integer(*outcome.next);
  json.key("hint").string(hint_of(outcome)).end_object();
  return response;
}

}  // namespace sightglass::ingest
