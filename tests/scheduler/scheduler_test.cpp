#include "scheduler/scheduler.h"

#include <gtest/gtest.h>

#include <numeric>

namespace mlxserving::scheduler {
namespace {

Scheduler small(int32_t pages = 64, int32_t window = 0, Limits limits = {}) {
  const PageGroup groups[] = {{.page_count = pages, .page_tokens = 32, .window = window, .page_bytes = 100}};
  limits.running_max = 4;
  limits.queue_max = 8;
  return Scheduler(limits, groups);
}

// A prompt unlike those of other seeds.
std::shared_ptr<const std::vector<int32_t>> prompt(int32_t tokens, int32_t seed) {
  auto ids = std::make_shared<std::vector<int32_t>>(static_cast<size_t>(tokens));
  std::iota(ids->begin(), ids->end(), seed * 100000);
  return ids;
}

SequenceSpec spec(SequenceId id, int32_t prompt_tokens, int32_t tokens_max, Priority priority = Priority::normal) {
  return {.id = id,
          .prompt = prompt(prompt_tokens, static_cast<int32_t>(id)),
          .tokens_max = tokens_max,
          .priority = priority};
}

std::string step(Scheduler& scheduler) {
  const Plan plan = scheduler.plan();
  scheduler.apply(plan);
  scheduler.commit(plan);
  return to_string(plan);
}

void steps(Scheduler& scheduler, int count) {
  for (int i = 0; i < count; ++i) step(scheduler);
}

TEST(Scheduler, a_prompt_is_cut_on_the_grid_then_decodes) {
  Scheduler scheduler = small();
  ASSERT_TRUE(scheduler.enqueue(spec(1, 600, 700)));
  EXPECT_EQ(step(scheduler), "admit 1 | 1@0+256");
  EXPECT_EQ(step(scheduler), "1@256+256");
  EXPECT_EQ(step(scheduler), "1@512+88*");
  EXPECT_EQ(step(scheduler), "1@600+1*");
}

TEST(Scheduler, decode_rows_go_before_prompts_and_prompts_keep_their_order) {
  Scheduler scheduler = small();
  ASSERT_TRUE(scheduler.enqueue(spec(1, 10, 20)));
  step(scheduler);
  ASSERT_TRUE(scheduler.enqueue(spec(2, 300, 310)));
  ASSERT_TRUE(scheduler.enqueue(spec(3, 5, 10)));
  EXPECT_EQ(step(scheduler), "admit 2 3 | 1@10+1* 2@0+256 3@0+5*");
  EXPECT_EQ(step(scheduler), "1@11+1* 3@5+1* 2@256+44*");
}

TEST(Scheduler, a_short_prompt_takes_turns_with_a_long_one) {
  Scheduler scheduler = small(512, 0, {.rows_max = 260});  // room for one chunk and the decode rows
  ASSERT_TRUE(scheduler.enqueue(spec(1, 5000, 5100)));
  steps(scheduler, 3);
  ASSERT_TRUE(scheduler.enqueue(spec(2, 300, 310)));
  EXPECT_EQ(step(scheduler), "1@768+256");
  EXPECT_EQ(step(scheduler), "admit 2 | 2@0+256");
  EXPECT_EQ(step(scheduler), "1@1024+256");
  EXPECT_EQ(step(scheduler), "2@256+44*");
}

TEST(Scheduler, arrivals_without_end_do_not_starve_a_long_prompt) {
  Scheduler scheduler = small(512, 0, {.rows_max = 260});
  ASSERT_TRUE(scheduler.enqueue(spec(1, 2560, 2600)));
  for (SequenceId id = 2; scheduler.page_tables(1).empty() || scheduler.page_tables(1)[0].size() < 80; ++id) {
    ASSERT_LT(id, 40U);
    static_cast<void>(scheduler.enqueue(spec(id, 256, 257)));
    step(scheduler);
    for (SequenceId other = 2; other < id; ++other) scheduler.remove(other);
  }
}

TEST(Scheduler, priority_goes_first_and_low_priority_does_not_starve) {
  Scheduler scheduler = small(64, 0, {.prefills_max = 1});
  ASSERT_TRUE(scheduler.enqueue(spec(1, 256, 257, Priority::low)));
  ASSERT_TRUE(scheduler.enqueue(spec(2, 256, 257, Priority::high)));
  EXPECT_EQ(step(scheduler), "admit 2 | 2@0+256*");
  scheduler.remove(2);
  SequenceId id = 3;
  while (scheduler.page_tables(1).empty()) {  // a high one arrives in each step
    ASSERT_LT(id, 1000U);
    ASSERT_TRUE(scheduler.enqueue(spec(id, 256, 257, Priority::high)));
    step(scheduler);
    scheduler.remove(id++);
  }
  EXPECT_GT(id, 500U);
}

TEST(Scheduler, what_can_never_fit_is_refused_with_both_numbers) {
  Scheduler scheduler = small(4);  // 128 tokens
  EXPECT_TRUE(scheduler.enqueue(spec(1, 100, 127)));
  EXPECT_TRUE(scheduler.enqueue(spec(2, 100, 128)));
  const auto refused = scheduler.enqueue(spec(3, 100, 129));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("needs 129 tokens of KV cache"), std::string::npos);
  EXPECT_NE(refused.error().message.find("500 bytes"), std::string::npos) << refused.error().message;
  EXPECT_NE(refused.error().message.find("the cache holds 128 (400 bytes)"), std::string::npos);
}

TEST(Scheduler, the_queue_is_bounded_and_refuses_low_priority_first) {
  Scheduler scheduler = small();
  for (SequenceId id = 1; id <= 6; ++id) ASSERT_TRUE(scheduler.enqueue(spec(id, 1, 2, Priority::low)));
  EXPECT_FALSE(scheduler.enqueue(spec(7, 1, 2, Priority::low)));
  EXPECT_TRUE(scheduler.enqueue(spec(7, 1, 2)));
  EXPECT_TRUE(scheduler.enqueue(spec(8, 1, 2)));
  EXPECT_FALSE(scheduler.enqueue(spec(9, 1, 2, Priority::high)));
  for (SequenceId id = 1; id <= 3; ++id) scheduler.remove(id);
  EXPECT_FALSE(scheduler.enqueue(spec(10, 1, 2, Priority::low))) << "pressed until half is free";
  scheduler.remove(4);
  EXPECT_TRUE(scheduler.enqueue(spec(11, 1, 2, Priority::low)));
}

TEST(Scheduler, a_window_keeps_the_pages_it_sees_only) {
  Scheduler scheduler = small(64, 64, {.prefix_cache = false});
  ASSERT_TRUE(scheduler.enqueue(spec(1, 1000, 100000)));
  steps(scheduler, 300);
  EXPECT_EQ(scheduler.pools()[0].owned_count(), 3);
  EXPECT_EQ(scheduler.page_tables(1)[0].size(), (64U + 255U) / 32U + 2U);
}

TEST(Scheduler, pages_are_taken_as_a_sequence_grows) {
  Scheduler scheduler = small();
  ASSERT_TRUE(scheduler.enqueue(spec(1, 31, 2000)));
  step(scheduler);
  EXPECT_EQ(scheduler.pools()[0].owned_count(), 1);
  steps(scheduler, 2);
  EXPECT_EQ(scheduler.pools()[0].owned_count(), 2);
}

TEST(Scheduler, more_sequences_than_rows_take_turns) {
  Scheduler scheduler = small();
  for (SequenceId id = 1; id <= 4; ++id) ASSERT_TRUE(scheduler.enqueue(spec(id, 10, 20)));
  step(scheduler);
  scheduler.set_limits({.rows_max = 3, .running_max = 1, .chunk_tokens = 2});
  EXPECT_EQ(step(scheduler), "1@10+1* 2@10+1* 3@10+1*");
  EXPECT_EQ(step(scheduler), "1@11+1* 2@11+1* 4@10+1*");
  EXPECT_EQ(step(scheduler), "1@12+1* 2@12+1* 3@11+1*");
}

TEST(Scheduler, a_paused_sequence_gets_no_rows_and_keeps_its_pages) {
  Scheduler scheduler = small();
  ASSERT_TRUE(scheduler.enqueue(spec(1, 10, 20)));
  step(scheduler);
  scheduler.set_paused(1, true);
  EXPECT_TRUE(scheduler.plan().empty());
  scheduler.set_paused(1, false);
  EXPECT_EQ(step(scheduler), "1@10+1*");
}

TEST(Scheduler, a_preempted_sequence_computes_its_tokens_again_in_their_roles) {
  Scheduler scheduler = small(4, 0, {.prefix_cache = false});
  ASSERT_TRUE(scheduler.enqueue(spec(1, 40, 128)));
  ASSERT_TRUE(scheduler.enqueue(spec(2, 30, 60)));
  step(scheduler);
  steps(scheduler, 2);  // now 1 has two pages, 2 two: the pool is full when 1 passes 64 tokens
  while (scheduler.plan().preempted.empty()) step(scheduler);
  EXPECT_EQ(step(scheduler), "preempt 2 | 1@64+1*");
  EXPECT_EQ(scheduler.running_count(), 1U);
  scheduler.remove(1);
  EXPECT_EQ(step(scheduler), "admit 2 | 2@0+30");
  EXPECT_EQ(step(scheduler), "2@30+25*");
}

TEST(Scheduler, a_paused_sequence_gives_way_first) {
  Scheduler scheduler = small(4, 0, {.prefix_cache = false});
  ASSERT_TRUE(scheduler.enqueue(spec(1, 60, 64)));
  ASSERT_TRUE(scheduler.enqueue(spec(2, 60, 128)));
  step(scheduler);
  scheduler.set_paused(1, true);
  while (scheduler.plan().preempted.empty()) step(scheduler);
  EXPECT_EQ(step(scheduler), "preempt 1 | 2@64+1*");
  EXPECT_EQ(step(scheduler), "2@65+1*") << "paused: it does not come back yet";
}

TEST(Scheduler, forks_share_pages_and_copy_the_one_they_write) {
  Scheduler scheduler = small(64, 0, {.prefix_cache = false});
  SequenceSpec three = spec(1, 40, 100);
  three.answers = 3;
  ASSERT_TRUE(scheduler.enqueue(three));
  step(scheduler);
  const SequenceId children[] = {2, 3};
  scheduler.fork(1, children);
  EXPECT_EQ(scheduler.pools()[0].owned_count(), 2);
  const Plan plan = scheduler.plan();
  EXPECT_EQ(to_string(plan), "1@40+1* 2@40+1* 3@40+1*");
  EXPECT_EQ(scheduler.apply(plan).size(), 2U) << "the last of three needs no copy";
  EXPECT_EQ(scheduler.pools()[0].owned_count(), 4);
  for (const SequenceId id : {1U, 2U, 3U}) scheduler.remove(id);
  EXPECT_EQ(scheduler.pools()[0].free_count(), 64);
}

TEST(Scheduler, a_prompt_seen_before_goes_on_behind_its_cached_pages) {
  Scheduler scheduler = small();
  ASSERT_TRUE(scheduler.enqueue(spec(1, 600, 700)));
  steps(scheduler, 3);
  scheduler.remove(1);
  EXPECT_EQ(scheduler.pools()[0].idle_count(), 600 / 32);
  SequenceSpec again = spec(2, 700, 800);
  std::vector<int32_t> ids = *prompt(600, 1);
  ids.resize(700, 7);
  again.prompt = std::make_shared<std::vector<int32_t>>(ids);
  ASSERT_TRUE(scheduler.enqueue(again));
  EXPECT_EQ(step(scheduler), "admit 2(576) | 2@576+124*");
}

TEST(Scheduler, the_last_token_of_a_cached_prompt_is_computed_again) {
  Scheduler scheduler = small();
  ASSERT_TRUE(scheduler.enqueue(spec(1, 64, 70)));
  step(scheduler);
  SequenceSpec again = spec(2, 64, 70);
  again.prompt = prompt(64, 1);
  ASSERT_TRUE(scheduler.enqueue(again));
  EXPECT_EQ(step(scheduler), "admit 2(32) | 1@64+1* 2@32+32*");
}

TEST(Scheduler, where_a_prompt_differs_from_the_cached_text_is_told) {
  Scheduler scheduler = small();
  ASSERT_TRUE(scheduler.enqueue(spec(1, 200, 300)));
  step(scheduler);
  SequenceSpec other = spec(2, 200, 300);
  std::vector<int32_t> ids = *prompt(200, 1);
  ids[100] = -5;
  other.prompt = std::make_shared<std::vector<int32_t>>(ids);
  ASSERT_TRUE(scheduler.enqueue(other));
  const Plan plan = scheduler.plan();
  EXPECT_EQ(plan.admitted.at(0).cached_tokens, 96);
  EXPECT_EQ(plan.admitted.at(0).cache_differs_at, 100);
}

TEST(Scheduler, a_window_resumes_where_it_is_whole) {
  Scheduler scheduler = small(24, 64);
  ASSERT_TRUE(scheduler.enqueue(spec(1, 640, 700)));
  steps(scheduler, 3);
  scheduler.remove(1);
  SequenceSpec again = spec(2, 641, 700);
  std::vector<int32_t> ids = *prompt(640, 1);
  ids.push_back(7);
  again.prompt = std::make_shared<std::vector<int32_t>>(ids);
  ASSERT_TRUE(scheduler.enqueue(again));
  EXPECT_EQ(step(scheduler), "admit 2(640) | 2@640+1*");
}

TEST(Scheduler, cached_pages_are_reclaimed_oldest_first) {
  Scheduler scheduler = small(8);
  for (const SequenceId id : {1U, 2U}) {
    ASSERT_TRUE(scheduler.enqueue(spec(id, 96, 100)));
    step(scheduler);
    scheduler.remove(id);
  }
  EXPECT_EQ(scheduler.pools()[0].idle_count(), 6);
  ASSERT_TRUE(scheduler.enqueue(spec(3, 160, 170)));  // five pages, two are free: three of the first go
  step(scheduler);
  SequenceSpec again = spec(4, 96, 97);
  again.prompt = prompt(96, 2);
  scheduler.remove(3);
  ASSERT_TRUE(scheduler.enqueue(again));
  EXPECT_EQ(scheduler.plan().admitted.at(0).cached_tokens, 64);
}

}  // namespace
}  // namespace mlxserving::scheduler
