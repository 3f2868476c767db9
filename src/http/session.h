// Logins: signed tokens that end by themselves, and the list of those that were ended before.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/random.h"
#include "base/result.h"

namespace sightglass::http {

std::string base64url(std::string_view bytes);  // RFC 4648 section 5, without padding
// Empty for malformed text; what is decoded here is never empty.
std::string base64url_decode(std::string_view text);

enum class TokenState : std::uint8_t { kValid, kForged, kExpired, kRevoked };

// JSON Web Tokens (RFC 7519) with HS256 under a random 256-bit key that serves nothing else.
//
// Kept in the folder: `session-key` (0600) and `sessions-revoked`, so that a logout outlasts a
// restart. A damaged key file is replaced, which ends all sessions.
// Threads: any. Bounds: 10,000 revoked tokens; past it the key is replaced, which ends all
// sessions rather than bringing ended ones back.
class Sessions {
 public:
  static constexpr std::size_t kMostRevoked = 10'000;

  Sessions(FileSystem& fs, std::string folder, Random& random,
           std::size_t most_revoked = kMostRevoked);
  Status load(std::int64_t now_s);

  // `id` consists of letters, digits and "._@-", 1 to 64 of them.
  std::string issue(std::string_view id, std::int64_t now_s, std::int64_t lifetime_s);
  // `id` is set for kValid.
  TokenState check(std::string_view token, std::int64_t now_s, std::string& id) const;
  Status revoke(std::string_view token, std::int64_t now_s);  // not valid: nothing to do
  Status end_all();                                           // a new key

 private:
  struct Claims {
    std::string id, token_id;
    std::int64_t expires_s = 0;
  };
  std::string sign(std::string_view text) const;  // under the mutex
  bool read(std::string_view token, Claims& claims) const;
  Status new_key();
  Status save_revoked(std::int64_t now_s);

  FileSystem& fs_;
  const std::string folder_;
  Random& random_;
  const std::size_t most_revoked_;
  mutable std::mutex mutex_;
  std::string key_;
  std::unordered_map<std::string, std::int64_t> revoked_;  // token id → when it expires
};

}  // namespace sightglass::http
