// Writes N made-up log lines of the Events and Propagation seeds' mix to standard output, the same
// for the same arguments on every machine:
//   generate_events N [SEED [FIRST_SECOND [HOURS [IDENTIFIERS | metric]]]]
//
// What real logs hold stands among them: keys given twice (the last counts), integers past 64 bits,
// negative and fractional numbers, keys written with escapes, unknown fields and event types,
// nested objects and arrays, free text in several scripts, lines out of order and late by up to an
// hour, and lines that are no JSON object. tests/million_test.py counts them by itself.
//
// With IDENTIFIERS (0 or 3) each line is a JSON object that any reader takes and names so many
// people, sessions and keys, of a thousand sessions at a time, with the sentence that loggers write
// beside the fields, and the Events seed's lines spaced as Python spaces them: what bench/ reads.
// `metric` writes the Activity seed's `[METRIC]` lines instead.
#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace {

// splitmix64 (Vigna): small, and the same everywhere.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15ull;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  std::uint64_t below(std::uint64_t n) { return (next() >> 11) % n; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  // Small numbers often, large ones seldom.
  std::uint64_t skewed(std::uint64_t n) { return below(below(n) + 1); }

 private:
  std::uint64_t state_;
};

constexpr std::array<std::string_view, 8> kModels = {
    "gpt-4o-mini",    "gpt-4o",        "claude-haiku-4-5", "llama-3.3-70b:web",
    "mistral-31-24b", "qwen3-235b/it", "text-embedding-3", "nova-2"};
constexpr std::array<std::string_view, 4> kProviders = {"openai", "anthropic", "deepgram",
                                                        "google"};
constexpr std::array<std::string_view, 3> kEnvironments = {"production", "staging", "dev"};
constexpr std::array<std::string_view, 6> kRoutes = {"POST /api/chat",   "GET /api/sessions",
                                                     "POST /api/audio",  "GET /api/focus",
                                                     "POST /api/assess", "GET /api/health"};
constexpr std::array<std::string_view, 6> kErrorTypes = {
    "timeout", "rate_limit", "connection_error", "HTTPStatusError", "ValueError", "auth"};
constexpr std::array<std::string_view, 5> kTexts = {
    "upstream read timeout", "Verbindung zurückgesetzt", "読み取りに失敗しました",
    "said \\\"no\\\" and \\u0068ung up", "connection reset \\ud83d\\ude00 by peer"};

constexpr std::array<std::string_view, 6> kSentences = {"Chat completion request received",
                                                        "Session state updated in the database",
                                                        "Cache lookup finished",
                                                        "Streaming response completed",
                                                        "Forwarding request to provider",
                                                        "Request finished"};
constexpr std::array<std::string_view, 6> kActions = {"llm_call",    "tool_call",   "tool_error",
                                                      "file_upload", "file_stored", "error"};
constexpr std::uint64_t kLiveSessions = 1'000;
constexpr std::uint64_t kLinesOfSession = 40;

struct Kind {
  std::uint32_t weight;
  std::string_view type;
};
// Of the Events seed, in parts of a thousand; the Propagation seed's lines have the rest.
constexpr std::array<Kind, 24> kKinds = {{{110, "chat_completion_request_start"},
                                          {80, "stream_completed"},
                                          {40, "chat_completion_success"},
                                          {60, "stream_chunk_received"},
                                          {60, "cache_hit"},
                                          {20, "cache_miss"},
                                          {25, "automated_session_creation_start"},
                                          {22, "proxy_session_response"},
                                          {20, "session_created"},
                                          {15, "proxy_session_closed"},
                                          {15, "session_marked_inactive"},
                                          {12, "existing_session_reused"},
                                          {20, "tools_detected"},
                                          {18, "embeddings_request_start"},
                                          {4, "embeddings_request_error"},
                                          {10, "chat_completions_error"},
                                          {8, "proxy_request_error"},
                                          {4, "stream_proxy_error"},
                                          {3, "session_close_error"},
                                          {6, "session_retry_start"},
                                          {5, "api_key_validation_failed"},
                                          {6, "automation_enabled"},
                                          {4, "cache_refresh"},
                                          {3, "user_creation"}}};
constexpr std::uint32_t kUnknownTypes = 5;  // of a thousand

enum class Mix { kEverything, kNoIdentifiers, kThreeIdentifiers, kMetric };

