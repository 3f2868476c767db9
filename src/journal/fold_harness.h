// Holds a fold to its promise: a pure function of (snapshot, records). For the tests of whatever
// is a fold.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "journal/fold.h"

namespace sightglass::journal {

using FoldFactory = std::function<std::unique_ptr<Fold>()>;

// A batch as a reader would give it. `records`: kind and payload of each. It can be moved, not
// copied.
Reader::Batch make_batch(Position first, Nanos accept_ns,
                         std::shared_ptr<const event::Catalogue> catalogue,
                         const std::vector<std::pair<RecordKind, std::string>>& records);

// Folds `batches` straight, then with a restart (save, a new fold, load) after every record, and
// once more with a restart after every batch, and compares the saved bytes at the end of each
// batch; load(save()) must give the same bytes everywhere. Empty when they agree, else a sentence
// that names the position and the first byte that differs.
std::string check_fold_is_pure(const FoldFactory& make, const std::vector<Reader::Batch>& batches);

}  // namespace sightglass::journal
