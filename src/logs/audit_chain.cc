#include "logs/audit_chain.h"

#include <algorithm>

#include "base/json_writer.h"
#include "base/sha256.h"
#include "base/text.h"

namespace sightglass::logs {
namespace {

constexpr std::size_t kHashDigits = 64;
constexpr std::string_view kHashKey = R"(,"hash":")";
constexpr std::string_view kPreviousKey = R"(,"previous":")";
constexpr std::size_t kChunk = 64u << 10;
constexpr std::size_t kLongestLine = 64u << 10;
constexpr std::uint32_t kMostBackups = 1000;

bool is_hash(std::string_view text) {
  return text.size() == kHashDigits && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

// Takes `prefix` and the whole number behind it from the front.
std::optional<std::uint64_t> take_number(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return std::nullopt;
  text.remove_prefix(prefix.size());
  std::size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
  const auto value = parse_int(text.substr(0, digits));
  if (!value || *value < 0) return std::nullopt;
  text.remove_prefix(digits);
  return static_cast<std::uint64_t>(*value);
}

// Takes `key`, a hash and a quote from the back.
std::optional<std::string_view> take_hash(std::string_view& text, std::string_view key) {
  const auto size = key.size() + kHashDigits + 1;
  if (text.size() < size) return std::nullopt;
  const auto part = text.substr(text.size() - size);
  const auto hash = part.substr(key.size(), kHashDigits);
  if (!part.starts_with(key) || part.back() != '"' || !is_hash(hash)) return std::nullopt;
  text.remove_suffix(size);
  return hash;
}

void append_value(JsonWriter& json, const event::Value& value) {
  switch (value.kind()) {
    case event::Kind::kNull:
      json.null();
      break;
    case event::Kind::kBool:
      json.boolean(value.as_bool());
      break;
    case event::Kind::kInt:
      json.integer(value.as_int());
      break;
    case event::Kind::kDouble:
      json.number(value.as_double());
      break;
    case event::Kind::kText:
      json.string(value.as_text());
      break;
  }
}

// Gives the whole lines of a file, until `see` says no. Whether the file ends within a line.
Result<bool> each_line(const File& file, const std::function<bool(std::string_view)>& see) {
  std::string buffer;
  std::uint64_t at = 0;
  while (true) {
    const auto kept = buffer.size();
    buffer.resize(kept + kChunk);
    SG_ASSIGN(const auto got, file.pread(buffer.data() + kept, kChunk, at));
    buffer.resize(kept + got);
    at += got;
    std::size_t from = 0;
    for (auto end = buffer.find('\n'); end != std::string::npos; end = buffer.find('\n', from)) {
      if (!see(std::string_view(buffer).substr(from, end - from))) return false;
      from = end + 1;
    }
    buffer.erase(0, from);
    if (got == 0) return !buffer.empty();
    if (buffer.size() > kLongestLine && !see(buffer)) return false;
  }
}

std::string backup(const std::string& path, std::uint32_t n) {
  return n == 0 ? path : path + "." + std::to_string(n);
}

// One walk over a trail.
class Walk {
 public:
  explicit Walk(std::string_view expected) : expected_(expected) {
    verdict_.found_expected = expected.empty();
  }

  Status file(FileSystem& fs, const std::string& path) {
    file_ = path;
    line_ = 0;
    ++verdict_.files;
    SG_ASSIGN(const auto opened, fs.open(path, OpenMode::kRead));
    SG_ASSIGN(verdict_.unfinished,
              each_line(*opened, [this](std::string_view line) { return take(line); }));
    return {};
  }
  bool broken() const { return verdict_.broken.has_value(); }
  AuditVerdict end() { return std::move(verdict_); }

 private:
  bool take(std::string_view line) {
    ++line_;
    const auto link = read_audit_link(line);
    if (!link) return stop("this is not a line of the audit trail");
    if (!audit_hash_is_right(line)) return stop("the line was changed: its hash is another one");
    if (verdict_.links == 0) {
      const auto none = audit_beginning();
      if (link->number == 0) return stop("links are counted from 1");
      if ((link->number == 1) != (link->previous == none.hash)) {
        return stop("the trail does not begin here: lines before this one are missing");
      }
      verdict_.first = *link;
      verdict_.deleted_before = link->number - 1;
    } else {
      const auto& before = verdict_.last;
      if (link->previous != before.hash || link->number != before.number + 1 ||
          link->seq <= before.seq) {
        return stop(link->number > before.number + 1
                        ? "lines before this one are missing"
                        : "the line before this one is not the one that it was bound to");
      }
    }
    ++verdict_.links;
    verdict_.last = *link;
    if (link->hash == expected_) verdict_.found_expected = true;
    return true;
  }

  bool stop(std::string what) {
    const auto wanted = verdict_.links == 0 ? 1 : verdict_.last.number + 1;
    verdict_.broken = AuditVerdict::Break{file_, line_, wanted, std::move(what)};
    return false;
  }

  std::string_view expected_;
  AuditVerdict verdict_;
  std::string file_;
  std::uint64_t line_ = 0;
};

}  // namespace

