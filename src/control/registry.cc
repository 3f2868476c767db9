#include "control/registry.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <thread>

#include "control/client_table.h"

namespace sightglass::control {
namespace {

constexpr std::size_t kMostWaiting = 64;

std::unexpected<Error> no_such_client(const std::string& id) {
  return fail(Code::kNotFound,
              "there is no client \"" + id + "\"; GET /admin/v1/clients lists all");
}

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

  // The key to use and its digest. Errors: kInvalid, kExists.
  Result<Digest> take_key(std::string& key, std::string& made) {
    if (key.empty()) {
      made = "sg_" + random_hex(random_, 24);
      key = made;
    }
    SG_TRY(check_client_key(key));
    const auto digest = sha256(key);
    SG_ASSIGN(const bool known, table_.knows_key(digest));
    if (known || configured_.keys.contains(digest)) {
      return fail(Code::kExists, "this api_key is or was another client's; choose a new one");
    }
    SG_ASSIGN(const auto keys, table_.count_keys());
    if (keys >= static_cast<std::int64_t>(kMaxKeys)) {
      return fail(Code::kTooLarge,
                  "100,000 keys were made here, revoked ones included; no more fit");
    }
    return digest;
  }

  Result<Created> do_create(ClientRecord client, std::string key) {
    SG_TRY(check_client_id(client.id));
    SG_TRY(check_client(client));
    if (configured_.ids.contains(client.id) || clients()->find(client.id) != nullptr) {
      return fail(Code::kExists, "there is a client \"" + client.id +
                                     "\" already; choose another id, or change or delete that one");
    }
    if (clients()->clients.size() >= kMaxClients) {
      return fail(Code::kTooLarge, "there are 10,000 clients, which is the most; delete one first");
    }
    Created out;
    SG_ASSIGN(client.key, take_key(key, out.key));
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
    if (change.description) client.description = std::move(*change.description);
    if (change.allowed_providers) client.allowed_providers = std::move(*change.allowed_providers);
    if (change.allowed_models) client.allowed_models = std::move(*change.allowed_models);
    if (change.limits) client.limits = *change.limits;
    if (change.expires_ns) client.expires_ns = *change.expires_ns;
    SG_TRY(check_client(client));
    Created out;
    if (change.key || change.make_key) {
      auto key = change.key.value_or("");
      if (change.key) SG_TRY(check_client_key(key));
      SG_ASSIGN(client.key, take_key(key, out.key));
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
  auto owner = std::make_unique<Owner>(std::move(options), clock, random, std::move(table));
  SG_TRY(owner->begin());
  return owner;
}

}  // namespace sightglass::control
