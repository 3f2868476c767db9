// For tests: secrets as their makers write them, random within the form; and innocent values that
// look like some.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"

namespace sightglass::guard {

inline constexpr std::string_view kLowerHex = "0123456789abcdef";
inline constexpr std::string_view kBase62 =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
inline constexpr std::string_view kBase64Url =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";
inline constexpr std::string_view kBase64 =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+/";
inline constexpr std::string_view kBase36 = "0123456789abcdefghijklmnopqrstuvwxyz";
inline constexpr std::string_view kBase36Upper = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
inline constexpr std::string_view kBase32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
inline constexpr std::string_view kCrockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
inline constexpr std::string_view kDecimal = "0123456789";

inline std::string random_text(SeededRandom& random, std::string_view alphabet, std::size_t size) {
  std::string out;
  while (out.size() < size) out += alphabet[random.below(alphabet.size())];
  return out;
}

// A form in which `{h40}` stands for 40 random characters of the alphabet `h`.
struct SecretForm {
  std::string_view kind;  // empty: any rule may find it
  std::string_view form;
};

inline std::string_view alphabet_of(char letter) {
  switch (letter) {
    case 'h':
      return kLowerHex;
    case 'a':
      return kBase62;
    case 'u':
      return kBase64Url;
    case 'b':
      return kBase64;
    case 'l':
      return kBase36;
    case 'U':
      return kBase36Upper;
    case '3':
      return kBase32;
    case 'C':
      return kCrockford;
    default:
      return kDecimal;
  }
}

inline std::string fill_form(std::string_view form, SeededRandom& random) {
  std::string out;
  for (std::size_t i = 0; i < form.size(); ++i) {
    if (form[i] != '{') {
      out += form[i];
      continue;
    }
    std::size_t n = 0;
    const char letter = form[i + 1];
    for (i += 2; form[i] != '}'; ++i) n = n * 10 + static_cast<std::size_t>(form[i] - '0');
    out += random_text(random, alphabet_of(letter), n);
  }
  return out;
}

inline constexpr SecretForm kSecretForms[] = {
    {"sightglass_key", "sg_{a32}"},
    {"anthropic_key", "sk-ant-api03-{u93}AA"},
    {"anthropic_key", "sk-ant-admin01-{u93}AA"},
    {"anthropic_key", "sk-ant-oat01-{u86}"},
    {"openai_key", "sk-proj-{u74}T3BlbkFJ{u74}"},
    {"openai_key", "sk-svcacct-{u58}T3BlbkFJ{u58}"},
    {"openai_key", "sk-admin-{u58}T3BlbkFJ{u58}"},
    {"sk_key", "sk-{a20}T3BlbkFJ{a20}"},
    {"sk_key", "sk-{a48}"},
    {"sk_key", "sk-{h32}"},
    {"openai_key", "sess-{a40}"},
    {"openrouter_key", "sk-or-v1-{h64}"},
    {"langfuse_key", "sk-lf-{h8}-{h4}-{h4}-{h4}-{h12}"},
    {"google_api_key", "AIza{u35}"},
    {"google_api_key", "AQ.Ab{u46}"},
    {"google_oauth_token", "ya29.{u100}"},
    {"google_oauth_token", "GOCSPX-{u28}"},
    {"google_oauth_token", "1//0{a2}{u90}"},
    {"huggingface_token", "hf_{a34}"},
    {"groq_key", "gsk_{a52}"},
    {"xai_key", "xai-{a80}"},
    {"perplexity_key", "pplx-{a48}"},
    {"replicate_token", "r8_{a37}"},
    {"nvidia_key", "nvapi-{u64}"},
    {"fireworks_key", "fw_{a24}"},
    {"cerebras_key", "csk-{l48}"},
    {"together_key", "tgp_v1_{u43}"},
    {"langsmith_key", "lsv2_pt_{h32}_{h10}"},
    {"voyage_key", "pa-{u43}"},
    {"pinecone_key", "pcsk_{a6}_{a63}"},
    {"tavily_key", "tvly-dev-{a32}"},
    {"wandb_key", "wandb_v1_{a60}"},
    {"anyscale_key", "esecret_{a26}"},
    {"aws_key_id", "AKIA{316}"},
    {"aws_key_id", "ASIA{316}"},
    {"aws_bedrock_key", "ABSK{b120}"},
    {"aws_session_token", "IQoJb3JpZ2lu{b100}"},
    {"", "{b40}"},  // AWS' secret access keys have no mark
    {"azure_key", "{a52}JQQJ99{a26}"},
    {"azure_client_secret", "{a3}8Q~{u34}"},
    {"alibaba_key", "LTAI{a20}"},
    {"yandex_key", "AQVN{u36}"},
    {"digitalocean_token", "dop_v1_{h64}"},
    {"databricks_token", "dapi{h32}-2"},
    {"heroku_key", "HRKU-AA{u58}"},
    {"fly_token", "fm2_{b80}"},
    {"netlify_token", "nfp_{a36}"},
    {"supabase_key", "sbp_{h40}"},
    {"supabase_key", "sb_secret_{u31}"},
    {"planetscale_key", "pscale_tkn_{u43}"},
    {"tailscale_key", "tskey-auth-{a17}-{a32}"},
    {"vault_token", "hvs.{u95}"},
    {"terraform_token", "{a14}.atlasv1.{u64}"},
    {"doppler_token", "dp.pt.{a43}"},
    {"pulumi_token", "pul-{h40}"},
    {"github_token", "ghp_{a36}"},
    {"github_token", "gho_{a36}"},
    {"github_token", "ghs_{a36}"},
    {"github_token", "github_pat_{a22}_{a59}"},
    {"gitlab_token", "glpat-{u20}"},
    {"gitlab_token", "glpat-{u27}.{h2}.{l9}"},
    {"npm_token", "npm_{a36}"},
    {"pypi_token", "pypi-AgEIcHlwaS5vcmc{u100}"},
    {"rubygems_key", "rubygems_{h48}"},
    {"cratesio_token", "cio{a32}"},
    {"nuget_key", "oy2{l43}"},
    {"docker_token", "dckr_pat_{u27}"},
    {"atlassian_token", "ATATT3{u100}"},
    {"linear_key", "lin_api_{a40}"},
    {"stripe_key", "sk_live_{a24}"},
    {"stripe_key", "rk_live_{a99}"},
    {"stripe_key", "whsec_{b32}"},
    {"square_token", "sq0atp-{u22}"},
    {"shopify_token", "shpat_{h32}"},
    {"slack_token", "xoxb-{012}-{013}-{a24}"},
    {"slack_token", "xapp-1-A{U10}-{013}-{h64}"},
    {"slack_webhook", "https://hooks.slack.com/services/T{U8}/B{U10}/{a24}"},
    {"discord_webhook", "https://discord.com/api/webhooks/1{018}/{u68}"},
    {"discord_token", "MTk4NjIy{a18}.{u6}.{u38}"},
    {"telegram_token", "71{08}:AA{u33}"},
    {"sendgrid_key", "SG.{u22}.{u43}"},
    {"brevo_key", "xkeysib-{h64}-{a16}"},
    {"mailgun_key", "key-{h32}"},
    {"twilio_key", "SK{h32}"},
    {"facebook_token", "EAA{a120}"},
    {"notion_token", "ntn_{a46}"},
    {"figma_token", "figd_{u40}"},
    {"postman_key", "PMAK-{h24}-{h34}"},
    {"hubspot_token", "pat-na1-{h8}-{h4}-{h4}-{h4}-{h12}"},
    {"age_key", "AGE-SECRET-KEY-1{U58}"},
    {"grafana_token", "glsa_{a32}_{h8}"},
    {"newrelic_key", "NRAK-{U27}"},
    {"sentry_token", "sntryu_{h64}"},
    {"dynatrace_token", "dt0c01.{324}.{364}"},
    {"jwt", "eyJhbGciOiJIUzI1NiJ9.eyJ{u40}.{u43}"},
    {"private_key", "-----BEGIN RSA PRIVATE KEY-----MIIE{b64}"},
    {"private_key", "b3BlbnNzaC1rZXktdjEAAAAA{b64}"},
    {"url_password", "postgres://app:{a10}@db.internal:5432/main"},
    {"url_password", "mongodb+srv://root:{l8}@cluster0.mongodb.net"},
    {"assigned_secret", "Server=tcp:db;Password={a10};Encrypt=yes"},
    {"assigned_secret", "AccountKey={b20}"},
    {"assigned_secret", "password:{a9}7"},
    {"authorization", "Bearer {a12}7"},
    {"authorization", "Authorization: Basic QWx{b9}9"},
    {"email", "{l6}.x{l3}@example.com"},
    {"long_hex", "{h32}"},
    {"long_hex", "{h64}"},
    {"random_text", "{a24}"},
    {"random_text", "{a40}"},
    {"random_text", "{l32}"},
    {"random_text", "{332}"},
    {"random_text", "{u43}"},
};

// The digit that makes a card number's Luhn sum right.
inline std::string with_luhn(std::string digits) {
  for (char last = '0'; last <= '9'; ++last) {
    unsigned sum = 0;
    const auto whole = digits + last;
    for (std::size_t i = 0; i < whole.size(); ++i) {
      unsigned digit = static_cast<unsigned>(whole[whole.size() - 1 - i] - '0');
      if (i % 2 == 1) digit = digit < 5 ? digit * 2 : digit * 2 - 9;
      sum += digit;
    }
    if (sum % 10 == 0) return whole;
  }
  return digits;
}

// A German IBAN with right check digits.
inline std::string random_iban(SeededRandom& random) {
  const auto account = random_text(random, kDecimal, 18);
  unsigned rest = 0;
  for (const char c : account + "131400") rest = (rest * 10 + static_cast<unsigned>(c - '0')) % 97;
  const unsigned check = 98 - rest;
  return std::string("DE") + static_cast<char>('0' + check / 10) +
         static_cast<char>('0' + check % 10) + account;
}

struct PlantedSecret {
  std::string kind;
  std::string text;
};

// Numbers of persons, whose forms need arithmetic.
inline std::vector<PlantedSecret> personal_numbers(SeededRandom& random) {
  const auto digits = [&](std::size_t n) { return random_text(random, kDecimal, n); };
  auto hyphenated = with_luhn("5" + std::to_string(1 + random.below(5)) + digits(13));
  for (const std::size_t at : {12, 8, 4}) hyphenated.insert(at, "-");
  return {{"card_number", with_luhn("4" + digits(14))},
          {"card_number", with_luhn("37" + digits(12))},
          {"card_number", hyphenated},
          {"iban", random_iban(random)},
          {"phone_number", "+491" + digits(9)},
          {"phone_number", "+1-415-555-" + digits(4)},
          {"social_security_number", "123-4" + digits(1) + "-6" + digits(3)}};
}

inline std::vector<PlantedSecret> plant_each(SeededRandom& random) {
  std::vector<PlantedSecret> out;
  for (const auto& form : kSecretForms) {
    out.push_back({std::string(form.kind), fill_form(form.form, random)});
  }
  for (auto& number : personal_numbers(random)) out.push_back(std::move(number));
  return out;
}

}  // namespace sightglass::guard