AuditLink audit_beginning() {
  AuditLink link;
  link.hash.assign(kHashDigits, '0');
  return link;
}

std::optional<AuditLink> read_audit_link(std::string_view line) {
  AuditLink link;
  if (!line.ends_with('}')) return std::nullopt;
  line.remove_suffix(1);
  const auto hash = take_hash(line, kHashKey);
  if (!hash) return std::nullopt;
  const auto previous = take_hash(line, kPreviousKey);
  if (!previous) return std::nullopt;
  const auto number = take_number(line, R"({"link":)");
  const auto seq = number ? take_number(line, R"(,"seq":)") : std::nullopt;
  if (!seq || !line.starts_with(',')) return std::nullopt;
  link.number = *number;
  link.seq = *seq;
  link.previous = *previous;
  link.hash = *hash;
  return link;
}

bool audit_hash_is_right(std::string_view line) {
  const auto behind = kHashKey.size() + kHashDigits + 2;  // and the quote and the brace
  if (line.size() < behind) return false;
  const auto hash = line.substr(line.size() - kHashDigits - 2, kHashDigits);
  return sha256_hex(std::string(line.substr(0, line.size() - behind)) + "}") == hash;
}

AuditWriter::AuditWriter(std::shared_ptr<const event::Catalogue> catalogue)
    : catalogue_(std::move(catalogue)), ingested_(catalogue_->field("ingested")) {
  for (const auto& type : catalogue_->event_types()) {
    audited_.push_back(type.name.starts_with("admin_"));
  }
}

bool AuditWriter::append(const event::Event& event, journal::Position seq, AuditLink& last,
                         std::string& out) const {
  if (event.type >= audited_.size() || !audited_[event.type]) return false;
  if (event.get(ingested_).as_bool()) return false;
  std::string line;
  JsonWriter json(line);
  json.begin_object().key("link").unsigned_integer(last.number + 1);
  json.key("seq").unsigned_integer(seq);
  std::string time;
  append_iso8601(time, event.time_ns, 6);
  json.key("time").string(time);
  json.key("event_type").string(catalogue_->event_types()[event.type].name);
  for (const auto& [field, value] : event.fields) {
    if (field >= catalogue_->fields().size() || value.is_null()) continue;
    const auto& known = catalogue_->fields()[field];
    // What stands for a person is left out, so that nobody's being forgotten breaks the chain.
    if (!event::passes(known.field_class) || known.field_class == event::FieldClass::kIdentifier) {
      continue;
    }
    append_value(json.key(known.name), value);
  }
  json.key("previous").string(last.hash);
  auto hash = sha256_hex(line + "}");
  json.key("hash").string(hash).end_object();
  last = {last.number + 1, seq, std::move(last.hash), std::move(hash)};
  out.append(line).push_back('\n');
  return true;
}

AuditLink last_audit_link(FileSystem& fs, const std::string& path, journal::Position up_to) {
  for (std::uint32_t n = 0; n <= 1; ++n) {
    const auto file = fs.open(backup(path, n), OpenMode::kRead);
    if (!file) continue;
    std::optional<AuditLink> last;
    const auto whole = each_line(**file, [&](std::string_view line) {
      if (auto link = read_audit_link(line); link && link->seq <= up_to) last = std::move(link);
      return true;
    });
    if (whole && last) return *last;
  }
  return audit_beginning();
}

Result<AuditVerdict> verify_audit_trail(FileSystem& fs, const std::string& path,
                                        std::string_view expected_head) {
  if (!fs.exists(path)) {
    return fail(Code::kNotFound, path + " is not there; name the data folder with --data");
  }
  std::uint32_t oldest = 0;
  while (oldest < kMostBackups && fs.exists(backup(path, oldest + 1))) ++oldest;
  Walk walk(expected_head);
  for (auto n = oldest + 1; n-- > 0 && !walk.broken();) SG_TRY(walk.file(fs, backup(path, n)));
  return walk.end();
}

}  // namespace sightglass::logs
