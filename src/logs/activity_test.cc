// The Activity seed's lines: their form, that the seed's recipes give the right answers on them,
// and that each stands exactly once.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>

#include "../tests/support/batches.h"
#include "base/fake_file_system.h"
#include "logs/activity_file.h"
#include "logs/activity_line.h"
#include "logs/logs.h"

namespace sightglass::logs {
namespace {

using testing::Batches;
using testing::TestEvent;

constexpr Nanos kStart = 1'755'611'952'345'000'000;
constexpr const char* kPseudonym = "u:1.abcdefghijklmnopqrstuvwxyz";

std::shared_ptr<const event::Catalogue> catalogue() {
  static const auto made =
      testing::parse_catalogue(testing::source_text("packs/gateway.yaml") + "---\n" +
                               testing::source_text("packs/atlas.yaml"));
  return made;
}

std::string lines_of(const TestEvent& e, const event::PlainNames* names = nullptr,
                     ActivityForm form = ActivityForm::kPrinted) {
  Batches batches(catalogue());
  const auto payload = batches.encode(e);
  event::Event event;
  EXPECT_TRUE(event::decode(payload, event));
  std::string out;
  ActivityWriter(catalogue(), form, names).append(event, out);
  return out;
}

TestEvent of_user(const char* type) {
  TestEvent e(type, kStart);
  return e.with("service", "atlas").with("user_id", kPseudonym);
}

// S1-F02 to S1-F08, S1-E01 to S1-E06, S1-B05 to S1-B07: each printed line from its event.
TEST(ActivityLine, EachPrintedLineComesOutByteForByte) {
  event::PlainNames names;
  names.put(kPseudonym, "user@example.com");
  const std::map<std::string, TestEvent> rows = {
      {"llm_call model=gpt-4 message_count=5",
       of_user("llm_call").with("model", "gpt-4").with("message_count", 5)},
      {"tool_call tool_name=calculator", of_user("tool_call").with("tool_name", "calculator")},
      {"file_upload file_size=1024 content_type=application/pdf",
       of_user("file_upload").with("file_size", 1024).with("content_type", "application/pdf")},
      {"error error_type=rate_limit", of_user("error").with("error_type", "rate_limit")},
      {"llm_call model=gpt-4 message_count=5 tool_count=2",
       of_user("llm_call").with("model", "gpt-4").with("message_count", 5).with("tool_count", 2)},
      {"tool_error tool_name=file_reader", of_user("tool_error").with("tool_name", "file_reader")},
      {"file_stored file_size=2048 content_type=image/png category=uploads",
       of_user("file_stored")
           .with("file_size", 2048)
           .with("content_type", "image/png")
           .with("category", "uploads")}};
  for (const auto& [rest, e] : rows) {
    EXPECT_EQ(lines_of(e, &names), "[METRIC] [user@example.com] " + rest + "\n");
    EXPECT_EQ(lines_of(e), "[METRIC] [" + std::string(kPseudonym) + "] " + rest + "\n");
  }
}

// S1-F01: pairs in call order, and no blank at the end where there are none.
TEST(ActivityLine, PairsStandInTheEventsOrder) {
  EXPECT_EQ(lines_of(of_user("llm_call").with("tool_count", 0).with("model", "m")),
            "[METRIC] [" + std::string(kPseudonym) + "] llm_call tool_count=0 model=m\n");
  EXPECT_EQ(lines_of(of_user("tool_call")),
            "[METRIC] [" + std::string(kPseudonym) + "] tool_call\n");
}

// S1-B12
TEST(ActivityLine, AMissingUserIsUnknown) {
  for (const auto* user : {"", "unknown", "\n"}) {
    TestEvent e("tool_call", kStart);
    e.with("user_id", user).with("tool_name", "t");
    EXPECT_EQ(lines_of(e), "[METRIC] [unknown] tool_call tool_name=t\n");
  }
  EXPECT_EQ(lines_of(TestEvent("tool_call", kStart)), "[METRIC] [unknown] tool_call\n");
}

// S1-F01, S1-F15
TEST(ActivityLine, ControlCharactersAreDeletedAndBlanksStay) {
  const auto value = [](const char* text) {
    const auto line = lines_of(TestEvent("tool_call", kStart).with("tool_name", text));
    return line.substr(std::string("[METRIC] [unknown] tool_call tool_name=").size());
  };
  EXPECT_EQ(value("Hello\nWorld\r\t\x1b[31m\x7f"), "HelloWorld[31m\n");
  EXPECT_EQ(value("a\xc2\x85"
                  "b\xe2\x80\xa8"
                  "c\xe2\x80\xa9"
                  "d\xc3\xa9\xff"),
            "abcd\xc3\xa9\n");
  EXPECT_EQ(value("text/plain; charset=utf-8"), "text/plain; charset=utf-8\n");
}

TEST(ActivityLine, TheUserIsOneTokenWhateverItIsCalled) {
  event::PlainNames names;
  names.put(kPseudonym, "John [the] Smith\n\xc2\xa0Jr");
  EXPECT_EQ(lines_of(of_user("tool_call"), &names), "[METRIC] [John__the__Smith_Jr] tool_call\n");
}

TEST(ActivityLine, TheStrictFormQuotesWhatWouldBeAmbiguous) {
  const auto strict = [](const char* text) {
    return lines_of(TestEvent("tool_call", kStart).with("tool_name", text), nullptr,
                    ActivityForm::kStrict);
  };
  EXPECT_EQ(strict("plain"), "[METRIC] [unknown] tool_call tool_name=plain\n");
  EXPECT_EQ(strict("a b"), "[METRIC] [unknown] tool_call tool_name=\"a b\"\n");
  EXPECT_EQ(strict("k=v"), "[METRIC] [unknown] tool_call tool_name=\"k=v\"\n");
  EXPECT_EQ(strict("q\"\\"), "[METRIC] [unknown] tool_call tool_name=\"q\\\"\\\\\"\n");
}

TestEvent terminal(const char* type, const char* outcome) {
  TestEvent e(type, kStart);
  e.with("user_id", kPseudonym).with("outcome", outcome).with("endpoint", "chat_completions");
  return e.with("model_requested", "gpt-4").with("model", "other").with("message_count", 5);
}

// S1-E01, S1-F09, S1-F10, S1-B03: whether it was streamed or not.
TEST(ActivityLine, AGoodCallThroughTheGatewayIsAnLlmCall) {
  const std::string line =
      "[METRIC] [" + std::string(kPseudonym) + "] llm_call model=gpt-4 message_count=5\n";
  EXPECT_EQ(lines_of(terminal("stream_completed", "ok")), line);
  EXPECT_EQ(lines_of(terminal("chat_completion_success", "ok")), line);
  EXPECT_EQ(lines_of(TestEvent("passthrough_success", kStart)
                         .with("outcome", "ok")
                         .with("endpoint", "models")),
            "");
  EXPECT_EQ(lines_of(TestEvent("chat_completion_request_start", kStart)), "");
}

// S1-F11, S1-B04: how many tools were called, 0 allowed; nothing where none were offered. (Each of
// the calls is an event of its own, which the gateway's activities_test shows: S1-E02.)
TEST(ActivityLine, AToolEnabledCallHasItsCount) {
  const std::string head = "[METRIC] [" + std::string(kPseudonym) + "] ";
  EXPECT_EQ(
      lines_of(terminal("stream_completed", "ok").with("tool_count", 3).with("tool_calls", 2)),
      head + "llm_call model=gpt-4 message_count=5 tool_count=2\n");
  EXPECT_EQ(lines_of(terminal("stream_completed", "ok").with("tool_count", 3)),
            head + "llm_call model=gpt-4 message_count=5 tool_count=0\n");
}

// S1-E06, S1-F19, S1-B08: the gateway's types in the seed's words; those of applications as they
// are.
TEST(ActivityLine, AnEndThatIsNotGoodIsAnErrorInTheSeedsWords) {
  const std::set<std::string> words = {"rate_limit", "timeout",     "authentication",
                                       "validation", "bad_request", "authorization",
                                       "unexpected"};
  const std::map<std::string, std::string> known = {
      {"provider_rate_limited", "rate_limit"}, {"policy_budget_exceeded", "rate_limit"},
      {"provider_timeout", "timeout"},         {"caller_auth", "authentication"},
      {"policy_denied", "authorization"},      {"caller_bad_request", "validation"},
      {"provider_bad_request", "bad_request"}, {"gateway_interrupted", "unexpected"},
      {"caller_cancelled", "unexpected"},      {"_OTHER", "unexpected"}};
  for (const auto& [ours, theirs] : known) {
    EXPECT_EQ(lines_of(terminal("chat_completions_error", "error").with("error_type", ours)),
              "[METRIC] [" + std::string(kPseudonym) + "] error error_type=" + theirs + "\n");
    EXPECT_TRUE(words.contains(theirs));
  }
  for (const auto* outcome : {"timeout", "client_gone", "rejected", "interrupted"}) {
    EXPECT_NE(lines_of(terminal("client_disconnected", outcome)).find("] error "),
              std::string::npos);
  }
  for (const auto* theirs :
       {"rate_limit", "timeout", "authentication", "context_window_exceeded", "bad_request",
        "validation", "authorization", "domain", "unexpected", "file_upload_failed"}) {
    EXPECT_NE(lines_of(of_user("error").with("error_type", theirs))
                  .find(std::string("error_type=") + theirs + "\n"),
              std::string::npos);
  }
}

// ---- the seed's recipes -------------------------------------------------------------------------

std::string shell(const std::string& command) {
  std::string out;
  FILE* pipe = popen(command.c_str(), "r");
  char buffer[4096];
  while (const auto n = std::fread(buffer, 1, sizeof buffer, pipe)) out.append(buffer, n);
  pclose(pipe);
  return out;
}
std::size_t lines_in(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

// S1-C06 to S1-C10, S1-B10: by the very commands that the seed prints.
TEST(ActivityLine, EachGrepRecipeGivesTheRightAnswer) {
  event::PlainNames names;
  std::string text;
  std::map<std::string, std::size_t> by_type, by_user, tool_calls;
  SeededRandom random(11);
  for (int i = 0; i < 600; ++i) {
    const auto user = "user" + std::to_string(random.below(5)) + "@example.com";
    const auto pseudonym = "u:1." + std::to_string(std::hash<std::string>{}(user));
    names.put(pseudonym, user);
    static const char* const kTypes[] = {"llm_call", "tool_call", "tool_error", "file_stored",
                                         "error"};
    const std::string type = kTypes[random.below(5)];
    TestEvent e(type, kStart);
    e.with("user_id", pseudonym);
    if (type == "llm_call") e.with("model", "gpt-4").with("message_count", 5);
    if (type == "tool_call") e.with("tool_name", "my calculator");
    if (type == "error") e.with("error_type", "rate_limit");
    text += lines_of(e, &names);
    ++by_type[type];
    ++by_user[user];
    if (type == "tool_call") ++tool_calls[user];
  }
  const auto folder = std::filesystem::temp_directory_path() /
                      ("sightglass_activity_test_" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "application.log") << text << "another line of the same file\n";
  const std::string here = "cd '" + folder.string() + "'; ";

  EXPECT_EQ(shell(here + R"(grep "\[METRIC\]" application.log)"), text);
  EXPECT_EQ(lines_in(shell(here + R"(grep "\[METRIC\] \[user3@example.com\]" application.log)")),
            by_user["user3@example.com"]);
  EXPECT_EQ(lines_in(shell(here + R"(grep "\[METRIC\].*llm_call" application.log)")),
            by_type["llm_call"]);
  EXPECT_EQ(lines_in(shell(here + R"(grep "\[METRIC\].*error" application.log)")),
            by_type["error"] + by_type["tool_error"]);
  std::istringstream counted(shell(
      here + R"(grep "\[METRIC\].*tool_call" application.log | cut -d' ' -f2 | sort | uniq -c)"));
  std::map<std::string, std::size_t> got;
  std::size_t count = 0;
  for (std::string user; counted >> count >> user;) got[user.substr(1, user.size() - 2)] = count;
  EXPECT_EQ(got, tool_calls);
  std::filesystem::remove_all(folder);

  const std::regex form(R"(^\[METRIC\] \[[^\]]*\] [a-z_]+( [a-z_0-9]+=.*)*$)");
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) EXPECT_TRUE(std::regex_match(line, form)) << line;
}

// ---- exactly once -------------------------------------------------------------------------------

ActivityOptions small_files(journal::Position begin_at = 0) {
  ActivityOptions options;
  options.file.path = "logs/application.log";
  options.file.max_size_bytes = 900;
  options.file.max_backups = 10'000;
  options.begin_at = begin_at;
  return options;
}

std::string all_text(FakeFileSystem& fs) {
  std::string out;
  for (int n = 1; fs.content("logs/application.log." + std::to_string(n)); ++n) {
    out = *fs.content("logs/application.log." + std::to_string(n)) + out;
  }
  return out + fs.content("logs/application.log").value_or("");
}

// A journal of a test: each event's line differs from every other's.
struct Source {
  Batches batches{catalogue()};
  std::vector<Batches::Batch> made;
  std::string wanted;

