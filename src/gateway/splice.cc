#include "gateway/splice.h"

#include "base/json_writer.h"

namespace sightglass::gateway {
namespace {

struct Change {
  Span where;
  std::string_view with;
};

// Where include_usage goes in, or nothing when the client decided.
Change usage_change(const RequestScan& scan) {
  if (scan.stream_options_null.size != 0) {
    return {scan.stream_options_null, R"({"include_usage":true})"};
  }
  if (scan.usage_null.size != 0) return {scan.usage_null, "true"};
  if (scan.stream_options_begin != 0) {
    return {{scan.stream_options_begin + 1, 0},
            scan.stream_options_empty ? R"("include_usage":true)" : R"("include_usage":true,)"};
  }
  // The object has at least the member "stream", so that a comma follows.
  return {{scan.object_begin + 1, 0}, R"("stream_options":{"include_usage":true},)"};
}

}  // namespace

void Splice::replace(std::string_view body, std::size_t begin, std::size_t size,
                     std::string_view with) {
  pieces_[count_++] = body.substr(done_, begin - done_);
  pieces_[count_++] = with;
  done_ = begin + size;
}

void Splice::make(std::string_view body, const RequestScan& scan, const SpliceWish& wish) {
  count_ = done_ = 0;
  asks_for_usage_ = wish.ask_for_usage && scan.stream && scan.usage_wish == UsageWish::kOpen;
  model_json_.clear();

  Change usage;
  Change model;
  if (asks_for_usage_) usage = usage_change(scan);
  if (!wish.model.empty() && scan.model_token.size != 0) {
    append_json_string(model_json_, wish.model);
    model = {scan.model_token, model_json_};
  }
  const bool model_first = model.where.begin < usage.where.begin;
  const Change& first = model_first ? model : usage;
  const Change& second = model_first ? usage : model;
  if (!first.with.empty()) replace(body, first.where.begin, first.where.size, first.with);
  if (!second.with.empty()) replace(body, second.where.begin, second.where.size, second.with);
  pieces_[count_++] = body.substr(done_);
}

std::size_t Splice::size_bytes() const {
  std::size_t size = 0;
  for (const auto piece : *this) size += piece.size();
  return size;
}

std::string Splice::text() const {
  std::string out;
  for (const auto piece : *this) out.append(piece);
  return out;
}

}  // namespace sightglass::gateway
