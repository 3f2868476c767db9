// Random events of the gateway's pack for this room's tests and bench, and a plain evaluator that
// the store's answers are held against.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/random.h"
#include "event/event.h"
#include "journal/journal.h"
#include "store/store.h"

namespace sightglass::store::sample {

inline std::shared_ptr<const event::Catalogue> gateway_catalogue(const std::string& more = {}) {
  PosixFileSystem fs;
  const char* root = std::getenv("SIGHTGLASS_SOURCE_DIR");
  const auto path = std::string(root == nullptr ? "." : root) + "/packs/gateway.yaml";
  auto text = read_file(fs, path);
  if (!text) throw std::runtime_error("packs/gateway.yaml not found: set SIGHTGLASS_SOURCE_DIR");
  auto catalogue = event::Catalogue::parse(*text + more);
  if (!catalogue) throw std::runtime_error(catalogue.error().message);
  return *catalogue;
}

// Every shipped pack that declares fields.
inline std::shared_ptr<const event::Catalogue> all_packs_catalogue() {
  PosixFileSystem fs;
  const char* root = std::getenv("SIGHTGLASS_SOURCE_DIR");
  std::string more;
  for (const auto* name : {"morpheus", "atlas", "coachup", "vandamme"}) {
    auto text =
        read_file(fs, std::string(root == nullptr ? "." : root) + "/packs/" + name + ".yaml");
    if (!text) throw std::runtime_error("packs not found: set SIGHTGLASS_SOURCE_DIR");
    more += "\n---\n" + *text;
  }
  return gateway_catalogue(more);
}

// One event with values of its own; null kinds are absent.
struct Row {
  journal::Position position = 0;
  Nanos time_ns = 0;
  std::string type;
  std::map<std::string, event::Value> numbers;
  std::map<std::string, std::string> texts;
  bool terminal = true;

