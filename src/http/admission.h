// The rules at the door that need no credentials: by what name we were called, from where, and
// whether a browser's page stands behind the request. Pure functions of the head.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "net/http1.h"

namespace sightglass::http {

// Addresses and CIDR blocks, both families; "::ffff:10.0.0.1" is 10.0.0.1.
class AddressSet {
 public:
  static Result<AddressSet> parse(const std::vector<std::string>& texts);
  bool contains(std::string_view numeric) const;
  bool empty() const { return blocks_.empty(); }

 private:
  struct Block {
    unsigned char bytes[16];
    int bits;
  };
  std::vector<Block> blocks_;
};

bool is_numeric_address(std::string_view text);  // IPv4, or IPv6 without brackets

// What limits count by: an IPv4 address as it is, of an IPv6 address its /64; else the text.
std::string address_block(std::string_view address);

// The client's address when `peer` is a trusted proxy: the rightmost X-Forwarded-For entry that is
// not itself trusted; the last good one when an entry is malformed. A view into the head or `peer`.
std::string_view forwarded_client(const net::Headers& headers, std::string_view peer,
                                  const AddressSet& trusted);

// "host:port", "[v6]:port" or without a port; the brackets are taken off.
struct HostAndPort {
  std::string_view host;
  std::string_view port;
};
HostAndPort split_host(std::string_view authority);

// Which Host fields a door answers to (ServerOptions::allowed_hosts says how).
class HostRule {
 public:
  HostRule() = default;
  HostRule(std::vector<std::string> allowed, bool loopback);
  bool allows(std::string_view host_field) const;

 private:
  std::vector<std::string> allowed_;  // lower case
  bool loopback_ = true;
};

// localhost, 127.0.0.1 or [::1], with this port (or none where the port is the scheme's own).
bool is_own_loopback_name(std::string_view host_field, std::uint16_t port);

// No Forwarded, X-Forwarded-*, Via or Origin field.
bool is_untouched(const net::Headers& headers);

// Whether a browser says that our own page, or another's, asks. Sec-Fetch-Site decides where it is
// sent, for a page cannot set it; else Origin against Host. Neither: neither.
struct SiteEvidence {
  bool same_origin = false;
  bool cross_site = false;
};
SiteEvidence site_evidence(const net::Headers& headers);

// Whether a browser wants to show the answer as a page, a frame, a script or an image.
bool is_embedding(const net::Headers& headers);

}  // namespace sightglass::http
