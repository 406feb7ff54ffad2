#include "scheduler/circuit_breaker.h"

#include <gtest/gtest.h>

#include <random>

namespace mlxserving::scheduler {
namespace {

CircuitBreaker opened(double now_ms = 0) {
  CircuitBreaker breaker;
  for (int i = 0; i < BreakerLimits{}.failures_max; ++i) breaker.fail(now_ms);
  return breaker;
}

TEST(CircuitBreaker, opens_at_the_limit_of_failures_in_a_row) {
  CircuitBreaker breaker;
  for (int i = 0; i < BreakerLimits{}.failures_max - 1; ++i) breaker.fail(0);
  EXPECT_TRUE(breaker.is_closed());
  breaker.fail(0);
  EXPECT_EQ(to_string(breaker.state()), "open");
  EXPECT_FALSE(breaker.may_step());
}

TEST(CircuitBreaker, a_good_step_forgives_what_came_before) {
  CircuitBreaker breaker;
  for (int i = 0; i < 100; ++i) {
    for (int k = 0; k < BreakerLimits{}.failures_max - 1; ++k) breaker.fail(0);
    breaker.succeed();
  }
  EXPECT_TRUE(breaker.is_closed());
}

TEST(CircuitBreaker, tries_again_after_its_time_and_not_before) {
  CircuitBreaker breaker = opened(500);
  EXPECT_EQ(breaker.open_until_ms(), 1500);
  breaker.tick(1499);
  EXPECT_FALSE(breaker.may_step());
  breaker.tick(1500);
  EXPECT_EQ(to_string(breaker.state()), "half_open");
  EXPECT_EQ(breaker.running_max(64), 1);
}

TEST(CircuitBreaker, good_probes_close_it) {
  CircuitBreaker breaker = opened();
  breaker.tick(1000);
  for (int i = 0; i < BreakerLimits{}.probes; ++i) {
    EXPECT_FALSE(breaker.is_closed());
    breaker.succeed();
  }
  EXPECT_TRUE(breaker.is_closed());
  EXPECT_EQ(breaker.running_max(64), 64);
}

TEST(CircuitBreaker, vain_probes_come_ever_rarer_up_to_the_limit) {
  CircuitBreaker breaker = opened();
  double now_ms = 0;
  double waited = 0;
  for (const double expected : {1000.0, 2000.0, 4000.0, 8000.0, 16000.0, 30000.0, 30000.0}) {
    waited = breaker.open_until_ms() - now_ms;
    EXPECT_EQ(waited, expected);
    now_ms = breaker.open_until_ms();
    breaker.tick(now_ms);
    breaker.fail(now_ms);
  }
}

TEST(CircuitBreaker, a_step_while_open_is_counted_as_our_fault_and_changes_nothing) {
  CircuitBreaker breaker = opened();
  const uint64_t transitions = breaker.transitions();
  breaker.succeed();
  breaker.fail(0);
  EXPECT_EQ(breaker.invalid_transitions(), 2U);
  EXPECT_EQ(breaker.transitions(), transitions);
  EXPECT_FALSE(breaker.may_step());
}

// A model that fails for some spells: no step ever runs while the circuit is open, nothing invalid is asked, and it
// always comes back within the longest wait of the spell's end.
TEST(CircuitBreaker, simulated_spells_of_failure_always_end_closed) {
  std::mt19937 random(20);
  CircuitBreaker breaker;
  double now_ms = 0;
  for (int spell = 0; spell < 2000; ++spell) {
    const bool is_broken = spell % 2 == 1;
    const double end_ms = now_ms + std::uniform_real_distribution<double>(1, 90'000)(random);
    for (; now_ms < end_ms; now_ms += 10) {
      breaker.tick(now_ms);
      if (!breaker.may_step()) continue;
      is_broken ? breaker.fail(now_ms) : breaker.succeed();
    }
    if (is_broken) continue;
    const BreakerLimits limits;
    for (const double until = now_ms + limits.open_ms_max + 1000; now_ms < until; now_ms += 10) {
      breaker.tick(now_ms);
      if (breaker.may_step()) breaker.succeed();
    }
    ASSERT_TRUE(breaker.is_closed()) << "spell " << spell;
  }
  EXPECT_EQ(breaker.invalid_transitions(), 0U);
}

}  // namespace
}  // namespace mlxserving::scheduler
