// A name prepared for comparing and looking it up.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace sightglass {

// The first and last eight bytes and the length, which tell names of up to 16 bytes apart without a
// look at the text; of longer ones the middle is left. Equal texts have equal parts however they
// were made. Ownership: the text is borrowed. Cost: 2 ns.
struct Name {
  std::string_view text;
  std::uint64_t head = 0;
  std::uint64_t tail = 0;
  std::uint64_t hash = 0;

  static Name of(std::string_view text) {
    const auto n = text.size();
    const char* const at = text.data();
    if (n >= 8) return Name(text, load<8>(at), load<8>(at + n - 8));
    std::uint64_t word = 0;
    if (n >= 4) {
      word = load<4>(at) | load<4>(at + n - 4) << (8 * (n - 4));
    } else {
      for (std::size_t i = 0; i < n; ++i) {
        word |= static_cast<std::uint64_t>(static_cast<unsigned char>(at[i])) << (8 * i);
      }
    }
    return Name(text, word, word);
  }
  // The same where eight bytes can be read from text.data() on, whatever its size; no branch.
  static Name of_padded(std::string_view text) {
    const auto n = text.size();
    const auto mask = kMasks[std::min<std::size_t>(n, 8)];
    return Name(text, load<8>(text.data()) & mask,
                load<8>(text.data() + (std::max<std::size_t>(n, 8) - 8)) & mask);
  }

  // Given equal parts and sizes: whether `middle`, which is bytes 8 to size - 8, is equal, too.
  bool has_middle(const char* middle) const {
    return text.size() <= 16 || std::memcmp(middle, text.data() + 8, text.size() - 16) == 0;
  }

 private:
  Name(std::string_view of_text, std::uint64_t first, std::uint64_t last)
      : text(of_text), head(first), tail(last) {
    // A product's low bits know nothing of its factor's high ones, where a name's last letters are:
    // so each is folded before and after they meet.
    const auto fold = [](std::uint64_t word) { return word ^ word >> 32; };
    const auto front = fold((head ^ text.size() << 56) * 0x9e3779b97f4a7c15ull);
    const auto back = fold(tail * 0xc2b2ae3d27d4eb4full);
    hash = fold((front ^ back) * 0xd6e8feb86659fd93ull);
  }
  template <std::size_t kSize>
  static std::uint64_t load(const char* bytes) {  // little-endian, as of_padded's masks are
    std::uint64_t word = 0;
    std::memcpy(&word, bytes, kSize);
    return word;
  }
  static constexpr std::uint64_t kMasks[9] = {0,
                                              0xff,
                                              0xffff,
                                              0xffffff,
                                              0xffffffff,
                                              0xffffffffff,
                                              0xffffffffffff,
                                              0xffffffffffffff,
                                              0xffffffffffffffff};
};

}  // namespace sightglass
