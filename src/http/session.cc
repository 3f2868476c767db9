#include "http/session.h"

#include <algorithm>

#include "base/json_writer.h"
#include "base/sha256.h"
#include "base/text.h"

namespace sightglass::http {
namespace {

constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kLongestToken = 1024;

int base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '-') return 62;
  if (c == '_') return 63;
  return -1;
}

// {"alg":"HS256","typ":"JWT"}: the only header that is made or taken, so that no token can choose
// its own algorithm.
constexpr std::string_view kHeader = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

// The value of a member of the flat object that issue() writes; the signature was checked before.
std::string_view member(std::string_view json, std::string_view name) {
  const auto key = "\"" + std::string(name) + "\":";
  auto at = json.find(key);
  if (at == std::string_view::npos) return {};
  at += key.size();
  if (at < json.size() && json[at] == '"') {
    const auto end = json.find('"', at + 1);
    return end == std::string_view::npos ? std::string_view() : json.substr(at + 1, end - at - 1);
  }
  return json.substr(at, json.find_first_of(",}", at) - at);
}

}  // namespace

std::string base64url(std::string_view bytes) {
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : bytes) {
    bits = bits << 8 | static_cast<unsigned char>(c);
    for (count += 8; count >= 6;) out.push_back(kAlphabet[bits >> (count -= 6) & 63]);
  }
  if (count > 0) out.push_back(kAlphabet[bits << (6 - count) & 63]);
  return out;
}

std::string base64url_decode(std::string_view text) {
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const int digit = base64_digit(c);
    if (digit < 0) return {};
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    count += 6;
    if (count >= 8) out.push_back(static_cast<char>(bits >> (count -= 8) & 0xff));
  }
  return out;
}

Sessions::Sessions(FileSystem& fs, std::string folder, Random& random, std::size_t most_revoked)
    : fs_(fs), folder_(std::move(folder)), random_(random), most_revoked_(most_revoked) {}

Status Sessions::load(std::int64_t now_s) {
  const std::scoped_lock lock(mutex_);
  const auto key_path = folder_ + "/session-key";
  if (fs_.exists(key_path)) {
    SG_ASSIGN(const auto text, read_file(fs_, key_path, 4096));
    key_ = base64url_decode(trim(text));
  }
  if (key_.size() != kKeyBytes) SG_TRY(new_key());
  const auto revoked_path = folder_ + "/sessions-revoked";
  if (!fs_.exists(revoked_path)) return {};
  SG_ASSIGN(const auto text, read_file(fs_, revoked_path, 4 << 20));
  std::string_view left = text;
  while (!left.empty()) {
    const auto end = std::min(left.find('\n'), left.size());
    const auto line = left.substr(0, end);
    left.remove_prefix(std::min(end + 1, left.size()));
    const auto blank = line.find(' ');
    if (blank == std::string_view::npos) continue;
    const auto expires_s = parse_int(line.substr(blank + 1));
    if (expires_s && *expires_s > now_s) revoked_.emplace(line.substr(0, blank), *expires_s);
  }
  return {};
}

Status Sessions::new_key() {
  key_.resize(kKeyBytes);
  random_.fill(key_.data(), key_.size());
  revoked_.clear();  // what it listed is no longer signed
  return replace_file(fs_, folder_ + "/session-key", base64url(key_) + "\n");
}

Status Sessions::end_all() {
  const std::scoped_lock lock(mutex_);
  SG_TRY(new_key());
  return save_revoked(0);
}

std::string Sessions::sign(std::string_view text) const {
  const auto digest = hmac_sha256(key_, text);
  return base64url({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

std::string Sessions::issue(std::string_view id, std::int64_t now_s, std::int64_t lifetime_s) {
  const std::scoped_lock lock(mutex_);
  std::string payload;
  JsonWriter json(payload);
  json.begin_object().key("admin_id").string(id).key("type").string("webui");
  json.key("jti").string(random_hex(random_, 16));
  json.key("iat").integer(now_s).key("exp").integer(now_s + lifetime_s).end_object();
  const auto text = std::string(kHeader) + "." + base64url(payload);
  return text + "." + sign(text);
}

bool Sessions::read(std::string_view token, Claims& claims) const {
  if (token.size() > kLongestToken || !token.starts_with(kHeader)) return false;
  const auto dot = token.rfind('.');
  if (dot == std::string_view::npos || dot <= kHeader.size() || token[kHeader.size()] != '.') {
    return false;
  }
  if (!equal_in_constant_time(sign(token.substr(0, dot)), token.substr(dot + 1))) return false;
  const auto payload = base64url_decode(token.substr(kHeader.size() + 1, dot - kHeader.size() - 1));
  const auto expires_s = parse_int(member(payload, "exp"));
  claims.id = member(payload, "admin_id");
  claims.token_id = member(payload, "jti");
  claims.expires_s = expires_s.value_or(0);
  return expires_s.has_value() && !claims.id.empty() && !claims.token_id.empty();
}

TokenState Sessions::check(std::string_view token, std::int64_t now_s, std::string& id) const {
  const std::scoped_lock lock(mutex_);
  Claims claims;
  if (!read(token, claims)) return TokenState::kForged;
  if (claims.expires_s <= now_s) return TokenState::kExpired;
  if (revoked_.contains(claims.token_id)) return TokenState::kRevoked;
  id = std::move(claims.id);
  return TokenState::kValid;
}

Status Sessions::revoke(std::string_view token, std::int64_t now_s) {
  const std::scoped_lock lock(mutex_);
  Claims claims;
  if (!read(token, claims) || claims.expires_s <= now_s) return {};
  std::erase_if(revoked_, [&](const auto& entry) { return entry.second <= now_s; });
  if (revoked_.size() >= most_revoked_) {
    SG_TRY(new_key());
  } else {
    revoked_[claims.token_id] = claims.expires_s;
  }
  return save_revoked(now_s);
}

Status Sessions::save_revoked(std::int64_t now_s) {
  std::string text;
  for (const auto& [token_id, expires_s] : revoked_) {
    if (expires_s <= now_s) continue;
    text.append(token_id).append(" ").append(std::to_string(expires_s)).append("\n");
  }
  return replace_file(fs_, folder_ + "/sessions-revoked", text);
}

}  // namespace sightglass::http
