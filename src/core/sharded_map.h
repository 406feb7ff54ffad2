// A hash map in many small ones: no insertion pays for a table of all.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <unordered_map>

namespace mlxserving {

template <typename Key, typename Value, typename Hash = std::hash<Key>>
class ShardedMap {
 public:
  Value& operator[](const Key& key) { return shard(key)[key]; }
  // Null where there is none.
  Value* find(const Key& key) {
    auto& at = shard(key);
    const auto found = at.find(key);
    return found == at.end() ? nullptr : &found->second;
  }
  void clear() {
    for (auto& at : shards_) at.clear();
  }

 private:
  static constexpr size_t kShards = 64;

  std::unordered_map<Key, Value, Hash>& shard(const Key& key) {
    return shards_[(Hash{}(key)*size_t{0x9E3779B97F4A7C15}) >> 58];
  }

  std::array<std::unordered_map<Key, Value, Hash>, kShards> shards_;
};

}  // namespace mlxserving
