// Which header fields pass, each way. What is not listed is stripped.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "gateway/conventions.h"
#include "gateway/credentials.h"
#include "gateway/settings.h"
#include "net/http1.h"

namespace sightglass::gateway {

// Whether a caller's field may go to a provider of this kind as it is. Framing and hop-by-hop
// fields are never among them; credentials and the header conventions (conventions.h) are added
// apart.
bool passes_upstream(std::string_view name, ProviderKind kind);
// Whether a provider's field may come back.
bool passes_downstream(std::string_view name);

// What the upstream's head is made from.
struct UpstreamHead {
  std::string_view method;
  std::string_view target;
  std::string_view request_id;
  std::string_view traceparent;
  const Provider* provider = nullptr;
  const ProviderKey* key = nullptr;  // ours; null: the caller's own, or none
  Credentials caller;                // whose own key goes along where `key` is null
  bool wants_identity = false;       // the answer must come uncompressed
  bool has_body = false;
  bool chunked = false;
  std::uint64_t content_length = 0;
};

// Appends the whole head, empty line included; counts which of the caller's fields were stripped:
// `x-` fields on no list, and fields on a list whose value is not ASCII or longer than 4 KiB.
// `conventions`: what write_conventions made.
void write_upstream_head(const net::RequestHead& from, const UpstreamHead& head,
                         std::string_view conventions, StrippedCounts& stripped, std::string& out);

// Appends the client's head: status line and fields, without the empty line.
enum class Coding : std::uint8_t { kAsSent, kDecoded };
void write_client_head(const net::ResponseHead& from, Coding coding, std::string& out);

}  // namespace sightglass::gateway
