#include "http/admission.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/text.h"

namespace sightglass::http {
namespace {

constexpr unsigned char kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

// Both families as 16 bytes; `v4` tells how prefix lengths count.
bool to_bytes(std::string_view text, unsigned char (&out)[16], bool& v4) {
  char terminated[INET6_ADDRSTRLEN];
  if (text.empty() || text.size() >= sizeof terminated) return false;
  std::memcpy(terminated, text.data(), text.size());
  terminated[text.size()] = '\0';
  v4 = inet_pton(AF_INET, terminated, out + 12) == 1;
  if (v4) std::memcpy(out, kMapped, sizeof kMapped);
  return v4 || inet_pton(AF_INET6, terminated, out) == 1;
}

bool has_prefix(std::string_view text, std::string_view lower_prefix) {
  return text.size() >= lower_prefix.size() &&
         equals_ignoring_case(text.substr(0, lower_prefix.size()), lower_prefix);
}

bool is_loopback_name(std::string_view host) {
  return equals_ignoring_case(host, "localhost") || host == "127.0.0.1" || host == "::1";
}

// The last entry of a comma-separated list, which is shortened by it.
std::string_view take_last(std::string_view& list) {
  const auto comma = list.rfind(',');
  const auto entry = trim(comma == std::string_view::npos ? list : list.substr(comma + 1));
  list = comma == std::string_view::npos ? std::string_view() : list.substr(0, comma);
  return entry;
}

}  // namespace

Result<AddressSet> AddressSet::parse(const std::vector<std::string>& texts) {
  AddressSet set;
  for (const auto& text : texts) {
    const auto slash = text.find('/');
    Block block{};
    bool v4 = false;
    if (!to_bytes(std::string_view(text).substr(0, slash), block.bytes, v4)) {
      return fail(Code::kInvalid, "\"" + text + "\" is neither an address nor a CIDR block");
    }
    block.bits = 128;
    if (slash != std::string::npos) {
      const auto bits = parse_int(std::string_view(text).substr(slash + 1));
      if (!bits || *bits < 0 || *bits > (v4 ? 32 : 128)) {
        return fail(Code::kInvalid, "\"" + text + "\" has a prefix length out of range");
      }
      block.bits = static_cast<int>(*bits) + (v4 ? 96 : 0);
    }
    set.blocks_.push_back(block);
  }
  return set;
}

bool AddressSet::contains(std::string_view numeric) const {
  if (blocks_.empty()) return false;
  unsigned char bytes[16];
  bool v4 = false;
  if (!to_bytes(numeric, bytes, v4)) return false;
  return std::any_of(blocks_.begin(), blocks_.end(), [&](const Block& block) {
    const auto whole = static_cast<std::size_t>(block.bits / 8);
    if (std::memcmp(bytes, block.bytes, whole) != 0) return false;
    const int left = block.bits % 8;
    return left == 0 || ((bytes[whole] ^ block.bytes[whole]) >> (8 - left)) == 0;
  });
}

bool is_numeric_address(std::string_view text) {
  unsigned char bytes[16];
  bool v4 = false;
  return to_bytes(text, bytes, v4);
}

std::string address_block(std::string_view address) {
  unsigned char bytes[16];
  bool v4 = false;
  if (!to_bytes(address, bytes, v4) || v4 || std::memcmp(bytes, kMapped, sizeof kMapped) == 0) {
    return std::string(address);
  }
  return to_hex({reinterpret_cast<const char*>(bytes), 8}) + "::/64";
}

std::string_view forwarded_client(const net::Headers& headers, std::string_view peer,
                                  const AddressSet& trusted) {
  std::string_view client = peer;
  for (auto field = headers.all.rbegin(); field != headers.all.rend(); ++field) {
    if (!equals_ignoring_case(field->name, "x-forwarded-for")) continue;
    auto list = field->value;
    while (!list.empty()) {
      auto entry = take_last(list);
      if (!is_numeric_address(entry)) entry = split_host(entry).host;
      if (!is_numeric_address(entry)) return client;
      client = entry;
      if (!trusted.contains(entry)) return client;
    }
  }
  return client;
}

HostAndPort split_host(std::string_view authority) {
  if (authority.starts_with('[')) {
    const auto close = authority.find(']');
    if (close == std::string_view::npos) return {authority, {}};
    const auto after = authority.substr(close + 1);
    return {authority.substr(1, close - 1), after.starts_with(':') ? after.substr(1) : after};
  }
  const auto colon = authority.rfind(':');
  if (colon == std::string_view::npos || authority.find(':') != colon) return {authority, {}};
  return {authority.substr(0, colon), authority.substr(colon + 1)};
}

HostRule::HostRule(std::vector<std::string> allowed, bool loopback) : loopback_(loopback) {
  for (const auto& each : allowed) allowed_.push_back(to_lower(each));
}

bool HostRule::allows(std::string_view host_field) const {
  const auto [host, port] = split_host(host_field);
  if (host.empty()) return false;
  if (is_loopback_name(host) || (!loopback_ && is_numeric_address(host))) return true;
  const auto lower_host = to_lower(host);
  const auto lower_field = to_lower(host_field);
  return std::any_of(allowed_.begin(), allowed_.end(), [&](const std::string& allowed) {
    if (allowed == "*" || allowed == lower_host || allowed == lower_field) return true;
    if (!allowed.starts_with("*.")) return false;
    const auto suffix = std::string_view(allowed).substr(1);
    return lower_host.size() > suffix.size() && lower_host.ends_with(suffix) &&
           lower_host.find('.') == lower_host.size() - suffix.size();
  });
}

bool is_own_loopback_name(std::string_view host_field, std::uint16_t port) {
  const auto [host, port_text] = split_host(host_field);
  if (!is_loopback_name(host)) return false;
  if (port_text.empty()) return port == 80 || port == 443;
  return parse_int(port_text) == port;
}

bool is_untouched(const net::Headers& headers) {
  return std::none_of(headers.all.begin(), headers.all.end(), [](const net::Header& field) {
    return has_prefix(field.name, "x-forwarded-") ||
           equals_ignoring_case(field.name, "forwarded") ||
           equals_ignoring_case(field.name, "via") || equals_ignoring_case(field.name, "origin");
  });
}

SiteEvidence site_evidence(const net::Headers& headers) {
  if (const auto site = headers.get("sec-fetch-site"); !site.empty()) {
    // "same-site" is another port or a sibling name: not us. "none" is the person at the keyboard.
    if (equals_ignoring_case(site, "same-origin")) return {true, false};
    return {false, !equals_ignoring_case(site, "none")};
  }
  if (!headers.has("origin")) return {};
  auto origin = headers.get("origin");
  const auto scheme = origin.find("://");
  if (scheme == std::string_view::npos) return {false, true};  // "null" among them
  origin.remove_prefix(scheme + 3);
  const bool same = equals_ignoring_case(origin, headers.get("host"));
  return {same, !same};
}

bool is_embedding(const net::Headers& headers) {
  if (equals_ignoring_case(headers.get("sec-fetch-mode"), "navigate")) return true;
  const auto destination = headers.get("sec-fetch-dest");
  return !destination.empty() && !equals_ignoring_case(destination, "empty");
}

}  // namespace sightglass::http
