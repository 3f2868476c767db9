// Typed queries over a data folder's sealed files, beside a running server or without one.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/telemetry.h"
#include "store/typed_query.h"

namespace sightglass::store {

// Reads the manifest anew for each question, and once more where files it named were merged away
// meanwhile. What is not sealed yet is not seen: Answer::up_to says where that begins.
//
// Writes nothing below the store's folder; what does not fit into memory goes to a folder of its
// own below the system's temporary one.
// Ownership: must be gone before main() ends. Threads and bounds as TypedQueries; ten minutes a
// question instead of ten seconds, since it holds up nobody.
class OfflineQueries : public TypedQueries {
 public:
  // `directory`: the store's, below the data folder. Errors: kNotFound where there is no history,
  // kVersion when a newer version wrote it.
  static Result<std::unique_ptr<OfflineQueries>> open(const std::string& directory, FileSystem& fs,
                                                      const Clock& clock, Telemetry& telemetry);
};

}  // namespace sightglass::store
