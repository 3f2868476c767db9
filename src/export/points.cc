#include "export/points.h"

#include <algorithm>

#include "base/json_writer.h"

namespace sightglass::exporting {
namespace {

constexpr std::size_t kLongestTag = 256;
constexpr std::int64_t kPerMillisecond = 1'000'000;

struct Names {
  const char* field;
  const char* name;
};
constexpr Names kTags[] = {
    {"provider", "provider"},  {"model", "model"},          {"key", "key"},
    {"client", "client"},      {"endpoint", "endpoint"},    {"outcome", "outcome"},
    {"status_code", "status"}, {"error_type", "error_type"}};
constexpr Names kCounts[] = {{"input_tokens", "input_tokens"},
                             {"cache_read_tokens", "cache_read_tokens"},
                             {"cache_write_5m_tokens", "cache_write_5m_tokens"},
                             {"cache_write_1h_tokens", "cache_write_1h_tokens"},
                             {"output_tokens", "output_tokens"},
                             {"reasoning_tokens", "reasoning_tokens"},
                             {"total_tokens", "total_tokens"},
                             {"attempts", "attempts"},
                             {"request_bytes", "request_bytes"},
                             {"response_bytes", "response_bytes"}};

// Commas, blanks and equal signs stand behind a backslash. A backslash of the text's own would at
// the end of a value swallow the comma behind it, and control characters end lines: both become
// '_'.
void append_escaped(std::string& out, std::string_view text, std::string_view special) {
  for (const char c : text.substr(0, kLongestTag)) {
    if (c == '\\' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out.push_back('_');
      continue;
    }
    if (special.find(c) != std::string_view::npos) out.push_back('\\');
    out.push_back(c);
  }
}

void append_tag(std::string& line, std::string_view name, std::string_view value) {
  if (value.empty()) return;  // a tag without a value is no tag
  line.append(",").append(name).append("=");
  append_escaped(line, value, ", =");
}

}  // namespace

PointWriter::PointWriter(std::string measurement, std::string gateway)
    : prefix_([&] {
        std::string out;
        append_escaped(out, measurement, ", ");
        append_tag(out, "gateway", gateway);
        return out;
      }()) {}

void PointWriter::use(const std::shared_ptr<const event::Catalogue>& catalogue) {
  if (!requests_.use(catalogue)) return;
  latency_ = catalogue->field("latency_us");
  first_content_ = catalogue->field("first_content_us");
  cost_ = catalogue->field("cost_nanousd");
  tags_.clear();
  for (const auto& tag : kTags) tags_.push_back({tag.name, catalogue->field(tag.field)});
  counts_.clear();
  for (const auto& count : kCounts) counts_.push_back({count.name, catalogue->field(count.field)});
}

void PointWriter::tags(const event::Event& event, std::string& line) const {
  for (const auto& tag : tags_) {
    const auto value = event.get(tag.field);
    if (value.kind() == event::Kind::kInt) {
      append_tag(line, tag.name, std::to_string(value.as_int()));
    } else {
      append_tag(line, tag.name, value.as_text());
    }
  }
}

void PointWriter::fields(const event::Event& event, std::string& line) const {
  line.append(" requests=1i");
  const auto decimal = [&](const char* name, const event::Value& value, int digits) {
    if (value.kind() != event::Kind::kInt) return;
    line.append(",").append(name).append("=");
    append_decimal(line, value.as_int(), digits);
  };
  const auto count = [&](const char* name, const event::Value& value) {
    if (value.kind() != event::Kind::kInt) return;
    line.append(",").append(name).append("=");
    append_int(line, value.as_int());
    line.append("i");
  };
  decimal("latency_ms", event.get(latency_), 3);
  decimal("first_content_ms", event.get(first_content_), 3);
  for (const auto& column : counts_) count(column.name, event.get(column.field));
  decimal("cost_usd", event.get(cost_), 9);
  count("cost_nanousd", event.get(cost_));
}

void PointWriter::append(Bytes payload, journal::Position position, Nanos accept_ns, Points& out) {
  const auto* const event = requests_.read(payload);
  if (event == nullptr) return;
  auto& line = out.text;
  line.append(prefix_);
  tags(*event, line);
  fields(*event, line);
  const auto millisecond = std::max<Nanos>(event->time_ns, 0) / kPerMillisecond;
  line.append(" ");
  append_int(line,
             millisecond * kPerMillisecond +
                 static_cast<std::int64_t>(position % static_cast<std::uint64_t>(kPerMillisecond)));
  line.append("\n");
  out.points.push_back({line.size(), position, accept_ns});
}

}  // namespace sightglass::exporting
