#include "format/float_types.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace mlxserving::format {
namespace {

TEST(FloatTypes, every_f16_survives_the_way_there_and_back) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = f32_from_f16(static_cast<uint16_t>(bits));
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(f32_from_f16(f16_from_f32(value))));
    } else {
      ASSERT_EQ(f16_from_f32(value), bits);
    }
  }
}

TEST(FloatTypes, f16_agrees_with_the_compilers) {
#ifdef __FLT16_MAX__
  uint32_t state = 12345;
  for (int i = 0; i < 2'000'000; ++i) {
    state = state * 1664525U + 1013904223U;
    const auto value = std::bit_cast<float>(state);
    if (std::isnan(value)) continue;
    ASSERT_EQ(f16_from_f32(value), std::bit_cast<uint16_t>(static_cast<_Float16>(value))) << value;
  }
#else
  GTEST_SKIP() << "the compiler has no _Float16";
#endif
}

TEST(FloatTypes, bf16_rounds_ties_to_even) {
  EXPECT_EQ(bf16_from_f32(std::bit_cast<float>(0x3F808000U)), 0x3F80);
  EXPECT_EQ(bf16_from_f32(std::bit_cast<float>(0x3F818000U)), 0x3F82);
  EXPECT_EQ(bf16_from_f32(std::bit_cast<float>(0x3F808001U)), 0x3F81);
  EXPECT_TRUE(std::isnan(f32_from_bf16(bf16_from_f32(std::bit_cast<float>(0x7F800001U)))));
}

// The nearest code by search, ties to the even code.
template <typename Decode>
uint8_t nearest(float value, int codes, Decode decode) {
  int best = 0;
  for (int code = 1; code < codes; ++code) {
    const float now = std::fabs(decode(static_cast<uint8_t>(code)) - value);
    const float before = std::fabs(decode(static_cast<uint8_t>(best)) - value);
    if (now < before || (now == before && code % 2 == 0)) best = code;
  }
  return static_cast<uint8_t>(best);
}

TEST(FloatTypes, e4m3_rounds_to_the_nearest_code) {
  for (int i = 0; i <= 4096 * 8; ++i) {
    const float small = static_cast<float>(i) / 4096.0F;
    ASSERT_EQ(e4m3_from_f32(small), nearest(small, 0x7F, f32_from_e4m3)) << small;
    const float large = static_cast<float>(i) / 64.0F;
    ASSERT_EQ(e4m3_from_f32(large), nearest(large, 0x7F, f32_from_e4m3)) << large;
  }
  EXPECT_EQ(f32_from_e2m1(15), -6.0F);
  EXPECT_EQ(f32_from_e4m3(e4m3_from_f32(-1000.0F)), -448.0F);
  EXPECT_EQ(f32_from_e8m0(127), 1.0F);
  EXPECT_EQ(f32_from_e8m0(0), 0x1p-127F);
}

}  // namespace
}  // namespace mlxserving::format
