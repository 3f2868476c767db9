// Room-internal: the reports' part of the packs → Reports. Names of measures and key metrics belong
// to their pack.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "event/catalogue_builder.h"
#include "event/measure.h"

namespace sightglass::event {

class ReportBuilder {
 public:
  using NamesOf = std::function<NamesId(const PackDocument&)>;
  ReportBuilder(const Catalogue& catalogue, NamesOf names_of, Reports& out)
      : catalogue_(catalogue), names_of_(std::move(names_of)), out_(out) {}

  Status add_measures(const PackDocument& pack);
  Status add_metrics(const PackDocument& pack);
  Status add_dashboards(const PackDocument& pack);
  Status link() const;

 private:
  struct Waiting {  // the names that stand under `beside`, until all metrics are known
    MetricId metric = 0;
    const PackNode* node = nullptr;
    const PackDocument* pack = nullptr;
  };

  Status read_measure(const PackDocument& pack, const PackNode& node, const std::string& owner,
                      Measure& out);
  Status read_pairs(const PackDocument& pack, const PackNode& node, const std::string& owner,
                    Measure& out);
  Status read_plan(const PackDocument& pack, const PackNode& node, const std::string& owner,
                   Measure& out);
  Status read_patterns(const PackDocument& pack, const PackNode& node, const std::string& owner,
                       std::string_view key, MeasureRole role, Measure& out);
  Status read_fields(const PackDocument& pack, const PackNode& node, const std::string& owner,
                     std::string_view key, Measure& out) const;
  Status read_join(const PackDocument& pack, const PackNode& node, const std::string& owner,
                   std::string_view key, std::vector<JoinKey>& out) const;
  Result<FieldId> field(const PackDocument& pack, int line, const std::string& owner,
                        std::string_view selector) const;
  std::string rule_hash(const Measure& measure) const;

  Status read_metric(const PackDocument& pack, const PackNode& node, const std::string& owner,
                     KeyMetric& out);
  Status read_form(const PackDocument& pack, const PackNode& node, const std::string& owner,
                   KeyMetric& out);
  Status read_measures(const PackDocument& pack, const PackNode& node, const std::string& owner,
                       std::string_view key, std::vector<MeasureId>& out) const;
  Status check_form(const PackDocument& pack, int line, const std::string& owner,
                    const KeyMetric& metric) const;
  Status read_text(const PackDocument& pack, const PackNode& node, const std::string& owner,
                   std::string_view key, std::string& out) const;
  Status add_metric(const PackDocument& pack, const PackNode& node, KeyMetric metric);
  Status add_panel(const PackDocument& pack, const PackNode& node, Dashboard& dashboard);

  static std::string key(const PackDocument& pack, std::string_view name) {
    return pack.name + '\n' + std::string(name);
  }
  template <typename Index>
  std::string nearest_name(const PackDocument& pack, const Index& index,
                           std::string_view name) const {
    std::vector<std::string_view> names;
    for (const auto& [full, id] : index) {
      const std::string_view view = full;
      if (view.starts_with(pack.name + '\n')) names.push_back(view.substr(pack.name.size() + 1));
    }
    return did_you_mean(name, names);
  }

  const Catalogue& catalogue_;
  const NamesOf names_of_;
  Reports& out_;
  std::map<std::string, std::uint16_t> pattern_index_;  // by canonical text
  std::map<std::string, MeasureId> measure_index_;      // by key()
  std::map<std::string, MetricId> metric_index_;
  std::vector<Waiting> waiting_;
};

// The entries of a section that is a map by name; nullptr where the pack has none.
Result<const PackNode*> map_section(const PackDocument& pack, std::string_view key,
                                    std::string_view example);

}  // namespace sightglass::event
