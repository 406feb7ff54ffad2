// A hash of bytes for names and checksums of our own files. Not against an adversary.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace mlxserving {

// Fowler, Noll and Vo's FNV-1a with 64 bits, over words of eight bytes instead of bytes, each folded.
class ContentHash {
 public:
  void add(const void* data, size_t bytes) {
    const auto* from = static_cast<const uint8_t*>(data);
    while (bytes > 0) {
      const size_t count = std::min<size_t>(bytes, 8);
      uint64_t word = 0;
      std::memcpy(&word, from, count);
      value_ = (value_ ^ word) * 1099511628211U;
      value_ ^= value_ >> 29U;
      from += count;
      bytes -= count;
    }
  }
  uint64_t value() const { return value_; }

 private:
  uint64_t value_ = 14695981039346656037U;
};

}  // namespace mlxserving
