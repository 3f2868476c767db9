#include "event/catalogue_builder.h"

#include <algorithm>
#include <array>
#include <map>

#include "base/sha256.h"
#include "base/text.h"

namespace sightglass::event {
namespace {

constexpr std::size_t kMaxFields = 8192;
constexpr std::size_t kMaxEventTypes = 8192;
constexpr std::uint32_t kMaxSample = 1'000'000;
constexpr std::size_t kMaxAliases = 16;
constexpr std::size_t kMaxValues = 254;  // the guard's table counts them in one byte
constexpr std::string_view kReserved[] = {"event_type", "level"};

template <typename T>
struct Named {
  std::string_view name;
  T value;
};

constexpr Named<Kind> kKinds[] = {{"text", Kind::kText},
                                  {"int", Kind::kInt},
                                  {"double", Kind::kDouble},
                                  {"bool", Kind::kBool},
                                  {"any", Kind::kNull}};

constexpr Named<Level> kLevels[] = {{"debug", Level::kDebug},
                                    {"info", Level::kInfo},
                                    {"warn", Level::kWarn},
                                    {"error", Level::kError},
                                    {"critical", Level::kCritical}};

constexpr FieldClass kLastClass = FieldClass::kFreeText;

// The value named by `word`, or an error that lists what there is.
template <typename T, std::size_t N>
Status pick(const PackDocument& pack, int line, std::string_view what, std::string_view word,
            const Named<T> (&choices)[N], T& out) {
  std::vector<std::string_view> names;
  std::string list;
  for (const auto& choice : choices) {
    if (choice.name == word) {
      out = choice.value;
      return {};
    }
    names.push_back(choice.name);
    list.append(list.empty() ? "" : ", ").append(choice.name);
  }
  return pack.error(line, std::string(what) + " must be one of " + list + ", not " + quoted(word) +
                              did_you_mean(word, names));
}

Status pick_class(const PackDocument& pack, int line, std::string_view word, FieldClass& out) {
  Named<FieldClass> choices[static_cast<std::size_t>(kLastClass) + 1];
  for (std::size_t i = 0; i <= static_cast<std::size_t>(kLastClass); ++i) {
    const auto value = static_cast<FieldClass>(i);
    choices[i] = {class_name(value), value};
  }
  return pick(pack, line, "class", word, choices, out);
}

// Which kinds of value make sense in a class; the guard leans on it.
bool kind_fits(Kind kind, FieldClass field_class) {
  switch (field_class) {
    case FieldClass::kCount:
    case FieldClass::kSize:
    case FieldClass::kDuration:
    case FieldClass::kMoney:
      return kind == Kind::kInt || kind == Kind::kDouble;
    case FieldClass::kTime:
      return kind == Kind::kInt || kind == Kind::kDouble || kind == Kind::kNull;
    case FieldClass::kFlag:
      return kind == Kind::kBool;
    case FieldClass::kCategory:
      return kind == Kind::kText || kind == Kind::kInt || kind == Kind::kNull;
    case FieldClass::kType:
    case FieldClass::kName:
    case FieldClass::kCorrelation:
    case FieldClass::kSourcePosition:
    case FieldClass::kIdentifier:
      return kind == Kind::kText;
    case FieldClass::kSecret:
    case FieldClass::kContent:
    case FieldClass::kFreeText:
      return true;
  }
  return false;
}

std::string_view kinds_of(FieldClass field_class) {
  switch (field_class) {
    case FieldClass::kCount:
    case FieldClass::kSize:
    case FieldClass::kDuration:
    case FieldClass::kMoney:
      return "int or double";
    case FieldClass::kTime:
      return "int, double or any";
    case FieldClass::kFlag:
      return "bool";
    case FieldClass::kCategory:
      return "text, int or any";
    default:
      return "text";
  }
}

// An alias is a name that somebody else chose: a JSON path or a header.
bool is_alias(std::string_view name) {
  if (name.empty() || name.size() > 128) return false;
  return is_visible_ascii(name) && name.find_first_of("\"'\\{}[]()") == std::string_view::npos;
}

bool is_prefix(std::string_view text) {
  while (true) {
    const auto dot = text.find('.');
    if (!is_snake_case(text.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

const PackNode* section(const PackDocument& pack, std::string_view key) {
  const auto* const node = pack.root.find(key);
  return node == nullptr || node->kind == PackNode::Kind::kNothing ? nullptr : node;
}

bool same_meaning(const Field& a, const Field& b) {
  return a.kind == b.kind && a.field_class == b.field_class &&
         a.identifier_kind == b.identifier_kind;
}

}  // namespace

bool is_snake_case(std::string_view name) {
  if (name.empty() || name.size() > 64 || name[0] < 'a' || name[0] > 'z') return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

bool is_label_value(std::string_view text) {
  if (text.empty() || text.size() > 128) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._:/@+-").find(c) != std::string_view::npos;
  });
}

Status CatalogueBuilder::add_pack(const PackDocument& pack) {
  SG_TRY(pack.check_keys(pack.root, "the pack",
                         {"pack", "version", "prefix", "awake", "fields", "events", "meters",
                          "measures", "key_metrics", "dashboards", "unknown_fields"}));
  std::string name;
  SG_TRY(pack.read(pack.root, "the pack", "pack", name));
  if (name != pack.name) {
    return pack.error(1,
                      "`pack: name` must stand on a line of its own, the name in lower-case "
                      "letters, digits, - and _");
  }
  std::string version;
  SG_TRY(pack.read(pack.root, "the pack", "version", version));
  if (version != "1")
    return pack.error(1, "`version: 1` is required; this program reads version 1");
  const auto [at, inserted] = pack_index_.emplace(name, catalogue_->packs_.size());
  if (inserted) {
    catalogue_->packs_.emplace_back().name = name;
    catalogue_->own_names_.resize(catalogue_->packs_.size() + 1);
  }
  auto& out = catalogue_->packs_[at->second];
  SG_TRY(pack.read(pack.root, "the pack", "prefix", out.prefix));
  if (!out.prefix.empty() && !is_prefix(out.prefix)) {
    return pack.error(
        pack.root.find("prefix")->line,
        "a prefix is snake_case words joined by dots, such as coachup, not " + quoted(out.prefix));
  }
  return pack.read(pack.root, "the pack", "awake", out.awake);
}

Status CatalogueBuilder::add_fields(const PackDocument& pack) {
  const auto* const fields = section(pack, "fields");
  if (fields == nullptr) return {};
  if (fields->kind != PackNode::Kind::kMap) {
    return pack.error(fields->line, "fields must be a map: `name: { kind: int, class: count }`");
  }
  for (const auto& entry : fields->entries) {
    Field field;
    SG_TRY(read_field(pack, entry, field));
    SG_TRY(check_field(pack, entry, field));
    SG_TRY(add_field(pack, entry, std::move(field)));
  }
  return {};
}

Status CatalogueBuilder::read_field(const PackDocument& pack, const PackNode::Entry& entry,
                                    Field& out) const {
  const auto owner = "field " + quoted(entry.key);
  if (!is_snake_case(entry.key)) {
    return pack.error(entry.line, "a field's name is snake_case, not " + quoted(entry.key) +
                                      "; other spellings are its aliases");
  }
  for (const auto reserved : kReserved) {
    if (entry.key == reserved) {
      return pack.error(entry.line, owner + " is built in; every event has it");
    }
  }
  SG_TRY(pack.check_keys(entry.value, owner, {"kind", "class", "aliases", "identifier", "values"}));
  out.name = entry.key;
  std::string kind;
  std::string field_class;
  SG_TRY(pack.read(entry.value, owner, "kind", kind));
  SG_TRY(pack.read(entry.value, owner, "class", field_class));
  if (kind.empty() || field_class.empty()) {
    return pack.error(entry.line, owner + " needs a kind and a class: { kind: int, class: count }");
  }
  SG_TRY(pick(pack, entry.value.find("kind")->line, "kind", kind, kKinds, out.kind));
  SG_TRY(pick_class(pack, entry.value.find("class")->line, field_class, out.field_class));
  SG_TRY(pack.read(entry.value, owner, "identifier", out.identifier_kind));
  SG_TRY(pack.read(entry.value, owner, "values", out.values));
  return pack.read(entry.value, owner, "aliases", out.aliases);
}

Status CatalogueBuilder::check_field(const PackDocument& pack, const PackNode::Entry& entry,
                                     const Field& field) const {
  const auto owner = "field " + quoted(field.name);
  if (!kind_fits(field.kind, field.field_class)) {
    return pack.error(entry.line, owner + ": a field of class " +
                                      std::string(class_name(field.field_class)) + " is of kind " +
                                      std::string(kinds_of(field.field_class)));
  }
  const bool is_identifier = field.field_class == FieldClass::kIdentifier;
  if (is_identifier != !field.identifier_kind.empty()) {
    return pack.error(entry.line,
                      owner + (is_identifier ? ": an identifier says of what kind it is: "
                                               "`identifier: u` (u person, s session, g group)"
                                             : ": `identifier` is for class identifier only"));
  }
  if (is_identifier && (field.identifier_kind.size() != 1 || field.identifier_kind[0] < 'a' ||
                        field.identifier_kind[0] > 'z')) {
    return pack.error(entry.line, owner + ": `identifier` is one lower-case letter, not " +
                                      quoted(field.identifier_kind));
  }
  const bool is_type = field.field_class == FieldClass::kType;
  if (is_type != !field.values.empty()) {
    return pack.error(entry.line,
                      owner + (is_type ? ": class type needs its closed list: `values: [a, b]`"
                                       : ": `values` is for class type only"));
  }
  if (field.values.size() > kMaxValues) {
    return pack.error(entry.line, owner + " has more than 254 values; is it a category?");
  }
  for (std::size_t i = 0; i < field.values.size(); ++i) {
    if (!is_label_value(field.values[i])) {
      return pack.error(entry.line, owner + ": the value " + quoted(field.values[i]) +
                                        " is not 1 to 128 of A-Z a-z 0-9 . _ : / @ + -");
    }
    if (std::find(field.values.begin(), field.values.begin() + static_cast<std::ptrdiff_t>(i),
                  field.values[i]) != field.values.begin() + static_cast<std::ptrdiff_t>(i)) {
      return pack.error(entry.line,
                        owner + ": the value " + quoted(field.values[i]) + " stands twice");
    }
  }
  if (field.aliases.size() > kMaxAliases) {
    return pack.error(entry.line, owner + " has more than 16 aliases");
  }
  for (const auto& alias : field.aliases) {
    if (!is_alias(alias)) {
      return pack.error(entry.line, owner + ": the alias " + quoted(alias) +
                                        " has blanks, quotes, brackets or other odd characters");
    }
  }
  return {};
}

Status CatalogueBuilder::add_field(const PackDocument& pack, const PackNode::Entry& entry,
                                   Field field) {
  const auto known = catalogue_->field(field.name);
  if (known != kNoField) return unite_field(pack, entry, std::move(field), known);
  if (catalogue_->fields_.size() == kMaxFields) {
    return pack.error(entry.line, "the packs have more than 8192 fields together");
  }
  const auto id = static_cast<FieldId>(catalogue_->fields_.size());
  const auto aliases = field.aliases;
  catalogue_->field_index_.emplace(field.name, id);
  name_packs_.emplace(field.name, pack_of(pack));
  catalogue_->fields_.push_back(std::move(field));
  catalogue_->packs_[pack_of(pack)].fields.push_back(id);
  field_documents_.push_back(&pack);
  for (const auto& alias : aliases) SG_TRY(add_alias(pack, entry.line, alias, id));
  return {};
}

// A field that is there already: the same meaning, and further aliases and values.
Status CatalogueBuilder::unite_field(const PackDocument& pack, const PackNode::Entry& entry,
                                     Field field, FieldId known) {
  auto& other = catalogue_->fields_[known];
  const auto& other_pack = *field_documents_[known];
  if (other.name != field.name) {
    return pack.error(entry.line, "field " + quoted(field.name) + " is an alias of " +
                                      quoted(other.name) +
                                      " already; give it a name of its own and this one as alias");
  }
  if (&other_pack == &pack) {
    return pack.error(entry.line, "field " + quoted(field.name) + " stands twice");
  }
  if (!same_meaning(other, field)) {
    return pack.error(entry.line,
                      "field " + quoted(field.name) + " is declared by pack " + other_pack.name +
                          " with another kind, class or identifier; a field of another meaning "
                          "needs a name of its own and this one as alias");
  }
  for (auto& value : field.values) {
    if (std::find(other.values.begin(), other.values.end(), value) == other.values.end()) {
      other.values.push_back(std::move(value));
    }
  }
  if (other.values.size() > kMaxValues) {
    return pack.error(entry.line, "field " + quoted(field.name) +
                                      " has more than 254 values together; is it a category?");
  }
  for (auto& alias : field.aliases) {
    SG_ASSIGN(const bool added, add_alias(pack, entry.line, alias, known));
    if (added) other.aliases.push_back(std::move(alias));
  }
  return {};
}

// An alias is everybody's where nobody has the name yet, else the pack's own.
Result<bool> CatalogueBuilder::add_alias(const PackDocument& pack, int line,
                                         const std::string& alias, FieldId id) {
  for (const auto reserved : kReserved) {
    if (alias == reserved) return pack.error(line, quoted(alias) + " is built in, not an alias");
  }
  const auto taken = [&](FieldId by) {
    return pack.error(line, "the alias " + quoted(alias) + " belongs to field " +
                                (by == id ? "itself already"
                                          : quoted(catalogue_->fields_[by].name) + " already"));
  };
  const auto whose = pack_of(pack);
  const auto [everybodys, inserted] = catalogue_->field_index_.emplace(alias, id);
  if (inserted) {
    name_packs_.emplace(alias, whose);
    return true;
  }
  if (name_packs_.at(alias) == whose) {
    const bool again = everybodys->second == id && field_documents_[id] != &pack;
    if (again) return false;
    return taken(everybodys->second);
  }
  if (everybodys->second == id) return false;
  const auto [own, mine] = catalogue_->own_names_[whose + 1].emplace(alias, id);
  if (!mine && own->second != id) return taken(own->second);
  return mine;
}

Status CatalogueBuilder::add_event_types(const PackDocument& pack) {
  if (catalogue_->event_types_.empty()) {
    EventType other;
    other.name = "_other";
    catalogue_->event_types_.push_back(other);
    catalogue_->event_type_index_.emplace(other.name, kOtherEvent);
    type_documents_.emplace_back();
  }
  const auto* const events = section(pack, "events");
  if (events == nullptr) return {};
  if (events->kind != PackNode::Kind::kMap) {
    return pack.error(events->line, "events must be a map: `name: { level: info }`");
  }
  for (const auto& entry : events->entries) {
    if (!is_label_value(entry.key) || entry.key.front() == '_') {
      return pack.error(entry.line,
                        "an event's name is 1 to 128 of A-Z a-z 0-9 . _ : / @ + - and "
                        "does not begin with _, unlike " +
                            quoted(entry.key));
    }
    const auto known = catalogue_->event_type_index_.find(entry.key);
    const bool fresh = known == catalogue_->event_type_index_.end();
    EventType type = fresh ? EventType{} : catalogue_->event_types_[known->second];
    type.name = entry.key;
    SG_TRY(read_event_type(pack, entry, type));
    if (!fresh) {
      SG_TRY(check_same_event_type(pack, entry, catalogue_->event_types_[known->second], type));
      type_documents_[known->second].push_back(&pack);
      catalogue_->event_types_[known->second] = std::move(type);
      continue;
    }
    if (catalogue_->event_types_.size() == kMaxEventTypes) {
      return pack.error(entry.line, "the packs have more than 8191 event types together");
    }
    const auto id = static_cast<EventTypeId>(catalogue_->event_types_.size());
    catalogue_->event_type_index_.emplace(type.name, id);
    catalogue_->event_types_.push_back(std::move(type));
    catalogue_->packs_[pack_of(pack)].event_types.push_back(id);
    type_documents_.push_back({&pack});
  }
  return {};
}

// What is not said stays as `out` has it.
Status CatalogueBuilder::read_event_type(const PackDocument& pack, const PackNode::Entry& entry,
                                         EventType& out) const {
  const auto owner = "event " + quoted(entry.key);
  if (entry.value.kind == PackNode::Kind::kNothing) return {};
  SG_TRY(pack.check_keys(entry.value, owner, {"level", "start", "terminal", "row", "sample"}));
  if (const auto* const level = entry.value.find("level")) {
    std::string word;
    SG_TRY(pack.read(entry.value, owner, "level", word));
    SG_TRY(pick(pack, level->line, "level", word, kLevels, out.level));
  }
  SG_TRY(pack.read(entry.value, owner, "start", out.start));
  SG_TRY(pack.read(entry.value, owner, "terminal", out.terminal));
  if (out.terminal && entry.value.find("terminal") != nullptr) out.row = true;
  SG_TRY(pack.read(entry.value, owner, "row", out.row));
  SG_TRY(pack.read(entry.value, owner, "sample", 1, kMaxSample, out.sample));
  if (out.terminal && !out.row) {
    return pack.error(entry.line, owner + ": a terminal event is always a row");
  }
  if (out.start && out.terminal) {
    return pack.error(entry.line, owner + " cannot open a request and end it");
  }
  if (out.terminal && out.sample > 1) {
    return pack.error(entry.line, owner +
                                      ": a terminal event is always a row, so it is never "
                                      "sampled");
  }
  return {};
}

Status CatalogueBuilder::check_same_event_type(const PackDocument& pack,
                                               const PackNode::Entry& entry, const EventType& known,
                                               const EventType& said) const {
  const auto owner = "event " + quoted(entry.key);
  const auto& documents = type_documents_[catalogue_->event_type(entry.key)];
  if (std::find(documents.begin(), documents.end(), &pack) != documents.end()) {
    return pack.error(entry.line, owner + " stands twice");
  }
  const auto& first = *documents.front();
  const bool amends = first.name == pack.name;
  const bool same = known.level == said.level && known.start == said.start &&
                    known.terminal == said.terminal && known.row == said.row;
  if (amends || same) return {};
  return pack.error(entry.line, owner + " is declared by pack " + first.name +
                                    " with another level, start, terminal or row");
}

NamesId CatalogueBuilder::names_of(const PackDocument& pack) const {
  const auto id = pack_of(pack) + 1;
  return catalogue_->own_names_[id].empty() ? NamesId{0} : static_cast<NamesId>(id);
}

// An event type that several packs declare is read with the names of all of them; where two give a
// name a meaning of their own, the later pack's counts.
void CatalogueBuilder::settle_names() {
  std::map<std::vector<NamesId>, NamesId> united;
  for (std::size_t i = 1; i < catalogue_->event_types_.size(); ++i) {
    std::vector<NamesId> all;
    for (const auto* const pack : type_documents_[i]) {
      const auto names = names_of(*pack);
      if (names != 0 && std::find(all.begin(), all.end(), names) == all.end()) all.push_back(names);
    }
    if (all.empty()) continue;
    auto& out = catalogue_->event_types_[i].names;
    if (all.size() == 1) {
      out = all.front();
      continue;
    }
    const auto [at, inserted] =
        united.emplace(all, static_cast<NamesId>(catalogue_->own_names_.size()));
    if (inserted) {
      Catalogue::Index<FieldId> index;
      for (const auto names : all) {
        for (const auto& [name, id] : catalogue_->own_names_[names]) index[name] = id;
      }
      catalogue_->own_names_.push_back(std::move(index));
    }
    out = at->second;
  }
}

// The index does not know companions, so that nothing from outside can fill them.
void CatalogueBuilder::add_companions() {
  auto& fields = catalogue_->fields_;
  const auto declared = fields.size();
  for (std::size_t i = 0; i < declared && fields.size() < kMaxFields; ++i) {
    if (fields[i].field_class != FieldClass::kIdentifier) continue;
    if (is_lasting_identifier(fields[i].identifier_kind[0])) continue;
    Field companion;
    companion.name = fields[i].name + "_prev";
    if (catalogue_->field(companion.name) != kNoField) continue;  // a pack has it for itself
    companion.field_class = FieldClass::kIdentifier;
    companion.identifier_kind = fields[i].identifier_kind;
    companion.companion_of = static_cast<FieldId>(i);
    fields[i].companion = static_cast<FieldId>(fields.size());
    fields.push_back(std::move(companion));
  }
}

std::shared_ptr<const Catalogue> CatalogueBuilder::finish(std::string text) {
  settle_names();
  settle_keeps();
  catalogue_->hash_ = sha256_hex(text);
  catalogue_->text_ = std::move(text);
  return std::move(catalogue_);
}

Result<std::shared_ptr<const Catalogue>> Catalogue::build(std::string text,
                                                          const std::vector<PackDocument>& packs) {
  if (packs.empty()) return fail(Code::kInvalid, "there is no pack in the text");
  CatalogueBuilder builder;
  for (const auto& pack : packs) SG_TRY(builder.add_pack(pack));
  for (const auto& pack : packs) {
    SG_TRY(builder.add_fields(pack));
    SG_TRY(builder.add_event_types(pack));
  }
  builder.add_companions();  // before the meters' slots, which are numbered behind the fields
  for (const auto& pack : packs) SG_TRY(builder.add_keep_rules(pack));
  for (const auto& pack : packs) SG_TRY(builder.add_meters(pack));
  SG_TRY(builder.link_meters());
  SG_TRY(builder.add_reports(packs));
  return builder.finish(std::move(text));
}

Result<std::shared_ptr<const Catalogue>> Catalogue::parse(std::string text) {
  SG_ASSIGN(const auto packs, parse_documents(text, {}));
  return build(std::move(text), packs);
}

Result<std::shared_ptr<const Catalogue>> Catalogue::parse(const std::vector<PackFile>& files) {
  std::string text;
  std::vector<PackOrigin> origins;
  for (const auto& file : files) {
    if (!text.empty()) text += "---\n";
    const auto lines = std::count(text.begin(), text.end(), '\n');
    origins.push_back({file.path, static_cast<int>(lines) + 1});
    text += file.text;
    if (!text.ends_with('\n')) text += '\n';
  }
  SG_ASSIGN(const auto packs, parse_documents(text, origins));
  return build(std::move(text), packs);
}

}  // namespace sightglass::event
