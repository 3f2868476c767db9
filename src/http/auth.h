// Who may enter: the admin key, logins, the scrape token, and limits on asking.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/log.h"
#include "base/random.h"
#include "base/sha256.h"
#include "base/telemetry.h"
#include "http/gatekeeper.h"
#include "http/rate_limit.h"
#include "http/session.h"

namespace sightglass::http {

// What an auditor wants to hear; `app` journals it and prints the [AUDIT] lines.
// Threads: called from any worker, so it must not wait. Texts are safe to print: validated paths
// without a query, addresses without a port, never a credential.
class AuthEvents {
 public:
  virtual ~AuthEvents() = default;
  virtual void on_admin_request(const AdminRequest& request) { (void)request; }
  virtual void on_admin_done(const AdminRequest& request, int status, std::int64_t duration_ns) {
    (void)request, (void)status, (void)duration_ns;
  }
  virtual void on_login_ok(std::string_view admin_id, std::string_view address) {
    (void)admin_id, (void)address;
  }
  virtual void on_login_failed(std::string_view address) { (void)address; }
  // A credential was refused: "missing", "wrong", "expired", "revoked", "forged", "scrape_only",
  // "ingest_only",
  // "cross_site".
  virtual void on_refused(std::string_view reason, std::string_view address) {
    (void)reason, (void)address;
  }
  virtual void on_rate_limited(std::string_view what, std::string_view address) {
    (void)what, (void)address;  // "login" or "admin"
  }
};

struct AuthOptions {
  // Whether any door is open beyond loopback; then configured keys need 16 characters.
  enum class Reach : std::uint8_t { kLoopback, kNetwork };

  std::string data_folder;
  Reach reach = Reach::kLoopback;
  std::vector<std::string> admin_keys;  // configured ones, beside the one made here
  std::string admin_id = "admin";       // of the login with a password
  std::string admin_password;           // empty: only the admin key opens the login
  std::vector<std::string> scrape_tokens;
  std::vector<std::string> ingest_keys;
  Nanos session_ns = 24 * 3600 * kSecond;
  std::size_t admin_requests_per_minute = 100;  // per identity and address
  std::size_t failed_logins_per_minute = 10;    // per address
};

// Makes a new admin key, stores its hash in `<folder>/admin-key.hash` in place of the old one's,
// and returns the key itself, which is kept nowhere.
Result<std::string> make_admin_key(FileSystem& fs, const std::string& folder, Random& random);

// The gatekeeper of the program.
//
// kIngest is open in the same way as kScrape, but to requests without a key only: a wrong one is
// refused there, too. Else it takes an ingest key or whatever kAdmin takes.
// kScrape is open to requests for which Approach::open_on_loopback holds; else it takes a scrape
// token or whatever kAdmin takes. kAdmin takes the admin key or a login's token as
// `Authorization: Bearer` or `x-api-key`, or the login's cookie; with the cookie, what changes
// anything must come from our own page. The Unix socket's user is "local" and needs nothing.
// Nothing is ever read from a query string. Secrets are compared by digest, in constant time.
//
// Threads: any. Bounds: 10,000 counted addresses per limit, 10,000 revoked logins.
class Auth final : public Gatekeeper {
 public:
  // Errors: kInvalid for keys that are empty, or too short for the reach; kIo.
  static Result<std::unique_ptr<Auth>> make(AuthOptions options, FileSystem& fs, const Clock& clock,
                                            Random& random, Telemetry& telemetry, Log& log,
                                            AuthEvents& events);

  // The admin key that this start had to make, once: for the terminal or `<data>/admin-key`.
  std::optional<std::string> take_new_admin_key();
  // A new admin key in place of the one made here (not of configured ones); ends all sessions.
  Result<std::string> replace_admin_key();

  struct Login {
    enum class Outcome : std::uint8_t { kOk, kWrong, kLimited };
    Outcome outcome = Outcome::kWrong;
    std::string token;
    std::string set_cookie;  // the whole field value
    int retry_after_s = 0;   // kLimited
  };
  // `password` may be the admin key, with any id. `address` as the exchange says.
  Login login(std::string_view admin_id, std::string_view password, std::string_view address,
              bool secure);
  // Ends the login that the request shows; gives the Set-Cookie that clears it.
  Result<std::string> logout(const net::RequestHead& head, bool secure);

  Verdict admit(const Approach& approach) override;
  void on_admin_request(const AdminRequest& request) override;
  void on_admin_done(const AdminRequest& request, int status, std::int64_t duration_ns) override;

 private:
  struct Credential;
  enum class Standing : std::uint8_t {
    kMissing,
    kNotBearer,
    kWrong,
    kExpired,
    kRevoked,
    kForged,
    kScrape,
    kIngest,
    kAdmin,
    kLogin,
    kCount
  };
  Auth(AuthOptions options, FileSystem& fs, const Clock& clock, Random& random,
       Telemetry& telemetry, AuthEvents& events);
  Status open(Log& log);
  bool is_admin_key(const Digest& digest) const;
  Standing judge(const Credential& credential, std::string& actor) const;
  Verdict refuse(Standing standing, Realm realm, std::string_view address);
  Verdict enter(const Approach& approach, Standing standing, std::string actor, bool by_cookie);
  std::int64_t now_s() const { return clock_.wall_ns() / kSecond; }

  const AuthOptions options_;
  FileSystem& fs_;
  const Clock& clock_;
  // One source for all workers.
  class SharedRandom final : public Random {
   public:
    explicit SharedRandom(Random& random) : random_(random) {}
    void fill(char* out, std::size_t size) override {
      const std::scoped_lock lock(mutex_);
      random_.fill(out, size);
    }

   private:
    Random& random_;
    std::mutex mutex_;
  };
  SharedRandom random_;
  AuthEvents& events_;
  Sessions sessions_;
  RateLimit admin_limit_;
  RateLimit login_limit_;
  std::vector<Digest> configured_keys_;
  std::vector<Digest> scrape_tokens_;
  std::vector<Digest> ingest_keys_;
  Digest admin_id_{}, admin_password_{};
  std::optional<std::string> new_key_;
  std::mutex replacing_;      // one new key at a time
  mutable std::mutex mutex_;  // of stored_key_; never held over file work
  std::optional<Digest> stored_key_;
  std::vector<Counter*> standings_;
  Counter& opened_;
  Counter& cross_site_;
  Counter& limited_;
  Counter& login_ok_;
  Counter& login_failed_;
  Counter& login_limited_;
};

}  // namespace sightglass::http
