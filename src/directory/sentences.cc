#include "directory/sentences.h"

#include "export/sqlstate.h"

namespace sightglass::directory {
namespace {

using exporting::Reason;

struct Words {
  Reason reason;
  std::string_view sentence;
};

constexpr Words kWords[] = {
    {Reason::kDenied,
     "it refuses the user; check username, password, database and pg_hba.conf, and that the user "
     "is a member of sightglass_registry (deploy/postgres/clients.sql)"},
    {Reason::kMissing,
     "the database or its tables are not there; create the database and run "
     "deploy/postgres/clients.sql in it, or correct database"},
    {Reason::kRejected,
     "it calls a change invalid; look for triggers or constraints that were added to the tables of "
     "sightglass_clients"},
    {Reason::kTooLarge,
     "it has more than 10,000 clients or 100,000 keys, which is the most; delete clients, or let "
     "the owner delete old revoked keys"},
    {Reason::kSchema,
     "its tables are not of this version; run this version's deploy/postgres/clients.sql"},
};

}  // namespace

std::string_view sentence_of(Reason reason) {
  for (const auto& words : kWords) {
    if (words.reason == reason) return words.sentence;
  }
  return exporting::postgres_sentence(reason);
}

}  // namespace sightglass::directory
