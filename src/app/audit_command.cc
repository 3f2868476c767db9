// `sightglass audit verify`: whether the audit trail is still the one that was written. It reads
// the files alone, so a server may run or not.
#include <cstdio>

#include "app/commands.h"
#include "base/file_system.h"
#include "base/json_writer.h"
#include "logs/audit_chain.h"

namespace sightglass::app {
namespace {

std::string to_json(const logs::AuditVerdict& verdict, bool intact) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("intact").boolean(intact);
  json.key("links").unsigned_integer(verdict.links).key("files").unsigned_integer(verdict.files);
  json.key("first").unsigned_integer(verdict.first.number);
  json.key("last").unsigned_integer(verdict.last.number);
  json.key("head").string(verdict.last.hash);
  json.key("deleted_before").unsigned_integer(verdict.deleted_before);
  json.key("found_expected").boolean(verdict.found_expected);
  json.key("unfinished").boolean(verdict.unfinished).key("broken");
  if (verdict.broken) {
    json.begin_object().key("file").string(verdict.broken->file);
    json.key("line").unsigned_integer(verdict.broken->line);
    json.key("link").unsigned_integer(verdict.broken->number);
    json.key("problem").string(verdict.broken->what).end_object();
  } else {
    json.null();
  }
  json.end_object();
  return out;
}

void print(const logs::AuditVerdict& verdict) {
  if (verdict.broken) {
    std::printf("BROKEN at link %llu: %s:%llu: %s\n",
                static_cast<unsigned long long>(verdict.broken->number),
                verdict.broken->file.c_str(), static_cast<unsigned long long>(verdict.broken->line),
                verdict.broken->what.c_str());
    return;
  }
  std::printf("%llu links in %llu files, %llu to %llu, each bound to the one before.\n",
              static_cast<unsigned long long>(verdict.links),
              static_cast<unsigned long long>(verdict.files),
              static_cast<unsigned long long>(verdict.first.number),
              static_cast<unsigned long long>(verdict.last.number));
  if (verdict.deleted_before > 0) {
    std::printf("Links before %llu are not there: rotated away, or removed.\n",
                static_cast<unsigned long long>(verdict.first.number));
  }
  if (verdict.unfinished) std::printf("The last line is unfinished: it is being written.\n");
  if (!verdict.found_expected) {
    std::printf("MISSING: no link has the hash that was given with --head.\n");
  }
  std::printf("Head %s\n", verdict.last.hash.c_str());
}

}  // namespace

int audit_verify_command(const AuditArguments& arguments) {
  PosixFileSystem fs;
  const auto path = arguments.file.empty() ? arguments.data + "/audit/audit.jsonl" : arguments.file;
  const auto verdict = logs::verify_audit_trail(fs, path, arguments.head);
  if (!verdict) {
    std::fprintf(stderr, "sightglass audit verify: %s\n", verdict.error().message.c_str());
    return 2;
  }
  const bool intact = !verdict->broken && verdict->found_expected;
  if (arguments.json) {
    std::printf("%s\n", to_json(*verdict, intact).c_str());
  } else {
    print(*verdict);
  }
  return intact ? 0 : 1;
}

}  // namespace sightglass::app
