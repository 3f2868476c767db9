// What a small request on a kept connection costs the server: its thread's CPU, and allocations.
#include <benchmark/benchmark.h>
#include <pthread.h>

#include <atomic>
#include <cstdlib>
#include <ctime>
#include <new>

#include "http/test_server.h"

namespace {
std::atomic<std::uint64_t> allocations{0};
}

// GCC takes the pair of malloc and free behind new and delete for a mistake.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
__attribute__((noinline)) void* operator new(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
// NOLINTBEGIN(clang-analyzer-cplusplus.NewDelete): so does the analyzer.
__attribute__((noinline)) void operator delete(void* memory) noexcept { std::free(memory); }
__attribute__((noinline)) void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
// NOLINTEND(clang-analyzer-cplusplus.NewDelete)

namespace sightglass::http {
namespace {

const std::string kHead = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";

class Tiny final : public Handler {
  void on_request(Exchange&) override {}
  void on_body(Exchange&, std::string_view) override {}
  void on_body_end(Exchange& exchange) override {
    exchange.start(kHead, 2);
    exchange.write("{}");
    exchange.end();
  }
  void on_close(Exchange&, bool) override {}
};

void small_requests(benchmark::State& state) {
  TestServer server({open_route(
      "POST", "/v1/chat/completions",
      [](const std::vector<std::string>&) { return std::make_unique<Tiny>(); }, Realm::kGateway)});
  pthread_t worker{};
  std::atomic<bool> known = false;
  server.loop().post([&] {
    worker = pthread_self();
    known = true;
  });
  while (!known) std::this_thread::yield();
  clockid_t clock{};
  pthread_getcpuclockid(worker, &clock);
  const auto cpu_ns = [&] {
    timespec time{};
    clock_gettime(clock, &time);
    return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
  };
  const auto request = post(
      "/v1/chat/completions", std::string(600, 'x'),
      "Authorization: Bearer sk-0123456789abcdef0123456789abcdef\r\nAccept: application/json\r\n"
      "Content-Type: application/json\r\nUser-Agent: OpenAI/JS 6.1.0\r\n"
      "X-Stainless-Lang: js\r\nX-Stainless-Package-Version: 6.1.0\r\n"
      "X-Stainless-OS: Linux\r\nX-Stainless-Arch: x64\r\nX-Stainless-Runtime: node\r\n"
      "Accept-Encoding: gzip, deflate\r\n");
  TestClient client(server.port());
  char buffer[4096];
  const auto once = [&] {
    client.send(request);
    benchmark::DoNotOptimize(recv(client.fd(), buffer, sizeof buffer, 0));
  };
  for (int i = 0; i < 100; ++i) once();
  const auto cpu_before = cpu_ns();
  const auto allocations_before = allocations.load();
  for (auto _ : state) once();
  state.counters["server_cpu_ns"] =
      benchmark::Counter((cpu_ns() - cpu_before) / static_cast<double>(state.iterations()));
  state.counters["allocations"] =
      benchmark::Counter(static_cast<double>(allocations.load() - allocations_before) /
                         static_cast<double>(state.iterations()));
}
BENCHMARK(small_requests)->UseRealTime();

void routes(benchmark::State& state) {
  std::vector<Route> all;
  const auto make = simple([](const SimpleRequest&) { return Response{}; });
  for (const char* pattern :
       {"/v1/chat/completions", "/v1/messages", "/providers/{id}/{rest...}", "/metrics", "/health",
        "/admin/v1/clients", "/admin/v1/clients/{id}", "/admin/v1/metrics/clients/{id}"}) {
    all.push_back(open_route("POST", pattern, make));
  }
  const auto router = Router::build(std::move(all));
  std::vector<std::string> parameters;
  const std::string_view path =
      state.range(0) == 0 ? "/v1/chat/completions" : "/admin/v1/metrics/clients/client-123";
  for (auto _ : state) benchmark::DoNotOptimize(router->find("POST", path, parameters));
}
BENCHMARK(routes)->Arg(0)->Arg(1);

}  // namespace
}  // namespace sightglass::http