  std::optional<std::int64_t> number(const std::string& name) const {
    const auto it = numbers.find(name);
    if (it == numbers.end()) return std::nullopt;
    return it->second.as_int();
  }
  std::string text(const std::string& name) const {
    const auto it = texts.find(name);
    return it == texts.end() ? "" : it->second;
  }
};

inline std::string encoded(const event::Catalogue& catalogue, const Row& row) {
  event::Event event;
  event.type = catalogue.event_type(row.type);
  event.time_ns = row.time_ns;
  for (const auto& [name, value] : row.numbers) {
    event.fields.push_back({catalogue.field(name), value});
  }
  for (const auto& [name, value] : row.texts) {
    event.fields.push_back({catalogue.field(name), event::Value::text(value)});
  }
  std::string out;
  event::encode(event, out);
  return out;
}

// Positions 1, 2, 3, …; about every third record makes no row, as in a journal.
class Generator {
 public:
  explicit Generator(std::uint64_t seed, Nanos start_ns = 1'700'000'000 * kSecond)
      : random_(seed), time_ns_(start_ns) {
    for (int i = 0; i < 200; ++i) people_.push_back("u:1." + random_hex(random_, 13));
  }

  Row next() {
    Row row;
    row.position = ++position_;
    time_ns_ += static_cast<Nanos>(random_.below(20 * kMillisecond));
    row.time_ns = time_ns_;
    if (random_.below(3) == 0) {
      row.type = "chat_completion_request_start";
      row.terminal = false;
      row.texts["request_id"] = make_uuid4(random_);
      return row;
    }
    const bool streaming = random_.below(2) == 0;
    row.type = streaming ? "stream_completed" : "chat_completion_success";
    const char* models[] = {"gpt-4o-mini-2024-07-18", "gpt-4o", "claude-3-5-sonnet-20241022",
                            "claude-3-haiku", "gemini-1.5-pro"};
    const char* providers[] = {"openai", "openai", "anthropic", "anthropic", "google"};
    const char* outcomes[] = {"error", "timeout", "rejected", "client_gone", "interrupted"};
    const auto model = random_.below(5);
    const auto outcome = random_.below(40);
    auto& texts = row.texts;
    texts["request_id"] = make_uuid4(random_);
    texts["endpoint"] = "chat_completions";
    texts["method"] = "POST";
    texts["provider"] = providers[model];
    for (const auto* name : {"model_requested", "model_upstream", "model_response", "model"}) {
      texts[name] = models[model];
    }
    texts["key"] = std::string(providers[model]) + "-0123456789abcdef";
    if (random_.below(20) != 0) texts["client"] = "client-" + std::to_string(random_.below(20));
    texts["user_id"] = people_[random_.below(people_.size())];
    texts["outcome"] = outcome < 5 ? outcomes[outcome] : "ok";
    texts["usage_state"] = "exact";
    texts["price_version"] = "2026-07-24";
    if (outcome < 2) texts["error_type"] = "provider_server_error";
    row.numbers["is_streaming"] = event::Value::boolean(streaming);
    fill_numbers(row, streaming, texts["outcome"] == "rejected");
    return row;
  }

 private:
  std::int64_t up_to(std::uint64_t bound) {
    return static_cast<std::int64_t>(random_.below(bound));
  }

  void fill_numbers(Row& row, bool streaming, bool rejected) {
    const auto set = [&](const char* name, std::int64_t value) {
      row.numbers[name] = event::Value::integer(value);
    };
    const auto input = up_to(3000), read = up_to(10) == 0 ? up_to(2000) : 0, output = up_to(800);
    const auto latency = 300'000 + up_to(5'000'000), first = 100'000 + up_to(300'000);
    set("status_code", rejected ? 429 : 200);
    if (!rejected) {
      set("input_tokens", input);
      set("cache_read_tokens", read);
      set("cache_write_5m_tokens", 0);
      set("cache_write_1h_tokens", 0);
      set("output_tokens", output);
      set("reasoning_tokens", 0);
      set("total_tokens", input + read + output);
      if (up_to(20) == 0) {
        row.texts["unpriced_reason"] = "no_price";
      } else {
        set("cost_nanousd", input * 150 + output * 600 + read * 75);
      }
      set("upstream_status", 200);
      set("first_event_us", first);
      set("first_content_us", first + up_to(1000));
      set("longest_stall_us", up_to(300'000));
      set("upstream_us", latency - up_to(100));
      set("chunks", streaming ? output : 1);
      set("response_bytes", output * (streaming ? 150 : 5) + 400);
    }
    set("latency_us", latency);
    set("overhead_us", 20 + up_to(60));
    set("start_time_ns", row.time_ns - latency * 1000);
    set("request_bytes", input * 4 + up_to(300));
    set("message_count", 1 + up_to(10));
    set("attempts", 1);
  }

  SeededRandom random_;
  Nanos time_ns_;
  journal::Position position_ = 0;
  std::vector<std::string> people_;
};

inline std::vector<Row> rows(std::size_t count, std::uint64_t seed = 1) {
  Generator generator(seed);
  std::vector<Row> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(generator.next());
  return out;
}

// A batch as the journal's reader gives it out.
inline journal::Reader::Batch batch(const std::shared_ptr<const event::Catalogue>& catalogue,
                                    const std::vector<Row>& rows, std::size_t begin,
                                    std::size_t end) {
  journal::Reader::Batch out;
  out.catalogue = catalogue;
  out.header.first = rows[begin].position;
  out.header.count = static_cast<std::uint32_t>(end - begin);
  out.header.accept_ns = rows[end - 1].time_ns;
  std::vector<std::size_t> starts;
  for (auto i = begin; i < end; ++i) {
    starts.push_back(out.bytes.size());
    out.bytes += encoded(*catalogue, rows[i]);
  }
  starts.push_back(out.bytes.size());
  for (auto i = begin; i < end; ++i) {
    const auto at = starts[i - begin];
    out.records.push_back({rows[i].position, journal::RecordKind::kEvent,
                           Bytes(out.bytes).substr(at, starts[i - begin + 1] - at)});
  }
  return out;
}

// What applications send: `types` event types of the morpheus pack with ten fields each, of which
// some are many types' and the others are the type's own.
class IngestedRows {
 public:
  IngestedRows(const event::Catalogue& catalogue, std::size_t types, std::uint64_t seed)
      : random_(seed) {
    const auto morpheus = std::find_if(catalogue.packs().begin(), catalogue.packs().end(),
                                       [](const auto& pack) { return pack.name == "morpheus"; });
    std::vector<const event::Field*> passing;
    for (const auto id : morpheus->fields) {
      const auto& field = catalogue.fields()[id];
      if (event::passes(field.field_class) && field.companion_of == event::kNoField) {
        passing.push_back(&field);
      }
    }
    for (std::size_t i = 0; i < types; ++i) {
      Kind kind;
      kind.type =
          catalogue.event_types()[morpheus->event_types[i * 7 % morpheus->event_types.size()]].name;
      for (const auto* name :
           {"logger", "caller", "user_id", "session_id", "request_id", "model"}) {
        kind.fields.push_back(&catalogue.fields()[catalogue.field(name)]);
      }
      for (int n = 0; n < 4; ++n) kind.fields.push_back(passing[random_.below(passing.size())]);
      kinds_.push_back(std::move(kind));
    }
  }

  Row next() {
    const auto& kind = kinds_[std::min(random_.below(kinds_.size()), random_.below(kinds_.size()))];
    Row row;
    row.position = ++position_;
    time_ns_ += static_cast<Nanos>(random_.below(2 * kMillisecond));
    row.time_ns = time_ns_;
    row.type = kind.type;
    row.terminal = false;
    row.numbers["ingested"] = event::Value::boolean(true);
    for (const auto* field : kind.fields) {
      if (field->kind == event::Kind::kBool) {
        row.numbers[field->name] = event::Value::boolean(random_.below(2) == 0);
      } else if (field->kind == event::Kind::kInt) {
        row.numbers[field->name] =
            event::Value::integer(static_cast<std::int64_t>(random_.below(5'000)));
      } else if (field->kind == event::Kind::kDouble) {
        row.numbers[field->name] =
            event::Value::number(static_cast<double>(random_.below(5'000)) / 8);
      } else if (field->field_class == event::FieldClass::kCorrelation) {
        row.texts[field->name] = make_uuid4(random_);
      } else if (field->field_class == event::FieldClass::kIdentifier) {
        row.texts[field->name] =
            "u:1.person" + std::to_string(10'000'000'000'000'000 + random_.below(5'000));
      } else {
        row.texts[field->name] = "word-" + std::to_string(random_.below(8));
      }
    }
    return row;
  }

 private:
  struct Kind {
    std::string type;
    std::vector<const event::Field*> fields;
  };
  SeededRandom random_;
  Nanos time_ns_ = 1'700'000'000 * kSecond;
  journal::Position position_ = 0;
  std::vector<Kind> kinds_;
};

// In batches of `batch_rows`, from the first row past `after`.
inline void feed(Store& store, const std::shared_ptr<const event::Catalogue>& catalogue,
                 const std::vector<Row>& rows, std::size_t batch_rows = 100,
                 std::size_t begin = 0) {
  for (auto i = begin; i < rows.size(); i += batch_rows) {
    auto b = batch(catalogue, rows, i, std::min(rows.size(), i + batch_rows));
    // The views point into b.bytes, which must not move: a short string would take them along.
    store.apply(b);
    store.idle(b.header.accept_ns);
  }
}

// ---- the plain evaluator ------------------------------------------------------------------------

inline bool counts(const Row& row, Range range) {
  return row.terminal && row.time_ns >= range.start_ns && row.time_ns < range.end_ns;
}

inline Aggregate aggregate(const std::vector<Row>& rows, Range range, const Filter& filter) {
  Aggregate out;
  std::set<std::string> clients, providers;
  std::int64_t latency_us = 0, timed = 0;
  for (const auto& row : rows) {
    if (!counts(row, range)) continue;
    if (filter.client && row.text("client") != *filter.client) continue;
    if (filter.provider && row.text("provider") != *filter.provider) continue;
    const auto outcome = row.text("outcome");
    ++out.requests;
    out.ok += outcome == "ok";
    out.errors += outcome == "error" || outcome == "timeout";
    out.rejected += outcome == "rejected";
    out.client_gone += outcome == "client_gone";
    out.unpriced += !row.text("unpriced_reason").empty();
    out.total_tokens += row.number("total_tokens").value_or(0);
    out.cost_nanousd += row.number("cost_nanousd").value_or(0);
    if ((outcome == "ok" || outcome == "error") && row.number("latency_us")) {
      latency_us += *row.number("latency_us");
      ++timed;
    }
    out.last_request_ns = std::max(out.last_request_ns, row.time_ns);
    if (!row.text("client").empty()) clients.insert(row.text("client"));
    if (!row.text("provider").empty()) providers.insert(row.text("provider"));
  }
  if (timed != 0) {
    out.average_latency_ms = static_cast<double>(latency_us) / static_cast<double>(timed) / 1000.0;
  }
  out.distinct_clients = clients.size();
  out.distinct_providers = providers.size();
  return out;
}

inline Queries::Series series(const std::vector<Row>& rows, Range range, Nanos step_ns) {
  Queries::Series out;
  for (auto start = range.start_ns; start < range.end_ns; start += step_ns) {
    const Range step{start, std::min(range.end_ns, start + step_ns)};
    const auto numbers = aggregate(rows, step, {});
    if (numbers.requests == 0) continue;
    out.tokens.push_back({start / kSecond, static_cast<double>(numbers.total_tokens)});
    out.cost_usd.push_back({start / kSecond, static_cast<double>(numbers.cost_nanousd) / 1e9});
    if (numbers.average_latency_ms != 0) {
      out.latency_ms.push_back({start / kSecond, numbers.average_latency_ms});
    }
  }
  return out;
}

inline std::vector<Group> groups(const std::vector<Row>& rows, const GroupQuery& query) {
  const auto value = [](const Row& row, Dimension dimension) {
    constexpr const char* kNames[] = {"client", "provider", "model", "key"};
    return row.text(kNames[static_cast<std::size_t>(dimension)]);
  };
  std::map<std::vector<std::string>, Group> out;
  for (const auto& row : rows) {
    if (!counts(row, query.range)) continue;
    const auto passes = [&](const auto& filter) {
      return value(row, filter.first) == filter.second;
    };
    if (!std::all_of(query.only.begin(), query.only.end(), passes)) continue;
    std::vector<std::string> at;
    for (const auto dimension : query.by) at.push_back(value(row, dimension));
    auto& group = out[at];
    group.values = at;
    ++group.requests;
    group.total_tokens += row.number("total_tokens").value_or(0);
    group.cost_nanousd += row.number("cost_nanousd").value_or(0);
  }
  std::vector<Group> sorted;
  for (auto& [at, group] : out) sorted.push_back(std::move(group));
  return sorted;
}

inline journal::Totals totals(const std::vector<Row>& rows) {
  journal::Totals out;
  for (const auto& row : rows) {
    if (!row.terminal) continue;
    ++out.requests;
    for (const auto* name :
         {"input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens"}) {
      out.input_tokens += static_cast<std::uint64_t>(row.number(name).value_or(0));
    }
    out.output_tokens += static_cast<std::uint64_t>(row.number("output_tokens").value_or(0));
    out.cost_nanousd += row.number("cost_nanousd").value_or(0);
    out.unpriced += !row.text("unpriced_reason").empty();
  }
  return out;
}

}  // namespace sightglass::store::sample
