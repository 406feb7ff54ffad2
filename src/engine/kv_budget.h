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

// Pools of at most `bytes_max` bytes, and of no more than `sequences_max` sequences of `context_tokens` could use; if
// not even one of these fits, the context shrinks to what does. Windowed groups get rings for many short sequences, the
// others the rest. Error: resource_exhausted if a context of one chunk does not fit, with the bytes that it needs.
Result<KvBudget> kv_budget(const nn::KvLayout& layout, nn::KvType type, int32_t context_tokens, int32_t sequences_max,
                           int64_t bytes_max);

}  // namespace mlxserving::engine
