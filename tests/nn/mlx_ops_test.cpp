// MlxOps on MLX's CPU device: attention over pages and rings, rotation and activations against their definitions.
#include "nn/mlx_ops.h"

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <numeric>
#include <random>
#include <vector>

#include "core/check.h"

namespace mlxserving::nn {
namespace {

namespace mx = mlx::core;

constexpr int kHeads = 4;
constexpr int kKvHeads = 2;
constexpr int kHeadDim = 8;

using Floats = std::vector<float>;

Floats random_floats(size_t count, std::mt19937& random) {
  std::normal_distribution<float> normal;
  Floats out(count);
  for (float& value : out) value = normal(random);
  return out;
}

array rows_of(const Floats& values, int width) {
  return array(values.begin(), mx::Shape{static_cast<int>(values.size()) / width, width}, mx::float32);
}

Floats values_of(array x) {
  x = mx::contiguous(mx::astype(x, mx::float32));
  x.eval();
  return Floats(x.data<float>(), x.data<float>() + x.size());
}

format::Tensor tensor_of(const Floats& values, format::Shape shape) {
  auto owner = std::make_shared<Floats>(values);
  const auto bytes = std::as_bytes(std::span(*owner));
  return {{"test", format::DType::f32, std::move(shape)}, bytes, owner};
}

void expect_near(const Floats& found, const Floats& expected, float tolerance = 1e-5F) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) ASSERT_NEAR(found[i], expected[i], tolerance) << "element " << i;
}

// One segment of the positions [begin, end).
Step step_of(int32_t begin, int32_t end, std::span<const int32_t> pages) {
  Step step;
  step.tokens.assign(static_cast<size_t>(end - begin), 0);
  step.positions.resize(static_cast<size_t>(end - begin));
  std::iota(step.positions.begin(), step.positions.end(), begin);
  step.segments.push_back({.row_begin = 0,
                           .row_count = end - begin,
                           .position_begin = begin,
                           .role = RowRole::prefill,
                           .page_tables = {pages}});
  return step;
}

// What attention means, in double: q, k, v of all positions, a row sees the last `window` ones (0: all).
Floats attention_by_definition(const Floats& q, const Floats& k, const Floats& v, int window, float soft_cap) {
  const int rows = static_cast<int>(q.size()) / (kHeads * kHeadDim);
  Floats out(q.size());
  for (int row = 0; row < rows; ++row) {
    for (int head = 0; head < kHeads; ++head) {
      const int kv = head / (kHeads / kKvHeads);
      const int first = window == 0 ? 0 : std::max(0, row - window + 1);
      std::vector<double> scores;
      for (int at = first; at <= row; ++at) {
        double score = 0;
        for (int d = 0; d < kHeadDim; ++d) {
          score += static_cast<double>(q[static_cast<size_t>((row * kHeads + head) * kHeadDim + d)]) *
                   k[static_cast<size_t>((at * kKvHeads + kv) * kHeadDim + d)];
        }
        score *= 0.5;
        scores.push_back(soft_cap > 0 ? soft_cap * std::tanh(score / soft_cap) : score);
      }
      const double highest = *std::ranges::max_element(scores);
      double sum = 0;
      for (double& score : scores) sum += score = std::exp(score - highest);
      for (int d = 0; d < kHeadDim; ++d) {
        double mean = 0;
        for (int at = first; at <= row; ++at) {
          mean += scores[static_cast<size_t>(at - first)] / sum *
                  v[static_cast<size_t>((at * kKvHeads + kv) * kHeadDim + d)];
        }
        out[static_cast<size_t>((row * kHeads + head) * kHeadDim + d)] = static_cast<float>(mean);
      }
    }
  }
  return out;
}

struct AttentionCase {
  int window;
  float soft_cap;
  int32_t chunk;
};

class MlxAttention : public ::testing::TestWithParam<AttentionCase> {};

