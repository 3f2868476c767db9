#include "codec/json_document.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>

#include "codec/json_reader.h"
#include "codec/json_scalars.h"

namespace sightglass::codec {
namespace {

using event::Value;
using Form = JsonNode::Form;

static_assert(kPadding >= simdjson::SIMDJSON_PADDING);

// So much text is indexed at a time: its tokens stay in the first-level cache.
constexpr std::size_t kWindowBytes = 8 << 10;
constexpr std::size_t kFewNodes = 1 << 10;
constexpr std::size_t kKeepNodes = 64 << 10;  // 2.5 MiB
constexpr std::size_t kKeepBytes = 256 << 10;

bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

bool is_in(std::string_view part, std::string_view whole) {
  const std::less_equal<const char*> up_to;
  return up_to(whole.data(), part.data()) &&
         up_to(part.data() + part.size(), whole.data() + whole.size());
}

}  // namespace

// Where the tokens of a text begin, as simdjson's first stage finds them. It vouches for UTF-8, for
// closed strings and for no control characters in them.
struct JsonDocument::Index {
  // False: it does not vouch for the text. Offsets count from the text's beginning.
  bool make(std::string_view of) {
    drop();
    if (of.empty() || !reserve(of.size())) return false;
    const auto* const bytes = reinterpret_cast<const std::uint8_t*>(of.data());
    if (parser->stage1(bytes, of.size(), simdjson::stage1_mode::regular) != simdjson::SUCCESS) {
      return false;
    }
    const auto* const tokens = parser->structural_indexes.get();
    // Behind the last token simdjson puts the text's end, twice. What stands there must end any
    // reading, unless a closing bracket has done so.
    const bool ends =
        of.data()[of.size()] == '\n' || of[tokens[parser->n_structural_indexes - 1]] == '}';
    if (!ends) return false;
    text = of;
    token = tokens;
    find_escape(0);
    return true;
  }

  // The lines from `first` on, as many as fit a window.
  bool make_window(std::string_view first) {
    if (!is_in(first, ahead) || first.data() < alone_until) return false;
    auto window = ahead.substr(static_cast<std::size_t>(first.data() - ahead.data()));
    if (window.size() > kWindowBytes) window = window.substr(0, kWindowBytes);
    const auto end = window.rfind('\n');
    if (end == std::string_view::npos || end < first.size()) return false;
    if (make(window.substr(0, end))) return true;
    alone_until = window.data() + end;
    return false;
  }

  bool reserve(std::size_t bytes) {
    if (parser == nullptr &&
        simdjson::get_active_implementation()->create_dom_parser_implementation(
            kWindowBytes, kMaxDepth, parser) != simdjson::SUCCESS) {
      return false;
    }
    const bool shrinks = parser->capacity() > kKeepBytes && bytes <= kWindowBytes;
    if (bytes <= parser->capacity() && !shrinks) return true;
    return parser->set_capacity(std::max(bytes, kWindowBytes)) == simdjson::SUCCESS;
  }

  void find_escape(std::size_t from) {
    const auto* const at = std::memchr(text.data() + from, '\\', text.size() - from);
    escape = at == nullptr ? text.size()
                           : static_cast<std::size_t>(static_cast<const char*>(at) - text.data());
  }

  void drop() {
    text = {};
    token = nullptr;
  }

