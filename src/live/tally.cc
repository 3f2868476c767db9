#include "live/tally.h"

#include <algorithm>
#include <array>

namespace sightglass::live {
namespace {

constexpr std::array kParts = {
    &Split::requests,          &Split::errors,
    &Split::input_tokens,      &Split::output_tokens,
    &Split::cache_read_tokens, &Split::cache_creation_tokens,
    &Split::tool_uses,         &Split::tool_results,
    &Split::tool_calls,        &Split::duration_us,
};

}  // namespace

void add(Split& to, const Split& from) {
  for (const auto part : kParts) to.*part += from.*part;
}

void save_split(const Split& split, ByteWriter& out) {
  for (const auto part : kParts) out.zigzag(split.*part);
}

Split load_split(ByteReader& in) {
  Split out;
  for (const auto part : kParts) out.*part = in.zigzag();
  return out;
}

Halves& Tally::bucket(std::string_view provider, std::string_view model) {
  const auto p = providers_.find(provider);
  if (p != providers_.end()) {
    const auto m = p->second.find(model);
    if (m != p->second.end()) return m->second;
  }
  if (pairs_ >= kMaxPairs && provider != kOtherName) return bucket(kOtherName, kOtherName);
  ++pairs_;
  return providers_[std::string(provider)][std::string(model)];
}

void Tally::add_request(std::string_view provider, std::string_view model, bool is_streaming,
                        const Split& request, Nanos end_ns) {
  Halves& halves = bucket(provider, model);
  add(is_streaming ? halves.streaming : halves.plain, request);
  halves.last_ns = std::max(halves.last_ns, end_ns);
}

void Tally::add_error_type(std::string_view error_type) {
  auto at = error_types_.find(error_type);
  if (at == error_types_.end()) {
    const bool full = error_types_.size() >= kMaxErrorTypes;
    at = error_types_.try_emplace(std::string(full ? kOtherName : error_type)).first;
  }
  ++at->second;
}

void Tally::save(ByteWriter& out) const {
  out.varint(providers_.size());
  for (const auto& [provider, models] : providers_) {
    out.string(provider);
    out.varint(models.size());
    for (const auto& [model, halves] : models) {
      out.string(model);
      save_split(halves.streaming, out);
      save_split(halves.plain, out);
      out.i64(halves.last_ns);
    }
  }
  out.varint(error_types_.size());
  for (const auto& [type, n] : error_types_) {
    out.string(type);
    out.zigzag(n);
  }
}

bool Tally::load(ByteReader& in) {
  providers_.clear();
  error_types_.clear();
  pairs_ = 0;
  const auto providers = in.varint();
  for (std::uint64_t p = 0; p < providers && in.ok(); ++p) {
    auto& models = providers_[std::string(in.string())];
    const auto n = in.varint();
    for (std::uint64_t m = 0; m < n && in.ok(); ++m) {
      auto& halves = models[std::string(in.string())];
      halves.streaming = load_split(in);
      halves.plain = load_split(in);
      halves.last_ns = in.i64();
      ++pairs_;
    }
  }
  const auto types = in.varint();
  for (std::uint64_t i = 0; i < types && in.ok(); ++i) {
    const auto type = in.string();
    error_types_[std::string(type)] = in.zigzag();
  }
  return in.ok();
}

}  // namespace sightglass::live
