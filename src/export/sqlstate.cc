#include "export/sqlstate.h"

#include <algorithm>

namespace sightglass::exporting {
namespace {

constexpr std::size_t kCodeSize = 5;

struct Meaning {
  std::string_view code;  // of five letters, or the two of a class
  Reason reason;
};

// The first that fits counts.
constexpr Meaning kMeanings[] = {
    {"08P01", Reason::kNonsense},  // protocol violation
    {"08", Reason::kReset},        // connection exception
    {"0A", Reason::kSchema},       // feature not supported
    {"22", Reason::kRejected},     // data exception
    {"23", Reason::kRejected},     // a constraint that is not ours
    {"25006", Reason::kReadOnly},  // a standby, or default_transaction_read_only
    {"25P03", Reason::kTimeout},   // idle in a transaction for too long
    {"28", Reason::kDenied},       // wrong password, no such role, not in pg_hba.conf
    {"3D", Reason::kMissing},      // no such database
    {"3F", Reason::kMissing},      // no such schema
    {"40", Reason::kBusy},         // deadlock, serialisation
    {"42501", Reason::kDenied},    // may not
    {"42P01", Reason::kMissing},   // no such table
    {"42", Reason::kSchema},       // no such column, another type, no such key
    {"53100", Reason::kFull},      // disk full
    {"53", Reason::kBusy},         // memory, connections
    {"54", Reason::kRejected},     // past a limit of the program
    {"55P03", Reason::kBusy},      // a lock was not to be had in time
    {"57014", Reason::kTimeout},   // statement_timeout, or cancelled by somebody
    {"57P05", Reason::kReset},     // idle for too long
    {"57P", Reason::kBusy},        // shutting down, starting, recovering
};

struct Words {
  Reason reason;
  std::string_view sentence;
};

constexpr Words kWords[] = {
    {Reason::kTls,
     "no trusted TLS connection; check its certificate, addr and ca_file, or say sslmode: disable "
     "where the way there is trusted"},
    {Reason::kTimeout,
     "it does not answer in time; look at its load and at locks on its tables, or raise timeout"},
    {Reason::kDenied,
     "it refuses the user; check username, password, database and pg_hba.conf, and that the user "
     "is a member of sightglass_writer (deploy/postgres/roles.sql)"},
    {Reason::kMissing,
     "the database or its tables are not there; create the database and run "
     "deploy/postgres/schema.sql and roles.sql in it, or correct database"},
    {Reason::kRejected,
     "it calls the sums invalid; look for triggers or constraints that were added to "
     "sightglass.hourly_usage"},
    {Reason::kBusy,
     "it is starting, stopping or overloaded; look at its log, its locks and max_connections"},
    {Reason::kNonsense, "what answers there is no PostgreSQL server; check addr"},
    {Reason::kReadOnly,
     "it takes no writes; name the primary in addr, or look at default_transaction_read_only"},
    {Reason::kFull, "its disk is full; make room there"},
    {Reason::kSchema,
     "its tables are not of this version; run this version's deploy/postgres/schema.sql"},
};

}  // namespace

bool is_sqlstate(std::string_view text) {
  return text.size() == kCodeSize && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
         });
}

Reason reason_of_sqlstate(std::string_view code) {
  for (const auto& meaning : kMeanings) {
    if (code.starts_with(meaning.code)) return meaning.reason;
  }
  return Reason::kServerError;
}

std::string sqlstate_in(std::string_view message) {
  constexpr std::string_view kBefore = ":  ";
  const auto at = message.rfind(kBefore);
  if (at == std::string_view::npos) return {};
  auto code = message.substr(at + kBefore.size());
  if (code.ends_with('\n')) code.remove_suffix(1);
  return is_sqlstate(code) ? std::string(code) : std::string();
}

std::string_view postgres_sentence(Reason reason) {
  for (const auto& words : kWords) {
    if (words.reason == reason) return words.sentence;
  }
  return reason_sentence(reason);
}

}  // namespace sightglass::exporting
