#include "meter/exposition.h"

#include <charconv>
#include <cmath>
#include <vector>

#include "base/json_writer.h"

namespace sightglass::meter {
namespace {

__extension__ typedef unsigned __int128 UInt128;

constexpr std::string_view kTotal = "_total";

std::string_view without_total(std::string_view name) {
  return name.ends_with(kTotal) ? name.substr(0, name.size() - kTotal.size()) : name;
}

void append_escaped(std::string& out, std::string_view text, bool quotes) {
  for (std::size_t i = 0; i < text.size();) {
    const auto at = text.find_first_of(quotes ? "\\\n\"" : "\\\n", i);
    if (at == std::string_view::npos) {
      out.append(text.substr(i));
      return;
    }
    out.append(text, i, at - i);
    out.push_back('\\');
    out.push_back(text[at] == '\n' ? 'n' : text[at]);
    i = at + 1;
  }
}

std::string_view type_name(event::MeterType type) {
  switch (type) {
    case event::MeterType::kCounter:
      return "counter";
    case event::MeterType::kGauge:
      return "gauge";
    case event::MeterType::kHistogram:
      return "histogram";
    case event::MeterType::kDistinct:
      return "gauge";
  }
  return "unknown";
}

// A name that is none to older scrapers stands in quotes.
bool needs_quotes(std::string_view name) { return name.find('.') != std::string_view::npos; }

void append_header(std::string_view name, event::MeterType type, std::string_view help,
                   std::string_view unit, Format format, std::string& out) {
  auto family = family_name(name, type, format);
  const bool is_unit = !unit.empty() && family.size() > unit.size() && family.ends_with(unit) &&
                       family[family.size() - unit.size() - 1] == '_';
  if (needs_quotes(family)) family = '"' + family + '"';
  out.append("# HELP ").append(family).push_back(' ');
  append_escaped(out, help, format == Format::kOpenMetrics100);
  out.append("\n# TYPE ").append(family).push_back(' ');
  out.append(type_name(type)).push_back('\n');
  // OpenMetrics takes a unit only where it is the name's suffix.
  if (format == Format::kOpenMetrics100 && is_unit) {
    out.append("# UNIT ").append(family).push_back(' ');
    out.append(unit).push_back('\n');
  }
}

// `{a="x",b="y"` without its end, so that `le` can follow; empty without labels.
void render_labels(const std::vector<std::string>& names, std::string_view key, std::string& out) {
  out.clear();
  ByteReader reader(key);
  char separator = '{';
  for (const auto& name : names) {
    out.push_back(separator);
    out.append(name).append("=\"");
    append_escaped(out, reader.string(), true);
    out.push_back('"');
    separator = ',';
  }
}

void append_magnitude(std::string& out, UInt128 value) {
  char buffer[40];
  char* p = buffer + sizeof buffer;
  do {
    *--p = static_cast<char>('0' + static_cast<int>(value % 10));
    value /= 10;
  } while (value != 0);
  out.append(p, static_cast<std::size_t>(buffer + sizeof buffer - p));
}

void append_real(std::string& out, double value) {
  if (std::isnan(value)) {
    out.append("NaN");
  } else if (std::isinf(value)) {
    out.append(value > 0 ? "+Inf" : "-Inf");
  } else if (value == std::floor(value) && std::abs(value) < 9e15) {
    append_int(out, static_cast<std::int64_t>(value));
  } else {
    append_double(out, value);
  }
}

double scaled_by(double value, int scale) {
  return scale <= 0 ? value / power_of_ten(-scale) : value * power_of_ten(scale);
}

// One sample line: name, suffix, labels (with `le` when given), value by `write`.
class Lines {
 public:
  Lines(std::string_view base, std::string& out)
      : base_(base), quoted_(needs_quotes(base)), out_(out) {}

  std::string& begin(std::string_view suffix, std::string_view labels) {
    if (!begin_name(suffix, labels)) {
      out_.push_back(' ');
    } else {
      out_.append("} ");
    }
    return out_;
  }
  std::string& begin_bucket(std::string_view labels, std::string_view le) {
    out_.push_back(begin_name("_bucket", labels) ? ',' : '{');
    out_.append("le=\"").append(le).append("\"} ");
    return out_;
  }
  void end() { out_.push_back('\n'); }

 private:
  // Whether a brace is open now.
  bool begin_name(std::string_view suffix, std::string_view labels) {
    if (!quoted_) {
      out_.append(base_).append(suffix).append(labels);
      return !labels.empty();
    }
    out_.append("{\"").append(base_).append(suffix).push_back('"');
    if (!labels.empty()) out_.append(",").append(labels.substr(1));
    return true;
  }

  std::string_view base_;
  bool quoted_;
  std::string& out_;
};

void append_created(Lines& lines, std::string_view labels, Nanos created_ns) {
  append_decimal(lines.begin("_created", labels), created_ns / kMillisecond, 3);
  lines.end();
}

void append_histogram(const SeriesTable& table, SeriesTable::Index index, std::string_view labels,
                      const std::vector<std::string>& bounds, Lines& lines) {
  const std::uint64_t* counts = table.buckets(index);
  std::uint64_t cumulated = 0;
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    cumulated += counts[i];
    append_uint(lines.begin_bucket(labels, bounds[i]), cumulated);
    lines.end();
  }
  append_sum(lines.begin("_sum", labels), table.reading(index).sum, table.definition().scale);
  lines.end();
  append_uint(lines.begin("_count", labels), cumulated);
  lines.end();
}

}  // namespace

