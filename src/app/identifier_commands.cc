// Commands about people: identifiers come from standard input or a file, never from the command
// line, where other users and the shell's history would see them.
#include <simdjson.h>
#include <termios.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "app/commands.h"
#include "app/local_client.h"
#include "base/json_writer.h"
#include "base/text.h"

namespace sightglass::app {
namespace {

using simdjson::dom::element;

// Asks without showing what is typed.
std::string ask_hidden() {
  termios before{};
  const bool hidden = tcgetattr(STDIN_FILENO, &before) == 0;
  if (hidden) {
    auto quiet = before;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(STDIN_FILENO, TCSANOW, &quiet);
  }
  std::fprintf(stderr, "Identifier (not shown): ");
  std::string line;
  std::getline(std::cin, line);
  if (hidden) tcsetattr(STDIN_FILENO, TCSANOW, &before);
  std::fprintf(stderr, "\n");
  return line;
}

// One identifier a line; empty lines are passed over.
std::vector<std::string> read_lines(std::istream& in) {
  std::vector<std::string> out;
  for (std::string line; std::getline(in, line);) {
    if (const auto text = trim(line); !text.empty()) out.emplace_back(text);
  }
  return out;
}

// The body for a question about the identifiers that `arguments` point to; empty, after a message,
// when there is none.
std::string read_query(const char* command, const IdentifierArguments& arguments) {
  std::vector<std::string> identifiers;
  if (!arguments.file.empty()) {
    std::ifstream in(arguments.file);
    if (!in) {
      std::fprintf(stderr, "sightglass %s: cannot read %s\n", command, arguments.file.c_str());
      return {};
    }
    identifiers = read_lines(in);
  } else if (isatty(STDIN_FILENO) != 0) {
    if (auto line = ask_hidden(); !trim(line).empty()) identifiers.emplace_back(trim(line));
  } else {
    identifiers = read_lines(std::cin);
  }
  if (identifiers.empty()) {
    std::fprintf(stderr, "sightglass %s: no identifier; give one a line on standard input\n",
                 command);
    return {};
  }
  std::string body;
  JsonWriter json(body);
  json.begin_object().key("identifiers").begin_array();
  for (const auto& identifier : identifiers) json.string(identifier);
  json.end_array();
  if (!arguments.kind.empty()) json.key("kind").string(arguments.kind);
  json.end_object();
  return body;
}

// The parsed answer, or the exit code 2 said on standard error. `body` keeps what `root` points to.
bool ask_server(const char* command, const std::string& data, std::string_view method,
                const std::string& path, std::string_view body, LocalAnswer& answer) {
  const auto got = local_request({data + "/admin.sock", 0}, method, path, body, {}, 60 * kSecond);
  if (!got) {
    std::fprintf(stderr,
                 "sightglass %s: %s\nLooked at %s/admin.sock; name the running server's folder "
                 "with --data.\n",
                 command, got.error().message.c_str(), data.c_str());
    return false;
  }
  if (got->status >= 300) {
    std::fprintf(stderr, "sightglass %s: the server answered %d: %s\n", command, got->status,
                 got->body.c_str());
    return false;
  }
  answer = *got;
  return true;
}

std::string day_of(std::int64_t unix_s) {
  const auto time = static_cast<std::time_t>(unix_s);
  std::tm utc{};
  gmtime_r(&time, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &utc);
  return text;
}

void print_epoch(element epoch) {
  std::printf("epoch %-4lld from %s to %s UTC\n",
              static_cast<long long>(epoch["epoch"].get_int64().value_unsafe()),
              day_of(epoch["start"].get_int64().value_unsafe()).c_str(),
              day_of(epoch["end"].get_int64().value_unsafe()).c_str());
}

int misunderstood(const char* command) {
  std::fprintf(stderr, "sightglass %s: the server's answer was not understood\n", command);
  return 2;
}

}  // namespace

int lookup_command(const IdentifierArguments& arguments) {
  const auto body = read_query("lookup", arguments);
  LocalAnswer answer;
  if (body.empty() ||
      !ask_server("lookup", arguments.data, "POST", "/admin/v1/identifiers/lookup", body, answer)) {
    return 2;
  }
  if (arguments.json) {
    std::printf("%s\n", answer.body.c_str());
    return 0;
  }
  simdjson::dom::parser parser;
  simdjson::dom::array found;
  const simdjson::padded_string text(answer.body);
  if (parser.parse(text)["pseudonyms"].get(found) != simdjson::SUCCESS) {
    return misunderstood("lookup");
  }
  for (const auto item : found) {
    std::string_view pseudonym;
    if (item["pseudonym"].get(pseudonym) != simdjson::SUCCESS) return misunderstood("lookup");
    std::printf("%.*s\n", static_cast<int>(pseudonym.size()), pseudonym.data());
  }
  return found.size() > 0 ? 0 : 1;
}

int forget_command(const IdentifierArguments& arguments) {
  const auto body = read_query("forget", arguments);
  LocalAnswer answer;
  if (body.empty() ||
      !ask_server("forget", arguments.data, "POST", "/admin/v1/forget", body, answer)) {
    return 2;
  }
  const std::string path = "/admin/v1/forget/";
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(arguments.timeout_s);
  simdjson::dom::parser parser;
  for (;;) {
    element root;
    std::string_view id, state;
    const simdjson::padded_string text(answer.body);
    if (parser.parse(text).get(root) != simdjson::SUCCESS ||
        root["id"].get(id) != simdjson::SUCCESS || root["state"].get(state) != simdjson::SUCCESS) {
      return misunderstood("forget");
    }
    const bool done = state == "done";
    if (done || std::chrono::steady_clock::now() >= until) {
      if (arguments.json) {
        std::printf("%s\n", answer.body.c_str());
      } else {
        std::printf("%.*s: %s\n", static_cast<int>(id.size()), id.data(),
                    done ? "done, nothing of it is left in the data folder and the log files"
                         : "not done yet; the server goes on");
      }
      return done ? 0 : 1;
    }
    const auto asked = path + std::string(id);
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    if (!ask_server("forget", arguments.data, "GET", asked, "", answer)) return 2;
  }
}

int keyring_command(const KeyringArguments& arguments) {
  const std::string path = "/admin/v1/keyring";
  LocalAnswer answer;
  const bool asked =
      arguments.rotate
          ? ask_server("keyring", arguments.data, "POST",
                       path + "/rotate?at=" + (arguments.now ? "now" : "midnight"), "", answer)
          : ask_server("keyring", arguments.data, "GET", path, "", answer);
  if (!asked) return 2;
  if (arguments.json) {
    std::printf("%s\n", answer.body.c_str());
    return 0;
  }
  simdjson::dom::parser parser;
  element root;
  const simdjson::padded_string text(answer.body);
  if (parser.parse(text).get(root) != simdjson::SUCCESS) return misunderstood("keyring");
  if (arguments.rotate) {
    print_epoch(root);
    return 0;
  }
  simdjson::dom::array epochs;
  if (root["epochs"].get(epochs) != simdjson::SUCCESS) return misunderstood("keyring");
  for (const auto epoch : epochs) print_epoch(epoch);
  return 0;
}

}  // namespace sightglass::app
