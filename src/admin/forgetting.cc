#include "admin/forgetting.h"

#include <algorithm>
#include <chrono>

#include "base/crc32c.h"

namespace sightglass::admin {
namespace {

constexpr std::string_view kMagic = "sgforget1";
constexpr std::size_t kMaxWaiting = 64;
constexpr std::size_t kMaxKept = 1000;
constexpr std::uint64_t kMaxFileBytes = 64u << 20;
constexpr Nanos kStep = 200 * kMillisecond;
constexpr Nanos kEngineStep = kSecond;  // between two questions to an engine
constexpr Nanos kRetry = 5 * kSecond;

}  // namespace

Forgetting::Forgetting(Parts parts)
    : parts_(std::move(parts)),
      done_(parts_.telemetry.counter("sightglass_forget_done_total",
                                     "Requests to forget somebody that are done.")),
      errors_(parts_.telemetry.counter("sightglass_forget_errors_total",
                                       "Steps of forgetting that failed and are tried again.")) {}

Result<std::unique_ptr<Forgetting>> Forgetting::open(Parts parts) {
  std::unique_ptr<Forgetting> out(new Forgetting(std::move(parts)));
  SG_TRY(out->read());
  return out;
}

// magic, then per request: string id, i64 asked, i64 done, u64 position, varint number of records,
// string payload each; u32 checksum of everything before.
Status Forgetting::write() {
  std::string text(kMagic);
  ByteWriter out(text);
  out.varint(requests_.size());
  for (const auto& request : requests_) {
    out.string(request.id);
    out.i64(request.asked_ns);
    out.i64(request.done_ns);
    out.u64(request.position);
    out.varint(request.texts.size());
    for (const auto& texts : request.texts) out.string(texts.encode());
  }
  out.u32(crc32c(text));
  return replace_file(parts_.fs, parts_.path, text);
}

Status Forgetting::read() {
  if (!parts_.fs.exists(parts_.path)) return {};
  SG_ASSIGN(const auto text, read_file(parts_.fs, parts_.path, kMaxFileBytes));
  const auto damaged = [&] {
    return fail(Code::kCorrupt, parts_.path +
                                    ": is damaged; move it away and repeat the requests to forget "
                                    "that were not done");
  };
  if (!text.starts_with(kMagic) || text.size() < kMagic.size() + 4) return damaged();
  ByteReader check(Bytes(text).substr(text.size() - 4));
  const auto body = Bytes(text).substr(0, text.size() - 4);
  if (check.u32() != crc32c(body)) return damaged();
  ByteReader in(body.substr(kMagic.size()));
  for (auto n = in.varint(); n > 0 && in.ok(); --n) {
    Request request;
    request.id = std::string(in.string());
    request.asked_ns = in.i64();
    request.done_ns = in.i64();
    request.position = in.u64();
    for (auto m = in.varint(); m > 0 && in.ok(); --m) {
      auto texts = journal::Forget::decode(in.string());
      if (!texts) return damaged();
      request.texts.push_back(std::move(*texts));
    }
    requests_.push_back(std::move(request));
  }
  return in.ok() && in.empty() ? Status() : damaged();
}

Result<Forgetting::Request> Forgetting::ask(const std::vector<std::string>& texts) {
  Request request;
  request.id = random_hex(parts_.random, 8);
  request.asked_ns = parts_.clock.wall_ns();
  for (std::size_t i = 0; i < texts.size(); i += journal::Forget::kMaxTexts) {
    const auto n = std::min(texts.size() - i, journal::Forget::kMaxTexts);
    const auto from = texts.begin() + static_cast<std::ptrdiff_t>(i);
    request.texts.emplace_back(
        std::vector<std::string>(from, from + static_cast<std::ptrdiff_t>(n)));
  }
  const std::scoped_lock lock(mutex_);
  const auto waiting = std::count_if(requests_.begin(), requests_.end(),
                                     [](const Request& r) { return r.done_ns == 0; });
  if (static_cast<std::size_t>(waiting) >= kMaxWaiting) {
    return fail(Code::kBusy, "64 requests to forget are waiting; ask again when some are done");
  }
  requests_.push_back(request);
  if (auto written = write(); !written) {
    requests_.pop_back();
    return std::unexpected(std::move(written).error());
  }
  if (auto recorded = record(request); !recorded) {
    requests_.pop_back();
    (void)write();
    return std::unexpected(std::move(recorded).error());
  }
  requests_.back().position = request.position;
  // Without its position it would be recorded again after a restart: once too often does no harm.
  (void)write();
  wake_.notify_all();
  return requests_.back();
}

Status Forgetting::record(Request& request) {
  std::vector<std::string> payloads;
  for (const auto& texts : request.texts) payloads.push_back(texts.encode());
  std::vector<journal::Draft> drafts;
  for (const auto& payload : payloads) drafts.push_back({journal::RecordKind::kForget, payload});
  SG_ASSIGN(request.position, parts_.journal.append_all(drafts));
  return {};
}

std::optional<Forgetting::Request> Forgetting::find(std::string_view id) const {
  const std::scoped_lock lock(mutex_);
  for (const auto& request : requests_) {
    if (request.id == id) return request;
  }
  return std::nullopt;
}

std::vector<Forgetting::Request> Forgetting::all() const {
  const std::scoped_lock lock(mutex_);
  return requests_;
}

void Forgetting::start() {
  stopping_ = false;
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "sg-forget");
    run();
  });
}