std::string family_name(std::string_view name, event::MeterType type, Format format) {
  if (format == Format::kOpenMetrics100 && type == event::MeterType::kCounter) {
    return std::string(without_total(name));
  }
  return std::string(name);
}

void append_scaled(std::string& out, Int128 value, int scale) {
  UInt128 magnitude = static_cast<UInt128>(value);
  if (value < 0) {
    out.push_back('-');
    magnitude = 0 - magnitude;
  }
  for (int i = 0; i < scale && magnitude != 0; ++i) magnitude *= 10;
  if (scale >= 0) {
    append_magnitude(out, magnitude);
    return;
  }
  if (scale >= -18 && (magnitude >> 63) == 0) {
    append_decimal(out, static_cast<std::int64_t>(magnitude), -scale);
    return;
  }
  // All digits, at least one before the point, none behind it that says nothing.
  std::string digits;
  append_magnitude(digits, magnitude);
  const auto places = static_cast<std::size_t>(-scale);
  if (digits.size() <= places) digits.insert(0, places + 1 - digits.size(), '0');
  const auto whole = digits.size() - places;
  const auto last = digits.find_last_not_of('0');
  out.append(digits, 0, whole);
  if (last == std::string::npos || last < whole) return;
  out.push_back('.');
  out.append(digits, whole, last - whole + 1);
}

std::string bound_text(double bound) {
  if (std::isinf(bound)) return bound > 0 ? "+Inf" : "-Inf";
  char buffer[400];
  const double magnitude = std::abs(bound);
  const bool fixed = magnitude == 0 || (magnitude >= 1e-4 && magnitude < 1e16);
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, bound,
                                 fixed ? std::chars_format::fixed : std::chars_format::scientific)
                       .ptr;
  std::string out(buffer, end);
  if (fixed && out.find('.') == std::string::npos) out.append(".0");
  return out;
}

void append_sum(std::string& out, const Sum& sum, int scale) {
  if (sum.has_real) {
    append_real(out, scaled_by(sum.as_double(), scale));
  } else if (sum.nano == 0) {
    append_scaled(out, sum.whole, scale);
  } else {
    const auto nanos = static_cast<UInt128>(sum.whole) * 1'000'000'000 + sum.nano;
    append_scaled(out, static_cast<Int128>(nanos), scale - 9);
  }
}

void append_reading(const SeriesTable& table, SeriesTable::Index index, Nanos last_event_ns,
                    std::string& out) {
  const Definition& definition = table.definition();
  const Reading& reading = table.reading(index);
  constexpr Nanos kMinute = 60 * kSecond;
  if (definition.type == event::MeterType::kDistinct) {
    append_uint(out, table.different(index));
  } else if (definition.type == event::MeterType::kGauge && definition.default_value &&
             last_event_ns / kMinute > reading.touched_ns / kMinute) {
    append_real(out, *definition.default_value);
  } else {
    append_sum(out, reading.sum, definition.scale);
  }
}

void append_table(const SeriesTable& table, Exposition how, Nanos last_event_ns, std::string& out) {
  const Format format = how.format;
  const Definition& definition = table.definition();
  const bool open_metrics = format == Format::kOpenMetrics100;
  const bool dotted = how.names == Names::kDotted && !definition.dotted.empty();
  const auto& name = dotted ? definition.dotted : definition.name;
  append_header(name, definition.type, definition.help, definition.unit, format, out);
  const auto family = family_name(name, definition.type, format);
  Lines lines(family, out);
  std::vector<std::string> bounds;
  for (const double bound : definition.buckets) bounds.push_back(bound_text(bound));
  if (definition.type == event::MeterType::kHistogram) bounds.emplace_back("+Inf");
  const bool counter = definition.type == event::MeterType::kCounter;
  const std::string_view suffix = counter && open_metrics ? kTotal : std::string_view();
  std::string labels;
  for (SeriesTable::Index i = 0; i < table.size(); ++i) {
    if (table.reading(i).parked) continue;
    const Series& series = table.series(i);
    render_labels(definition.labels, series.key, labels);
    if (definition.type == event::MeterType::kHistogram) {
      append_histogram(table, i, labels, bounds, lines);
    } else {
      append_reading(table, i, last_event_ns, lines.begin(suffix, labels));
      lines.end();
    }
    if (open_metrics && (counter || definition.type == event::MeterType::kHistogram)) {
      append_created(lines, labels, series.created_ns);
    }
  }
}

void append_family(const Telemetry::Family& family, Format format, std::string& out) {
  const auto type = family.kind == Telemetry::Kind::kCounter ? event::MeterType::kCounter
                                                             : event::MeterType::kGauge;
  append_header(family.name, type, family.help, {}, format, out);
  const auto name = family_name(family.name, type, format);
  Lines lines(name, out);
  const bool counter = type == event::MeterType::kCounter;
  const std::string_view suffix =
      counter && format == Format::kOpenMetrics100 ? kTotal : std::string_view();
  std::string labels;
  for (const auto& sample : family.samples) {
    labels.clear();
    for (const auto& [label, value] : sample.labels) {
      labels.push_back(labels.empty() ? '{' : ',');
      labels.append(label).append("=\"");
      append_escaped(labels, value, true);
      labels.push_back('"');
    }
    append_real(lines.begin(suffix, labels), sample.value);
    lines.end();
  }
}

void append_end(Format format, std::string& out) {
  if (format == Format::kOpenMetrics100) out.append("# EOF\n");
}

}  // namespace sightglass::meter
