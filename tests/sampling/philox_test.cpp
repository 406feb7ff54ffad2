#include "sampling/philox.h"

#include <gtest/gtest.h>

#include <set>

namespace mlxserving::sampling {
namespace {

// The known answers that come with Random123, the authors' library.
TEST(Philox, gives_the_published_known_answers) {
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}), (PhiloxCounter{0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8}));
  constexpr uint32_t kOnes = 0xFFFFFFFF;
  EXPECT_EQ(philox({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}),
            (PhiloxCounter{0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD}));
  EXPECT_EQ(philox({0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344}, {0xA4093822, 0x299F31D0}),
            (PhiloxCounter{0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1}));
}

TEST(Philox, chances_differ_by_seed_position_and_fork) {
  std::set<double> seen;
  for (uint64_t seed = 0; seed < 10; ++seed) {
    for (uint64_t position = 0; position < 10; ++position) {
      for (uint32_t fork = 0; fork < 10; ++fork) {
        const Chances c = chances(seed, position, fork);
        EXPECT_TRUE(c.token >= 0 && c.token < 1 && c.xtc >= 0 && c.xtc < 1);
        EXPECT_TRUE(seen.insert(c.token).second);
        EXPECT_TRUE(seen.insert(c.xtc).second);
      }
    }
  }
}

}  // namespace
}  // namespace mlxserving::sampling
