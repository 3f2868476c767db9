// For tests: today's ClickHouse as a library (libchdb.so of the npm package that
// tests/chdb/package.json pins; ClickHouse 26.5), with the tables of deploy/clickhouse.
// Source: chDB's C API, `chdb.h` of version 26.5; the package ships no header, so that the few
// functions that are used are declared here.
#pragma once

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "export/printed_tables.h"

namespace sightglass::exporting {

// An engine with a data folder of its own, in this process. It is not linked but loaded, so that a
// build needs nothing of it: the path is SIGHTGLASS_CHDB_LIBRARY, a definition of the CMake target
// `chdb`, with which a program of tests is linked.
//
// One folder at a time: while one is open, the library refuses a second one (tried on 26.5.1); one
// after the other is fine. It would catch SIGSEGV, SIGABRT, SIGFPE and SIGBUS; it is told not to.
// Loading and opening take some 0.2 s, and 200 MB of memory.
// Threads: one.
class Chdb {
 public:
  Chdb() {
    std::string name = (std::filesystem::temp_directory_path() / "sightglass-chdb-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    std::string words[] = {"clickhouse", "--path=" + folder_, "--timezone=UTC", "--max_threads=2"};
    char* arguments[] = {words[0].data(), words[1].data(), words[2].data(), words[3].data()};
    if (!library().loaded) return;
    library().set_signal_handlers_enabled(0);
    connection_ = library().connect(4, arguments);
    if (connection_ == nullptr) {
      ADD_FAILURE() << "chDB opens no data folder; is another Chdb still open in this program?";
      return;
    }
    make_printed_tables(*this);
  }
  ~Chdb() {
    if (connection_ != nullptr) library().close(connection_);
    std::filesystem::remove_all(folder_);
  }
  Chdb(const Chdb&) = delete;
  Chdb& operator=(const Chdb&) = delete;

  // The answer's bytes, in whatever FORMAT the question names (TabSeparated where it names none).
  // What is refused fails the test.
  std::string ask(std::string_view sql) {
    const auto answer = try_ask(sql);
    EXPECT_EQ(answer.error, "") << sql.substr(0, 2'000);
    return answer.body;
  }
  // `table`: "sightglass.events". The bytes go by a file: as a part of the statement they would end
  // at what looks like the end of one.
  void insert(std::string_view table, std::string_view row_binary) {
    const auto file = folder_ + "/rows";
    std::ofstream(file, std::ios::binary) << row_binary;
    ask("INSERT INTO " + std::string(table) + " FROM INFILE '" + file + "' FORMAT RowBinary");
  }
  struct Answer {
    std::string body, error;  // `error`: "Code: 47. DB::Exception: …"; empty: none
  };
  Answer try_ask(std::string_view sql) {
    if (connection_ == nullptr) return {"", "chDB is not there"};
    constexpr std::string_view kFormat = "TabSeparated";
    auto* result =
        library().query(*connection_, sql.data(), sql.size(), kFormat.data(), kFormat.size());
    const char* error = library().error(result);
    const char* bytes = library().buffer(result);
    Answer answer;
    if (error != nullptr) answer.error = error;
    if (bytes != nullptr) answer.body.assign(bytes, library().length(result));
    library().destroy(result);
    return answer;
  }

 private:
  struct Opened;  // what the library gives out
  struct Result;
  using Connection = Opened*;
  struct Library {
    bool loaded = true;
    void (*set_signal_handlers_enabled)(int);
    Connection* (*connect)(int count, char** arguments);
    void (*close)(Connection*);
    Result* (*query)(Connection, const char* sql, std::size_t, const char* format, std::size_t);
    void (*destroy)(Result*);
    char* (*buffer)(Result*);
    std::size_t (*length)(Result*);
    const char* (*error)(Result*);

    Library() {
      void* const handle = ::dlopen(SIGHTGLASS_CHDB_LIBRARY, RTLD_NOW | RTLD_LOCAL);
      find(handle, set_signal_handlers_enabled, "chdb_set_signal_handlers_enabled");
      find(handle, connect, "chdb_connect");
      find(handle, close, "chdb_close_conn");
      find(handle, query, "chdb_query_n");
      find(handle, destroy, "chdb_destroy_query_result");
      find(handle, buffer, "chdb_result_buffer");
      find(handle, length, "chdb_result_length");
      find(handle, error, "chdb_result_error");
      if (!loaded) ADD_FAILURE() << "no libchdb.so; run ./dev test, which installs it";
    }
    template <typename Function>
    void find(void* handle, Function*& function, const char* name) {
      function = reinterpret_cast<Function*>(handle == nullptr ? nullptr : ::dlsym(handle, name));
      loaded &= function != nullptr;
    }
  };
  // Loaded once and never unloaded: its threads live as long as the process.
  static const Library& library() {
    static const Library loaded;
    return loaded;
  }

  std::string folder_;
  Connection* connection_ = nullptr;
};

}  // namespace sightglass::exporting
