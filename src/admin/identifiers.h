// Administration of pseudonyms: the key ring's epochs, and the lookup of a person. Raw identifiers
// come in bodies only, never in an address, and are neither stored nor audited.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "admin/forgetting.h"
#include "base/result.h"
#include "event/catalogue.h"
#include "guard/pseudonym.h"
#include "http/route.h"

namespace sightglass::admin {

// What a body asks about: {"identifier":"…"} or {"identifiers":["…"]}, and "kind":"u" (else every
// kind of the catalogue).
struct IdentifierQuery {
  std::vector<std::string> identifiers;  // at most 1000
  std::string kinds;                     // letters, ascending
};
Result<IdentifierQuery> read_identifier_query(std::string_view body,
                                              const event::Catalogue& catalogue);

// GET  /admin/v1/keyring             the epochs with a key
// POST /admin/v1/keyring/rotate      ?at=midnight (default) or now
// POST /admin/v1/identifiers/lookup  every pseudonym that an identifier may have
// POST /admin/v1/forget              erases what is kept under every such pseudonym
// GET  /admin/v1/forget, /admin/v1/forget/{id}: how far that is
// `catalogue` gives the one in force. Threads: on the pool, since the ring writes its file.
using CatalogueInForce = std::function<std::shared_ptr<const event::Catalogue>()>;
std::vector<http::Route> identifier_routes(guard::KeyRing& keys, Forgetting& forgetting,
                                           CatalogueInForce catalogue, http::WorkPool& pool);

}  // namespace sightglass::admin
