// `sightglass backup` and `sightglass restore`.
#include <cstdio>

#include "app/backup.h"
#include "app/commands.h"

namespace sightglass::app {
namespace {

int finish(const char* command, const Result<BackupSummary>& done) {
  if (!done) {
    std::fprintf(stderr, "sightglass %s: %s\n", command, done.error().message.c_str());
    return 2;
  }
  std::printf("%llu files, %llu bytes\n", static_cast<unsigned long long>(done->files),
              static_cast<unsigned long long>(done->bytes));
  return 0;
}

}  // namespace

int backup_command(const BackupArguments& arguments) {
  PosixFileSystem fs;
  SystemClock clock;
  const auto code = finish("backup", back_up(arguments.data, arguments.folder, fs, clock));
  if (code == 0) {
    std::printf("The key ring (keys.path) is not in it; keep a copy of it elsewhere.\n");
  }
  return code;
}

int restore_command(const BackupArguments& arguments) {
  PosixFileSystem fs;
  return finish("restore", restore_backup(arguments.folder, arguments.data, fs));
}

}  // namespace sightglass::app