  void grow(SeededRandom& random) {
    std::vector<Batches::Payload> payloads;
    for (std::uint64_t i = 1 + random.below(6); i > 0; --i) {
      if (random.below(4) == 0) {
        payloads.emplace_back(journal::RecordKind::kTick, "");
        continue;
      }
      const auto name = "tool" + std::to_string(batches.next() + payloads.size());
      payloads.emplace_back(journal::RecordKind::kEvent,
                            batches.encode(TestEvent("tool_call", kStart).with("tool_name", name)));
      wanted += "[METRIC] [unknown] tool_call tool_name=" + name + "\n";
    }
    made.push_back(batches.make(payloads, kStart + static_cast<Nanos>(made.size()) * kSecond / 3));
  }
  template <typename F>
  void each_after(journal::Position after, F&& f) const {
    for (const auto& batch : made) {
      if (batch.header.first + batch.header.count - 1 > after && !f(batch)) return;
    }
  }
};

TEST(ActivityFold, EachLineStandsExactlyOnceAfterAnyCrash) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    FakeFileSystem fs(seed);
    SeededRandom random(seed * 7919);
    Source source;
    Telemetry telemetry;
    NullLog log;
    journal::Position claimed = 0;
    for (int life = 0; life < 6; ++life) {
      {
        if (life < 5) fs.halt_after(1 + random.below(60));
        auto fold = make_activity_fold(small_files(), nullptr, fs, telemetry, log);
        if (!fs.halted()) {
          EXPECT_GE(*fold->durable_position(), claimed) << "seed " << seed;
        }
        const auto apply = [&](const Batches::Batch& batch) {
          fold->apply(batch);
          claimed = std::max(claimed, *fold->durable_position());
          return !fs.halted();
        };
        source.each_after(*fold->durable_position(), apply);
        for (int i = 0; i < 12 && !fs.halted(); ++i) {
          source.grow(random);
          apply(source.made.back());
        }
      }
      if (life < 5) fs.crash();
    }
    EXPECT_EQ(all_text(fs), source.wanted) << "seed " << seed;
  }
}