  std::unique_ptr<simdjson::internal::dom_parser_implementation> parser;
  std::string_view ahead;                // the lines to come
  const char* alone_until = nullptr;     // up to here they are indexed one by one
  std::string_view text;                 // what is indexed
  const std::uint32_t* token = nullptr;  // the next one
  std::size_t escape = 0;                // the next backslash
};

JsonDocument::JsonDocument() : index_(std::make_unique<Index>()) {}
JsonDocument::~JsonDocument() = default;

void JsonDocument::look_ahead(std::string_view text) {
  forget_ahead();
  index_->ahead = text;
}

void JsonDocument::forget_ahead() {
  index_->drop();
  index_->ahead = {};
  index_->alone_until = nullptr;
}

bool JsonDocument::read(std::string_view text) {
  auto& index = *index_;
  if (room_ > kKeepNodes) {
    nodes_.reset();
    room_ = 0;
  }
  n_nodes_ = 0;
  const bool known = index.token != nullptr && is_in(text, index.text) &&
                     text.data() >= index.text.data() + *index.token;
  const bool in_window = known || index.make_window(text);
  if (!in_window && !index.make(text)) return false;
  const auto begin = static_cast<std::size_t>(text.data() - index.text.data());
  const auto end = begin + text.size();
  while (*index.token < begin) ++index.token;
  if (index.escape < begin) index.find_escape(begin);
  unescaped_.clear();
  if (index.escape < end) unescaped_.reserve(text.size() + kPadding);  // it must not move
  const bool done = build(static_cast<std::uint32_t>(end));
  if (!in_window) index.drop();
  return done;
}

void JsonDocument::grow() {
  const auto room = std::max(kFewNodes, 2 * room_);
  auto more = std::make_unique<JsonNode[]>(room);
  std::copy_n(nodes_.get(), n_nodes_, more.get());
  nodes_ = std::move(more);
  room_ = room;
}

// The string that begins with the quote at `begin`; `next` is where the next token begins, and
// between the closing quote and it there are only blanks: so its end is found without looking for
// it.
inline bool JsonDocument::read_text(const char* base, std::uint32_t begin, std::uint32_t next,
                                    std::string_view& out) {
  const char* const from = base + begin + 1;
  const char* to = base + next - 1;
  while (is_blank(*to) && to > from) --to;
  if (*to != '"' || to < from) return false;
  out = {from, static_cast<std::size_t>(to - from)};
  return next <= index_->escape || out.find('\\') == std::string_view::npos || unescape(out);
}

bool JsonDocument::unescape(std::string_view& text) {
  const auto at = unescaped_.size();
  if (!unescape_json(text, unescaped_)) return false;
  text = std::string_view(unescaped_).substr(at);
  return true;
}

// A pushdown automaton over the tokens, which may run into those of the next line: brackets there
// are refused, so it neither gets far nor takes what it should not. Index::make has seen to what
// stands behind the last token.
bool JsonDocument::build(std::uint32_t text_end) {
  const char* const base = index_->text.data();
  const std::uint32_t* at = index_->token;
  std::array<std::uint32_t, kMaxDepth> open;  // the nodes whose brackets are open
  std::size_t depth = 0;
  bool in_object = false;
  if (*at >= text_end || base[*at] != '{') return false;
  for (;;) {
    // A value, with its key in an object.
    const auto id = static_cast<std::uint32_t>(n_nodes_);
    if (n_nodes_ == room_) grow();
    auto& node = nodes_[n_nodes_++];
    std::string_view text;
    if (in_object) {
      if (base[*at] != '"' || !read_text(base, at[0], at[1], text) || base[at[1]] != ':') {
        return false;
      }
      at += 2;
    }
    node.key_data = text.data();
    node.key_size = static_cast<std::uint32_t>(text.size());
    node.end = id + 1;
    node.form = Form::kScalar;
    const char first = base[*at];
    if (first == '"') {
      if (!read_text(base, at[0], at[1], text)) return false;
      node.value = Value::text(text);
    } else if (first == '{' || first == '[') {
      if (*at >= text_end) return false;
      node.form = first == '{' ? Form::kObject : Form::kArray;
      node.value = Value();
      ++at;
      if (base[*at] != first + 2) {  // ASCII: the closing bracket is two behind the opening one
        if (depth + 1 >= kMaxDepth) return false;
        open[depth++] = id;
        in_object = first == '{';
        continue;
      }
      if (*at >= text_end) return false;
    } else if (!(first == '-' || (first >= '0' && first <= '9')
                     ? read_json_number(base + *at, node.value)
                     : read_json_word(base + *at, node.value))) {
      return false;
    }
    // What may follow it.
    for (++at; depth > 0 && base[*at] != ','; ++at) {
      if (base[*at] != (in_object ? '}' : ']') || *at >= text_end) return false;
      nodes_[open[--depth]].end = static_cast<std::uint32_t>(n_nodes_);
      in_object = depth > 0 && nodes_[open[depth - 1]].form == Form::kObject;
    }
    if (depth == 0) {
      index_->token = at;
      return *at >= text_end;
    }
    ++at;
  }
}

}  // namespace sightglass::codec
