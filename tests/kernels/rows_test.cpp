// Elementwise kernels, norms and rotation against double, for every instruction set and odd lengths.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "kernels/dispatch.h"
#include "kernels/weights.h"

namespace mlxserving::kernels::testing {
namespace {

constexpr int64_t kLengths[] = {1, 7, 8, 15, 16, 17, 33, 576, 1000};

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double gelu_tanh(double x) { return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))); }

template <typename Test>
void for_all(Test test) {
  for (const auto* kernels : runnable_kernels()) {
    for (const int64_t count : kLengths) {
      SCOPED_TRACE(std::string(kernels->isa) + " " + std::to_string(count));
      Random random(static_cast<uint32_t>(count));
      test(*kernels, random, static_cast<size_t>(count));
    }
  }
}

TEST(Rows, add_and_scale_are_exact) {
  for_all([](const Kernels& kernels, Random& random, size_t count) {
    const auto x = normal_floats(random, count);
    const auto y = normal_floats(random, count);
    std::vector<float> sum(count + 1, 7.0F);
    std::vector<float> scaled(count + 1, 7.0F);
    kernels.add(x.data(), y.data(), sum.data(), static_cast<int64_t>(count));
    kernels.scale(x.data(), 3.0F, scaled.data(), static_cast<int64_t>(count));
    for (size_t i = 0; i < count; ++i) {
      EXPECT_EQ(sum[i], x[i] + y[i]);
      EXPECT_EQ(scaled[i], x[i] * 3.0F);
    }
    EXPECT_EQ(sum[count], 7.0F);
    EXPECT_EQ(scaled[count], 7.0F);
  });
}

TEST(Rows, gates_follow_their_formulas_over_the_whole_range) {
  for_all([](const Kernels& kernels, Random& random, size_t count) {
    std::vector<float> gate(count);
    for (auto& g : gate) g = uniform(random, -30, 30);
    const auto up = normal_floats(random, count);
    std::vector<float> silu(count);
    std::vector<float> gelu(count);
    kernels.gate(Gate::silu, gate.data(), up.data(), silu.data(), static_cast<int64_t>(count));
    kernels.gate(Gate::gelu_tanh, gate.data(), up.data(), gelu.data(), static_cast<int64_t>(count));
    for (size_t i = 0; i < count; ++i) {
      EXPECT_NEAR(silu[i], gate[i] * sigmoid(gate[i]) * up[i], 2e-6 * (1 + std::fabs(gate[i] * up[i])));
      EXPECT_NEAR(gelu[i], gelu_tanh(gate[i]) * up[i], 2e-6 * (1 + std::fabs(gate[i] * up[i])));
    }
  });
}

TEST(Rows, extreme_gates_stay_finite_and_nan_stays_nan) {
  for (const auto* kernels : runnable_kernels()) {
    const float gate[] = {-1e4F, 1e4F, -88.5F, 88.5F, 0.0F, std::numeric_limits<float>::quiet_NaN()};
    const float up[] = {1, 1, 1, 1, 1, 1};
    float out[6];
    kernels->gate(Gate::silu, gate, up, out, 6);
    EXPECT_NEAR(out[0], 0.0F, 1e-30) << kernels->isa;
    EXPECT_EQ(out[1], 1e4F) << kernels->isa;
    EXPECT_NEAR(out[2], 0.0F, 1e-30) << kernels->isa;
    EXPECT_EQ(out[3], 88.5F) << kernels->isa;
    EXPECT_EQ(out[4], 0.0F) << kernels->isa;
    EXPECT_TRUE(std::isnan(out[5])) << kernels->isa;
  }
}

TEST(Rows, soft_cap_bounds_scores) {
  for_all([](const Kernels& kernels, Random& random, size_t count) {
    std::vector<float> x(count);
    for (auto& v : x) v = uniform(random, -200, 200);
    std::vector<float> out(count);
    kernels.soft_cap(x.data(), 30.0F, out.data(), static_cast<int64_t>(count));
    for (size_t i = 0; i < count; ++i) EXPECT_NEAR(out[i], 30 * std::tanh(x[i] / 30.0), 1e-5);
  });
}

TEST(Rows, rms_norm_divides_by_the_root_of_the_mean_square) {
  for_all([](const Kernels& kernels, Random& random, size_t count) {
    auto x = normal_floats(random, count);
    const auto weight = normal_floats(random, count);
    double squares = 0;
    for (const float v : x) squares += static_cast<double>(v) * v;
    const double root = std::sqrt(squares / static_cast<double>(count) + 1e-5);
    std::vector<double> want(count);
    for (size_t i = 0; i < count; ++i) want[i] = x[i] / root * weight[i];
    kernels.rms_norm(x.data(), weight.data(), 1e-5F, x.data(), static_cast<int64_t>(count));
    EXPECT_LT(relative_error(x, want), 5e-7);
  });
}

TEST(Rows, rotate_turns_pairs_that_are_half_apart) {
  for_all([](const Kernels& kernels, Random& random, size_t half) {
    auto x = normal_floats(random, 2 * half);
    std::vector<float> cos(half);
    std::vector<float> sin(half);
    std::vector<double> want(2 * half);
    for (size_t i = 0; i < half; ++i) {
      const double angle = uniform(random, -3, 3);
      cos[i] = static_cast<float>(std::cos(angle));
      sin[i] = static_cast<float>(std::sin(angle));
      want[i] = x[i] * std::cos(angle) - x[half + i] * std::sin(angle);
      want[half + i] = x[half + i] * std::cos(angle) + x[i] * std::sin(angle);
    }
    kernels.rotate(x.data(), cos.data(), sin.data(), static_cast<int64_t>(half));
    EXPECT_LT(relative_error(x, want), 5e-7);
  });
}

}  // namespace
}  // namespace mlxserving::kernels::testing
