// A set of bytes, 256 bits.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mlxserving::grammar {

struct ByteSet {
  std::array<uint64_t, 4> words{};

  constexpr bool has(uint8_t byte) const { return (words[byte >> 6] >> (byte & 63)) & 1; }
  constexpr void add(uint8_t byte) { words[byte >> 6] |= uint64_t{1} << (byte & 63); }
  constexpr void add_range(uint8_t lo, uint8_t hi) {
    for (unsigned byte = lo; byte <= hi; ++byte) add(static_cast<uint8_t>(byte));
  }
  constexpr bool is_empty() const { return (words[0] | words[1] | words[2] | words[3]) == 0; }
  friend bool operator==(const ByteSet&, const ByteSet&) = default;

  static constexpr ByteSet of(std::string_view bytes) {
    ByteSet set;
    for (const char byte : bytes) set.add(static_cast<uint8_t>(byte));
    return set;
  }
  static constexpr ByteSet range(uint8_t lo, uint8_t hi) {
    ByteSet set;
    set.add_range(lo, hi);
    return set;
  }
};

}  // namespace mlxserving::grammar
