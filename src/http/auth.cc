#include "http/auth.h"

#include <algorithm>

#include "base/text.h"
#include "http/admission.h"

namespace sightglass::http {
namespace {

constexpr std::string_view kKeyPrefix = "sg_admin_";
constexpr std::string_view kHashPrefix = "sha256:";
constexpr std::string_view kCookie = "sg_session";
constexpr std::string_view kSecureCookie = "__Host-sg_session";
constexpr std::size_t kShortestKey = 16;
constexpr Nanos kMinute = 60 * kSecond;

// In the order of Standing.
constexpr std::string_view kStandings[] = {"missing", "not_bearer", "wrong",  "expired", "revoked",
                                           "forged",  "scrape",     "ingest", "admin",   "login"};

std::string hash_path(const std::string& folder) { return folder + "/admin-key.hash"; }

bool contains(const std::vector<Digest>& digests, const Digest& digest) {
  const auto bytes = [](const Digest& d) {
    return Bytes(reinterpret_cast<const char*>(d.data()), d.size());
  };
  bool found = false;  // all are compared, so that time says nothing about which
  for (const auto& each : digests) found |= equal_in_constant_time(bytes(each), bytes(digest));
  return found;
}

std::optional<Digest> parse_digest(std::string_view text) {
  text = trim(text);
  if (!text.starts_with(kHashPrefix)) return std::nullopt;
  text.remove_prefix(kHashPrefix.size());
  Digest digest{};
  if (text.size() != 2 * digest.size()) return std::nullopt;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const int value = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (value < 0) return std::nullopt;
    digest[i / 2] = static_cast<unsigned char>(digest[i / 2] << 4 | value);
  }
  return digest;
}

bool is_admin_id(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '@' || c == '-';
  });
}

std::string cookie_field(std::string_view token, bool secure, std::int64_t max_age_s) {
  std::string out(secure ? kSecureCookie : kCookie);
  out.append("=").append(token).append("; Path=/; HttpOnly; SameSite=Strict; Max-Age=");
  out.append(std::to_string(max_age_s));
  return secure ? out.append("; Secure") : out;
}

// Who asks too often: an address, or an IPv6 network of the size that one customer gets.
std::string limit_key(std::string_view identity, std::string_view address) {
  return std::string(identity).append(" ").append(address_block(address));
}

}  // namespace

// What a request shows, and in which way.
struct Auth::Credential {
  std::string_view secret;
  bool from_cookie = false;
  bool not_bearer = false;

  Credential(const net::RequestHead& head, bool secure) {
    const auto authorization = head.headers.get("authorization");
    constexpr std::string_view kBearer = "bearer ";
    if (!authorization.empty()) {
      not_bearer = !equals_ignoring_case(authorization.substr(0, kBearer.size()), kBearer);
      if (!not_bearer) secret = trim(authorization.substr(kBearer.size()));
    }
    if (secret.empty()) secret = trim(head.headers.get("x-api-key"));
    if (!secret.empty() || not_bearer) return;
    secret = cookie_value(head.headers.get("cookie"), secure ? kSecureCookie : kCookie);
    from_cookie = !secret.empty();
  }
};

Result<std::string> make_admin_key(FileSystem& fs, const std::string& folder, Random& random) {
  const auto key = std::string(kKeyPrefix) + random_hex(random, 32);
  SG_TRY(fs.create_directories(folder));
  SG_TRY(replace_file(fs, hash_path(folder), std::string(kHashPrefix) + sha256_hex(key) + "\n"));
  return key;
}

Auth::Auth(AuthOptions options, FileSystem& fs, const Clock& clock, Random& random,
           Telemetry& telemetry, AuthEvents& events)
    : options_(std::move(options)),
      fs_(fs),
      clock_(clock),
      random_(random),
      events_(events),
      sessions_(fs, options_.data_folder, random_),
      admin_limit_(options_.admin_requests_per_minute, kMinute),
      login_limit_(options_.failed_logins_per_minute, kMinute),
      opened_(telemetry.counter("sightglass_auth_total", "Credentials judged, by result.",
                                {{"result", "open"}})),
      cross_site_(telemetry.counter("sightglass_auth_total", "", {{"result", "cross_site"}})),
      limited_(telemetry.counter("sightglass_auth_total", "", {{"result", "limited"}})),
      login_ok_(
          telemetry.counter("sightglass_logins_total", "Logins, by result.", {{"result", "ok"}})),
      login_failed_(telemetry.counter("sightglass_logins_total", "", {{"result", "failed"}})),
      login_limited_(telemetry.counter("sightglass_logins_total", "", {{"result", "limited"}})) {
  for (const auto name : kStandings) {
    standings_.push_back(
        &telemetry.counter("sightglass_auth_total", "", {{"result", std::string(name)}}));
  }
}

