// The command line: words to commands.
#pragma once

namespace sightglass::app {

int run_command_line(int argc, char** argv);

}  // namespace sightglass::app