TEST_P(MlxAttention, equals_its_definition_whatever_the_chunks) {
  constexpr int32_t kTokens = 150;
  const AttentionCase& c = GetParam();
  const auto ops = make_mlx_ops(Numerics::f32);
  std::mt19937 random(5);
  const Floats q = random_floats(size_t{kTokens} * kHeads * kHeadDim, random);
  const Floats k = random_floats(size_t{kTokens} * kKvHeads * kHeadDim, random);
  const Floats v = random_floats(size_t{kTokens} * kKvHeads * kHeadDim, random);
  const KvLayout layout{.layers = {{kKvHeads, kHeadDim, 0}}, .windows = {c.window}};
  std::vector<int32_t> pages(static_cast<size_t>(c.window == 0 ? 5 : ring_pages(c.window, c.chunk)));
  std::iota(pages.rbegin(), pages.rend(), 1);
  const std::vector<int32_t> pool = {static_cast<int32_t>(pages.size()) + 1};
  const auto kv = ops->make_kv_store(layout, pool, KvType::f32);
  const AttentionSpec spec{.heads = kHeads,
                           .kv_heads = kKvHeads,
                           .head_dim = kHeadDim,
                           .scale = 0.5F,
                           .soft_cap = c.soft_cap,
                           .rope = nullptr,
                           .q_norm = nullptr,
                           .k_norm = nullptr};
  Floats found;
  for (int32_t begin = 0; begin < kTokens; begin += c.chunk) {
    const int32_t end = std::min(begin + c.chunk, kTokens);
    const Step step = step_of(begin, end, pages);
    const auto part = [&](const Floats& all, int width) {
      return rows_of({all.begin() + begin * width, all.begin() + end * width}, width);
    };
    const Floats out = values_of(ops->attention(part(q, kHeads * kHeadDim), part(k, kKvHeads * kHeadDim),
                                                part(v, kKvHeads * kHeadDim), spec, {*kv, 0, step}));
    found.insert(found.end(), out.begin(), out.end());
  }
  expect_near(found, attention_by_definition(q, k, v, c.window, c.soft_cap));
}

INSTANTIATE_TEST_SUITE_P(WindowsAndChunks, MlxAttention,
                         ::testing::Values(AttentionCase{0, 0.0F, 150}, AttentionCase{0, 0.0F, 13},
                                           AttentionCase{0, 0.0F, 1}, AttentionCase{0, 2.0F, 13},
                                           AttentionCase{1, 0.0F, 1}, AttentionCase{7, 0.0F, 13},
                                           AttentionCase{32, 0.0F, 1}, AttentionCase{33, 0.0F, 32},
                                           AttentionCase{40, 2.0F, 13}, AttentionCase{200, 0.0F, 50}));

TEST(MlxOps, a_ring_too_small_for_its_window_is_a_broken_invariant) {
  const auto ops = make_mlx_ops(Numerics::f32);
  const KvLayout layout{.layers = {{kKvHeads, kHeadDim, 0}}, .windows = {40}};
  const std::vector<int32_t> pages = {0, 1};
  const auto kv = ops->make_kv_store(layout, std::vector<int32_t>{2}, KvType::f32);
  const AttentionSpec spec{.heads = kHeads,
                           .kv_heads = kKvHeads,
                           .head_dim = kHeadDim,
                           .scale = 1.0F,
                           .soft_cap = 0.0F,
                           .rope = nullptr,
                           .q_norm = nullptr,
                           .k_norm = nullptr};
  const auto attend = [&](int32_t begin, int32_t rows) {
    const Step step = step_of(begin, begin + rows, pages);
    const array kv_rows = mx::zeros({rows, kKvHeads * kHeadDim});
    ops->attention(mx::zeros({rows, kHeads * kHeadDim}), kv_rows, kv_rows, spec, {*kv, 0, step});
  };
  EXPECT_NO_THROW(attend(63, 1));                // positions 24 … 63: pages 0 and 1
  EXPECT_THROW(attend(64, 1), BrokenInvariant);  // 25 … 64: three pages
  EXPECT_EQ(ring_pages(40, 1), 3);
}

