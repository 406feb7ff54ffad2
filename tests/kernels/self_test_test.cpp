#include "kernels/self_test.h"

#include <gtest/gtest.h>

#include <set>
#include <string_view>

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

TEST(SelfTest, kernels_on_fewer_bits_are_seen_to_round) {
  for (const SelfTestRow& row : self_test()) {
    if (std::string_view(row.kernel) == "f32") continue;
    EXPECT_GT(row.error, 1e-6) << row.isa << " " << row.kernel;
  }
}

}  // namespace
}  // namespace mlxserving::kernels
