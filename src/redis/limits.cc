#include "redis/limits.h"

#include <algorithm>
#include <utility>

namespace sightglass::redis {
namespace {

constexpr Nanos kTend = kSecond;
constexpr Nanos kTellWithin = 10 * kMillisecond;  // what the next question says anyway, most often
constexpr std::size_t kToldAtOnce = 16;           // so that an answer is still quick

std::string where(const Options& options) {
  return options.host + ":" + std::to_string(options.port);
}

}  // namespace

Memory::Memory(Options chosen, std::string key_prefix, std::string gateway_id,
               control::Limiter& limits, const Clock& wall, Telemetry& instruments, Log& log)
    : options(std::move(chosen)),
      prefix(std::move(key_prefix)),
      gateway(std::move(gateway_id)),
      limiter(limits),
      clock(wall),
      telemetry(instruments),
      health(where(options), wall, instruments, log) {}

std::pair<std::uint64_t, bool> Memory::remember(const std::string& run_id) {
  const std::scoped_lock lock(mutex_);
  if (run_id == run_id_) return {number_, false};
  run_id_ = run_id;
  return {++number_, true};
}

Limits::Limits(Memory& memory, net::Loop& loop, std::size_t worker, Post post)
    : memory_(memory),
      worker_(worker),
      post_(std::move(post)),
      link_(loop, memory.options, admission_script(), &memory.health, memory.telemetry,
            [this](const Link::Greeting& greeting) { on_ready(greeting); }),
      tend_(loop, [this] { tend(); }),
      tell_(loop, [this] {
        for (const auto& account : std::exchange(changed_, {})) pump(account);
      }) {}

void Limits::start() {
  link_.start();
  tend_.arm(kTend);
}

void Limits::admit(const AccountPtr& account, control::Waiting waiting) {
  waiting.worker = worker_;
  const auto done = waiting.done;
  if (auto refusal = account->join(std::move(waiting), wall_ns())) return done(refusal);
  pump(account);
}

void Limits::tell(const AccountPtr& account) {
  if (changed_.empty() || changed_.back() != account) changed_.push_back(account);
  if (!tell_.armed()) tell_.arm(kTellWithin);
}

void Limits::pump(const AccountPtr& account) {
  if (!link_.ready()) return deliver_alone(account->decide_alone(wall_ns()));
  auto question = account->next_question(number_, wall_ns());
  if (question) ask(account, std::move(*question));
}

void Limits::ask(const AccountPtr& account, control::UseQuestion question) {
  const Admission command(script_, memory_.prefix, memory_.gateway, account->client_id(), question);
  const auto shared = std::make_shared<control::UseQuestion>(std::move(question));
  link_.send(command.words(), [this, account, shared, asked_ns = wall_ns()](const Reply* reply) {
    on_answer(account, std::move(*shared), asked_ns, reply);
  });
}

// Redis read its clock between the question and now. What that leaves open stays as it was.
void Limits::follow_clock(Nanos redis_ns, Nanos asked_ns) {
  const auto before = memory_.limiter.clock_ahead_ns();
  const auto ahead =
      std::clamp(before, redis_ns - wall_ns(), std::max(redis_ns - asked_ns, redis_ns - wall_ns()));
  if (ahead != before) memory_.limiter.follow_clock(ahead);
}

void Limits::on_answer(const AccountPtr& account, control::UseQuestion question, Nanos asked_ns,
                       const Reply* reply) {
  auto answer = reply == nullptr ? std::nullopt : read_answer(*reply, question.waiting.size());
  if (!answer) {
    deliver_alone(account->unanswered(std::move(question), wall_ns()));
    if (reply != nullptr) link_.distrust();
    return;
  }
  if (answer->now_ns != 0) follow_clock(answer->now_ns, asked_ns);
  deliver(account->answered(std::move(question), std::move(*answer), wall_ns()));
  pump(account);
  go_on_telling();
}

void Limits::on_ready(const Link::Greeting& greeting) {
  script_ = greeting.script;
  follow_clock(greeting.now_ns, greeting.asked_ns);
  const auto [number, is_new] = memory_.remember(greeting.run_id);
  number_ = number;
  // It may know nothing any more: whoever finds that first says again what each client used.
  if (is_new) {
    const auto all = memory_.limiter.accounts();
    to_tell_.assign(all.begin(), all.end());
    go_on_telling();
  }
}

void Limits::go_on_telling() {
  while (!to_tell_.empty() && link_.ready() && link_.on_their_way() < kToldAtOnce) {
    const auto account = std::move(to_tell_.front());
    to_tell_.pop_front();
    pump(account);
  }
}

// Renews what runs, tells what changed without an occasion, and keeps the link's state known.
void Limits::tend() {
  tend_.arm(kTend);
  if (!link_.ready()) return;
  if (link_.on_their_way() == 0) link_.send({"PING"}, [](const Reply*) {});
  if (!to_tell_.empty()) return go_on_telling();
  const auto all = memory_.limiter.accounts();
  to_tell_.assign(all.begin(), all.end());
  go_on_telling();
}

void Limits::deliver(std::vector<control::Account::Decided> decided) {
  for (auto& one : decided) {
    const auto worker = one.waiting.worker;
    if (worker == worker_) {
      one.waiting.done(one.refusal);
    } else {
      post_(worker, [done = std::move(one.waiting.done), refusal = one.refusal] { done(refusal); });
    }
  }
}

void Limits::deliver_alone(std::vector<control::Account::Decided> decided) {
  std::uint64_t refused = 0;
  for (const auto& one : decided) refused += one.refusal ? 1 : 0;
  if (!decided.empty()) memory_.health.admitted_alone(decided.size() - refused, refused);
  deliver(std::move(decided));
}

}  // namespace sightglass::redis
