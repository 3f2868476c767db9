#include "redis/cancels.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "redis/stream.h"

namespace sightglass::redis {
namespace {

constexpr Nanos kPatience = 10 * kSecond;  // longer than Redis waits
constexpr std::string_view kWaitMs = "5000";
constexpr std::string_view kStreamKeepsMs = "60000";
constexpr std::size_t kMostOpen = 64;
constexpr std::size_t kLongestText = 128;
constexpr std::string_view kResults[] = {"ended", "not_found", "unanswered", "undelivered"};

bool is_word(std::string_view text) {
  return !text.empty() && text.size() <= kLongestText && is_visible_ascii(text);
}

// "cancel" request "by" gateway "call" number, or "ended" count "by" gateway "call" number.
bool read_word(const std::vector<Reply>& fields, CancelWord& out) {
  if (fields.size() != 6 || !fields[2].is_text("by") || !fields[4].is_text("call")) return false;
  const auto call = parse_int(fields[5].text);
  if (!call || *call < 0 || !is_word(fields[3].text) || !is_word(fields[1].text)) {
    return false;
  }
  out.call = *call;
  out.gateway = fields[3].text;
  out.is_answer = fields[0].is_text("ended");
  if (!out.is_answer) {
    out.request_id = fields[1].text;
    return fields[0].is_text("cancel");
  }
  const auto ended = parse_int(fields[1].text);
  if (!ended || *ended < 0) return false;
  out.ended = *ended;
  return true;
}

}  // namespace

bool read_cancels(const Reply& reply, std::string& last, std::vector<CancelWord>& out,
                  std::size_t& nonsense) {
  return read_entries(reply, last, [&](const std::vector<Reply>& fields) {
    CancelWord word;
    if (read_word(fields, word)) {
      out.push_back(std::move(word));
    } else {
      ++nonsense;
    }
  });
}

Cancels::Cancels(Memory& memory, net::Loop& loop, std::string gateway, Serve serve,
                 Nanos answer_within_ns)
    : loop_(loop),
      prefix_(memory.prefix + "cancel:"),
      gateway_(std::move(gateway)),
      serve_(std::move(serve)),
      answer_within_ns_(answer_within_ns),
      patient_(memory.options.with_patience(kPatience)),
      writing_(memory.options.with_patience(kSecond)),
      served_(memory.telemetry.counter(
          "sightglass_redis_cancels_served_total",
          "Requests of this gateway that another one ended, by its administrator's wish.")),
      nonsense_(memory.telemetry.counter(
          "sightglass_redis_cancels_nonsense_total",
          "Entries among the wishes to end requests that cannot be read.")),
      reader_(loop, patient_, {}, nullptr, memory.telemetry,
              [this](const Link::Greeting& greeting) {
                // From now on, by Redis' clock; after a break, from where it broke.
                if (std::exchange(run_id_, greeting.run_id) != greeting.run_id) {
                  last_ = std::to_string(greeting.now_ns / kMillisecond - 1) + "-0";
                }
                read();
              }),
      writer_(loop, writing_, {}, nullptr, memory.telemetry, [](const Link::Greeting&) {}),
      next_call_(memory.clock.wall_ns() / kMicrosecond) {  // no earlier process' answer is ours
  for (std::size_t i = 0; i < outcomes_.size(); ++i) {
    outcomes_[i] = &memory.telemetry.counter(
        "sightglass_redis_cancels_total",
        "Requests that other gateways were asked to end, by what came of it.",
        {{"result", std::string(kResults[i])}});
  }
}

void Cancels::start() {
  reader_.start();
  writer_.start();
}

void Cancels::read() {
  if (!reader_.ready()) return;
  reader_.send({"XREAD", "COUNT", "100", "BLOCK", kWaitMs, "STREAMS", stream_of(gateway_), last_},
               [this](const Reply* reply) { on_read(reply); });
}

void Cancels::on_read(const Reply* reply) {
  if (reply == nullptr) return;  // the next greeting reads on
  std::vector<CancelWord> words;
  std::size_t nonsense = 0;
  if (!read_cancels(*reply, last_, words, nonsense)) return reader_.distrust();
  nonsense_.add(nonsense);
  for (const auto& word : words) word.is_answer ? learn(word) : serve(word);
  read();
}

void Cancels::serve(const CancelWord& word) {
  const auto ended = serve_(word.request_id, word.gateway);
  served_.add(ended);
  const auto count = std::to_string(ended), call = std::to_string(word.call);
  // Without a link the asker waits in vain, and says so.
  if (writer_.ready()) send(word.gateway, {"ended", count, "by", gateway_, "call", call}, {});
}

void Cancels::learn(const CancelWord& word) {
  const auto found = open_.find(word.call);
  if (found == open_.end()) return;  // it came too late
  found->second.silent.erase(word.gateway);
  if (word.ended > 0) return finish(word.call, CancelOutcome::Kind::kEnded, word.gateway);
  if (found->second.silent.empty()) finish(word.call, CancelOutcome::Kind::kNotFound);
}

void Cancels::ask(const std::string& request_id, const std::vector<std::string>& gateways,
                  Done done) {
  const auto call = next_call_++;
  auto& question = open_[call];
  question.done = std::move(done);
  question.silent.insert(gateways.begin(), gateways.end());
  if (gateways.empty()) return finish(call, CancelOutcome::Kind::kNotFound);
  if (!ready() || open_.size() > kMostOpen) {
    return finish(call, CancelOutcome::Kind::kUndelivered);
  }
  question.patience = std::make_unique<net::Timer>(
      loop_, [this, call] { finish(call, CancelOutcome::Kind::kUnanswered); });
  question.patience->arm(answer_within_ns_);
  const auto number = std::to_string(call);
  for (const auto& gateway : gateways) {
    send(gateway, {"cancel", request_id, "by", gateway_, "call", number},
         [this, call](const Reply* reply) {
           if (reply == nullptr) finish(call, CancelOutcome::Kind::kUndelivered);
         });
  }
}

void Cancels::send(const std::string& to, const std::vector<std::string_view>& fields,
                   Link::Done done) {
  const auto stream = stream_of(to);
  std::vector<std::string_view> command{"XADD", stream, "MAXLEN", "~", "1000", "*"};
  command.insert(command.end(), fields.begin(), fields.end());
  writer_.send(command, done ? std::move(done) : [](const Reply*) {});
  writer_.send({"PEXPIRE", stream, kStreamKeepsMs}, [](const Reply*) {});
}

void Cancels::finish(std::int64_t call, CancelOutcome::Kind kind, const std::string& gateway) {
  const auto found = open_.find(call);
  if (found == open_.end()) return;
  CancelOutcome outcome{kind, gateway, {}};
  outcome.silent.assign(found->second.silent.begin(), found->second.silent.end());
  auto question = std::move(found->second);  // its timer may be what calls
  open_.erase(found);
  outcomes_[static_cast<std::size_t>(kind)]->add();
  question.done(std::move(outcome));
}

}  // namespace sightglass::redis
