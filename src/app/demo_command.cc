// `sightglass demo`: simulated providers as a second process, the real server, and traffic through
// it; with --json, at the end, what each witness saw.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "app/child.h"
#include "app/commands.h"
#include "app/instance.h"
#include "app/local_client.h"
#include "app/process.h"
#include "app/signals.h"
#include "app/traffic.h"
#include "app/witnesses.h"
#include "base/file_system.h"
#include "base/json_writer.h"
#include "base/random.h"
#include "base/text.h"

namespace sightglass::app {
namespace {

int complain(const Error& error) {
  std::fprintf(stderr, "sightglass demo: %s\n", error.message.c_str());
  return 2;
}

// The demo's own folder; removed at the end unless the user named it.
class Folder {
 public:
  explicit Folder(const std::string& named) : path_(named), keep_(!named.empty()) {
    std::error_code ignored;
    if (keep_) {
      std::filesystem::create_directories(path_, ignored);
      return;
    }
    std::string form =
        std::filesystem::temp_directory_path(ignored).string() + "/sightglass-demo-XXXXXX";
    if (::mkdtemp(form.data()) != nullptr) path_ = form;
  }
  ~Folder() {
    std::error_code ignored;
    if (!keep_ && !path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  bool keep_;
};

struct Demo {
  std::string folder;
  std::string admin_key, client_key;
  std::uint16_t upstream = 0, port = 0;
};

Config demo_config(const Demo& demo, const DemoArguments& arguments) {
  Config config;
  config.listen = arguments.listen;
  config.data = demo.folder + "/data";
  config.keyring = demo.folder + "/keyring";
  config.admin_key = demo.admin_key;
  config.environment = "demo";
  const auto base = "http://127.0.0.1:" + std::to_string(demo.upstream);
  ProviderConfig openai;
  openai.id = "openai";
  openai.kind = "openai";
  openai.base_url = base + "/v1";
  openai.api_keys = {"sk-simulated-openai-0123456789"};
  ProviderConfig anthropic;
  anthropic.id = "anthropic";
  anthropic.kind = "anthropic";
  anthropic.base_url = base;
  anthropic.api_keys = {"sk-ant-simulated-0123456789"};
  config.providers = {openai, anthropic};
  ClientConfig client;
  client.id = "demo-app";
  client.key = demo.client_key;
  config.clients = {client};
  config.log_console = false;
  config.log_file.enabled = true;
  config.log_file.path = demo.folder + "/logs/llm.log";
  config.log_file.max_size_mb = 1024;
  config.store_seal_age_ns = 10 * kSecond;
  return config;
}

Result<std::uint16_t> wait_port(const std::string& file, Child& child) {
  for (int i = 0; i < 500; ++i) {
    std::ifstream in(file);
    int port = 0;
    if (in >> port) return static_cast<std::uint16_t>(port);
    if (!child.running()) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return fail(Code::kUnavailable, "the simulated providers did not start");
}

void greet(const Demo& demo) {
  std::fprintf(stderr,
               "\nSightglass demo: simulated providers, real gateway, traffic running.\n"
               "  Page      http://localhost:%u/\n"
               "  Log in    admin, with the key %s\n"
               "  Your SDK  base_url=\"http://localhost:%u/v1\", api_key=\"%s\"\n"
               "  Metrics   http://localhost:%u/metrics   (Prometheus)\n"
               "  Totals    http://localhost:%u/metrics/running-totals\n"
               "Ctrl-C stops it.\n",
               demo.port, demo.admin_key.c_str(), demo.port, demo.client_key.c_str(), demo.port,
               demo.port);
}

void show_progress(const Traffic& traffic, std::size_t planned) {
  if (::isatty(STDERR_FILENO) == 0) return;
  const auto count = traffic.count();
  const auto ended = count.answered + count.refused + count.broken + count.aborted;
  if (planned > 0) {
    std::fprintf(stderr, "\r  %llu of %zu requests (%.0f %%), %llu in flight   ",
                 static_cast<unsigned long long>(ended), planned,
                 100.0 * static_cast<double>(ended) / static_cast<double>(planned),
                 static_cast<unsigned long long>(count.sent - ended));
  } else {
    std::fprintf(stderr, "\r  %llu requests, %llu in flight   ",
                 static_cast<unsigned long long>(ended),
                 static_cast<unsigned long long>(count.sent - ended));
  }
  std::fflush(stderr);
}

using Header = std::pair<std::string, std::string>;

Result<std::string> get(std::uint16_t port, const char* path, const std::vector<Header>& headers) {
  SG_ASSIGN(auto answer, local_request({"", port}, "GET", path, "", headers, 30 * kSecond));
  if (answer.status != 200) {
    return fail(Code::kUnavailable,
                std::string(path) + " answered " + std::to_string(answer.status));
  }
  return std::move(answer.body);
}

// Requests whose client left are read to their end upstream: wait until none is in flight.
Status wait_idle(const Demo& demo, const std::vector<Header>& admin) {
  for (int i = 0; i < 600; ++i) {
    SG_ASSIGN(const auto body, get(demo.port, "/metrics/active-requests", admin));
    if (body.find("\"active_requests\": []") != std::string::npos ||
        body.find("\"active_requests\":[]") != std::string::npos) {
      return {};
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return fail(Code::kTimeout, "requests are still in flight after 30 s");
}

Result<Tallied> read_log(const std::string& folder) {
  Tallied sum;
  for (int backup = 5; backup >= 0; --backup) {
    const auto path = folder + "/logs/llm.log" + (backup == 0 ? "" : "." + std::to_string(backup));
    std::ifstream in(path, std::ios::binary);
    if (!in) continue;
    const std::string lines((std::istreambuf_iterator<char>(in)), {});
    SG_TRY(add_log_lines(lines, sum));
  }
  return sum;
}

struct NamedTally {
  const char* name;
  Tallied tally;
};

Result<std::vector<NamedTally>> hear_witnesses(const Demo& demo) {
  const std::vector<Header> admin = {{"Authorization", "Bearer " + demo.admin_key}};
  SG_TRY(wait_idle(demo, admin));
  // The barrier also makes sure that every fold has passed what came before.
  SG_ASSIGN(const auto reconciled,
            local_request({demo.folder + "/data/admin.sock", 0}, "POST",
                          "/admin/v1/reconcile?timeout=30", "", {}, 40 * kSecond));
  if (reconciled.status != 200) return fail(Code::kUnavailable, "reconcile was refused");
  SG_ASSIGN(const auto provider_json, get(demo.upstream, "/tally", {}));
  SG_ASSIGN(const auto provider, read_provider_tally(provider_json));
  SG_ASSIGN(const auto exposition, get(demo.port, "/metrics", admin));
  SG_ASSIGN(const auto metrics, read_exposition(exposition));
  SG_ASSIGN(const auto store, read_reconciliation(reconciled.body, "store"));
  auto json_admin = admin;
  json_admin.emplace_back("Accept", "application/json");
  SG_ASSIGN(const auto totals, get(demo.port, "/metrics/running-totals", json_admin));
  SG_ASSIGN(const auto live, read_running_totals(totals));
  SG_ASSIGN(const auto log, read_log(demo.folder));
  return std::vector<NamedTally>{
      {"provider", provider}, {"metrics", metrics}, {"store", store}, {"live", live}, {"log", log}};
}

// Prints the object; whether all are equal.
bool print_witnesses(const std::vector<NamedTally>& witnesses) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  bool agree = true;
  for (const auto& [name, tally] : witnesses) {
    json.key(name).begin_object().key("requests").unsigned_integer(tally.requests);
    json.key("input_tokens").unsigned_integer(tally.input_tokens);
    json.key("output_tokens").unsigned_integer(tally.output_tokens);
    json.key("cost_nanousd").integer(tally.cost_nanousd).end_object();
    agree = agree && tally == witnesses.front().tally;
  }
  json.key("agree").boolean(agree).end_object();
  std::printf("%s\n", out.c_str());
  return agree;
}

Result<TrafficOptions> plan_traffic(const DemoArguments& arguments) {
  TrafficOptions options;
  options.requests = static_cast<std::uint64_t>(std::max<std::int64_t>(0, arguments.requests));
  options.faults = arguments.faults == "standard";
  if (arguments.speed == "max") {
    options.speed = 0;
  } else {
    const auto speed = parse_double(arguments.speed);
    if (!speed || !(*speed > 0))
      return fail(Code::kInvalid, "--speed must be a number above 0, or max");
    options.speed = *speed;
  }
  if (!arguments.trace.empty()) {
    PosixFileSystem fs;
    SG_ASSIGN(const auto csv, read_file(fs, arguments.trace));
    SG_ASSIGN(options.rows, parse_trace(csv));
  }
  return options;
}

}  // namespace

int demo_command(const DemoArguments& arguments) {
  block_signals();
  auto plan = plan_traffic(arguments);
  if (!plan) return complain(plan.error());
  if (arguments.exit && plan->rows.empty() && plan->requests == 0) plan->requests = 1000;
  const Folder folder(arguments.data);
  if (folder.path().empty())
    return complain({Code::kIo, "no temporary folder; name one with --data"});

  Demo demo;
  demo.folder = folder.path();
  SystemRandom random;
  demo.admin_key = "sg_admin_" + random_hex(random, 12);
  demo.client_key = "sg_demo_" + random_hex(random, 12);
  const auto port_file = demo.folder + "/simulator.port";
  std::vector<std::string> words = {"simulate", "--port-file", port_file, "--tally",
                                    demo.folder + "/tally.jsonl"};
  if (!arguments.faults.empty()) words.insert(words.end(), {"--faults", arguments.faults});
  std::error_code ignored;
  std::filesystem::remove(port_file, ignored);
  auto simulator = Child::start(words);
  if (!simulator) return complain(simulator.error());
  const auto upstream = wait_port(port_file, *simulator);
  if (!upstream) return complain(upstream.error());
  demo.upstream = *upstream;

  harden_process(false);
  auto instance =
      Instance::start(demo_config(demo, arguments),
                      ConfigFile([&] { return Result<Config>(demo_config(demo, arguments)); }));
  if (!instance) return complain(instance.error());
  demo.port = (*instance)->port();
  greet(demo);

  const SystemClock clock;
  plan->gateway_port = demo.port;
  plan->client_key = demo.client_key;
  const auto planned = plan->rows.empty() ? plan->requests : plan->rows.size();
  auto traffic = Traffic::start(std::move(*plan), clock);
  if (!traffic) return complain(traffic.error());
  while (wait_signal(kSecond / 4) == 0) {
    show_progress(**traffic, planned);
    if (arguments.exit && (*traffic)->done()) break;
  }
  if (::isatty(STDERR_FILENO) != 0) std::fputc('\n', stderr);

  int code = 0;
  if (arguments.json) {
    const auto witnesses = hear_witnesses(demo);
    if (!witnesses) return complain(witnesses.error());
    code = print_witnesses(*witnesses) ? 0 : 1;
  }
  traffic->reset();
  if (auto stopped = (*instance)->stop(10 * kSecond); !stopped) return complain(stopped.error());
  return code;
}

}  // namespace sightglass::app
