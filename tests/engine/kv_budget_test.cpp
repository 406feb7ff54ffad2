#include "engine/kv_budget.h"

#include <gtest/gtest.h>

namespace mlxserving::engine {
namespace {

// One global layer and one with a window of 64: a page is 2 * 2 heads * 8 dims * 2 bytes * 32 tokens = 2048 bytes.
nn::KvLayout mixed() {
  return {.layers = {{.kv_heads = 2, .head_dim = 8, .group = 0}, {.kv_heads = 2, .head_dim = 8, .group = 1}},
          .windows = {0, 64}};
}

constexpr int64_t kPage = 2048;
constexpr int64_t kRing = 11;  // pages of a window of 64 and a chunk of 256

TEST(KvBudget, full_layers_get_all_bytes_that_rings_leave) {
  const int64_t one = (1024 / 32 + kRing) * kPage;
  const auto budget = kv_budget(mixed(), nn::KvType::bf16, 1024, 4, 2 * one + 5 * kPage + 1);
  ASSERT_TRUE(budget);
  EXPECT_EQ(budget->groups[0].page_count, 2 * 32 + 5);
  EXPECT_EQ(budget->groups[1].page_count, 2 * kRing);
  EXPECT_EQ(budget->bytes, 2 * one + 5 * kPage);
  EXPECT_EQ(budget->bytes_per_token, kPage / 32);
  EXPECT_EQ(budget->context_tokens_max, 1024);
}

TEST(KvBudget, a_long_context_leaves_rings_for_many_short_sequences) {
  const int64_t one = (32768 / 32 + kRing) * kPage;
  const auto budget = kv_budget(mixed(), nn::KvType::bf16, 32768, 4, 2 * one);
  ASSERT_TRUE(budget);
  EXPECT_GE(budget->groups[1].page_count, 40 * kRing);
  EXPECT_GE(budget->groups[0].page_count, 1024) << "one of the whole context still runs";
  EXPECT_LE(budget->bytes, 2 * one);
}

TEST(KvBudget, more_memory_than_sequences_is_left_alone) {
  const auto budget = kv_budget(mixed(), nn::KvType::bf16, 1024, 4, int64_t{1} << 40);
  ASSERT_TRUE(budget);
  EXPECT_EQ(budget->groups[0].page_count, 4 * 32);
}

TEST(KvBudget, a_context_that_does_not_fit_shrinks_by_chunks) {
  const int64_t half = (512 / 32 + kRing) * kPage;
  EXPECT_EQ(kv_budget(mixed(), nn::KvType::bf16, 1024, 4, half)->context_tokens_max, 512);
  EXPECT_EQ(kv_budget(mixed(), nn::KvType::bf16, 1024, 4, half - 1)->context_tokens_max, 256);
}

TEST(KvBudget, less_than_a_chunk_is_refused_with_what_it_needs) {
  const auto refused = kv_budget(mixed(), nn::KvType::bf16, 1024, 4, 1000);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("needs at least"), std::string::npos);
}

// Codes of a byte and two scales of four bytes a head: 2 * (8 + 4) * 2 heads * 32 tokens.
TEST(KvBudget, eight_bit_pages_count_their_scales) {
  const auto budget = kv_budget(mixed(), nn::KvType::int8, 1024, 4, int64_t{1} << 40);
  ASSERT_TRUE(budget);
  EXPECT_EQ(budget->bytes_per_token, 2 * (8 + 4) * 2);
}

}  // namespace
}  // namespace mlxserving::engine
