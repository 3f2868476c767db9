#include "app/account.h"

#include "journal/format.h"

namespace sightglass::app {

Status begin_account(journal::Journal& journal, const journal::Fold& meter,
                     const journal::Fold& ingest, const journal::Fold* store) {
  const auto counted = meter.account();
  const bool fresh = journal.committed() == 0;
  const bool same = fresh || (counted.since && counted.since == ingest.account().since);
  if (same && counted.counts_rows == (store != nullptr)) return {};
  auto rows_before = journal::kNoStore;
  if (store != nullptr) {
    const auto stored = store->account();
    rows_before = stored.rows + stored.expired + stored.lost;
  }
  SG_TRY(journal.append(journal::RecordKind::kAccount, journal::encode_account(rows_before)));
  return {};
}

}  // namespace sightglass::app
