// From a head to its handler: the checks of security.md in their order.
#include <algorithm>

#include "base/text.h"
#include "http/connection.h"

namespace sightglass::http {
namespace {

constexpr std::string_view kInvalid = "invalid_request_error";
constexpr std::string_view kPermission = "permission_error";

// Whether a path parameter may be printed: an id of ours, never a key, an address or free text.
bool is_printable_id(std::string_view text) {
  const auto plain = std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
  if (!plain || text.empty() || text.size() > 64) return false;
  for (const std::string_view secret : {"sk-", "sk_", "sg_", "pk-", "webui-", "eyJ"}) {
    if (text.starts_with(secret)) return false;
  }
  return true;
}

// The admin API, and the logins to it.
bool is_administrative(const Route& route) {
  return route.realm == Realm::kAdmin || (route.realm == Realm::kOpen && route.changes);
}

// The UUID's text into a string that keeps its memory.
void assign_uuid4(Random& random, std::string& out) {
  constexpr char kHex[] = "0123456789abcdef";
  char bytes[16];
  random.fill(bytes, sizeof bytes);
  bytes[6] = static_cast<char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<char>((bytes[8] & 0x3f) | 0x80);
  out.clear();
  for (int i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out.push_back('-');
    out.push_back(kHex[static_cast<unsigned char>(bytes[i]) >> 4]);
    out.push_back(kHex[static_cast<unsigned char>(bytes[i]) & 15]);
  }
}

// The values of Access-Control-Request-Headers that may be echoed.
bool is_field_list(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == ',' || c == ' ';
  });
}

bool contains(const std::vector<std::string>& list, std::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

}  // namespace

void Connection::begin_exchange() {
  in_exchange_ = parsed_ = true;
  worker_.exchange_began();
  worker_.requests().add();
  route_ = nullptr;
  actor_.clear();
  cors_origin_.clear();
  audited_ = paused_ = window_open_ = false;
  started_ = ended_ = persist_ = bodiless_ = cut_ = over_bound_ = false;
  framing_ = Framing::kNone;
  status_ = 0;
  length_left_ = written_ = body_seen_ = window_bytes_ = 0;
  body_limit_ = limits_.body_bytes;
  write_bound_ = limits_.write_buffer_bytes;
  const bool has_body = head_.body == net::BodyKind::kChunked ||
                        (head_.body == net::BodyKind::kLength && head_.content_length > 0);
  state_ = has_body ? State::kBody : State::kAnswer;
  continue_waits_ = has_body && head_.expect_continue && !head_.http_1_0;
  if (has_body) {
    decoder_.start(head_.body, head_.content_length);
    set_input_deadline(limits_.body_grace_ns);
  }
  remote_ = peer_trusted_ ? forwarded_client(head_.headers, peer_, shared_.trusted)
                          : std::string_view(peer_);
  secure_ =
      stream_->secure() ||
      (peer_trusted_ && equals_ignoring_case(head_.headers.get("x-forwarded-proto"), "https"));
  dispatch();
}

void Connection::dispatch() {
  take_request_id();
  const auto host = head_.headers.get("host");
  if (!door_->is_unix && host != host_seen_) {
    if (!door_->hosts.allows(host)) {
      return refuse(Reason::kBadHost, 421, kInvalid,
                    "This server is not known by the name in the Host field; see allowed_hosts.");
    }
    host_seen_ = host;
  }
  if (head_.method == "OPTIONS" && head_.headers.has("origin") &&
      head_.headers.has("access-control-request-method")) {
    return answer_options();
  }
  if (!find_route() || !check_origin() || !check_credentials()) return;
  handler_ = route_->make(parameters_);
  handler_->on_request(*this);
  if (ended_ || end_pending_) return;
  if (head_.body == net::BodyKind::kLength && head_.content_length > body_limit_ && !started_) {
    shared_.rejections.add(Reason::kBodyTooLarge);
    return refuse_for_handler(413, kInvalid, "The body is too large.");
  }
  if (state_ == State::kAnswer) handler_->on_body_end(*this);
}

void Connection::take_request_id() {
  const auto inbound = head_.headers.get("x-request-id");
  if (is_request_id(inbound)) {
    request_id_ = inbound;
  } else {
    assign_uuid4(worker_.random(), request_id_);
  }
}

