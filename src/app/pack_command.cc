// `sightglass pack`: what packs there are, and a first one from a user's own log.
#include <fstream>
#include <iostream>

#include "app/commands.h"
#include "app/config_file.h"
#include "app/pack_draft.h"
#include "app/packs.h"
#include "base/file_system.h"
#include "base/json_writer.h"

namespace sightglass::app {
namespace {

int complain(const std::string& message) {
  std::fprintf(stderr, "sightglass pack: %s\n", message.c_str());
  return 2;
}

bool is_pack_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && name[0] >= 'a' && name[0] <= 'z' &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_") == std::string_view::npos;
}

// The last part of the path, as far as it can stand in a comment.
std::string shown_source(const std::string& file) {
  if (file == "-") return "standard input";
  std::string out;
  for (const char c : file.substr(file.rfind('/') + 1)) out += c >= 0x20 && c < 0x7f ? c : '?';
  return out;
}

void print_json(const event::Catalogue& catalogue) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("packs").begin_array();
  for (const auto& pack : catalogue.packs()) {
    json.begin_object().key("name").string(pack.name).key("prefix").string(pack.prefix);
    json.key("awake").boolean(pack.awake);
    json.key("event_types").unsigned_integer(pack.event_types.size());
    json.key("fields").unsigned_integer(pack.fields.size());
    json.key("fields_by_class").begin_object();
    for (const auto& [name, n] : fields_by_class(catalogue, pack)) {
      json.key(name).unsigned_integer(n);
    }
    json.end_object().key("meters").unsigned_integer(pack.meters.size()).end_object();
  }
  json.end_array().end_object();
  std::printf("%s\n", out.c_str());
}

}  // namespace

int pack_list_command(const PackArguments& arguments) {
  PosixFileSystem fs;
  const auto config = load_config(arguments.config_file);
  if (!config) return complain(config.error().message);
  const auto packs = load_packs(*config, fs);
  if (!packs) return complain(packs.error().message);
  if (arguments.json) {
    print_json(*packs->catalogue);
  } else {
    std::printf("%s", pack_table(*packs->catalogue).c_str());
  }
  return 0;
}

int pack_draft_command(const PackArguments& arguments) {
  if (!is_pack_name(arguments.name)) {
    return complain(
        "a pack's name is lower-case letters, digits, - and _, and begins with a letter");
  }
  PosixFileSystem fs;
  const auto config = load_config(arguments.config_file);
  if (!config) return complain(config.error().message);
  const auto packs = load_packs(*config, fs);
  if (!packs) return complain(packs.error().message);
  PackDraft draft(packs->catalogue);
  std::ifstream file;
  if (arguments.file != "-") {
    file.open(arguments.file, std::ios::binary);
    if (!file) return complain("cannot read " + arguments.file);
  }
  std::istream& in = arguments.file == "-" ? std::cin : file;
  for (std::string line; std::getline(in, line);) draft.add_line(line);
  if (draft.objects() == 0) {
    std::fprintf(stderr, "sightglass pack: there is no line that is one JSON object\n");
    return 1;
  }
  std::printf("%s", draft.text(arguments.name, shown_source(arguments.file)).c_str());
  return 0;
}

}  // namespace sightglass::app
