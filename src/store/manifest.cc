#include "store/manifest.h"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "base/crc32c.h"
#include "base/json_writer.h"
#include "base/text.h"

namespace sightglass::store {
namespace {

constexpr std::string_view kFormat = "sightglass-store";
constexpr std::string_view kCrcKey = ",\"crc32c\":\"";
constexpr std::size_t kPositionDigits = 20, kGenerationDigits = 10;

std::string hex8(std::uint32_t value) {
  char out[9];
  std::snprintf(out, sizeof out, "%08x", value);
  return out;
}

void write_totals(JsonWriter& w, const journal::Totals& totals) {
  w.key("requests").unsigned_integer(totals.requests);
  w.key("input_tokens").unsigned_integer(totals.input_tokens);
  w.key("output_tokens").unsigned_integer(totals.output_tokens);
  w.key("cost_nanousd").integer(totals.cost_nanousd);
  w.key("unpriced").unsigned_integer(totals.unpriced);
}

void write_file(JsonWriter& w, const ManifestFile& file) {
  w.begin_object();
  w.key("name").string(file.name);
  w.key("bytes").unsigned_integer(file.bytes);
  w.key("crc32c").unsigned_integer(file.crc);
  w.key("covers_from").unsigned_integer(file.covers_from);
  w.key("covers_to").unsigned_integer(file.covers_to);
  w.key("rows").unsigned_integer(file.facts.rows);
  w.key("first_position").unsigned_integer(file.facts.first);
  w.key("last_position").unsigned_integer(file.facts.last);
  w.key("min_time_ns").integer(file.facts.min_time_ns);
  w.key("max_time_ns").integer(file.facts.max_time_ns);
  w.key("accepted_from_ns").integer(file.facts.accepted_from_ns);
  w.key("accepted_to_ns").integer(file.facts.accepted_to_ns);
  write_totals(w, file.facts.totals);
  w.end_object();
}

void write_rollup(JsonWriter& w, const ManifestRollup& rollup) {
  w.begin_object();
  w.key("name").string(rollup.name);
  w.key("bytes").unsigned_integer(rollup.bytes);
  w.key("crc32c").unsigned_integer(rollup.crc);
  w.end_object();
}

// Reads members; the first that is missing or of another kind turns ok off.
class Members {
 public:
  Members(simdjson::dom::element element, bool& ok) : ok_(ok) {
    ok_ = ok_ && element.get(object_) == simdjson::SUCCESS;
  }
  std::uint64_t number(std::string_view key) { return get<std::uint64_t>(key); }
  std::int64_t integer(std::string_view key) { return get<std::int64_t>(key); }
  // What version 1 does not have: 0 there.
  std::int64_t integer_since_2(std::string_view key) {
    std::int64_t out = 0;
    const auto error = ok_ ? object_.at_key(key).get(out) : simdjson::NO_SUCH_FIELD;
    ok_ = ok_ && (error == simdjson::SUCCESS || error == simdjson::NO_SUCH_FIELD);
    return error == simdjson::SUCCESS ? out : 0;
  }
  std::string text(std::string_view key) { return std::string(get<std::string_view>(key)); }
  template <typename Element>
  void each(std::string_view key, Element element) {
    const auto array = get<simdjson::dom::array>(key);
    if (!ok_) return;
    for (const auto item : array) element(item);
  }
  template <typename Element>
  void each_since_2(std::string_view key, Element element) {
    simdjson::dom::array array;
    const auto error = ok_ ? object_.at_key(key).get(array) : simdjson::NO_SUCH_FIELD;
    ok_ = ok_ && (error == simdjson::SUCCESS || error == simdjson::NO_SUCH_FIELD);
    if (error != simdjson::SUCCESS) return;
    for (const auto item : array) element(item);
  }
  journal::Totals totals() {
    return {number("requests"), number("input_tokens"), number("output_tokens"),
            integer("cost_nanousd"), number("unpriced")};
  }

