#include "app/config_keys.h"

#include <algorithm>
#include <array>

namespace sightglass::app {
namespace {

// Each stands for itself and all below it.
constexpr std::array<std::string_view, 8> kAtOnce = {"providers",    "model_aliases", "clients",
                                                     "pass_through", "policy",        "packs",
                                                     "sampling",     "packs_dir"};

constexpr std::array<std::string_view, 21> kFileOnly = {
    "data",          "port_file",     "admin_key",        "scrape_token",
    "allowed_hosts", "admin_origins", "trusted_proxies",  "tls",
    "keys",          "dumpable",      "upstream.ca_file", "prices",
    "packs",         "packs_dir",     "ingest.keys",      "ingest.socket_folder",
    "follow",        "audit",         "activity_log",     "logging.file.path",
    "storage"};

template <std::size_t N>
bool covers(const std::array<std::string_view, N>& prefixes, std::string_view path) {
  return std::any_of(prefixes.begin(), prefixes.end(), [&](std::string_view prefix) {
    if (!path.starts_with(prefix)) return false;
    const auto rest = path.substr(prefix.size());
    return rest.empty() || rest[0] == '.' || rest[0] == '[';
  });
}

}  // namespace

bool takes_effect_at_once(std::string_view path) { return covers(kAtOnce, path); }

bool stands_in_the_file_only(std::string_view path) { return covers(kFileOnly, path); }

}  // namespace sightglass::app
