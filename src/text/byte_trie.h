// A trie over bytes that finds every known string a text starts with.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace mlxserving::text {

// Immutable once filled; any thread may read.
class ByteTrie {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  // A string added before gets the new value.
  void add(std::string_view key, uint32_t value) {
    if (key.empty()) return;
    uint32_t node = root_of(static_cast<uint8_t>(key[0]));
    for (size_t i = 1; i < key.size(); ++i) {
      const auto [it, is_new] = edges_.try_emplace(edge(node, key[i]), static_cast<uint32_t>(values_.size()));
      if (is_new) values_.push_back(kNone);
      node = it->second;
    }
    values_[node] = value;
  }

  bool can_start(uint8_t byte) const { return roots_[byte] != kNone; }

  // Calls visit(length, value) for each key that `text` starts with, the shortest first.
  template <typename Visit>
  void each_prefix(std::string_view text, const Visit& visit) const {
    if (text.empty()) return;
    uint32_t node = roots_[static_cast<uint8_t>(text[0])];
    for (size_t length = 1; node != kNone; ++length) {
      if (values_[node] != kNone) visit(length, values_[node]);
      if (length == text.size()) return;
      const auto it = edges_.find(edge(node, text[length]));
      node = it != edges_.end() ? it->second : kNone;
    }
  }

 private:
  static uint64_t edge(uint32_t node, char byte) { return uint64_t{node} << 8 | static_cast<uint8_t>(byte); }

  uint32_t root_of(uint8_t byte) {
    if (roots_[byte] == kNone) {
      roots_[byte] = static_cast<uint32_t>(values_.size());
      values_.push_back(kNone);
    }
    return roots_[byte];
  }

  std::array<uint32_t, 256> roots_ = [] {
    std::array<uint32_t, 256> none{};
    none.fill(kNone);
    return none;
  }();
  std::vector<uint32_t> values_;
  std::unordered_map<uint64_t, uint32_t> edges_;
};

}  // namespace mlxserving::text
