// Any bytes as the log file and its state that a start finds: it goes on from somewhere, and a
// second start goes on from the same place with the same totals.
// Parser: logs/log_file.cc:read_state|offset_holds|check_tail|count_backups|each_line
// logs/log_file.cc:LogFile::recover\(
#include <algorithm>
#include <cstdlib>
#include <string>

#include "base/fake_file_system.h"
#include "logs/log_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sightglass;
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  // The first byte says how many of the next are the state file.
  const std::size_t split = size == 0 ? 0 : std::min<std::size_t>(size - 1, data[0]);
  FakeFileSystem fs;
  if (!fs.create_directories("logs")) std::abort();
  if (split > 0) fs.set_content("logs/llm.log.state", bytes.substr(1, split));
  // What stands before a record separator is the newest backup.
  const auto rest = size == 0 ? "" : bytes.substr(1 + split);
  const auto backup = rest.find('\x1e');
  if (backup != std::string::npos) fs.set_content("logs/llm.log.1", rest.substr(0, backup));
  fs.set_content("logs/llm.log", backup == std::string::npos ? rest : rest.substr(backup + 1));
  Telemetry telemetry;
  NullLog log;
  logs::FileOptions options;
  options.path = "logs/llm.log";
  const auto start = [&] { return logs::LogFile(options, fs, telemetry, log); };
  const auto first = start();
  const auto second = start();
  if (first.resume_position() != second.resume_position()) std::abort();
  if (first.totals() != second.totals()) std::abort();
  return 0;
}
