// For tests: a real redis-server of its own on loopback, and a blocking connection to it.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "net/stream.h"
#include "redis/reply.h"

namespace sightglass::redis {

class RealRedis {
 public:
  explicit RealRedis(std::vector<std::string> more = {}) : more_(std::move(more)) {
    std::string name =
        (std::filesystem::temp_directory_path() / "sightglass-redis-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    const auto fd = net::listen_tcp({"127.0.0.1", 0}, false);
    port_ = net::local_port(*fd);
    ::close(*fd);
    start();
  }
  ~RealRedis() {
    kill();
    std::filesystem::remove_all(folder_);
  }
  std::uint16_t port() const { return port_; }

  void start() {
    std::vector<std::string> words{"redis-server", "--port",    std::to_string(port_),
                                   "--bind",       "127.0.0.1", "--dir",
                                   folder_,        "--logfile", folder_ + "/log"};
    words.insert(words.end(), more_.begin(), more_.end());
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    process_ = ::fork();
    if (process_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that is ended leaves nothing behind
      const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
      ::dup2(nowhere, STDOUT_FILENO);
      ::dup2(nowhere, STDERR_FILENO);
      ::execvp(arguments[0], arguments.data());
      ::_exit(127);  // the Debian package redis-server is not installed
    }
    for (int i = 0; i < 1'000 && !connect(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    if (fd_ < 0) ADD_FAILURE() << "no redis-server; install the Debian package redis-server";
  }
  void kill() {  // SIGKILL: what is not on disk is gone
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    process_ = -1;
  }
  void pause() { ::kill(process_, SIGSTOP); }
  void resume() { ::kill(process_, SIGCONT); }

  Reply call(const std::vector<std::string_view>& words) {
    std::string out;
    append_command(out, words);
    Reply reply;
    if (::send(fd_, out.data(), out.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(out.size())) {
      ADD_FAILURE() << "redis-server has gone";
      return reply;
    }
    std::string in;
    for (;;) {
      std::size_t consumed = 0;
      const auto got = parse_reply(in, reply, consumed);
      if (got == Parsed::kWhole) return reply;
      char buffer[4096];
      const auto bytes = got == Parsed::kBad ? -1 : ::recv(fd_, buffer, sizeof buffer, 0);
      if (bytes <= 0) {
        ADD_FAILURE() << "no answer that can be read";
        return {};
      }
      in.append(buffer, static_cast<std::size_t>(bytes));
    }
  }

 private:
  bool connect() {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return true;
    ::close(fd_);
    fd_ = -1;
    return false;
  }

  std::vector<std::string> more_;
  std::string folder_;
  std::uint16_t port_ = 0;
  pid_t process_ = -1;
  int fd_ = -1;
};

}  // namespace sightglass::redis
