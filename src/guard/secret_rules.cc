#include "guard/secret_rules.h"

#include "guard/secret_shapes.h"
#include "guard/secret_text.h"

namespace sightglass::guard {
namespace {

// `sk-` is also how names begin; a key has a part that is no word: ten letters and digits mixed.
bool is_sk_key(std::string_view value, std::size_t at, std::size_t literal_size) {
  const auto body = run_of(value, at + literal_size, kWord);
  if (body.size() < 16) return false;
  for (std::size_t i = 0; i < body.size();) {
    const auto part = run_of(body, i, kAlnum);
    const auto shape = shape_of(part);
    if (part.size() >= 10 && shape.digits > 0 && shape.lower + shape.upper > 0) return true;
    if (part.size() >= 16 && shape.lower > 0 && shape.upper > 2) return true;
    i += std::max<std::size_t>(1, part.size());
  }
  return changes_often(shape_of(body), 40);
}

// Three base64url parts; the first is the header `{"…`. A header alone is already no name.
bool is_jwt(std::string_view value, std::size_t at, std::size_t) {
  const auto header = run_of(value, at, kWord);
  if (header.size() < 12) return false;
  const auto next = at + header.size();
  if (next < value.size() && value[next] == '.') return run_of(value, next + 1, kWord).size() >= 4;
  return header.size() >= 20;
}

// What follows is one random part and no words.
bool is_marked(std::string_view value, std::size_t at, std::size_t literal_size) {
  const auto shape = shape_of(run_of(value, at + literal_size, kWord | kDot));
  return shape.digits > 0 || (shape.lower > 0 && shape.upper > 2);
}

// For literals so short that names begin with them, too.
bool is_thoroughly_mixed(std::string_view value, std::size_t at, std::size_t literal_size) {
  const auto shape = shape_of(run_of(value, at + literal_size, kWord));
  return shape.digits > 0 && changes_often(shape, 25);
}

constexpr std::uint8_t kCapitals = kUpper | kDigit;
constexpr std::uint8_t kDotted = kWord | kDot;
constexpr std::uint8_t kBase64 = kAlnum | kBase64Mark;

// Of literals that begin alike the longer one stands first.
constexpr SecretRule kRules[] = {
    // Our own.
    {"sightglass_key", "sg_", kWord, 16, is_marked},
    // Providers of models.
    {"anthropic_key", "sk-ant-", kWord, 12},
    {"openai_key", "sk-proj-", kWord, 20, is_marked},
    {"openai_key", "sk-svcacct-", kWord, 20, is_marked},
    {"openai_key", "sk-admin-", kWord, 20, is_marked},
    {"openai_key", "sess-", kAlnum, 20, is_marked},
    {"openrouter_key", "sk-or-v1-", kHex, 32},
    {"langfuse_key", "sk-lf-", kWord, 20, is_marked},
    {"langfuse_key", "pk-lf-", kWord, 20, is_marked},
    {"stripe_key", "sk_live_", kAlnum, 16},
    {"stripe_key", "sk_test_", kAlnum, 16},
    {"sk_key", "sk-", 0, 0, is_sk_key},  // OpenAI's old form, DeepSeek, Moonshot, LiteLLM, …
    {"sk_key", "sk_", 0, 0, is_sk_key},  // ElevenLabs, Clerk, …
    {"google_api_key", "AIza", kWord, 30},
    {"google_api_key", "AQ.Ab", kWord, 20},
    {"google_oauth_token", "ya29.", kWord, 20},
    {"google_oauth_token", "GOCSPX-", kWord, 20},
    {"google_oauth_token", "1//0", kWord, 28, is_marked},
    {"huggingface_token", "hf_", kAlnum, 24},
    {"huggingface_token", "api_org_", kAlnum, 24},
    {"groq_key", "gsk_", kAlnum, 24},
    {"xai_key", "xai-", kAlnum, 24},
    {"perplexity_key", "pplx-", kAlnum, 24},
    {"replicate_token", "r8_", kAlnum, 24},
    {"nvidia_key", "nvapi-", kWord, 40},
    {"fireworks_key", "fw_", kAlnum, 20},
    {"cerebras_key", "csk-", kAlnum, 24},
    {"together_key", "tgp_v1_", kWord, 24},
    {"langsmith_key", "lsv2_pt_", kWord, 24},
    {"langsmith_key", "lsv2_sk_", kWord, 24},
    {"voyage_key", "pa-", kWord, 36, is_thoroughly_mixed},
    {"pinecone_key", "pcsk_", kWord, 24},
    {"tavily_key", "tvly-", kWord, 20, is_marked},
    {"jina_key", "jina_", kWord, 40},
    {"wandb_key", "wandb_v1_", kWord, 24},
    {"anyscale_key", "esecret_", kAlnum, 20},
    // Clouds.
    {"aws_key_id", "AKIA", kCapitals, 16},
    {"aws_key_id", "ASIA", kCapitals, 16},
    {"aws_key_id", "AROA", kCapitals, 16},
    {"aws_key_id", "AIDA", kCapitals, 16},
    {"aws_key_id", "AGPA", kCapitals, 16},
    {"aws_key_id", "ANPA", kCapitals, 16},
    {"aws_key_id", "ANVA", kCapitals, 16},
    {"aws_key_id", "ABIA", kCapitals, 16},
    {"aws_key_id", "ACCA", kCapitals, 16},
    {"aws_bedrock_key", "ABSK", kBase64, 40},
    {"aws_bedrock_key", "bedrock-api-key-", kWord, 40},
    {"aws_session_token", "IQoJb3JpZ2lu", kBase64, 8},
    {"aws_session_token", "FwoGZXIvYXdz", kBase64, 8},
    {"alibaba_key", "LTAI", kAlnum, 16, is_marked},
    {"tencent_key", "AKID", kAlnum, 32},
    {"yandex_key", "AQVN", kWord, 35},
    {"digitalocean_token", "dop_v1_", kHex, 32},
    {"digitalocean_token", "doo_v1_", kHex, 32},
    {"digitalocean_token", "dor_v1_", kHex, 32},
    {"databricks_token", "dapi", kHex, 32},
    {"heroku_key", "HRKU-", kWord, 30},
    {"fly_token", "fo1_", kWord, 40},
    {"fly_token", "fm1_", kBase64, 40},
    {"fly_token", "fm2_", kBase64, 40},
    {"netlify_token", "nfp_", kAlnum, 32},
    {"vercel_token", "vcp_", kAlnum, 20, is_marked},
    {"vercel_token", "vck_", kAlnum, 20, is_marked},
    {"supabase_key", "sbp_", kHex, 40},
    {"supabase_key", "sb_secret_", kWord, 20},
    {"planetscale_key", "pscale_tkn_", kWord, 30},
    {"planetscale_key", "pscale_pw_", kWord, 30},
    {"tailscale_key", "tskey-", kWord, 20, is_marked},
    {"vault_token", "hvs.", kWord, 24},
    {"vault_token", "hvb.", kWord, 24},
    {"doppler_token", "dp.pt.", kAlnum, 40},
    {"doppler_token", "dp.st.", kDotted, 40, is_marked},
    {"pulumi_token", "pul-", kHex, 40},
    // Where code and packages live.
    {"github_token", "ghp_", kAlnum, 20},
    {"github_token", "gho_", kAlnum, 20},
    {"github_token", "ghu_", kAlnum, 20},
    {"github_token", "ghs_", kAlnum, 20},
    {"github_token", "ghr_", kAlnum, 20},
    {"github_token", "github_pat_", kWord, 20},
    {"gitlab_token", "glpat-", kDotted, 16},
    {"gitlab_token", "gldt-", kWord, 16},
    {"gitlab_token", "glrt-", kDotted, 16},
    {"gitlab_token", "glcbt-", kWord, 16},
    {"gitlab_token", "glptt-", kWord, 16},
    {"gitlab_token", "gloas-", kWord, 16},
    {"gitlab_token", "glsoat-", kWord, 16},
    {"gitlab_token", "GR1348941", kWord, 16},
    {"npm_token", "npm_", kAlnum, 24},
    {"pypi_token", "pypi-", kWord, 40},
    {"rubygems_key", "rubygems_", kHex, 40},
    {"cratesio_token", "cio", kAlnum, 32, is_marked},
    {"nuget_key", "oy2", kAlnum, 40, is_marked},
    {"docker_token", "dckr_pat_", kWord, 20},
    {"atlassian_token", "ATATT3", kWord, 40},
    {"atlassian_token", "ATCTT3", kWord, 40},
    {"linear_key", "lin_api_", kAlnum, 30},
    // Payments, messages, and the rest of the office.
    {"stripe_key", "rk_live_", kAlnum, 16},
    {"stripe_key", "rk_test_", kAlnum, 16},
    {"stripe_key", "pk_live_", kAlnum, 16},
    {"stripe_key", "pk_test_", kAlnum, 16},
    {"stripe_key", "whsec_", kBase64, 16},
    {"square_token", "sq0atp-", kWord, 20},
    {"square_token", "sq0csp-", kWord, 40},
    {"shopify_token", "shpat_", kHex, 32},
    {"shopify_token", "shpca_", kHex, 32},
    {"shopify_token", "shppa_", kHex, 32},
    {"shopify_token", "shpss_", kHex, 32},
    {"slack_token", "xoxb-", kWord, 10},
    {"slack_token", "xoxp-", kWord, 10},
    {"slack_token", "xoxa-", kWord, 10},
    {"slack_token", "xoxr-", kWord, 10},
    {"slack_token", "xoxs-", kWord, 10},
    {"slack_token", "xoxe-", kWord, 10},
    {"slack_token", "xoxe.", kDotted, 10},
    {"slack_token", "xoxc-", kWord, 10},
    {"slack_token", "xoxd-", kWord, 10},
    {"slack_token", "xapp-", kWord, 10},
    {"slack_webhook", "hooks.slack.com/services/", kAlnum | kBase64Mark, 16},
    {"slack_webhook", "hooks.slack.com/workflows/", kAlnum | kBase64Mark, 16},
    {"discord_webhook", "discord.com/api/webhooks/", kDigit, 16},
    {"discord_webhook", "discordapp.com/api/webhooks/", kDigit, 16},
    {"sendgrid_key", "SG.", kWord, 16},
    {"brevo_key", "xkeysib-", kHex, 32},
    {"mailgun_key", "key-", kHex, 32},
    {"twilio_key", "SK", kHex, 32},
    {"twilio_key", "AC", kHex, 32},
    {"facebook_token", "EAA", kAlnum, 60},
    {"notion_token", "ntn_", kAlnum, 40},
    {"notion_token", "secret_", kAlnum, 40},
    {"figma_token", "figd_", kWord, 30},
    {"postman_key", "PMAK-", kWord, 40},
    {"hubspot_token", "pat-na1-", kWord, 30},
    {"hubspot_token", "pat-eu1-", kWord, 30},
    {"contentful_token", "CFPAT-", kWord, 40},
    {"onepassword_token", "ops_eyJ", kWord, 40},
    {"age_key", "AGE-SECRET-KEY-1", kCapitals, 50},
    // Those who watch, as we do.
    {"grafana_token", "glsa_", kAlnum, 30},
    {"grafana_token", "glc_", kBase64, 32},
    {"newrelic_key", "NRAK-", kCapitals, 27},
    {"newrelic_key", "NRJS-", kWord, 19},
    {"newrelic_key", "NRII-", kWord, 30},
    {"sentry_token", "sntrys_", kBase64 | kWordMark, 40},
    {"sentry_token", "sntryu_", kHex, 40},
    {"dynatrace_token", "dt0c01.", kDotted, 40},
    // Forms that many use.
    {"jwt", "eyJ", 0, 0, is_jwt},
    {"private_key", "-----BEGIN", 0, 0},
    {"private_key", "b3BlbnNzaC1rZXktdjE", kBase64, 4},  // base64 of "openssh-key-v1"
    {"private_key", "PuTTY-User-Key-File-", kDigit, 1},
    // Of shape.
    {"openai_key", {}, 0, 0, has_openai_marker},
    {"azure_key", {}, 0, 0, has_azure_marker},
    {"azure_client_secret", {}, 0, 0, has_azure_client_secret},
    {"terraform_token", {}, 0, 0, has_terraform_marker},
    {"telegram_token", {}, 0, 0, has_telegram_token},
    {"discord_token", {}, 0, 0, has_discord_token},
    {"url_password", {}, 0, 0, has_url_password},
    {"authorization", {}, 0, 0, has_credentials},
    {"assigned_secret", {}, 0, 0, has_assigned_secret},
    {"email", {}, 0, 0, has_email},
    {"card_number", {}, 0, 0, has_card_number},
    {"iban", {}, 0, 0, has_iban},
    {"phone_number", {}, 0, 0, has_phone_number},
    {"social_security_number", {}, 0, 0, has_social_security_number},
    {"long_hex", {}, 0, 0, has_long_hex},
    {"random_text", {}, 0, 0, has_random_run},
    {"random_text", {}, 0, 0, has_random_base64},
};
static_assert(std::size(kRules) <= 255, "the index keeps a row in a byte");

constexpr std::size_t kLiterals = [] {
  std::size_t n = 0;
  while (n < std::size(kRules) && !kRules[n].literal.empty()) ++n;
  return n;
}();

constexpr LiteralIndex make_index() {
  LiteralIndex out;
  std::size_t n = 0;
  for (std::size_t byte = 0; byte < 256; ++byte) {
    out.first[byte] = static_cast<std::uint8_t>(n);
    for (std::size_t row = 0; row < kLiterals; ++row) {
      if (static_cast<unsigned char>(kRules[row].literal[0]) != byte) continue;
      out.order[n++] = static_cast<std::uint8_t>(row);
    }
  }
  out.first[256] = static_cast<std::uint8_t>(n);
  return out;
}

}  // namespace

constexpr LiteralIndex kLiteralIndex = make_index();

std::span<const SecretRule> secret_rules() { return kRules; }
std::span<const SecretRule> shape_rules() { return std::span(kRules).subspan(kLiterals); }

}  // namespace sightglass::guard
