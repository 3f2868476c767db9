// The commands that talk to a running server through its Unix socket, and need no key for it.
#include <simdjson.h>

#include <cstdio>

#include "app/commands.h"
#include "app/local_client.h"

namespace sightglass::app {
namespace {

constexpr Nanos kGrace = 2 * kSecond;  // for the answer to travel, past the server's own deadline

void explain_silence(const char* command, const std::string& data, const Error& error) {
  std::fprintf(
      stderr,
      "sightglass %s: %s\nLooked at %s/admin.sock; name the running server's folder with --data.\n",
      command, error.message.c_str(), data.c_str());
}

void print_row(std::string_view name, simdjson::dom::element row) {
  const auto number = [&](const char* key) {
    std::int64_t value = 0;
    if (row[key].get(value) != simdjson::SUCCESS) return std::int64_t{0};
    return value;
  };
  std::printf("%-8.*s %14lld %16lld %16lld %18.9f %10lld\n", static_cast<int>(name.size()),
              name.data(), static_cast<long long>(number("requests")),
              static_cast<long long>(number("input_tokens")),
              static_cast<long long>(number("output_tokens")),
              static_cast<double>(number("cost_nanousd")) / 1e9,
              static_cast<long long>(number("unpriced")));
}

void print_count(const std::string& name, simdjson::simdjson_result<simdjson::dom::element> value) {
  std::int64_t n = 0;
  if (value.get(n) != simdjson::SUCCESS) return;
  std::printf("  %-22s %14lld\n", name.c_str(), static_cast<long long>(n));
}

// accepted = stored + dropped(reason), as the server added it up.
void print_events(simdjson::dom::element sum) {
  bool holds = false;
  std::uint64_t since = 0;
  if (sum["holds"].get(holds) != simdjson::SUCCESS ||
      sum["since"].get(since) != simdjson::SUCCESS) {
    return;
  }
  std::printf("\nEvents behind position %llu:\n", static_cast<unsigned long long>(since));
  print_count("accepted", sum["accepted"]);
  print_count("stored as rows", sum["stored"]);
  simdjson::dom::object dropped;
  if (sum["dropped"].get(dropped) == simdjson::SUCCESS) {
    for (const auto field : dropped) {
      print_count("dropped: " + std::string(field.key), dropped[field.key]);
    }
    print_count("rows expired", sum["expired"]);
    print_count("rows lost to damage", sum["lost"]);
  } else {
    std::printf("  there is no store to hold them against\n");
  }
  print_count("from applications", sum["ingested"]);
  print_count("acknowledged to them", sum["acknowledged"]);
  std::printf(holds ? "The sum holds.\n" : "The sum does NOT hold.\n");
}

// Prints the witnesses as a table; the exit code.
int print_reconciliation(const std::string& body) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  bool agree = false;
  std::uint64_t position = 0;
  simdjson::dom::object witnesses;
  simdjson::dom::array silent;
  if (parser.parse(simdjson::padded_string(body)).get(root) != simdjson::SUCCESS ||
      root["agree"].get(agree) != simdjson::SUCCESS ||
      root["position"].get(position) != simdjson::SUCCESS ||
      root["witnesses"].get(witnesses) != simdjson::SUCCESS ||
      root["silent"].get(silent) != simdjson::SUCCESS) {
    std::fprintf(stderr, "sightglass reconcile: the server's answer was not understood\n");
    return 2;
  }
  std::printf("At journal position %llu:\n", static_cast<unsigned long long>(position));
  std::printf("%-8s %14s %16s %16s %18s %10s\n", "witness", "requests", "input_tokens",
              "output_tokens", "cost_usd", "unpriced");
  for (const auto field : witnesses) print_row(field.key, field.value);
  for (const auto name : silent) {
    std::printf("%-8s gave no answer in time\n",
                std::string(name.get_string().value_unsafe()).c_str());
  }
  if (simdjson::dom::element sum; root["events"].get(sum) == simdjson::SUCCESS) print_events(sum);
  if (silent.size() > 0) return 2;
  std::printf(agree ? "All witnesses agree.\n" : "The witnesses DIFFER.\n");
  return agree ? 0 : 1;
}

}  // namespace

int reconcile_command(const ReconcileArguments& arguments) {
  const auto answer =
      local_request({arguments.data + "/admin.sock", 0}, "POST",
                    "/admin/v1/reconcile?timeout=" + std::to_string(arguments.timeout_s), "", {},
                    arguments.timeout_s * kSecond + kGrace);
  if (!answer) {
    explain_silence("reconcile", arguments.data, answer.error());
    return 2;
  }
  if (answer->status != 200) {
    std::fprintf(stderr, "sightglass reconcile: the server answered %d: %s\n", answer->status,
                 answer->body.c_str());
    return 2;
  }
  if (!arguments.json) return print_reconciliation(answer->body);
  std::printf("%s\n", answer->body.c_str());
  if (answer->body.find("\"silent\":[]") == std::string::npos) return 2;
  return answer->body.starts_with("{\"agree\":true") ? 0 : 1;
}

int admin_key_command(const AdminKeyArguments& arguments) {
  if (!arguments.renew) {
    std::fprintf(stderr,
                 "The admin key is stored hashed and cannot be shown again.\n"
                 "Make a new one: sightglass admin-key --new --data %s\n",
                 arguments.data.c_str());
    return 2;
  }
  const auto answer = local_request({arguments.data + "/admin.sock", 0}, "POST",
                                    "/admin/v1/admin-key", "", {}, 10 * kSecond);
  if (!answer) {
    explain_silence("admin-key", arguments.data, answer.error());
    return 2;
  }
  simdjson::dom::parser parser;
  std::string_view key;
  simdjson::dom::element root;
  if (answer->status != 200 ||
      parser.parse(simdjson::padded_string(answer->body)).get(root) != simdjson::SUCCESS ||
      root["admin_key"].get(key) != simdjson::SUCCESS) {
    std::fprintf(stderr, "sightglass admin-key: the server answered %d: %s\n", answer->status,
                 answer->body.c_str());
    return 2;
  }
  std::printf("%s\n", std::string(key).c_str());
  std::fprintf(stderr,
               "This is the new admin key. It is not shown again; the old one no longer works.\n");
  return 0;
}

}  // namespace sightglass::app
