#include "scheduler/scheduler.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

namespace mlxserving::scheduler {
namespace {

Scheduler small(int32_t pages = 64, int32_t window = 0) {
  const PageGroup groups[] = {{.page_count = pages, .page_tokens = 32, .window = window}};
  return Scheduler({.rows_max = 512, .running_max = 4, .queue_max = 8}, groups);
}

std::string step(Scheduler& scheduler) {
  const Plan plan = scheduler.plan();
  scheduler.apply(plan);
  return to_string(plan);
}

TEST(Scheduler, a_prompt_is_cut_on_the_grid_then_decodes) {
  Scheduler scheduler = small();
  ASSERT_TRUE(scheduler.enqueue({.id = 1, .prompt_tokens = 600, .tokens_max = 700}));
  EXPECT_EQ(step(scheduler), "admit 1 | 1@0+256");
  EXPECT_EQ(step(scheduler), "1@256+256");
  EXPECT_EQ(step(scheduler), "1@512+88*");
  EXPECT_EQ(step(scheduler), "1@600+1*");
}

TEST(Scheduler, decode_rows_go_before_prompts_and_prompts_keep_their_order) {
  Scheduler scheduler = small();
  ASSERT_TRUE(scheduler.enqueue({.id = 1, .prompt_tokens = 10, .tokens_max = 20}));
  step(scheduler);
  ASSERT_TRUE(scheduler.enqueue({.id = 2, .prompt_tokens = 300, .tokens_max = 310}));
  ASSERT_TRUE(scheduler.enqueue({.id = 3, .prompt_tokens = 5, .tokens_max = 10}));
  EXPECT_EQ(step(scheduler), "admit 2 3 | 1@10+1* 2@0+256 3@0+5*");
  EXPECT_EQ(step(scheduler), "1@11+1* 3@5+1* 2@256+44*");
}

TEST(Scheduler, what_can_never_fit_is_refused_with_both_numbers) {
  Scheduler scheduler = small(4);  // 128 tokens
  EXPECT_TRUE(scheduler.enqueue({.id = 1, .prompt_tokens = 100, .tokens_max = 127}));
  EXPECT_TRUE(scheduler.enqueue({.id = 2, .prompt_tokens = 100, .tokens_max = 128}));
  const auto refused = scheduler.enqueue({.id = 3, .prompt_tokens = 100, .tokens_max = 129});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("needs 129 tokens of KV cache"), std::string::npos);
  EXPECT_NE(refused.error().message.find("the cache holds 128"), std::string::npos);
}

TEST(Scheduler, the_queue_is_bounded) {
  Scheduler scheduler = small();
  for (SequenceId id = 1; id <= 8; ++id) {
    ASSERT_TRUE(scheduler.enqueue({.id = id, .prompt_tokens = 1, .tokens_max = 2}));
  }
  EXPECT_FALSE(scheduler.enqueue({.id = 9, .prompt_tokens = 1, .tokens_max = 2}));
}

TEST(Scheduler, a_window_needs_a_ring_of_pages_only) {
  Scheduler scheduler = small(64, 64);
  ASSERT_TRUE(scheduler.enqueue({.id = 1, .prompt_tokens = 1000, .tokens_max = 100000}));
  step(scheduler);
  EXPECT_EQ(scheduler.page_tables(1)[0].size(), (64U + 256U) / 32U + 1U);
}

TEST(Scheduler, a_paused_sequence_gets_no_rows_and_keeps_its_pages) {
  Scheduler scheduler = small();
  ASSERT_TRUE(scheduler.enqueue({.id = 1, .prompt_tokens = 10, .tokens_max = 20}));
  step(scheduler);
  scheduler.set_paused(1, true);
  EXPECT_TRUE(scheduler.plan().empty());
  scheduler.set_paused(1, false);
  EXPECT_EQ(step(scheduler), "1@10+1*");
}

// Random arrivals, steps and removals: pages are never shared nor lost, rows stay in budget, order of arrival holds.
TEST(Scheduler, invariants_hold_over_random_runs) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  Scheduler scheduler = small(96);
  std::set<SequenceId> alive;
  std::map<SequenceId, int32_t> tokens_max;
  SequenceId next = 1;
  for (int i = 0; i < 20000; ++i) {
    if (random() % 3 == 0) {
      const int32_t prompt = 1 + static_cast<int32_t>(random() % 900);
      const SequenceSpec spec{
          .id = next, .prompt_tokens = prompt, .tokens_max = prompt + static_cast<int32_t>(random() % 200)};
      if (scheduler.enqueue(spec)) alive.insert(next);
      tokens_max[next] = spec.tokens_max;
      ++next;
    }
    if (!alive.empty() && random() % 4 == 0) {
      const auto victim = std::next(alive.begin(), static_cast<long>(random() % alive.size()));
      ASSERT_TRUE(scheduler.remove(*victim));
      alive.erase(victim);
    }
    const Plan plan = scheduler.plan();
    ASSERT_LE(plan.row_count(), 512);
    ASSERT_LE(scheduler.running_count() + plan.admitted.size(), 4U);
    scheduler.apply(plan);
    for (const Chunk& chunk : plan.chunks) {
      if (chunk.position_begin + chunk.token_count < tokens_max[chunk.sequence]) continue;
      scheduler.remove(chunk.sequence);
      alive.erase(chunk.sequence);
    }
    int32_t owned = 0;
    std::set<int32_t> pages;
    for (const SequenceId id : alive) {
      const auto tables = scheduler.page_tables(id);
      if (tables.empty()) continue;  // still waiting
      pages.insert(tables[0].begin(), tables[0].end());
      owned += static_cast<int32_t>(tables[0].size());
    }
    ASSERT_EQ(pages.size(), static_cast<size_t>(owned));
    ASSERT_EQ(owned + scheduler.pools()[0].free_count(), 96);
  }
}

}  // namespace
}  // namespace mlxserving::scheduler
