// `sightglass ingest`: files and standard input to a running server, once; or, following, for ever.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <limits>
#include <thread>

#include "app/commands.h"
#include "app/ingest_client.h"
#include "app/ingest_summary.h"
#include "app/signals.h"
#include "base/file_system.h"
#include "base/sha256.h"
#include "base/text.h"
#include "follow/cursor.h"
#include "follow/follower.h"
#include "follow/line_batches.h"

namespace sightglass::app {
namespace {

using follow::Form;
using follow::LineBatches;
using follow::Taken;

constexpr std::size_t kMostBytes = 4u << 20;
constexpr std::size_t kLeastBytes = 64 << 10;
constexpr std::size_t kStdinNameBytes = 1u << 20;
constexpr Nanos kLook = 100 * kMillisecond;
constexpr Nanos kRedraw = 200 * kMillisecond;
constexpr Nanos kPlainEvery = 10 * kSecond;

// What is said on the way: one line redrawn on a terminal, else a line now and then.
class Progress {
 public:
  Progress(const Clock& clock, bool quiet)
      : clock_(clock), terminal_(::isatty(STDERR_FILENO) != 0), quiet_(quiet) {
    shown_ns_ = began_ns_ = clock.monotonic_ns();
  }
  void show(const std::string& name, std::uint64_t done, std::uint64_t total, std::uint64_t lines) {
    const auto now = clock_.monotonic_ns();
    if (quiet_ || now - shown_ns_ < (terminal_ ? kRedraw : kPlainEvery)) return;
    shown_ns_ = now;
    const auto line = progress_line(name, done, total, lines, now - began_ns_);
    std::fprintf(stderr, terminal_ ? "\r\x1b[K%s" : "%s\n", line.c_str());
    drawn_ = terminal_;
  }
  void note(const std::string& line) {
    clear();
    if (!quiet_) std::fprintf(stderr, "%s\n", line.c_str());
  }
  void clear() {
    if (drawn_) std::fprintf(stderr, "\r\x1b[K");
    drawn_ = false;
  }
  Nanos took_ns() const { return clock_.monotonic_ns() - began_ns_; }

 private:
  const Clock& clock_;
  const bool terminal_, quiet_;
  bool drawn_ = false;
  Nanos began_ns_ = 0, shown_ns_ = 0;
};

class IngestRun final : public follow::Watcher {
 public:
  explicit IngestRun(const IngestArguments& arguments)
      : arguments_(arguments), progress_(clock_, arguments.quiet) {
    if (arguments.format == "events") form_ = Form::kEvents;
    if (arguments.format == "lines") form_ = Form::kLines;
    if (!arguments.url.empty()) {
      // Files of several machines meet at one server.
      utsname name{};
      if (::uname(&name) == 0) host_ = name.nodename;
    }
  }

  int run() {
    auto connected = connect();
    if (!connected) return complain(connected.error());
    auto done = arguments_.follow ? follow() : send_all();
    progress_.clear();
    const auto took = progress_.took_ns();
    if (!done && summary_.lines() == 0 && summary_.known_bytes() == 0) {
      return complain(done.error());
    }
    if (arguments_.json) {
      std::fputs(summary_.as_json(took).c_str(), stdout);
    } else if (!arguments_.quiet) {
      std::fputs(summary_.as_table(took).c_str(), stdout);
    }
    if (!done) return complain(done.error());
    return failed_ ? 2 : summary_.rejected() > 0 ? 1 : 0;
  }

 private:
  int complain(const Error& error) const {
    std::fprintf(stderr, "sightglass ingest: %s\n", error.message.c_str());
    if (error.code == Code::kUnavailable && arguments_.url.empty()) {
      std::fprintf(stderr,
                   "Looked at %s/admin.sock; name the running server's folder with --data.\n",
                   arguments_.data.c_str());
    }
    return 2;
  }

