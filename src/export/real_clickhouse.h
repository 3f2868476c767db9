// For tests: a real ClickHouse server of its own on loopback, Debian's (18.16), with the tables of
// deploy/clickhouse.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "export/http_words.h"
#include "export/printed_tables.h"
#include "net/stream.h"

namespace sightglass::exporting {

// The users "default", who may everything, and "reader", who may only read, have the same password.
// Root may start it as well as any other user: it stays who started it.
// Bounds: a question may take 800 MB and 2 threads; caches are small. Answers are held whole.
class RealClickHouse {
 public:
  static constexpr const char* kUser = "default";
  static constexpr const char* kReader = "reader";
  static constexpr const char* kPassword = "hush-clickhouse-0123456789";

  // `more_settings`: further elements of the profile "default", such as
  // "<max_result_rows>10</max_result_rows>".
  explicit RealClickHouse(std::string more_settings = {}) : settings_(std::move(more_settings)) {
    std::string name = (std::filesystem::temp_directory_path() / "sightglass-ch-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    port_ = free_port();
    start();
    if (process_ > 0) make_printed_tables(*this);
  }
  ~RealClickHouse() {
    kill();
    std::filesystem::remove_all(folder_);
  }
  RealClickHouse(const RealClickHouse&) = delete;
  RealClickHouse& operator=(const RealClickHouse&) = delete;

  std::uint16_t port() const { return port_; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

  // The answer's bytes, in whatever FORMAT the question names (TabSeparated where it names none).
  // What is refused fails the test. `settings`: "max_threads=1&readonly=1".
  std::string ask(std::string_view sql, std::string_view settings = {}, const char* user = kUser) {
    return body_of(try_ask(sql, settings, user), sql);
  }
  // `table`: "sightglass.events". The same bytes make one block, as long as they are within the
  // server's limits of one (a million rows).
  void insert(std::string_view table, std::string_view row_binary) {
    const auto sql = "INSERT INTO " + std::string(table) + " FORMAT RowBinary";
    EXPECT_EQ(body_of(post("/?query=" + percent_encoded(sql), kUser, row_binary), sql), "");
  }
  struct Answer {
    int status = 0;  // 0: nothing that can be read
    std::string body;
  };
  Answer try_ask(std::string_view sql, std::string_view settings = {}, const char* user = kUser) {
    // Without it an error in mid-answer would come behind a 200.
    return post("/?wait_end_of_query=1&" + std::string(settings), user, sql);
  }

  void start() {
    write_configuration();
    process_ = run();
    for (int i = 0; i < 3'000; ++i) {
      if (::waitpid(process_, nullptr, WNOHANG) == process_) {
        process_ = -1;
        break;
      }
      if (get("/ping").body == "Ok.\n") return;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    ADD_FAILURE() << "no ClickHouse; install the Debian package clickhouse-server: "
                  << text_of("log") << text_of("out");
  }
  void kill() {  // SIGKILL: what it had not written is gone
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    process_ = -1;
  }
  void pause() { ::kill(process_, SIGSTOP); }
  void resume() { ::kill(process_, SIGCONT); }

 private:
  static std::uint16_t free_port() {
    const auto fd = net::listen_tcp({"127.0.0.1", 0}, false);
    const auto port = net::local_port(*fd);
    ::close(*fd);
    return port;
  }
  std::string text_of(const std::string& name) const {
    std::ifstream in(folder_ + "/" + name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void write_configuration() const {
    const auto user = [](const std::string& name, const std::string& profile) {
      return "<" + name + "><password>" + kPassword +
             "</password><networks><ip>127.0.0.1</ip></networks><profile>" + profile +
             "</profile><quota>default</quota></" + name + ">";
    };
    std::ofstream(folder_ + "/users.xml")
        << "<yandex><profiles><default><max_memory_usage>800000000</max_memory_usage>"
           "<max_threads>2</max_threads><background_pool_size>2</background_pool_size>"
        << settings_ << "</default><reading><readonly>1</readonly></reading></profiles>"
        << "<quotas><default/></quotas><users>" << user(kUser, "default")
        << user(kReader, "reading") << "</users></yandex>";
    // The port of its own protocol must be named; nobody asks there.
    std::ofstream(folder_ + "/config.xml")
        << "<yandex><logger><level>warning</level><log>" << folder_ << "/log</log></logger>"
        << "<listen_host>127.0.0.1</listen_host><http_port>" << port_ << "</http_port>"
        << "<tcp_port>" << free_port() << "</tcp_port>"
        << "<path>" << folder_ << "/data/</path><tmp_path>" << folder_ << "/tmp/</tmp_path>"
        << "<users_config>" << folder_ << "/users.xml</users_config>"
        << "<default_profile>default</default_profile>"
        << "<default_database>default</default_database>"
        << "<mark_cache_size>33554432</mark_cache_size><timezone>UTC</timezone>"
        << "<max_concurrent_queries>50</max_concurrent_queries></yandex>";
  }
  pid_t run() const {
    std::string program = "clickhouse-server", config = "--config-file=" + folder_ + "/config.xml";
    char* arguments[] = {program.data(), config.data(), nullptr};
    const auto out = folder_ + "/out";
    const pid_t child = ::fork();
    if (child != 0) return child;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that is ended leaves nothing behind
    const int fd = ::open(out.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ::dup2(fd, STDOUT_FILENO);
    ::dup2(fd, STDERR_FILENO);
    if (::chdir(folder_.c_str()) != 0) ::_exit(125);
    ::execvp(arguments[0], arguments);
    ::_exit(127);  // the Debian package clickhouse-server is not installed
  }

  Answer get(const std::string& target) const { return exchange("GET " + target, "", ""); }
  Answer post(const std::string& target, const char* user, std::string_view body) const {
    return exchange("POST " + target, basic_authorization(user, kPassword), body);
  }
  // HTTP/1.0, so that an answer ends where the connection does.
  Answer exchange(const std::string& request, const std::string& fields,
                  std::string_view body) const {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    std::string out = request + " HTTP/1.0\r\n" + fields +
                      "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
    out += body;
    std::string in;
    if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
      std::size_t sent = 0;
      while (sent < out.size()) {
        const auto bytes = ::send(fd, out.data() + sent, out.size() - sent, MSG_NOSIGNAL);
        if (bytes <= 0) break;
        sent += static_cast<std::size_t>(bytes);
      }
      char buffer[65'536];
      for (ssize_t bytes = 0; (bytes = ::recv(fd, buffer, sizeof buffer, 0)) > 0;) {
        in.append(buffer, static_cast<std::size_t>(bytes));
      }
    }
    ::close(fd);
    const auto end = in.find("\r\n\r\n");
    if (end == std::string::npos || in.size() < 12) return {};
    return {std::atoi(in.c_str() + 9), in.substr(end + 4)};
  }
  static std::string body_of(Answer answer, std::string_view sql) {
    EXPECT_EQ(answer.status, 200) << sql.substr(0, 2'000) << ": " << answer.body;
    return answer.status == 200 ? std::move(answer.body) : std::string();
  }

  const std::string settings_;
  std::string folder_;
  std::uint16_t port_ = 0;
  pid_t process_ = -1;
};

}  // namespace sightglass::exporting
