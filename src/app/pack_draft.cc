#include "app/pack_draft.h"

#include <simdjson.h>

#include <algorithm>
#include <set>
#include <vector>

#include "base/random.h"
#include "base/text.h"

namespace sightglass::app {
namespace {

constexpr std::size_t kMaxLineBytes = 1 << 20;
constexpr std::size_t kMaxNames = 2'000;
constexpr int kMaxDepth = 8;

// What a reader of raw records takes for the event's type, level and time.
constexpr std::string_view kBuiltIn[] = {"event_type", "level", "timestamp",
                                         "ts",         "time",  "@timestamp"};

bool is_built_in(std::string_view path) {
  return std::find(std::begin(kBuiltIn), std::end(kBuiltIn), path) != std::end(kBuiltIn);
}

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_word_byte(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

// "cart.itemCount" → "cart_item_count"; what no name can be made of is empty.
std::string snake_case(std::string_view path) {
  std::string out;
  for (std::size_t i = 0; i < path.size(); ++i) {
    char c = path[i];
    if (is_upper(c)) {
      const bool begins = i > 0 && !is_upper(path[i - 1]);
      if (begins && !out.empty() && out.back() != '_') out += '_';
      c = static_cast<char>(c - 'A' + 'a');
    }
    if (is_word_byte(c)) {
      out += c;
    } else if (!out.empty() && out.back() != '_') {
      out += '_';
    }
  }
  while (out.ends_with('_')) out.pop_back();
  if (out.empty() || out[0] < 'a' || out.size() > 56) return {};
  return out;
}

std::vector<std::string_view> words_of(std::string_view name) {
  std::vector<std::string_view> words;
  while (!name.empty()) {
    const auto end = std::min(name.find('_'), name.size());
    words.push_back(name.substr(0, end));
    name.remove_prefix(std::min(end + 1, name.size()));
  }
  return words;
}

bool has(const std::vector<std::string_view>& words, std::initializer_list<std::string_view> any) {
  return std::any_of(words.begin(), words.end(), [&](auto word) {
    return std::find(any.begin(), any.end(), word) != any.end();
  });
}

bool ends_in(const std::vector<std::string_view>& words,
             std::initializer_list<std::string_view> any) {
  return !words.empty() && std::find(any.begin(), any.end(), words.back()) != any.end();
}

// An alias as packs take it: printable, without what YAML or a selector would read.
bool is_alias(std::string_view path) {
  if (path.empty() || path.size() > 128) return false;
  const char first = path.front();
  return (is_upper(first) || first == '_' || is_word_byte(first)) && is_visible_ascii(path) &&
         path.find_first_of("\"'\\{}[](),#&*!|>%`:@") == std::string_view::npos;
}

bool is_event_name(std::string_view name) {
  const auto fits = [](char c) {
    return is_word_byte(c) || is_upper(c) ||
           std::string_view("._/+-").find(c) != std::string_view::npos;
  };
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || is_upper(c); };
  return !name.empty() && name.size() <= 128 && is_letter(name.front()) &&
         std::all_of(name.begin(), name.end(), fits);
}

// Quoted where YAML might read something else. Neither kind of name holds a quote or a backslash.
std::string yaml_key(const std::string& name) {
  static constexpr std::string_view kSpecial[] = {"true", "false", "null", "yes", "no",
                                                  "on",   "off",   "y",    "n"};
  const auto lower = to_lower(name);
  const bool special =
      std::find(std::begin(kSpecial), std::end(kSpecial), lower) != std::end(kSpecial);
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return is_word_byte(c) || is_upper(c) || c == '_' || c == '.';
  });
  return special || !plain ? "\"" + name + "\"" : name;
}

std::string_view level_of(std::string_view word) {
  if (word == "warning") return "warn";
  if (word == "fatal") return "critical";
  for (const std::string_view level : {"debug", "info", "warn", "error", "critical"}) {
    if (word == level) return level;
  }
  return {};
}

bool is_point_in_time(std::string_view text) {
  if (text.size() < 10 || text.size() > 40 || text[4] != '-' || text[7] != '-') return false;
  return text.find_first_not_of("0123456789-T:.+Z ") == std::string_view::npos;
}

std::string times(std::uint64_t n) { return std::to_string(n) + (n == 1 ? " time" : " times"); }

}  // namespace

struct PackDraft::Reader {
  simdjson::dom::parser parser;

  // Every leaf below `object`, by its path; a list is one leaf.
  template <typename Leaf>
  static void walk(simdjson::dom::object object, const std::string& path, int depth,
                   const Leaf& leaf) {
    for (const auto field : object) {
      const auto name = path.empty() ? std::string(field.key) : path + "." + std::string(field.key);
      simdjson::dom::object inner;
      if (depth < kMaxDepth && field.value.get(inner) == simdjson::SUCCESS) {
        walk(inner, name, depth + 1, leaf);
      } else {
        leaf(name, field.value);
      }
    }
  }

