#include "app/traffic.h"

#include <algorithm>
#include <cmath>
#include <thread>

#include "app/workers.h"
#include "base/json_writer.h"
#include "base/random.h"
#include "base/text.h"
#include "net/client.h"

namespace sightglass::app {
namespace {

constexpr std::size_t kLongestPrompt = 1 << 20;  // words

// "18:15:46.6805900" after the date, as nanoseconds of the day; days are told apart by the date.
Result<Nanos> parse_time(std::string_view text) {
  const auto number = [&](std::size_t at, std::size_t size) {
    return at + size <= text.size() ? parse_int(text.substr(at, size)).value_or(-1) : -1;
  };
  const auto day = number(8, 2), hour = number(11, 2), minute = number(14, 2),
             second = number(17, 2);
  if (text.size() < 19 || day < 0 || hour < 0 || minute < 0 || second < 0) {
    return fail(Code::kInvalid, "expected a time such as 2023-11-16 18:15:46.68");
  }
  Nanos fraction = 0;
  Nanos unit = kSecond;
  for (std::size_t i = 20; i < text.size() && unit > 1; ++i) {
    if (text[i] < '0' || text[i] > '9') break;
    unit /= 10;
    fraction += (text[i] - '0') * unit;
  }
  return (((day * 24 + hour) * 60 + minute) * 60 + second) * kSecond + fraction;
}

struct Plan {
  bool anthropic = false;
  bool stream = false;
  bool abort = false;
  bool gzip = false;
  std::string_view model;
};

// What request `index` is like; the same index is the same request in every run.
Plan plan_of(std::uint64_t index, bool faults) {
  SeededRandom random(index * 2 + 1);
  Plan plan;
  const auto model = random.below(100);
  plan.anthropic = model >= 70;
  plan.model = model < 50   ? "gpt-4o-mini"
               : model < 70 ? "gpt-4o"
               : model < 90 ? "claude-haiku-4-5"
                            : "claude-sonnet-4-5";
  plan.stream = random.below(2) == 0;
  if (faults) {
    if (random.below(100) < 5) plan.model = "acme-experimental-1";
    plan.abort = random.below(100) < 2;
    plan.gzip = random.below(2) == 0;
  }
  return plan;
}

class TrafficRun final : public Traffic {
 public:
  TrafficRun(TrafficOptions options, const Clock& clock)
      : options_(std::move(options)), clock_(clock) {}

  ~TrafficRun() override {
    if (!thread_.joinable()) return;
    loop_->stop();
    thread_.join();
    calls_.clear();
    client_.reset();
    timer_.reset();
  }