bool Connection::find_route() {
  const auto match = shared_.router.find(head_.method, head_.path, parameters_);
  route_ = match.route;
  const bool here = route_ == nullptr || door_->serves(route_->realm);
  if (match.status == 400) {
    refuse(Reason::kBadPath, 400, kInvalid, "The path is malformed.");
  } else if (match.status == 404 || !here) {
    route_ = nullptr;
    refuse(Reason::kNotFound, 404, "not_found_error", "There is nothing at this path.");
  } else if (match.status == 405 && head_.method == "OPTIONS") {
    answer_options();
  } else if (match.status == 405) {
    auto response = shared_.error(head_.path, 405, kInvalid,
                                  "This path does not answer this method.", request_id_);
    response.headers.emplace_back("Allow", shared_.router.allow(head_.path));
    shared_.rejections.add(Reason::kBadMethod);
    respond(std::move(response));
  } else if (shared_.draining.load(std::memory_order_relaxed) &&
             (route_->realm != Realm::kOpen || route_->changes)) {
    auto response = shared_.error(head_.path, 503, "overloaded_error",
                                  "This server is shutting down; try again.", request_id_);
    response.headers.emplace_back("Retry-After", "1");
    shared_.rejections.add(Reason::kDraining);
    respond(std::move(response));
  } else {
    return true;
  }
  return false;
}

bool Connection::check_origin() {
  if (!route_->origins.empty()) {
    const auto origin = head_.headers.get("origin");
    if (!contains(route_->origins, origin)) {
      refuse(Reason::kForeignOrigin, 403, kPermission,
             "Only pages of the configured origins may call this path.");
      return false;
    }
    cors_origin_ = origin;
    return true;
  }
  if (is_administrative(*route_)) {
    // Of another origin the answer just carries no leave to be read.
    const auto origin = head_.headers.get("origin");
    if (contains(origins_of(*route_), origin)) cors_origin_ = origin;
  }
  if (route_->realm == Realm::kGateway) {
    const auto origin = head_.headers.get("origin");
    if (!origin.empty()) {
      if (!contains(shared_.options.gateway_origins, origin)) {
        refuse(Reason::kForeignOrigin, 403, kPermission,
               "Pages of this origin may not call the gateway; see the gateway's origins.");
        return false;
      }
      cors_origin_ = origin;
    }
    if (is_embedding(head_.headers)) {
      refuse(Reason::kEmbedding, 403, kPermission,
             "The gateway's answers are not for showing as a page or as a part of one.");
      return false;
    }
  }
  return true;
}

