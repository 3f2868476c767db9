// Made-up terminal events of a gateway over some months, the same for the same arguments: what
// bench_history fills a store with.
#pragma once

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "event/event.h"
#include "price/price_book.h"

namespace sightglass::bench {

struct HistoryOptions {
  std::uint64_t events = 1'000'000;
  int days = 90;
  Nanos end_ns = 0;  // of the last day; a full hour
  std::uint64_t seed = 1;
  std::size_t clients = 400;
  bool trace_ids = false;  // 24 random bytes more in each event
};

// Requests come by a curve of day and week; by clients of whom few send most; of some 20 models at
// 4 providers, of which a client uses one mostly. Tokens and durations are log-normal, costs are
// the shipped price list's, one request in 40 does not end well.
class HistoryEvents {
 public:
  HistoryEvents(HistoryOptions options, const event::Catalogue& catalogue);
  // The next one, in the order of time. False at the end. Text is borrowed from this object until
  // the next call.
  bool next(event::Event& out);
  std::uint64_t made() const { return made_; }
  Nanos first_ns() const { return start_ns_; }

 private:
  enum FieldName : std::size_t;
  struct Client {
    std::string name, key;
    std::size_t model = 0;
    std::vector<std::string> people;  // empty: it names none
  };
  void begin_hour();
  double normal();
  std::int64_t log_normal(double median, double sigma);
  std::string_view hex(std::string& out, std::size_t bytes);
  std::size_t pick(const std::vector<double>& sums);
  void text(FieldName field, std::string_view value);
  void number(FieldName field, std::int64_t value);
  void identity(const Client& client, std::size_t model, bool streaming);
  void answered(const Client& client, std::size_t model, bool streaming);
  void failed(std::size_t model);
  std::int64_t usage(std::size_t model, bool streaming);

  const HistoryOptions options_;
  const event::Catalogue& catalogue_;
  const std::shared_ptr<const price::PriceBook> prices_;
  SeededRandom random_;
  std::vector<event::FieldId> ids_;
  std::vector<Client> clients_;
  std::vector<double> client_sums_, model_sums_, hour_sums_;
  event::Event* event_ = nullptr;
  std::string request_id_, trace_id_, span_id_;
  Nanos start_ns_ = 0, time_ns_ = 0;
  std::size_t hour_ = 0;
  std::uint64_t made_ = 0, hour_from_ = 0, hour_end_ = 0;  // numbers of events
  double gap_ns_ = 0;
  Nanos request_ns_ = 0;  // of the event at hand: how long it took
};

}  // namespace sightglass::bench
