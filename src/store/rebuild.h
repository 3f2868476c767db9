// Rows of a file that was lost, made again from the journal while that still holds them.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "journal/journal.h"
#include "store/history.h"
#include "store/tail.h"

namespace sightglass::store {

// A reader of the journal from behind a position on. Errors: kNotFound when that is cut away.
using ReadJournal =
    std::function<Result<std::unique_ptr<journal::Reader>>(journal::Position after)>;

// Threads: the history's; the reader is used on it. Ownership: everything outlives it.
// Bounds: one tail of `seal_rows` at a time; a lost file becomes as many files as that takes.
class Rebuild {
 public:
  struct Parts {
    duck::Database& database;
    History& history;
    std::string gateway;
    std::uint32_t seal_rows = 32'768;
    ReadJournal read_journal;  // empty: nothing can be rebuilt
  };
  explicit Rebuild(Parts parts) : parts_(std::move(parts)) {}

  // The next of the history's lost files: its rows are there again, or it is given up because the
  // journal does not hold them all any more. False when there is none. `schema`: a copy.
  // Errors: of writing; the same call may be repeated.
  Result<bool> next(Schema schema, std::uint64_t first_tail);

 private:
  struct Piece;
  Status read_rows(const ManifestFile& lost, Schema& schema, std::uint64_t first_tail,
                   std::vector<ManifestFile>& pieces);
  Status close_piece(Piece& piece, const Schema& schema, journal::Position to,
                     std::vector<ManifestFile>& pieces);
  const Parts parts_;
};

}  // namespace sightglass::store
