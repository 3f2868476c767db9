#include "app/shared_view.h"

#include <chrono>
#include <future>
#include <utility>

#include "app/workers.h"
#include "live/listing.h"

namespace sightglass::app {
namespace {

constexpr Nanos kTick = kSecond;
constexpr Nanos kSayAgain = 3 * kSecond;  // well before the others find it stale
constexpr Nanos kRefresh = kSecond;
constexpr auto kStep = std::chrono::milliseconds(50);
constexpr auto kGoodbye = std::chrono::seconds(1);  // where Redis stands still
constexpr Nanos kMargin = kSecond;

std::string list_of(const std::vector<std::string>& names) {
  constexpr std::size_t kMostNamed = 5;
  std::string out;
  for (std::size_t i = 0; i < std::min(names.size(), kMostNamed); ++i) {
    out += (i > 0 ? ", " : "") + names[i];
  }
  if (names.size() > kMostNamed) {
    out += " and " + std::to_string(names.size() - kMostNamed) + " more";
  }
  return out;
}

Result<std::string> result_of(const redis::CancelOutcome& outcome) {
  switch (outcome.kind) {
    case redis::CancelOutcome::Kind::kEnded:
      return outcome.gateway;
    case redis::CancelOutcome::Kind::kNotFound:
      return fail(Code::kNotFound,
                  "no request with this id is running on any gateway; GET "
                  "/metrics/active-requests?gateways=all lists those that are");
    case redis::CancelOutcome::Kind::kUnanswered:
      return fail(Code::kTimeout,
                  "no request with this id runs on the gateways that answered; no answer came "
                  "from " +
                      list_of(outcome.silent) +
                      ", where it may still end. GET /metrics/active-requests?gateways=all shows "
                      "whether it runs; if so, ask again");
    case redis::CancelOutcome::Kind::kUndelivered:
      break;
  }
  return fail(Code::kUnavailable,
              "no request with this id runs on this gateway, and the others cannot be asked: Redis "
              "does not answer. Send this to the gateway that runs it, or again when GET "
              "/admin/v1/health shows redis as ok");
}

}  // namespace

Result<std::unique_ptr<SharedView>> SharedView::make(Parts parts) {
  SG_ASSIGN(auto loop, net::Loop::make(parts.clock));
  return std::unique_ptr<SharedView>(new SharedView(std::move(parts), std::move(loop)));
}

SharedView::SharedView(Parts parts, std::unique_ptr<net::Loop> loop)
    : parts_(std::move(parts)),
      loop_(std::move(loop)),
      elsewhere_(parts_.clock, parts_.telemetry,
                 [this] {
                   loop_->post([this] {
                     once_more_ = on_its_way_;
                     exchange();
                   });
                 }),
      board_(parts_.memory, *loop_, parts_.name),
      cancels_(parts_.memory, *loop_, parts_.name,
               [this](const std::string& request_id, const std::string& asker) {
                 const auto ended = parts_.cancel(request_id);
                 if (ended > 0) {
                   parts_.log.write(
                       Level::kInfo, "redis",
                       "a request was ended as an administrator at gateway " + asker + " wished",
                       request_id);
                 }
                 return ended;
               }),
      tick_(*loop_, [this] {
        tick_.arm(kTick);
        exchange();
      }) {
  parts_.telemetry.gauge_function(
      "sightglass_redis_gateways", "Gateways that are heard over Redis, this one among them.",
      Telemetry::Kind::kGauge,
      [this] { return 1 + static_cast<double>(elsewhere_.gateways().size()); });
}

void SharedView::start() {
  started_ns_ = parts_.clock.monotonic_ns();
  thread_ = std::thread([this] {
    name_thread("shared-view");
    loop_->run();
  });
  loop_->post([this] {
    board_.start();
    cancels_.start();
    tick_.arm(kTick / 10);
  });
}

void SharedView::stop() {
  if (!thread_.joinable()) return;
  stopping_ = true;
  const auto gone = std::make_shared<std::promise<void>>();
  auto done = gone->get_future();
  loop_->post([this, gone] {
    tick_.disarm();
    board_.leave([gone] { gone->set_value(); });
  });
  (void)done.wait_for(kGoodbye);
  loop_->stop();
  thread_.join();
}

// Says what is new, or that this gateway lives; hears who else does, and while somebody looks, what
// each of them says.
void SharedView::exchange() {
  if (stopping_ || on_its_way_ || !board_.ready()) return;
  auto listing = live::write_listing(parts_.requests);
  const auto now = loop_->fresh_now_ns();
  const bool news =
      listing.body != said_ || board_.connection() != said_on_ || now - said_ns_ >= kSayAgain;
  const bool whole = elsewhere_.watched();
  std::optional<std::string> words;
  if (news) words = listing.head + listing.body;
  on_its_way_ =
      board_.exchange(words, whole, [this, whole](auto* heard) { on_heard(heard, whole); });
  if (!on_its_way_ || !news) return;
  said_ = std::move(listing.body);
  said_on_ = board_.connection();
  said_ns_ = now;
}

void SharedView::on_heard(std::vector<redis::Board::Heard>* heard, bool whole) {
  on_its_way_ = false;
  if (heard != nullptr) {
    std::vector<live::Elsewhere::Heard> all;
    for (auto& one : *heard) {
      all.push_back({std::move(one.gateway), one.age_ns, std::move(one.words), one.words_age_ns});
    }
    elsewhere_.update(all, whole);
  }
  if (std::exchange(once_more_, false)) exchange();
}

Result<std::string> SharedView::cancel(const std::string& request_id) {
  (void)elsewhere_.refresh(kRefresh, 0);  // whoever is new is asked, too
  if (!elsewhere_.reachable()) return result_of({redis::CancelOutcome::Kind::kUndelivered, {}, {}});
  std::vector<std::string> gateways;
  for (const auto& gateway : elsewhere_.gateways()) gateways.push_back(gateway.name);
  const auto answer = std::make_shared<std::promise<redis::CancelOutcome>>();
  auto outcome = answer->get_future();
  loop_->post([this, request_id, gateways, answer] {
    cancels_.ask(request_id, gateways,
                 [answer](redis::CancelOutcome one) { answer->set_value(std::move(one)); });
  });
  for (Nanos waited = 0; waited < redis::Cancels::kAnswerWithin + kMargin && !stopping_;
       waited += std::chrono::nanoseconds(kStep).count()) {
    if (outcome.wait_for(kStep) == std::future_status::ready) return result_of(outcome.get());
  }
  return result_of({redis::CancelOutcome::Kind::kUnanswered, {}, gateways});
}

std::string SharedView::problem() const {
  if (elsewhere_.reachable() || parts_.clock.monotonic_ns() - started_ns_ < live::kGoneAfter) {
    return {};
  }
  return "the requests in flight are not shared between gateways: Redis does not answer that, or "
         "refuses it; check its log, and that its user may run the commands named in "
         "docs/backends.md";
}

}  // namespace sightglass::app
