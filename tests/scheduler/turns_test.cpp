#include "scheduler/turns.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

namespace mlxserving::scheduler {
namespace {

TEST(Turns, slow_and_quick_steps_get_equal_time) {
  Turns turns;
  const std::vector<Turns::Id> ready = {1, 2};
  std::map<Turns::Id, double> ms;
  for (int i = 0; i < 1100; ++i) {
    const Turns::Id id = turns.next(ready);
    const double step = id == 1 ? 100 : 10;
    turns.charge(id, step);
    ms[id] += step;
  }
  EXPECT_NEAR(ms[1], ms[2], 100);
}

TEST(Turns, who_was_idle_does_not_catch_up) {
  Turns turns;
  const std::vector<Turns::Id> one = {1};
  const std::vector<Turns::Id> both = {1, 2};
  for (int i = 0; i < 100; ++i) turns.charge(turns.next(one), 10);
  int runs_of_2 = 0;
  for (int i = 0; i < 20; ++i) {
    const Turns::Id id = turns.next(both);
    runs_of_2 += id == 2;
    turns.charge(id, 10);
  }
  EXPECT_NEAR(runs_of_2, 10, 1);
}

TEST(Turns, who_comes_back_after_a_pause_goes_within_a_turn) {
  Turns turns;
  const std::vector<Turns::Id> one = {1};
  const std::vector<Turns::Id> both = {1, 2};
  for (int i = 0; i < 50; ++i) turns.charge(turns.next(both), 10);
  for (int i = 0; i < 50; ++i) turns.charge(turns.next(one), 10);
  const Turns::Id first = turns.next(both);
  turns.charge(first, 10);
  const Turns::Id second = turns.next(both);
  EXPECT_NE(first, second);
}

TEST(Turns, a_removed_one_is_forgotten) {
  Turns turns;
  const std::vector<Turns::Id> both = {1, 2};
  turns.charge(turns.next(both), 1e9);
  turns.remove(1);
  turns.remove(2);
  EXPECT_EQ(turns.next(both), 1U);
}

}  // namespace
}  // namespace mlxserving::scheduler
