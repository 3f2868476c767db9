#include "base/json_writer.h"
#include "base/text.h"
#include "report/report.h"

namespace sightglass::report {
namespace {

void write_value(JsonWriter& json, const std::optional<double>& value) {
  if (value) {
    json.number(*value);
  } else {
    json.null();
  }
}

void write_row(JsonWriter& json, const Row& row, const std::string& unit) {
  json.begin_object().key("label").string(row.label).key("value");
  write_value(json, row.value);
  if (row.share) json.key("share").number(*row.share);
  if (!row.value && !row.reason.empty()) json.key("reason").string(row.reason);
  json.key("unit").string(row.unit.empty() ? unit : row.unit).end_object();
}

void write_answer(JsonWriter& json, const Answer& answer) {
  json.begin_object();
  json.key("name").string(answer.name).key("title").string(answer.title);
  if (!answer.group.empty()) json.key("group").string(answer.group);
  json.key("value");
  write_value(json, answer.value);
  json.key("unit").string(answer.unit);
  if (!answer.value) json.key("reason").string(answer.reason);
  json.key("definition").string(answer.definition);
  json.key("notes").begin_array();
  for (const auto& note : answer.notes) json.string(note);
  json.end_array();
  if (!answer.rows.empty()) {
    json.key("rows_title").string(answer.rows_title).key("rows").begin_array();
    for (const auto& row : answer.rows) write_row(json, row, answer.unit);
    json.end_array();
  }
  json.end_object();
}

std::string iso(Nanos time_ns) {
  std::string out;
  append_iso8601(out, time_ns, 0);
  return out;
}

}  // namespace

void append_json(const Report& report, std::string& out) {
  JsonWriter json(out);
  json.begin_object().key("pack").string(report.pack);
  json.key("from").string(iso(report.from_ns)).key("to").string(iso(report.to_ns));
  json.key("position").unsigned_integer(report.position).key("boards").begin_array();
  for (const auto& board : report.boards) {
    json.begin_object().key("name").string(board.name).key("title").string(board.title);
    json.key("metrics").begin_array();
    for (const auto& answer : board.answers) write_answer(json, answer);
    json.end_array().end_object();
  }
  json.end_array().end_object();
}

Result<Nanos> parse_since(std::string_view text) {
  const auto refuse = [] {
    return fail(Code::kInvalid, "since is a duration from 1h to 90d, such as 24h or 7d");
  };
  if (text.size() < 2) return refuse();
  const auto count = parse_int(text.substr(0, text.size() - 1));
  Nanos unit = 0;
  switch (text.back()) {
    case 'm':
      unit = 60 * kSecond;
      break;
    case 'h':
      unit = 3'600 * kSecond;
      break;
    case 'd':
      unit = 24 * 3'600 * kSecond;
      break;
    default:
      return refuse();
  }
  if (!count || *count < 1 || *count > 1'000'000) return refuse();
  const auto since = *count * unit;
  if (since < kMinSince || since > kMaxSince) return refuse();
  return since;
}

}  // namespace sightglass::report
