#include "scheduler/batch_sizing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

namespace mlxserving::scheduler {
namespace {

constexpr BatchSize kLargest = {.rows_max = 512, .running_max = 64};
constexpr BatchSize kSmallest = {.rows_max = 32, .running_max = 4};

BatchSizing with_target(double target_ms) { return BatchSizing({.target_ms = target_ms}); }

void steps(BatchSizing& sizing, double ms, int windows = 1) {
  for (int i = 0; i < windows * SizingLimits{}.window_steps; ++i) sizing.add_step(ms);
}

TEST(BatchSizing, without_a_target_it_stays_full) {
  BatchSizing sizing = with_target(0);
  steps(sizing, 1e9, 100);
  EXPECT_EQ(sizing.size(), kLargest);
  EXPECT_EQ(sizing.transitions(), 0U);
}

TEST(BatchSizing, late_steps_halve_it_down_to_the_smallest) {
  BatchSizing sizing = with_target(50);
  for (int i = 0; i < 2; ++i) sizing.add_step(51);  // already more than a window may have
  EXPECT_EQ(sizing.size(), (BatchSize{256, 32}));
  steps(sizing, 51, 10);
  EXPECT_EQ(sizing.size(), kSmallest);
  EXPECT_TRUE(sizing.is_beyond_reach());
}

TEST(BatchSizing, one_late_step_in_a_window_is_forgiven) {
  BatchSizing sizing = with_target(50);
  for (int i = 0; i < 1000; ++i) sizing.add_step(i % SizingLimits{}.window_steps == 0 ? 500 : 40);
  EXPECT_EQ(to_string(sizing.state()), "full");
}

TEST(BatchSizing, calm_brings_it_back_level_by_level) {
  BatchSizing sizing = with_target(50);
  steps(sizing, 100, 1);
  const int level_before = kLargest.rows_max / sizing.size().rows_max;
  EXPECT_GT(level_before, 1);
  steps(sizing, 10, 200);
  EXPECT_EQ(to_string(sizing.state()), "full");
  EXPECT_FALSE(sizing.is_degraded());
}

TEST(BatchSizing, steps_near_the_target_leave_it_as_it_is) {
  BatchSizing sizing = with_target(50);
  steps(sizing, 51, 1);
  const BatchSize reduced = sizing.size();
  steps(sizing, 45, 100);
  EXPECT_EQ(sizing.size(), reduced);
}

TEST(BatchSizing, growth_that_fails_is_tried_ever_more_rarely) {
  BatchSizing sizing = with_target(50);
  int late_steps = 0;
  for (int i = 0; i < 100'000; ++i) {
    const bool is_late = sizing.size().rows_max > 128;
    late_steps += is_late ? 1 : 0;
    sizing.add_step(is_late ? 60 : 20);
  }
  EXPECT_LT(late_steps, 300);
}

// A machine whose steps take time by their rows, under load that comes and goes: the target holds nearly always, the
// size stays within its bounds, and calm ends full.
TEST(BatchSizing, simulated_load_keeps_the_target_and_recovers) {
  std::mt19937 random(5);
  for (int machine = 0; machine < 200; ++machine) {
    const double ms_per_row = std::uniform_real_distribution<double>(0.05, 1)(random);
    BatchSizing sizing = with_target(10 + 40 * ms_per_row);  // reachable at the smallest size
    int late = 0;
    for (int i = 0; i < 5000; ++i) {
      const double rows = std::uniform_real_distribution<double>(0.8, 1)(random) * sizing.size().rows_max;
      const double ms = 5 + ms_per_row * rows;
      late += ms > 10 + 40 * ms_per_row ? 1 : 0;
      sizing.add_step(ms);
      ASSERT_GE(sizing.size().rows_max, kSmallest.rows_max);
      ASSERT_LE(sizing.size().running_max, kLargest.running_max);
    }
    EXPECT_LT(late, 250) << "machine " << machine;
    steps(sizing, 1, 500);
    ASSERT_EQ(sizing.size(), kLargest) << "machine " << machine;
  }
}

}  // namespace
}  // namespace mlxserving::scheduler
