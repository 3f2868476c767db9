#include "store/rebuild.h"

#include <algorithm>

#include "event/sampling.h"
#include "store/sql.h"

namespace sightglass::store {

// Rows on their way into one file.
struct Rebuild::Piece {
  std::unique_ptr<Tail> tail;
  std::uint64_t next_tail = 0;
  journal::Position covers_from = 0;
  void begin(duck::Database& database, Schema& schema, const std::string& gateway,
             journal::Position from) {
    covers_from = from;
    const auto used = tail == nullptr ? std::vector<ColumnId>() : tail->used_columns();
    tail = std::make_unique<Tail>(database, schema, gateway, next_tail++, used);
  }
};

Result<bool> Rebuild::next(Schema schema, std::uint64_t first_tail) {
  const auto& wanted = parts_.history.manifest().wanted;
  if (wanted.empty()) return false;
  const auto lost = wanted.front();
  std::vector<ManifestFile> pieces;
  const auto read = parts_.read_journal ? read_rows(lost, schema, first_tail, pieces)
                                        : Status(fail(Code::kNotFound, "there is no journal"));
  if (!read && read.error().code != Code::kNotFound && read.error().code != Code::kCorrupt) {
    return std::unexpected(read.error());
  }
  if (!read) pieces.clear();
  SG_TRY(parts_.history.settle_lost(std::move(pieces), schema));
  return true;
}

// kNotFound: the journal does not hold every record of the range. kCorrupt: it cannot be read.
Status Rebuild::read_rows(const ManifestFile& lost, Schema& schema, std::uint64_t first_tail,
                          std::vector<ManifestFile>& pieces) {
  SG_ASSIGN(const auto reader, parts_.read_journal(lost.covers_from - 1));
  journal::Reader::Batch batch;
  std::unique_ptr<Layout> layout;
  event::Event event;
  DroppedValues dropped;  // were counted when the rows first came
  Piece piece;
  piece.next_tail = first_tail;
  piece.begin(parts_.database, schema, parts_.gateway, lost.covers_from);
  auto done = lost.covers_from - 1;
  while (done < lost.covers_to) {
    SG_ASSIGN(const bool more, reader->next(batch));
    if (!more || reader->skipped() != 0) {
      return fail(Code::kNotFound, "the journal no longer holds the range");
    }
    if (layout == nullptr || &layout->catalogue() != batch.catalogue.get()) {
      layout = std::make_unique<Layout>(batch.catalogue, schema);
    }
    for (const auto& record : batch.records) {
      if (record.position <= done || record.position > lost.covers_to) continue;
      done = record.position;
      if (record.kind != journal::RecordKind::kEvent || !event::decode(record.payload, event)) {
        continue;
      }
      const auto* const type = layout->row_type(event);
      if (type == nullptr || (type->sample > 1 && !event::is_kept(*type, record.position)))
        continue;
      if (type->sample > 1) {
        event.fields.push_back({layout->sampling_field(), event::Value::integer(type->sample)});
      }
      if (piece.tail->rows() >= parts_.seal_rows) {
        SG_TRY(close_piece(piece, schema, record.position - 1, pieces));
        piece.begin(parts_.database, schema, parts_.gateway, record.position);
      }
      SG_TRY(
          piece.tail->append({record.position, batch.header.accept_ns}, *layout, event, dropped));
    }
    // Positions without a record of their own: the batch's end is what was read.
    done = std::max(done, std::min(lost.covers_to, reader->position()));
  }
  return close_piece(piece, schema, lost.covers_to, pieces);
}

Status Rebuild::close_piece(Piece& piece, const Schema& schema, journal::Position to,
                            std::vector<ManifestFile>& pieces) {
  if (piece.tail->rows() == 0) return {};
  SG_TRY(piece.tail->flush());
  SG_ASSIGN(auto file, parts_.history.write_piece(select_tail(schema, *piece.tail),
                                                  piece.tail->facts(), piece.covers_from, to));
  pieces.push_back(std::move(file));
  return {};
}

}  // namespace sightglass::store
