#include "event/selector.h"

namespace sightglass::event {
namespace {

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool is_plain(std::string_view path) {
  bool after_dot = true;
  for (const char c : path) {
    if (!is_word(c) && (c != '.' || after_dot)) return false;
    after_dot = c == '.';
  }
  return !after_dot;
}

void append_quoted(std::string_view key, std::string& out) {
  const char quote = key.find('\'') == std::string_view::npos ? '\'' : '"';
  out.append(".[").push_back(quote);
  out.append(key).push_back(quote);
  out += ']';
}

// A key in brackets has one kind of quote at most; a path joined from several may hold both, so it
// is cut, at dots, into parts that do not.
void append_path(std::string_view path, std::string& out) {
  if (is_plain(path)) {
    out.append(".").append(path);
    return;
  }
  while (true) {
    std::size_t end = 0;
    bool single = false;
    bool twofold = false;
    while (true) {
      const auto dot = path.find('.', end);
      const auto part = path.substr(end, dot == std::string_view::npos ? dot : dot - end);
      single = single || part.find('\'') != std::string_view::npos;
      twofold = twofold || part.find('"') != std::string_view::npos;
      if (single && twofold) break;
      if (dot == std::string_view::npos) return append_quoted(path, out);
      end = dot + 1;
    }
    append_quoted(path.substr(0, end - 1), out);
    path.remove_prefix(end);
  }
}

}  // namespace

void Selector::add_key(std::string_view key) {
  if (steps_.empty() || steps_.back().kind != SelectorStep::Kind::kPath) {
    steps_.emplace_back();
  } else {
    steps_.back().path += '.';
  }
  steps_.back().path += key;
}

void Selector::add(SelectorStep::Kind kind, std::uint32_t index) {
  steps_.push_back({kind, {}, index});
}

bool Selector::has_wildcard() const {
  for (const auto& step : steps_) {
    if (step.kind >= SelectorStep::Kind::kEachElement) return true;
  }
  return false;
}

std::string Selector::text() const {
  std::string out = "$";
  for (const auto& step : steps_) {
    switch (step.kind) {
      case SelectorStep::Kind::kPath:
        append_path(step.path, out);
        break;
      case SelectorStep::Kind::kIndex:
        out.append("[").append(std::to_string(step.index)).append("]");
        break;
      case SelectorStep::Kind::kEachElement:
        out += "[*]";
        break;
      case SelectorStep::Kind::kEachMember:
        out += ".*";
        break;
    }
  }
  return out;
}

}  // namespace sightglass::event
