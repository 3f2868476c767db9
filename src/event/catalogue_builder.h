// Room-internal: pack documents → Catalogue. Fields and event types of all packs come first, then
// the meters, which may name fields of any pack.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "event/catalogue.h"
#include "event/pack_document.h"
#include "event/pattern.h"

namespace sightglass::event {

class CatalogueBuilder {
 public:
  CatalogueBuilder() : catalogue_(new Catalogue()) {}

  // Each is called once per document, in this order for all documents.
  Status add_pack(const PackDocument& pack);
  Status add_fields(const PackDocument& pack);
  Status add_event_types(const PackDocument& pack);
  Status add_meters(const PackDocument& pack);
  // Gives a match-only slot to whatever `pattern` selects that is no field. To be called for every
  // pattern that goes into the match plan, when all fields are known.
  Status add_match_only(const Pattern& pattern, NamesId names);
  // The companions of identifiers, when every pack's fields are known and before any meter.
  void add_companions();
  // Rules for unknown fields, and the field that holds what they keep; likewise.
  Status add_keep_rules(const PackDocument& pack);
  // Resolves `with:`, which may name a meter of a later pack.
  Status link_meters();
  // Measures, key metrics and dashboards of all packs; after the meters. In measure_builder.cc.
  Status add_reports(const std::vector<PackDocument>& packs);

  std::shared_ptr<const Catalogue> finish(std::string text);

 private:
  struct Linked {  // a meter's `with:`, and where it stands
    MeterId meter = 0;
    int line = 0;
    const PackDocument* pack = nullptr;
  };

  Status read_field(const PackDocument& pack, const PackNode::Entry& entry, Field& out) const;
  Status check_field(const PackDocument& pack, const PackNode::Entry& entry,
                     const Field& field) const;
  Status add_field(const PackDocument& pack, const PackNode::Entry& entry, Field field);
  Status unite_field(const PackDocument& pack, const PackNode::Entry& entry, Field field,
                     FieldId known);
  // False: the pack has said it before.
  Result<bool> add_alias(const PackDocument& pack, int line, const std::string& alias, FieldId id);

  Status read_event_type(const PackDocument& pack, const PackNode::Entry& entry,
                         EventType& out) const;
  Status check_same_event_type(const PackDocument& pack, const PackNode::Entry& entry,
                               const EventType& known, const EventType& said) const;
  void settle_names();
  Status add_kept_fields(const PackDocument& pack, int line);
  void settle_keeps();

  Status add_meter(const PackDocument& pack, const PackNode& node);
  Status read_meter(const PackDocument& pack, const PackNode& node, Meter& out);
  Status read_meter_name(const PackDocument& pack, const PackNode& node, Meter& out) const;
  Status read_meter_match(const PackDocument& pack, const PackNode& node, Meter& out);
  Status read_meter_labels(const PackDocument& pack, const PackNode& node, Meter& out) const;
  Status read_meter_value(const PackDocument& pack, const PackNode& node, Meter& out) const;
  Status read_meter_or_value(const PackDocument& pack, const PackNode& node, Meter& out) const;
  Status read_meter_buckets(const PackDocument& pack, const PackNode& node, Meter& out) const;
  // window, grace, keep and default, in meter_windows.cc.
  Status read_meter_windows(const PackDocument& pack, const PackNode& node, Meter& out) const;
  Result<FieldId> field_of_selector(const PackDocument& pack, int line, std::string_view owner,
                                    std::string_view selector) const;
  std::string rule_hash(const Meter& meter) const;

  std::size_t pack_of(const PackDocument& pack) const { return pack_index_.at(pack.name); }
  NamesId names_of(const PackDocument& pack) const;

  std::unique_ptr<Catalogue> catalogue_;
  std::unordered_map<std::string, std::size_t> pack_index_;
  std::vector<const PackDocument*> field_documents_;              // FieldId → who declared it
  std::unordered_map<std::string, std::size_t> name_packs_;       // a field's name → whose word
  std::vector<std::vector<const PackDocument*>> type_documents_;  // EventTypeId → all that do
  std::unordered_map<std::string, MeterId> meter_index_;
  std::vector<const PackDocument*> meter_documents_;  // MeterId → who declared it last
  std::vector<Linked> linked_;
};

// Forms of names.
bool is_snake_case(std::string_view name);   // [a-z][a-z0-9_]{0,63}
bool is_label_value(std::string_view text);  // [A-Za-z0-9._:/@+-]{1,128}

}  // namespace sightglass::event
