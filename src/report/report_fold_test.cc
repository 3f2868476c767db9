// The fold against a naive model that keeps every event, its purity, its bounds.
#include "report/report_fold.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <set>

#include "base/random.h"
#include "report/distinct.h"
#include "report/pairs.h"
#include "report/report_test_support.h"
#include "report/top.h"

namespace sightglass::report {
namespace {

using event::Value;

constexpr std::string_view kPack = R"(
pack: p
version: 1
fields:
  n: { kind: int, class: count }
  x: { kind: double, class: duration }
  w: { kind: text, class: category }
  user_id: { kind: text, class: identifier, identifier: u }
  a: { kind: text, class: correlation }
  b: { kind: text, class: correlation }
events:
  opened: {}
  closed: {}
  told: {}
measures:
  told: { match: '{ $.event_type = "told" }' }
  big: { match: '{ $.event_type = "told" && $.n > 5 }' }
  weighed: { match: '{ $.event_type = "told" }', weight: $.n }
  sum: { match: '{ $.event_type = "told" }', statistic: sum, field: $.n }
  mean: { match: '{ $.event_type = "told" }', statistic: average, field: [$.x, $.n] }
  last: { match: '{ $.event_type = "told" }', statistic: last, field: $.n }
  users: { match: '{ $.user_id = * }', statistic: distinct, field: $.user_id }
  words: { match: '{ $.event_type = "told" }', statistic: top, field: $.w }
  names: { match: '{ $.n = * }', statistic: top, field: $.event_type }
  times:
    statistic: pairs
    start: '{ $.event_type = "opened" }'
    end: '{ $.event_type = "closed" }'
    join: [$.a, $.b]
    expires_after: 2h
key_metrics:
  m_told: { title: T, unit: u, definition: d, value: told }
  m_big: { title: T, unit: u, definition: d, value: big }
  m_weighed: { title: T, unit: u, definition: d, value: weighed }
  m_sum: { title: T, unit: u, definition: d, value: sum }
  m_mean: { title: T, unit: u, definition: d, value: mean }
  m_last: { title: T, unit: u, definition: d, value: last }
  m_users: { title: T, unit: u, definition: d, value: users }
  m_words: { title: T, unit: u, definition: d, top: words, limit: 100 }
  m_names: { title: T, unit: u, definition: d, top: names }
  m_times: { title: T, unit: seconds, definition: d, value: times }
  m_reached: { title: T, unit: ratio, definition: d, reached: times }
  m_hours: { title: T, unit: u, definition: d, hours: told }
  m_again: { title: T, unit: ratio, definition: d, retention: users }
)";

std::shared_ptr<const event::Catalogue> small_pack() {
  static const auto catalogue = event::must_parse(kPack.substr(1));
  return catalogue;
}

// An event that remembers its own texts.
struct Made {
  std::string name;
  Nanos time_ns = 0;
  Nanos accept_ns = 0;
  std::optional<std::int64_t> n;
  std::optional<double> x;
  std::optional<std::string> w, user, a, b;

  Given given() const {
    Given out{name, time_ns, {}};
    if (n) out.fields.emplace_back("n", whole(*n));
    if (x) out.fields.emplace_back("x", Value::number(*x));
    if (w) out.fields.emplace_back("w", word(*w));
    if (user) out.fields.emplace_back("user_id", word(*user));
    if (a) out.fields.emplace_back("a", word(*a));
    if (b) out.fields.emplace_back("b", word(*b));
    return out;
  }
};

class Source {
 public:
  explicit Source(std::uint64_t seed) : random_(seed) {}
  std::uint64_t below(std::uint64_t n) { return random_.next() % n; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }

