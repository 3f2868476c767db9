#include "directory/shared_registry.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <thread>
#include <utility>

#include "control/client_rules.h"
#include "directory/clients_database.h"
#include "directory/sentences.h"

namespace sightglass::directory {
namespace {

using control::ClientChange;
using control::ClientRecord;
using control::Clients;
using control::Revision;
using exporting::PgFailure;
using exporting::Reason;

using Wanted = Result<std::optional<ClientRecord>>;

constexpr std::size_t kMostWaiting = 16;
constexpr Nanos kFirstWord = 2 * kSecond;        // how long a start waits for it
constexpr Nanos kReconnect = 50 * kMillisecond;  // after a connection that broke
constexpr std::size_t kMostNamed = 5;            // ids in a sentence

bool ended_meanwhile(const PgFailure& failure) {
  return failure.reason == Reason::kReset || failure.code.starts_with("57P");
}

std::string named(const std::vector<std::string>& ids) {
  std::string out;
  for (std::size_t i = 0; i < std::min(ids.size(), kMostNamed); ++i) {
    out.append(i == 0 ? "\"" : ", \"").append(ids[i]).append("\"");
  }
  if (ids.size() > kMostNamed) {
    out.append(" and ").append(std::to_string(ids.size() - kMostNamed)).append(" others");
  }
  return out;
}

class Shared final : public SharedRegistry {
 public:
  Shared(Options options, std::unique_ptr<control::Registry> copy,
         std::unique_ptr<ClientsDatabase> database, Revision have, const Clock& clock,
         Random& random, Telemetry& telemetry, Log& log)
      : timeout_ns_(options.link.timeout_ns),
        poll_ns_(options.poll_ns),
        copy_(std::move(copy)),
        database_(std::move(database)),
        clock_(clock),
        random_(random),
        telemetry_(telemetry),
        log_(log),
        have_(std::move(have)),
        configured_(std::move(options.configured)),
        heard_ns_(clock.monotonic_ns()),
        revision_(have_.number) {
    telemetry.gauge_function("sightglass_registry_up",
                             "1 while the clients' registry answers and takes changes.",
                             Telemetry::Kind::kGauge, [this] { return up_.load() ? 1.0 : 0.0; });
    telemetry.gauge_function("sightglass_registry_age_seconds",
                             "Since the clients known here were seen to be those of the registry.",
                             Telemetry::Kind::kGauge,
                             [this] { return static_cast<double>(age_ns()) / 1e9; });
    telemetry.gauge_function(
        "sightglass_registry_revision", "Number of the registry's last change that is known here.",
        Telemetry::Kind::kGauge, [this] { return static_cast<double>(revision_.load()); });
  }

  ~Shared() override {
    {
      const std::scoped_lock lock(mutex_);
      stopping_ = true;
    }
    database_->link().stop_by(clock_.monotonic_ns());
    database_->link().wake();
    if (thread_.joinable()) thread_.join();
  }

  void begin() {
    thread_ = std::thread([this] { work(); });
    pthread_setname_np(thread_.native_handle(), "sg-clients");
    std::unique_lock lock(mutex_);
    const auto within = std::chrono::nanoseconds(std::min(kFirstWord, timeout_ns_));
    first_word_.wait_for(lock, within, [this] { return followed_; });
  }

  std::shared_ptr<const Clients> clients() const override { return copy_->clients(); }
  void listen(std::function<void(std::shared_ptr<const Clients>)> listener) override {
    const bool any = listener != nullptr;
    copy_->listen(std::move(listener));
    // What came in before there was a listener is told now.
    if (!any) return;
    auto configured = [this] {
      const std::scoped_lock lock(mutex_);
      return configured_;
    }();
    (void)copy_->configure(std::move(configured));
  }
  Status configure(Configured configured) override {
    SG_TRY(copy_->configure(configured));
    const std::scoped_lock lock(mutex_);
    configured_ = std::move(configured);
    return {};
  }
  bool revoke_soon(std::vector<Digest> keys) override {
    return copy_->revoke_soon(std::move(keys));
  }
  Result<Revision> revision() override { return copy_->revision(); }
  Status adopt(const control::SharedClients& state) override { return copy_->adopt(state); }

  Result<Created> create(ClientRecord client, std::string key) override {
    return on_thread<Result<Created>>([&] { return do_create(std::move(client), std::move(key)); });
  }
  Result<Created> change(const std::string& id, ClientChange change) override {
    return on_thread<Result<Created>>([&] { return do_change(id, std::move(change)); });
  }
  Status remove(const std::string& id) override {
    return on_thread<Status>([&] { return do_remove(id); });
  }

  State state() const override {
    const std::scoped_lock lock(mutex_);
    auto out = state_;
    out.revision = revision_.load();
    out.age_ns = age_ns();
    return out;
  }

