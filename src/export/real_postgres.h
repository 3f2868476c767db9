// For tests: a real PostgreSQL of its own on loopback, with the tables of deploy/postgres.
#pragma once

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "../tests/support/batches.h"
#include "export/pg_link.h"
#include "net/stream.h"

namespace sightglass::exporting {

// The superuser "owner" comes without a password over loopback, "writer", "reader" and
// "keeper" with theirs.
// Where the test runs as root the server runs as the user postgres, since it refuses to be root.
class RealPostgres {
 public:
  static constexpr const char* kWriterPassword = "hush-writer-0123456789";

  explicit RealPostgres(std::string more_settings = {}) {
    std::string name = (std::filesystem::temp_directory_path() / "sightglass-pg-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    own(folder_);
    const auto fd = net::listen_tcp({"127.0.0.1", 0}, false);
    port_ = net::local_port(*fd);
    ::close(*fd);
    finish(run({program("initdb"), "-D", data(), "-U", "owner", "-A", "trust", "-E", "UTF8",
                "--no-locale", "-N"}));
    write("pg_hba.conf",
          "host all owner 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n");
    settings_ = std::move(more_settings);
    start();
    if (!owner_) return;
    for (const char* file : {"deploy/postgres/schema.sql", "deploy/postgres/roles.sql",
                             "deploy/postgres/clients.sql"}) {
      say(testing::source_text(file));
    }
    say(std::string("create role writer login password '") + kWriterPassword +
        "' in role sightglass_writer; create role reader login password '" + kWriterPassword +
        "' in role sightglass_reader; create role keeper login password '" + kWriterPassword +
        "' in role sightglass_registry");
  }
  ~RealPostgres() {
    kill();
    std::filesystem::remove_all(folder_);
  }

  std::uint16_t port() const { return port_; }
  static std::string text_of(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  // A file that the server may read, such as a key, named relative to its data folder.
  void write(const std::string& name, const std::string& text) {
    const auto path = data() + "/" + name;
    std::ofstream(path, std::ios::binary) << text;
    ::chmod(path.c_str(), 0600);
    own(path);
  }

  void start() {
    write("postgresql.conf",
          "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nport = " +
              std::to_string(port_) + "\nmax_connections = 12\nshared_buffers = 8MB\n" + settings_);
    process_ = run({program("postgres"), "-D", data()});
    PgLink::Outcome<void> opened;
    for (int i = 0; i < 1'200; ++i) {
      owner_ = link("owner", "");
      opened = owner_->open();
      if (opened) return;
      owner_.reset();
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    ADD_FAILURE() << "no PostgreSQL; install the Debian package postgresql-15: "
                  << text_of(folder_ + "/log");
  }
  // SIGKILL to all of it: what was committed must be there afterwards.
  void kill() {
    owner_.reset();
    if (process_ <= 0) return;
    const auto children = children_of(process_);
    ::kill(process_, SIGKILL);
    for (const auto child : children) ::kill(child, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    process_ = -1;
    // The next start refuses to share the memory of one that still lives.
    const auto lives = [](pid_t child) { return state_of(child) != '\0'; };
    for (int i = 0; i < 1'000 && std::ranges::any_of(children, lives); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
  // The postmaster and all that serve connections stand still.
  void pause() { signal_all(SIGSTOP); }
  void resume() { signal_all(SIGCONT); }

  PgOptions options(const std::string& user, const std::string& password) const {
    PgOptions options;
    options.host = "127.0.0.1";
    options.port = port_;
    options.database = "postgres";
    options.username = user;
    options.password = password;
    options.sslmode = "disable";
    return options;
  }
  PgOptions writer() const { return options("writer", kWriterPassword); }
  PgOptions keeper() const { return options("keeper", kWriterPassword); }  // of the clients

  // As the superuser; the first row.
  std::vector<std::string> say(const std::string& sql) {
    const auto answer = owner_->ask(sql.c_str());
    EXPECT_TRUE(answer) << sql << ": " << answer.error().code;
    return answer ? answer->row : std::vector<std::string>();
  }
  std::string value(const std::string& sql) {
    const auto row = say(sql);
    return row.empty() ? std::string() : row.front();
  }

 private:
  std::string data() const { return folder_ + "/data"; }
  std::unique_ptr<PgLink> link(const std::string& user, const std::string& password) const {
    return *PgLink::make(options(user, password), clock_);
  }
  static std::string program(const std::string& name) {
    std::string newest = name;
    std::error_code ignored;
    for (const auto& version :
         std::filesystem::directory_iterator("/usr/lib/postgresql", ignored)) {
      const auto path = version.path() / "bin" / name;
      if (std::filesystem::exists(path)) newest = std::max(newest, path.string());
    }
    return newest;
  }
  void own(const std::string& path) const {
    if (::geteuid() != 0) return;
    if (const auto* user = ::getpwnam("postgres")) {
      if (::chown(path.c_str(), user->pw_uid, user->pw_gid) != 0) ADD_FAILURE() << path;
    }
  }
  pid_t run(std::vector<std::string> words) {
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const auto* user = ::geteuid() == 0 ? ::getpwnam("postgres") : nullptr;
    const auto log = folder_ + "/log";
    const pid_t child = ::fork();
    if (child != 0) return child;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that is ended leaves nothing behind
    if (user != nullptr && (::setgroups(0, nullptr) != 0 || ::setgid(user->pw_gid) != 0 ||
                            ::setuid(user->pw_uid) != 0)) {
      ::_exit(126);
    }
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // the change of user forgot it
    const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ::dup2(out, STDOUT_FILENO);
    ::dup2(out, STDERR_FILENO);
    if (::chdir(folder_.c_str()) != 0) ::_exit(125);
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);  // the Debian package postgresql-15 is not installed
  }
  static void finish(pid_t child) {
    int status = -1;
    ::waitpid(child, &status, 0);
    if (status != 0) ADD_FAILURE() << "initdb ended with " << status << "; is postgresql-15 there?";
  }
  // '\0': there is no such process.
  static char state_of(pid_t process, pid_t* parent = nullptr) {
    std::ifstream in("/proc/" + std::to_string(process) + "/stat");
    std::string text;
    std::getline(in, text);
    const auto end = text.rfind(')');
    if (end == std::string::npos) return '\0';
    char state = '\0';
    int of = 0;
    if (std::sscanf(text.c_str() + end + 1, " %c %d", &state, &of) != 2) return '\0';
    if (parent != nullptr) *parent = of;
    return state == 'Z' ? '\0' : state;
  }
  static std::vector<pid_t> children_of(pid_t process) {
    std::vector<pid_t> out;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      const int id = std::atoi(entry.path().filename().c_str());
      pid_t parent = 0;
      if (id > 0 && state_of(id, &parent) != '\0' && parent == process) out.push_back(id);
    }
    return out;
  }
  void signal_all(int signal) const {
    ::kill(process_, signal);
    for (const auto child : children_of(process_)) ::kill(child, signal);
  }

  SystemClock clock_;
  std::string folder_, settings_;
  std::uint16_t port_ = 0;
  pid_t process_ = -1;
  std::unique_ptr<PgLink> owner_;
};

}  // namespace sightglass::exporting