bool Connection::check_credentials() {
  const bool asks = route_->realm == Realm::kScrape || route_->realm == Realm::kIngest ||
                    route_->realm == Realm::kAdmin ||
                    (route_->realm == Realm::kOpen && route_->changes);
  if (!asks) return true;
  auto site = site_evidence(head_.headers);
  // A login of a page that may have a token; what a cookie proves does not change.
  if (route_->realm == Realm::kOpen && !cors_origin_.empty()) site.cross_site = false;
  const bool open = door_->loopback && !door_->is_unix &&
                    is_own_loopback_name(head_.headers.get("host"), door_->port) &&
                    is_untouched(head_.headers);
  auto verdict = shared_.gatekeeper.admit(
      {head_, *route_, remote_, door_->is_unix, open, secure_, site.same_origin, site.cross_site});
  actor_ = std::move(verdict.actor);
  refusal_ = verdict.reason;
  audited_ = route_->realm != Realm::kScrape && route_->realm != Realm::kIngest;
  if (audited_) shared_.gatekeeper.on_admin_request(admin_request());
  if (verdict.status == 200) return true;
  shared_.rejections.add(verdict.status == 401   ? Reason::kUnauthenticated
                         : verdict.status == 429 ? Reason::kRateLimited
                                                 : Reason::kForbidden);
  auto response =
      shared_.error(head_.path, verdict.status, verdict.type, verdict.message, request_id_);
  if (verdict.status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  if (verdict.retry_after_s > 0) {
    response.headers.emplace_back("Retry-After", std::to_string(verdict.retry_after_s));
  }
  respond(std::move(response));
  return false;
}

const std::vector<std::string>& Connection::origins_of(const Route& route) const {
  static const std::vector<std::string> none;
  if (!route.origins.empty()) return route.origins;
  if (route.realm == Realm::kGateway) return shared_.options.gateway_origins;
  return is_administrative(route) ? shared_.options.admin_origins : none;
}

// Preflights (of the Fetch standard) for the listed origins, and a plain OPTIONS.
void Connection::answer_options() {
  Response response;
  response.status = 204;
  response.content_type.clear();
  const auto methods = shared_.router.allow(head_.path);
  const auto origin = head_.headers.get("origin");
  if (!origin.empty()) {
    const auto* route = shared_.router.any_route(head_.path);
    const auto asked = head_.headers.get("access-control-request-headers");
    if (route == nullptr || !door_->serves(route->realm) || !contains(origins_of(*route), origin) ||
        !is_field_list(asked)) {
      return refuse(Reason::kForeignOrigin, 403, kPermission,
                    "Pages of this origin may not call this path.");
    }
    cors_origin_ = origin;
    response.headers.emplace_back("Access-Control-Allow-Methods", methods);
    if (!asked.empty()) response.headers.emplace_back("Access-Control-Allow-Headers", asked);
    response.headers.emplace_back("Access-Control-Max-Age", "600");
  }
  response.headers.emplace_back("Allow", methods);
  respond(std::move(response));
}

void Connection::refuse(Reason reason, int status, std::string_view type,
                        std::string_view sentence) {
  shared_.rejections.add(reason);
  respond(shared_.error(head_.path, status, type, sentence, request_id_));
}

// A head that was not understood: nothing is known about it, and nothing more is read.
void Connection::refuse_unparsed(int status, std::string_view sentence, std::string_view path) {
  head_.headers.all.clear();
  head_.method = head_.target = head_.path = head_.query = {};
  head_.http_1_0 = head_.keep_alive = head_.expect_continue = false;
  head_.body = net::BodyKind::kNone;
  in_exchange_ = true;
  worker_.exchange_began();
  parsed_ = false;
  route_ = nullptr;
  actor_.clear();
  cors_origin_.clear();
  audited_ = paused_ = continue_waits_ = false;
  started_ = ended_ = persist_ = bodiless_ = cut_ = over_bound_ = false;
  framing_ = Framing::kNone;
  written_ = 0;
  write_bound_ = limits_.write_buffer_bytes;
  remote_ = peer_;
  state_ = State::kAnswer;
  input_deadline_ns_ = 0;
  assign_uuid4(worker_.random(), request_id_);
  respond(shared_.error(path, status, kInvalid, sentence, request_id_));
}

// The body went wrong while a handler waits for it.
void Connection::refuse_for_handler(int status, std::string_view type, std::string_view sentence) {
  if (!in_exchange_) return close_now();
  persist_ = false;
  input_deadline_ns_ = 0;
  paused_ = true;  // nothing more of it is read
  head_.keep_alive = false;
  if (handler_ && !ended_) handler_->on_refused(*this, status);
  if (ended_ || end_pending_) return;
  if (started_) return abort();
  respond(shared_.error(head_.path, status, type, sentence, request_id_));
}

void Connection::send_continue() {
  if (!continue_waits_ || paused_ || started_ || state_ != State::kBody) return;
  continue_waits_ = false;
  static constexpr std::string_view kText = "HTTP/1.1 100 Continue\r\n\r\n";
  const iovec part{const_cast<char*>(kText.data()), kText.size()};
  const auto sent = send(&part, 1, kText.size());
  out_.copy(kText.substr(sent));
  after_send();
}

AdminRequest Connection::admin_request() {
  const bool printable = head_.path.find('%') == std::string_view::npos &&
                         std::all_of(parameters_.begin(), parameters_.end(), is_printable_id);
  audit_path_ = printable ? head_.path : std::string_view(route_->pattern);
  return {head_.method, route_->pattern,
          audit_path_,  door_->is_unix ? std::string_view("local") : remote_,
          actor_,       request_id_,
          refusal_};
}

void Connection::audit_done() {
  shared_.gatekeeper.on_admin_done(admin_request(), status_,
                                   worker_.loop().now_ns() - first_byte_ns_);
}

}  // namespace sightglass::http
