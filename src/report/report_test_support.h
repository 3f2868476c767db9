// For the tests of this room: events in short, folded, and the report's answers by name.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "event/event_test_support.h"
#include "event/pattern.h"
#include "journal/fold_harness.h"
#include "report/hours.h"
#include "report/report_fold.h"

namespace sightglass::report {

inline constexpr Nanos kDayNs = 24 * kHour;
inline constexpr Nanos kNow = 1'760'000'000 * kSecond;  // 2025-10-09 08:53:20 UTC, a Thursday

// The packs that the program ships for the Events seed.
inline std::shared_ptr<const event::Catalogue> shipped_packs() {
  static const auto packs = event::must_parse(event::source_file("packs/gateway.yaml") + "---\n" +
                                              event::source_file("packs/morpheus.yaml") + "---\n" +
                                              event::source_file("packs/morpheus_reports.yaml"));
  return packs;
}

struct Given {
  std::string name;
  Nanos time_ns = kNow;
  std::vector<std::pair<std::string, event::Value>> fields;
};

inline event::Value word(std::string_view text) { return event::Value::text(text); }
inline event::Value whole(std::int64_t n) { return event::Value::integer(n); }

// Events to records, as the door would write them but for the pseudonyms.
class Writer {
 public:
  explicit Writer(std::shared_ptr<const event::Catalogue> catalogue)
      : catalogue_(std::move(catalogue)) {
    auto plan = event::MatchPlan::compile(catalogue_);
    EXPECT_TRUE(plan) << plan.error().message;
    plan_ = std::move(*plan);
  }

  std::string payload(const Given& given) {
    event::Event event;
    event.type = catalogue_->event_type(given.name);
    if (event.type != event::kOtherEvent) event.level = catalogue_->event_types()[event.type].level;
    event.time_ns = given.time_ns;
    for (const auto& [name, value] : given.fields) {
      const auto names = catalogue_->event_types()[event.type].names;
      const auto field = catalogue_->field(name, names);
      EXPECT_NE(field, event::kNoField) << name;
      event.fields.push_back({field, value});
    }
    plan_->match(event, scratch_);
    std::string out;
    event::encode(event, out);
    return out;
  }

  journal::Reader::Batch batch(Nanos accept_ns, const std::vector<Given>& events) {
    std::vector<std::pair<journal::RecordKind, std::string>> records;
    for (const auto& given : events) {
      records.emplace_back(journal::RecordKind::kEvent, payload(given));
    }
    if (records.empty()) records.emplace_back(journal::RecordKind::kTick, "");
    auto out = journal::make_batch(next_, accept_ns, catalogue_, records);
    next_ += records.size();
    return out;
  }

  const std::shared_ptr<const event::Catalogue>& catalogue() const { return catalogue_; }

 private:
  std::shared_ptr<const event::Catalogue> catalogue_;
  std::unique_ptr<event::MatchPlan> plan_;
  event::MatchPlan::Scratch scratch_;
  journal::Position next_ = 1;
};

// A fold over the shipped packs, or others.
class Reported {
 public:
  explicit Reported(std::shared_ptr<const event::Catalogue> catalogue = shipped_packs(),
                    std::string pack = "morpheus")
      : writer_(std::move(catalogue)), pack_(std::move(pack)) {}

  Reported& add(const std::vector<Given>& events, Nanos accept_ns = kNow) {
    fold_.apply(writer_.batch(accept_ns, events));
    return *this;
  }
  Reported& add(std::size_t times, const std::string& name, Nanos time_ns = kNow) {
    return add(std::vector<Given>(times, Given{name, time_ns, {}}));
  }

  Report report(Nanos since_ns = kDefaultSince, Nanos now_ns = kNow) const {
    auto made = fold_.report(*writer_.catalogue(), {pack_, since_ns, now_ns});
    EXPECT_TRUE(made) << made.error().message;
    return made ? std::move(*made) : Report{};
  }

  Answer answer(std::string_view name, Nanos since_ns = kDefaultSince, Nanos now_ns = kNow) const {
    for (auto& board : report(since_ns, now_ns).boards) {
      for (auto& answer : board.answers) {
        if (answer.name == name) return answer;
      }
    }
    ADD_FAILURE() << "no metric named " << name;
    return {};
  }
  double value(std::string_view name, Nanos since_ns = kDefaultSince) const {
    const auto found = answer(name, since_ns);
    EXPECT_TRUE(found.value) << name << ": " << found.reason;
    return found.value.value_or(-1);
  }
  std::string reason(std::string_view name) const {
    const auto found = answer(name);
    EXPECT_FALSE(found.value) << name << " is " << found.value.value_or(0);
    return found.reason;
  }
  // Label → value of a metric's rows; rows without a value are left out.
  std::map<std::string, double> rows(std::string_view name, Nanos since_ns = kDefaultSince) const {
    std::map<std::string, double> out;
    for (const auto& row : answer(name, since_ns).rows) {
      if (row.value) out[row.label] = *row.value;
    }
    return out;
  }
  bool notes(std::string_view name, std::string_view part, Nanos since_ns = kDefaultSince) const {
    for (const auto& note : answer(name, since_ns).notes) {
      if (note.find(part) != std::string::npos) return true;
    }
    return false;
  }

  ReportFold& fold() { return fold_; }
  Writer& writer() { return writer_; }

 private:
  Writer writer_;
  const std::string pack_;
  ReportFold fold_;
};

}  // namespace sightglass::report
