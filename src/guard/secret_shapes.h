// Room-internal: the rules of the secret scan that look at a whole value.
#pragma once

#include <cstddef>
#include <string_view>

namespace sightglass::guard {

// scheme://user:password@host
bool has_url_password(std::string_view value, std::size_t, std::size_t);
// `password=…`, `api_key:…`, `AccountKey=…`: a name for a secret with something assigned to it.
bool has_assigned_secret(std::string_view value, std::size_t, std::size_t);
// `Bearer …`, `Basic …`
bool has_credentials(std::string_view value, std::size_t, std::size_t);
bool has_email(std::string_view value, std::size_t, std::size_t);
// + and 8 to 15 digits (ITU-T E.164), blanks and marks between them allowed.
bool has_phone_number(std::string_view value, std::size_t, std::size_t);
bool has_card_number(std::string_view value, std::size_t, std::size_t);
// ISO 13616: the country's length and the check digits.
bool has_iban(std::string_view value, std::size_t, std::size_t);
bool has_social_security_number(std::string_view value, std::size_t, std::size_t);
// <bot's number>:AA…
bool has_telegram_token(std::string_view value, std::size_t, std::size_t);
// Three base64url parts that begin with the number of an account.
bool has_discord_token(std::string_view value, std::size_t, std::size_t);
// Three characters, `8Q~` or the like, 31 to 34 more.
bool has_azure_client_secret(std::string_view value, std::size_t, std::size_t);
// Markers that some makers put in the middle of their keys.
bool has_openai_marker(std::string_view value, std::size_t, std::size_t);
bool has_azure_marker(std::string_view value, std::size_t, std::size_t);
bool has_terraform_marker(std::string_view value, std::size_t, std::size_t);
// 32 hex digits and more in a row, digests that say so left out.
bool has_long_hex(std::string_view value, std::size_t, std::size_t);
// An unbroken run of letters and digits that no word is.
bool has_random_run(std::string_view value, std::size_t, std::size_t);
// Base64 with its + / - _ inside: what the runs between the marks do not show by themselves.
bool has_random_base64(std::string_view value, std::size_t, std::size_t);

}  // namespace sightglass::guard