  Status connect() {
    IngestTarget target;
    target.url = arguments_.url;
    if (target.url.empty()) target.unix_path = arguments_.data + "/admin.sock";
    PosixFileSystem fs;
    if (!arguments_.key_file.empty()) {
      SG_ASSIGN(const auto key, read_file(fs, arguments_.key_file, 4096));
      target.key = trim(key);
    } else if (const char* key = std::getenv("SIGHTGLASS_INGEST_KEY"); key != nullptr) {
      target.key = key;
    }
    if (target.key.find_first_of("\r\n") != std::string::npos) {
      return fail(Code::kInvalid, "the ingest key must be one line");
    }
    Patience patience;
    patience.most_ns = arguments_.follow ? 0 : arguments_.wait_s * kSecond;
    patience.wait = [this](Nanos ns) { return wait(ns); };
    patience.note = [this](std::string_view note) { progress_.note(std::string(note)); };
    auto made = make_ingest_client(target, clock_, std::move(patience));
    if (!made) return fail(arguments_.url, std::move(made).error());
    receiver_ = std::move(*made);
    return {};
  }

  // False: a signal asks for the end (followers only; otherwise it ends the process at once).
  bool wait(Nanos ns) {
    if (arguments_.follow) {
      if (!stopped_) stopped_ = wait_signal(ns) != 0;
      return !stopped_;
    }
    std::this_thread::sleep_for(std::chrono::nanoseconds(ns));
    return true;
  }

  // ---- once -----------------------------------------------------------------------------------

  Status send_all() {
    for (const auto& file : arguments_.files) {
      const auto sent = send_file(file);
      if (sent) continue;
      const auto code = sent.error().code;
      // What is wrong with the server is wrong for every file.
      if (code == Code::kUnavailable || code == Code::kDenied || code == Code::kCancelled) {
        return sent;
      }
      progress_.note(file + ": " + sent.error().message);
      failed_ = true;
    }
    return {};
  }

