#include "ingest/routes.h"

#include <algorithm>

#include "base/json_writer.h"
#include "base/text.h"
#include "http/admission.h"
#include "http/rate_limit.h"
#include "ingest/answer.h"

namespace sightglass::ingest {
namespace {

constexpr std::uint64_t kRumBytes = 16 << 10;
constexpr std::string_view kInvalid = "invalid_request_error";

// "<first>-<end>"
bool parse_range(std::string_view text, Range& out) {
  const auto dash = text.find('-');
  if (dash == std::string_view::npos) return false;
  const auto number = [](std::string_view digits, std::uint64_t& value) {
    if (digits.find_first_not_of("0123456789") != std::string_view::npos) return false;
    const auto parsed = parse_int(digits);
    if (!parsed) return false;
    value = static_cast<std::uint64_t>(*parsed);
    return true;
  };
  return number(text.substr(0, dash), out.first) && number(text.substr(dash + 1), out.end) &&
         out.first <= out.end;
}

// Percent-decoding of the last path parameter, which comes as it was sent.
std::string decoded(std::string_view text) {
  const auto hex = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex(text[i + 1]) >= 0 && hex(text[i + 2]) >= 0) {
      out.push_back(static_cast<char>(hex(text[i + 1]) * 16 + hex(text[i + 2])));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

// Newline-delimited JSON by any of its names.
bool is_ndjson(std::string_view content_type) {
  const auto name = trim(content_type.substr(0, content_type.find(';')));
  for (const std::string_view known :
       {"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonl",
        "application/jsonlines", "application/x-jsonlines"}) {
    if (equals_ignoring_case(name, known)) return true;
  }
  return false;
}

enum class Door : std::uint8_t { kEvents, kLines, kRum };

class EndpointsImpl;

// One request on its worker.
class Receiver final : public http::Handler {
 public:
  Receiver(EndpointsImpl& endpoints, Door door);
  void on_request(http::Exchange& exchange) override;
  void on_body(http::Exchange& exchange, std::string_view content) override;
  void on_body_end(http::Exchange& exchange) override;
  void on_close(http::Exchange&, bool) override {
    if (ticket_) ticket_->exchange = nullptr;
  }

 private:
  // Whether anybody still waits for the answer; touched on the worker's thread only.
  struct Ticket {
    http::Exchange* exchange;
  };
  // What goes to the pool.
  struct Job {
    explicit Job(MemoryBudget& budget) : share(budget) {}
    Request request;
    Share share;
  };
  bool read_head(http::Exchange& exchange);
  void refuse(http::Exchange& exchange, http::Response response);

  EndpointsImpl& endpoints_;
  const Door door_;
  std::shared_ptr<Job> job_;  // null: already answered
  std::shared_ptr<Ticket> ticket_;
};

class EndpointsImpl final : public Endpoints {
 public:
  EndpointsImpl(EndpointOptions given, const Parts& given_parts)
      : options(std::move(given)),
        parts(given_parts),
        memory(options.memory_bytes),
        headers(parts.telemetry),
        rum_limit(options.rum_per_second, kSecond) {
    parts.telemetry.gauge_function(
        "sightglass_ingest_memory_left_bytes", "What bodies may still take of ingest.memory_bytes.",
        Telemetry::Kind::kGauge, [this] { return static_cast<double>(memory.left()); });
    for (const auto& [reason, counter] :
         {std::pair{"memory", &no_memory}, std::pair{"behind", &behind},
          std::pair{"unavailable", &unavailable}, std::pair{"queue", &queue_full},
          std::pair{"rum_rate", &rum_rate}}) {
      *counter = &parts.telemetry.counter("sightglass_ingest_refused_total",
                                          "Requests refused before they were read, by reason.",
                                          {{"reason", reason}});
    }
  }

  std::vector<http::Route> routes() override {
    std::vector<http::Route> all;
    all.push_back(post("/ingest/v1/events", Door::kEvents,
                       "Take events: one JSON object, an array, or one object a line"));
    all.push_back(post("/ingest/v1/lines", Door::kLines,
                       "Take lines: [METRIC] activity lines, JSON, and text around them"));
    if (!options.rum_origins.empty()) {
      auto rum = post("/ingest/v1/rum", Door::kRum, "Take beacons of web pages");
      rum.realm = http::Realm::kOpen;
      rum.changes =
          false;  // needs no credentials: the origin, the size and the rate are its limits
      rum.origins = options.rum_origins;
      all.push_back(std::move(rum));
    }
    http::Route source;
    source.method = "GET";
    source.pattern = "/ingest/v1/sources/{id...}";
    source.realm = http::Realm::kIngest;
    source.summary = "How far a source has been taken";
    source.parameters = {{"id", "as in x-sightglass-source"}};
    source.make = http::simple([this](const http::SimpleRequest& r) { return mark(r); });
    all.push_back(std::move(source));
    return all;
  }

  EndpointOptions options;
  Parts parts;
  MemoryBudget memory;
  HeaderReader headers;
  http::RateLimit rum_limit;
  Counter* no_memory = nullptr;
  Counter* behind = nullptr;
  Counter* unavailable = nullptr;
  Counter* queue_full = nullptr;
  Counter* rum_rate = nullptr;

 private:
  http::Route post(std::string pattern, Door door, std::string summary) {
    http::Route route;
    route.method = "POST";
    route.pattern = std::move(pattern);
    route.realm = http::Realm::kIngest;
    route.changes = true;
    route.summary = std::move(summary);
    route.make = [this, door](const std::vector<std::string>&) {
      return std::make_unique<Receiver>(*this, door);
    };
    return route;
  }

  http::Response mark(const http::SimpleRequest& request) {
    const auto id = decoded(request.path_parameters.front());
    if (!is_source_id(id)) {
      return http::error_response(
          400, kInvalid, "A source is 1 to 128 letters, digits, '.', '_', ':', '/' or '-'.",
          request.request_id);
    }
    http::Response response;
    JsonWriter(response.body)
        .begin_object()
        .key("next")
        .unsigned_integer(parts.service.next(id))
        .end_object();
    return response;
  }
};

Receiver::Receiver(EndpointsImpl& endpoints, Door door)
    : endpoints_(endpoints), door_(door), job_(std::make_shared<Job>(endpoints.memory)) {}

void Receiver::refuse(http::Exchange& exchange, http::Response response) {
  job_.reset();
  exchange.respond(std::move(response));
}

// Everything that the head decides. False: it was refused.
bool Receiver::read_head(http::Exchange& exchange) {
  const auto& head = exchange.request();
  auto& request = job_->request;
  const auto bad = [&](int status, std::string_view sentence) {
    refuse(exchange, http::error_response(status, kInvalid, sentence, exchange.request_id()));
    return false;
  };
  request.form = door_ == Door::kLines ? Form::kLines : Form::kJson;
  request.one_a_line = is_ndjson(head.headers.get("content-type"));
  request.coding = codec::content_coding(head.headers.get("content-encoding"));
  if (request.coding == codec::Coding::kUnknown) {
    return bad(415, "Content-Encoding must be gzip, zstd or identity.");
  }
  const auto source = head.headers.get("x-sightglass-source");
  const auto range = head.headers.get("x-sightglass-range");
  if (source.empty() != range.empty()) {
    return bad(400, "x-sightglass-source and x-sightglass-range are only understood together.");
  }
  if (!source.empty()) {
    request.range.emplace();
    request.range->source = source;
    if (!is_source_id(source)) {
      return bad(400, "A source is 1 to 128 letters, digits, '.', '_', ':', '/' or '-'.");
    }
    if (!parse_range(range, *request.range)) {
      return bad(400,
                 "x-sightglass-range is <first>-<end>, bytes of the source, end not included.");
    }
  }
  request.headers = endpoints_.headers.read(head.headers);
  if (door_ == Door::kRum) {
    // Anybody can send a beacon, so it can speak for no other service than the page's.
    request.headers.items.push_back({"service", "web", true});
    request.range.reset();
  }
  return true;
}

void Receiver::on_request(http::Exchange& exchange) {
  auto& e = endpoints_;
  const auto& id = exchange.request_id();
  const auto limit = door_ == Door::kRum ? kRumBytes : e.options.body_bytes;
  exchange.set_body_limit(limit);
  if (door_ == Door::kRum) {
    const auto wait_s = e.rum_limit.take(http::address_block(exchange.remote_address()),
                                         e.parts.clock.monotonic_ns());
    if (wait_s > 0) {
      e.rum_rate->add();
      auto response = http::error_response(429, "rate_limit_error",
                                           "Too many beacons from this address; send fewer.", id);
      response.headers.emplace_back("Retry-After", std::to_string(wait_s));
      return refuse(exchange, std::move(response));
    }
  }
  if (!e.parts.writable()) {
    e.unavailable->add();
    return refuse(exchange, ingest::refuse(Refusal::kUnavailable, id));
  }
  if (e.parts.behind()) {
    e.behind->add();
    return refuse(exchange, ingest::refuse(Refusal::kBehind, id));
  }
  if (!read_head(exchange)) return;
  const auto& head = exchange.request();
  if (head.body == net::BodyKind::kLength && head.content_length <= limit) {
    if (!job_->share.grow(head.content_length)) {
      e.no_memory->add();
      return refuse(exchange, ingest::refuse(Refusal::kNoMemory, id));
    }
    job_->request.body.reserve(head.content_length + codec::kPadding);
  }
}

void Receiver::on_body(http::Exchange& exchange, std::string_view content) {
  if (job_ == nullptr) return;
  auto& body = job_->request.body;
  const auto size = body.size() + content.size();
  if (size > job_->share.bytes() && !job_->share.grow(size - job_->share.bytes())) {
    endpoints_.no_memory->add();
    return refuse(exchange, ingest::refuse(Refusal::kNoMemory, exchange.request_id()));
  }
  body.append(content);
}

void Receiver::on_body_end(http::Exchange& exchange) {
  if (job_ == nullptr) return;
  ticket_ = std::make_shared<Ticket>(Ticket{&exchange});
  const bool taken = endpoints_.parts.pool.submit(
      [job = std::move(job_), ticket = ticket_, loop = &exchange.loop(),
       service = &endpoints_.parts.service, id = exchange.request_id()] {
        auto response =
            std::make_shared<http::Response>(answer(service->take(job->request, job->share), id));
        loop->post([ticket, response] {
          if (ticket->exchange != nullptr) ticket->exchange->respond(std::move(*response));
        });
      });
  if (taken) return;
  endpoints_.queue_full->add();
  exchange.respond(ingest::refuse(Refusal::kBehind, exchange.request_id()));
}

}  // namespace

std::unique_ptr<Endpoints> Endpoints::make(EndpointOptions options, Parts parts) {
  return std::make_unique<EndpointsImpl>(std::move(options), parts);
}

}  // namespace sightglass::ingest
