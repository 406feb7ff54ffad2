#include "sampling/select.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

namespace mlxserving::sampling {
namespace {

struct Input {
  std::vector<float> keys;
  std::vector<float> weights;
};

// The sorted keys that reach the target. Weights have few bits, so that every order of adding gives the same sum.
std::vector<bool> expected_prefix(const Input& input, bool weighted, double target) {
  std::vector<size_t> order(input.keys.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return input.keys[a] != input.keys[b] ? input.keys[a] > input.keys[b] : a < b; });
  std::vector<bool> in(order.size());
  double mass = 0;
  for (const size_t i : order) {
    in[i] = true;
    mass += weighted ? input.weights[i] : 1;
    if (mass >= target) break;
  }
  return in;
}

void expect_equal(const Input& input, bool weighted, double target) {
  SelectBuffers buffers;
  const size_t n = input.keys.size();
  const double total =
      weighted ? std::accumulate(input.weights.begin(), input.weights.end(), 0.0) : static_cast<double>(n);
  const float* const weights = weighted ? input.weights.data() : nullptr;
  const Cut cut = select(vocab_ops(), buffers, {input.keys.data(), weights, n, total}, target);
  const std::vector<bool> expected = expected_prefix(input, weighted, target);
  for (size_t i = 0; i < n; ++i) {
    const bool in = input.keys[i] > cut.threshold || (input.keys[i] == cut.threshold && i <= cut.last_tie);
    ASSERT_EQ(in, expected[i]) << "index " << i << " of " << n << ", target " << target << ", weighted " << weighted;
  }
}

Input random_input(std::mt19937& random, size_t n, int shape) {
  Input input = {std::vector<float>(n), std::vector<float>(n)};
  std::normal_distribution<float> bell(0, 3);
  for (size_t i = 0; i < n; ++i) {
    const float x = bell(random);
    switch (shape) {
      case 0: input.keys[i] = x; break;                                        // all different
      case 1: input.keys[i] = std::round(x); break;                            // a dozen values
      case 2: input.keys[i] = 7; break;                                        // one value
      case 3: input.keys[i] = i % 2 == 0 ? 1.0F : 2.0F; break;                 // two values
      case 4: input.keys[i] = i < 3 ? 100 - static_cast<float>(i) : x; break;  // all the weight in three
      case 5: input.keys[i] = random() % 3 == 0 ? -INFINITY : x; break;        // forbidden ones
      default: input.keys[i] = static_cast<float>(i); break;                   // in order
    }
    const float key = std::min(input.keys[i], 6.0F);
    input.weights[i] = std::isinf(key) ? 0 : std::round(std::exp2(key) * 64) / 64;
  }
  if (shape == 4) std::fill_n(input.weights.begin(), std::min<size_t>(3, n), 4096.0F);
  return input;
}

TEST(Select, finds_the_prefix_that_sorting_finds) {
  std::mt19937 random(11);
  for (const size_t n : {1, 2, 50, 96, 97, 500, 3000, 20000}) {
    for (int shape = 0; shape < 7; ++shape) {
      const Input input = random_input(random, n, shape);
      const double total = std::accumulate(input.weights.begin(), input.weights.end(), 0.0);
      for (const double share : {0.0, 1e-6, 0.01, 0.3, 0.5, 0.9, 0.999, 1.0}) {
        ASSERT_NO_FATAL_FAILURE(expect_equal(input, true, share * total)) << "shape " << shape;
        const double count = std::max(1.0, std::floor(share * static_cast<double>(n)));
        ASSERT_NO_FATAL_FAILURE(expect_equal(input, false, count)) << "shape " << shape;
      }
    }
  }
}

TEST(Select, a_target_beyond_the_total_takes_everything) {
  const std::vector<float> keys(1000, 1);
  SelectBuffers buffers;
  const Cut cut = select(vocab_ops(), buffers, {keys.data(), keys.data(), 1000, 1000}, 1000.5);
  EXPECT_TRUE(cut.threshold < 1 || cut.last_tie >= 999);
}

}  // namespace
}  // namespace mlxserving::sampling
