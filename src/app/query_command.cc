// `sightglass query`: asks the running server through its Unix socket, or reads the data folder's
// files itself where none runs.
#include <simdjson.h>

#include <cstdio>

#include "admin/query.h"
#include "app/commands.h"
#include "app/config_file.h"
#include "app/local_client.h"
#include "app/packs.h"
#include "app/query_table.h"
#include "store/offline.h"

namespace sightglass::app {
namespace {

constexpr Nanos kPatience = 30 * kSecond;  // the server itself gives up after ten

// As RFC 3986 asks for it; what is no letter or digit is escaped.
void append_parameter(std::string& out, std::string_view name, std::string_view value) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  if (value.empty()) return;
  if (!out.empty()) out += '&';
  out.append(name).push_back('=');
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '_' || c == '-' || c == '.';
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
  }
}

std::string query_string(const QueryArguments& arguments) {
  std::string out;
  append_parameter(out, "since", arguments.since);
  append_parameter(out, "start", arguments.start);
  append_parameter(out, "end", arguments.end);
  append_parameter(out, "of", arguments.of);
  append_parameter(out, "filter", arguments.filter);
  append_parameter(out, "group_by", arguments.group_by);
  for (const auto& stat : arguments.stats) append_parameter(out, "stat", stat);
  append_parameter(out, "step", arguments.step);
  append_parameter(out, "order", arguments.order);
  append_parameter(out, "limit", arguments.limit);
  if (arguments.compare) append_parameter(out, "compare", "previous");
  return out;
}

Result<std::string> ask_files(const QueryArguments& arguments, const std::string& query) {
  PosixFileSystem fs;
  const SystemClock clock;
  Telemetry telemetry;
  SG_ASSIGN(const auto config, load_config(arguments.config_file));
  SG_ASSIGN(const auto packs, load_packs(config, fs));
  SG_ASSIGN(auto question, admin::parse_query(query, clock.wall_ns()));
  SG_ASSIGN(const auto plan, store::TypedPlan::make(std::move(question), packs.catalogue));
  SG_ASSIGN(const auto files,
            store::OfflineQueries::open(arguments.data + "/store", fs, clock, telemetry));
  SG_ASSIGN(const auto answer, files->answer(plan));
  std::string out;
  admin::append_answer_json(plan, answer, out);
  return out;
}

std::string message_of(const LocalAnswer& answer) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  std::string_view message;
  if (parser.parse(simdjson::padded_string(answer.body)).get(root) == simdjson::SUCCESS &&
      root["error"]["message"].get(message) == simdjson::SUCCESS) {
    return std::string(message);
  }
  return answer.body;
}

// The answer's JSON, from the server or, where none runs, from the files.
Result<std::string> ask(const QueryArguments& arguments, const std::string& query) {
  if (arguments.offline) return ask_files(arguments, query);
  const auto answer = local_request({arguments.data + "/admin.sock", 0}, "GET",
                                    "/admin/v1/query?" + query, "", {}, kPatience);
  if (answer && answer->status == 200) return answer->body;
  if (answer) return fail(Code::kInvalid, message_of(*answer));
  if (answer.error().code != Code::kUnavailable) return std::unexpected(answer.error());
  auto out = ask_files(arguments, query);
  if (out) {
    std::fprintf(stderr,
                 "sightglass query: no server answers at %s/admin.sock; this is from its sealed "
                 "files\n",
                 arguments.data.c_str());
  }
  return out;
}

}  // namespace

int query_command(const QueryArguments& arguments) {
  const auto json = ask(arguments, query_string(arguments));
  if (!json) {
    std::fprintf(stderr, "sightglass query: %s\n", json.error().message.c_str());
    return 2;
  }
  // The table is read for --json, too: its number of rows is the exit code.
  const auto text = arguments.csv
                        ? query_csv(*json)
                        : query_table(*json, arguments.rows ? Layout::kEachRow : Layout::kCourses);
  if (!text) {
    std::fprintf(stderr, "sightglass query: %s\n", text.error().message.c_str());
    return 2;
  }
  if (arguments.json) {
    std::printf("%s\n", json->c_str());
  } else {
    std::fputs(text->text.c_str(), stdout);
  }
  return text->rows == 0 ? 1 : 0;
}

}  // namespace sightglass::app