class Writer {
 public:
  Writer(std::uint64_t n, std::uint64_t seed, std::int64_t first_second, std::int64_t hours,
         Mix mix)
      : random_(seed),
        first_us_(first_second * 1'000'000),
        span_us_(hours * 3'600'000'000),
        n_(n),
        mix_(mix) {}

  void line(std::uint64_t index) {
    now_us_ = first_us_ +
              static_cast<std::int64_t>(static_cast<double>(span_us_) *
                                        (static_cast<double>(index) / static_cast<double>(n_)));
    now_us_ += static_cast<std::int64_t>(random_.below(4'000'000));  // a little out of order
    if (random_.one_in(100)) now_us_ -= static_cast<std::int64_t>(random_.below(3'600'000'000));
    if (mix_ != Mix::kEverything) {
      session_ = index / kLinesOfSession + random_.below(kLiveSessions);
    }
    if (mix_ == Mix::kMetric) return metric();
    if (mix_ == Mix::kEverything && random_.one_in(500)) return broken();
    const auto begin = out_.size();
    out_.push_back('{');
    const auto pick = static_cast<std::uint32_t>(random_.below(1000));
    const bool events = events_seed(pick);
    if (!events) propagation_seed();
    if (random_.one_in(33)) raw("x_trace_flags", R"({"a":[1,{"b":null}],"deep":{"c":{"d":"e"}}})");
    if (random_.one_in(40)) text("unheard_of", kTexts[random_.below(kTexts.size())]);
    out_.append("}\n");
    const bool spaced = events && mix_ != Mix::kEverything;
    if (spaced || random_.one_in(100)) spread(begin);
  }
  std::string& out() { return out_; }

 private:
  // ---- parts ---------------------------------------------------------------------------------
  void key(std::string_view name) {
    if (out_.back() != '{') out_.push_back(',');
    out_.push_back('"');
    if (random_.one_in(200)) {  // its first letter as an escape
      char buffer[8];
      std::snprintf(buffer, sizeof buffer, "\\u%04x", static_cast<unsigned char>(name[0]));
      out_.append(buffer);
      name.remove_prefix(1);
    }
    out_.append(name).append("\":");
  }
  void raw(std::string_view name, std::string_view value) {
    key(name);
    out_.append(value);
  }
  void text(std::string_view name, std::string_view value) {
    key(name);
    out_.append("\"").append(value).append("\"");
  }
  void number(std::string_view name, std::int64_t value) {
    key(name);
    append(value);
  }
  void boolean(std::string_view name, bool value) { raw(name, value ? "true" : "false"); }
  void append(std::int64_t value) {
    char buffer[24];
    out_.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
  }
  void digits(std::int64_t value, int width) {
    char buffer[16];
    for (int i = width - 1; i >= 0; --i, value /= 10) {
      buffer[i] = static_cast<char>('0' + value % 10);
    }
    out_.append(buffer, static_cast<std::size_t>(width));
  }
  void hex(int n) {
    constexpr char kHex[] = "0123456789abcdef";
    for (int i = 0; i < n; ++i) out_.push_back(kHex[random_.below(16)]);
  }
  // Civil date from days: Hinnant, "chrono-compatible low-level date algorithms".
  void time(std::string_view name, int fraction, std::string_view zone) {
    const std::int64_t days = now_us_ / 86'400'000'000;
    const std::int64_t us = now_us_ % 86'400'000'000;
    const std::int64_t z = days + 719'468;
    const std::int64_t era = z / 146'097;
    const std::int64_t doe = z - era * 146'097;
    const std::int64_t yoe = (doe - doe / 1460 + doe / 36'524 - doe / 146'096) / 365;
    const std::int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    const std::int64_t mp = (5 * doy + 2) / 153;
    const std::int64_t month = mp < 10 ? mp + 3 : mp - 9;
    key(name);
    out_.push_back('"');
    digits(yoe + era * 400 + (month <= 2 ? 1 : 0), 4);
    out_.push_back('-');
    digits(month, 2);
    out_.push_back('-');
    digits(doy - (153 * mp + 2) / 5 + 1, 2);
    out_.push_back('T');
    digits(us / 3'600'000'000, 2);
    out_.push_back(':');
    digits(us / 60'000'000 % 60, 2);
    out_.push_back(':');
    digits(us / 1'000'000 % 60, 2);
    out_.push_back('.');
    const auto rest = us % 1'000'000;
    digits(fraction == 3 ? rest / 1000 : rest, fraction);
    out_.append(zone).push_back('"');
  }
  // Somebody, or a session: where the mix says how many a line names, who() does that.
  void id(std::string_view name, std::string_view prefix, std::uint64_t n) {
    if (mix_ == Mix::kEverything) numbered(name, prefix, n);
  }
  void numbered(std::string_view name, std::string_view prefix, std::uint64_t n) {
    key(name);
    out_.append("\"").append(prefix);
    append(static_cast<std::int64_t>(n));
    out_.push_back('"');
  }
  static std::uint64_t spin(std::uint64_t n) { return Random(n).next(); }
  // The user, session and key of the session in hand; sessions by 64 hex digits, as a chain does.
  void who_of_events() {
    if (mix_ != Mix::kThreeIdentifiers) return;
    numbered("user_id", "user-", spin(session_) % 15'000);
    numbered("api_key_id", "", spin(session_) % 15'000 + 70'000);
    key("session_id");
    out_.append("\"0x");
    Random digits(session_);
    for (int i = 0; i < 4; ++i) {
      char buffer[20];
      std::snprintf(buffer, sizeof buffer, "%016llx",
                    static_cast<unsigned long long>(digits.next()));
      out_.append(buffer);
    }
    out_.push_back('"');
  }
  void who_of_propagation() {
    if (mix_ != Mix::kThreeIdentifiers) return;
    numbered("userIdHash", "u:7e8a", spin(session_) % 15'000);
    numbered("sessionIdHash", "s:91b2", session_);
    numbered("focusIdHash", "f:aa31", spin(session_) % 300);
  }
  void uuid(std::string_view name) {
    key(name);
    out_.push_back('"');
    hex(8);
    out_.push_back('-');
    hex(4);
    out_.append("-4");
    hex(3);
    out_.append("-a");
    hex(3);
    out_.push_back('-');
    hex(12);
    out_.push_back('"');
  }
  // A fraction of up to three places, as loggers round it.
  void decimal(std::string_view name, std::uint64_t thousandths) {
    key(name);
    append(static_cast<std::int64_t>(thousandths / 1000));
    out_.push_back('.');
    digits(static_cast<std::int64_t>(thousandths % 1000), 3);
  }
  // Token counts; a few are what no machine word holds, or negative.
  void tokens(std::string_view name, std::uint64_t n) {
    if (mix_ != Mix::kEverything) return number(name, static_cast<std::int64_t>(n));
    if (random_.one_in(5000)) return raw(name, "18446744073709551616000");
    if (random_.one_in(5000)) return raw(name, "9223372036854775807");
    if (random_.one_in(5000)) return raw(name, "1e3");
    if (random_.one_in(2000)) return number(name, -static_cast<std::int64_t>(n));
    number(name, static_cast<std::int64_t>(n));
  }
  // A value that a later one of the same key replaces; not every reader takes that.
  template <typename Put>
  void maybe_first(Put put) {
    if (mix_ == Mix::kEverything && random_.one_in(50)) put();
  }
  std::string_view model() { return kModels[random_.skewed(kModels.size())]; }
  std::uint64_t user() {
    return random_.below(3) == 0 ? random_.below(15'000) : random_.skewed(900);
  }

  // ---- lines ---------------------------------------------------------------------------------
  bool events_seed(std::uint32_t pick) {
    for (const auto& kind : kKinds) {
      if (pick < kind.weight) return event(kind.type), true;
      pick -= kind.weight;
    }
    if (pick < kUnknownTypes) return event("mystery_event"), true;
    return false;
  }

  void event(std::string_view type) {
    const bool error =
        type.find("error") != std::string_view::npos || type == "api_key_validation_failed";
    time("timestamp", 6, "+00:00");
    text("level", error ? "error" : type == "session_retry_start" ? "warning" : "info");
    text("logger", error ? "proxy" : "core");
    text("caller", "chat.py:214");
    maybe_first([&] { text("event_type", "session_deleted"); });
    text("event_type", type);
    if (mix_ != Mix::kEverything) {
      text("event", kSentences[random_.below(kSentences.size())]);
      who_of_events();
    }
    if (type == "chat_completion_request_start") {
      id("user_id", "user-", user());
      maybe_first([&] { text("model", "first-thought"); });
      text("model", model());
      boolean("stream_requested", random_.below(3) != 0);
      uuid("request_id");
    } else if (type == "stream_completed") {
      id("session_id", "0x", random_.below(4'000'000));
      text("model", model());
      number("chunk_count", static_cast<std::int64_t>(random_.below(300)));
      maybe_first([&] { number("total_chunks", 1'000'000); });
      tokens("total_chunks", random_.skewed(2000) + 1);
      tokens("input_tokens", random_.skewed(20'000));
    } else if (type.starts_with("session_") || type.starts_with("proxy_session")) {
      id("session_id", "0x", random_.below(4'000'000));
      if (mix_ != Mix::kEverything || !random_.one_in(10)) {
        id("user_id", "user-", user());
      } else {
        raw("user_id", "null");
      }
      text("model", model());
    } else if (type == "tools_detected") {
      number("tool_count", static_cast<std::int64_t>(random_.below(9)));
      uuid("request_id");
    } else if (type == "cache_refresh") {
      number("model_count", static_cast<std::int64_t>(30 + random_.below(40)));
    } else if (type == "automation_enabled") {
      id("user_id", "user-", user());
      decimal("session_duration", random_.below(3'600'000));
    } else if (type == "embeddings_request_start") {
      text("model", model());
      number("input_length", static_cast<std::int64_t>(random_.skewed(100'000)));
    }
    if (error) {
      text("error", kTexts[random_.below(kTexts.size())]);
      text("error_type", kErrorTypes[random_.below(kErrorTypes.size())]);
      number("status_code", random_.one_in(3) ? 429 : 502);
    }
  }

  void propagation_seed() {
    const auto service = random_.below(10);
    time("ts", 3, "Z");
    const bool warn = random_.one_in(50);
    text("level", warn ? "warn" : "info");
    text("service", service < 4 ? "next" : service < 7 ? "py" : service < 9 ? "convex" : "web");
    text("env", kEnvironments[random_.skewed(kEnvironments.size())]);
    uuid("requestId");
    who_of_propagation();
    if (service < 4) {
      request();
    } else if (service < 7) {
      provider_call(warn);
    } else if (service < 9) {
      numbered("function", "assessments.f", random_.skewed(200));
      latency(500);
      number("items", static_cast<std::int64_t>(random_.skewed(500)));
      boolean("indexed", !random_.one_in(4));
      text("status", "ok");
    } else {
      text("page", "/chat");
      key("webVitals");
      out_.push_back('{');
      number("lcpMs", static_cast<std::int64_t>(random_.below(5000)));
      decimal("cls", random_.below(400));
      out_.push_back('}');
      key("sse");
      out_.push_back('{');
      number("stalls", static_cast<std::int64_t>(random_.skewed(4)));
      out_.push_back('}');
    }
  }

  void latency(std::uint64_t most) {
    maybe_first([&] { number("latencyMs", 99'999); });
    if (random_.one_in(4)) {
      decimal("latencyMs", random_.skewed(most * 1000));
    } else {
      number("latencyMs", static_cast<std::int64_t>(random_.skewed(most)));
    }
  }

  void request() {
    text("route", kRoutes[random_.skewed(kRoutes.size())]);
    text("method", "POST");
    number("status", random_.one_in(40) ? 500 : random_.one_in(30) ? 404 : 200);
    latency(9000);
    id("userIdHash", "u:7e8a", user());
    if (random_.one_in(2)) return;
    maybe_first([&] { raw("sse", R"({"firstTokenMs":1,"disconnect":true})"); });
    key("sse");
    out_.push_back('{');
    number("firstTokenMs", static_cast<std::int64_t>(random_.skewed(3000)));
    number("streamDurationMs", static_cast<std::int64_t>(random_.skewed(20'000)));
    boolean("disconnect", random_.one_in(25));
    out_.push_back('}');
  }

  void provider_call(bool failed) {
    text("span", random_.one_in(4) ? "provider.stt" : "provider.chat");
    text("provider", kProviders[random_.skewed(kProviders.size())]);
    text("modelId", model());
    latency(6000);
    if (failed) {
      key("error");
      out_.append("{\"type\":\"").append(kErrorTypes[random_.below(kErrorTypes.size())]);
      out_.append("\",\"message\":\"").append(kTexts[random_.below(kTexts.size())]).append("\"}");
      raw("retry", R"({"attempt":2,"max":3,"backoffMs":800})");
      text("status", "retrying");
      return;
    }
    tokens("tokensIn", random_.skewed(8000));
    tokens("tokensOut", random_.skewed(2000));
    decimal("costCents", random_.skewed(9000));
    text("status", "ok");
  }

  // A line of the Activity seed.
  void metric() {
    out_.append("[METRIC] [user");
    append(static_cast<std::int64_t>(spin(session_) % 15'000));
    out_.append("@example.com] ");
    const auto pick = random_.below(10);
    const auto action = kActions[pick < 5 ? 0 : pick < 8 ? 1 : 2 + random_.below(4)];
    out_.append(action);
    if (action == "llm_call") {
      out_.append(" model=").append(model()).append(" message_count=");
      append(static_cast<std::int64_t>(random_.skewed(40) + 1));
      out_.append(" tool_count=");
      append(static_cast<std::int64_t>(random_.below(9)));
    } else if (action.starts_with("tool_")) {
      out_.append(" tool_name=search_").append(kProviders[random_.below(kProviders.size())]);
      out_.append(action == "tool_error" ? " error_type=timeout" : " category=search");
    } else if (action.starts_with("file_")) {
      out_.append(" content_type=application/pdf file_size=");
      append(static_cast<std::int64_t>(random_.skewed(9'000'000)));
    } else {
      out_.append(" error_type=").append(kErrorTypes[random_.below(kErrorTypes.size())]);
    }
    out_.push_back('\n');
  }

  // What ingest must refuse, each for another reason.
  void broken() {
    switch (random_.below(5)) {
      case 0:
        out_.append("{\"event_type\":\"session_created\",\"model\":\"gpt-4o\n");
        return;
      case 1:
        out_.append("2025-08-19 13:59:12 INFO just text\n");
        return;
      case 2:
        out_.append("[1,2,3]\n");
        return;
      case 3:
        out_.append("{\"event_type\":\"session_created\",\"model\":\"\xff\xfe\"}\n");
        return;
      default:
        out_.append("{\"event_type\":\"session_created\",}\n");
    }
  }

  // Blanks where JSON allows them.
  void spread(std::size_t begin) {
    std::string wide;
    bool in_string = false;
    for (std::size_t i = begin; i + 1 < out_.size(); ++i) {
      const char c = out_[i];
      if (c == '"' && out_[i - 1] != '\\') in_string = !in_string;
      wide.push_back(c);
      if (!in_string && (c == ',' || c == ':')) wide.push_back(' ');
    }
    out_.resize(begin);
    out_.append(wide).push_back('\n');
  }

  Random random_;
  std::int64_t first_us_, span_us_;
  std::uint64_t n_;
  Mix mix_;
  std::int64_t now_us_ = 0;
  std::uint64_t session_ = 0;
  std::string out_;
};

std::uint64_t argument(int argc, char** argv, int index, std::uint64_t otherwise) {
  return index < argc ? std::strtoull(argv[index], nullptr, 10) : otherwise;
}

}  // namespace

int main(int argc, char** argv) {
  const auto n = argument(argc, argv, 1, 0);
  if (n == 0) {
    std::fputs(
        "usage: generate_events N [SEED [FIRST_SECOND [HOURS [0 | 3 | metric]]]] > FILE\n"
        "Example: generate_events 1000000 1 1755633600 30 3 > events.ndjson\n",
        stderr);
    return 2;
  }
  auto mix = Mix::kEverything;
  if (argc > 5) {
    const std::string_view word = argv[5];
    mix = word == "metric" ? Mix::kMetric
          : word == "3"    ? Mix::kThreeIdentifiers
                           : Mix::kNoIdentifiers;
  }
  Writer writer(n, argument(argc, argv, 2, 1),
                static_cast<std::int64_t>(argument(argc, argv, 3, 1'755'633'600)),
                static_cast<std::int64_t>(argument(argc, argv, 4, 30)), mix);
  for (std::uint64_t i = 0; i < n; ++i) {
    writer.line(i);
    if (writer.out().size() < (1u << 20) && i + 1 < n) continue;
    if (std::fwrite(writer.out().data(), 1, writer.out().size(), stdout) != writer.out().size()) {
      return 1;
    }
    writer.out().clear();
  }
  return std::fflush(stdout) == 0 ? 0 : 1;
}
