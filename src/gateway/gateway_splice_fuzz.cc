// A spliced body still parses, says what was wished, and differs from the client's by the splice
// alone: taking the inserted pieces out gives the original's remaining bytes back.
// Parser: gateway/splice.cc
#include <simdjson.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "gateway/splice.h"

namespace {

void require(bool fact) {
  if (!fact) std::abort();
}

// The last member of that name: what every parser that matters takes.
simdjson::dom::element last_member(const simdjson::dom::object& object, std::string_view name) {
  simdjson::dom::element found;
  for (const auto field : object) {
    if (field.key == name) found = field.value;
  }
  return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sightglass::gateway;
  std::string body(reinterpret_cast<const char*>(data), size);
  body.reserve(body.size() + kJsonPadding);
  JsonScratch scratch;
  RequestScan scan;
  if (!scan_request(body, Dialect::kOpenAiChat, scratch, scan)) return 0;
  Splice splice;
  splice.make(body, scan, {.model = "other/model-1", .ask_for_usage = true});
  const auto text = splice.text();

  // Pieces alternate: original, inserted, original, … and the originals are in order, disjoint.
  const char* done = body.data();
  bool original = true;
  for (const auto piece : splice) {
    if (original) {
      require(piece.data() >= done && piece.data() + piece.size() <= body.data() + body.size());
      done = piece.data() + piece.size();
    }
    original = !original;
  }
  require(done == body.data() + body.size());

  simdjson::dom::parser before;
  simdjson::dom::parser after;
  simdjson::dom::object was;
  if (before.parse(body).get_object().get(was) != simdjson::SUCCESS) return 0;
  simdjson::dom::object is;
  require(after.parse(text).get_object().get(is) == simdjson::SUCCESS);
  if (scan.model_token.size != 0) {
    std::string_view model;
    require(last_member(is, "model").get_string().get(model) == simdjson::SUCCESS);
    require(model == "other/model-1");
  }
  if (splice.asks_for_usage()) {
    simdjson::dom::object options;
    bool wish = false;
    require(last_member(is, "stream_options").get_object().get(options) == simdjson::SUCCESS);
    require(last_member(options, "include_usage").get_bool().get(wish) == simdjson::SUCCESS);
    require(wish);
  } else if (scan.model_token.size == 0) {
    require(text == body);
  }
  return 0;
}
