#include "models/rope.h"

#include <gtest/gtest.h>

#include <cmath>

#include "nn/ops.h"

namespace mlxserving::models {
namespace {

using format::RopeConfig;
using format::RopeType;

TEST(Rope, plain_frequencies_fall_geometrically_from_one) {
  const nn::RopeSpec spec = rope_spec({.theta = 10'000.0}, 8);
  ASSERT_EQ(spec.inverse_frequencies.size(), 4U);
  EXPECT_FLOAT_EQ(spec.inverse_frequencies[0], 1.0F);
  EXPECT_FLOAT_EQ(spec.inverse_frequencies[1], 0.1F);
  EXPECT_FLOAT_EQ(spec.inverse_frequencies[3], 0.001F);
}

TEST(Rope, a_partial_factor_rotates_that_much_of_a_head) {
  EXPECT_EQ(rope_spec({.partial_rotary_factor = 0.75}, 32).inverse_frequencies.size(), 12U);
}

TEST(Rope, linear_divides_every_frequency) {
  const nn::RopeSpec spec = rope_spec({.type = RopeType::linear, .factor = 4.0}, 8);
  EXPECT_FLOAT_EQ(spec.inverse_frequencies[0], 0.25F);
}

TEST(Rope, llama3_keeps_short_waves_and_slows_long_ones) {
  const RopeConfig config{
      .type = RopeType::llama3, .theta = 5e5, .factor = 8.0, .original_max_position_embeddings = 8192};
  const auto plain = rope_spec({.theta = 5e5}, 128).inverse_frequencies;
  const auto scaled = rope_spec(config, 128).inverse_frequencies;
  EXPECT_FLOAT_EQ(scaled.front(), plain.front());
  EXPECT_FLOAT_EQ(scaled.back(), plain.back() / 8.0F);
}

TEST(Rope, yarn_scales_by_the_logarithm_of_its_factor) {
  RopeConfig config{.type = RopeType::yarn, .factor = 4.0, .original_max_position_embeddings = 64};
  EXPECT_FLOAT_EQ(rope_spec(config, 32).scale, static_cast<float>(0.1 * std::log(4.0) + 1.0));
  config.attention_factor = 1.25;
  EXPECT_FLOAT_EQ(rope_spec(config, 32).scale, 1.25F);
}

// The definition, base first: what the shortcut of rope_angles must equal.
double dynamic_angle(int position, int pair, int dims, int context, double factor) {
  const double length = std::max(position + 1, context);
  const double base =
      10'000.0 * std::pow(factor * length / context - (factor - 1.0), static_cast<double>(dims) / (dims - 2));
  return position * std::pow(base, -2.0 * pair / dims);
}

TEST(Rope, dynamic_angles_stretch_with_the_position_alone_and_only_beyond_the_context) {
  const RopeConfig config{.type = RopeType::dynamic, .factor = 3.0, .original_max_position_embeddings = 64};
  const nn::RopeSpec spec = rope_spec(config, 16);
  for (const int position : {0, 1, 62, 63, 64, 65, 500}) {
    const auto angles = nn::rope_angles(spec, position);
    for (int pair = 0; pair < 8; ++pair) {
      const double expected = dynamic_angle(position, pair, 16, 64, 3.0);
      EXPECT_NEAR(angles[static_cast<size_t>(pair)], expected, 1e-5 * (1.0 + expected)) << position << " " << pair;
    }
  }
}

}  // namespace
}  // namespace mlxserving::models
