// The pages of one group of layers with equal windows, as the scheduler counts them (nn::KvLayout).
#pragma once

#include <cstdint>

namespace mlxserving::scheduler {

// Prefill chunks end on multiples of this, so that a prompt is cut the same way whatever else runs (decision 5).
constexpr int32_t kChunkTokens = 256;

struct PageGroup {
  int32_t page_count = 0;
  int32_t page_tokens = 0;
  int32_t window = 0;      // 0 keeps every position, otherwise the last ones only
  int64_t page_bytes = 0;  // in all layers of the group; 0: not known
};

// Pages of a group that a sequence of `tokens` tokens holds at most.
int32_t pages_needed(int32_t tokens, const PageGroup& group);

// The oldest page that a row at `position` sees, counted from the start of its sequence.
int32_t oldest_page_seen(int32_t position, const PageGroup& group);

// Pages that `tokens` tokens fill, the last one perhaps in part.
inline int32_t pages_until(int32_t tokens, const PageGroup& group) {
  return (tokens + group.page_tokens - 1) / group.page_tokens;
}

}  // namespace mlxserving::scheduler