  Status begin() {
    SG_ASSIGN(loop_, net::Loop::make(clock_));
    net::Client::Options client_options;
    client_options.max_idle = options_.parallel;
    client_ = net::Client::make(*loop_, std::move(client_options), telemetry_);
    timer_ = std::make_unique<net::Timer>(*loop_, [this] { send_due(); });
    words_.reserve(4 * 65'536);
    thread_ = std::thread([this] {
      name_thread("traffic");
      began_ns_ = clock_.monotonic_ns();
      loop_->post([this] { send_due(); });
      loop_->run();
    });
    return {};
  }

  TrafficCount count() const override {
    return {sent_.load(), answered_.load(), refused_.load(), broken_.load(), aborted_.load()};
  }
  bool done() const override { return done_.load(); }

 private:
  // One request on its way; lives in calls_ until its end.
  struct Request final : net::CallHandler {
    Request(TrafficRun& owner, Plan request_plan) : run(owner), plan(request_plan) {}
    void on_head(const net::ResponseHead& head) override { status = head.status; }
    void on_body(std::string_view) override {
      if (!plan.abort || leaving) return;
      leaving = true;
      // Leaving from inside the client's own callback would pull the ground from under it.
      run.loop_->defer([this] {
        if (!over) call->cancel();
        ++run.aborted_;
        run.finish(this);
      });
    }
    void on_end() override {
      over = true;
      if (leaving) return;
      ++(status == 200 ? run.answered_ : run.refused_);
      run.finish(this);
    }
    void on_error(net::CallError, bool, bool) override {
      over = true;
      if (leaving) return;
      ++run.broken_;
      run.finish(this);
    }
    TrafficRun& run;
    Plan plan;
    std::string body;
    net::Call* call = nullptr;
    int status = 0;
    std::size_t slot = 0;
    bool leaving = false;  // abort is under way
    bool over = false;     // the call has ended: it must not be touched any more
  };

  bool exhausted() const {
    return options_.rows.empty() ? options_.requests != 0 && next_ >= options_.requests
                                 : next_ >= options_.rows.size();
  }

  TraceRow row(std::uint64_t index) const {
    return options_.rows.empty() ? similar_row(index) : options_.rows[index];
  }

  // Sends what is due, and arms the timer for the next.
  void send_due() {
    while (!exhausted()) {
      if (calls_.size() >= (options_.speed == 0 ? options_.parallel : kMostInFlight)) return;
      if (options_.speed > 0) {
        const auto due =
            began_ns_ + static_cast<Nanos>(static_cast<double>(row(next_).at_ns) / options_.speed);
        const auto now = loop_->fresh_now_ns();
        if (due > now) return timer_->arm(due - now);
      }
      send(next_++);
    }
    if (calls_.empty()) done_ = true;
  }

  void send(std::uint64_t index) {
    const auto what = row(index);
    auto request = std::make_unique<Request>(*this, plan_of(index, options_.faults));
    request->slot = calls_.size();
    write_body(*request, what);
    net::Client::Request out;
    out.head = head_of(*request);
    out.body = {request->body};
    net::Origin origin;
    origin.address = {"127.0.0.1", options_.gateway_port};
    origin.authority = "127.0.0.1:" + std::to_string(options_.gateway_port);
    auto* handler = request.get();
    calls_.push_back(std::move(request));
    ++sent_;
    handler->call = client_->send(origin, std::move(out), handler);
  }

  // At a human speed answers take their time, so that there is something to see; and made-up
  // traffic is as varied as real traffic: cached prompts, tool calls, now and then an error.
  std::string directives(const Request& request, const TraceRow& what) const {
    const auto milliseconds = [this](double ms) {
      return std::to_string(static_cast<int>(ms / options_.speed));
    };
    const auto pieces = static_cast<double>(std::clamp<std::int64_t>(what.generated_tokens, 1, 20));
    std::string line = "sim: delay_ms=" + milliseconds(250) + " gap_ms=" +
                       milliseconds(static_cast<double>(what.generated_tokens) * 12 / pieces);
    if (options_.rows.empty()) {
      SeededRandom random(sent_.load() * 31 + 7);
      if (random.below(100) < 20) line += " cached=" + std::to_string(what.context_tokens / 2);
      if (request.plan.anthropic && random.below(100) < 10) {
        line += " write5m=" + std::to_string(what.context_tokens / 4);
      }
      if (random.below(100) < 12) line += " tools=1";
      if (random.below(100) < 1) line += random.below(2) == 0 ? " status=500" : " status=429";
    }
    return line + "\n";
  }

  void write_body(Request& request, const TraceRow& what) {
    const auto words = static_cast<std::size_t>(what.context_tokens);
    while (words_.size() < 4 * words) words_ += "tok ";
    JsonWriter json(request.body);
    json.begin_object().key("model").string(request.plan.model);
    json.key("max_tokens").integer(what.generated_tokens).key("messages").begin_array();
    json.begin_object().key("role").string("user").key("content");
    std::string content = options_.speed > 0 ? directives(request, what) : std::string();
    content.append(words_, 0, 4 * words);
    json.string(content).end_object().end_array();
    if (request.plan.stream) json.key("stream").boolean(true);
    json.end_object();
  }

  std::string head_of(const Request& request) const {
    std::string head =
        request.plan.anthropic
            ? "POST /v1/messages HTTP/1.1\r\nanthropic-version: 2023-06-01\r\nx-api-key: "
            : "POST /v1/chat/completions HTTP/1.1\r\nAuthorization: Bearer ";
    head += options_.client_key + "\r\nHost: 127.0.0.1:" + std::to_string(options_.gateway_port) +
            "\r\nContent-Type: application/json\r\nContent-Length: " +
            std::to_string(request.body.size()) + "\r\n";
    if (request.plan.gzip) head += "Accept-Encoding: gzip\r\n";
    return head + "\r\n";
  }

  void finish(Request* request) {
    const auto slot = request->slot;
    // The request's own frames may still be on the stack.
    loop_->defer([keep = std::shared_ptr<Request>(std::move(calls_[slot]))] {});
    if (slot + 1 != calls_.size()) {
      calls_[slot] = std::move(calls_.back());
      calls_[slot]->slot = slot;
    }
    calls_.pop_back();
    loop_->defer([this] { send_due(); });
  }

  static constexpr std::size_t kMostInFlight = 4096;

  TrafficOptions options_;
  const Clock& clock_;
  Telemetry telemetry_;
  std::unique_ptr<net::Loop> loop_;
  std::unique_ptr<net::Client> client_;
  std::unique_ptr<net::Timer> timer_;
  std::vector<std::unique_ptr<Request>> calls_;
  std::string words_;
  std::uint64_t next_ = 0;
  Nanos began_ns_ = 0;
  std::thread thread_;
  std::atomic<std::uint64_t> sent_{0}, answered_{0}, refused_{0}, broken_{0}, aborted_{0};
  std::atomic<bool> done_{false};
};

}  // namespace

Result<std::vector<TraceRow>> parse_trace(std::string_view csv) {
  std::vector<TraceRow> rows;
  std::size_t line_number = 0;
  Nanos first = 0;
  while (!csv.empty()) {
    const auto end = csv.find('\n');
    const auto line = trim(csv.substr(0, end));
    csv = end == std::string_view::npos ? std::string_view{} : csv.substr(end + 1);
    ++line_number;
    if (line.empty() || (line_number == 1 && line.starts_with("TIMESTAMP"))) continue;
    const auto comma = line.find(',');
    const auto second = line.find(',', comma == std::string_view::npos ? comma : comma + 1);
    const std::string where = "trace line " + std::to_string(line_number);
    if (second == std::string_view::npos) {
      return fail(Code::kInvalid, where + ": expected TIMESTAMP,ContextTokens,GeneratedTokens");
    }
    const auto at = parse_time(line.substr(0, comma));
    const auto context = parse_int(line.substr(comma + 1, second - comma - 1));
    const auto generated = parse_int(line.substr(second + 1));
    if (!at) return fail(where, at.error());
    if (!context || !generated || *context < 0 || *generated < 0 ||
        *context > static_cast<std::int64_t>(kLongestPrompt) || *generated > 1'000'000) {
      return fail(Code::kInvalid, where + ": expected two token counts");
    }
    if (rows.empty()) first = *at;
    rows.push_back({std::max<Nanos>(0, *at - first), *context, *generated});
  }
  if (rows.empty()) return fail(Code::kInvalid, "the trace holds no requests");
  return rows;
}

TraceRow similar_row(std::uint64_t index) {
  SeededRandom random(index * 977 + 5);
  TraceRow row;
  row.at_ns = static_cast<Nanos>(index) * 180 * kMillisecond +
              static_cast<Nanos>(random.below(150)) * kMillisecond;
  // Log-normal by the sum of uniforms: near enough to the shape of real prompts.
  const auto normal = [&] {
    return random.unit() + random.unit() + random.unit() + random.unit() - 2;
  };
  row.context_tokens =
      std::clamp<std::int64_t>(static_cast<std::int64_t>(std::exp(6.6 + normal())), 4, 14'000);
  row.generated_tokens =
      std::clamp<std::int64_t>(static_cast<std::int64_t>(std::exp(5.1 + normal())), 1, 1'000);
  return row;
}

Result<std::unique_ptr<Traffic>> Traffic::start(TrafficOptions options, const Clock& clock) {
  auto run = std::make_unique<TrafficRun>(std::move(options), clock);
  SG_TRY(run->begin());
  return run;
}

}  // namespace sightglass::app
