#include "control/registry.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <thread>

#include "control/client_rules.h"
#include "control/client_table.h"

namespace sightglass::control {
namespace {

constexpr std::size_t kMostWaiting = 64;

class Owner final : public Registry {
 public:
  Owner(Options options, const Clock& clock, Random& random, ClientTable table)
      : configured_(std::move(options.configured)),
        clock_(clock),
        random_(random),
        table_(std::move(table)) {}

  ~Owner() override {
    {
      const std::scoped_lock lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  Status begin() {
    SG_ASSIGN(auto read, table_.read());
    clients_ = std::make_shared<const Clients>(std::move(read));
    thread_ = std::thread([this] { work(); });
    return {};
  }

  std::shared_ptr<const Clients> clients() const override {
    const std::scoped_lock lock(mutex_);
    return clients_;
  }

  void listen(std::function<void(std::shared_ptr<const Clients>)> listener) override {
    const std::scoped_lock lock(listener_mutex_);
    listener_ = std::move(listener);
  }

  Result<Created> create(ClientRecord client, std::string key) override {
    return on_thread<Result<Created>>([&] { return do_create(std::move(client), std::move(key)); });
  }
  Result<Created> change(const std::string& id, ClientChange change) override {
    return on_thread<Result<Created>>([&] { return do_change(id, std::move(change)); });
  }
  Status remove(const std::string& id) override {
    return on_thread<Status>([&] { return do_remove(id); });
  }
  Status configure(Configured configured) override {
    return on_thread<Status>([&]() -> Status {
      configured_ = std::move(configured);
      tell(clients());
      return {};
    });
  }
  Result<Revision> revision() override {
    return on_thread<Result<Revision>>([&] { return table_.revision(); });
  }
  Status adopt(const SharedClients& state) override {
    return on_thread<Status>([&]() -> Status {
      SG_TRY(table_.adopt(state));
      return publish();
    });
  }
  bool revoke_soon(std::vector<Digest> keys) override {
    {
      const std::scoped_lock lock(mutex_);
      if (stopping_ || jobs_.size() >= kMostWaiting) return false;
      jobs_.emplace_back([this, keys = std::move(keys)] { (void)do_revoke(keys); });
    }
    wake_.notify_one();
    return true;
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
    wake_.notify_one();
    return done.get();
  }

  // Ends when it was told to and nothing waits any more.
  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      const auto job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      job();
      lock.lock();
    }
  }

  // Reads back what is stored now, and puts it in force.
  Status publish() {
    SG_ASSIGN(auto read, table_.read());
    auto next = std::make_shared<const Clients>(std::move(read));
    {
      const std::scoped_lock lock(mutex_);
      clients_ = next;
    }
    tell(std::move(next));
    return {};
  }

  void tell(std::shared_ptr<const Clients> clients) {
    const std::scoped_lock lock(listener_mutex_);
    if (listener_) listener_(std::move(clients));
  }

  // The key to use. Errors: kInvalid, kExists, kTooLarge.
  Result<Digest> take_key(std::string key, std::string& made) {
    SG_ASSIGN(const auto digest, choose_key(std::move(key), random_, made));
    SG_ASSIGN(const bool known, table_.knows_key(digest));
    if (known || configured_.keys.contains(digest)) return key_exists();
    SG_ASSIGN(const auto keys, table_.count_keys());
    SG_TRY(check_key_room(keys));
    return digest;
  }

  Result<Created> do_create(ClientRecord client, std::string key) {
    SG_TRY(check_client_id(client.id));
    SG_TRY(check_client(client));
    if (configured_.ids.contains(client.id) || clients()->find(client.id) != nullptr) {
      return client_exists(client.id);
    }
    SG_TRY(check_room(clients()->clients.size()));
    Created out;
    SG_ASSIGN(client.key, take_key(std::move(key), out.key));
    client.created_ns = clock_.wall_ns();
    SG_TRY(table_.insert(client));
    SG_TRY(publish());
    out.client = std::move(client);
    return out;
  }

  Result<Created> do_change(const std::string& id, ClientChange change) {
    const auto before = clients();
    const auto* found = before->find(id);
    if (found == nullptr) return no_such_client(id);
    auto client = *found;
    // An empty key is a mistake, no wish for one made here.
    if (change.key) SG_TRY(check_client_key(*change.key));
    const bool new_key = change.key || change.make_key;
    auto key = change.key.value_or("");
    SG_TRY(apply(std::move(change), client));
    Created out;
    if (new_key) {
      SG_ASSIGN(client.key, take_key(std::move(key), out.key));
    }
    SG_TRY(table_.update(*found, client, clock_.wall_ns()));
    SG_TRY(publish());
    out.client = std::move(client);
    return out;
  }

  Status do_remove(const std::string& id) {
    if (clients()->find(id) == nullptr) return no_such_client(id);
    SG_TRY(table_.remove(id, clock_.wall_ns()));
    return publish();
  }

  Status do_revoke(const std::vector<Digest>& keys) {
    const auto before = clients();
    bool changed = false;
    for (const auto& key : keys) {
      if (std::binary_search(before->revoked.begin(), before->revoked.end(), key)) continue;
      SG_ASSIGN(const bool known, table_.knows_key(key));
      SG_ASSIGN(const auto count, table_.count_keys());
      if (!known && count >= static_cast<std::int64_t>(kMaxKeys)) continue;
      SG_TRY(table_.revoke(key, clock_.wall_ns()));
      changed = true;
    }
    return changed ? publish() : Status();
  }

  Configured configured_;  // the thread's, after begin()
  const Clock& clock_;
  Random& random_;
  ClientTable table_;  // the thread's, after begin()
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;
  std::shared_ptr<const Clients> clients_;
  bool stopping_ = false;
  std::mutex listener_mutex_;
  std::function<void(std::shared_ptr<const Clients>)> listener_;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<Registry>> Registry::open(Options options, const Clock& clock,
                                                 Random& random) {
  SG_ASSIGN(auto table, ClientTable::open(options.path));
  // What is changed here alone is nothing that a registry's revision knows of: a gateway that comes
  // back to its registry is compared with it anew.
  if (!options.shared) SG_TRY(table.leave());
  auto owner = std::make_unique<Owner>(std::move(options), clock, random, std::move(table));
  SG_TRY(owner->begin());
  return owner;
}

}  // namespace sightglass::control
