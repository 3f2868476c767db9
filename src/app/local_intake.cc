#include "app/local_intake.h"

#include <utility>

namespace sightglass::app {

std::unique_ptr<ingest::LocalSockets> open_local_sockets(const Config& config,
                                                         const std::string& data_folder,
                                                         ingest::Service& service,
                                                         ingest::MemoryBudget& memory,
                                                         Telemetry& telemetry, Log& log) {
  if (!config.ingest_local_sockets) return nullptr;
  ingest::LocalSockets::Options options;
  options.folder = config.ingest_socket_folder.empty() ? data_folder : config.ingest_socket_folder;
  auto opened = ingest::LocalSockets::open(
      options,
      [&service, &memory](ingest::Request& request) {
        ingest::Share share(memory);
        return service.take(request, share);
      },
      telemetry, log);
  if (opened) return std::move(*opened);
  log.warn("ingest", "local applications cannot send: " + opened.error().message);
  return nullptr;
}

}  // namespace sightglass::app
