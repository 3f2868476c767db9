#include "net/resolver.h"

#include <netdb.h>
#include <pthread.h>
#include <sys/socket.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

namespace sightglass::net {
namespace {
constexpr Nanos kKeepNs = 30 * kSecond;
constexpr Nanos kKeepFailureNs = kSecond;
constexpr std::size_t kMaxNames = 1024;
constexpr const char* kMetric = "sightglass_upstream_resolves_total";
constexpr const char* kHelp = "Questions to the resolver, by result.";
}  // namespace

struct Resolver::Thread {
  Lookup lookup;
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<std::string> questions;
  Resolver* owner = nullptr;  // null: the owner is gone; end

  // Each answer is posted under the mutex, so that none is posted once the owner has left.
  void run(Loop& loop) {
    std::unique_lock lock(mutex);
    for (;;) {
      wake.wait(lock, [&] { return owner == nullptr || !questions.empty(); });
      if (owner == nullptr) return;
      const auto host = std::move(questions.front());
      questions.pop_front();
      lock.unlock();
      auto addresses = lookup(host);
      lock.lock();
      if (owner == nullptr) return;
      loop.post([weak = std::weak_ptr(self), host, addresses = std::move(addresses)]() mutable {
        // The owner lives and dies on the loop's thread, so that it cannot leave meanwhile.
        const auto thread = weak.lock();
        if (thread && thread->owner) thread->owner->answer(host, std::move(addresses));
      });
    }
  }
  std::weak_ptr<Thread> self;
};

Resolver::Resolver(Loop& loop, Lookup lookup, Telemetry& telemetry)
    : loop_(loop),
      lookup_(lookup ? std::move(lookup) : system_lookup),
      resolved_(telemetry.counter(kMetric, kHelp, {{"result", "ok"}})),
      failed_(telemetry.counter(kMetric, kHelp, {{"result", "failed"}})),
      stale_(telemetry.counter(kMetric, kHelp, {{"result", "stale"}})) {}

Resolver::~Resolver() {
  if (!thread_) return;
  const std::lock_guard lock(thread_->mutex);
  thread_->owner = nullptr;
  thread_->wake.notify_all();
}

Addresses Resolver::resolve(const std::string& host, Done done) {
  if (entries_.size() >= kMaxNames && !entries_.contains(host)) forget_expired();
  const bool full = entries_.size() >= kMaxNames && !entries_.contains(host);
  if (full) {
    refuse_later(std::move(done));
    return nullptr;
  }
  auto& entry = entries_[host];
  if (loop_.now_ns() < entry.expires_ns) {
    if (!entry.addresses) refuse_later(std::move(done));
    return entry.addresses;
  }
  entry.waiting.push_back(std::move(done));
  if (std::exchange(entry.asking, true)) return nullptr;
  if (!thread_) {
    thread_ = std::make_shared<Thread>();
    thread_->lookup = lookup_;
    thread_->owner = this;
    thread_->self = thread_;
    std::thread thread([state = thread_, &loop = loop_] { state->run(loop); });
    pthread_setname_np(thread.native_handle(), "sg-resolve");
    thread.detach();
  }
  const std::lock_guard lock(thread_->mutex);
  thread_->questions.push_back(host);
  thread_->wake.notify_one();
  return nullptr;
}

void Resolver::refuse_later(Done done) {
  failed_.add();
  // Names are known, so there is a thread; its state says whether this object still lives.
  loop_.post([weak = std::weak_ptr(thread_), done = std::move(done)] {
    if (const auto thread = weak.lock(); thread && thread->owner) done(nullptr);
  });
}

void Resolver::answer(const std::string& host, std::vector<std::string> addresses) {
  auto& entry = entries_[host];
  entry.asking = false;
  entry.expires_ns = loop_.now_ns() + kKeepNs;
  if (!addresses.empty()) {
    resolved_.add();
    entry.addresses = std::make_shared<const std::vector<std::string>>(std::move(addresses));
  } else if (entry.addresses) {
    stale_.add();
  } else {
    failed_.add();
    entry.expires_ns = loop_.now_ns() + kKeepFailureNs;
  }
  const auto waiting = std::exchange(entry.waiting, {});
  const auto answer = entry.addresses;
  for (const auto& done : waiting) done(answer);
}

void Resolver::forget_expired() {
  std::erase_if(entries_, [&](const auto& item) {
    return !item.second.asking && item.second.expires_ns <= loop_.now_ns();
  });
}

std::vector<std::string> Resolver::system_lookup(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  std::vector<std::string> out;
  if (getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return out;
  for (const auto* one = found; one != nullptr && out.size() < 16; one = one->ai_next) {
    char text[NI_MAXHOST];
    if (getnameinfo(one->ai_addr, one->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) ==
        0) {
      out.emplace_back(text);
    }
  }
  freeaddrinfo(found);
  return out;
}

}  // namespace sightglass::net
