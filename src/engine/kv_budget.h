// From bytes to pages: how large the pools of the KV cache are.
#pragma once

#include <cstdint>
#include <vector>

#include "mlxserving/error.h"
#include "nn/kv_view.h"
#include "scheduler/scheduler.h"

namespace mlxserving::engine {

struct KvBudget {
  std::vector<scheduler::PageGroup> groups;  // as the layout's
  int64_t bytes = 0;                         // of all pools
  int64_t bytes_per_token = 0;               // of the layers that keep every token
  int32_t context_tokens_max = 0;            // of one sequence that has the pools to itself
};

// Pools for as many sequences of `context_tokens` as `bytes_max` holds, at most `sequences_max`; if not even one fits,
// the context shrinks to what does. Error: resource_exhausted if that is less than a chunk, with the bytes that a
// chunk needs.
Result<KvBudget> kv_budget(const nn::KvLayout& layout, nn::KvType type, int32_t context_tokens, int32_t sequences_max,
                           int64_t bytes_max);

}  // namespace mlxserving::engine
