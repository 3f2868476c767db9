// `sightglass match`: patterns over files of lines, as grep goes over them.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "app/commands.h"
#include "app/config_file.h"
#include "app/line_reader.h"
#include "app/packs.h"
#include "base/file_system.h"
#include "base/json_writer.h"
#include "event/catalogue.h"
#include "event/pattern_file.h"
#include "event/raw_line.h"

namespace sightglass::app {
namespace {

constexpr std::size_t kFlushBytes = 64 << 10;
constexpr std::uint64_t kMaxPatternFileBytes = 4 << 20;

// What is asked of every line.
struct Question {
  event::TitledPattern titled;
  event::Prefilter prefilter;
  std::uint64_t hits = 0;
};

class Matcher {
 public:
  Matcher(const MatchArguments& arguments, std::vector<Question> questions)
      : arguments_(arguments), questions_(std::move(questions)) {}

  Status run(const std::vector<std::string>& files) {
    with_names_ = files.size() > 1;
    for (const auto& file : files) {
      SG_TRY(run_file(file));
      flush();
    }
    return {};
  }

  void print_counts() {
    if (!arguments_.patterns_file.empty()) print_table();
    flush();
  }

  bool any() const { return any_; }
  std::uint64_t too_long() const { return too_long_; }

 private:
  Status run_file(const std::string& file) {
    SG_ASSIGN(auto reader, LineReader::open(file));
    file_ = file == "-" ? "(standard input)" : file;
    std::uint64_t hits = 0;
    std::string_view line;
    while (true) {
      auto more = reader.next(line);
      if (!more) return fail(file_, std::move(more).error());
      if (!*more) break;
      number_ = reader.number();
      hits += arguments_.patterns_file.empty() ? ask_one(line) : ask_all(line);
      if (out_.size() >= kFlushBytes) flush();
    }
    any_ = any_ || hits > 0;
    too_long_ += reader.too_long();
    if (arguments_.count && arguments_.patterns_file.empty()) print_count(hits);
    return {};
  }

  // Whether it matches, and whatever is to be printed of it.
  bool ask_one(std::string_view line) {
    auto& question = questions_[0];
    const auto& pattern = question.titled.pattern;
    if (arguments_.explain) {
      line_.set(line);
      const auto explanation = line_.explain(pattern);
      arguments_.json ? explain_json(explanation) : explain_text(explanation);
      return explanation.matches;
    }
    if (!question.prefilter.can_match(line)) return false;
    line_.set(line);
    if (!line_.matches(pattern)) return false;
    if (arguments_.count) return true;
    if (arguments_.extract) {
      line_.extract(pattern, values_);
      arguments_.json ? extract_json() : extract_text();
    } else if (arguments_.json) {
      place(JsonWriter(out_).begin_object()).key("text").string(line).end_object();
      out_ += '\n';
    } else {
      prefix();
      out_.append(line).push_back('\n');
    }
    return true;
  }

  bool ask_all(std::string_view line) {
    bool any = false;
    line_.set(line);
    for (auto& question : questions_) {
      if (!question.prefilter.can_match(line) || !line_.matches(question.titled.pattern)) continue;
      ++question.hits;
      any = true;
    }
    return any;
  }

  void prefix() {
    if (with_names_) out_.append(file_).push_back(':');
    if (arguments_.line_numbers) out_.append(std::to_string(number_)).push_back(':');
  }

  JsonWriter place(JsonWriter json) {
    if (with_names_) json.key("file").string(file_);
    json.key("line").unsigned_integer(number_);
    return json;
  }

  void explain_text(const event::Explanation& explanation) {
    if (with_names_) out_.append(file_).push_back(':');
    out_.append(std::to_string(number_)).append(explanation.matches ? ": match" : ": no match");
    if (!explanation.why_not.empty()) out_.append(": ").append(explanation.why_not);
    out_ += '\n';
    for (const auto& verdict : explanation.conditions) {
      out_.append(verdict.holds ? "  yes  " : "  no   ").append(verdict.condition);
      out_.append("  saw ").append(verdict.seen).push_back('\n');
    }
  }

  void explain_json(const event::Explanation& explanation) {
    auto json = place(JsonWriter(out_).begin_object());
    json.key("matches").boolean(explanation.matches);
    if (!explanation.why_not.empty()) json.key("why_not").string(explanation.why_not);
    json.key("conditions").begin_array();
    for (const auto& verdict : explanation.conditions) {
      json.begin_object().key("condition").string(verdict.condition);
      json.key("holds").boolean(verdict.holds).key("saw").string(verdict.seen).end_object();
    }
    json.end_array().end_object();
    out_ += '\n';
  }

  void extract_text() {
    prefix();
    for (std::size_t i = 0; i < values_.size(); ++i) {
      if (i > 0) out_ += '\t';
      out_.append(values_[i].name).append("=").append(values_[i].text);
    }
    out_ += '\n';
  }

