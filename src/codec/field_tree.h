// Which places of a raw record are which fields: names, dotted aliases and match-only selectors of
// a catalogue as one tree of keys.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "codec/name_table.h"
#include "event/catalogue.h"

namespace sightglass::codec {

using NodeId = std::uint32_t;
inline constexpr NodeId kRoot = 0;
inline constexpr NodeId kNoNode = NameTable::kNone;

// What a place means besides being a field.
enum class Meaning : std::uint8_t { kNone, kType, kLevel, kTime, kEventId };

// Immutable once made. Threads: const use from any. A dotted name stands for the nested path and
// for the literal key at the top.
// Cost: one probe a key, about 7 ns.
class FieldTree {
 public:
  // For records of the event types that name their fields so (EventType::names).
  FieldTree(const event::Catalogue& catalogue, event::NamesId names);

  struct Node {
    event::FieldId field = event::kNoField;
    event::FieldId slot = event::kNoField;  // match-only
    Meaning meaning = Meaning::kNone;
    bool has_keys = false;         // children by key
    bool has_elements = false;     // children by index or wildcard
    NodeId any_element = kNoNode;  // [*]
    NodeId any_member = kNoNode;   // .*
    NodeId end = 0;                // nodes are numbered so that a subtree is [id, end)
  };

  const Node& node(NodeId id) const { return nodes_[id]; }
  std::size_t size() const { return nodes_.size(); }
  NodeId child(NodeId parent, const Name& key) const {  // kNoNode: nothing known there
    return keys_.find(parent, key);
  }
  NodeId element(NodeId parent, std::size_t index) const;  // `[index]` only

 private:
  std::vector<Node> nodes_;
  NameTable keys_;  // a scope is the node whose members they are
  struct Element {
    NodeId parent, child;
    std::size_t index;
  };
  std::vector<Element> elements_;
};

}  // namespace sightglass::codec
