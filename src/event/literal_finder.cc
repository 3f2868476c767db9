#include "event/literal_finder.h"

#include <algorithm>

namespace sightglass::event {
namespace {

constexpr std::size_t kMaxWordBytes = 8;
constexpr std::uint32_t kHasOutputs = 1u << 31;
constexpr std::uint32_t kNone = ~std::uint32_t{0};

}  // namespace

LiteralFinder::LiteralFinder(const std::vector<std::string>& words) : n_words_(words.size()) {
  const auto head = [](const std::string& word) {
    return std::string_view(word).substr(0, kMaxWordBytes);
  };
  for (const auto& word : words) {
    for (const char c : head(word)) {
      auto& c_class = class_of_[static_cast<unsigned char>(c)];
      // 255 classes at most beside "any other byte": the last two of 256 share one, as a hint may.
      if (c_class == 0)
        c_class = static_cast<std::uint8_t>(std::min<std::size_t>(n_classes_++, 255));
    }
  }
  n_classes_ = std::min<std::size_t>(n_classes_, 256);

  // The trie; state 0 is its root.
  std::vector<std::uint32_t> trie(n_classes_, kNone);
  std::vector<std::vector<std::uint16_t>> outputs(1);
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::size_t state = 0;
    for (const char c : head(words[i])) {
      const auto at = state * n_classes_ + class_of_[static_cast<unsigned char>(c)];
      if (trie[at] == kNone) {
        trie[at] = static_cast<std::uint32_t>(outputs.size());
        outputs.emplace_back();
        trie.resize(trie.size() + n_classes_, kNone);
      }
      state = trie[at];
    }
    outputs[state].push_back(static_cast<std::uint16_t>(i));
  }

  // Breadth first: a missing edge goes where the longest proper suffix goes.
  std::vector<std::uint32_t> suffix(outputs.size(), 0);
  std::vector<std::uint32_t> queue;
  for (std::size_t c = 0; c < n_classes_; ++c) {
    auto& edge = trie[c];
    if (edge == kNone) {
      edge = 0;
    } else {
      queue.push_back(edge);
    }
  }
  for (std::size_t head_at = 0; head_at < queue.size(); ++head_at) {
    const auto state = queue[head_at];
    const auto& inherited = outputs[suffix[state]];
    outputs[state].insert(outputs[state].end(), inherited.begin(), inherited.end());
    for (std::size_t c = 0; c < n_classes_; ++c) {
      auto& edge = trie[state * n_classes_ + c];
      const auto fallback = trie[suffix[state] * n_classes_ + c];
      if (edge == kNone) {
        edge = fallback;
      } else {
        suffix[edge] = fallback;
        queue.push_back(edge);
      }
    }
  }
  for (const auto& list : outputs) {
    first_.push_back(static_cast<std::uint32_t>(outputs_.size()));
    outputs_.insert(outputs_.end(), list.begin(), list.end());
  }
  first_.push_back(static_cast<std::uint32_t>(outputs_.size()));
  next_.reserve(trie.size());
  for (const auto state : trie) {
    const auto row = static_cast<std::uint32_t>(state * n_classes_);
    next_.push_back(outputs[state].empty() ? row : row | kHasOutputs);
  }
}

void LiteralFinder::find(std::string_view text, std::uint64_t* found) const {
  if (n_words_ == 0) return;
  std::uint32_t row = 0;
  for (const char c : text) {
    row = next_[(row & ~kHasOutputs) + class_of_[static_cast<unsigned char>(c)]];
    if ((row & kHasOutputs) == 0) [[likely]]
      continue;
    const auto state = (row & ~kHasOutputs) / n_classes_;
    for (auto i = first_[state]; i < first_[state + 1]; ++i) {
      found[outputs_[i] / 64] |= std::uint64_t{1} << (outputs_[i] % 64);
    }
  }
}

}  // namespace sightglass::event
