// What every client has used, folded from the journal: why limits survive a restart, and what the
// clients' health is made of.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "control/client_use.h"
#include "control/output_sizes.h"
#include "journal/fold.h"

namespace sightglass::control {

// Requests of the gateway's own that name a client. A request counts when it has ended; one whose
// cost is not known counts with what its start record says was reserved for it, also when a crash
// cut it off.
// Threads: the fold's calls from its runner, the rest from any.
// Bounds: kMaxUses clients, past them the one that was heard of longest ago is forgotten; 65,536
// requests with a reservation, past them the oldest one's counts as nothing. About 15 KB a client.
class ClientsFold final : public journal::Fold {
 public:
  static constexpr std::size_t kMaxUses = 20'000;
  ClientsFold();
  ~ClientsFold() override;

  std::string_view name() const override { return "clients"; }
  void apply(const journal::Reader::Batch& batch) override;
  void save(std::string& out) const override;
  Status load(Bytes snapshot) override;

  Spending spending(const std::string& client_id) const;
  std::optional<ClientUse> use(std::string_view client_id) const;
  Nanos last_used_ns(std::string_view client_id) const;  // 0: never
  std::map<std::string, std::int64_t, std::less<>> usual_outputs(Nanos now_ns) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sightglass::control
