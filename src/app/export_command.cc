// `sightglass export`: rows of the history as NDJSON, CSV or Parquet, beside a running server or
// without one.
#include <unistd.h>

#include <cstdio>
#include <limits>

#include "admin/events.h"
#include "app/commands.h"
#include "app/config_file.h"
#include "app/packs.h"
#include "base/json_writer.h"
#include "base/text.h"
#include "store/file_rows.h"

namespace sightglass::app {
namespace {

// Bytes to standard output or into a file that appears under its name when it is whole.
class Output {
 public:
  Output(const std::string& path, FileSystem& fs) : path_(path), to_stdout_(path == "-"), fs_(fs) {}
  ~Output() {
    file_.reset();
    if (made_) (void)fs_.remove(aside());  // of an export that failed
  }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  bool to_stdout() const { return to_stdout_; }
  std::string aside() const { return path_ + ".partial"; }

  Status open() {
    if (to_stdout()) return {};
    SG_TRY(claim());
    SG_ASSIGN(file_, fs_.open(aside(), OpenMode::kCreateNew));
    return {};
  }
  // The name is free, and what is at aside() from now on is ours.
  Status claim() {
    if (fs_.exists(path_)) {
      return fail(Code::kExists, path_ + " is there already; name another file with --output");
    }
    SG_TRY(fs_.remove(aside()));
    made_ = true;
    return {};
  }
  Status write(std::string_view text) {
    buffer_ += text;
    return buffer_.size() < kBufferBytes ? Status() : flush();
  }
  Status flush() {
    if (!to_stdout()) {
      SG_TRY(file_->append(buffer_));
    } else if (std::fwrite(buffer_.data(), 1, buffer_.size(), stdout) != buffer_.size() ||
               std::fflush(stdout) != 0) {
      return fail(Code::kIo, "standard output takes no more");
    }
    buffer_.clear();
    return {};
  }
  Status finish() {
    SG_TRY(flush());
    if (to_stdout()) return {};
    SG_TRY(file_->sync_data());
    file_.reset();
    return place();
  }
  Status place() {
    SG_TRY(fs_.rename(aside(), path_));
    made_ = false;
    return {};
  }