TEST(ActivityFold, AKilledProcessWithoutPowerLossDoublesNothing) {
  FakeFileSystem fs;
  Source source;
  SeededRandom random(5);
  Telemetry telemetry;
  NullLog log;
  for (int life = 0; life < 5; ++life) {
    auto fold = make_activity_fold(small_files(), nullptr, fs, telemetry, log);
    source.each_after(*fold->durable_position(), [&](const Batches::Batch& batch) {
      fold->apply(batch);
      return true;
    });
    for (int i = 0; i < 9; ++i) {
      source.grow(random);
      fold->apply(source.made.back());
    }
    fs.set_fault([](std::string_view) { return Error{Code::kIo, "dead"}; });
    fold.reset();
    fs.set_fault({});
  }
  make_activity_fold(small_files(), nullptr, fs, telemetry, log);
  auto fold = make_activity_fold(small_files(), nullptr, fs, telemetry, log);
  source.each_after(*fold->durable_position(), [&](const Batches::Batch& batch) {
    fold->apply(batch);
    return true;
  });
  EXPECT_EQ(all_text(fs), source.wanted);
  EXPECT_GT(telemetry.counter("sightglass_activity_file_cut_bytes_total", "").value(), 0u);
}

TEST(ActivityFold, LinesWaitOutAFullDiskAndFailedSyncs) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    FakeFileSystem fs(seed);
    Source source;
    SeededRandom random(seed);
    Telemetry telemetry;
    NullLog log;
    auto fold = make_activity_fold(small_files(), nullptr, fs, telemetry, log);
    for (int i = 0; i < 80; ++i) {
      if (random.below(9) == 0) fs.fail_syncs(1 + static_cast<std::uint32_t>(random.below(3)));
      if (random.below(9) == 0) fs.fail_renames(1);
      if (i % 20 == 5) fs.fill_up_after(random.below(600));
      if (i % 20 == 12) fs.set_capacity_bytes(1ull << 40);
      source.grow(random);
      fold->apply(source.made.back());
    }
    fs.set_capacity_bytes(1ull << 40);
    fs.fail_syncs(0);
    fs.fail_renames(0);
    fold->idle(kStart + 1000 * kSecond);
    fold->idle(kStart + 1002 * kSecond);
    EXPECT_EQ(all_text(fs), source.wanted) << "seed " << seed;
    EXPECT_EQ(telemetry.gauge("sightglass_activity_file_ok", "").value(), 1);
  }
}