 private:
  template <typename R>
  R on_thread(std::function<R()> task) {
    auto job = std::make_shared<std::packaged_task<R()>>(std::move(task));
    auto done = job->get_future();
    {
      const std::scoped_lock lock(mutex_);
      if (stopping_) return fail(Code::kUnavailable, "the server is stopping; try again later");
      if (jobs_.size() >= kMostWaiting) {
        return fail(Code::kBusy, "too many changes of clients at once; try again in a second");
      }
      jobs_.push_back([job] { (*job)(); });
    }
    database_->link().wake();
    return done.get();
  }

  void work();
  bool next_job(std::function<void()>& job);
  bool stopping() const {
    const std::scoped_lock lock(mutex_);
    return stopping_;
  }
  bool finished() const {
    const std::scoped_lock lock(mutex_);
    return stopping_ && jobs_.empty();
  }
  Nanos age_ns() const { return clock_.monotonic_ns() - heard_ns_.load(); }

  // ---- following
  bool follow();
  ClientsDatabase::Outcome<void> take_over();
  ClientsDatabase::Outcome<ClientsDatabase::Read> join_or_read(const Revision& there);
  Status keep(const ClientsDatabase::Read& read);
  void well(bool read_only);
  void trouble(std::string_view reason, const std::string& problem);
  void trouble(const PgFailure& failure);
  void begin_budget() { database_->link().finish_by(clock_.monotonic_ns() + timeout_ns_); }

  // ---- changing
  Result<Created> do_create(ClientRecord client, std::string key);
  Result<Created> do_change(const std::string& id, ClientChange change);
  Status do_remove(const std::string& id);
  Status check_configured(const std::string& id, const Digest& key) const;
  Status write(const std::string& id, const std::optional<Digest>& key,
               const ClientsDatabase::Decide& decide);
  Status commit_failed(const PgFailure& failure);
  std::unexpected<Error> unavailable(std::string_view result, const std::string& sentence);
  Status settled_well();
  std::unexpected<Error> away();
  void count(std::string_view result) {
    telemetry_
        .counter("sightglass_registry_changes_total",
                 "Changes of clients that this gateway asked the registry for.",
                 {{"result", std::string(result)}})
        .add();
  }

  const Nanos timeout_ns_, poll_ns_;
  const std::unique_ptr<control::Registry> copy_;
  const std::unique_ptr<ClientsDatabase> database_;
  const Clock& clock_;
  Random& random_;
  Telemetry& telemetry_;
  Log& log_;
  Revision have_;             // the thread's
  bool joined_ = true;        // the thread's; false: conflicts keep it out
  Revision disagreed_at_;     // the thread's; so long as it is this, nothing is asked again
  std::string disagreement_;  // the thread's

  mutable std::mutex mutex_;
  std::condition_variable first_word_;
  std::deque<std::function<void()>> jobs_;
  Configured configured_;
  State state_;
  bool followed_ = false;
  bool stopping_ = false;

