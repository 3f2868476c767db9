#include "app/query_table.h"

#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "app/report_table.h"
#include "base/clock.h"
#include "base/json_writer.h"

namespace sightglass::app {
namespace {

using simdjson::dom::element;

constexpr std::size_t kTrendWidth = 40;
constexpr std::size_t kTextWidth = 48;  // of a group's value; the rest is cut
constexpr std::string_view kNone = "-";

struct Column {
  std::string name, role, unit, error;
  bool is(std::string_view wanted) const { return role == wanted; }
  bool is_number() const { return role != "time" && role != "group"; }
};

struct Answer {
  std::vector<Column> columns;
  std::vector<std::vector<element>> rows;
  std::string from, to, previous_from, newest, source;
  std::int64_t step_seconds = 0;
  std::uint64_t position = 0;
  std::vector<std::string> notes;
  std::size_t time = SIZE_MAX;  // its column
};

std::string text_of(element object, const char* key) {
  std::string_view out;
  if (object[key].get(out) != simdjson::SUCCESS) return {};
  return std::string(out);
}

// Letters, not bytes.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

std::string padded(std::string_view text, std::size_t columns, bool right) {
  const std::string blanks(columns - std::min(columns, width(text)), ' ');
  return right ? blanks + std::string(text) : std::string(text) + blanks;
}

Result<Answer> read(simdjson::dom::parser& parser, std::string_view json) {
  const auto not_understood = [] { return fail(Code::kInvalid, "the answer was not understood"); };
  Answer out;
  element root;
  simdjson::dom::array columns, rows;
  // The parser keeps what it read.
  if (parser.parse(json.data(), json.size()).get(root) != simdjson::SUCCESS ||
      root["columns"].get(columns) != simdjson::SUCCESS ||
      root["rows"].get(rows) != simdjson::SUCCESS) {
    return not_understood();
  }
  for (const auto column : columns) {
    if (text_of(column, "role") == "time") out.time = out.columns.size();
    out.columns.push_back({text_of(column, "name"), text_of(column, "role"),
                           text_of(column, "unit"), text_of(column, "error")});
  }
  for (const auto row : rows) {
    simdjson::dom::array cells;
    if (row.get(cells) != simdjson::SUCCESS || cells.size() != out.columns.size()) {
      return not_understood();
    }
    out.rows.emplace_back(cells.begin(), cells.end());
  }
  out.from = text_of(root, "from");
  out.to = text_of(root, "to");
  element part;
  if (root["previous"].get(part) == simdjson::SUCCESS) out.previous_from = text_of(part, "from");
  if (root["as_of"].get(part) == simdjson::SUCCESS) {
    out.newest = text_of(part, "time");
    if (part["position"].get(out.position) != simdjson::SUCCESS) out.position = 0;
  }
  out.source = text_of(root, "source");
  if (root["step_seconds"].get(out.step_seconds) != simdjson::SUCCESS) out.step_seconds = 0;
  simdjson::dom::array notes;
  if (root["notes"].get(notes) == simdjson::SUCCESS) {
    for (const auto note : notes) {
      std::string_view text;
      if (note.get(text) == simdjson::SUCCESS) out.notes.emplace_back(text);
    }
  }
  return out;
}

std::optional<double> number_of(element cell) {
  double out = 0;
  if (cell.get(out) != simdjson::SUCCESS) return std::nullopt;
  return out;
}

// Whole numbers in full: a double would round those past 2^53.
std::string grouped(std::int64_t value) {
  auto out = std::to_string(value);
  const std::size_t start = value < 0 ? 1 : 0;
  for (auto at = out.size(); at > start + 3;) {
    at -= 3;
    out.insert(at, ",");
  }
  return out;
}

std::string formatted(const char* format, double value) {
  char buffer[64];
  const auto n = std::snprintf(buffer, sizeof buffer, format, value);
  return std::string(buffer, static_cast<std::size_t>(std::max(0, n)));
}

std::string shown(double value, const std::string& unit) {
  if (unit == "us") return value_text(value / 1e6, "seconds");
  if (unit == "ms") return value_text(value / 1e3, "seconds");
  if (unit == "ns") return value_text(value / 1e9, "seconds");
  if (unit == "s") return value_text(value, "seconds");
  if (unit == "ratio") return value_text(value, "ratio");
  if (unit == "nanousd") return formatted("$%.6f", value / 1e9);
  return number_text(value);
}

std::string iso(std::int64_t unix_s) {
  std::string out;
  append_iso8601(out, unix_s * kSecond, 0);
  return out;
}

std::string shown(element cell, const Column& column) {
  if (cell.is_null()) return std::string(kNone);
  std::int64_t whole = 0;
  if (column.is("time")) {
    return cell.get(whole) == simdjson::SUCCESS ? iso(whole) : std::string(kNone);
  }
  if (column.is("change")) return formatted("%+.1f %%", number_of(cell).value_or(0) * 100);
  std::string_view text;
  if (cell.get(text) == simdjson::SUCCESS) {
    std::string out;
    // Nothing of a value may steer the terminal.
    for (const char c : text) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
    if (width(out) <= kTextWidth) return out;
    std::size_t at = 0;
    for (std::size_t letters = 0; at < out.size(); ++at) {
      const bool begins = (static_cast<unsigned char>(out[at]) & 0xc0) != 0x80;
      if (begins && letters++ == kTextWidth - 1) break;
    }
    return out.substr(0, at) + ".";
  }
  bool flag = false;
  if (cell.get(flag) == simdjson::SUCCESS) return flag ? "true" : "false";
  const bool plain = column.unit != "us" && column.unit != "ms" && column.unit != "ns" &&
                     column.unit != "s" && column.unit != "ratio" && column.unit != "nanousd";
  if (plain && cell.is_int64() && cell.get(whole) == simdjson::SUCCESS) return grouped(whole);
  return shown(number_of(cell).value_or(0), column.unit);
}

// The unit where the numbers do not carry it themselves.
std::string head_of(const Column& column) {
  constexpr std::string_view kCarried[] = {
      "", "us", "ms", "ns", "s", "ratio", "nanousd", "unix_s", "requests", "events", "values"};
  if (column.is("change") ||
      std::find(std::begin(kCarried), std::end(kCarried), column.unit) != std::end(kCarried)) {
    return column.name;
  }
  return column.name + " [" + column.unit + "]";
}

class Table {
 public:
  explicit Table(std::vector<bool> right) : right_(std::move(right)) {}
  void add(std::vector<std::string> cells) { lines_.push_back(std::move(cells)); }
  std::string text() const {
    std::vector<std::size_t> widths(right_.size());
    for (const auto& line : lines_) {
      for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], width(line[i]));
    }
    std::string out;
    for (const auto& line : lines_) {
      std::string one;
      for (std::size_t i = 0; i < line.size(); ++i) {
        if (i != 0) one += "  ";
        one += padded(line[i], widths[i], right_[i]);
      }
      one.erase(one.find_last_not_of(' ') + 1);
      out += one + "\n";
    }
    return out;
  }