 private:
  template <typename T>
  T get(std::string_view key) {
    T out{};
    if (ok_ && object_.at_key(key).get(out) != simdjson::SUCCESS) ok_ = false;
    return ok_ ? out : T{};
  }
  simdjson::dom::object object_;
  bool& ok_;
};

ManifestFile read_file_entry(simdjson::dom::element element, bool& ok) {
  Members m(element, ok);
  ManifestFile file;
  file.name = m.text("name");
  file.bytes = m.number("bytes");
  file.crc = static_cast<std::uint32_t>(m.number("crc32c"));
  file.covers_from = m.number("covers_from");
  file.covers_to = m.number("covers_to");
  file.facts.rows = m.number("rows");
  file.facts.first = m.number("first_position");
  file.facts.last = m.number("last_position");
  file.facts.min_time_ns = m.integer("min_time_ns");
  file.facts.max_time_ns = m.integer("max_time_ns");
  file.facts.accepted_from_ns = m.integer_since_2("accepted_from_ns");
  file.facts.accepted_to_ns = m.integer_since_2("accepted_to_ns");
  file.facts.totals = m.totals();
  ManifestFile named;
  std::uint64_t generation = 0;  // names become paths: only our own form may
  ok = ok && parse_file_name(file.name, named, generation);
  return file;
}

ManifestRollup read_rollup_entry(simdjson::dom::element element, bool& ok) {
  Members m(element, ok);
  ManifestRollup out;
  out.name = m.text("name");
  out.bytes = m.number("bytes");
  out.crc = static_cast<std::uint32_t>(m.number("crc32c"));
  std::uint64_t number = 0;
  ok = ok && parse_rollup_file_name(out.name, out, number);
  return out;
}

// By step and partition, each once.
bool ascending(const std::vector<ManifestRollup>& rollups) {
  for (std::size_t i = 1; i < rollups.size(); ++i) {
    const auto &a = rollups[i - 1], &b = rollups[i];
    if (std::pair(a.step, a.partition_ns) >= std::pair(b.step, b.partition_ns)) return false;
  }
  return true;
}

bool type_named(std::string_view name, duck::Type& out) {
  for (const auto type : {duck::Type::kBoolean, duck::Type::kBigint, duck::Type::kUbigint,
                          duck::Type::kDouble, duck::Type::kText, duck::Type::kTimestampNs}) {
    if (duck::sql_name(type) == name) return out = type, true;
  }
  return false;
}

bool disjoint(const std::vector<ManifestFile>& files) {
  journal::Position behind = 0;
  for (const auto& file : files) {
    if (file.covers_from <= behind || file.covers_to < file.covers_from) return false;
    behind = file.covers_to;
  }
  return true;
}

bool parse_digits(std::string_view text, std::uint64_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

bool read_body(simdjson::dom::element root, Manifest& out) {
  bool ok = true;
  Members m(root, ok);
  out.generation = m.number("generation");
  out.covered = m.number("covered");
  m.each("columns", [&](simdjson::dom::element element) {
    Members c(element, ok);
    Column column;
    column.name = c.text("name");
    column.in_use = c.number("in_use") != 0;
    ok = ok && type_named(c.text("type"), column.type) && !column.name.empty();
    out.columns.push_back(std::move(column));
  });
  m.each("files", [&](simdjson::dom::element element) {
    out.files.push_back(read_file_entry(element, ok));
  });
  m.each("retired", [&](simdjson::dom::element element) {
    std::string_view name;
    ManifestFile named;
    std::uint64_t generation = 0;
    ok = ok && element.get(name) == simdjson::SUCCESS && parse_file_name(name, named, generation);
    out.retired.emplace_back(name);
  });
  out.rolled_up = static_cast<journal::Position>(m.integer_since_2("rolled_up"));
  m.each_since_2("rollups", [&](simdjson::dom::element element) {
    out.rollups.push_back(read_rollup_entry(element, ok));
  });
  simdjson::dom::element expired, lost;
  ok = ok && root["expired"].get(expired) == simdjson::SUCCESS &&
       root["lost"].get(lost) == simdjson::SUCCESS;
  if (!ok) return false;
  Members e(expired, ok);
  out.expired_files = e.number("files");
  out.expired_rows = e.number("rows");
  out.expired_totals = e.totals();
  out.expired_newest_ns = e.integer_since_2("newest_ns");
  Members l(lost, ok);
  out.lost_files = l.number("files");
  out.lost_rows = l.number("rows");
  l.each_since_2("wanted", [&](simdjson::dom::element element) {
    out.wanted.push_back(read_file_entry(element, ok));
  });
  return ok && disjoint(out.files) && ascending(out.rollups) && out.rolled_up <= out.covered &&
         (out.files.empty() || out.files.back().covers_to <= out.covered);
}

}  // namespace

std::string file_name(journal::Position from, journal::Position to, std::uint64_t generation) {
  char out[96];
  std::snprintf(out, sizeof out, "%020llu-%020llu.%010llu.parquet",
                static_cast<unsigned long long>(from), static_cast<unsigned long long>(to),
                static_cast<unsigned long long>(generation));
  return out;
}

bool parse_file_name(std::string_view name, ManifestFile& out, std::uint64_t& generation) {
  constexpr std::string_view kSuffix = ".parquet";
  constexpr auto kSize = 2 * kPositionDigits + kGenerationDigits + 2 + kSuffix.size();
  if (name.size() != kSize || !name.ends_with(kSuffix) || name[kPositionDigits] != '-' ||
      name[2 * kPositionDigits + 1] != '.') {
    return false;
  }
  return parse_digits(name.substr(0, kPositionDigits), out.covers_from) &&
         parse_digits(name.substr(kPositionDigits + 1, kPositionDigits), out.covers_to) &&
         parse_digits(name.substr(2 * kPositionDigits + 2, kGenerationDigits), generation);
}

std::string rollup_file_name(RollupStep step, Nanos partition, std::uint64_t number) {
  char out[96];
  const auto name = step_name(step);
  std::snprintf(out, sizeof out, "%.*s-%lld.%010llu.rollup", static_cast<int>(name.size()),
                name.data(), static_cast<long long>(partition / kSecond),
                static_cast<unsigned long long>(number));
  return out;
}

bool parse_rollup_file_name(std::string_view name, ManifestRollup& out, std::uint64_t& number) {
  const auto dash = name.find('-'), dot = name.find('.');
  constexpr std::int64_t kMostSeconds = 9'100'000'000;  // beyond the years of any row
  if (dash == name.npos || dot == name.npos || dot < dash) return false;
  for (const auto step : kRollupSteps) {
    if (name.substr(0, dash) != step_name(step)) continue;
    const auto seconds = parse_int(name.substr(dash + 1, dot - dash - 1));
    if (!seconds || *seconds < -kMostSeconds || *seconds > kMostSeconds) return false;
    out.step = step;
    out.partition_ns = *seconds * kSecond;
    // Whatever else the name may hold: it is ours when it is what we would write.
    return parse_digits(name.substr(dot + 1, kGenerationDigits), number) &&
           begin_of(out.partition_ns, partition_ns(step)) == out.partition_ns &&
           rollup_file_name(step, out.partition_ns, number) == name;
  }
  return false;
}

std::string write_manifest(const Manifest& manifest) {
  std::string out;
  JsonWriter w(out);
  w.begin_object();
  w.key("format").string(kFormat);
  w.key("version").unsigned_integer(kManifestVersion);
  w.key("schema").unsigned_integer(kSchemaVersion);
  w.key("generation").unsigned_integer(manifest.generation);
  w.key("covered").unsigned_integer(manifest.covered);
  w.key("columns").begin_array();
  for (const auto& column : manifest.columns) {
    w.begin_object().key("name").string(column.name);
    w.key("type").string(duck::sql_name(column.type));
    w.key("in_use").unsigned_integer(column.in_use ? 1 : 0).end_object();
  }
  w.end_array();
  w.key("files").begin_array();
  for (const auto& file : manifest.files) {
    out += file.name == manifest.files.front().name ? "\n" : "";
    write_file(w, file);
  }
  w.end_array();
  w.key("retired").begin_array();
  for (const auto& name : manifest.retired) w.string(name);
  w.end_array();
  w.key("rolled_up").unsigned_integer(manifest.rolled_up);
  w.key("rollups").begin_array();
  for (const auto& rollup : manifest.rollups) write_rollup(w, rollup);
  w.end_array();
  w.key("expired").begin_object();
  w.key("files").unsigned_integer(manifest.expired_files);
  w.key("rows").unsigned_integer(manifest.expired_rows);
  write_totals(w, manifest.expired_totals);
  w.key("newest_ns").integer(manifest.expired_newest_ns);
  w.end_object();
  w.key("lost").begin_object();
  w.key("files").unsigned_integer(manifest.lost_files);
  w.key("rows").unsigned_integer(manifest.lost_rows);
  w.key("wanted").begin_array();
  for (const auto& file : manifest.wanted) write_file(w, file);
  w.end_array();
  w.end_object();
  // The checksum is of every byte before its own member.
  const auto crc = crc32c(out);
  out += kCrcKey;
  out += hex8(crc);
  out += "\"}\n";
  return out;
}

Result<Manifest> parse_manifest(std::string_view text) {
  const auto damaged = [] { return fail(Code::kCorrupt, "the manifest is damaged"); };
  const auto crc_at = text.rfind(kCrcKey);
  if (crc_at == text.npos) return damaged();
  const auto crc = text.substr(crc_at + kCrcKey.size());
  if (crc != hex8(crc32c(text.substr(0, crc_at))) + "\"}\n") return damaged();

  simdjson::dom::parser parser;
  simdjson::dom::element root;
  bool ok = parser.parse(text.data(), text.size()).get(root) == simdjson::SUCCESS;
  if (!ok) return damaged();
  Members m(root, ok);
  if (m.text("format") != kFormat) return damaged();
  if (m.number("version") > kManifestVersion || m.number("schema") > kSchemaVersion) {
    return fail(Code::kVersion,
                "the history was written by a newer version of Sightglass; start that version, or "
                "move the store folder away to begin a new history");
  }
  Manifest out;
  if (!ok || !read_body(root, out)) return damaged();
  return out;
}

}  // namespace sightglass::store
