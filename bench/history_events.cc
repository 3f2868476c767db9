#include "history_events.h"

#include <algorithm>
#include <array>
#include <numbers>

namespace sightglass::bench {

enum HistoryEvents::FieldName : std::size_t {
  kRequestId,
  kTraceId,
  kSpanId,
  kEndpoint,
  kMethod,
  kRoute,
  kProvider,
  kModelRequested,
  kModelUpstream,
  kModelResponse,
  kModel,
  kKey,
  kClient,
  kUserId,
  kOutcome,
  kErrorType,
  kStatusCode,
  kUpstreamStatus,
  kIsStreaming,
  kInputTokens,
  kCacheReadTokens,
  kCacheWrite5m,
  kCacheWrite1h,
  kOutputTokens,
  kReasoningTokens,
  kTotalTokens,
  kUsageState,
  kCost,
  kPriceVersion,
  kUnpricedReason,
  kLatency,
  kFirstEvent,
  kFirstContent,
  kLongestStall,
  kUpstream,
  kOverhead,
  kStartTime,
  kRequestBytes,
  kResponseBytes,
  kChunks,
  kMessageCount,
  kAttempts,
  kService,
  kEnv,
  kErrorLength,
  kFields
};

namespace {

using event::Value;
constexpr Nanos kHour = 3'600 * kSecond;

constexpr std::array kNames = {"request_id",
                               "trace_id",
                               "span_id",
                               "endpoint",
                               "method",
                               "route",
                               "provider",
                               "model_requested",
                               "model_upstream",
                               "model_response",
                               "model",
                               "key",
                               "client",
                               "user_id",
                               "outcome",
                               "error_type",
                               "status_code",
                               "upstream_status",
                               "is_streaming",
                               "input_tokens",
                               "cache_read_tokens",
                               "cache_write_5m_tokens",
                               "cache_write_1h_tokens",
                               "output_tokens",
                               "reasoning_tokens",
                               "total_tokens",
                               "usage_state",
                               "cost_nanousd",
                               "price_version",
                               "unpriced_reason",
                               "latency_us",
                               "first_event_us",
                               "first_content_us",
                               "longest_stall_us",
                               "upstream_us",
                               "overhead_us",
                               "start_time_ns",
                               "request_bytes",
                               "response_bytes",
                               "chunks",
                               "message_count",
                               "attempts",
                               "service",
                               "env",
                               "error_length"};

struct Model {
  const char* provider;
  const char* name;
  const char* dated;  // what the provider answers with
  double weight;      // of its requests
  double first_ms;    // to the first token, the median
  double tokens_per_s;
};
constexpr std::array<Model, 20> kModels = {{
    {"openai", "gpt-4o", "gpt-4o-2024-08-06", 12, 420, 85},
    {"openai", "gpt-4o-mini", "gpt-4o-mini-2024-07-18", 22, 330, 110},
    {"openai", "gpt-4.1", "gpt-4.1-2025-04-14", 7, 450, 80},
    {"openai", "gpt-4.1-mini", "gpt-4.1-mini-2025-04-14", 8, 350, 105},
    {"openai", "gpt-5", "gpt-5-2025-08-07", 5, 1'900, 70},
    {"openai", "gpt-5-mini", "gpt-5-mini-2025-08-07", 5, 900, 120},
    {"openai", "o3", "o3-2025-04-16", 1.5, 4'200, 60},
    {"openai", "o4-mini", "o4-mini-2025-04-16", 2, 2'600, 100},
    {"anthropic", "claude-sonnet-4-20250514", "claude-sonnet-4-20250514", 6, 900, 62},
    {"anthropic", "claude-sonnet-4-5-20250929", "claude-sonnet-4-5-20250929", 9, 950, 65},
    {"anthropic", "claude-haiku-4-5-20251001", "claude-haiku-4-5-20251001", 6, 480, 130},
    {"anthropic", "claude-opus-4-1-20250805", "claude-opus-4-1-20250805", 1.5, 1'500, 40},
    {"google", "gemini-2.5-pro", "gemini-2.5-pro", 3, 2'200, 90},
    {"google", "gemini-2.5-flash", "gemini-2.5-flash", 5, 500, 190},
    {"google", "gemini-2.0-flash", "gemini-2.0-flash", 2.5, 380, 170},
    {"google", "gemini-2.5-flash-lite", "gemini-2.5-flash-lite", 1.5, 300, 220},
    {"azure", "gpt-4o", "gpt-4o-2024-08-06", 1.5, 460, 80},
    {"azure", "gpt-4.1", "gpt-4.1-2025-04-14", 0.8, 480, 75},
    {"azure", "house-model-7b", "house-model-7b", 0.4, 250, 60},  // on no price list
    {"azure", "gpt-4o-mini", "gpt-4o-mini-2024-07-18", 0.8, 350, 100},
}};

struct Failure {
  const char* type;
  const char* outcome;
  int status;
  double weight;
};
constexpr std::array<Failure, 8> kFailures = {{
    {"provider_rate_limited", "error", 429, 30},
    {"provider_server_error", "error", 502, 18},
    {"provider_overloaded", "error", 503, 10},
    {"provider_bad_request", "error", 400, 12},
    {"provider_timeout", "timeout", 504, 10},
    {"provider_connection_failed", "error", 502, 4},
    {"policy_rate_limited", "rejected", 429, 10},
    {"caller_cancelled", "client_gone", 499, 12},
}};

// Requests in an hour, of the day's: few by night, most about 10 and 15, less at the weekend.
double weight_of_hour(Nanos start_ns) {
  const auto hours = start_ns / kHour;
  const auto hour = static_cast<double>(hours % 24);
  const auto weekday = (hours / 24 + 3) % 7;  // 1970-01-01 was a Thursday; Monday is 0
  const auto bump = [&](double at, double width) {
    return std::exp(-(hour - at) * (hour - at) / (2 * width * width));
  };
  const auto day = 0.18 + bump(10, 2.2) + 0.95 * bump(15, 2.6) + 0.25 * bump(20.5, 1.8);
  return weekday >= 5 ? 0.35 * day : day;
}

template <typename Range, typename Weight>
std::vector<double> sums_of(const Range& range, Weight weight) {
  std::vector<double> out;
  double sum = 0;
  for (const auto& one : range) out.push_back(sum += weight(one));
  return out;
}

}  // namespace

HistoryEvents::HistoryEvents(HistoryOptions options, const event::Catalogue& catalogue)
    : options_(options),
      catalogue_(catalogue),
      prices_(price::PriceBook::built_in()),
      random_(options.seed),
      start_ns_(options.end_ns - options.days * 24 * kHour) {
  static_assert(kNames.size() == kFields);
  for (const auto* name : kNames) ids_.push_back(catalogue.field(name));
  model_sums_ = sums_of(kModels, [](const Model& model) { return model.weight; });
  std::vector<Nanos> hours;
  for (int i = 0; i < options_.days * 24; ++i) hours.push_back(start_ns_ + i * kHour);
  hour_sums_ = sums_of(hours, weight_of_hour);
  for (std::size_t i = 0; i < options_.clients; ++i) {
    Client client;
    client.name = "client-" + std::to_string(1000 + i);
    client.model = pick(model_sums_);
    client.key = std::string(kModels[client.model].provider) + "-" + random_hex(random_, 8);
    // Every other client says who its people are: by their own heavy tail.
    const auto people = i % 2 == 0 ? std::max<std::size_t>(1, 2'000 / (i + 4)) : 0;
    for (std::size_t p = 0; p < people; ++p) {
      std::string digits;
      for (int d = 0; d < 26; ++d) {
        digits.push_back("abcdefghijklmnopqrstuvwxyz234567"[random_.below(32)]);
      }
      client.people.push_back("u:1." + digits);
    }
    clients_.push_back(std::move(client));
  }
  std::size_t rank = 0;
  client_sums_ =
      sums_of(clients_, [&](const Client&) { return 1 / std::pow(double(++rank), 1.1); });
  begin_hour();
}

// Its events, and how far apart they are.
void HistoryEvents::begin_hour() {
  const auto upto = [&](std::size_t hours) {
    const auto part = hours == 0 ? 0 : hour_sums_[hours - 1] / hour_sums_.back();
    return static_cast<std::uint64_t>(std::llround(part * double(options_.events)));
  };
  hour_from_ = upto(hour_);
  hour_end_ = upto(hour_ + 1);
  time_ns_ = start_ns_ + Nanos(hour_) * kHour;
  gap_ns_ = double(kHour) / double(std::max<std::uint64_t>(hour_end_ - hour_from_, 1));
}

// Box and Muller, one of the two.
double HistoryEvents::normal() {
  const auto radius = std::sqrt(-2 * std::log(1 - random_.unit()));
  return radius * std::cos(2 * std::numbers::pi * random_.unit());
}

std::int64_t HistoryEvents::log_normal(double median, double sigma) {
  return static_cast<std::int64_t>(median * std::exp(sigma * normal()));
}

std::size_t HistoryEvents::pick(const std::vector<double>& sums) {
  const auto at = std::lower_bound(sums.begin(), sums.end(), random_.unit() * sums.back());
  return static_cast<std::size_t>(at - sums.begin());
}

std::string_view HistoryEvents::hex(std::string& out, std::size_t bytes) {
  out.clear();
  for (; bytes != 0; bytes -= 8) {
    auto value = random_.next();
    for (int i = 0; i < 16; ++i, value >>= 4) out.push_back("0123456789abcdef"[value & 15]);
  }
  return out;
}

void HistoryEvents::text(FieldName field, std::string_view value) {
  event_->fields.push_back({ids_[field], Value::text(value)});
}
void HistoryEvents::number(FieldName field, std::int64_t value) {
  event_->fields.push_back({ids_[field], Value::integer(value)});
}

bool HistoryEvents::next(event::Event& out) {
  if (made_ == options_.events) return false;
  while (made_ == hour_end_) {
    ++hour_;
    begin_hour();
  }
  ++made_;
  // Spaced evenly but for half a gap of chance would show; a Poisson process would drift.
  const auto nth = double(made_ - hour_from_ - 1);
  const auto at = start_ns_ + Nanos(hour_) * kHour + Nanos((nth + random_.unit()) * gap_ns_);
  time_ns_ = std::max(time_ns_ + 1'000, at);
  event_ = &out;
  out.meters.clear();
  out.fields.clear();
  out.time_ns = time_ns_;

  const auto& client = clients_[pick(client_sums_)];
  const auto model = random_.below(10) < 7 ? client.model : pick(model_sums_);
  const bool streaming = random_.below(100) < 62;
  const bool good = random_.below(40) != 0;
  request_ns_ = 0;
  identity(client, model, streaming);
  if (good) {
    answered(client, model, streaming);
  } else {
    failed(model);
  }
  return true;
}

void HistoryEvents::identity(const Client& client, std::size_t model, bool streaming) {
  const auto& of = kModels[model];
  const bool messages = std::string_view(of.provider) == "anthropic";
  text(kService, "sightglass");
  text(kEnv, "production");
  hex(request_id_, 16);
  for (const auto dash : {8, 13, 18, 23})
    request_id_.insert(static_cast<std::size_t>(dash), 1, '-');
  request_id_[14] = '4';
  text(kRequestId, request_id_);
  if (options_.trace_ids) {
    text(kTraceId, hex(trace_id_, 16));
    text(kSpanId, hex(span_id_, 8));
  }
  text(kEndpoint, messages ? "messages" : "chat_completions");
  text(kMethod, "POST");
  text(kRoute, messages ? "/v1/messages" : "/v1/chat/completions");
  text(kProvider, of.provider);
  text(kModelRequested, of.name);
  text(kModelUpstream, of.name);
  text(kModel, of.name);
  text(kKey, client.key);
  text(kClient, client.name);
  if (!client.people.empty()) {
    const auto n = client.people.size();
    text(kUserId, client.people[std::min(random_.below(n), random_.below(n))]);
  }
  event_->fields.push_back({ids_[kIsStreaming], Value::boolean(streaming)});
}

// The tokens that came out.
std::int64_t HistoryEvents::usage(std::size_t model, bool streaming) {
  const auto& of = kModels[model];
  price::Usage usage;
  usage.input = std::clamp<std::int64_t>(log_normal(900, 1.1), 8, 180'000);
  usage.output = std::clamp<std::int64_t>(log_normal(220, 0.9), 1, 16'000);
  if (random_.below(4) == 0) {
    usage.cache_read = usage.input / 128 * 128 * static_cast<std::int64_t>(random_.below(4)) / 4;
    usage.input -= usage.cache_read;
  }
  const bool thinks = of.first_ms > 1'800;
  usage.reasoning = thinks ? usage.output * static_cast<std::int64_t>(random_.below(70)) / 100 : 0;
  text(kUsageState, "exact");
  number(kInputTokens, usage.input);
  number(kCacheReadTokens, usage.cache_read);
  number(kCacheWrite5m, 0);
  number(kCacheWrite1h, 0);
  number(kOutputTokens, usage.output);
  number(kReasoningTokens, usage.reasoning);
  number(kTotalTokens, usage.input + usage.cache_read + usage.output);
  const auto cost = prices_->price(of.provider, of.dated, usage, time_ns_);
  const auto known = cost.unpriced == price::Unpriced::kPriced
                         ? cost
                         : prices_->price(of.provider, of.name, usage, time_ns_);
  if (known.unpriced == price::Unpriced::kPriced) {
    number(kCost, known.nanousd);
    text(kPriceVersion, prices_->version());
  } else {
    text(kUnpricedReason, "no_price");
  }
  const auto asked = usage.input + usage.cache_read;
  number(kRequestBytes, asked * 4 + static_cast<std::int64_t>(random_.below(400)) + 180);
  number(kResponseBytes,
         usage.output * (streaming ? 172 : 5) + 420 + static_cast<std::int64_t>(random_.below(90)));
  if (streaming) number(kChunks, usage.output + 3);
  number(kMessageCount, std::max<std::int64_t>(1, log_normal(4, 0.9)));
  return usage.output;
}

void HistoryEvents::answered(const Client&, std::size_t model, bool streaming) {
  const auto& of = kModels[model];
  const bool messages = std::string_view(of.provider) == "anthropic";
  event_->type = catalogue_.event_type(streaming  ? "stream_completed"
                                       : messages ? "messages_success"
                                                  : "chat_completion_success");
  event_->level = Level::kInfo;
  text(kOutcome, "ok");
  text(kModelResponse, of.dated);
  number(kStatusCode, 200);
  number(kUpstreamStatus, 200);
  const auto output = usage(model, streaming);
  const auto first_us = log_normal(of.first_ms * 1'000, 0.35);
  const auto writing_us = static_cast<std::int64_t>(double(output) / of.tokens_per_s * 1e6 *
                                                    (0.8 + 0.4 * random_.unit()));
  const auto upstream_us = first_us + writing_us;
  const auto overhead_us = 40 + log_normal(55, 0.4);
  const auto latency_us = upstream_us + overhead_us;
  number(kLatency, latency_us);
  number(kFirstEvent, streaming ? first_us : upstream_us);
  if (streaming) {
    number(kFirstContent, first_us + log_normal(350, 1.0));
    number(kLongestStall, log_normal(60'000, 0.6));
  }
  number(kUpstream, upstream_us);
  number(kOverhead, overhead_us);
  number(kStartTime,
         time_ns_ - latency_us * 1'000 - static_cast<std::int64_t>(random_.below(1'000)));
  number(kAttempts, random_.below(60) == 0 ? 2 : 1);
}

void HistoryEvents::failed(std::size_t model) {
  static const auto sums = sums_of(kFailures, [](const Failure& one) { return one.weight; });
  const auto& failure = kFailures[pick(sums)];
  const std::string_view outcome = failure.outcome;
  const bool gone = outcome == "client_gone", rejected = outcome == "rejected";
  event_->type = catalogue_.event_type(gone       ? "client_disconnected"
                                       : rejected ? "request_rejected"
                                                  : "chat_completions_error");
  event_->level = gone || rejected ? Level::kWarn : Level::kError;
  text(kOutcome, outcome);
  text(kErrorType, failure.type);
  number(kStatusCode, failure.status);
  if (!rejected) number(kUpstreamStatus, failure.status);
  text(kUsageState, gone ? "unknown" : "none");
  if (gone) {
    text(kUnpricedReason, "no_usage");
  } else {
    number(kCost, 0);
  }
  const auto latency_us = rejected               ? log_normal(90, 0.4)
                          : outcome == "timeout" ? 60'000'000 + log_normal(900, 0.5)
                                                 : log_normal(kModels[model].first_ms * 900, 0.8);
  number(kLatency, latency_us);
  if (!rejected) number(kUpstream, latency_us);
  number(kOverhead, 40 + log_normal(55, 0.4));
  number(kStartTime,
         time_ns_ - latency_us * 1'000 - static_cast<std::int64_t>(random_.below(1'000)));
  number(kRequestBytes, 4 * log_normal(900, 1.1) + 180);
  number(kResponseBytes, 160 + static_cast<std::int64_t>(random_.below(300)));
  number(kMessageCount, std::max<std::int64_t>(1, log_normal(4, 0.9)));
  number(kAttempts, rejected ? 0 : 1 + static_cast<std::int64_t>(random_.below(3)));
  if (!rejected && !gone) number(kErrorLength, 60 + static_cast<std::int64_t>(random_.below(200)));
}

}  // namespace sightglass::bench
