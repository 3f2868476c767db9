#include "app/simulator.h"

#include <zlib.h>

#include <memory>

#include "base/json_writer.h"
#include "base/random.h"
#include "base/text.h"

namespace sightglass::app {
namespace {

std::string gzip(std::string_view text) {
  z_stream z{};
  if (deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) return {};
  std::string out(deflateBound(&z, text.size()) + 32, '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  deflate(&z, Z_FINISH);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

// A gzip stream that is flushed after each event, as providers do.
class GzipStream {
 public:
  GzipStream() { deflateInit2(&z_, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY); }
  ~GzipStream() { deflateEnd(&z_); }
  GzipStream(const GzipStream&) = delete;
  GzipStream& operator=(const GzipStream&) = delete;
  std::string put(std::string_view text, int flush) {
    std::string out(text.size() + 256, '\0');
    z_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    z_.avail_in = static_cast<uInt>(text.size());
    z_.next_out = reinterpret_cast<Bytef*>(out.data());
    z_.avail_out = static_cast<uInt>(out.size());
    deflate(&z_, flush);
    out.resize(out.size() - z_.avail_out);
    return out;
  }

 private:
  z_stream z_{};
};

std::string status_line(int status) {
  return "HTTP/1.1 " + std::to_string(status) + (status == 200 ? " OK\r\n" : " Error\r\n");
}

// Serves one request of a dialect: takes the body, then plays the reply event by event.
class ProviderHandler final : public http::Handler {
 public:
  ProviderHandler(Dialect dialect, Tally& tally, Faults faults)
      : dialect_(dialect), tally_(tally), faults_(faults) {}

  void on_request(http::Exchange& exchange) override {
    id_ = exchange.request().headers.get("x-request-id");
    accepts_gzip_ =
        exchange.request().headers.get("accept-encoding").find("gzip") != std::string_view::npos;
    const auto bearer = exchange.request().headers.get("authorization");
    const auto key = bearer.empty() ? exchange.request().headers.get("x-api-key") : bearer;
    refused_ = key.ends_with("-bad");
  }
  void on_body(http::Exchange&, std::string_view content) override { body_.append(content); }

  void on_body_end(http::Exchange& exchange) override {
    if (refused_) return answer_error(exchange, 401, "Incorrect API key provided");
    auto reply = simulate_reply(dialect_, body_, faults_);
    if (!reply) return answer_error(exchange, 400, "the request body is malformed");
    reply_ = std::move(*reply);
    timer_ = std::make_unique<net::Timer>(exchange.loop(), [this, &exchange] { play(exchange); });
    if (reply_.delay_ms > 0) {
      timer_->arm(reply_.delay_ms * kMillisecond);
    } else {
      play(exchange);
    }
  }

  void on_close(http::Exchange&, bool) override {
    if (!tallied_) tally(Tally::End::kCut);
  }

 private:
  void tally(Tally::End end) {
    tallied_ = true;
    const bool whole = end == Tally::End::kServed;
    const bool begun = reply_.stream && next_ > 0;
    Bill bill = whole ? reply_.bill : begun ? reply_.announced : Bill{};
    bill.model = reply_.bill.model;
    tally_.add(id_, reply_.status, bill, end);
  }

  void answer_error(http::Exchange& exchange, int status, std::string_view message) {
    reply_.status = status;
    tally(Tally::End::kError);
    http::Response response;
    response.status = status;
    response.body = provider_error_body(dialect_, status, message);
    exchange.respond(std::move(response));
  }

  void play(http::Exchange& exchange) {
    if (!reply_.stream) return answer_whole(exchange);
    if (!exchange.started()) {
      // The same request gets the same form: compressed where the client takes it, by hash.
      compressed_ = accepts_gzip_ && faults_.standard && body_.size() % 2 == 0;
      std::string head =
          status_line(200) +
          "Content-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-cache\r\n"
          "openai-processing-ms: 12\r\nx-ratelimit-remaining-requests: 99\r\n";
      if (compressed_) head += "Content-Encoding: gzip\r\n";
      exchange.start(std::move(head), std::nullopt);
    }
    do {
      if (reply_.reset_after >= 0 && static_cast<std::int64_t>(next_) >= reply_.reset_after) {
        tally(Tally::End::kCut);
        return exchange.abort();
      }
      if (next_ == reply_.events.size()) {
        if (compressed_) exchange.write(gzip_.put("", Z_FINISH));
        tally(Tally::End::kServed);
        return exchange.end();
      }
      send(exchange, reply_.events[next_++]);
    } while (reply_.gap_ms == 0);
    timer_->arm(reply_.gap_ms * kMillisecond);
  }

  void send(http::Exchange& exchange, std::string_view event) {
    const auto bytes = compressed_ ? gzip_.put(event, Z_SYNC_FLUSH) : std::string(event);
    if (!faults_.standard || bytes.size() < 2) return exchange.write(bytes);
    // Split somewhere inside, so that no reader may rely on whole events.
    const auto cut = 1 + SeededRandom(body_.size() + next_).below(bytes.size() - 1);
    exchange.write(std::string_view(bytes).substr(0, cut));
    exchange.write(std::string_view(bytes).substr(cut));
  }

  void answer_whole(http::Exchange& exchange) {
    if (reply_.reset_after >= 0) {
      // Half an answer: a connection that dies before any of it would be tried again by whoever
      // asked, and rightly so.
      exchange.start(status_line(reply_.status) + "Content-Type: application/json\r\n",
                     reply_.body.size());
      exchange.write(std::string_view(reply_.body).substr(0, reply_.body.size() / 2));
      tally(Tally::End::kCut);
      return exchange.abort();
    }
    tally(reply_.status == 200 ? Tally::End::kServed : Tally::End::kError);
    http::Response response;
    response.status = reply_.status;
    response.headers = {{"openai-processing-ms", "12"}, {"x-ratelimit-remaining-requests", "99"}};
    if (reply_.status == 429) response.headers.emplace_back("retry-after", "1");
    response.body = std::move(reply_.body);
    if (accepts_gzip_ && faults_.standard && response.body.size() > 200) {
      response.body = gzip(response.body);
      response.headers.emplace_back("Content-Encoding", "gzip");
    }
    exchange.respond(std::move(response));
  }

  Dialect dialect_;
  Tally& tally_;
  Faults faults_;
  std::string id_, body_;
  bool accepts_gzip_ = false, refused_ = false, tallied_ = false, compressed_ = false;
  Reply reply_;
  std::size_t next_ = 0;
  GzipStream gzip_;
  std::unique_ptr<net::Timer> timer_;
};

http::Route provider_route(std::string pattern, Dialect dialect, Tally& tally, Faults faults) {
  http::Route route;
  route.method = "POST";
  route.pattern = std::move(pattern);
  route.realm = http::Realm::kOpen;
  route.make = [dialect, &tally, faults](const std::vector<std::string>&) {
    return std::make_unique<ProviderHandler>(dialect, tally, faults);
  };
  return route;
}

http::Route open_route(std::string pattern, http::SimpleHandler handler) {
  http::Route route;
  route.method = "GET";
  route.pattern = std::move(pattern);
  route.realm = http::Realm::kOpen;
  route.make = http::simple(std::move(handler));
  return route;
}

void append_row(JsonWriter& json, const TallyRow& row) {
  json.begin_object().key("requests").unsigned_integer(row.requests);
  json.key("errors").unsigned_integer(row.errors).key("cut").unsigned_integer(row.cut);
  json.key("input_tokens").unsigned_integer(row.input_tokens);
  json.key("cached_tokens").unsigned_integer(row.cached_tokens);
  json.key("output_tokens").unsigned_integer(row.output_tokens);
  json.key("cost_nanousd").integer(row.cost_nanousd);
  json.key("unpriced").unsigned_integer(row.unpriced).end_object();
}

void add_to(TallyRow& row, const Bill& bill, Tally::End end) {
  ++row.requests;
  if (end == Tally::End::kError) ++row.errors;
  if (end == Tally::End::kCut) ++row.cut;
  row.input_tokens += static_cast<std::uint64_t>(bill.input + bill.cache_read +
                                                 bill.cache_write_5m + bill.cache_write_1h);
  row.cached_tokens += static_cast<std::uint64_t>(bill.cache_read);
  row.output_tokens += static_cast<std::uint64_t>(bill.output);
  row.cost_nanousd += bill.cost_nanousd;
  if (end == Tally::End::kServed && !bill.priced && !bill.model.empty()) ++row.unpriced;
}

}  // namespace

Tally::Tally(const std::string& path) {
  if (!path.empty()) file_.open(path, std::ios::app);
}

void Tally::add(std::string_view request_id, int status, const Bill& bill, End end) {
  const std::scoped_lock lock(mutex_);
  add_to(by_model_[bill.model], bill, end);
  if (!file_.is_open()) return;
  std::string line;
  JsonWriter json(line);
  json.begin_object().key("request_id").string(request_id).key("status").integer(status);
  json.key("end").string(end == End::kServed ? "served" : end == End::kError ? "error" : "cut");
  json.key("model").string(bill.model);
  json.key("input_tokens")
      .integer(bill.input + bill.cache_read + bill.cache_write_5m + bill.cache_write_1h);
  json.key("output_tokens").integer(bill.output);
  json.key("cost_nanousd").integer(bill.cost_nanousd).end_object();
  line.push_back('\n');
  file_ << line << std::flush;
}

TallyRow Tally::total() const {
  const std::scoped_lock lock(mutex_);
  TallyRow total;
  for (const auto& [model, row] : by_model_) {
    total.requests += row.requests;
    total.errors += row.errors;
    total.cut += row.cut;
    total.input_tokens += row.input_tokens;
    total.cached_tokens += row.cached_tokens;
    total.output_tokens += row.output_tokens;
    total.cost_nanousd += row.cost_nanousd;
    total.unpriced += row.unpriced;
  }
  return total;
}

std::string Tally::to_json() const {
  const auto sum = total();
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("total");
  append_row(json, sum);
  json.key("models").begin_object();
  const std::scoped_lock lock(mutex_);
  for (const auto& [model, row] : by_model_) {
    json.key(model);
    append_row(json, row);
  }
  json.end_object().end_object();
  return out;
}

std::vector<http::Route> simulator_routes(Tally& tally, Faults faults) {
  std::vector<http::Route> routes;
  routes.push_back(provider_route("/v1/chat/completions", Dialect::kChat, tally, faults));
  routes.push_back(provider_route("/v1/responses", Dialect::kResponses, tally, faults));
  routes.push_back(provider_route("/v1/embeddings", Dialect::kEmbeddings, tally, faults));
  routes.push_back(provider_route("/v1/messages", Dialect::kMessages, tally, faults));
  routes.push_back(
      provider_route("/v1/messages/count_tokens", Dialect::kCountTokens, tally, faults));
  routes.push_back(open_route("/v1/models", [](const http::SimpleRequest&) {
    http::Response response;
    response.body =
        R"({"object":"list","data":[{"id":"gpt-4o","object":"model","created":1715367049,"owned_by":"system"},)"
        R"({"id":"gpt-4o-mini","object":"model","created":1721172741,"owned_by":"system"}]})";
    return response;
  }));
  routes.push_back(open_route("/tally", [&tally](const http::SimpleRequest&) {
    http::Response response;
    response.body = tally.to_json();
    return response;
  }));
  return routes;
}

}  // namespace sightglass::app
