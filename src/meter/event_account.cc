#include "meter/event_account.h"

#include "event/sampling.h"
#include "journal/format.h"

namespace sightglass::meter {

bool EventAccount::begin(const journal::Record& record) {
  const auto rows = journal::decode_account(record.payload);
  if (!rows) return false;
  account_ = {};
  account_.since = record.position;
  account_.counts_rows = *rows != journal::kNoStore;
  account_.rows_before = account_.counts_rows ? *rows : 0;
  return true;
}

void EventAccount::enter(const event::Catalogue& catalogue, const event::Event& event,
                         journal::Position at) {
  ++account_.events;
  const bool sent = event.get(ingested_).as_bool();
  if (sent) ++account_.ingested;
  const auto& types = catalogue.event_types();
  const bool known = event.type < types.size();
  const bool row = known && (types[event.type].row || types[event.type].terminal || sent);
  if (!row) {
    ++account_.no_row;
  } else if (!event::is_kept(types[event.type], at)) {
    ++account_.sampled;
  }
}

void EventAccount::save(ByteWriter& out) const {
  const auto& a = account_;
  out.u8(a.since ? 1 : 0);
  out.u8(a.counts_rows ? 1 : 0);
  for (const auto n : {a.since.value_or(0), a.events, a.ingested, a.no_row, a.sampled, a.unreadable,
                       a.rows_before}) {
    out.varint(n);
  }
}

void EventAccount::load(ByteReader& in) {
  auto& a = account_;
  a = {};
  const bool begun = in.u8() != 0;
  a.counts_rows = in.u8() != 0;
  const auto since = in.varint();
  if (begun) a.since = since;
  for (auto* n : {&a.events, &a.ingested, &a.no_row, &a.sampled, &a.unreadable, &a.rows_before}) {
    *n = in.varint();
  }
}

}  // namespace sightglass::meter
