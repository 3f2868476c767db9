// The Events seed's key metrics, dashboards and trackables by the examples of its checklist.
#include <algorithm>
#include <set>

#include "report/report_test_support.h"

namespace sightglass::report {
namespace {

using event::Value;

TEST(MorpheusReport, HasEachKeyMetricDashboardAndTrackableOfTheSeed) {
  const auto report = Reported().report();
  std::vector<std::string> titles;
  for (const auto& board : report.boards) titles.push_back(board.title);
  EXPECT_EQ(titles, (std::vector<std::string>{"Key Metrics", "Operations Dashboard",
                                              "Business Metrics Dashboard", "Performance Dashboard",
                                              "Feature Adoption Dashboard", "Additional Trackables",
                                              "Durations of Tasks"}));
  const auto panels = [&](std::size_t board) {
    std::vector<std::string> out;
    for (const auto& answer : report.boards[board].answers) out.push_back(answer.title);
    return out;
  };
  using Titles = std::vector<std::string>;
  // S0-D01 to D05, D06 to D11, D12 to D17, D18 to D22.
  EXPECT_EQ(panels(1), (Titles{"Sessions Created per Hour", "Sessions Closed per Hour",
                               "Active Sessions", "Session Retry Rate"}));
  EXPECT_EQ(panels(2), (Titles{"Total Prompts per Day", "Successful Completions", "Success Rate",
                               "Active Users per Day", "Prompts per User"}));
  EXPECT_EQ(panels(3), (Titles{"Average Request Duration", "Cache Hit Rate", "Cache Miss Rate",
                               "Error Rate", "Retry Rate"}));
  EXPECT_EQ(panels(4), (Titles{"Tool Usage", "Streaming vs Non-Streaming", "Automation Usage",
                               "Embedding Usage"}));
  // S0-T01 to T08, two of them with a second panel.
  EXPECT_EQ(panels(5),
            (Titles{"Model Distribution", "Session Duration", "User Retention", "API Key Usage",
                    "Geographic Distribution", "Time-of-Day Patterns", "Failure Modes",
                    "Failure Events", "Recovery Success", "Retries Followed by a Completion"}));
  // S0-K01 to K24 by their printed titles.
  const auto metrics = panels(0);
  const std::set<std::string> listed(metrics.begin(), metrics.end());
  for (const auto* title : {"Total Sessions Created",
                            "Sessions Closed",
                            "Session Reuse Rate",
                            "Average Session Duration",
                            "Total Prompts",
                            "Successful Completions",
                            "Streaming vs Non-Streaming",
                            "Average Chunks per Stream",
                            "Tool Usage Rate",
                            "Tool Call Success",
                            "Total Embeddings",
                            "Embedding Error Rate",
                            "Session Retry Rate",
                            "Request Error Rate",
                            "Proxy Error Rate",
                            "Failed Auth Rate",
                            "Active API Keys",
                            "Cache Hit Rate",
                            "Available Models",
                            "Automation Adoption Rate",
                            "Average Auto Session Duration",
                            "New Users",
                            "Active Users",
                            "API Keys per User"}) {
    EXPECT_TRUE(listed.contains(title)) << title;
  }
  for (const auto& board : report.boards) {
    for (const auto& answer : board.answers) {
      EXPECT_FALSE(answer.definition.empty()) << answer.name;
      EXPECT_FALSE(answer.unit.empty()) << answer.name;
    }
  }
}

// Where nothing was ever seen nothing reads 0.
TEST(MorpheusReport, WithoutEventsEveryMetricSaysWhyItHasNoValue) {
  for (const auto& board : Reported().report().boards) {
    for (const auto& answer : board.answers) {
      EXPECT_FALSE(answer.value) << answer.name;
      EXPECT_TRUE(answer.reason.starts_with("no data: no")) << answer.name << ": " << answer.reason;
    }
  }
}

TEST(MorpheusReport, EveryEventRowOfTheSeedIsCounted) {  // S0-E01 to E51
  const std::vector<std::string> names = {"automated_session_creation_start",
                                          "proxy_session_creation_start",
                                          "proxy_session_response",
                                          "session_created",
                                          "active_session_found",
                                          "existing_session_reused",
                                          "session_model_match",
                                          "session_model_mismatch",
                                          "proxy_session_closed",
                                          "session_marked_inactive",
                                          "session_not_found_for_close",
                                          "chat_completion_request_start",
                                          "chat_request_processing",
                                          "chat_request_config",
                                          "stream_generator_start",
                                          "stream_request_start",
                                          "chat_completions_start",
                                          "stream_chunk_received",
                                          "stream_completed",
                                          "chat_completion_success",
                                          "tools_detected",
                                          "tool_choice_detected",
                                          "tool_calling_request_details",
                                          "tool_content_detected",
                                          "stream_session_expired_detected",
                                          "session_retry_start",
                                          "stream_retry_completed",
                                          "stream_retry_proxy_error",
                                          "session_close_error",
                                          "chat_completions_error",
                                          "stream_generator_error",
                                          "proxy_request_error",
                                          "stream_proxy_error",
                                          "api_key_validation_failed",
                                          "api_key_user_error",
                                          "jwt_validation_error",
                                          "local_testing_bypass",
                                          "model_service_init_success",
                                          "cache_hit",
                                          "cache_miss",
                                          "cache_refresh",
                                          "automation_enabled",
                                          "automation_disabled",
                                          "automation_settings_created",
                                          "user_creation",
                                          "api_key_created",
                                          "api_key_deleted",
                                          "private_key_stored",
                                          "user_deletion_complete"};
  Reported given;
  for (std::size_t i = 0; i < names.size(); ++i) given.add(i + 1, names[i]);
  std::map<std::string, double> counted;
  for (const auto* metric : {"session_events", "prompt_events", "tool_events_all", "session_errors",
                             "request_error_events", "auth_events", "model_events",
                             "automation_events", "user_events"}) {
    for (const auto& [label, value] : given.rows(metric)) counted[label] = value;
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    EXPECT_EQ(counted[names[i]], static_cast<double>(i + 1)) << names[i];
  }
  // The other two have key metrics of their own.
  given.add(3, "embeddings_request_start").add(2, "embeddings_request_error");
  EXPECT_EQ(given.value("total_embeddings"), 3);
  EXPECT_EQ(given.value("embedding_error_rate"), 2.0 / 3);
}

TEST(MorpheusReport, SessionsAreCountedAndReuseIsAShareOfAttempts) {  // S0-K01 to K03
  Reported given;
  given.add(3, "existing_session_reused");
  EXPECT_EQ(given.reason("session_reuse_rate"),
            "no data: no automated_session_creation_start event seen");
  given.add(4, "automated_session_creation_start");
  given.add(5, "proxy_session_response").add(2, "proxy_session_closed");
  EXPECT_EQ(given.value("session_reuse_rate"), 0.75);
  EXPECT_EQ(given.value("total_sessions_created"), 5);
  EXPECT_EQ(given.value("total_sessions_closed"), 2);
  EXPECT_EQ(given.value("active_sessions"), 3);  // S0-D04
  // A denominator that was seen, but not in the range, is no 0 either.
  const auto later = given.answer("session_reuse_rate", kDefaultSince, kNow + 3 * kDayNs);
  EXPECT_TRUE(later.reason.starts_with(
      "no data: no automated_session_creation_start event seen since 2025-10-11"))
      << later.reason;
  EXPECT_EQ(given.answer("total_sessions_created", kDefaultSince, kNow + 3 * kDayNs).value, 0);
}

std::vector<Given> two_sessions() {
  return {{"session_created", kNow - 100 * kSecond, {{"session_id", word("s:a")}}},
          {"session_created", kNow - 95 * kSecond, {{"session_id", word("s:b")}}},
          {"session_marked_inactive", kNow - 90 * kSecond, {{"session_id", word("s:a")}}},
          {"session_marked_inactive", kNow - 75 * kSecond, {{"session_id", word("s:b")}}}};
}

TEST(MorpheusReport, SessionsOfTenAndTwentySecondsLastFifteenInWhicheverOrderTheyCome) {  // S0-K04
  auto events = two_sessions();
  std::vector<std::size_t> order = {0, 1, 2, 3};
  int orders = 0;
  do {
    Reported given;
    for (const auto i : order) given.add({events[i]});
    EXPECT_EQ(given.value("average_session_duration"), 15);
    EXPECT_TRUE(given.notes("average_session_duration", "2 pairs"));
    EXPECT_TRUE(given.notes("average_session_duration", "unpaired: 0 starts, 0 ends"));
    ++orders;
  } while (std::next_permutation(order.begin(), order.end()));
  EXPECT_EQ(orders, 24);
}

TEST(MorpheusReport, ACloseBehindTheExpiryIsCountedAndNotPaired) {  // S0-K04
  Reported given;
  given.add(two_sessions());
  given.add({{"session_created", kNow - 9 * kDayNs, {{"session_id", word("s:old")}}},
             {"session_marked_inactive", kNow, {{"session_id", word("s:old")}}}});
  const auto since = 30 * kDayNs;
  EXPECT_EQ(given.value("average_session_duration", since), 15);
  EXPECT_TRUE(given.notes("average_session_duration", "2 pairs", since));
  EXPECT_TRUE(given.notes("average_session_duration", "unpaired: 1 start, 1 end", since));
  EXPECT_TRUE(given.notes("average_session_duration", "1 of them expired", since));
  // A week later, by accept time, nobody waits any more, and they are still counted.
  given.add({}, kNow + 8 * kDayNs);
  EXPECT_TRUE(given.notes("average_session_duration", "unpaired: 1 start, 1 end", since));
  EXPECT_TRUE(given.notes("average_session_duration", "2 of them expired", since));
}

TEST(MorpheusReport, CompletionsAreStreamsAndAnswersTogether) {  // S0-K05, K06, D07 to D09
  Reported given;
  given.add(10, "chat_completion_request_start").add(5, "stream_completed");
  given.add(3, "chat_completion_success")
      .add(1, "chat_completion_request_start", kNow - kDayNs / 2);
  EXPECT_EQ(given.value("total_prompts"), 11);
  EXPECT_EQ(given.value("successful_completions"), 8);
  EXPECT_DOUBLE_EQ(given.value("success_rate"), 8.0 / 11);
  const auto days = given.rows("prompts_per_day");
  EXPECT_EQ(days, (std::map<std::string, double>{{"2025-10-08", 1}, {"2025-10-09", 10}}));
}

TEST(MorpheusReport, StreamingStandsBesideNonStreamingWithShares) {  // S0-K07
  Reported given;
  given.add(3, "stream_generator_start").add(1, "chat_completions_start");
  given.add({{"chat_completion_request_start", kNow, {{"stream_requested", Value::boolean(true)}}},
             {"chat_completion_request_start", kNow, {{"stream_requested", Value::boolean(true)}}},
             {"chat_completion_request_start", kNow, {{"stream_requested", Value::boolean(false)}}},
             {"chat_completion_request_start", kNow, {}}});
  const auto answer = given.answer("streaming_or_not");
  ASSERT_GE(answer.rows.size(), 2u);
  EXPECT_EQ(answer.rows[0].value, 3);
  EXPECT_EQ(answer.rows[0].share, 0.75);
  EXPECT_EQ(answer.rows[1].value, 1);
  EXPECT_EQ(answer.rows[1].share, 0.25);
  const auto rows = given.rows("prompts_streamed");
  EXPECT_EQ(rows, (std::map<std::string, double>{{"true", 2}, {"false", 1}}));
  EXPECT_TRUE(given.notes("prompts_streamed", "1 event without the field"));
}

TEST(MorpheusReport, StreamsWithoutTheirChunksAreCountedBesideTheMean) {  // S0-K08
  Reported given;
  given.add({{"stream_completed", kNow, {{"total_chunks", whole(10)}}},
             {"stream_completed", kNow, {{"total_chunks", whole(21)}}},
             {"stream_completed", kNow, {}}});
  EXPECT_EQ(given.value("average_chunks"), 15.5);
  EXPECT_TRUE(given.notes("average_chunks", "1 event without the field"));
  EXPECT_TRUE(given.notes("average_chunks", "over 2 events"));
}

TEST(MorpheusReport, ToolsAreDifferentRequestsAndReachTheirCompletion) {  // S0-K09, K10
  Reported given;
  const auto id = [](const char* text) {
    return std::vector<std::pair<std::string, Value>>{{"request_id", word(text)}};
  };
  given.add(6, "chat_completion_request_start").add(2, "embeddings_request_start");
  given.add({{"tools_detected", kNow - kSecond, id("r1")},
             {"tools_detected", kNow - kSecond, id("r1")},
             {"tools_detected", kNow - kSecond, id("r2")},
             {"stream_completed", kNow, id("r1")},
             {"chat_completion_success", kNow, id("r9")}});
  EXPECT_EQ(given.value("tool_usage_rate"), 0.25);
  EXPECT_DOUBLE_EQ(given.value("tool_call_success"), 1.0 / 3);
  EXPECT_TRUE(given.notes("tool_call_success", "unpaired: 2 starts"));
  EXPECT_NE(given.answer("tool_usage_rate").definition.find("total requests (one start event of"),
            std::string::npos);
}

TEST(MorpheusReport, ErrorsAreSharesOfTheirRequests) {  // S0-K11 to K16, D05, D16, D17
  Reported given;
  given.add(8, "chat_completion_request_start").add(2, "embeddings_request_start");
  // None seen is a true 0 for errors: a source never leaves those out.
  EXPECT_EQ(given.value("embedding_error_rate"), 0);
  EXPECT_EQ(given.value("request_error_rate"), 0);
  EXPECT_EQ(given.reason("session_retry_rate"), "no data: no session_retry_start event seen");
  given.add(1, "embeddings_request_error").add(2, "session_retry_start");
  given.add(1, "chat_completions_error").add(1, "stream_generator_error");
  given.add(2, "proxy_request_error").add(1, "stream_proxy_error").add(1, "jwt_validation_error");
  EXPECT_EQ(given.value("total_embeddings"), 2);
  EXPECT_EQ(given.value("embedding_error_rate"), 0.5);
  EXPECT_EQ(given.value("session_retry_rate"), 0.2);
  EXPECT_EQ(given.value("retry_rate"), 0.2);
  EXPECT_EQ(given.value("request_error_rate"), 0.5);
  // By name and by level are two numbers: proxy_request_error is a warning.
  const auto beside = given.answer("request_error_rate").rows;
  ASSERT_EQ(beside.size(), 2u);
  EXPECT_EQ(beside[0].value, 7);
  EXPECT_EQ(beside[1].value, 5);
  EXPECT_EQ(given.value("error_rate"), 0.7);
  EXPECT_EQ(given.value("error_rate_by_level"), 0.5);
  // Proxy calls: proxy_request_start, else the sum of the proxy starts.
  EXPECT_TRUE(given.reason("proxy_error_rate").starts_with("no data: no proxy_request_start"));
  given.add(2, "stream_request_start").add(4, "chat_completions_start");
  EXPECT_EQ(given.value("proxy_error_rate"), 0.5);
  given.add(12, "proxy_request_start");
  EXPECT_EQ(given.value("proxy_error_rate"), 0.25);
  // The gateway tells of refused keys by a record a second, which counts for as many as it says.
  given.add({{"api_key_validation_failed", kNow, {{"count", whole(3)}}}});
  EXPECT_EQ(given.value("failed_auth_rate"), 0.4);
}

TEST(MorpheusReport, ThreeKeysInAHundredEventsAreThree) {  // S0-K17, T04
  Reported given;
  for (int i = 0; i < 100; ++i) {
    given.add({{"chat_request_processing",
                kNow,
                {{"api_key_id", word(i % 10 == 0  ? "k:1.a"
                                     : i % 2 == 0 ? "k:1.b"
                                                  : "k:1.c")}}}});
  }
  EXPECT_EQ(given.value("active_api_keys"), 3);
  EXPECT_EQ(given.rows("api_key_usage"),
            (std::map<std::string, double>{{"k:1.a", 10}, {"k:1.b", 40}, {"k:1.c", 50}}));
}

TEST(MorpheusReport, ThreeHitsAndOneMissAreThreeQuarters) {  // S0-K18, D14, D15
  Reported given;
  EXPECT_EQ(given.reason("cache_hit_rate"), "no data: no cache_hit or cache_miss event seen");
  given.add(1, "cache_miss");
  EXPECT_EQ(given.value("cache_hit_rate"), 0);
  given.add(3, "cache_hit");
  EXPECT_EQ(given.value("cache_hit_rate"), 0.75);
  EXPECT_EQ(given.value("cache_miss_rate"), 0.25);
}

TEST(MorpheusReport, ModelsAreTheLastRefreshElseTheStart) {  // S0-K19
  Reported given;
  given.add({{"model_service_init_success", kNow - 5 * kDayNs, {{"model_count", whole(40)}}},
             {"cache_refresh", kNow, {}}});
  EXPECT_EQ(given.value("available_models"), 40);
  EXPECT_TRUE(given.notes("available_models", "from model_service_init_success at 2025-10-04"));
  given.add({{"cache_refresh", kNow - 10 * kSecond, {{"model_count", whole(43)}}},
             {"cache_refresh", kNow - 60 * kSecond, {{"model_count", whole(42)}}}});
  EXPECT_EQ(given.value("available_models"), 43);
  EXPECT_TRUE(given.notes("available_models", "from cache_refresh"));
}

TEST(MorpheusReport, PeopleAreCountedOnceAndTheUnknownNot) {  // S0-K20 to K24, D10, D11, D21
  Reported given;
  const auto user = [](const char* id) {
    return std::pair<std::string, Value>("user_id", word(id));
  };
  given.add(
      {{"automation_enabled", kNow, {user("u:1.a"), {"session_duration", Value::number(60)}}},
       {"automation_enabled", kNow, {user("u:1.a"), {"session_duration", Value::number(120)}}},
       {"chat_request_processing", kNow, {user("u:1.b")}},
       {"chat_request_processing", kNow, {user("u:1.c")}},
       {"chat_request_processing", kNow - 2 * kDayNs, {user("u:1.d")}},
       {"chat_request_processing", kNow, {user("u:1.e")}},
       {"chat_request_processing", kNow, {user("unknown")}}});
  given.add(8, "chat_completion_request_start").add(2, "user_creation");
  EXPECT_EQ(given.value("automation_adoption_rate"), 0.25);
  EXPECT_EQ(given.value("average_auto_session"), 90);
  EXPECT_EQ(given.value("new_users"), 2);
  EXPECT_EQ(given.value("active_user_count"), 4);
  EXPECT_EQ(given.value("active_user_count", 3 * kDayNs), 5);
  EXPECT_EQ(given.value("prompts_per_user"), 2);
  EXPECT_EQ(given.rows("active_users_per_day", 3 * kDayNs)["2025-10-07"], 1);
  EXPECT_EQ(given.rows("active_users_per_day", 3 * kDayNs)["2025-10-08"], 0);
  EXPECT_EQ(given.rows("active_users_per_day", 3 * kDayNs)["2025-10-09"], 4);
  EXPECT_FALSE(given.notes("active_user_count", "upper bound"));
  given.add({{"chat_request_processing", kNow, {user("u:2.a")}}});
  EXPECT_TRUE(given.notes("active_user_count", "upper bound: the range spans 2 pseudonym epochs"));

  const std::vector<std::pair<std::string, Value>> ann = {user("u:2.ann")};
  const std::vector<std::pair<std::string, Value>> bob = {user("u:2.bob")};
  given.add({{"api_key_created", kNow, ann},
             {"api_key_created", kNow, ann},
             {"api_key_created", kNow, ann},
             {"api_key_deleted", kNow, ann},
             {"api_key_created", kNow, bob}});
  EXPECT_EQ(given.value("api_keys_per_user"), 1.5);
  const auto rows = given.rows("api_keys_per_user");
  EXPECT_EQ(rows.at("users with 1"), 1);
  EXPECT_EQ(rows.at("users with 2"), 1);
  EXPECT_EQ(rows.at("u:2.ann"), 2);
  EXPECT_EQ(rows.at("u:2.bob"), 1);
}

TEST(MorpheusReport, SeriesByHourAddUpToTheirTotal) {  // S0-D02 to D04
  Reported given;
  given.add(2, "proxy_session_response", kNow - 3 * kHour).add(3, "proxy_session_response");
  given.add(4, "proxy_session_closed", kNow - 2 * kHour).add(1, "proxy_session_closed");
  const auto created = given.rows("sessions_created_per_hour");
  EXPECT_EQ(created.size(), 25u);
  EXPECT_EQ(created.at("2025-10-09 05:00"), 2);
  EXPECT_EQ(created.at("2025-10-09 08:00"), 3);
  double sum = 0;
  for (const auto& [hour, count] : created) sum += count;
  EXPECT_EQ(sum, given.value("total_sessions_created"));
  EXPECT_EQ(given.value("sessions_closed_per_hour"), 5);
  EXPECT_EQ(given.value("active_sessions"), 0);
  EXPECT_EQ(given.rows("active_sessions").at("2025-10-09 06:00"), -2);
  EXPECT_TRUE(given.notes("active_sessions", "below 0: the range holds ends of what began before"));
}

TEST(MorpheusReport, RequestsLastFromTheirStartToTheirCompletion) {  // S0-D13
  Reported given;
  using Fields = std::vector<std::pair<std::string, Value>>;
  given.add(
      {{"chat_completion_request_start", kNow - 10 * kSecond, Fields{{"request_id", word("r1")}}},
       {"chat_completion_success", kNow - 8 * kSecond,
        Fields{{"request_id", word("r1")}, {"session_id", word("s1")}}},
       {"stream_completed", kNow,
        Fields{{"stream_trace_id", word("t1")}, {"session_id", word("s9")}}},
       {"chat_completion_request_start", kNow - 4 * kSecond,
        Fields{{"stream_trace_id", word("t1")}}},
       {"chat_completion_request_start", kNow - 6 * kSecond, Fields{{"session_id", word("s3")}}},
       {"stream_completed", kNow, Fields{{"session_id", word("s3")}}},
       {"stream_completed", kNow, Fields{{"request_id", word("r7")}}},
       // The gateway ends a messages stream in the same way; its start is another event.
       {"stream_completed", kNow,
        Fields{{"request_id", word("m1")}, {"endpoint", word("messages")}}}});
  EXPECT_EQ(given.value("average_request_duration"), 4);
  EXPECT_TRUE(given.notes("average_request_duration", "3 pairs"));
  EXPECT_TRUE(given.notes("average_request_duration", "unpaired: 0 starts, 1 end"));
  given.add({{"sync_start", kNow - 9 * kSecond, Fields{{"component", word("builders")}}},
             {"sync_complete", kNow, Fields{{"component", word("builders")}}},
             {"shutdown_start", kNow - 3 * kSecond, {}},
             {"shutdown_complete", kNow - kSecond, {}}});
  EXPECT_EQ(given.value("sync_duration"), 9);
  EXPECT_EQ(given.value("shutdown_duration"), 2);
  EXPECT_EQ(given.rows("average_request_duration").at("Sync"), 9);
}

TEST(MorpheusReport, Trackables) {  // S0-T01 to T08
  Reported given;
  using Fields = std::vector<std::pair<std::string, Value>>;
  given.add({{"stream_generator_start", kNow, Fields{{"requested_model", word("llama")}}},
             {"stream_generator_start", kNow, Fields{{"requested_model", word("llama")}}},
             {"stream_generator_start", kNow, Fields{{"requested_model", word("qwen")}}}});
  EXPECT_EQ(given.rows("model_distribution"),
            (std::map<std::string, double>{{"llama", 2}, {"qwen", 1}}));

  // Two sessions: asked for 60 s and 30 s, lasted 45 s and 40 s; one without a request.
  const auto session = [&](const char* id, const char* user, double asked, Nanos lasted) {
    given.add({{"automated_session_creation_start", kNow - 101 * kSecond,
                Fields{{"user_id", word(user)}, {"session_duration", Value::number(asked)}}},
               {"proxy_session_response", kNow - 100 * kSecond,
                Fields{{"user_id", word(user)}, {"session_id", word(id)}}}});
    given.add({{"session_created", kNow - 100 * kSecond, Fields{{"session_id", word(id)}}},
               {"session_marked_inactive", kNow - 100 * kSecond + lasted,
                Fields{{"session_id", word(id)}}}});
  };
  session("s:a", "u:1.a", 60, 45 * kSecond);
  session("s:b", "u:1.b", 30, 40 * kSecond);
  given.add({{"session_created", kNow - 9 * kSecond, Fields{{"session_id", word("s:c")}}},
             {"session_marked_inactive", kNow, Fields{{"session_id", word("s:c")}}}});
  const auto durations = given.rows("session_durations");
  EXPECT_EQ(durations.at("actual"), 42.5);
  EXPECT_EQ(durations.at("requested"), 45);
  EXPECT_EQ(given.value("session_durations"), -2.5);
  EXPECT_TRUE(given.notes("session_durations", "1 pair without a plan"));

  // Of the three users of the day before one came again.
  Reported people;
  const auto seen = [&](const char* id, Nanos at) {
    people.add({{"chat_request_processing", at, Fields{{"user_id", word(id)}}}});
  };
  seen("u:1.a", kNow - 30 * kHour);
  seen("u:1.b", kNow - 30 * kHour);
  seen("u:1.c", kNow - 40 * kHour);
  seen("u:1.b", kNow - kHour);
  seen("u:1.z", kNow);
  EXPECT_DOUBLE_EQ(people.value("user_retention"), 1.0 / 3);
  EXPECT_FALSE(people.notes("user_retention", "pseudonyms were renewed"));
  seen("u:2.a", kNow);
  EXPECT_TRUE(people.notes("user_retention", "pseudonyms were renewed"));
  EXPECT_TRUE(Reported().reason("user_retention").starts_with("no data: no event matching"));

  EXPECT_TRUE(given.reason("geographic_distribution").starts_with("no data: no event matching"));
  given.add({{"user_creation", kNow, Fields{{"country", word("DE")}}},
             {"user_creation", kNow, Fields{{"region", word("eu-west-1")}}}});
  EXPECT_EQ(given.rows("geographic_distribution"),
            (std::map<std::string, double>{{"DE", 1}, {"eu-west-1", 1}}));

  given.add(3, "chat_completion_request_start").add(2, "embeddings_request_start", kNow - kHour);
  auto times = given.rows("time_of_day");
  EXPECT_EQ(times.at("08:00"), 3);
  EXPECT_EQ(times.at("07:00"), 2);
  EXPECT_EQ(times.at("Thursday"), 5);
  EXPECT_EQ(given.value("time_of_day"), 5);

  given.add({{"stream_retry_proxy_error", kNow, Fields{{"error_type", word("TimeoutError")}}}});
  given.add(3, "stream_retry_completed");
  EXPECT_EQ(given.rows("failure_modes").at("TimeoutError"), 1);
  EXPECT_EQ(given.rows("failure_events").at("stream_retry_proxy_error"), 1);
  EXPECT_EQ(given.value("recovery_success"), 0.75);
  given.add({{"session_retry_start", kNow - kSecond, Fields{{"new_session_id", word("s:n")}}},
             {"session_retry_start", kNow - kSecond, Fields{{"new_session_id", word("s:m")}}},
             {"stream_completed", kNow, Fields{{"session_id", word("s:n")}}}});
  EXPECT_EQ(given.value("retried_to_completion"), 0.5);
}

}  // namespace
}  // namespace sightglass::report
