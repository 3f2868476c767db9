#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "base/sha256.h"
#include "base/text.h"
#include "logs/logs.h"

namespace sightglass::logs {
namespace {

constexpr bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
constexpr bool is_key_character(char c) { return is_alphanumeric(c) || c == '_' || c == '-'; }
constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
// RFC 9110, token68.
constexpr bool is_token68(char c) {
  return is_key_character(c) || c == '.' || c == '~' || c == '+' || c == '/' || c == '=';
}
constexpr bool is_blank(char c) { return c == ' ' || c == '\t'; }

std::string short_hash(std::string_view key) {
  if (key.empty() || key == "REDACTED") return "REDACTED";
  return sha256_hex(key).substr(0, 8);
}

// Keys that name themselves. `shown` stands before the hash.
struct Prefix {
  std::string_view text;
  std::string_view shown;
  std::size_t min_rest;
  bool dotted;  // a token with dots inside (JWT)
};
constexpr std::array<Prefix, 24> kPrefixes = {{
    {"sk-", "sk-", 16, false},          // OpenAI, Anthropic, OpenRouter, DeepSeek
    {"sg_", "sg_", 16, false},          // ours
    {"sk_", "sk_", 16, false},          // ElevenLabs, Stripe
    {"AIza", "AIza", 30, false},        // Google
    {"gsk_", "gsk_", 16, false},        // Groq
    {"xai-", "xai-", 16, false},        // xAI
    {"pplx-", "pplx-", 16, false},      // Perplexity
    {"hf_", "hf_", 16, false},          // Hugging Face
    {"r8_", "r8_", 16, false},          // Replicate
    {"nvapi-", "nvapi-", 16, false},    // NVIDIA
    {"csk-", "csk-", 16, false},        // Cerebras
    {"fw_", "fw_", 16, false},          // Fireworks
    {"tgp_v1_", "tgp_v1_", 16, false},  // Together
    {"sess-", "sess-", 16, false},      // OpenAI sessions
    {"ghp_", "ghp_", 16, false},        // GitHub
    {"gho_", "gho_", 16, false},       {"ghu_", "ghu_", 16, false},
    {"ghs_", "ghs_", 16, false},       {"github_pat_", "github_pat_", 16, false},
    {"AKIA", "AKIA", 16, false},                                      // AWS
    {"ASIA", "ASIA", 16, false},       {"ya29.", "ya29.", 16, true},  // Google OAuth
    {"eyJ", "eyJ", 30, true},                                         // JSON Web Token
    {"whsec_", "whsec_", 16, false},
}};

// Names whose value is a key, in any case, in headers, JSON, YAML, query strings and environments.
constexpr std::array<std::string_view, 14> kNames = {
    "x-api-key",    "x-goog-api-key", "api-key",       "api_key",          "apikey",
    "x_api_key",    "authorization",  "proxy_api_key", "admin_api_key",    "openai_api_key",
    "access_token", "client_secret",  "secret_key",    "anthropic_api_key"};

struct Scheme {
  std::string_view text;
  std::size_t min_rest;
};
// "Bearer" is always followed by a key; the other two are English words too.
constexpr std::array<Scheme, 3> kSchemes = {{{"bearer", 1}, {"basic", 16}, {"token", 20}}};

class Hasher {
 public:
  explicit Hasher(std::string_view in) : in_(in) {}

  std::string run() {
    while (at_ < in_.size()) {
      const bool starts_word = at_ == 0 || !is_alphanumeric(in_[at_ - 1]);
      if (starts_word && (named() || scheme() || prefixed() || query_key())) continue;
      out_.push_back(in_[at_++]);
    }
    return std::move(out_);
  }

 private:
  bool starts(std::string_view word) const {
    return in_.size() - at_ >= word.size() && lower(in_[at_]) == word[0] &&
           equals_ignoring_case(in_.substr(at_, word.size()), word);
  }
  // Copies up to `to`, then the hash of [to, end), and goes on behind it.
  bool replace(std::size_t to, std::size_t end) {
    out_.append(in_, at_, to - at_);
    out_.append(short_hash(in_.substr(to, end - to)));
    at_ = end;
    return true;
  }
  std::size_t skip(std::size_t i, bool (*is)(char)) const {
    while (i < in_.size() && is(in_[i])) ++i;
    return i;
  }
  // A quote, also as it stands inside a JSON string: `\"`.
  std::size_t skip_quote(std::size_t i) const {
    std::size_t j = i;
    while (j < in_.size() && in_[j] == '\\') ++j;
    return j < in_.size() && (in_[j] == '"' || in_[j] == '\'') ? j + 1 : i;
  }

  bool named() {
    for (const auto name : kNames) {
      if (!starts(name)) continue;
      std::size_t i = skip_quote(at_ + name.size());
      i = skip(i, is_blank);
      if (i >= in_.size() || (in_[i] != ':' && in_[i] != '=')) continue;
      i = skip(i + 1, is_blank);
      const std::size_t value = skip_quote(i);
      for (const auto& [scheme, least] : kSchemes) {
        // `Authorization: Bearer …`: the key is what follows the scheme.
        const auto rest = in_.substr(value);
        if (rest.size() > scheme.size() && is_blank(rest[scheme.size()]) &&
            equals_ignoring_case(rest.substr(0, scheme.size()), scheme)) {
          const auto key = skip(value + scheme.size(), is_blank);
          return replace(key, value_end(key, value > i));
        }
      }
      const auto end = value_end(value, value > i);
      if (end == value && value == i) continue;  // nothing there
      return replace(value, end);
    }
    return false;
  }

  // Quoted: up to the closing quote. Bare: up to a blank or a separator.
  std::size_t value_end(std::size_t i, bool quoted) const {
    const std::string_view stops = quoted ? "\"'\\" : " \t\"',;&)}]\\";
    const auto end = in_.find_first_of(stops, i);
    return end == std::string_view::npos ? in_.size() : end;
  }

  bool scheme() {
    for (const auto& [word, least] : kSchemes) {
      if (!starts(word)) continue;
      const auto key = skip(at_ + word.size(), is_blank);
      if (key == at_ + word.size()) continue;
      const auto end = skip(key, is_token68);
      if (end - key < least) continue;
      return replace(key, end);
    }
    return false;
  }

  bool prefixed() {
    for (const auto& prefix : kPrefixes) {
      if (in_[at_] != prefix.text[0] || !in_.substr(at_).starts_with(prefix.text)) continue;
      const auto end = skip(at_ + prefix.text.size(),
                            prefix.dotted ? [](char c) { return is_key_character(c) || c == '.'; }
                                          : is_key_character);
      if (end - at_ < prefix.text.size() + prefix.min_rest) continue;
      const auto key = in_.substr(at_, end - at_);
      out_.append(prefix.shown).append(short_hash(key));
      at_ = end;
      return true;
    }
    return false;
  }

  // `?key=…` and `&key=…`, as Google's APIs take it.
  bool query_key() {
    if (!starts("key=") || at_ == 0 || (in_[at_ - 1] != '?' && in_[at_ - 1] != '&')) return false;
    const auto key = at_ + 4;
    const auto end = value_end(key, false);
    return end != key && replace(key, end);
  }

  std::string_view in_;
  std::size_t at_ = 0;
  std::string out_;
};

}  // namespace

std::string hash_keys(std::string_view line) { return Hasher(line).run(); }

}  // namespace sightglass::logs