  static Seen seen(simdjson::dom::element value) {
    Seen out;
    out.times = 1;
    switch (value.type()) {
      case simdjson::dom::element_type::BOOL:
        out.bools = 1;
        break;
      case simdjson::dom::element_type::INT64:
      case simdjson::dom::element_type::UINT64:
        out.ints = 1;
        break;
      case simdjson::dom::element_type::DOUBLE:
        out.doubles = 1;
        break;
      case simdjson::dom::element_type::STRING: {
        const std::string_view text = value.get_string().value_unsafe();
        out.texts = 1;
        out.times_of_day = is_point_in_time(text) ? 1 : 0;
        out.request_ids = is_request_id(text) ? 1 : 0;
        break;
      }
      case simdjson::dom::element_type::ARRAY:
      case simdjson::dom::element_type::OBJECT:
        out.lists = 1;
        break;
      case simdjson::dom::element_type::NULL_VALUE:
        break;
    }
    return out;
  }
};

PackDraft::PackDraft(std::shared_ptr<const event::Catalogue> known)
    : known_(std::move(known)), reader_(std::make_unique<Reader>()) {}
PackDraft::~PackDraft() = default;

void PackDraft::add_line(std::string_view line) {
  if (trim(line).empty()) return;
  simdjson::dom::object object;
  if (line.size() > kMaxLineBytes ||
      reader_->parser.parse(simdjson::padded_string(line)).get(object) != simdjson::SUCCESS) {
    ++others_;
    return;
  }
  ++objects_;
  std::string type;
  std::string level;
  Reader::walk(object, "", 0, [&](const std::string& path, simdjson::dom::element value) {
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS) return;
    if (path == "event_type") type = text;
    if (path == "level") level = to_lower(text);
  });
  add_event(type, level);
  const auto names = known_->event_types()[known_->event_type(type)].names;
  Reader::walk(object, "", 0, [&](const std::string& path, simdjson::dom::element value) {
    if (is_built_in(path)) return;
    const auto field = known_->field(path, names);
    if (field != event::kNoField) {
      ++known_fields_[known_->fields()[field].name];
    } else {
      add_field(path, Reader::seen(value));
    }
  });
}

void PackDraft::add_event(const std::string& type, const std::string& level) {
  if (!is_event_name(type)) {
    ++untyped_;
    return;
  }
  if (known_->event_type(type) != event::kOtherEvent) {
    ++known_types_[type];
    return;
  }
  if (types_.size() >= kMaxNames && !types_.contains(type)) {
    ++beyond_;
    return;
  }
  auto& seen = types_[type];
  ++seen.times;
  if (const auto word = level_of(level); !word.empty()) ++seen.levels[std::string(word)];
}

void PackDraft::add_field(const std::string& path, const Seen& one) {
  if (fields_.size() >= kMaxNames && !fields_.contains(path)) {
    ++beyond_;
    return;
  }
  auto& seen = fields_[path];
  seen.times += one.times;
  seen.bools += one.bools;
  seen.ints += one.ints;
  seen.doubles += one.doubles;
  seen.texts += one.texts;
  seen.lists += one.lists;
  seen.times_of_day += one.times_of_day;
  seen.request_ids += one.request_ids;
}

