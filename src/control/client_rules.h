// What holds of every client, wherever the truth about it is kept. Sentences are for people.
#pragma once

#include <cstdint>
#include <string>

#include "base/random.h"
#include "base/result.h"
#include "control/clients.h"
#include "control/registry.h"

namespace sightglass::control {

std::unexpected<Error> no_such_client(const std::string& id);  // kNotFound
std::unexpected<Error> client_exists(const std::string& id);   // kExists
std::unexpected<Error> key_exists();                           // kExists
Status check_room(std::size_t clients);                        // for one more; kTooLarge
Status check_key_room(std::int64_t keys);                      // likewise

// A key that the caller chose is checked (kInvalid); where it is empty one is made, and `made` is
// set to it.
Result<Digest> choose_key(std::string key, Random& random, std::string& made);
// Everything but the key. Errors: kInvalid; `client` is then of no use.
Status apply(ClientChange change, ClientRecord& client);

}  // namespace sightglass::control
