// From the client: what it wants, who it is, and where that goes.
#include "gateway/request.h"

#include <algorithm>

#include "base/text.h"
#include "gateway/error_body.h"
#include "gateway/target.h"
#include "gateway/upload.h"

namespace sightglass::gateway {
namespace {

constexpr std::size_t kKeepBodyBytes = 64u << 10;

Listener listener_of(const http::Exchange& exchange) {
  return exchange.on_loopback_listener() ? Listener::kLoopback : Listener::kElsewhere;
}

// "/models/gemini-2.5-pro:streamGenerateContent" names its model in the path.
std::string_view model_in_path(std::string_view path) {
  const auto colon = path.rfind(':');
  const auto slash = path.rfind('/', colon);
  if (colon == std::string_view::npos || slash == std::string_view::npos) return {};
  return path.substr(slash + 1, colon - slash - 1);
}

}  // namespace

Request::Request(Worker& worker) : worker_(worker), timer_(worker.loop(), [this] { on_timer(); }) {}

Nanos Request::now_ns() const { return worker_.loop().now_ns(); }

void Request::clear() {
  story_.clear();
  scan_.clear();
  forget_body();
  head_.clear();
  target_.clear();
  credentials_ = {};
  ticket_ = {};
  estimate_ = {};
  refusal_.reset();
  conventions_ = {};
  provider_ = nullptr;
  key_ = nullptr;
  call_ = nullptr;
  live_row_ = live::Requests::Table::kNone;
  side_ = Side::kReading;
  recorded_ = true;
  fixed_provider_ = large_ = upload_streams_ = asks_for_usage_ = asked_in_vain_ = false;
  body_paused_ = call_paused_ = waiting_ = draining_ = body_ended_ = false;
  asking_ = admitting_ = false;
  sent_ = upstream_complete_ = client_gone_ = false;
  error_ = ErrorType::kNone;
  call_begin_ns_ = head_ns_ = live_updated_ns_ = 0;
  drained_bytes_ = 0;
}

void Request::forget_body() {
  if (body_.capacity() > kKeepBodyBytes) body_ = std::string();
  body_.clear();
}

void Request::begin(http::Exchange& exchange, const Entry& entry) {
  clear();
  active_ = true;
  exchange_ = &exchange;
  settings_ = worker_.settings();
  first_byte_ns_ = exchange.first_byte_ns();
  describe(entry);

  credentials_ = find_credentials(*settings_, exchange.request());
  if (credentials_.client != nullptr && credentials_.client->expired(story_.start_wall_ns)) {
    credentials_ = {};
    return refuse_identity();
  }
  if (!may_enter(*settings_, credentials_, listener_of(exchange))) return refuse_identity();
  if (credentials_.client != nullptr) story_.client = credentials_.client->id;
  if (worker_.shared().draining.load(std::memory_order_relaxed)) {
    return reject(ErrorType::kGatewayDraining);
  }
  const auto& head = exchange.request();
  if (fixed_provider_ && provider_ == nullptr) return reject(ErrorType::kCallerNotFound);
  if (!is_plain_path(fixed_provider_ ? entry.rest : head.path)) {
    return reject(ErrorType::kCallerBadRequest);
  }
  const auto& limits = settings_->limits();
  if (limits.body_bytes != 0) exchange.set_body_limit(limits.body_bytes);
  if (head.body == net::BodyKind::kLength) {
    large_ = head.content_length > limits.buffer_bytes;
    if (!large_) body_.reserve(head.content_length + kJsonPadding);
  }
}

// Fills in what the head alone tells.
void Request::describe(const Entry& entry) {
  const auto& head = exchange_->request();
  fixed_provider_ = !entry.provider_id.empty();
  const auto path = without_version(fixed_provider_ ? entry.rest : head.path);
  story_.operation = operation_of(head.method, path);
  if (fixed_provider_) {
    provider_ = settings_->provider(entry.provider_id);
    if (provider_ != nullptr && provider_->kind == ProviderKind::kAnthropic) {
      story_.operation.protocol = Protocol::kAnthropic;
    }
    target_ = provider_ == nullptr ? std::string() : join_target(provider_->path, entry.rest);
  } else if (head.headers.has("anthropic-version")) {
    story_.operation.protocol = Protocol::kAnthropic;
  }
  if (story_.operation.dialect == Dialect::kGemini) scan_.model = model_in_path(path);
  trace_.begin(head.headers.get("traceparent"), worker_.random());
  story_.start_wall_ns = worker_.wall_ns();
  story_.request_id = exchange_->request_id();
  story_.trace_id = trace_.trace_id;
  story_.span_id = trace_.span_id;
  story_.method = head.method;
  story_.provider = provider_ == nullptr ? std::string_view("unknown") : provider_->id;
  story_.key = "none";
  story_.client = "anonymous";
  StrippedCounts stripped{};
  conventions_ = Conventions::read(head.headers, stripped);
  worker_.count_stripped(stripped);
  story_.user_id = conventions_.user_id;
  story_.session_id = conventions_.session_id;
  story_.focus_id = conventions_.focus_id;
  story_.group_id = conventions_.group_id;
  story_.provider_hint = conventions_.provider;
  story_.model_hint = conventions_.model;
}

void Request::client_body(std::string_view content) {
  story_.request_bytes += static_cast<std::int64_t>(content.size());
  if (side_ == Side::kStreaming) return stream_body(content);
  if (side_ != Side::kReading) return;
  if (large_ || body_.size() + content.size() > settings_->limits().buffer_bytes) {
    // Too large to be read: it streams through, and usage comes from the answer alone.
    large_ = true;
    side_ = Side::kStreaming;
    note_upload();
    if (choose()) send(BodyForm::kStreamed);
    return stream_body(content);
  }
  grow_body(content);
}

void Request::grow_body(std::string_view content) {
  const auto need = body_.size() + content.size() + kJsonPadding;
  if (body_.capacity() < need) body_.reserve(std::max(need, body_.capacity() * 2));
  body_.append(content);
}

void Request::client_body_end() {
  body_ended_ = true;
  if (side_ == Side::kStreaming) {
    if (call_ != nullptr) call_->finish_body();
  } else if (side_ == Side::kReading) {
    proceed();
  }
}

void Request::proceed() {
  side_ = Side::kServing;
  note_upload();
  if (!read_body()) return reject(ErrorType::kCallerBadRequest);
  if (choose()) send(BodyForm::kBuffered);
}

// Of a body that streams through only the beginning is here; the request's own length then stands
// for the file's.
void Request::note_upload() {
  const auto& head = exchange_->request();
  if (story_.operation.endpoint != Endpoint::kPassthrough || head.method != "POST" ||
      !is_files_path(fixed_provider_ ? target_ : head.path) ||
      head.headers.has("content-encoding")) {
    return;
  }
  const auto upload = read_upload(head.headers.get("content-type"), body_);
  story_.upload_type = upload.content_type;
  story_.upload_bytes = static_cast<std::int64_t>(upload.size_bytes);
  upload_streams_ = large_;
}

bool Request::read_body() {
  const auto dialect = story_.operation.dialect;
  const bool encoded = exchange_->request().headers.has("content-encoding");
  if (!reads_request(dialect) || encoded) return true;
  if (body_.capacity() < body_.size() + kJsonPadding) body_.reserve(body_.size() + kJsonPadding);
  if (!scan_request(body_, dialect, worker_.scratch(), scan_)) return false;
  story_.streaming = scan_.stream;
  story_.message_count = scan_.message_count;
  story_.tool_count = scan_.tool_count;
  story_.tool_uses = scan_.tool_uses;
  story_.tool_results = scan_.tool_results;
  story_.max_tokens = scan_.max_tokens;
  if (story_.user_id.empty()) story_.user_id = scan_.user_id;
  if (story_.session_id.empty()) story_.session_id = scan_.session_id;
  return true;
}

// Provider, model and key; false when the request was answered instead.
bool Request::choose() {
  if (!choose_provider()) return false;
  story_.provider = provider_->id;
  // A body that is not read (audio, large ones) may still come with its model's name.
  const auto& named = story_.model_upstream.empty() ? story_.model_hint : story_.model_upstream;
  story_.model_label = model_label(*settings_, worker_.shared().answered, named);
  return choose_key() && admit();
}

bool Request::choose_provider() {
  story_.model_requested = scan_.model;
  story_.model_upstream = scan_.model;
  if (fixed_provider_) return true;
  const auto destination = settings_->route(scan_.model, story_.operation.protocol);
  if (destination.error != ErrorType::kNone) return reject(destination.error), false;
  provider_ = destination.provider;
  story_.model_upstream = destination.model;
  if (settings_->routes_by_header()) {
    if (const auto* named = settings_->provider(conventions_.provider)) {
      provider_ = named;
    }
  }
  target_ = join_target(provider_->path, without_version(exchange_->request().path));
  return true;
}

bool Request::choose_key() {
  const Client* client = credentials_.client;
  if (client == nullptr) {
    if (!admits(*settings_, *provider_, credentials_, listener_of(*exchange_))) {
      return refuse_identity(), false;
    }
    if (!credentials_.token.empty()) {
      story_.key = guard::key_id(provider_->id, credentials_.token, worker_.shared().shared.keys);
    }
    return true;
  }
  const bool allowed = client->may_use(*provider_) &&
                       client->may_use_model(story_.model_requested, story_.model_upstream);
  const bool keyless = provider_->keys.empty();
  if (!allowed || (keyless && provider_->needs_key)) {
    return reject(ErrorType::kPolicyDenied), false;
  }
  if (!keyless) {
    key_ = &worker_.next_key(*provider_, settings_->key_choice());
    story_.key = key_->id;
  }
  return true;
}

// ---- answers of our own -------------------------------------------------------------------------

void Request::reject(ErrorType why) {
  error_ = why;
  answer_error(why);
}

// Counted by kind and second, not recorded one by one: a scanner must not fill the disk.
void Request::refuse_identity() {
  worker_.count_auth_failure();
  recorded_ = false;
  reject(ErrorType::kCallerAuth);
}

void Request::answer_error(ErrorType why) {
  side_ = Side::kAnswered;
  if (exchange_ == nullptr || exchange_->started()) return;
  http::Response response;
  response.status = story_.status = status_of(why);
  response.body = error_body(story_.operation.protocol, why, story_.request_id);
  if (refusal_) {
    write_refusal(response);
  } else if (response.status == 503 || response.status == 429) {
    response.headers.emplace_back("Retry-After", "1");
  }
  story_.response_bytes = static_cast<std::int64_t>(response.body.size());
  exchange_->respond(std::move(response));
}

// The server answered for us: broken framing, too slow, too large.
void Request::client_refused(int status) {
  side_ = Side::kAnswered;
  story_.status = status;
  if (error_ == ErrorType::kNone) {
    error_ = status == 413 ? ErrorType::kCallerTooLarge : ErrorType::kCallerBadRequest;
  }
  close_call();
}

}  // namespace sightglass::gateway