 private:
  std::vector<bool> right_;
  std::vector<std::vector<std::string>> lines_;
};

std::string each_row(const Answer& answer) {
  std::vector<bool> right;
  std::vector<std::string> head;
  for (const auto& column : answer.columns) {
    right.push_back(column.is_number());
    head.push_back(head_of(column));
  }
  Table table(std::move(right));
  table.add(std::move(head));
  for (const auto& row : answer.rows) {
    std::vector<std::string> cells;
    for (std::size_t i = 0; i < row.size(); ++i) cells.push_back(shown(row[i], answer.columns[i]));
    table.add(std::move(cells));
  }
  return table.text();
}

// The rows of each group, in the order in which the groups come.
std::vector<std::vector<std::size_t>> courses_of(const Answer& answer) {
  std::vector<std::vector<std::size_t>> out;
  std::vector<std::string> keys;
  for (std::size_t r = 0; r < answer.rows.size(); ++r) {
    std::string key;
    for (std::size_t i = 0; i < answer.columns.size(); ++i) {
      if (answer.columns[i].is("group")) key += simdjson::minify(answer.rows[r][i]) + "\n";
    }
    auto at = std::find(keys.begin(), keys.end(), key);
    if (at == keys.end()) {
      keys.push_back(key);
      out.emplace_back();
      at = keys.end() - 1;
    }
    out[static_cast<std::size_t>(at - keys.begin())].push_back(r);
  }
  const auto time_of = [&](std::size_t row) {
    return number_of(answer.rows[row][answer.time]).value_or(0);
  };
  for (auto& rows : out) {
    std::sort(rows.begin(), rows.end(),
              [&](std::size_t a, std::size_t b) { return time_of(a) < time_of(b); });
  }
  return out;
}

std::vector<std::optional<double>> values_of(const Answer& answer,
                                             const std::vector<std::size_t>& rows,
                                             std::size_t column) {
  std::vector<std::optional<double>> out;
  for (const auto row : rows) out.push_back(number_of(answer.rows[row][column]));
  return out;
}

std::optional<Scale> scale_of(const std::vector<std::optional<double>>& values) {
  std::optional<Scale> out;
  for (const auto& value : values) {
    if (!value) continue;
    if (!out) out = Scale{*value, *value};
    out->least = std::min(out->least, *value);
    out->greatest = std::max(out->greatest, *value);
  }
  return out;
}