Result<std::unique_ptr<Auth>> Auth::make(AuthOptions options, FileSystem& fs, const Clock& clock,
                                         Random& random, Telemetry& telemetry, Log& log,
                                         AuthEvents& events) {
  for (const auto* keys : {&options.admin_keys, &options.scrape_tokens, &options.ingest_keys}) {
    for (const auto& key : *keys) {
      if (key.empty()) {
        return fail(Code::kInvalid, "a configured admin key, ingest key or scrape token is empty");
      }
      if (key.size() >= kShortestKey) continue;
      if (options.reach == AuthOptions::Reach::kNetwork) {
        return fail(Code::kInvalid,
                    "a configured admin key, ingest key or scrape token is shorter than 16 "
                    "characters, which is "
                    "only accepted while every listener is on loopback");
      }
      log.warn("http",
               "A configured admin key, ingest key or scrape token is shorter than 16 characters; "
               "it works only "
               "while every listener is on loopback.");
    }
  }
  if (options.reach == AuthOptions::Reach::kNetwork && !options.admin_password.empty() &&
      options.admin_password.size() < kShortestKey) {
    return fail(Code::kInvalid,
                "the admin password is shorter than 16 characters, which is only accepted while "
                "every listener is on loopback");
  }
  std::unique_ptr<Auth> auth(new Auth(std::move(options), fs, clock, random, telemetry, events));
  SG_TRY(auth->open(log));
  return auth;
}

Status Auth::open(Log& log) {
  SG_TRY(fs_.create_directories(options_.data_folder));
  for (const auto& key : options_.admin_keys) configured_keys_.push_back(sha256(key));
  for (const auto& token : options_.scrape_tokens) scrape_tokens_.push_back(sha256(token));
  for (const auto& key : options_.ingest_keys) ingest_keys_.push_back(sha256(key));
  admin_id_ = sha256(options_.admin_id);
  admin_password_ = sha256(options_.admin_password);
  const auto path = hash_path(options_.data_folder);
  if (fs_.exists(path)) {
    SG_ASSIGN(const auto text, read_file(fs_, path, 4096));
    stored_key_ = parse_digest(text);
    if (!stored_key_) {
      return fail(Code::kCorrupt,
                  "admin-key.hash is damaged; `sightglass admin-key --new` makes a "
                  "new key");
    }
  } else if (configured_keys_.empty()) {
    SG_ASSIGN(auto key, make_admin_key(fs_, options_.data_folder, random_));
    stored_key_ = sha256(key);
    new_key_ = std::move(key);
    log.info("http", "A new admin key was made.");
  }
  return sessions_.load(now_s());
}

std::optional<std::string> Auth::take_new_admin_key() {
  return std::exchange(new_key_, std::nullopt);
}

Result<std::string> Auth::replace_admin_key() {
  const std::scoped_lock one(replacing_);
  SG_TRY(sessions_.end_all());
  SG_ASSIGN(auto key, make_admin_key(fs_, options_.data_folder, random_));
  const std::scoped_lock lock(mutex_);
  stored_key_ = sha256(key);
  return key;
}

bool Auth::is_admin_key(const Digest& digest) const {
  std::vector<Digest> stored;
  {
    const std::scoped_lock lock(mutex_);
    if (stored_key_) stored.push_back(*stored_key_);
  }
  const bool made = contains(stored, digest);
  return contains(configured_keys_, digest) || made;
}

Auth::Login Auth::login(std::string_view admin_id, std::string_view password,
                        std::string_view address, bool secure) {
  Login login;
  const auto key = limit_key("login", address);
  login.retry_after_s = login_limit_.peek(key, clock_.monotonic_ns());
  if (login.retry_after_s > 0) {
    login.outcome = Login::Outcome::kLimited;
    login_limited_.add();
    events_.on_rate_limited("login", address);
    return login;
  }
  const auto digest = sha256(password);
  const bool id_right = contains({admin_id_}, sha256(admin_id));
  const bool password_right =
      contains({admin_password_}, digest) && !options_.admin_password.empty();
  if (!is_admin_id(admin_id) || !((id_right && password_right) || is_admin_key(digest))) {
    login_limit_.take(key, clock_.monotonic_ns());
    login_failed_.add();
    events_.on_login_failed(address);
    return login;
  }
  login.outcome = Login::Outcome::kOk;
  const auto lifetime_s = options_.session_ns / kSecond;
  login.token = sessions_.issue(admin_id, now_s(), lifetime_s);
  login.set_cookie = cookie_field(login.token, secure, lifetime_s);
  login_ok_.add();
  events_.on_login_ok(admin_id, address);
  return login;
}

Result<std::string> Auth::logout(const net::RequestHead& head, bool secure) {
  SG_TRY(sessions_.revoke(Credential(head, secure).secret, now_s()));
  return cookie_field("", secure, 0);
}

