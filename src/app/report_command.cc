// `sightglass report`: asks the running server through its Unix socket and prints tables.
#include <simdjson.h>
#include <unistd.h>

#include <cstdio>
#include <optional>
#include <vector>

#include "app/commands.h"
#include "app/local_client.h"
#include "app/report_table.h"

namespace sightglass::app {
namespace {

constexpr Nanos kPatience = 30 * kSecond;

// The body of a 200, or nothing after saying what went wrong.
std::optional<std::string> fetch(const ReportArguments& arguments, const std::string& path) {
  const auto answer =
      local_request({arguments.data + "/admin.sock", 0}, "GET", path, "", {}, kPatience);
  if (!answer) {
    std::fprintf(stderr,
                 "sightglass report: %s\nLooked at %s/admin.sock; name the running server's folder "
                 "with --data.\n",
                 answer.error().message.c_str(), arguments.data.c_str());
    return std::nullopt;
  }
  if (answer->status == 200) return answer->body;
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  std::string_view message = answer->body;
  if (parser.parse(simdjson::padded_string(answer->body)).get(root) == simdjson::SUCCESS) {
    std::string_view text;
    if (root["error"]["message"].get(text) == simdjson::SUCCESS) message = text;
  }
  std::fprintf(stderr, "sightglass report: the server answered %d: %.*s\n", answer->status,
               static_cast<int>(message.size()), message.data());
  return std::nullopt;
}

std::optional<std::vector<std::string>> packs_of(const std::string& body) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  simdjson::dom::array packs;
  if (parser.parse(simdjson::padded_string(body)).get(root) != simdjson::SUCCESS ||
      root["packs"].get(packs) != simdjson::SUCCESS) {
    std::fprintf(stderr, "sightglass report: the server's answer was not understood\n");
    return std::nullopt;
  }
  std::vector<std::string> out;
  for (const auto pack : packs) {
    std::string_view name;
    if (pack["pack"].get(name) == simdjson::SUCCESS) out.emplace_back(name);
  }
  return out;
}

// Names of packs and durations need no escapes in a path; anything else is not one of them.
bool is_plain(const std::string& text) {
  return !text.empty() &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_") == std::string::npos;
}

}  // namespace

int report_command(const ReportArguments& arguments) {
  if (!is_plain(arguments.since) || (!arguments.pack.empty() && !is_plain(arguments.pack))) {
    std::fprintf(stderr,
                 "sightglass report: --pack takes a pack's name, --since a duration such "
                 "as 24h or 7d\n");
    return 2;
  }
  std::vector<std::string> packs = {arguments.pack};
  if (arguments.pack.empty()) {
    const auto list = fetch(arguments, "/admin/v1/reports");
    if (!list) return 2;
    const auto known = packs_of(*list);
    if (!known) return 2;
    packs = *known;
  }
  const bool colour = isatty(STDOUT_FILENO) == 1;
  for (const auto& pack : packs) {
    const auto body = fetch(arguments, "/admin/v1/reports/" + pack + "?since=" + arguments.since);
    if (!body) return 2;
    if (arguments.json) {
      std::printf("%s\n", body->c_str());
      continue;
    }
    const auto table = report_table(*body, colour);
    if (!table) {
      std::fprintf(stderr, "sightglass report: %s\n", table.error().message.c_str());
      return 2;
    }
    std::fputs(table->c_str(), stdout);
  }
  return 0;
}

}  // namespace sightglass::app
