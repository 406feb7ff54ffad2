#include "kernels/self_test.h"

#include <gtest/gtest.h>

#include <set>

#include "kernels/dispatch.h"

namespace mlxserving::kernels {
namespace {

TEST(SelfTest, covers_every_instruction_set_and_finds_each_right) {
  std::set<std::string> sets;
  for (const SelfTestRow& row : self_test()) {
    sets.insert(row.isa);
    EXPECT_TRUE(row.ok()) << row.isa << " " << row.kernel << " " << row.weights << ": " << row.error;
    EXPECT_GT(row.allowed, 0);
  }
  EXPECT_EQ(sets.size(), runnable_kernels().size());
}

TEST(SelfTest, standard_numerics_are_seen_to_round) {
  double largest = 0;
  for (const SelfTestRow& row : self_test()) largest = std::max(largest, row.error);
  if (runnable_kernels().size() > 1) {
    EXPECT_GT(largest, 1e-6);
  }
}

}  // namespace
}  // namespace mlxserving::kernels