std::string courses(const Answer& answer) {
  std::vector<bool> right;
  std::vector<std::string> head;
  std::vector<std::size_t> groups;
  for (std::size_t i = 0; i < answer.columns.size(); ++i) {
    if (!answer.columns[i].is("group")) continue;
    groups.push_back(i);
    head.push_back(answer.columns[i].name);
    right.push_back(false);
  }
  for (const auto* name : {"statistic", "course", "least", "greatest", "last"}) {
    head.emplace_back(name);
    right.push_back(head.size() > groups.size() + 2);
  }
  Table table(std::move(right));
  table.add(std::move(head));
  for (const auto& rows : courses_of(answer)) {
    for (std::size_t c = 0; c < answer.columns.size(); ++c) {
      const auto& column = answer.columns[c];
      if (!column.is("statistic") && !column.is("previous")) continue;
      const auto values = values_of(answer, rows, c);
      const auto own = scale_of(values);
      auto scale = own;
      // A statistic and that of the period before are drawn on one scale, to be compared.
      const auto other = column.is("previous") ? c - 1 : c + 1;
      if (other < answer.columns.size() && answer.columns[other].role != column.role &&
          (column.is("previous") || answer.columns[other].is("previous"))) {
        const auto more = scale_of(values_of(answer, rows, other));
        if (scale && more) {
          scale =
              Scale{std::min(scale->least, more->least), std::max(scale->greatest, more->greatest)};
        }
      }
      std::vector<std::string> cells;
      for (const auto group : groups) {
        cells.push_back(shown(answer.rows[rows[0]][group], answer.columns[group]));
      }
      cells.push_back(head_of(column));
      cells.push_back(sparkline(values, kTrendWidth, scale.value_or(Scale())));
      const auto least = own ? std::optional(own->least) : std::nullopt;
      const auto greatest = own ? std::optional(own->greatest) : std::nullopt;
      for (const auto& value : {least, greatest, values.back()}) {
        cells.push_back(value ? shown(*value, column.unit) : std::string(kNone));
      }
      table.add(std::move(cells));
    }
  }
  return table.text();
}

std::string minute(const std::string& text) {
  auto out = text.substr(0, 16);
  if (out.size() == 16) out[10] = ' ';
  return out;
}

std::string csv_text(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == text.npos) return std::string(text);
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

std::string source_line(std::string_view source) {
  if (source == "rows") return "from single rows\n";
  if (source == "rollups") return "from roll-ups\n";
  if (source == "both") return "from roll-ups, and single rows for what is not in them\n";
  return {};
}

}  // namespace

std::string sparkline(const std::vector<std::optional<double>>& values, std::size_t width_,
                      Scale scale) {
  constexpr std::string_view kHeights[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  const auto cells = std::min(values.size(), width_);
  std::vector<std::optional<double>> means(cells);
  for (std::size_t i = 0; i < cells; ++i) {
    double sum = 0, count = 0;
    for (auto at = i * values.size() / cells; at < (i + 1) * values.size() / cells; ++at) {
      if (values[at]) sum += *values[at], ++count;
    }
    if (count != 0) means[i] = sum / count;
  }
  std::string out;
  for (const auto& mean : means) {
    if (!mean) {
      out += "·";
      continue;
    }
    const auto span = scale.greatest - scale.least;
    const auto share = span > 0 ? std::clamp((*mean - scale.least) / span, 0.0, 1.0) : 0;
    out += kHeights[std::min<std::size_t>(7, static_cast<std::size_t>(share * 8))];
  }
  return out;
}

Result<QueryText> query_table(std::string_view json, Layout layout) {
  simdjson::dom::parser parser;
  SG_ASSIGN(const auto answer, read(parser, json));
  QueryText out;
  out.rows = answer.rows.size();
  out.text = minute(answer.from) + " to " + minute(answer.to) + " UTC";
  if (!answer.previous_from.empty()) {
    out.text += ", compared with the period from " + minute(answer.previous_from);
  }
  out.text += ", up to journal position " + std::to_string(answer.position) + "\n";
  if (answer.rows.empty()) {
    out.text += "no rows\n";
  } else if (answer.step_seconds != 0 && layout == Layout::kCourses) {
    out.text += courses(answer);
  } else {
    out.text += each_row(answer);
  }
  for (const auto& column : answer.columns) {
    if (column.error.empty() || !column.is("statistic")) continue;
    out.text += column.name + ": " + column.error + "\n";
  }
  for (const auto& note : answer.notes) out.text += "note: " + note + "\n";
  out.text += source_line(answer.source);
  return out;
}

Result<QueryText> query_csv(std::string_view json) {
  simdjson::dom::parser parser;
  SG_ASSIGN(const auto answer, read(parser, json));
  QueryText out;
  out.rows = answer.rows.size();
  const auto line = [&](const std::vector<std::string>& cells) {
    for (std::size_t i = 0; i < cells.size(); ++i) out.text += (i == 0 ? "" : ",") + cells[i];
    out.text += "\r\n";
  };
  std::vector<std::string> head;
  for (const auto& column : answer.columns) head.push_back(csv_text(column.name));
  line(head);
  for (const auto& row : answer.rows) {
    std::vector<std::string> cells;
    for (std::size_t i = 0; i < row.size(); ++i) {
      std::string_view text;
      std::int64_t time = 0;
      if (row[i].is_null()) {
        cells.emplace_back();
      } else if (answer.columns[i].is("time") && row[i].get(time) == simdjson::SUCCESS) {
        cells.push_back(iso(time));
      } else if (row[i].get(text) == simdjson::SUCCESS) {
        cells.push_back(csv_text(text));
      } else {
        cells.push_back(simdjson::minify(row[i]));
      }
    }
    line(cells);
  }
  return out;
}

}  // namespace sightglass::app
