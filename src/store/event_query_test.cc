// Pages of single rows, held against the plain list of what was fed.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

#include "store/sample_rows.h"
#include "store/store.h"
#include "store/test_folder.h"

namespace sightglass::store {
namespace {

constexpr Range kEver{0, 4'000'000'000 * kSecond};

class EventQueryTest : public testing::Test {
 protected:
  // 5,000 rows: some in files, some in the tail.
  void SetUp() override {
    auto store = Store::open(options_, fs_, clock_, telemetry_, log_);
    ASSERT_TRUE(store.has_value()) << store.error().message;
    store_ = std::move(*store);
    rows_ = sample::rows(5000);
    sample::feed(*store_, catalogue_, {rows_.begin(), rows_.begin() + 4000});
    ASSERT_TRUE(store_->seal_now().has_value());
    sample::feed(*store_, catalogue_, rows_, 100, 4000);
    ASSERT_GE(store_->health().files, 3u);
    ASSERT_GT(store_->health().tail_rows, 0u);
  }

  // All pages of a query, one after the other.
  std::vector<StoredEvent> all(EventQuery query) {
    std::vector<StoredEvent> out;
    for (;;) {
      const auto page = store_->queries().events(query);
      EXPECT_TRUE(page.has_value()) << page.error().message;
      if (!page) return out;
      EXPECT_LE(page->events.size(), query.limit);
      out.insert(out.end(), page->events.begin(), page->events.end());
      if (!page->next) return out;
      EXPECT_TRUE(!query.before || *page->next < *query.before);
      query.before = page->next;
    }
  }

  RowFilter filter(const std::string& text) {
    auto pattern = event::Pattern::parse(text);
    EXPECT_TRUE(pattern.has_value()) << text;
    return {std::make_shared<const event::Pattern>(std::move(*pattern)), catalogue_};
  }

  // As the door saw it. Borrows from the row.
  event::Event event_of_row(const StoredEvent& row) const {
    event::Event out;
    out.type = catalogue_->event_type(row.type);
    for (const auto level :
         {Level::kDebug, Level::kInfo, Level::kWarn, Level::kError, Level::kCritical}) {
      if (level_name(level) == row.level) out.level = level;
    }
    for (const auto& field : row.fields) {
      out.fields.push_back({catalogue_->field(field.name), field.value()});
    }
    return out;
  }

  // The terminal rows that `wanted` takes, newest first.
  template <typename Wanted>
  std::vector<const sample::Row*> expected(const Wanted& wanted) {
    std::vector<const sample::Row*> out;
    for (auto row = rows_.rbegin(); row != rows_.rend(); ++row) {
      if (row->terminal && wanted(*row)) out.push_back(&*row);
    }
    return out;
  }

  static void expect_same(const std::vector<StoredEvent>& got,
                          const std::vector<const sample::Row*>& want) {
    ASSERT_EQ(got.size(), want.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      ASSERT_EQ(got[i].position, want[i]->position);
      EXPECT_EQ(got[i].type, want[i]->type);
      EXPECT_EQ(got[i].time_ns, want[i]->time_ns);
      EXPECT_TRUE(got[i].terminal);
      EXPECT_EQ(got[i].fields.size(), want[i]->texts.size() + want[i]->numbers.size());
      for (const auto& field : got[i].fields) {
        if (field.kind == event::Kind::kText) {
          EXPECT_EQ(field.text, want[i]->text(field.name));
        } else {
          EXPECT_EQ(field.integer, want[i]->number(field.name)) << field.name;
        }
      }
    }
  }

  TestFolder folder_;
  Options options_{.directory = folder_.path() + "/store", .gateway = "gw-1", .seal_rows = 1000};
  PosixFileSystem fs_;
  ManualClock clock_;
  Telemetry telemetry_;
  NullLog log_;
  std::shared_ptr<const event::Catalogue> catalogue_ = sample::gateway_catalogue();
  std::unique_ptr<Store> store_;
  std::vector<sample::Row> rows_;
};

TEST_F(EventQueryTest, PagesGiveEveryRowOnceNewestFirst) {
  for (const std::uint32_t limit : {101u, 1000u}) {
    expect_same(all({.range = kEver, .limit = limit}), expected([](const auto&) { return true; }));
  }
}

TEST_F(EventQueryTest, ARangeOfEventTimeChoosesRows) {
  const auto from = rows_[1234].time_ns, to = rows_[4321].time_ns;
  expect_same(all({.range = {from, to}, .limit = 500}), expected([&](const sample::Row& row) {
                return row.time_ns >= from && row.time_ns < to;
              }));
}

TEST_F(EventQueryTest, AFilterChoosesRowsWhereverTheyLie) {
  const EventQuery query{.range = kEver,
                         .limit = 50,
                         .filter = filter(R"({ $.error_type = "provider_server_error" })")};
  const auto want = expected(
      [](const sample::Row& row) { return row.text("error_type") == "provider_server_error"; });
  ASSERT_GT(want.size(), 100u);
  expect_same(all(query), want);
}

// A file is read from its end in pieces, which grow where the range leaves most rows out.
TEST_F(EventQueryTest, TheOldRowsOfALargeFileAreFoundBehindAllTheNewerOnes) {
  store_->close();
  store_.reset();
  options_.directory = folder_.path() + "/large";
  options_.seal_rows = 20'000;
  store_ = *Store::open(options_, fs_, clock_, telemetry_, log_);
  rows_ = sample::rows(15'000, 7);
  sample::feed(*store_, catalogue_, rows_, 1'000);
  ASSERT_TRUE(store_->seal_now().has_value());
  ASSERT_LE(store_->health().files, 3u);
  const Range range{rows_[10].time_ns, rows_[400].time_ns};
  const auto in_range = [&](const sample::Row& row) {
    return row.time_ns >= range.start_ns && row.time_ns < range.end_ns;
  };
  expect_same(all({.range = range, .limit = 30}), expected(in_range));
  const auto slow = [](const sample::Row& row) { return row.number("latency_us") > 5'000'000; };
  EventQuery query{.range = range, .limit = 7, .filter = filter("{ $.latency_us > 5000000 }")};
  ASSERT_FALSE(expected([&](const auto& row) { return in_range(row) && slow(row); }).empty());
  expect_same(all(query), expected([&](const auto& row) { return in_range(row) && slow(row); }));
}

// A filter in the engine and the language itself say the same of every row.
TEST_F(EventQueryTest, EveryKindOfFilterChoosesWhatTheLanguageDoes) {
  // A file's beginning and the tail's.
  const Range range{rows_[3'400].time_ns, rows_[4'600].time_ns};
  const auto rows = all({.range = range, .limit = 1000});
  ASSERT_GT(rows.size(), 500u);
  std::size_t chosen = 0;
  for (const auto* text : {
           "",
           "{ $.outcome = \"error\" && $.provider = \"openai\" }",
           "{ $.outcome != \"ok\" }",
           "{ $.model = \"gpt*\" }",
           "{ $.model = %^gpt-4o% }",
           "{ $.is_streaming IS TRUE }",
           "{ $.is_streaming IS FALSE }",
           "{ $.is_streaming = \"true\" }",
           "{ $.error_type = * }",
           "{ $.error_type NOT EXISTS }",
           "{ $.error_type IS NULL }",
           "{ $.nobody_knows NOT EXISTS }",
           "{ $.nobody_knows != 1 }",
           "{ $.nobody_knows = 1 }",
           "{ $.status_code >= 400 }",
           "{ $.latency_us > 1000000.5 }",
           "{ $.latency_us = 1* }",
           "{ $.status_code != 200 }",
           "{ $.event_type = \"*_error\" }",
           "{ $.event_type != \"gateway_request\" }",
           "{ $.level = \"error\" || ($.output_tokens > 900 && $.client = \"c*\") }",
           "{ $.level = \"err*\" }",
           "{ $.client = \"it's; --\" }",
           "{ $.ttft_us NOT EXISTS }",
       }) {
    SCOPED_TRACE(text);
    const auto wanted = filter(text);
    std::vector<journal::Position> want, got;
    for (const auto& row : rows) {
      if (wanted.pattern->matches(*catalogue_, event_of_row(row))) want.push_back(row.position);
    }
    for (const auto& row : all({.range = range, .limit = 1000, .filter = wanted})) {
      got.push_back(row.position);
    }
    EXPECT_EQ(got, want);
    chosen += !want.empty() && want.size() != rows.size();
  }
  EXPECT_GE(chosen, 10u);
}

TEST_F(EventQueryTest, AFilterThatFindsNothingEndsACallAndSaysWhereToGoOn) {
  EventQuery query{.range = kEver, .limit = 10, .filter = filter("{ $.status_code = 999 }")};
  query.most_scanned = 1000;
  auto page = store_->queries().events(query);
  ASSERT_TRUE(page.has_value());
  EXPECT_TRUE(page->events.empty());
  ASSERT_TRUE(page->next.has_value());
  EXPECT_TRUE(all(query).empty());
}

// What a console line shows of an id is looked up in an index, once housekeeping has made it.
TEST_F(EventQueryTest, IndexesOfIdsAreMadeAndFindWhatAWholeReadingDoes) {
  const auto rows = expected([](const auto&) { return true; });
  ASSERT_TRUE(store_->seal_now().has_value());  // housekeeping waits while a tail is half full
  const auto ids = [&] { return folder_.list("store/ids").size(); };
  for (int i = 0; i < 6000 && ids() < store_->health().files; ++i) {
    clock_.advance(61 * kSecond);
    std::this_thread::sleep_for(std::chrono::milliseconds(25));
  }
  ASSERT_GE(ids(), 1u);
  for (std::size_t i = 0; i < rows.size(); i += 331) {
    const auto id = rows[i]->text("request_id");
    for (const std::size_t length : {5u, 8u, 13u, 36u}) {
      const auto found =
          all({.range = kEver, .limit = 10, .request_id_prefix = id.substr(0, length)});
      const bool there = std::any_of(found.begin(), found.end(), [&](const StoredEvent& event) {
        return event.position == rows[i]->position;
      });
      ASSERT_TRUE(there) << id << " by " << length;
    }
  }
  EXPECT_TRUE(all({.range = kEver, .limit = 10, .request_id_prefix = "00000000-"}).empty());
  // Damaged or gone: the files are read.
  for (const auto& name : folder_.list("store/ids")) {
    std::filesystem::resize_file(folder_.path() + "/store/ids/" + name, 60);
  }
  const auto id = rows.back()->text("request_id");
  EXPECT_EQ(all({.range = kEver, .limit = 10, .request_id_prefix = id}).size(), 1u);
}

TEST_F(EventQueryTest, ARequestIsFoundByThePrefixOfItsId) {
  const auto rows = expected([](const auto&) { return true; });
  for (const auto* row : {rows.front(), rows[rows.size() / 2], rows.back()}) {
    const auto id = row->text("request_id");
    const auto found = all({.range = kEver, .limit = 10, .request_id_prefix = id.substr(0, 12)});
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].position, row->position);
  }
  EXPECT_TRUE(all({.range = kEver, .limit = 10, .request_id_prefix = "' OR 1=1 --"}).empty());
}

TEST_F(EventQueryTest, RefusesALimitOutOfBounds) {
  EXPECT_EQ(store_->queries().events({.range = kEver, .limit = 0}).error().code, Code::kInvalid);
  EXPECT_EQ(store_->queries().events({.range = kEver, .limit = 1001}).error().code, Code::kInvalid);
}

}  // namespace
}  // namespace sightglass::store
