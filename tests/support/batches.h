// Journal batches made by hand, for tests of folds: events by their names in packs/gateway.yaml.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/random.h"
#include "event/catalogue.h"
#include "event/event.h"
#include "event/pattern.h"
#include "journal/journal.h"

namespace sightglass::testing {

inline std::string source_text(const std::string& path) {
  const char* root = std::getenv("SIGHTGLASS_SOURCE_DIR");
  std::ifstream in(std::string(root != nullptr ? root : ".") + "/" + path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline std::shared_ptr<const event::Catalogue> parse_catalogue(std::string text) {
  auto parsed = event::Catalogue::parse(std::move(text));
  if (!parsed) {
    std::fprintf(stderr, "the test's pack: %s\n", parsed.error().message.c_str());
    std::abort();
  }
  return *parsed;
}

inline std::shared_ptr<const event::Catalogue> gateway_catalogue() {
  static const auto catalogue = parse_catalogue(source_text("packs/gateway.yaml") + "---\n" +
                                                source_text("packs/coo-llm.yaml"));
  return catalogue;  // parsed once a program: it takes longer than most tests
}

// One event by names. Owns its text.
struct TestEvent {
  std::string type;
  Nanos time_ns = 0;
  std::vector<std::pair<std::string, std::variant<std::int64_t, double, bool, std::string>>> fields;

  explicit TestEvent(std::string name, Nanos at = 0) : type(std::move(name)), time_ns(at) {}
  TestEvent& with(std::string name, const char* v) {
    return fields.emplace_back(std::move(name), std::string(v)), *this;
  }
  TestEvent& with(std::string name, std::string v) {
    return fields.emplace_back(std::move(name), std::move(v)), *this;
  }
  TestEvent& with(std::string name, std::int64_t v) {
    return fields.emplace_back(std::move(name), v), *this;
  }
  TestEvent& with(std::string name, int v) { return with(std::move(name), std::int64_t{v}); }
  TestEvent& with(std::string name, double v) {
    return fields.emplace_back(std::move(name), v), *this;
  }
  TestEvent& with(std::string name, bool v) {
    return fields.emplace_back(std::move(name), v), *this;
  }
  std::string text(const std::string& name) const {
    for (const auto& [field, value] : fields) {
      if (field == name && std::holds_alternative<std::string>(value)) {
        return std::get<std::string>(value);
      }
    }
    return {};
  }
  bool has(const std::string& name) const {
    for (const auto& [field, value] : fields) {
      if (field == name) return true;
    }
    return false;
  }
  std::int64_t number(const std::string& name) const {
    for (const auto& [field, value] : fields) {
      if (field == name && std::holds_alternative<std::int64_t>(value)) {
        return std::get<std::int64_t>(value);
      }
    }
    return 0;
  }
};

// Makes batches in journal order under one catalogue at a time.
class Batches {
 public:
  using Batch = journal::Reader::Batch;

  explicit Batches(std::shared_ptr<const event::Catalogue> catalogue) { use(std::move(catalogue)); }

  void use(std::shared_ptr<const event::Catalogue> catalogue) {
    catalogue_ = std::move(catalogue);
    auto plan = event::MatchPlan::compile(catalogue_);
    if (!plan) std::abort();
    plan_ = std::move(*plan);
  }
  const event::Catalogue& catalogue() const { return *catalogue_; }

  std::string encode(const TestEvent& in) const {
    event::Event out;
    out.type = catalogue_->event_type(in.type);
    out.level = catalogue_->event_types()[out.type].level;
    out.time_ns = in.time_ns;
    for (const auto& [name, value] : in.fields) {
      const auto field = catalogue_->field(name);
      if (field == event::kNoField) {
        std::fprintf(stderr, "no field %s\n", name.c_str());
        std::abort();
      }
      event::Value v;
      if (const auto* i = std::get_if<std::int64_t>(&value)) v = event::Value::integer(*i);
      if (const auto* d = std::get_if<double>(&value)) v = event::Value::number(*d);
      if (const auto* b = std::get_if<bool>(&value)) v = event::Value::boolean(*b);
      if (const auto* t = std::get_if<std::string>(&value)) v = event::Value::text(*t);
      out.fields.push_back({field, v});
    }
    event::MatchPlan::Scratch scratch;
    plan_->match(out, scratch);
    std::string payload;
    event::encode(out, payload);
    return payload;
  }

  using Payload = std::pair<journal::RecordKind, std::string>;
  Batch make(const std::vector<Payload>& payloads, Nanos accept_ns) {
    Batch batch;
    batch.header = {next_, static_cast<std::uint32_t>(payloads.size()), accept_ns};
    batch.catalogue = catalogue_;
    batch.bytes.reserve(64);  // past the short form, so that moving the batch keeps the views
    for (const auto& [kind, payload] : payloads) batch.bytes.append(payload);
    std::size_t at = 0;
    for (const auto& [kind, payload] : payloads) {
      batch.records.push_back({next_++, kind, Bytes(batch.bytes).substr(at, payload.size())});
      at += payload.size();
    }
    return batch;
  }
  Batch make(const std::vector<TestEvent>& events, Nanos accept_ns) {
    std::vector<Payload> payloads;
    for (const auto& e : events) payloads.emplace_back(journal::RecordKind::kEvent, encode(e));
    return make(payloads, accept_ns);
  }
  Batch tick(Nanos accept_ns) {
    return make(std::vector<Payload>{{journal::RecordKind::kTick, ""}}, accept_ns);
  }

  journal::Position next() const { return next_; }

 private:
  std::shared_ptr<const event::Catalogue> catalogue_;
  std::unique_ptr<event::MatchPlan> plan_;
  journal::Position next_ = 1;
};

// A terminal event with random but plausible fields; everything that folds add up is set somehow.
inline TestEvent random_terminal(SeededRandom& random, Nanos at, int names = 4) {
  static const char* const kTypes[] = {"chat_completion_success", "chat_completions_error",
                                       "stream_completed",        "messages_success",
                                       "client_disconnected",     "request_rejected"};
  static const char* const kOutcomes[] = {"ok",      "ok",          "ok",       "error",
                                          "timeout", "client_gone", "rejected", "interrupted"};
  static const char* const kErrors[] = {"provider_timeout", "provider_server_error",
                                        "policy_rate_limited", "caller_bad_request"};
  const auto pick = [&](std::size_t n) { return static_cast<std::size_t>(random.below(n)); };
  TestEvent e(kTypes[pick(6)], at);
  const std::string outcome = kOutcomes[pick(8)];
  char id[17];
  std::snprintf(id, sizeof id, "%016llx", static_cast<unsigned long long>(random.next()));
  e.with("request_id", std::string(id)).with("outcome", outcome);
  if (pick(8) != 0) e.with("provider", "provider-" + std::to_string(pick(names)));
  if (pick(8) != 0) e.with("model", "model-" + std::to_string(pick(names)));
  e.with("key", "openai-" + std::to_string(pick(3))).with("client", "c" + std::to_string(pick(2)));
  e.with("is_streaming", pick(2) == 0).with("endpoint", "chat_completions");
  if (outcome != "ok") e.with("error_type", kErrors[pick(4)]);
  if (pick(5) != 0) {
    std::int64_t total = 0;
    for (const char* part : {"input_tokens", "cache_read_tokens", "cache_write_5m_tokens",
                             "cache_write_1h_tokens", "output_tokens"}) {
      const auto n = static_cast<std::int64_t>(random.below(5000));
      total += n;
      e.with(part, n);
    }
    e.with("total_tokens", total);
  }
  if (pick(4) != 0) {
    e.with("cost_nanousd", static_cast<std::int64_t>(random.below(9'000'000'000)));
  } else {
    e.with("unpriced_reason", "no_price");
  }
  e.with("latency_us", static_cast<std::int64_t>(random.below(20'000'000)));
  e.with("tool_calls", static_cast<std::int64_t>(random.below(3)));
  e.with("tool_uses", static_cast<std::int64_t>(random.below(3)));
  e.with("tool_results", static_cast<std::int64_t>(random.below(3)));
  return e;
}

}  // namespace sightglass::testing
