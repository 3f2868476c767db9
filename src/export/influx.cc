#include "export/influx.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "export/http_caller.h"
#include "export/http_words.h"

namespace sightglass::exporting {
namespace {

using Kind = Verdict::Kind;

// Of `{"error":"partial write: points beyond retention policy dropped=3"}`. Without the number one
// is said to be lost.
std::uint64_t dropped_of(std::string_view body) {
  constexpr std::string_view kWord = "dropped=";
  const auto at = body.find(kWord);
  if (at == std::string_view::npos) return 1;
  const auto digits = body.substr(at + kWord.size());
  const auto end = digits.find_first_not_of("0123456789");
  const auto count = parse_int(digits.substr(0, end));
  return count && *count >= 0 ? static_cast<std::uint64_t>(*count) : 1;
}

class Influx final : public Sink {
 public:
  Influx(const InfluxOptions& options, std::unique_ptr<HttpCaller> caller)
      : options_(options), caller_(std::move(caller)) {
    const auto& database = options.database.empty() ? options.bucket : options.database;
    target_v1_ = "/write?precision=ns&db=" + percent_encoded(database);
    if (!options.retention_policy.empty()) {
      target_v1_ += "&rp=" + percent_encoded(options.retention_policy);
    }
    target_v2_ = "/api/v2/write?precision=ns&org=" + percent_encoded(options.org) +
                 "&bucket=" + percent_encoded(options.bucket);
    const std::string common =
        "Content-Type: text/plain; charset=utf-8\r\nContent-Encoding: gzip\r\n";
    fields_v1_ = fields_v2_ = common;
    fields_v1_ += basic_authorization(options.username, options.password);
    if (!options.token.empty()) fields_v2_ += "Authorization: Token " + options.token + "\r\n";
    forget_version();
  }

  Verdict send(const Part& part) override {
    if (!pack(part.text(), packed_)) return {.kind = Kind::kRetry, .reason = Reason::kBusy};
    auto answer = post();
    // InfluxDB 2 says in JSON that a bucket is missing; a server of version 1, in plain text, that
    // there is no such path.
    if (answer && answer->status == 404 && version_ == 0 &&
        answer->body.find("\"code\"") == std::string::npos) {
      version_ = 1;
      answer = post();
    }
    if (!answer) {
      forget_version();
      const auto& failure = answer.error();
      return {.kind = Kind::kRetry,
              .reason = reason_of(failure.error),
              .maybe_taken = failure.request_sent};
    }
    const auto verdict = read_influx_answer(answer->status, answer->body, answer->retry_after);
    if (verdict.kind == Kind::kTaken && version_ == 0) version_ = 2;
    if (verdict.reason == Reason::kMissing) forget_version();
    return verdict;
  }

  void stop_by(Nanos monotonic_ns) override { caller_->stop_by(monotonic_ns); }

 private:
  std::expected<HttpAnswer, HttpFailure> post() {
    const bool first = version_ == 1;
    return caller_->post(first ? target_v1_ : target_v2_, first ? fields_v1_ : fields_v2_, packed_,
                         options_.timeout_ns);
  }
  // Another server may stand there when it is back. Without a bucket there is only one version.
  void forget_version() {
    version_ = options_.version != 0 ? options_.version : options_.bucket.empty() ? 1 : 0;
  }

  const InfluxOptions options_;
  const std::unique_ptr<HttpCaller> caller_;
  std::string target_v1_, target_v2_, fields_v1_, fields_v2_;
  int version_ = 0;  // 0: not known yet, asked for by version 2
  std::string packed_;
};

}  // namespace

Verdict read_influx_answer(int status, std::string_view body, std::string_view retry_after) {
  Verdict verdict;
  verdict.retry_after_ns = pause_asked(retry_after);
  const auto is = [&](Kind kind, Reason reason) {
    verdict.kind = kind;
    verdict.reason = reason;
    return verdict;
  };
  if (status == 204) return is(Kind::kTaken, Reason::kRejected);
  if (status == 400 || status == 422) {
    if (body.find("partial write") == std::string_view::npos) {
      return is(Kind::kInvalid, Reason::kRejected);
    }
    verdict.dropped = dropped_of(body);
    return is(Kind::kTaken, Reason::kRejected);
  }
  if (status == 404) return is(Kind::kRetry, Reason::kMissing);
  const auto reason = reason_of_status(status);
  return is(reason == Reason::kTooLarge ? Kind::kSplit : Kind::kRetry, reason);
}

Result<std::unique_ptr<Sink>> make_influx(const InfluxOptions& options, const Clock& clock) {
  SG_ASSIGN(auto caller, HttpCaller::make(options.addr, options.ca_file, clock));
  return std::make_unique<Influx>(options, std::move(caller));
}

}  // namespace sightglass::exporting
