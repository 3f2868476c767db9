#include <cstdio>
#include <fstream>

#include "app/commands.h"
#include "app/config.h"
#include "app/signals.h"
#include "app/simulator.h"
#include "app/workers.h"
#include "base/log.h"
#include "http/server.h"

namespace sightglass::app {
namespace {

// A simulated provider lets everybody in.
class OpenDoor final : public http::Gatekeeper {
 public:
  http::Verdict admit(const http::Approach&) override { return {}; }
};

int complain(const Error& error) {
  std::fprintf(stderr, "sightglass simulate: %s\n", error.message.c_str());
  return 2;
}

}  // namespace

int simulate_command(const SimulateArguments& arguments) {
  block_signals();
  const auto where = parse_listen(arguments.listen);
  if (!where) return complain(where.error());
  const SystemClock clock;
  Telemetry telemetry;
  NullLog log;
  OpenDoor door;
  Tally tally(arguments.tally);
  auto router = http::Router::build(simulator_routes(tally, {arguments.faults == "standard"}));
  if (!router) return complain(router.error());
  auto workers = Workers::make(1, "simulate", clock);
  if (!workers) return complain(workers.error());
  http::ServerOptions options;
  options.listens.resize(1);
  options.listens[0].address = {where->host, where->port};
  options.limits.connections_per_address = options.limits.connections;
  auto server =
      http::Server::make(std::move(options), *router, door, (*workers)->loops(), telemetry, log);
  if (!server) return complain(server.error());
  (*workers)->start();
  (*server)->start();
  const auto port = (*server)->port(0);
  if (!arguments.port_file.empty()) std::ofstream(arguments.port_file) << port << "\n";
  std::fprintf(stderr,
               "simulated providers on http://%s:%u (OpenAI below /v1, Anthropic at /v1/messages); "
               "Ctrl-C stops\n",
               where->host.c_str(), port);
  while (wait_signal(3'600 * kSecond) == 0) {
  }
  (*server)->drain(kSecond);
  (*server)->stop();
  (*workers)->stop();
  return 0;
}

}  // namespace sightglass::app
