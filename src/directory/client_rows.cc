#include "directory/client_rows.h"

#include <algorithm>
#include <cstdint>

#include "base/json_writer.h"
#include "base/text.h"

namespace sightglass::directory {
namespace {

using control::ClientLimits;
using control::ClientRecord;
using control::SharedKey;

struct LimitColumn {
  const char* name;
  std::int64_t ClientLimits::* in;
};
constexpr LimitColumn kLimits[] = {
    {"requests_per_minute", &ClientLimits::requests_per_minute},
    {"tokens_per_minute", &ClientLimits::tokens_per_minute},
    {"parallel_requests", &ClientLimits::parallel_requests},
    {"nanousd_per_hour", &ClientLimits::nanousd_per_hour},
    {"nanousd_per_day", &ClientLimits::nanousd_per_day},
    {"nanousd_per_month", &ClientLimits::nanousd_per_month},
};
constexpr std::size_t kFirstLimit = 6;
constexpr std::size_t kKeyColumn = kFirstLimit + std::size(kLimits);

std::string join_lines(const std::vector<std::string>& list) {
  std::string out;
  for (const auto& item : list) out.append(out.empty() ? "" : "\n").append(item);
  return out;
}

std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    out.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

bool read_int(const std::string& text, std::int64_t& into) {
  const auto value = parse_int(text);
  if (value) into = *value;
  return value.has_value();
}

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

std::string hex_of(const Digest& digest) {
  return to_hex({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

std::optional<Digest> digest_of(std::string_view hex) {
  Digest out{};
  if (hex.size() != 2 * out.size()) return std::nullopt;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int high = digit_of(hex[2 * i]);
    const int low = digit_of(hex[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out[i] = static_cast<Digest::value_type>(high * 16 + low);
  }
  return out;
}

std::optional<ClientRecord> client_of(const Row& row) {
  if (row.size() <= kKeyColumn) return std::nullopt;
  ClientRecord out;
  out.id = row[0];
  out.description = row[1];
  out.allowed_providers = split_lines(row[2]);
  out.allowed_models = split_lines(row[3]);
  bool good = read_int(row[4], out.created_ns) && read_int(row[5], out.expires_ns);
  for (std::size_t i = 0; i < std::size(kLimits); ++i) {
    good = good && read_int(row[kFirstLimit + i], out.limits.*kLimits[i].in);
  }
  const auto key = digest_of(row[kKeyColumn]);
  if (!good || !key || !control::check_client_id(out.id) || !control::check_client(out)) {
    return std::nullopt;
  }
  out.key = *key;
  return out;
}

std::optional<SharedKey> key_of(const Row& row) {
  if (row.size() < 4) return std::nullopt;
  SharedKey out;
  const auto digest = digest_of(row[0]);
  if (!digest || !read_int(row[2], out.made_ns) || !read_int(row[3], out.revoked_ns)) {
    return std::nullopt;
  }
  out.digest = *digest;
  out.client_id = row[1];
  return out;
}

std::string clients_json(const std::vector<ClientRecord>& clients) {
  std::string out;
  JsonWriter json(out);
  json.begin_array();
  for (const auto& client : clients) {
    json.begin_object().key("client_id").string(client.id);
    json.key("description").string(client.description);
    json.key("allowed_providers").string(join_lines(client.allowed_providers));
    json.key("allowed_models").string(join_lines(client.allowed_models));
    json.key("created_ns").integer(client.created_ns);
    json.key("expires_ns").integer(client.expires_ns);
    for (const auto& limit : kLimits) json.key(limit.name).integer(client.limits.*limit.in);
    json.end_object();
  }
  json.end_array();
  return out;
}

std::string keys_json(const std::vector<SharedKey>& keys) {
  std::string out;
  JsonWriter json(out);
  json.begin_array();
  for (const auto& key : keys) {
    json.begin_object().key("key_sha256").string(hex_of(key.digest));
    json.key("client_id").string(key.client_id);
    json.key("made_ns").integer(key.made_ns);
    json.key("revoked_ns").integer(key.revoked_ns).end_object();
  }
  json.end_array();
  return out;
}

}  // namespace sightglass::directory
