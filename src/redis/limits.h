// Limits shared between gateways over Redis, as the requests of one I/O worker see them.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "control/limiter.h"
#include "net/loop.h"
#include "redis/link.h"
#include "redis/script.h"

namespace sightglass::redis {

// What the workers of one gateway share.
class Memory {
 public:
  Memory(Options options, std::string prefix, std::string gateway, control::Limiter& limiter,
         const Clock& clock, Telemetry& telemetry, Log& log);

  // A number for what Redis remembers: another one after it has started anew. Second: it has.
  std::pair<std::uint64_t, bool> remember(const std::string& run_id);

  const Options options;
  const std::string prefix, gateway;
  control::Limiter& limiter;
  const Clock& clock;
  Telemetry& telemetry;
  Health health;

 private:
  std::mutex mutex_;
  std::string run_id_;
  std::uint64_t number_ = 0;
};

// Each worker has a link of its own, so that a request that stands alone waits for one round trip
// and no other thread. Of one client one question is on its way at a time, whichever worker asks.
//
// Ownership: everything passed in outlives it. Threads: its loop's; made and destroyed while no
// loop runs.
class Limits final : public control::SharedLimits {
 public:
  // `post(worker, task)` runs the task on that worker's thread.
  using Post = std::function<void(std::size_t, std::function<void()>)>;
  Limits(Memory& memory, net::Loop& loop, std::size_t worker, Post post);

  void start();
  void admit(const std::shared_ptr<control::Account>& account, control::Waiting waiting) override;
  void tell(const std::shared_ptr<control::Account>& account) override;  // within some 20 ms
  std::size_t worker() const override { return worker_; }

 private:
  using AccountPtr = std::shared_ptr<control::Account>;
  void pump(const AccountPtr& account);
  void ask(const AccountPtr& account, control::UseQuestion question);
  void on_answer(const AccountPtr& account, control::UseQuestion question, Nanos asked_ns,
                 const Reply* reply);
  void follow_clock(Nanos redis_ns, Nanos asked_ns);
  void on_ready(const Link::Greeting& greeting);
  void go_on_telling();
  void tend();
  void deliver(std::vector<control::Account::Decided> decided);
  void deliver_alone(std::vector<control::Account::Decided> decided);
  Nanos wall_ns() const { return memory_.clock.wall_ns(); }

  Memory& memory_;
  const std::size_t worker_;
  const Post post_;
  Link link_;
  net::Timer tend_;
  std::string script_;
  std::uint64_t number_ = 0;  // Memory's, as of this link's greeting
  std::deque<AccountPtr> to_tell_;
  net::Timer tell_;
  std::vector<AccountPtr> changed_;
};

}  // namespace sightglass::redis
