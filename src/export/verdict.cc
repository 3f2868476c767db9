#include "export/verdict.h"

#include <array>

namespace sightglass::exporting {
namespace {

struct Words {
  std::string_view name, sentence;
};

constexpr std::array<Words, kReasons> kWords = {{
    {"resolve", "its host name has no address; check addr and the name service"},
    {"connect", "nobody answers there; check addr and that it is running"},
    {"tls", "no trusted TLS connection; check its certificate, addr and ca_file"},
    {"timeout", "it does not answer in time; look at its load, or raise timeout"},
    {"reset", "the connection breaks; look at its log"},
    {"denied",
     "it refuses the credentials; check the token, or username and password, and that "
     "they may write"},
    {"missing", "it has no such organisation, bucket or database; create it or correct its name"},
    {"rejected",
     "it calls the points invalid; another writer may use the measurement with other "
     "types: choose another measurement"},
    {"too_large", "it takes no requests of this size; lower batch_bytes or raise its limit"},
    {"busy", "it asks for a pause; look at its load and its quota"},
    {"server_error", "it has an error of its own or cannot write; look at its log and its disk"},
    {"nonsense", "what answers there does not speak this protocol; check addr and version"},
    {"read_only", "it takes no writes; name the server that does in addr, or let it write"},
    {"full", "its disk is full; make room there"},
    {"schema", "its tables are of another version; make those of this version"},
    {"quorum", "too few of its replicas take part; bring them back"},
    {"foreign_rows",
     "what it has under this gateway's id is not of this journal; give each gateway a gateway.id "
     "of its own, and a new one after a backup was restored"},
    {"not_noted",
     "what is to be sent cannot be noted in the data folder's export first; look at this disk"},
    {"cancelled", "the server is stopping"},
}};

}  // namespace

std::string_view reason_name(Reason reason) {
  return kWords[static_cast<std::size_t>(reason)].name;
}

std::string_view reason_sentence(Reason reason) {
  return kWords[static_cast<std::size_t>(reason)].sentence;
}

}  // namespace sightglass::exporting
