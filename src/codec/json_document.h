// Room-internal: JSON objects as rows of values, without copying their texts.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "event/value.h"

namespace sightglass::codec {

// One value of a document. Values stand in the document's order; those inside an object or array
// follow it, up to `end`.
struct JsonNode {
  enum class Form : std::uint8_t { kScalar, kObject, kArray };

  event::Value value;              // of a scalar
  const char* key_data = nullptr;  // of a member; eight bytes can be read from here on
  std::uint32_t key_size = 0;
  std::uint32_t end = 0;  // the node behind this one and everything in it
  Form form = Form::kScalar;

  std::string_view key() const { return {key_data, key_size}; }
};

// Reads one object after the other. simdjson's first stage (UTF-8, strings, where tokens begin)
// runs over many lines at once when it is told which follow; the grammar, numbers and escapes are
// read here, into nodes of 40 bytes that borrow from the text. Measured beside simdjson's DOM on
// lines of 240 bytes: its tape and copied strings take 140 ns a line, these nodes 90; the first
// stage takes 98 ns line by line and 69 ns over a window of lines.
//
// Exactly the objects that simdjson's DOM takes are taken, integers past 64 bits besides (they are
// doubles); a fuzzer holds the two against each other.
// Ownership: nodes borrow from the text and from the document, until the next read.
// Threads: one. Bounds: kMaxDepth; memory follows the longest text, and is let go after a large
// one.
class JsonDocument {
 public:
  JsonDocument();
  ~JsonDocument();

  // What is read next lies in `text`, one behind the other, until forget_ahead(); a hint. The text
  // stays as it is for so long, and kPadding bytes can be read behind it.
  void look_ahead(std::string_view text);
  void forget_ahead();

  // False: `text` is no JSON object, or one that cannot be kept (too deep, a number that no double
  // holds); the nodes are unspecified then. kPadding bytes can be read behind it.
  bool read(std::string_view text);
  std::span<const JsonNode> nodes() const { return {nodes_.get(), n_nodes_}; }  // [0]: the object

 private:
  struct Index;  // of tokens
  bool build(std::uint32_t text_end);
  void grow();
  bool read_text(const char* base, std::uint32_t begin, std::uint32_t next, std::string_view& out);
  bool unescape(std::string_view& text);

  std::unique_ptr<Index> index_;
  std::unique_ptr<JsonNode[]> nodes_;
  std::size_t n_nodes_ = 0;
  std::size_t room_ = 0;
  std::string unescaped_;  // texts that had escapes
};

}  // namespace sightglass::codec
