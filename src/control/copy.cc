#include "control/copy.h"

#include "control/database.h"

namespace sightglass::control {

// SQLite writes one transaction's view of it, whatever its write-ahead log holds.
Status copy_database(const std::string& from, const std::string& to) {
  SG_ASSIGN(auto database, Database::open(from));
  SG_ASSIGN(auto copy, database.prepare("VACUUM INTO ?1"));
  copy.text(1, to);
  return copy.run();
}

}  // namespace sightglass::control
