#include "app/report_table.h"

#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>

namespace sightglass::app {
namespace {

constexpr std::size_t kColumns = 100;
constexpr std::size_t kTitle = 48;
constexpr std::size_t kValue = 14;
constexpr std::size_t kRowLabel = 44;  // so that values stand below values
constexpr auto npos = std::string_view::npos;
constexpr std::size_t kRowsAcross = 8;  // of a series
constexpr std::string_view kBold = "\x1b[1m";
constexpr std::string_view kDim = "\x1b[2m";
constexpr std::string_view kPlain = "\x1b[0m";

using simdjson::dom::element;

std::string_view text_of(element object, const char* key) {
  std::string_view out;
  if (object[key].get(out) != simdjson::SUCCESS) return {};
  return out;
}

std::optional<double> value_of(element object, const char* key) {
  double out = 0;
  if (object[key].get(out) != simdjson::SUCCESS) return std::nullopt;
  return out;
}

// Letters, not bytes: what stands in UTF-8 is counted by its first bytes.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

std::string left(std::string_view text, std::size_t columns) {
  std::string out(text);
  out.append(columns - std::min(columns, width(text)), ' ');
  return out;
}

std::string right(std::string_view text, std::size_t columns) {
  return std::string(columns - std::min(columns, width(text)), ' ') + std::string(text);
}

// At most so many letters.
std::string cut(std::string_view text, std::size_t columns) {
  if (width(text) <= columns) return std::string(text);
  std::size_t at = 0;
  for (std::size_t letters = 0; at < text.size(); ++at) {
    const bool begins = (static_cast<unsigned char>(text[at]) & 0xc0) != 0x80;
    if (begins && letters++ == columns - 1) break;
  }
  return std::string(text.substr(0, at)) + ".";
}

std::string printf_text(const char* format, double value) {
  char buffer[64];
  const auto n = std::snprintf(buffer, sizeof buffer, format, value);
  return std::string(buffer, static_cast<std::size_t>(std::max(0, n)));
}

std::string duration_text(double seconds) {
  const auto size = std::fabs(seconds);
  if (size < 1) return printf_text("%.1f ms", seconds * 1e3);
  if (size < 120) return printf_text("%.2f s", seconds);
  if (size < 7'200) return printf_text("%.1f min", seconds / 60);
  return printf_text("%.1f h", seconds / 3'600);
}

class Printer {
 public:
  explicit Printer(bool colour) : colour_(colour) {}

  Status report(element root);
  std::string take() { return std::move(out_); }

 private:
  void board(element board);
  void metric(element metric);
  void rows(element metric, std::string_view unit);
  void series(element row, std::string_view label, std::size_t across);
  void wrapped(std::string_view text, std::string_view lead);
  std::string styled(std::string_view style, std::string_view text) const {
    if (!colour_) return std::string(text);
    return std::string(style) + std::string(text) + std::string(kPlain);
  }

  const bool colour_;
  std::string out_;
};

Status Printer::report(element root) {
  simdjson::dom::array boards;
  if (root["boards"].get(boards) != simdjson::SUCCESS) {
    return fail(Code::kInvalid, "the server's answer was not understood");
  }
  const auto minute = [](std::string_view iso) {
    std::string out(iso.substr(0, 16));
    if (out.size() == 16) out[10] = ' ';
    return out;
  };
  std::uint64_t position = 0;
  if (root["position"].get(position) != simdjson::SUCCESS) position = 0;
  out_ += styled(kBold, "Report of pack " + std::string(text_of(root, "pack"))) + ", " +
          minute(text_of(root, "from")) + " to " + minute(text_of(root, "to")) +
          " UTC, up to journal position " + std::to_string(position) + "\n";
  for (const auto item : boards) board(item);
  return {};
}

void Printer::board(element board) {
  const std::string title(text_of(board, "title"));
  out_ += "\n" + styled(kBold, title) + "\n" + std::string(kColumns, '-') + "\n";
  simdjson::dom::array metrics;
  if (board["metrics"].get(metrics) != simdjson::SUCCESS) return;
  std::string group;
  for (const auto item : metrics) {
    const auto next = text_of(item, "group");
    if (!next.empty() && next != group && text_of(board, "name") == "key_metrics") {
      group = next;
      out_ += "  " + styled(kDim, group) + "\n";
    }
    metric(item);
  }
}

// Title, value and unit; below it the reason, the definition and the notes.
void Printer::metric(element metric) {
  const auto unit = text_of(metric, "unit");
  const auto value = value_of(metric, "value");
  const auto shown = value ? value_text(*value, unit) : std::string("no data");
  const bool own_form = unit == "ratio" || unit == "seconds";
  const auto title = cut(text_of(metric, "title"), kTitle);
  out_ += "    " + left(title, kTitle) + right(shown, kValue);
  if (value && !own_form) out_ += " " + std::string(unit);
  out_ += "\n";
  if (!value) {
    auto reason = text_of(metric, "reason");
    if (reason.starts_with("no data: ")) reason.remove_prefix(9);
    wrapped(reason, "        because: ");
  }
  wrapped(text_of(metric, "definition"), "        ");
  simdjson::dom::array notes;
  if (metric["notes"].get(notes) == simdjson::SUCCESS) {
    for (const auto note : notes) {
      std::string_view text;
      if (note.get(text) == simdjson::SUCCESS) wrapped(text, "        note: ");
    }
  }
  rows(metric, unit);
}

void Printer::rows(element metric, std::string_view unit) {
  simdjson::dom::array rows;
  if (metric["rows"].get(rows) != simdjson::SUCCESS || rows.size() == 0) return;
  const auto title = text_of(metric, "rows_title");
  const bool is_series = title.find("by hour") != npos || title.find("by UTC day") != npos;
  std::size_t across = 0;
  for (const auto row : rows) {
    const auto label = text_of(row, "label");
    if (is_series && label.find_first_of("0123456789") != npos) {
      series(row, label, across++);
      continue;
    }
    if (across % kRowsAcross != 0) out_ += "\n";
    across = 0;
    const auto value = value_of(row, "value");
    const auto share = value_of(row, "share");
    auto row_unit = text_of(row, "unit");
    if (row_unit.empty()) row_unit = unit;
    out_ += "      - " + left(cut(label, kRowLabel), kRowLabel) +
            right(value ? value_text(*value, row_unit) : "no data", kValue);
    if (share) out_ += right(printf_text("%.1f %%", *share * 100), 10);
    out_ += "\n";
  }
  if (across % kRowsAcross != 0) out_ += "\n";
}

// Many small numbers, eight across: the label of the first stands in front.
void Printer::series(element row, std::string_view label, std::size_t across) {
  const auto value = value_of(row, "value");
  if (across % kRowsAcross == 0) out_ += "      - " + left(label, 18);
  out_ += right(value ? number_text(*value) : "-", 9);
  if (across % kRowsAcross == kRowsAcross - 1) out_ += "\n";
}

// A paragraph broken at blanks, `lead` in front of its first line.
void Printer::wrapped(std::string_view text, std::string_view lead) {
  const auto indent = lead.find_first_not_of(' ') == npos ? lead.size() : std::size_t{10};
  std::string line(lead);
  bool first = true;
  while (!text.empty()) {
    const auto word = text.substr(0, text.find(' '));
    if (!first && width(line) + 1 + width(word) > kColumns) {
      out_ += styled(kDim, line) + "\n";
      line.assign(indent, ' ');
    } else if (!first) {
      line += ' ';
    }
    line += word;
    first = false;
    text.remove_prefix(std::min(text.size(), word.size() + 1));
  }
  out_ += styled(kDim, line) + "\n";
}

}  // namespace

std::string number_text(double value) {
  if (std::fabs(value) >= 1e15) return printf_text("%.6g", value);
  std::string digits = value == std::floor(value)  ? printf_text("%.0f", value)
                       : std::fabs(value) >= 1'000 ? printf_text("%.1f", value)
                       : std::fabs(value) >= 0.01  ? printf_text("%.2f", value)
                                                   : printf_text("%.3g", value);
  const std::size_t start = digits.starts_with('-') ? 1 : 0;
  if (digits.find('e') != std::string::npos) return digits;
  for (auto at = std::min(digits.find('.'), digits.size()); at > start + 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

std::string value_text(double value, std::string_view unit) {
  if (unit == "ratio") return printf_text("%.2f %%", value * 100);
  if (unit == "seconds") return duration_text(value);
  return number_text(value);
}

Result<std::string> report_table(std::string_view json, bool colour) {
  simdjson::dom::parser parser;
  element root;
  if (parser.parse(simdjson::padded_string(json)).get(root) != simdjson::SUCCESS) {
    return fail(Code::kInvalid, "the server's answer was not understood");
  }
  Printer printer(colour);
  SG_TRY(printer.report(root));
  return printer.take();
}

}  // namespace sightglass::app
