// Room-internal: clients and keys as rows of deploy/postgres/clients.sql, there and back.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/sha256.h"
#include "control/clients.h"
#include "control/shared_clients.h"

namespace sightglass::directory {

using Row = std::vector<std::string>;  // as PostgreSQL writes values as texts

std::string hex_of(const Digest& digest);
std::optional<Digest> digest_of(std::string_view hex);  // 64 lower-case digits

// client_id to nanousd_per_month as the table has them, then the key in force, or an empty text.
// None: not one that this program wrote.
std::optional<control::ClientRecord> client_of(const Row& row);
// key_sha256, client_id, made_ns, revoked_ns.
std::optional<control::SharedKey> key_of(const Row& row);

// For jsonb_to_recordset(), by the columns' names.
std::string clients_json(const std::vector<control::ClientRecord>& clients);
std::string keys_json(const std::vector<control::SharedKey>& keys);

}  // namespace sightglass::directory