Auth::Standing Auth::judge(const Credential& credential, std::string& actor) const {
  if (credential.secret.empty()) {
    return credential.not_bearer ? Standing::kNotBearer : Standing::kMissing;
  }
  // A signed token has two dots; the original's forgeable "webui-…" has none and is just wrong.
  if (std::count(credential.secret.begin(), credential.secret.end(), '.') == 2 &&
      credential.secret.starts_with("eyJ")) {
    switch (sessions_.check(credential.secret, now_s(), actor)) {
      case TokenState::kValid:
        return Standing::kLogin;
      case TokenState::kExpired:
        return Standing::kExpired;
      case TokenState::kRevoked:
        return Standing::kRevoked;
      case TokenState::kForged:
        return Standing::kForged;
    }
  }
  // A cookie is a login's or nothing: a key in one would escape the rules for cookies.
  if (credential.from_cookie) return Standing::kWrong;
  const auto digest = sha256(credential.secret);
  if (is_admin_key(digest)) {
    actor = "admin";
    return Standing::kAdmin;
  }
  if (contains(scrape_tokens_, digest)) {
    actor = "scrape";
    return Standing::kScrape;
  }
  if (contains(ingest_keys_, digest)) {
    actor = "ingest";
    return Standing::kIngest;
  }
  return Standing::kWrong;
}

Verdict Auth::admit(const Approach& approach) {
  Verdict verdict;
  if (approach.local_user) {
    verdict.actor = "local";
    return verdict;
  }
  if (approach.route.realm == Realm::kOpen || approach.route.realm == Realm::kGateway ||
      approach.route.realm == Realm::kPage) {
    // A login that another page sends would make the browser ours to that page.
    if (!approach.cross_site) return verdict;
    cross_site_.add();
    return {403, "permission_error", "This must be asked for by our own page.", 0,
            {},  "cross_site"};
  }
  const Credential credential(approach.head, approach.secure);
  std::string actor;
  const auto standing = judge(credential, actor);
  const bool known = standing >= Standing::kScrape && standing < Standing::kCount;
  const auto realm = approach.route.realm;
  const bool may_be_open = realm == Realm::kScrape || realm == Realm::kIngest;
  // A key that somebody bothers to send must be right: taking it as none would hide from them that
  // the same client is refused elsewhere. (A browser's old cookie is nobody's bother.)
  const bool shows_key = standing != Standing::kMissing && !credential.from_cookie;
  const bool wrong_key = realm == Realm::kIngest && shows_key;
  if (!known && may_be_open && approach.open_on_loopback && !wrong_key) {
    opened_.add();
    return verdict;
  }
  if (realm == Realm::kAdmin || !known) {
    const auto wait_s = admin_limit_.take(limit_key(known ? actor : "", approach.remote_address),
                                          clock_.monotonic_ns());
    if (wait_s > 0) {
      limited_.add();
      events_.on_rate_limited("admin", approach.remote_address);
      return {429, "rate_limit_error", "Rate limit exceeded", wait_s, std::move(actor), "limited"};
    }
  }
  standings_[static_cast<std::size_t>(standing)]->add();
  if (!known) return refuse(standing, realm, approach.remote_address);
  return enter(approach, standing, std::move(actor), credential.from_cookie);
}

// One message for all that is wrong about a token: the answer does not say which.
Verdict Auth::refuse(Standing standing, Realm realm, std::string_view address) {
  events_.on_refused(kStandings[static_cast<std::size_t>(standing)], address);
  std::string_view message =
      realm == Realm::kIngest ? "Invalid ingest key: send one of ingest.keys, or none on loopback"
                              : "Invalid admin token";
  if (standing == Standing::kMissing) message = "Authorization header required";
  if (standing == Standing::kNotBearer) message = "Bearer token required";
  return {
      401, "authentication_error", message, 0, {}, kStandings[static_cast<std::size_t>(standing)]};
}

Verdict Auth::enter(const Approach& approach, Standing standing, std::string actor,
                    bool by_cookie) {
  if (standing == Standing::kScrape && approach.route.realm != Realm::kScrape) {
    events_.on_refused("scrape_only", approach.remote_address);
    return {403, "permission_error", "This token may only read metrics.", 0, {}, "scrape_only"};
  }
  if (standing == Standing::kIngest && approach.route.realm != Realm::kIngest) {
    events_.on_refused("ingest_only", approach.remote_address);
    return {403, "permission_error", "This key may only send events.", 0, {}, "ingest_only"};
  }
  // A browser sends the cookie whoever's page asks, so for a change it proves too little.
  if (by_cookie && (approach.cross_site || (approach.route.changes && !approach.same_origin))) {
    cross_site_.add();
    events_.on_refused("cross_site", approach.remote_address);
    return {403, "permission_error", "This must be asked for by our own page.", 0,
            {},  "cross_site"};
  }
  Verdict verdict;
  verdict.actor = std::move(actor);
  return verdict;
}

void Auth::on_admin_request(const AdminRequest& request) { events_.on_admin_request(request); }

void Auth::on_admin_done(const AdminRequest& request, int status, std::int64_t duration_ns) {
  events_.on_admin_done(request, status, duration_ns);
}

}  // namespace sightglass::http
