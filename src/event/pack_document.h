// Room-internal: one YAML document as a plain tree with line numbers, so that yaml-cpp stays in one
// file and its exceptions and error texts behind it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace sightglass::event {

struct PackNode {
  enum class Kind : std::uint8_t { kNothing, kScalar, kList, kMap };
  struct Entry;

  Kind kind = Kind::kNothing;
  int line = 0;  // within the document, from 1
  std::string scalar;
  std::vector<PackNode> items;
  std::vector<Entry> entries;  // in the order written

  const PackNode* find(std::string_view key) const;
};

struct PackNode::Entry {
  std::string key;
  int line = 0;
  PackNode value;
};

// One pack. Errors are made here so that each one carries the pack's name and the line.
class PackDocument {
 public:
  std::string name;     // the `pack:` entry, or "pack 2" where it has none
  std::string file;     // "": errors name the pack and the line in its document
  int line_before = 0;  // lines of the file before the document's first
  PackNode root;

  std::unexpected<Error> error(int line, std::string_view what) const;

  // Every key is one of `known`, and none stands twice. `owner` names the thing in messages.
  Status check_keys(const PackNode& map, std::string_view owner,
                    std::initializer_list<std::string_view> known) const;

  // Entries of a map by key, checked for their form; absent leaves `out` as it is.
  Status read(const PackNode& map, std::string_view owner, std::string_view key,
              std::string& out) const;
  Status read(const PackNode& map, std::string_view owner, std::string_view key, bool& out) const;
  // A whole number from `min` to `max`.
  Status read(const PackNode& map, std::string_view owner, std::string_view key, std::uint32_t min,
              std::uint32_t max, std::uint32_t& out) const;
  // A list of scalars.
  Status read(const PackNode& map, std::string_view owner, std::string_view key,
              std::vector<std::string>& out) const;
};

// Where a file's text begins in joined packs.
struct PackOrigin {
  std::string file;
  int first_line = 1;
};

// Splits joined packs at lines of `---` and parses each; empty documents are left out. `origins`,
// ascending, name the files that were joined; none: the text is nobody's file.
// Errors: kInvalid with pack and line; kTooLarge.
Result<std::vector<PackDocument>> parse_documents(std::string_view text,
                                                  const std::vector<PackOrigin>& origins);

// For messages: `word` cut to a sane length, anything but printable ASCII as `?`.
std::string quoted(std::string_view word);

// "; did you mean x?" or nothing.
std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& known);

}  // namespace sightglass::event