// S1-B09, S1-G03: what happened while the flag was off is not made up for.
TEST(ActivityFold, BeginsWhereItIsSwitchedOn) {
  FakeFileSystem fs;
  Source source;
  SeededRandom random(3);
  Telemetry telemetry;
  NullLog log;
  for (int i = 0; i < 3; ++i) source.grow(random);
  const auto before = source.batches.next() - 1;
  source.wanted.clear();
  source.grow(random);
  {
    auto fold = make_activity_fold(small_files(before), nullptr, fs, telemetry, log);
    EXPECT_EQ(*fold->durable_position(), before);
    source.each_after(before, [&](const Batches::Batch& batch) {
      fold->apply(batch);
      return true;
    });
  }
  EXPECT_EQ(all_text(fs), source.wanted);
  // Off for a while: the position is forgotten, the lines stay.
  ASSERT_TRUE(forget_activity_position(small_files().file, fs));
  const auto later = source.batches.next() + 100;
  auto fold = make_activity_fold(small_files(later), nullptr, fs, telemetry, log);
  EXPECT_EQ(*fold->durable_position(), later);
  for (const auto& batch : source.made) fold->apply(batch);
  EXPECT_EQ(all_text(fs), source.wanted);
}

TEST(ActivityFold, AForeignFileKeepsItsLines) {
  FakeFileSystem fs;
  ASSERT_TRUE(fs.create_directories("logs"));
  fs.set_content("logs/application.log", "somebody else's line\n");
  Telemetry telemetry;
  NullLog log;
  Source source;
  SeededRandom random(2);
  source.grow(random);
  make_activity_fold(small_files(), nullptr, fs, telemetry, log)->apply(source.made[0]);
  EXPECT_EQ(*fs.content("logs/application.log"), "somebody else's line\n" + source.wanted);
}

TEST(ActivityFold, ADamagedStateIsAsGoodAsNone) {
  FakeFileSystem fs;
  Telemetry telemetry;
  NullLog log;
  make_activity_fold(small_files(7), nullptr, fs, telemetry, log);
  auto state = *fs.content("logs/application.log.state");
  for (std::size_t i = 0; i < state.size(); ++i) {
    auto damaged = state;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    fs.set_content("logs/application.log.state", damaged);
    EXPECT_EQ(*make_activity_fold(small_files(9), nullptr, fs, telemetry, log)->durable_position(),
              9u);
  }
  fs.set_content("logs/application.log.state", state);
  EXPECT_EQ(*make_activity_fold(small_files(9), nullptr, fs, telemetry, log)->durable_position(),
            7u);
}

}  // namespace
}  // namespace sightglass::logs
