#include "codec/field_tree.h"

#include <map>
#include <memory>

namespace sightglass::codec {
namespace {

using event::FieldId;
using event::kNoField;

// The tree while it grows.
struct Draft {
  FieldId field = kNoField;
  FieldId slot = kNoField;
  Meaning meaning = Meaning::kNone;
  std::map<std::string, std::unique_ptr<Draft>, std::less<>> keys;
  std::map<std::size_t, std::unique_ptr<Draft>> elements;
  std::unique_ptr<Draft> any_element, any_member;

  Draft& key(std::string_view name) {
    auto at = keys.find(name);
    if (at == keys.end()) at = keys.emplace(name, std::make_unique<Draft>()).first;
    return *at->second;
  }
  std::size_t count() const {
    std::size_t n = 1;
    for (const auto& [name, child] : keys) n += child->count();
    for (const auto& [at, child] : elements) n += child->count();
    for (const auto* any : {any_element.get(), any_member.get()}) {
      if (any != nullptr) n += any->count();
    }
    return n;
  }
};

// The places that a path of keys means: nested, and with its dots in one key.
std::vector<Draft*> places_of(Draft& from, std::string_view path) {
  std::vector<Draft*> out = {&from.key(path)};
  if (path.find('.') == std::string_view::npos) return out;
  Draft* at = &from;
  while (!path.empty()) {
    const auto dot = std::min(path.find('.'), path.size());
    if (dot == 0 || dot + 1 == path.size()) return out;  // "a..b", "a.": a literal key only
    at = &at->key(path.substr(0, dot));
    path.remove_prefix(std::min(dot + 1, path.size()));
  }
  out.push_back(at);
  return out;
}

void claim_name(Draft& root, std::string_view name, FieldId field) {
  for (auto* const place : places_of(root, name)) place->field = field;
}

// The places one step further.
std::vector<Draft*> step_from(Draft& place, const event::SelectorStep& step) {
  const auto only = [](std::unique_ptr<Draft>& child) {
    if (child == nullptr) child = std::make_unique<Draft>();
    return std::vector<Draft*>{child.get()};
  };
  switch (step.kind) {
    case event::SelectorStep::Kind::kPath:
      return places_of(place, step.path);
    case event::SelectorStep::Kind::kIndex:
      return only(place.elements[step.index]);
    case event::SelectorStep::Kind::kEachElement:
      return only(place.any_element);
    case event::SelectorStep::Kind::kEachMember:
      return only(place.any_member);
  }
  return {};
}

void claim_selector(Draft& root, const event::Selector& selector, FieldId slot) {
  std::vector<Draft*> at = {&root};
  for (const auto& step : selector.steps()) {
    std::vector<Draft*> next;
    for (auto* const place : at) {
      for (auto* const found : step_from(*place, step)) next.push_back(found);
    }
    at = std::move(next);
  }
  for (auto* const place : at) place->slot = slot;
}

void add_meanings(Draft& root) {
  for (const auto* name : {"event_type", "eventType", "event", "type"}) {
    root.key(name).meaning = Meaning::kType;
  }
  root.key("level").meaning = Meaning::kLevel;
  for (const auto* name : {"timestamp", "ts", "time", "@timestamp"}) {
    root.key(name).meaning = Meaning::kTime;
  }
  root.key("event_id").meaning = Meaning::kEventId;
}

}  // namespace

FieldTree::FieldTree(const event::Catalogue& catalogue, event::NamesId names) {
  Draft root;
  const auto own = catalogue.field("ingested");  // ours to say, never the record's
  const auto claim = [&](std::string_view name) {
    const auto field = catalogue.field(name, names);
    if (field != kNoField && field != own) claim_name(root, name, field);
  };
  // Names last: a place that one field's name and another's nested alias both mean is the former's.
  for (const auto& field : catalogue.fields()) {
    for (const auto& alias : field.aliases) claim(alias);
  }
  for (const auto& field : catalogue.fields()) claim(field.name);
  const auto& slots = catalogue.match_only();
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (slots[i].selector.empty()) continue;
    claim_selector(root, slots[i].selector, static_cast<FieldId>(catalogue.fields().size() + i));
  }
  add_meanings(root);

  keys_ = NameTable(root.count());
  // Depth first, so that a subtree is one range.
  const auto place = [this](const auto& self, const Draft& draft) -> NodeId {
    const auto id = static_cast<NodeId>(nodes_.size());
    nodes_.push_back(
        {draft.field, draft.slot, draft.meaning, !draft.keys.empty() || draft.any_member != nullptr,
         !draft.elements.empty() || draft.any_element != nullptr, kNoNode, kNoNode, 0});
    for (const auto& [name, child] : draft.keys) keys_.add(id, name, self(self, *child));
    for (const auto& [at, child] : draft.elements) {
      const auto placed = self(self, *child);
      elements_.push_back({id, placed, at});
    }
    if (draft.any_element != nullptr) {
      const auto any = self(self, *draft.any_element);
      nodes_[id].any_element = any;
    }
    if (draft.any_member != nullptr) {
      const auto any = self(self, *draft.any_member);
      nodes_[id].any_member = any;
    }
    nodes_[id].end = static_cast<NodeId>(nodes_.size());
    return id;
  };
  place(place, root);
}

NodeId FieldTree::element(NodeId parent, std::size_t at) const {
  for (const auto& element : elements_) {
    if (element.parent == parent && element.index == at) return element.child;
  }
  return kNoNode;
}

}  // namespace sightglass::codec