  Made make(Nanos accept_ns) {
    constexpr const char* kNames[] = {"opened", "closed", "told", "told"};
    Made out;
    out.name = kNames[below(4)];
    out.accept_ns = accept_ns;
    // Mostly fresh, sometimes hours or days late; event times are whole milliseconds.
    const Nanos late = one_in(4) ? static_cast<Nanos>(below(4 * 86'400'000))
                                 : static_cast<Nanos>(below(5'400'000));
    out.time_ns = accept_ns - late * kMillisecond;
    if (!one_in(3)) out.n = static_cast<std::int64_t>(below(12));
    if (one_in(3)) out.x = static_cast<double>(below(1'000)) / 8;
    if (!one_in(3)) out.w = "word" + std::to_string(below(30));
    if (!one_in(3)) out.user = one_in(8) ? "unknown" : "u:1." + std::to_string(below(60));
    if (one_in(2)) out.a = "a" + std::to_string(below(25));
    if (one_in(2)) out.b = "b" + std::to_string(below(25));
    return out;
  }

 private:
  SeededRandom random_;
};

// Everything by looking at every event.
class Naive {
 public:
  void add(const Made& made) {
    for (auto* side : {&starts_, &ends_}) {
      std::erase_if(*side, [&](const Made& waiting) {
        const bool over = waiting.accept_ns + kExpiry < made.accept_ns;
        if (over) (side == &starts_ ? lost_starts_ : lost_ends_).push_back(waiting);
        return over;
      });
    }
    events_.push_back(made);
    if (made.name == "opened") meet(made, starts_, ends_, true);
    if (made.name == "closed") meet(made, ends_, starts_, false);
  }

  template <typename Take>
  void each(Window window, const char* name, const Take& take) const {
    for (const auto& made : events_) {
      if ((name == nullptr || made.name == name) && window.holds(hour_of(made.time_ns))) take(made);
    }
  }
  std::set<std::string> users(Window window) const {
    std::set<std::string> out;
    each(window, nullptr, [&](const Made& made) {
      if (made.user && *made.user != "unknown") out.insert(*made.user);
    });
    return out;
  }
  // Pairs, their mean in seconds, starts and ends that have no partner.
  struct Times {
    std::size_t pairs = 0, starts = 0, ends = 0;
    double mean_s = 0;
  };
  Times times(Window window) const {
    Times out;
    double sum = 0;
    for (const auto& [start, end] : pairs_) {
      if (!window.holds(hour_of(end.time_ns))) continue;
      ++out.pairs;
      sum += static_cast<double>(end.time_ns - start.time_ns) / 1e9;
    }
    out.mean_s = sum / static_cast<double>(out.pairs);
    const auto inside = [&](const std::deque<Made>& side) {
      return static_cast<std::size_t>(std::count_if(side.begin(), side.end(), [&](const Made& m) {
        return window.holds(hour_of(m.time_ns));
      }));
    };
    out.starts = inside(starts_) + inside(lost_starts_);
    out.ends = inside(ends_) + inside(lost_ends_);
    return out;
  }

 private:
  static constexpr Nanos kExpiry = 2 * kHour;
  void meet(const Made& made, std::deque<Made>& own, std::deque<Made>& others, bool is_start) {
    for (auto key : {&Made::a, &Made::b}) {
      if (!(made.*key)) continue;
      for (auto other = others.begin(); other != others.end(); ++other) {
        if (!((*other).*key) || *((*other).*key) != *(made.*key)) continue;
        const auto& start = is_start ? made : *other;
        const auto& end = is_start ? *other : made;
        if (end.time_ns < start.time_ns || end.time_ns - start.time_ns > kExpiry) continue;
        pairs_.emplace_back(start, end);
        others.erase(other);
        return;
      }
    }
    own.push_back(made);
  }

  std::vector<Made> events_;
  std::deque<Made> starts_, ends_, lost_starts_, lost_ends_;
  std::vector<std::pair<Made, Made>> pairs_;
};

void expect_equal(const Reported& reported, const Naive& naive, Nanos since, Nanos now) {
  const Window window{hour_of(now - since), hour_of(now)};
  const auto value = [&](const char* name) { return reported.answer(name, since, now).value; };
  double told = 0, big = 0, weighed = 0, sum = 0, mean_sum = 0, mean_n = 0, with_n = 0;
  std::map<std::string, double> words, names, hours;
  naive.each(window, nullptr, [&](const Made& made) {
    if (made.n) names[made.name] += 1;
    if (made.name != "told") return;
    told += 1;
    big += made.n && *made.n > 5 ? 1 : 0;
    weighed += made.n ? static_cast<double>(*made.n) : 1;
    sum += made.n ? static_cast<double>(*made.n) : 0;
    with_n += made.n ? 1 : 0;
    if (made.x || made.n) {
      mean_sum += made.x ? *made.x : static_cast<double>(*made.n);
      mean_n += 1;
    }
    if (made.w) words[*made.w] += 1;
    const auto h = hour_in_day(hour_of(made.time_ns));
    hours[(h < 10 ? "0" : "") + std::to_string(h) + ":00"] += 1;
  });
  EXPECT_EQ(value("m_told"), told);
  EXPECT_EQ(value("m_big"), big);
  EXPECT_EQ(value("m_weighed"), weighed);
  if (with_n > 0) {
    EXPECT_EQ(value("m_sum"), sum);
  }
  if (mean_n > 0) {
    EXPECT_DOUBLE_EQ(value("m_mean").value_or(-1), mean_sum / mean_n);
  }
  EXPECT_EQ(value("m_users"), static_cast<double>(naive.users(window).size()));

  const auto rows = [&](const char* name) {
    std::map<std::string, double> out;
    for (const auto& row : reported.answer(name, since, now).rows) out[row.label] = *row.value;
    return out;
  };
  EXPECT_EQ(rows("m_words"), words);
  EXPECT_EQ(rows("m_names"), names);
  for (const auto& [hour, count] : rows("m_hours")) {
    if (hour[2] == ':') {
      EXPECT_EQ(count, hours.contains(hour) ? hours.at(hour) : 0) << hour;
    }
  }

  const auto times = naive.times(window);
  const auto answer = reported.answer("m_times", since, now);
  if (times.pairs > 0) {
    EXPECT_NEAR(answer.value.value_or(-1), times.mean_s, 1e-6);
  }
  const auto unpaired = "unpaired: " + std::to_string(times.starts) +
                        (times.starts == 1 ? " start, " : " starts, ") +
                        std::to_string(times.ends) + (times.ends == 1 ? " end" : " ends");
  ASSERT_GE(answer.notes.size(), 2u);
  EXPECT_EQ(answer.notes[0].substr(0, answer.notes[0].find(' ')), std::to_string(times.pairs));
  EXPECT_EQ(answer.notes[1], unpaired);
  if (times.pairs + times.starts > 0) {
    EXPECT_DOUBLE_EQ(
        value("m_reached").value_or(-1),
        static_cast<double>(times.pairs) / static_cast<double>(times.pairs + times.starts));
  }

  const Window before{window.from - (window.to - window.from + 1), window.from - 1};
  const auto first = naive.users(before);
  const auto second = naive.users(window);
  std::vector<std::string> both;
  std::set_intersection(first.begin(), first.end(), second.begin(), second.end(),
                        std::back_inserter(both));
  if (!first.empty()) {
    EXPECT_DOUBLE_EQ(value("m_again").value_or(-1),
                     static_cast<double>(both.size()) / static_cast<double>(first.size()));
  }
}

TEST(ReportFold, AgreesWithANaiveModelOnRandomEvents) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    Source source(seed);
    Reported reported(small_pack(), "p");
    Naive naive;
    Nanos accept = kNow;
    for (int batch = 0; batch < 60; ++batch) {
      accept += static_cast<Nanos>(source.below(3'600)) * kSecond;
      std::vector<Made> made(1 + source.below(20));
      for (auto& one : made) one = source.make(accept);
      std::vector<Given> given;
      for (const auto& one : made) given.push_back(one.given());
      reported.add(given, accept);
      for (const auto& one : made) naive.add(one);
      if (batch % 12 == 11) {
        SCOPED_TRACE("seed " + std::to_string(seed) + ", batch " + std::to_string(batch));
        for (const auto since : {kHour, 5 * kHour, kDayNs, 7 * kDayNs}) {
          expect_equal(reported, naive, since, accept);
        }
      }
    }
    if (HasFailure()) return;
  }
}

TEST(ReportFold, IsAPureFunctionOfItsRecords) {
  Source source(77);
  Writer writer(small_pack());
  std::vector<std::vector<Made>> kept;
  std::vector<journal::Reader::Batch> batches;
  Nanos accept = kNow;
  for (int i = 0; i < 40; ++i) {
    accept += i % 9 == 8 ? 5 * kDayNs : static_cast<Nanos>(source.below(1'800)) * kSecond;
    auto& made = kept.emplace_back(1 + source.below(8));
    for (auto& one : made) one = source.make(accept);
    std::vector<Given> given;
    for (const auto& one : made) given.push_back(one.given());
    batches.push_back(writer.batch(accept, given));
  }
  EXPECT_EQ(journal::check_fold_is_pure([] { return std::make_unique<ReportFold>(); }, batches),
            "");
}

TEST(ReportFold, ForgetsWhatIsOlderThanNinetyDaysAndSaysWhatItLeftOut) {
  Reported reported(small_pack(), "p");
  const auto told = [](Nanos at) { return std::vector<Given>{{"told", at, {}}}; };
  reported.add(told(kNow)).add(told(kNow - 91 * kDayNs)).add(told(kNow + 3 * kHour));
  const auto answer = reported.answer("m_told", 90 * kDayNs);
  EXPECT_EQ(answer.value, 1);
  ASSERT_EQ(answer.notes.size(), 1u);
  EXPECT_EQ(answer.notes[0], "2 events older than 90 days or ahead of the clock left out");
  const auto later = kNow + 91 * kDayNs;
  reported.add(told(later), later);
  EXPECT_EQ(reported.answer("m_told", 90 * kDayNs, later).value, 1);
  std::string small;
  reported.fold().save(small);
  EXPECT_LT(small.size(), 600u);
}

TEST(ReportFold, KeepsAMeasureOverAChangeOfPacksAndBeginsAChangedOneAnew) {
  std::string text(kPack.substr(1));
  ReportFold fold;
  Writer before(small_pack());
  fold.apply(before.batch(kNow, {{"told", kNow, {{"n", whole(7)}}}}));
  text.replace(text.find("$.n > 5"), 7, "$.n > 6");
  const auto changed = event::must_parse(text);
  Writer after(changed);
  (void)after.batch(kNow, {{"told", kNow, {}}});  // the same position as before
  fold.apply(after.batch(kNow, {{"told", kNow, {{"n", whole(7)}}}}));
  const auto report = fold.report(*changed, {"p", kDefaultSince, kNow});
  ASSERT_TRUE(report);
  EXPECT_EQ(report->boards[0].answers[0].value, 2);  // told
  EXPECT_EQ(report->boards[0].answers[1].value, 1);  // big
}

TEST(ReportFold, RefusesSnapshotsThatAreDamagedOrNewer) {
  Reported reported(small_pack(), "p");
  Source source(5);
  for (int i = 0; i < 200; ++i) reported.add({source.make(kNow).given()});
  std::string good;
  reported.fold().save(good);
  EXPECT_TRUE(ReportFold().load(good));
  for (std::size_t cut = 0; cut < good.size(); cut += 7) {
    const auto loaded = ReportFold().load(Bytes(good).substr(0, cut));
    ASSERT_FALSE(loaded) << cut;
    EXPECT_EQ(loaded.error().code, Code::kCorrupt);
  }
  good[0] = 2;
  EXPECT_EQ(ReportFold().load(good).error().code, Code::kVersion);
}

TEST(ReportFold, ThousandsOfOpenStartsAreBoundedAndTheLostOnesCounted) {
  Reported reported(small_pack(), "p");
  constexpr std::size_t kMore = Pairs::kMaxWaiting + 1'000;
  for (std::size_t i = 0; i < kMore;) {
    std::vector<std::string> ids;
    for (std::size_t j = 0; j < 1'000 && i < kMore; ++j) ids.push_back(std::to_string(i++));
    std::vector<Given> given;
    for (const auto& id : ids) given.push_back({"opened", kNow, {{"a", word(id)}}});
    reported.add(given);
  }
  EXPECT_TRUE(reported.notes("m_times", "unpaired: " + std::to_string(kMore) + " starts"));
  EXPECT_TRUE(reported.notes("m_times", "1000 of them expired"));
  reported.add({{"closed", kNow, {{"a", word("0")}}}, {"closed", kNow, {{"a", word("5000")}}}});
  EXPECT_TRUE(reported.notes("m_times", "1 pair"));
}

TEST(ReportFold, AnUnknownPackIsNotFoundAndTheKnownOnesAreNamed) {
  const auto made = Reported(small_pack(), "p").fold().report(*small_pack(), {"q", kHour, kNow});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::kNotFound);
  EXPECT_EQ(made.error().message, "no pack of this name has a report; there are: p");
}

TEST(DistinctDays, AreExactToTenThousandADayAndAnEstimateBehind) {
  DistinctDays days;
  constexpr std::size_t kMany = 50'000;
  for (std::size_t i = 0; i < DistinctDays::kExactADay; ++i) days.add(0, std::to_string(i));
  EXPECT_EQ(days.count({0, 0}).value, 10'000);
  EXPECT_FALSE(days.count({0, 0}).estimated);
  EXPECT_EQ(days.count({1, 23}).value, 0);
  for (std::size_t i = 0; i < kMany; ++i) days.add(0, std::to_string(i));
  const auto count = days.count({0, 0});
  EXPECT_TRUE(count.estimated);
  EXPECT_NEAR(count.value, kMany, kMany * 0.05);
  EXPECT_TRUE(days.common({0, 0}, {24, 24}).estimated);
  std::string saved;
  ByteWriter writer(saved);
  days.save(writer);
  EXPECT_LT(saved.size(), 5'000u);
}

// S0-K23, S0-T03: exact within an epoch, and over two of them while the overlap holds.
TEST(DistinctDays, CountAPersonOnceOverARotationWhileTheOverlapHolds) {
  DistinctDays days;
  days.add(0, "u:1.a");
  days.add(0, "u:1.b");
  days.add(24, "u:2.A", "u:1.a");
  days.add(25, "u:2.C", "u:1.c");
  EXPECT_EQ(days.count({0, 47}).value, 3);
  EXPECT_EQ(days.count({0, 47}).epochs.size(), 1u);
  const auto common = days.common({0, 23}, {24, 47});
  EXPECT_EQ(common.first, 2u);
  EXPECT_EQ(common.both, 1u);
  EXPECT_EQ(common.epochs, 1u);
  days.add(10 * 24, "u:2.A");  // behind the overlap
  EXPECT_EQ(days.count({24, 11 * 24}).value, 2);
  EXPECT_EQ(days.count({24, 11 * 24}).epochs.size(), 1u);
  EXPECT_EQ(days.count({0, 11 * 24}).value, 4);
  EXPECT_EQ(days.count({0, 11 * 24}).epochs.size(), 2u);
}

TEST(DistinctDays, OfAllDaysTheOldestBecomeEstimatesFirst) {
  DistinctDays days;
  for (int day = 0; day < 25; ++day) {
    for (int i = 0; i < 9'000; ++i) days.add(day * 24, std::to_string(day * 9'000 + i));
  }
  EXPECT_TRUE(days.count({0, 23}).estimated);
  EXPECT_NEAR(days.count({0, 23}).value, 9'000, 450);
  EXPECT_FALSE(days.count({24 * 24, 24 * 24 + 23}).estimated);
  EXPECT_EQ(days.count({24 * 24, 24 * 24 + 23}).value, 9'000);
}

TEST(TopDays, AboveItsBoundCountsAreTooLowByAtMostWhatItSays) {
  TopDays top;
  std::map<std::string, std::uint64_t> exact;
  SeededRandom random(3);
  for (int i = 0; i < 40'000; ++i) {
    // A few heavy ones among thousands of light ones.
    const auto n = random.next() % 4 == 0 ? random.next() % 5'000 + 10 : random.next() % 10;
    const auto key = "k" + std::to_string(n);
    ++exact[key];
    top.add(static_cast<Hour>(random.next() % 24), key);
  }
  const auto counts = top.count({0, 23});
  EXPECT_TRUE(counts.overflowed);
  EXPECT_LE(counts.rows.size(), TopDays::kValuesADay);
  std::set<std::string> first;
  for (std::size_t i = 0; i < 10; ++i) first.insert(counts.rows[i].key);
  for (int n = 0; n < 10; ++n) EXPECT_TRUE(first.contains("k" + std::to_string(n)));
  for (const auto& row : counts.rows) {
    EXPECT_LE(row.count, exact.at(row.key)) << row.key;
    EXPECT_GE(row.count + row.over, exact.at(row.key)) << row.key;
  }
}

TEST(Since, IsAnHourToNinetyDays) {
  EXPECT_EQ(parse_since("24h"), 24 * kHour);
  EXPECT_EQ(parse_since("7d"), 7 * kDayNs);
  EXPECT_EQ(parse_since("90m"), 90 * 60 * kSecond);
  for (const auto* bad : {"", "h", "59m", "91d", "24", "-1d", "1w", "9999999999d", "2 h"}) {
    const auto parsed = parse_since(bad);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_NE(parsed.error().message.find("from 1h to 90d"), std::string::npos);
  }
}

TEST(ReportJson, HasValuesReasonsAndRows) {
  Reported given;
  given.add(3, "cache_hit").add(1, "cache_miss");
  std::string out;
  append_json(given.report(), out);
  const std::string head =
      "{\"pack\":\"morpheus\",\"from\":\"2025-10-08T08:00:00Z\",\"to\":\"2025-10-";
  EXPECT_TRUE(out.starts_with(head)) << out.substr(0, 100);
  // clang-format off
  const std::string rate =
      "\"name\":\"cache_hit_rate\",\"title\":\"Cache Hit Rate\",\"group\":\"Models and "
      "Configuration\",\"value\":0.75,\"unit\":\"ratio\",\"definition\":\"cache_hit / (cache_hit + "
      "cache_miss)\",\"notes\":[]";
  // clang-format on
  EXPECT_NE(out.find(rate), std::string::npos);
  const std::string absent = "\"value\":null,\"unit\":\"sessions\",\"reason\":\"no data: no ";
  EXPECT_NE(out.find(absent), std::string::npos);
}

}  // namespace
}  // namespace sightglass::report