  Status send_file(const std::string& name) {
    const bool standard_input = name == "-";
    follow::Descriptor file(standard_input ? ::dup(STDIN_FILENO)
                                           : ::open(name.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat status{};
    if (file.get() < 0 || ::fstat(file.get(), &status) != 0) {
      return fail_errno("cannot be read", errno);
    }
    if (S_ISDIR(status.st_mode)) return fail(Code::kInvalid, "is a folder; name its files");
    const int fd = file.get();
    SG_ASSIGN(auto identity, follow::identity_of(fd, host_));
    SG_ASSIGN(auto bytes, follow::open_bytes(std::move(file)));
    const auto size = S_ISREG(status.st_mode) ? static_cast<std::uint64_t>(status.st_size) : 0;
    LineBatches batches(std::move(bytes), most_bytes());
    SG_ASSIGN(auto cursor, place(batches, standard_input, identity, size));
    SG_ASSIGN(const auto form, form_of(batches));
    const auto known = cursor.position();
    if (auto passed = batches.pass_over(known); !passed) {
      if (passed.error().code != Code::kNotFound) return passed;
      progress_.note(name + ": shorter than what was taken of it before; nothing is sent");
      return {};
    }
    summary_.add_known(known);
    return send_batches(name, batches, cursor, form, size);
  }

  std::size_t most_bytes() const {
    return static_cast<std::size_t>(arguments_.batch_bytes > 0 ? arguments_.batch_bytes
                                                               : std::int64_t{kMostBytes});
  }

  // Where the source stands at the server.
  Result<follow::Cursor> place(LineBatches& batches, bool standard_input,
                               const follow::FileIdentity& identity, std::uint64_t size) {
    if (!arguments_.source.empty()) return follow::Cursor::of_name(*receiver_, arguments_.source);
    if (standard_input) {
      SG_ASSIGN(const auto begins, batches.peek(kStdinNameBytes));
      return follow::Cursor::of_name(*receiver_, "stdin:" + sha256_hex(begins).substr(0, 32));
    }
    SG_ASSIGN(const auto prefix, batches.peek(follow::kFingerprintBytes));
    const auto most =
        batches.bytes().packed() || size == 0 ? std::numeric_limits<std::uint64_t>::max() : size;
    return follow::Cursor::of_file(*receiver_, identity, prefix, most,
                                   follow::Content::kMayBeKnown);
  }

  // JSON objects and arrays go to the one endpoint, everything else to the other.
  Result<Form> form_of(LineBatches& batches) {
    SG_ASSIGN(const auto begins, batches.peek(follow::kFingerprintBytes));
    const auto start = begins.find_first_not_of(" \t\r\n");
    if (start == std::string_view::npos) return form_.value_or(Form::kLines);
    const auto second = begins.find_first_not_of(" \t\r\n", start + 1);
    const bool array = begins[start] == '[' && form_.value_or(Form::kEvents) == Form::kEvents &&
                       second != std::string_view::npos &&
                       (begins[second] == '{' || begins[second] == ']');
    if (!array) {
      return form_.value_or(begins[start] == '{' ? Form::kEvents : Form::kLines);
    }
    return fail(
        Code::kInvalid,
        "is one JSON array; send one object a line: jq -c '.[]' FILE | sightglass ingest -");
  }

  Status send_batches(const std::string& name, LineBatches& batches, follow::Cursor& cursor,
                      Form form, std::uint64_t size) {
    if (cursor.position() < follow::kFingerprintBytes && batches.position() == 0) {
      SG_ASSIGN(const auto prefix, batches.peek(follow::kFingerprintBytes));
      cursor.know_prefix(prefix);
    }
    for (;;) {
      SG_ASSIGN(const auto cut, batches.next());
      if (cut.bytes == 0) return {};
      SG_ASSIGN(const auto taken, cursor.send(*receiver_, cut.body, cut.bytes, form));
      if (taken.verdict == Taken::Verdict::kTooMuch) {
        if (batches.most() <= kLeastBytes) {
          return fail(Code::kTooLarge, "the server refuses even 64 KiB at a time");
        }
        batches.set_most(std::max(kLeastBytes, batches.most() / 2));
        continue;
      }
      if (taken.verdict == Taken::Verdict::kTaken) {
        summary_.add(name, batches.lines() + 1, taken, cut.bytes);
        batches.done_with(cut);
      } else if (cursor.position() < batches.position()) {
        return fail(Code::kInvalid, "the server has forgotten a part of it; send it again");
      } else {
        // Somebody else sends the same file, or an answer was lost: go on where the server stands.
        SG_TRY(batches.pass_over(cursor.position()));
      }
      const auto& bytes = batches.bytes();
      const auto done = bytes.packed() ? bytes.packed_bytes() : batches.position();
      progress_.show(name, done, size, summary_.lines());
    }
  }

  // ---- following ------------------------------------------------------------------------------

  Status follow() {
    follow::FollowOptions options;
    options.host = host_;
    options.form = form_;
    options.most_bytes = most_bytes();
    std::vector<std::unique_ptr<follow::Follower>> followers;
    for (const auto& file : arguments_.files) {
      if (file == "-")
        return fail(Code::kInvalid, "standard input cannot be followed; leave out --follow");
      followers.push_back(
          std::make_unique<follow::Follower>(file, options, *receiver_, clock_, *this));
    }
    while (!stopped_) {
      bool more = false;
      for (auto& follower : followers) {
        auto stepped = follower->step();
        if (!stepped && stopped_) return {};
        if (!stepped) return std::unexpected(std::move(stepped).error());
        more = more || *stepped;
      }
      (void)wait(more ? 0 : kLook);
    }
    return {};
  }

  void on_taken(const std::string& path, const Taken& taken, std::uint64_t bytes) override {
    summary_.add(path, 0, taken, bytes);
    progress_.show(path, summary_.bytes(), 0, summary_.lines());
  }
  void on_note(const std::string& path, std::string_view note) override {
    progress_.note(path + " " + std::string(note));
  }

  const IngestArguments& arguments_;
  SystemClock clock_;
  Progress progress_;
  IngestSummary summary_;
  std::unique_ptr<follow::Receiver> receiver_;
  std::optional<Form> form_;
  std::string host_;
  bool stopped_ = false;
  bool failed_ = false;
};

}  // namespace

int ingest_command(const IngestArguments& arguments) {
  if (arguments.follow) block_signals();
  if (!arguments.source.empty() && arguments.files.size() > 1) {
    std::fprintf(stderr, "sightglass ingest: --source names one file; give one\n");
    return 2;
  }
  return IngestRun(arguments).run();
}

}  // namespace sightglass::app