  std::atomic<bool> up_{false};
  std::atomic<Nanos> heard_ns_;  // monotonic
  std::atomic<std::int64_t> revision_;
  std::thread thread_;
};

// ---- the thread ---------------------------------------------------------------------------------

bool Shared::next_job(std::function<void()>& job) {
  const std::scoped_lock lock(mutex_);
  if (jobs_.empty()) return false;
  job = std::move(jobs_.front());
  jobs_.pop_front();
  return true;
}

// Ends when it was told to and nothing waits any more.
void Shared::work() {
  auto& link = database_->link();
  Nanos next = clock_.monotonic_ns();
  while (true) {
    if (clock_.monotonic_ns() >= next && !stopping()) {
      (void)follow();
      next = clock_.monotonic_ns() + poll_ns_;
    }
    for (std::function<void()> job; next_job(job);) job();
    if (finished()) return;
    link.finish_by(0);
    const auto noted = link.rest(next - clock_.monotonic_ns());
    if (noted && !*noted) continue;
    next = clock_.monotonic_ns();
    if (noted) continue;  // a change elsewhere
    link.close();
    next += kReconnect;
  }
}

// ---- following ----------------------------------------------------------------------------------

bool Shared::follow() {
  begin_budget();
  auto done = take_over();
  if (!done && ended_meanwhile(done.error())) {
    database_->link().close();
    done = take_over();
  }
  if (!done) {
    database_->link().close();
    if (done.error().reason != Reason::kCancelled) trouble(done.error());
  }
  {
    const std::scoped_lock lock(mutex_);
    followed_ = true;
  }
  first_word_.notify_all();
  return done.has_value();
}

ClientsDatabase::Outcome<void> Shared::take_over() {
  if (!database_->link().is_open()) {
    if (auto opened = database_->open(); !opened) return opened;
  }
  auto head = database_->head();
  if (head && !head->read_only && !database_->listens()) {
    if (auto listening = database_->listen(); !listening) return listening;
    head = database_->head();  // what came before is not told of
  }
  if (!head) return std::unexpected(head.error());
  if (!joined_ && head->at == disagreed_at_) {
    trouble("conflict", disagreement_);
    return {};
  }
  // A standby that has not come so far yet is no news.
  const bool behind =
      head->read_only && head->at.registry == have_.registry && head->at.number < have_.number;
  if (behind) {
    well(true);
    return {};
  }
  if (head->at != have_) {
    auto read = join_or_read(head->at);
    if (!read) return std::unexpected(std::move(read).error());
    if (!joined_) return {};
    if (const auto kept = keep(*read); !kept) {
      trouble(code_name(kept.error().code), kept.error().message);
      return {};
    }
  }
  heard_ns_ = clock_.monotonic_ns();
  well(head->read_only);
  return {};
}

// A copy of no registry, or of another one, holds clients that this one may not know.
ClientsDatabase::Outcome<ClientsDatabase::Read> Shared::join_or_read(const Revision& there) {
  const auto here = copy_->clients();
  const bool nothing = here->clients.empty() && here->revoked.empty();
  if (have_.registry == there.registry || nothing) {
    joined_ = true;
    return database_->read(have_);
  }
  auto joined = database_->join(*here, clock_.wall_ns());
  if (!joined) return std::unexpected(std::move(joined).error());
  joined_ = joined->conflicts.empty();
  if (!joined_) {
    disagreed_at_ = joined->read.state.at;
    disagreement_ =
        "the registry and this gateway disagree on the clients " + named(joined->conflicts) +
        " (another key, or one revoked here only), so this gateway goes on with its own; start it "
        "without storage.clients, delete or change them there, and start it with storage.clients "
        "again";
    trouble("conflict", disagreement_);
  } else if (joined->added > 0) {
    log_.info("clients", std::to_string(joined->added) +
                             " clients that were made on this gateway are in the registry now");
  }
  return std::move(joined->read);
}

Status Shared::keep(const ClientsDatabase::Read& read) {
  if (const auto kept = copy_->adopt(read.state); !kept) {
    return fail("the registry's clients cannot be kept here", kept.error());
  }
  have_ = read.state.at;
  revision_ = have_.number;
  const std::scoped_lock lock(mutex_);
  state_.unreadable = static_cast<std::int64_t>(read.unreadable);
  return {};
}

void Shared::well(bool read_only) {
  if (read_only) {
    return trouble(
        exporting::reason_name(Reason::kReadOnly),
        "PostgreSQL with the clients' registry: " + std::string(sentence_of(Reason::kReadOnly)) +
            "; clients can be read but not changed");
  }
  up_ = true;
  const std::scoped_lock lock(mutex_);
  if (!state_.problem.empty()) log_.info("clients", "the clients' registry answers again");
  state_.problem.clear();
  state_.reason = {};
}

// The log says it once.
void Shared::trouble(std::string_view reason, const std::string& problem) {
  up_ = false;
  const std::scoped_lock lock(mutex_);
  if (state_.problem != problem) log_.warn("clients", problem);
  state_.problem = problem;
  state_.reason = reason;
}

void Shared::trouble(const PgFailure& failure) {
  const auto reason = exporting::reason_name(failure.reason);
  telemetry_
      .counter("sightglass_registry_errors_total", "Failed attempts to ask the clients' registry.",
               {{"reason", std::string(reason)}})
      .add();
  std::string problem = "PostgreSQL with the clients' registry";
  if (!failure.code.empty()) problem += " (SQLSTATE " + failure.code + ")";
  problem += ": ";
  problem += sentence_of(failure.reason);
  trouble(reason, problem + "; requests go on with the clients that are known here");
}

// ---- changing -----------------------------------------------------------------------------------

std::unexpected<Error> Shared::unavailable(std::string_view result, const std::string& sentence) {
  count(result);
  return fail(Code::kUnavailable, sentence);
}

// Whoever asks is told so at once, and does not wait for another attempt.
std::unexpected<Error> Shared::away() {
  auto problem = state().problem;
  if (problem.empty()) problem = "the clients' registry has not answered yet";
  return unavailable("unavailable", problem + "; nothing was changed, try again later");
}

// What this gateway's configuration file names cannot be given away by it.
Status Shared::check_configured(const std::string& id, const Digest& key) const {
  const std::scoped_lock lock(mutex_);
  if (configured_.ids.contains(id)) return control::client_exists(id);
  if (configured_.keys.contains(key)) return control::key_exists();
  return {};
}

Result<control::Registry::Created> Shared::do_create(ClientRecord client, std::string key) {
  SG_TRY(control::check_client_id(client.id));
  SG_TRY(control::check_client(client));
  Created out;
  SG_ASSIGN(client.key, control::choose_key(std::move(key), random_, out.key));
  SG_TRY(check_configured(client.id, client.key));
  client.created_ns = clock_.wall_ns();
  const auto decide = [&](const ClientsDatabase::Current& now) -> Wanted {
    if (now.present) return control::client_exists(client.id);
    SG_TRY(control::check_room(now.clients));
    if (now.key_known) return control::key_exists();
    SG_TRY(control::check_key_room(now.keys));
    return client;
  };
  SG_TRY(write(client.id, client.key, decide));
  out.client = std::move(client);
  return out;
}

Result<control::Registry::Created> Shared::do_change(const std::string& id, ClientChange change) {
  Created out;
  std::optional<Digest> key;
  if (change.key) SG_TRY(control::check_client_key(*change.key));
  if (change.key || change.make_key) {
    SG_ASSIGN(key, control::choose_key(change.key.value_or(""), random_, out.key));
    SG_TRY(check_configured(id, *key));
  }
  const auto decide = [&](const ClientsDatabase::Current& now) -> Wanted {
    if (!now.present) return control::no_such_client(id);
    if (!now.client || (change.seen && *change.seen != *now.client)) {
      return fail(Code::kExists, "client \"" + id +
                                     "\" was changed at the same time, perhaps over another "
                                     "gateway; look at it again, then repeat the change");
    }
    out.client = *now.client;
    SG_TRY(control::apply(change, out.client));
    if (key && now.key_known) return control::key_exists();
    if (key) SG_TRY(control::check_key_room(now.keys));
    if (key) out.client.key = *key;
    return out.client;
  };
  SG_TRY(write(id, key, decide));
  return out;
}

Status Shared::do_remove(const std::string& id) {
  return write(id, std::nullopt, [&](const ClientsDatabase::Current& now) -> Wanted {
    if (!now.present) return control::no_such_client(id);
    return std::nullopt;
  });
}

Status Shared::write(const std::string& id, const std::optional<Digest>& key,
                     const ClientsDatabase::Decide& decide) {
  if (!up_) return away();
  begin_budget();
  const auto attempt = [&]() -> ClientsDatabase::Outcome<ClientsDatabase::Written> {
    if (!database_->link().is_open()) {
      if (auto opened = database_->open(); !opened) return std::unexpected(opened.error());
    }
    auto done = database_->write(id, key, decide, have_, clock_.wall_ns());
    if (!done) database_->link().close();  // which also ends a transaction
    return done;
  };
  auto done = attempt();
  // A connection that ended while nothing was asked is nobody's fault.
  if (!done && !database_->uncertain() && ended_meanwhile(done.error())) done = attempt();
  if (!done) return commit_failed(done.error());
  if (!done->decided) {
    count("refused");
    return std::move(done->decided);
  }
  count("done");
  heard_ns_ = clock_.monotonic_ns();
  if (const auto kept = keep(done->read); !kept) {
    trouble(code_name(kept.error().code), kept.error().message);
    return fail("the change stands in the registry, but is not in force here yet", kept.error());
  }
  return {};
}

// Where the answer to a commit was lost, a new connection is asked what became of it.
Status Shared::commit_failed(const PgFailure& failure) {
  if (database_->uncertain()) {
    begin_budget();
    const auto settled = database_->settle();
    if (!settled) {
      database_->link().close();
      trouble(failure);
      return unavailable("unknown",
                         "PostgreSQL did not answer to the last word of the change: it is made "
                         "whole or not at all, which is not known yet; look at the client when the "
                         "database is back, then repeat the change where it is not there");
    }
    if (*settled) return settled_well();
  }
  if (failure.reason == Reason::kCancelled) {
    return unavailable("unavailable", "the server is stopping; try again later");
  }
  trouble(failure);
  return away();
}

Status Shared::settled_well() {
  count("done");
  if (follow() && up_) return {};
  return fail(
      Code::kUnavailable,
      "the change stands in the registry, but is not in force here yet: " + state().problem);
}

}  // namespace

Result<std::unique_ptr<SharedRegistry>> SharedRegistry::open(
    Options options, std::unique_ptr<control::Registry> copy, const Clock& clock, Random& random,
    Telemetry& telemetry, Log& log) {
  SG_ASSIGN(auto database, ClientsDatabase::make(options.link, options.gateway, clock, random));
  SG_ASSIGN(auto have, copy->revision());
  auto shared = std::make_unique<Shared>(std::move(options), std::move(copy), std::move(database),
                                         std::move(have), clock, random, telemetry, log);
  shared->begin();
  return shared;
}

}  // namespace sightglass::directory
