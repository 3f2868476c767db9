#include "journal/gap.h"

#include <algorithm>

namespace sightglass::journal {
namespace {

constexpr std::uint8_t kGapVersion = 1;
constexpr std::size_t kMaxLines = 256;
constexpr std::size_t kMaxNameBytes = 64;
constexpr std::string_view kUnknown = "__unknown__";
constexpr std::string_view kOther = "__other__";

std::uint64_t count_of(const event::Value& value) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(value.as_int(), 0));
}

}  // namespace

std::string_view gap_cause_name(GapCause cause) {
  switch (cause) {
    case GapCause::kDisk:
      return "disk";
    case GapCause::kNoSpace:
      return "no_space";
    case GapCause::kMaxBytes:
      return "max_bytes";
    case GapCause::kQueueFull:
      return "queue_full";
  }
  return "disk";
}

std::string encode_gap(const Gap& gap) {
  std::string out;
  ByteWriter w(out);
  w.u8(kGapVersion);
  w.u8(static_cast<std::uint8_t>(gap.cause));
  w.i64(gap.from_ns);
  w.i64(gap.to_ns);
  w.varint(gap.lines.size());
  for (const auto& line : gap.lines) {
    w.string(line.outcome);
    w.string(line.provider);
    w.varint(line.events);
    w.varint(line.requests);
    w.varint(line.input_tokens);
    w.varint(line.output_tokens);
    w.zigzag(line.cost_nanousd);
    w.varint(line.unpriced);
  }
  return out;
}

std::optional<Gap> decode_gap(Bytes payload) {
  ByteReader in(payload);
  if (in.u8() != kGapVersion) return std::nullopt;
  Gap gap;
  const auto cause = in.u8();
  if (cause < 1 || cause > 4) return std::nullopt;
  gap.cause = static_cast<GapCause>(cause);
  gap.from_ns = in.i64();
  gap.to_ns = in.i64();
  const auto count = in.varint();
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    auto& line = gap.lines.emplace_back();
    line.outcome = in.string();
    line.provider = in.string();
    line.events = in.varint();
    line.requests = in.varint();
    line.input_tokens = in.varint();
    line.output_tokens = in.varint();
    line.cost_nanousd = in.zigzag();
    line.unpriced = in.varint();
  }
  if (!in.ok() || !in.empty()) return std::nullopt;
  return gap;
}

void GapAggregate::use(std::shared_ptr<const event::Catalogue> catalogue) {
  catalogue_ = std::move(catalogue);
  if (catalogue_ == nullptr) return;
  outcome_ = catalogue_->field("outcome");
  provider_ = catalogue_->field("provider");
  cost_ = catalogue_->field("cost_nanousd");
  output_ = catalogue_->field("output_tokens");
  input_parts_[0] = catalogue_->field("input_tokens");
  input_parts_[1] = catalogue_->field("cache_read_tokens");
  input_parts_[2] = catalogue_->field("cache_write_5m_tokens");
  input_parts_[3] = catalogue_->field("cache_write_1h_tokens");
}

Gap::Line& GapAggregate::line(std::string_view outcome, std::string_view provider) {
  auto key = std::pair(std::string(outcome), std::string(provider));
  auto found = lines_.find(key);
  if (found != lines_.end()) return found->second;
  // Outcomes are a closed list, providers are not: past the bound the provider is let go.
  if (lines_.size() >= kMaxLines) {
    key.second = kOther;
    if (lines_.size() >= 2 * kMaxLines) key.first = kUnknown;
  }
  auto& made = lines_[key];
  made.outcome = key.first;
  made.provider = key.second;
  return made;
}

Gap::Line GapAggregate::add(RecordKind kind, Bytes payload) {
  if (kind != RecordKind::kEvent) return {};
  Gap::Line one;
  one.events = 1;
  if (catalogue_ == nullptr || !event::decode(payload, event_) ||
      event_.type >= catalogue_->event_types().size()) {
    one.outcome = kUnknown;
    add(one);
    return one;
  }
  one.provider = event_.get(provider_).as_text().substr(0, kMaxNameBytes);
  if (catalogue_->event_types()[event_.type].terminal) {
    one.outcome = event_.get(outcome_).as_text().substr(0, kMaxNameBytes);
    one.requests = 1;
    for (const auto part : input_parts_) one.input_tokens += count_of(event_.get(part));
    one.output_tokens = count_of(event_.get(output_));
    const auto cost = event_.get(cost_);
    one.cost_nanousd = cost.as_int();
    one.unpriced = cost.is_null() ? 1 : 0;
  }
  add(one);
  return one;
}

void GapAggregate::add(const Gap::Line& more) {
  auto& sum = line(more.outcome, more.provider);
  sum.events += more.events;
  sum.requests += more.requests;
  sum.input_tokens += more.input_tokens;
  sum.output_tokens += more.output_tokens;
  // Hostile records may hold any number; wrapping is defined for unsigned ones only.
  sum.cost_nanousd = static_cast<std::int64_t>(static_cast<std::uint64_t>(sum.cost_nanousd) +
                                               static_cast<std::uint64_t>(more.cost_nanousd));
  sum.unpriced += more.unpriced;
}

void GapAggregate::merge_into(GapAggregate& other) {
  for (const auto& [key, sum] : lines_) other.add(sum);
  lines_.clear();
}

std::vector<Gap::Line> GapAggregate::lines() const {
  std::vector<Gap::Line> out;
  out.reserve(lines_.size());
  for (const auto& [key, sum] : lines_) out.push_back(sum);
  return out;
}

}  // namespace sightglass::journal
