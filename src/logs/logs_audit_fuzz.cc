// A trail of foreign bytes is judged without harm, and one that was judged intact has every line
// bound to the one before.
// Parser: logs/audit_chain.cc:read_audit_link|hash|verify|Walk|take_number|each_line
#include <cstdlib>
#include <string>

#include "base/fake_file_system.h"
#include "logs/audit_chain.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sightglass;
  const std::string text(reinterpret_cast<const char*>(data), size);
  FakeFileSystem fs;
  // The second half is the file, the first one its backup.
  const auto half = text.rfind('\n', size / 2) + 1;
  fs.set_content("/a.jsonl.1", text.substr(0, half));
  fs.set_content("/a.jsonl", text.substr(half));
  const auto verdict = logs::verify_audit_trail(fs, "/a.jsonl", "");
  if (!verdict) return 0;
  if (!verdict->broken && verdict->links > 0 &&
      verdict->last.number != verdict->first.number + verdict->links - 1) {
    std::abort();
  }
  const auto last = logs::last_audit_link(fs, "/a.jsonl", size);
  if (last.hash.size() != 64) std::abort();
  return 0;
}
