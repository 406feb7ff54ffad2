#include "engine/kv_budget.h"

#include <algorithm>

#include "core/result.h"

namespace mlxserving::engine {
namespace {

int64_t element_bytes(nn::KvType type) { return type == nn::KvType::f32 ? 4 : 2; }

// Bytes of one page in all layers of a group.
int64_t page_bytes(const nn::KvLayout& layout, int group, nn::KvType type) {
  int64_t bytes = 0;
  for (const nn::KvLayer& layer : layout.layers) {
    if (layer.group == group)
      bytes += int64_t{2} * layer.kv_heads * layer.head_dim * element_bytes(type) * nn::kPageTokens;
  }
  return bytes;
}

struct Group {
  int32_t window;
  int64_t page_bytes;
};

int64_t sequence_bytes(const std::vector<Group>& groups, int32_t tokens) {
  int64_t bytes = 0;
  for (const Group& group : groups) {
    bytes +=
        scheduler::pages_needed(tokens, {.page_tokens = nn::kPageTokens, .window = group.window}) * group.page_bytes;
  }
  return bytes;
}

// The longest context, in whole chunks, of which one sequence fits.
int32_t context_that_fits(const std::vector<Group>& groups, int32_t context_tokens, int64_t bytes_max) {
  int32_t chunks = context_tokens / scheduler::kChunkTokens;
  while (chunks > 0 && sequence_bytes(groups, chunks * scheduler::kChunkTokens) > bytes_max) --chunks;
  return chunks * scheduler::kChunkTokens;
}

}  // namespace

Result<KvBudget> kv_budget(const nn::KvLayout& layout, nn::KvType type, int32_t context_tokens, int32_t sequences_max,
                           int64_t bytes_max) {
  std::vector<Group> groups;
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
  const int64_t one = std::max<int64_t>(1, sequence_bytes(groups, budget.context_tokens_max));
  const auto sequences = static_cast<int32_t>(std::clamp<int64_t>(bytes_max / one, 1, sequences_max));
  for (const Group& group : groups) {
    scheduler::PageGroup pages{.page_count = 0, .page_tokens = nn::kPageTokens, .window = group.window};
    pages.page_count = sequences * scheduler::pages_needed(budget.context_tokens_max, pages);
    budget.groups.push_back(pages);
    budget.bytes += pages.page_count * group.page_bytes;
    if (group.window == 0) budget.bytes_per_token += group.page_bytes / nn::kPageTokens;
  }
  return budget;
}

}  // namespace mlxserving::engine
