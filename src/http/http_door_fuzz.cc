// Feeds foreign bytes to what reads them before anybody is trusted: paths, Host, forwarded
// addresses, cookies and login tokens. The first line is the path, the second a field's value.
// Parser: http/admission.cc http/router.cc:walk|find|plain
// http/session.cc:base64url|check|read|member http/static_files.cc:accepts_gzip|cookie
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/file_system.h"
#include "http/admission.h"
#include "http/router.h"
#include "http/session.h"
#include "http/static_files.h"

namespace {

using namespace sightglass;
using namespace sightglass::http;

void require(bool holds) {
  if (!holds) std::abort();
}

Route route(const char* pattern) {
  Route out;
  out.method = "GET";
  out.pattern = pattern;
  out.make = [](const std::vector<std::string>&) { return nullptr; };
  return out;
}

void look_up(std::string_view path) {
  static const auto router =
      *Router::build({route("/"), route("/a/b"), route("/a/{id}"), route("/a/{id}/c"),
                      route("/p/{id}/{rest...}"), route("/a/list/{x}/d")});
  std::vector<std::string> parameters;
  const auto match = router.find("GET", path, parameters);
  require((match.status == 200) == (match.route != nullptr));
  require((match.status == 400) == !is_plain_path(path));
  if (match.route == nullptr) return;
  const bool rest = match.route->pattern.ends_with("...}");
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const bool raw = rest && i + 1 == parameters.size();
    require(parameters[i].find('\0') == std::string::npos);
    require(parameters[i].find('\\') == std::string::npos);
    require(parameters[i] != "." && parameters[i] != "..");
    require(raw || parameters[i].find('/') == std::string::npos);
    require(raw || !parameters[i].empty());
    require(!raw || parameters[i].find("//") == std::string::npos);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto line = std::min(input.find('\n'), input.size());
  look_up(input.substr(0, line));
  const auto value = input.substr(std::min(line + 1, input.size()));

  static const HostRule hosts({"gateway.example", "*.internal.example"}, true);
  if (hosts.allows(value)) require(!split_host(value).host.empty());
  static const auto trusted = *AddressSet::parse({"10.0.0.0/8", "::1"});
  net::Headers headers;
  headers.all = {{"X-Forwarded-For", value}, {"Host", "localhost"}, {"Origin", value}};
  const auto client = forwarded_client(headers, "10.0.0.1", trusted);
  require(client == "10.0.0.1" || is_numeric_address(client));
  const auto site = site_evidence(headers);
  require(site.same_origin != site.cross_site);
  cookie_value(value, "sg_session");
  accepts_gzip(value);
  address_block(value);

  static PosixFileSystem files;
  static SeededRandom random(1);
  static Sessions sessions(files, "/nonexistent", random);
  static const auto issued = sessions.issue("admin", 1, 10);
  std::string id;
  require(sessions.check(value, 0, id) ==
          (value == issued ? TokenState::kValid : TokenState::kForged));
  // A good token with one byte of the input in it.
  auto bent = issued;
  if (!value.empty()) bent[value.size() % bent.size()] = value[0];
  require(sessions.check(bent, 0, id) ==
          (bent == issued ? TokenState::kValid : TokenState::kForged));
  require(sessions.check(issued, 11, id) == TokenState::kExpired);
  is_untouched(headers);
  is_embedding(headers);
  is_own_loopback_name(value, 2906);
  const auto bytes = base64url_decode(value);
  if (!bytes.empty()) require(base64url_decode(base64url(bytes)) == bytes);
  return 0;
}
