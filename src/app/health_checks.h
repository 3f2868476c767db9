// What `GET /admin/v1/health` looks at, as far as it needs more than a number.
#pragma once

#include <initializer_list>
#include <span>
#include <string_view>
#include <utility>

#include "admin/health.h"
#include "base/clock.h"
#include "journal/fold.h"
#include "journal/journal.h"
#include "live/totals.h"
#include "store/store.h"

namespace sightglass::app {

// Whether anything can be recorded, and how much there is.
admin::HealthCheck journal_health(const journal::Journal& journal);

// How many records each fold is behind; null: there is none.
using NamedRunner = std::pair<std::string_view, const journal::FoldRunner*>;
admin::HealthCheck folds_health(journal::Position committed,
                                std::initializer_list<NamedRunner> runners);

// Whether the history answers: a question without rows, asked now. It waits in the queries' queue,
// so it takes no longer than their limit.
admin::HealthCheck store_health(store::Store& store, const Clock& clock);

// `check` is a provider's; `errors` are the newest first.
admin::HealthCheck with_last_error(admin::HealthCheck check, std::span<const live::Trace> errors);

// Memory, threads and what is open; `goroutines` is what the seed calls the threads' number.
admin::HealthCheck process_health(std::size_t connections, std::size_t in_flight);

}  // namespace sightglass::app