 private:
  static constexpr std::size_t kBufferBytes = 1u << 20;
  const std::string path_;
  const bool to_stdout_;
  FileSystem& fs_;
  std::unique_ptr<File> file_;
  std::string buffer_;
  bool made_ = false;
};

// RFC 4180: quoted where a comma, quote or line break stands inside.
void append_csv(std::string& out, std::string_view text) {
  if (text.find_first_of(",\"\r\n") == text.npos) {
    out += text;
    return;
  }
  out.push_back('"');
  for (const char c : text) {
    if (c == '"') out.push_back('"');
    out.push_back(c);
  }
  out.push_back('"');
}

void append_value(std::string& out, const store::StoredEvent::Field& field) {
  const auto value = field.value();
  switch (field.kind) {
    case event::Kind::kText:
      append_csv(out, value.as_text());
      break;
    case event::Kind::kBool:
      out += value.as_bool() ? "true" : "false";
      break;
    case event::Kind::kInt:
      append_int(out, value.as_int());
      break;
    case event::Kind::kDouble:
      append_double(out, value.as_double());
      break;
    case event::Kind::kNull:
      break;
  }
}

// Integers of nanoseconds for times: no reader rounds them.
void append_row(std::string& out, const store::StoredEvent& row,
                const std::vector<std::string>& columns) {
  std::size_t next = 0;  // of row.fields, which come in the columns' order
  for (std::size_t c = 0; c < columns.size(); ++c) {
    if (c != 0) out.push_back(',');
    const auto& name = columns[c];
    if (name == "pos") {
      append_int(out, static_cast<std::int64_t>(row.position));
    } else if (name == "accept_time") {
      append_int(out, row.accept_ns);
    } else if (name == "event_time") {
      append_int(out, row.time_ns);
    } else if (name == "event_type") {
      append_csv(out, row.type);
    } else if (name == "level") {
      append_csv(out, row.level);
    } else if (name == "terminal") {
      out += row.terminal ? "true" : "false";
    } else if (next < row.fields.size() && row.fields[next].name == name) {
      append_value(out, row.fields[next++]);
    }
  }
  out.push_back('\n');
}

Result<Nanos> time_of(const std::string& text, const char* option) {
  if (const auto seconds = parse_int(text); seconds && *seconds >= 0 && *seconds < 9'000'000'000) {
    return *seconds * kSecond;
  }
  return fail(Code::kInvalid,
              std::string(option) + " must be Unix seconds such as 1760000000, not '" + text + "'");
}

Result<store::Range> range_of(const ExportArguments& a, const Clock& clock) {
  store::Range out{std::numeric_limits<Nanos>::min(), std::numeric_limits<Nanos>::max()};
  if (!a.since.empty()) {
    const auto since = parse_duration_ns(a.since);
    if (!a.start.empty() || !since) {
      return fail(Code::kInvalid,
                  a.start.empty()
                      ? "--since must be a duration such as 24h or 7d, not '" + a.since + "'"
                      : "--since and --start exclude each other");
    }
    out.start_ns = clock.wall_ns() - *since;
  }
  if (!a.start.empty()) {
    SG_ASSIGN(out.start_ns, time_of(a.start, "--start"));
  }
  if (!a.end.empty()) {
    SG_ASSIGN(out.end_ns, time_of(a.end, "--end"));
  }
  if (out.end_ns <= out.start_ns) return fail(Code::kInvalid, "the end must be after the start");
  return out;
}

using Keep = std::function<bool(const store::StoredEvent&)>;

Result<std::uint64_t> export_lines(const ExportArguments& a, store::FileRows& rows,
                                   store::Range range, const Keep& keep, FileSystem& fs) {
  Output output(a.output, fs);
  SG_TRY(output.open());
  const bool csv = a.format == "csv";
  // The gateway's id is the same in every row of a history.
  std::vector<std::string> columns;
  std::string line;
  for (const auto& name : rows.columns()) {
    if (name == "gateway") continue;
    columns.push_back(name);
    if (csv) line += (line.empty() ? "" : ",") + name;
  }
  if (csv) SG_TRY(output.write(line + "\n"));
  std::uint64_t count = 0;
  SG_TRY(rows.each(range, [&](const store::StoredEvent& row) -> Status {
    if (keep && !keep(row)) return {};
    ++count;
    line.clear();
    if (csv) {
      append_row(line, row, columns);
    } else {
      admin::append_event_json(row, line);
      line.push_back('\n');
    }
    return output.write(line);
  }));
  SG_TRY(output.finish());
  return count;
}

Status copy_to_stdout(FileSystem& fs, const std::string& path) {
  SG_ASSIGN(const auto file, fs.open(path, OpenMode::kRead));
  std::string piece(1u << 20, '\0');
  for (std::uint64_t at = 0;;) {
    SG_ASSIGN(const auto got, file->pread(piece.data(), piece.size(), at));
    if (got == 0) break;
    if (std::fwrite(piece.data(), 1, got, stdout) != got) {
      return fail(Code::kIo, "standard output takes no more");
    }
    at += got;
  }
  return std::fflush(stdout) == 0 ? Status() : fail(Code::kIo, "standard output takes no more");
}

Result<std::uint64_t> export_parquet(const ExportArguments& a, store::FileRows& rows,
                                     store::Range range, const Keep& keep, FileSystem& fs) {
  std::vector<std::uint64_t> positions;
  if (keep) {
    SG_TRY(rows.each(range, [&](const store::StoredEvent& row) -> Status {
      if (keep(row)) positions.push_back(row.position);
      return {};
    }));
  }
  // A Parquet file is not written from front to back: for a pipe it is made beside first.
  char made[] = "/tmp/sightglass-export-XXXXXX";
  auto path = a.output;
  if (path == "-") {
    if (mkdtemp(made) == nullptr) return fail(Code::kIo, "no temporary folder can be made");
    path = std::string(made) + "/rows.parquet";
  }
  const auto write = [&]() -> Result<std::uint64_t> {
    Output output(path, fs);
    SG_TRY(output.claim());
    SG_ASSIGN(const auto count,
              rows.copy_parquet(range, keep ? &positions : nullptr, output.aside()));
    {
      SG_ASSIGN(const auto file, fs.open(output.aside(), OpenMode::kRead));
      SG_TRY(file->sync_data());
    }
    SG_TRY(output.place());
    if (a.output == "-") SG_TRY(copy_to_stdout(fs, path));
    return count;
  };
  auto out = write();
  if (a.output == "-") {
    (void)fs.remove(path);
    (void)::rmdir(made);
  }
  return out;
}

Result<std::uint64_t> run(const ExportArguments& a, FileSystem& fs) {
  if (a.format != "ndjson" && a.format != "csv" && a.format != "parquet") {
    return fail(Code::kInvalid, "--format is ndjson, csv or parquet, not '" + a.format + "'");
  }
  SystemClock clock;
  SG_ASSIGN(const auto range, range_of(a, clock));
  Keep keep;
  if (!a.filter.empty()) {
    SG_ASSIGN(const auto config, load_config(a.config_file));
    SG_ASSIGN(const auto packs, load_packs(config, fs));
    SG_ASSIGN(keep, admin::row_filter(a.filter, packs.catalogue));
  }
  SG_ASSIGN(const auto rows, store::FileRows::open(a.data + "/store", fs));
  if (a.format == "parquet") return export_parquet(a, *rows, range, keep, fs);
  return export_lines(a, *rows, range, keep, fs);
}

}  // namespace

int export_command(const ExportArguments& arguments) {
  PosixFileSystem fs;
  const auto count = run(arguments, fs);
  if (!count) {
    std::fprintf(stderr, "sightglass export: %s\n", count.error().message.c_str());
    return 2;
  }
  std::fprintf(stderr, "%llu rows\n", static_cast<unsigned long long>(*count));
  return 0;
}

}  // namespace sightglass::app
