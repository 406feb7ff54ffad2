// The yardsticks' loops do what they are timed for.
#include "kernels/machine_loops.h"

#include <gtest/gtest.h>

#include <cstring>
#include <numeric>

#include "kernels/aligned_buffer.h"

namespace mlxserving::kernels::testing {
namespace {

TEST(MachineLoops, every_number_of_streams_reads_all_bytes) {
  constexpr size_t kBytes = 64 * 1024;
  AlignedBuffer buffer;
  uint8_t* data = buffer.bytes(kBytes);
  uint64_t expected = 0;
  for (uint64_t i = 0; i < kBytes / 8; ++i) {
    const uint64_t word = i * 0x9E3779B97F4A7C15ULL;
    std::memcpy(data + i * 8, &word, 8);
    expected += word;
  }
  for (const int streams : {1, 2, 4}) EXPECT_EQ(read_streams(data, kBytes, streams), expected) << streams;
}

TEST(MachineLoops, multiply_loops_run_where_they_say_they_do) {
  AlignedBuffer buffer;
  uint8_t* operands = buffer.bytes(kLoopOperandBytes);
  std::memset(operands, 0, kLoopOperandBytes);
  for (const MultiplyLoop& loop : multiply_loops()) {
    if (loop.runs_here()) loop.run(operands);
    EXPECT_GT(loop.operations, 0) << loop.unit;
  }
}

}  // namespace
}  // namespace mlxserving::kernels::testing
