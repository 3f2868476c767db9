#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <fstream>

#include "app/commands.h"
#include "app/config_file.h"
#include "app/instance.h"
#include "app/process.h"
#include "app/signals.h"

namespace sightglass::app {
namespace {

int complain(const Error& error) {
  std::fprintf(stderr, "sightglass serve: %s\n", error.message.c_str());
  return 2;
}

constexpr Nanos kDrain = 30 * kSecond;

// The key goes to a terminal only; into a file for everybody else's start-up logs.
void announce_key(const Config& config, const std::string& key) {
  if (key.empty()) return;
  if (::isatty(STDERR_FILENO) != 0) {
    std::fprintf(stderr, "Admin key, shown once and stored hashed: %s\n", key.c_str());
    return;
  }
  std::fprintf(
      stderr,
      "The admin key was made and written to %s/admin-key; read it, then remove the file.\n",
      config.data.c_str());
}

}  // namespace

int serve_command(const ServeArguments& arguments) {
  block_signals();
  const ConfigFile file(arguments.config_file, [arguments](Config& config) {
    if (!arguments.data.empty()) config.data = arguments.data;
    if (!arguments.listen.empty()) config.listen = arguments.listen;
    config.reset_counters = arguments.reset_counters;
  });
  const auto config = file.read();
  if (!config) return complain(config.error());
  harden_process(config->dumpable);
  auto instance = Instance::start(*config, file);
  if (!instance) return complain(instance.error());
  const auto port = (*instance)->port();
  if (!config->port_file.empty()) std::ofstream(config->port_file) << port << "\n";
  announce_key(*config, (*instance)->new_admin_key());
  std::fprintf(stderr, "sightglass listens on port %u; the page is at http://localhost:%u/\n", port,
               port);
  int received = 0;
  while ((received = wait_signal(3'600 * kSecond)) == 0 || received == SIGHUP) {
    if (received == SIGHUP) (void)(*instance)->reload();  // the log says what it did
  }
  if (auto stopped = (*instance)->stop(kDrain); !stopped) return complain(stopped.error());
  return 0;
}

}  // namespace sightglass::app
