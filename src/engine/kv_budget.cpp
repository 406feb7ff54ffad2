#include "engine/kv_budget.h"

#include <algorithm>

#include "core/result.h"

namespace mlxserving::engine {
namespace {

// Bytes of one page in all layers of a group.
int64_t page_bytes(const nn::KvLayout& layout, int group, nn::KvType type) {
  int64_t bytes = 0;
  for (const nn::KvLayer& layer : layout.layers) {
    if (layer.group == group) bytes += nn::kv_token_bytes(layer, type) * nn::kPageTokens;
  }
  return bytes;
}

constexpr int32_t kShortTokens = 1024;  // of a sequence as most are
constexpr int64_t kRingsMax = 64;       // sequences that run at once

struct Group {
  int32_t window;
  int64_t page_bytes;
};

scheduler::PageGroup pages_of(const Group& group) {
  return {.page_count = 0, .page_tokens = nn::kPageTokens, .window = group.window, .page_bytes = group.page_bytes};
}

int64_t sequence_bytes(const std::vector<Group>& groups, int32_t tokens) {
  int64_t bytes = 0;
  for (const Group& group : groups) {
    bytes += scheduler::pages_needed(tokens, pages_of(group)) * group.page_bytes;
  }
  return bytes;
}

// The longest context, in whole chunks, of which one sequence fits.
int32_t context_that_fits(const std::vector<Group>& groups, int32_t context_tokens, int64_t bytes_max) {
  int32_t chunks = context_tokens / scheduler::kChunkTokens;
  while (chunks > 0 && sequence_bytes(groups, chunks * scheduler::kChunkTokens) > bytes_max) --chunks;
  return chunks * scheduler::kChunkTokens;
}

// Bytes of the pools with `rings` rings in each windowed group, and in the others with room for as many sequences of
// kShortTokens, at least for one of the whole context.
int64_t pool_bytes(const std::vector<Group>& groups, int32_t context_tokens, int64_t rings) {
  int64_t bytes = 0;
  for (const Group& group : groups) {
    const int64_t context = scheduler::pages_needed(context_tokens, pages_of(group));
    const int64_t few = scheduler::pages_needed(std::min(context_tokens, kShortTokens), pages_of(group));
    bytes += group.page_bytes * (group.window > 0 ? rings * context : std::max(context, rings * few));
  }
  return bytes;
}

// A ring costs the same however short its sequence: as many as sequences may run, if the other layers keep their room.
// These then get all bytes that are left.
void share_out(const std::vector<Group>& groups, int64_t bytes, KvBudget& budget) {
  const int32_t context = budget.context_tokens_max;
  int64_t rings = 1;
  while (rings < kRingsMax && pool_bytes(groups, context, rings + 1) <= bytes) ++rings;
  int64_t full_page_bytes = 0;
  for (const Group& group : groups) {
    scheduler::PageGroup pages = pages_of(group);
    pages.page_count = static_cast<int32_t>(rings * scheduler::pages_needed(context, pages));
    if (group.window > 0) bytes -= pages.page_count * group.page_bytes;
    if (group.window == 0) full_page_bytes += group.page_bytes;
    budget.groups.push_back(pages);
  }
  for (scheduler::PageGroup& pages : budget.groups) {
    if (pages.window == 0) pages.page_count = static_cast<int32_t>(bytes / full_page_bytes);
    budget.bytes += pages.page_count * pages.page_bytes;
  }
  budget.bytes_per_token = full_page_bytes / nn::kPageTokens;
}

}  // namespace

Result<KvBudget> kv_budget(const nn::KvLayout& layout, nn::KvType type, int32_t context_tokens, int32_t sequences_max,
                           int64_t bytes_max) {
  std::vector<Group> groups;
  groups.reserve(layout.windows.size());
  for (size_t g = 0; g < layout.windows.size(); ++g) {
    groups.push_back({layout.windows[g], page_bytes(layout, static_cast<int>(g), type)});
  }
  KvBudget budget{.groups = {}, .bytes = 0, .bytes_per_token = 0, .context_tokens_max = context_tokens};
  if (sequence_bytes(groups, context_tokens) > bytes_max) {
    budget.context_tokens_max = context_that_fits(groups, context_tokens, bytes_max);
  }
  if (budget.context_tokens_max == 0) {
    return fail(ErrorCode::resource_exhausted, "kv_bytes",
                "the KV cache needs at least {} bytes, for a context of {} tokens; {} are allowed",
                sequence_bytes(groups, scheduler::kChunkTokens), scheduler::kChunkTokens, bytes_max);
  }
  const int64_t one = sequence_bytes(groups, budget.context_tokens_max);
  share_out(groups, std::min(bytes_max, sequences_max * one), budget);
  return budget;
}

}  // namespace mlxserving::engine
