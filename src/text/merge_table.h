// Which two tokens merge into one, and which pair goes first.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

namespace mlxserving::text {

constexpr uint32_t kNoRank = UINT32_MAX;

struct Merge {
  uint32_t rank = kNoRank;  // the lowest goes first
  uint32_t id = 0;          // of the merged token
};

// Open addressing by pair of ids.
class MergeTable {
 public:
  void reserve(size_t merges) { rehash(std::bit_ceil(2 * merges + 16)); }

  void prefetch(uint32_t left, uint32_t right) const {
    if (!slots_.empty()) __builtin_prefetch(&slots_[first_slot(key_of(left, right))]);
  }

  // A pair given twice keeps the later merge.
  void add(uint32_t left, uint32_t right, Merge merge) {
    if (2 * (size_ + 1) > slots_.size()) rehash(std::bit_ceil(4 * size_ + 16));
    Slot& slot = slots_[slot_of(key_of(left, right))];
    size_ += slot.key == kEmpty ? 1 : 0;
    slot = {key_of(left, right), merge};
  }

  // kNoRank when the two do not merge.
  Merge find(uint32_t left, uint32_t right) const {
    return slots_.empty() ? Merge{} : slots_[slot_of(key_of(left, right))].merge;
  }

  template <typename Visit>
  void each(const Visit& visit) const {
    for (const Slot& slot : slots_) {
      if (slot.key != kEmpty) visit(static_cast<uint32_t>(slot.key >> 32), static_cast<uint32_t>(slot.key), slot.merge);
    }
  }

 private:
  static constexpr uint64_t kEmpty = UINT64_MAX;
  struct Slot {
    uint64_t key = kEmpty;
    Merge merge;
  };

  static uint64_t key_of(uint32_t left, uint32_t right) { return uint64_t{left} << 32 | right; }

  void rehash(size_t slots) {
    std::vector<Slot> old(slots);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.key != kEmpty) slots_[slot_of(slot.key)] = slot;
    }
  }

  size_t first_slot(uint64_t key) const { return ((key ^ key >> 29) * 0x9E3779B97F4A7C15 >> 32) & (slots_.size() - 1); }

  size_t slot_of(uint64_t key) const {
    const size_t mask = slots_.size() - 1;
    for (size_t i = first_slot(key);; i = (i + 1) & mask) {
      if (slots_[i].key == key || slots_[i].key == kEmpty) return i;
    }
  }

  std::vector<Slot> slots_;
  size_t size_ = 0;
};

}  // namespace mlxserving::text