TEST(MlxOps, rotation_turns_pairs_by_the_angles_of_their_own_position) {
  const auto ops = make_mlx_ops(Numerics::f32);
  std::mt19937 random(6);
  // Six of eight elements rotate, and longer than position 4 the frequencies stretch.
  const RopeSpec rope{
      .inverse_frequencies = {1.0F, 0.3F, 0.05F}, .scale = 1.5F, .dynamic_from = 4, .dynamic_factor = 2};
  for (const int32_t begin : {0, 3, 70}) {
    const RopeSpec used =
        begin == 0 ? RopeSpec{.inverse_frequencies = rope.inverse_frequencies, .scale = rope.scale} : rope;
    // A query of its own attends to itself alone: the output is v, so rotation is seen through the stored key instead.
    const AttentionSpec spec{.heads = 1,
                             .kv_heads = 1,
                             .head_dim = kHeadDim,
                             .scale = 1.0F,
                             .soft_cap = 0.0F,
                             .rope = ops->make_rope(used),
                             .q_norm = nullptr,
                             .k_norm = nullptr};
    const KvLayout layout{.layers = {{1, kHeadDim, 0}}, .windows = {0}};
    const std::vector<int32_t> pages = {0, 1, 2};
    const auto kv = ops->make_kv_store(layout, std::vector<int32_t>{3}, KvType::f32);
    const Floats q = random_floats(2 * kHeadDim, random);
    const Floats k = random_floats(2 * kHeadDim, random);
    const Floats v = random_floats(2 * kHeadDim, random);
    const auto turned = [&](const Floats& x, int row) {
      Floats out(x.begin() + row * kHeadDim, x.begin() + (row + 1) * kHeadDim);
      const auto angles = rope_angles(used, begin + row);
      for (size_t i = 0; i < 3; ++i) {
        const float a = out[i] * used.scale;
        const float b = out[i + 3] * used.scale;
        out[i] = a * std::cos(angles[i]) - b * std::sin(angles[i]);
        out[i + 3] = a * std::sin(angles[i]) + b * std::cos(angles[i]);
      }
      return out;
    };
    const auto dot = [](const Floats& a, const Floats& b) {
      return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
    };
    const Step step = step_of(begin, begin + 2, pages);
    // Positions before `begin` hold zero keys and values: their scores are 0.
    const Floats out = values_of(
        ops->attention(rows_of(q, kHeadDim), rows_of(k, kHeadDim), rows_of(v, kHeadDim), spec, {*kv, 0, step}));
    const double s0 = std::exp(dot(turned(q, 1), turned(k, 0)));
    const double s1 = std::exp(dot(turned(q, 1), turned(k, 1)));
    for (int d = 0; d < kHeadDim; ++d) {
      const double expected =
          (s0 * v[static_cast<size_t>(d)] + s1 * v[static_cast<size_t>(kHeadDim + d)]) / (s0 + s1 + begin);
      EXPECT_NEAR(out[static_cast<size_t>(kHeadDim + d)], expected, 2e-4) << "begin " << begin << " element " << d;
    }
  }
}

TEST(MlxOps, activations_equal_their_definitions) {
  const auto ops = make_mlx_ops(Numerics::f32);
  const Floats gate = {-8.0F, -1.0F, -0.1F, 0.0F, 0.5F, 3.0F, 20.0F};
  const Floats up = {1.0F, 2.0F, -3.0F, 4.0F, 0.5F, -1.0F, 1.0F};
  Floats silu;
  Floats gelu;
  for (size_t i = 0; i < gate.size(); ++i) {
    const double x = gate[i];
    silu.push_back(static_cast<float>(x / (1.0 + std::exp(-x)) * up[i]));
    gelu.push_back(
        static_cast<float>(0.5 * x * (1.0 + std::tanh(0.7978845608028654 * (x + 0.044715 * x * x * x))) * up[i]));
  }
  const auto width = static_cast<int>(gate.size());
  expect_near(values_of(ops->gated(rows_of(gate, width), rows_of(up, width), Activation::silu)), silu);
  expect_near(values_of(ops->gated(rows_of(gate, width), rows_of(up, width), Activation::gelu_tanh)), gelu);
}

TEST(MlxOps, a_norm_may_be_offset) {
  const auto ops = make_mlx_ops(Numerics::f32);
  const Norm norm = ops->make_norm(tensor_of({0.5F, -0.5F}, {2}), 0.0F, 1.0F);
  const float root = std::sqrt((9.0F + 16.0F) / 2.0F);
  expect_near(values_of(ops->rms_norm(rows_of({3.0F, 4.0F}, 2), norm)), {1.5F * 3.0F / root, 0.5F * 4.0F / root});
}

TEST(MlxOps, the_cache_counts_its_bytes) {
  const auto ops = make_mlx_ops();
  const KvLayout layout{.layers = {{2, 8, 0}, {2, 8, 1}}, .windows = {0, 4}};
  const int64_t elements = (int64_t{3} + 1) * kPageTokens * 2 * 8 * 2;
  EXPECT_EQ(ops->make_kv_store(layout, std::vector<int32_t>{3, 1}, KvType::f32)->bytes(), elements * 4);
  EXPECT_EQ(ops->make_kv_store(layout, std::vector<int32_t>{3, 1}, KvType::bf16)->bytes(), elements * 2);
}

}  // namespace
}  // namespace mlxserving::nn