void Forgetting::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  for (const auto& engine : parts_.engines) engine.stop();
  if (thread_.joinable()) thread_.join();
}

bool Forgetting::wait(Nanos ns) {
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, std::chrono::nanoseconds(ns), [this] { return stopping_; });
  return !stopping_;
}

void Forgetting::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const auto next = std::find_if(requests_.begin(), requests_.end(),
                                   [](const Request& request) { return request.done_ns == 0; });
    if (next == requests_.end()) {
      wake_.wait(lock);
      continue;
    }
    const auto id = next->id;
    auto request = *next;
    lock.unlock();
    const auto status = work_on(std::move(request));
    lock.lock();
    if (stopping_) return;
    if (!status) {
      errors_.add();
      parts_.log.error("admin", "forgetting is tried again: " + status.error().message);
      wake_.wait_for(lock, std::chrono::nanoseconds(kRetry), [this] { return stopping_; });
      continue;
    }
    for (auto& done : requests_) {
      if (done.id != id) continue;
      done.done_ns = parts_.clock.wall_ns();
      done.texts.clear();
      done.waits_for.clear();
    }
    if (requests_.size() > kMaxKept && requests_.front().done_ns != 0) {
      requests_.erase(requests_.begin());
    }
    done_.add();
    if (auto written = write(); !written) {
      parts_.log.error("admin", "what was forgotten could not be written down (" +
                                    written.error().message + "); it is done again at the start");
    }
  }
}

void Forgetting::note(const std::string& id, std::string step) {
  const std::scoped_lock lock(mutex_);
  for (auto& request : requests_) {
    if (request.id != id) continue;
    request.waits_for = std::move(step);
    return;
  }
}

Status Forgetting::work_on(Request request) {
  if (request.position == 0) {  // a crash came before its place was known
    SG_TRY(record(request));
    const std::scoped_lock lock(mutex_);
    for (auto& known : requests_) {
      if (known.id == request.id) known.position = request.position;
    }
    SG_TRY(write());
  }
  note(request.id, "folds");
  SG_TRY(pass_folds(request));
  for (const auto& texts : request.texts) {
    note(request.id, "store");
    if (parts_.store != nullptr) SG_TRY(parts_.store->forget_texts(texts, request.position));
    note(request.id, "logs");
    for (auto* runner : parts_.runners) SG_TRY(runner->forget(texts));
  }
  SG_TRY(tell_engines(request));
  note(request.id, "journal");
  return cut(request);
}

Status Forgetting::tell_engines(const Request& request) {
  for (const auto& engine : parts_.engines) {
    note(request.id, engine.name);
    for (const auto& texts : request.texts) {
      for (;;) {
        SG_ASSIGN(const bool done, engine.forget(texts, request.position));
        if (done) break;
        if (!wait(kEngineStep)) return fail(Code::kUnavailable, "the server is stopping");
      }
    }
  }
  return {};
}

Status Forgetting::pass_folds(const Request& request) {
  for (auto* runner : parts_.runners) {
    while (runner->wait_position(request.position, kStep) < request.position) {
      if (!wait(0)) return fail(Code::kUnavailable, "the server is stopping");
    }
  }
  return {};
}

// Nothing that needs the old segments is older than the record; they are cut as that is so.
Status Forgetting::cut(const Request& request) {
  for (;;) {
    bool kept = false;
    for (auto* runner : parts_.runners) {
      if (runner->durable() >= request.position) continue;
      kept = true;
      runner->snapshot_soon();
    }
    const auto segments = parts_.journal.segments();
    const bool old = !segments.empty() && segments.front().first <= request.position;
    if (!kept && !old) return {};
    if (!wait(kStep)) return fail(Code::kUnavailable, "the server is stopping");
  }
}

}  // namespace sightglass::admin