  void extract_json() {
    auto json = place(JsonWriter(out_).begin_object());
    json.key("values").begin_object();
    for (const auto& value : values_) json.key(value.name).raw(value.json);
    json.end_object().end_object();
    out_ += '\n';
  }

  void print_count(std::uint64_t hits) {
    if (arguments_.json) {
      JsonWriter json(out_);
      json.begin_object();
      if (with_names_) json.key("file").string(file_);
      json.key("count").unsigned_integer(hits).end_object();
      out_ += '\n';
      return;
    }
    if (with_names_) out_.append(file_).push_back(':');
    out_.append(std::to_string(hits)).push_back('\n');
  }

  void print_table() {
    if (arguments_.json) {
      JsonWriter json(out_);
      json.begin_array();
      for (const auto& question : questions_) {
        json.begin_object().key("title").string(question.titled.title);
        json.key("pattern").string(question.titled.pattern.text());
        json.key("count").unsigned_integer(question.hits).end_object();
      }
      json.end_array();
      out_ += '\n';
      return;
    }
    for (const auto& question : questions_) {
      out_.append(std::to_string(question.hits)).append("\t").append(question.titled.title);
      out_ += '\n';
    }
  }

  void flush() {
    std::fwrite(out_.data(), 1, out_.size(), stdout);
    out_.clear();
  }

  const MatchArguments& arguments_;
  std::vector<Question> questions_;
  event::RawLine line_;
  std::vector<event::Extracted> values_;
  std::string out_;
  std::string file_;
  std::uint64_t number_ = 0;
  bool with_names_ = false;
  bool any_ = false;
  std::uint64_t too_long_ = 0;
};

Result<std::vector<Question>> questions_of(const MatchArguments& arguments) {
  std::vector<Question> out;
  if (arguments.patterns_file.empty()) {
    if (!arguments.pattern) {
      return fail(Code::kInvalid,
                  "a pattern is missing, such as '{ $.event_type = \"session_created\" }'; "
                  "patterns in a file: --patterns FILE");
    }
    auto pattern = event::Pattern::parse(*arguments.pattern);
    if (!pattern) return fail("pattern", std::move(pattern).error());
    const event::Prefilter prefilter(*pattern);
    out.push_back({{pattern->text(), 1, std::move(*pattern)}, prefilter, 0});
    return out;
  }
  if (arguments.explain || arguments.extract) {
    return fail(Code::kInvalid, "--explain and --extract take one pattern, not a file of them");
  }
  PosixFileSystem fs;
  SG_ASSIGN(const auto text, read_file(fs, arguments.patterns_file, kMaxPatternFileBytes));
  auto patterns = event::parse_pattern_file(text);
  if (!patterns) return fail(arguments.patterns_file, std::move(patterns).error());
  for (auto& titled : *patterns) {
    const event::Prefilter prefilter(titled.pattern);
    out.push_back({std::move(titled), prefilter, 0});
  }
  return out;
}

// What can hardly be meant, on standard error: an event type that no pack knows.
Status warn(const MatchArguments& arguments, const std::vector<Question>& questions) {
  const auto asks = [](const Question& question) {
    return question.titled.pattern.text().find("event_type") != std::string::npos;
  };
  if (std::none_of(questions.begin(), questions.end(), asks)) return {};
  PosixFileSystem fs;
  SG_ASSIGN(const auto config, load_config(arguments.config_file));
  SG_ASSIGN(const auto packs, pack_files_of(config, fs));
  SG_ASSIGN(const auto catalogue, event::Catalogue::parse(packs));
  for (const auto& question : questions) {
    for (const auto& warning : question.titled.pattern.event_type_warnings(*catalogue)) {
      std::fprintf(stderr, "warning: %s\n", warning.c_str());
    }
  }
  return {};
}

}  // namespace

int match_command(const MatchArguments& arguments) {
  const auto refuse = [](const Error& error) {
    std::fprintf(stderr, "%s\n", error.message.c_str());
    return 2;
  };
  auto questions = questions_of(arguments);
  if (!questions) return refuse(questions.error());
  if (const auto warned = warn(arguments, *questions); !warned) return refuse(warned.error());
  auto files = arguments.files;
  if (!arguments.patterns_file.empty() && arguments.pattern) {
    files.insert(files.begin(), *arguments.pattern);
  }
  if (files.empty()) files.emplace_back("-");
  Matcher matcher(arguments, std::move(*questions));
  const auto status = matcher.run(files);
  matcher.print_counts();
  if (matcher.too_long() > 0) {
    std::fprintf(stderr, "warning: %llu lines of more than 1 MiB were passed over\n",
                 static_cast<unsigned long long>(matcher.too_long()));
  }
  if (!status) return refuse(status.error());
  if (std::fflush(stdout) != 0) return 2;
  return matcher.any() ? 0 : 1;
}

}  // namespace sightglass::app