PackDraft::Guess PackDraft::guess(std::string_view name, const Seen& seen) {
  const auto words = words_of(name);
  const auto numbers = seen.ints + seen.doubles;
  const int kinds = (seen.bools > 0) + (numbers > 0) + (seen.texts > 0) + (seen.lists > 0);
  if (has(words, {"password", "passwd", "passphrase", "secret", "token", "apikey", "authorization",
                  "auth", "cookie", "credential", "credentials", "signature", "pin", "cvv"}) &&
      numbers == 0) {
    return {"any", "secret"};
  }
  if (has(words, {"key"}) && has(words, {"api", "private", "access"})) return {"any", "secret"};
  if (kinds != 1 || seen.lists > 0) return {"any", "free_text"};
  if (seen.bools > 0) return {"bool", "flag"};
  const bool id = ends_in(words, {"id", "uuid", "guid", "hash"});
  const bool person =
      has(words, {"user", "username", "email", "mail", "login", "person", "customer", "account",
                  "phone", "name", "subject", "actor", "owner"});
  if (id || (seen.texts > 0 && person)) {
    const bool correlates = has(words, {"request", "trace", "span", "correlation"});
    if (correlates && seen.texts > 0 && seen.request_ids == seen.texts)
      return {"text", "correlation"};
    char letter = 'x';
    if (person) letter = 'u';
    if (has(words, {"session"})) letter = 's';
    if (has(words, {"group"})) letter = 'g';
    return {"text", "identifier", letter};
  }
  if (ends_in(words, {"ip", "addr", "address", "host"})) return {"text", "identifier", 'i'};
  if (numbers > 0) {
    const auto kind = seen.doubles > 0 ? std::string_view("double") : std::string_view("int");
    if (ends_in(words, {"ms", "us", "ns", "s", "sec", "secs", "seconds", "minutes", "hours"}) ||
        has(words, {"latency", "duration", "elapsed", "took"})) {
      return {"double", "duration"};
    }
    if (ends_in(words, {"at", "time", "timestamp", "date", "epoch"})) return {kind, "time"};
    if (has(words, {"cost", "price", "amount", "cents", "usd", "eur", "fee", "balance"})) {
      return {"double", "money"};
    }
    if (seen.doubles == 0 && ends_in(words, {"bytes", "size", "length", "len"}))
      return {"int", "size"};
    if (seen.doubles == 0 && ends_in(words, {"status", "code", "port", "year"})) {
      return {"int", "category"};
    }
    return {kind, "count"};
  }
  if (seen.texts > 0 && seen.times_of_day == seen.texts) return {"any", "time"};
  if (has(words, {"prompt", "completion", "content", "body", "query", "args", "arguments", "file",
                  "filename", "path", "transcript"})) {
    return {"any", "content"};
  }
  return {"text", "free_text"};
}

void PackDraft::write_fields(std::string_view name, std::string& out) const {
  std::set<std::string, std::less<>> taken;
  std::string skipped;
  std::string body;
  for (const auto& [path, seen] : fields_) {
    auto field = snake_case(path);
    if (field.empty() || (field != path && !is_alias(path))) {
      skipped += "  # one name is no name a pack can give; seen " + times(seen.times) + "\n";
      continue;
    }
    const auto guessed = guess(field, seen);
    // A name that means something else already gets this pack's in front.
    const auto free = [&](const std::string& one) {
      return !one.empty() && !is_built_in(one) && !taken.contains(one) &&
             known_->field(one) == event::kNoField;
    };
    if (!free(field)) field = snake_case(std::string(name) + "_" + field);
    if (!free(field) || taken.contains(path)) {
      skipped += "  # one name clashes with another; seen " + times(seen.times) + "\n";
      continue;
    }
    taken.insert(field);
    taken.insert(path);
    body.append("  ").append(yaml_key(field)).append(": { kind: ").append(guessed.kind);
    body.append(", class: ").append(guessed.field_class);
    if (guessed.identifier != 0) body.append(", identifier: ").append(1, guessed.identifier);
    if (field != path) body.append(", aliases: [").append(yaml_key(path)).append("]");
    body.append(" }  # ").append(times(seen.times)).append("\n");
  }
  if (body.empty() && skipped.empty()) return;
  out += body.empty() ? "\n" : "\nfields:\n";
  out += body;
  out += skipped;
}

void PackDraft::write_events(std::string& out) const {
  if (types_.empty()) return;
  out += "\nevents:\n";
  for (const auto& [type, seen] : types_) {
    const auto most =
        std::max_element(seen.levels.begin(), seen.levels.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
    const auto level = most == seen.levels.end() ? std::string("info") : most->first;
    out.append("  ").append(yaml_key(type)).append(": { level: ").append(level);
    out.append(" }  # ").append(times(seen.times)).append("\n");
  }
}

std::string PackDraft::text(std::string_view name, std::string_view source) const {
  std::string out = "# Drafted by `sightglass pack draft` from " + std::string(source) + ": " +
                    std::to_string(objects_) + " JSON objects";
  if (others_ > 0) {
    out += ", " + std::to_string(others_) + (others_ == 1 ? " line that is" : " lines that are") +
           " none";
  }
  out +=
      ".\n# Classes are guesses that keep back what they are not sure of: free_text, content and "
      "secret\n"
      "# never pass. Where you know better, say category (a word of few), name, or identifier.\n";
  if (untyped_ > 0) {
    out += "# " + times(untyped_) + " there was no event_type that a pack can name.\n";
  }
  if (beyond_ > 0) out += "# " + times(beyond_) + " there were more names than a draft takes.\n";
  for (const auto& [known, what] :
       {std::pair{&known_types_, "event types"}, std::pair{&known_fields_, "fields"}}) {
    if (known->empty()) continue;
    out += "# Known " + std::string(what) + ":";
    for (const auto& [one, n] : *known) out += " " + one + " (" + std::to_string(n) + ")";
    out += "\n";
  }
  out += "pack: " + std::string(name) + "\nversion: 1\n";
  write_fields(name, out);
  write_events(out);
  return out;
}

}  // namespace sightglass::app
