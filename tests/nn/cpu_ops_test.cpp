// CpuOps: fused blocks mean what the basic ops say, rows do not depend on their neighbours, faults stay in their step.
#include "nn/cpu_ops.h"

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <random>
#include <vector>

#include "core/check.h"
#include "kernels/dispatch.h"
#include "nn/graph_walk.h"

namespace mlxserving::nn {
namespace {

constexpr int kHidden = 64;
constexpr int kHeads = 4;
constexpr int kKvHeads = 2;
constexpr int kHeadDim = 32;
constexpr int kMlp = 96;
constexpr int kVocabulary = 50;

format::Tensor tensor(std::vector<uint8_t> bytes, format::DType dtype, format::Shape shape) {
  auto owner = std::make_shared<std::vector<uint8_t>>(std::move(bytes));
  const std::span<const std::byte> view{reinterpret_cast<const std::byte*>(owner->data()), owner->size()};
  return {{"test", dtype, std::move(shape)}, view, owner};
}

format::Tensor floats(std::mt19937& random, format::Shape shape, float scale) {
  std::normal_distribution<float> normal(0, scale);
  std::vector<uint8_t> bytes(static_cast<size_t>(format::element_count(shape)) * 4);
  for (size_t i = 0; i < bytes.size(); i += 4) {
    const float value = normal(random);
    std::memcpy(bytes.data() + i, &value, 4);
  }
  return tensor(std::move(bytes), format::DType::f32, std::move(shape));
}

LinearTensors quantized(std::mt19937& random, int64_t out, int64_t in) {
  std::vector<uint8_t> codes(static_cast<size_t>(out * in / 2));
  for (auto& byte : codes) byte = static_cast<uint8_t>(random());
  LinearTensors tensors;
  tensors.weight = tensor(std::move(codes), format::DType::u32, {out, in / 8});
  tensors.quantization = format::QuantSpec{format::QuantMode::affine, 4, 32};
  tensors.scales = floats(random, {out, in / 32}, 0.02F);
  tensors.biases = floats(random, {out, in / 32}, 0.1F);
  return tensors;
}

LinearTensors dense(std::mt19937& random, int64_t out, int64_t in) {
  LinearTensors tensors;
  tensors.weight = floats(random, {out, in}, 0.1F);
  return tensors;
}

// Two layers, the second with a window, and all that a model is made of.
struct Model {
  std::unique_ptr<Ops> ops;
  Linear embedding;
  std::vector<DecoderLayer> layers;
  Norm norm;
  std::unique_ptr<KvStore> cache;

  explicit Model(const CpuOptions& options) : ops(make_cpu_ops(options).value()) {
    std::mt19937 random(1);
    embedding = ops->make_linear(dense(random, kVocabulary, kHidden));
    norm = ops->make_norm(floats(random, {kHidden}, 1.0F), 1e-5F);
    RopeSpec rope;
    for (int i = 0; i < kHeadDim / 2; ++i) rope.inverse_frequencies.push_back(1.0F / static_cast<float>(1 + i));
    const Rope table = ops->make_rope(rope);
    for (int layer = 0; layer < 2; ++layer) add_layer(random, table);
    const KvLayout layout{{{kKvHeads, kHeadDim, 0}, {kKvHeads, kHeadDim, 1}}, {0, 40}};
    const int32_t pages[] = {16, 16};
    cache = ops->make_kv_store(layout, pages, KvType::bf16);
  }

  void add_layer(std::mt19937& random, const Rope& rope) {
    AttentionBlock a;
    a.input_norm = norm;
    a.q_proj = ops->make_linear(quantized(random, kHeads * kHeadDim, kHidden));
    a.k_proj = ops->make_linear(quantized(random, kKvHeads * kHeadDim, kHidden));
    a.v_proj = ops->make_linear(quantized(random, kKvHeads * kHeadDim, kHidden));
    a.o_proj = ops->make_linear(quantized(random, kHidden, kHeads * kHeadDim));
    a.output_norm = layers.empty() ? nullptr : norm;
    a.attention.heads = kHeads;
    a.attention.kv_heads = kKvHeads;
    a.attention.head_dim = kHeadDim;
    a.attention.scale = 0.17F;
    a.attention.rope = rope;
    a.attention.q_norm = ops->make_norm(floats(random, {kHeadDim}, 1.0F), 1e-6F, 1.0F);
    a.attention.k_norm = a.attention.q_norm;
    MlpBlock m;
    m.input_norm = norm;
    m.gate_proj = ops->make_linear(quantized(random, kMlp, kHidden));
    m.up_proj = ops->make_linear(quantized(random, kMlp, kHidden));
    m.down_proj = ops->make_linear(quantized(random, kHidden, kMlp));
    m.output_norm = a.output_norm;
    m.activation = layers.empty() ? Activation::silu : Activation::gelu_tanh;
    layers.push_back({a, m});
  }

  array logits(const Step& step) const {
    ops->begin_step(step);
    const array x = ops->embed(step.tokens, embedding, 2.0F);
    return ops->logits(ops->decoder_layers(x, layers, *cache, step), norm, embedding, 5.0F, step);
  }

  // The same with a primitive for each block.
  array logits_of_blocks(const Step& step) const {
    ops->begin_step(step);
    const array x = ops->embed(step.tokens, embedding, 2.0F);
    return ops->logits(ops->Ops::decoder_layers(x, layers, *cache, step), norm, embedding, 5.0F, step);
  }

  // The same through the defaults of Ops.
  array logits_of_basic_ops(const Step& step) const {
    ops->begin_step(step);
    array x = ops->embed(step.tokens, embedding, 2.0F);
    for (size_t i = 0; i < layers.size(); ++i) {
      x = ops->Ops::attention_block(x, layers[i].self_attn, {*cache, static_cast<int>(i), step});
      x = ops->Ops::mlp_block(x, layers[i].mlp);
    }
    return ops->Ops::logits(x, norm, embedding, 5.0F, step);
  }
};

// Rows of a sequence that has its own pages in both groups.
struct Feed {
  int sequence;
  int position;
  std::vector<int32_t> tokens;
  RowRole role;
};

const std::vector<int32_t>& pages_of(int sequence) {
  static const std::vector<std::vector<int32_t>> pages = {{3, 0, 7, 1}, {2, 9, 4, 15}, {5, 6, 8, 10}};
  return pages[static_cast<size_t>(sequence)];
}

Step step_of(const std::vector<Feed>& feeds) {
  Step step;
  for (const auto& feed : feeds) {
    const auto begin = static_cast<int32_t>(step.tokens.size());
    const auto count = static_cast<int32_t>(feed.tokens.size());
    Segment segment;
    segment.row_begin = begin;
    segment.row_count = count;
    segment.position_begin = feed.position;
    segment.role = feed.role;
    segment.page_tables = {pages_of(feed.sequence), pages_of(feed.sequence)};
    step.segments.push_back(segment);
    for (int32_t i = 0; i < count; ++i) {
      step.tokens.push_back(feed.tokens[static_cast<size_t>(i)]);
      step.positions.push_back(feed.position + i);
    }
    step.logit_rows.push_back(begin + count - 1);
  }
  return step;
}

std::vector<float> values(array x) {
  mlx::core::eval(x);
  return {x.data<float>(), x.data<float>() + x.size()};
}

std::vector<int32_t> tokens(int seed, int count) {
  std::vector<int32_t> ids(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) ids[static_cast<size_t>(i)] = (seed * 31 + i * 7) % kVocabulary;
  return ids;
}

std::vector<float> row(const std::vector<float>& logits, size_t index) {
  const auto begin = logits.begin() + static_cast<std::ptrdiff_t>(index * kVocabulary);
  return {begin, begin + kVocabulary};
}

TEST(CpuOps, fused_blocks_have_the_bits_of_the_basic_ops) {
  for (const auto numerics : {kernels::Numerics::exact, kernels::Numerics::standard}) {
    const Model fused({.threads = 2, .numerics = numerics});
    const Model basic({.threads = 2, .numerics = numerics});
    for (const auto& feed : {Feed{0, 0, tokens(1, 45), RowRole::prefill}, Feed{0, 45, tokens(2, 1), RowRole::decode}}) {
      const Step step = step_of({feed});
      const auto want = values(basic.logits_of_basic_ops(step));
      EXPECT_EQ(values(fused.logits(step)), want);
      EXPECT_EQ(values(fused.logits_of_blocks(step)), want);
      EXPECT_FALSE(fused.ops->take_error().has_value());
    }
  }
}

// Decode rows and a prefill chunk, alone and together, with other numbers of threads.
TEST(CpuOps, a_row_has_the_same_bits_alone_and_among_others) {
  for (const auto* kernels : kernels::runnable_kernels()) {
    for (const auto numerics : {kernels::Numerics::exact, kernels::Numerics::standard, kernels::Numerics::fast}) {
      const Model alone({.threads = 1, .numerics = numerics, .kernels = kernels});
      const Model together({.threads = 3, .numerics = numerics, .kernels = kernels});
      const std::vector<Feed> prompts = {{0, 0, tokens(1, 33), RowRole::prefill},
                                         {1, 0, tokens(2, 17), RowRole::prefill}};
      const std::vector<Feed> mixed = {{0, 33, tokens(3, 1), RowRole::decode},
                                       {2, 0, tokens(4, 29), RowRole::prefill},
                                       {1, 17, tokens(5, 1), RowRole::decode}};
      for (const auto& feeds : {prompts, mixed}) {
        const auto all = values(together.logits(step_of(feeds)));
        for (size_t i = 0; i < feeds.size(); ++i) {
          EXPECT_EQ(values(alone.logits(step_of({feeds[i]}))), row(all, i)) << kernels->isa << " feed " << i;
        }
      }
    }
  }
}

TEST(CpuOps, instruction_sets_agree) {
  const Step step = step_of({{0, 0, tokens(1, 45), RowRole::prefill}});
  const auto want =
      values(Model({.numerics = kernels::Numerics::exact, .kernels = kernels::runnable_kernels()[0]}).logits(step));
  for (const auto* kernels : kernels::runnable_kernels()) {
    const auto got = values(Model({.numerics = kernels::Numerics::exact, .kernels = kernels}).logits(step));
    for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-3) << kernels->isa;
  }
}

TEST(CpuOps, copied_weights_give_the_bits_of_mapped_ones) {
  const Step step = step_of({{0, 0, tokens(1, 45), RowRole::prefill}});
  const Model mapped({.threads = 2, .weights = WeightPlacement::map});
  const Model copied({.threads = 2, .weights = WeightPlacement::copy});
  EXPECT_EQ(values(mapped.logits(step)), values(copied.logits(step)));
}

TEST(WeightMemory, copies_to_cache_lines_and_maps_in_place) {
  kernels::ThreadPool pool(2);
  std::mt19937 random(1);
  const format::Tensor small = floats(random, {3}, 1.0F);
  const format::Tensor large = floats(random, {700, 1000}, 1.0F);  // several slices
  WeightMemory mapping(WeightPlacement::map, pool);
  EXPECT_EQ(mapping.keep(large).data, reinterpret_cast<const uint8_t*>(large.bytes.data()));
  WeightMemory copying(WeightPlacement::copy, pool);
  for (const auto* tensor : {&small, &large, &small}) {
    const KeptBytes kept = copying.keep(*tensor);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(kept.data) % 64, 0U);
    EXPECT_NE(kept.data, reinterpret_cast<const uint8_t*>(tensor->bytes.data()));
    EXPECT_EQ(std::memcmp(kept.data, tensor->bytes.data(), tensor->bytes.size()), 0);
  }
}

TEST(CpuOps, selected_rows_are_copies_of_the_input) {
  const Model model({.threads = 1});
  const Step step = step_of({{0, 0, {3, 1, 2}, RowRole::prefill}});
  model.ops->begin_step(step);
  const array x = model.ops->embed(step.tokens, model.embedding);
  const int32_t rows[] = {2, 0};
  const auto all = values(x);
  std::vector<float> expected(all.begin() + 2 * kHidden, all.begin() + 3 * kHidden);
  expected.insert(expected.end(), all.begin(), all.begin() + kHidden);
  EXPECT_EQ(values(model.ops->select_rows(x, rows)), expected);
}

TEST(CpuOps, the_decode_graph_is_three_primitives_and_none_is_stock) {
  const Model model({.threads = 1});
  const Step step = step_of({{0, 0, {3}, RowRole::decode}});
  const array logits = model.logits(step);
  EXPECT_EQ(testing::forbidden_primitives(logits), std::vector<std::string>{});
  int count = 0;
  for (const auto& [name, n] : testing::cpu_primitives({logits})) count += n;
  EXPECT_EQ(count, 3);
  const auto found = testing::forbidden_primitives(mlx::core::add(logits, logits, mlx::core::Device::cpu));
  EXPECT_EQ(found, std::vector<std::string>{"Add x 1"});
}

TEST(CpuOps, a_fault_stays_in_its_step) {
  const Model model({.threads = 2});
  const Step good = step_of({{0, 0, tokens(1, 45), RowRole::prefill}});
  const auto want = values(model.logits(good));
  // Positions that the sequence's pages cannot hold.
  const Step bad = step_of({{0, 200, tokens(1, 45), RowRole::prefill}});
  for (int i = 0; i < 100; ++i) {
    const auto got = values(model.logits(bad));
    const auto error = model.ops->take_error();
    ASSERT_TRUE(error.has_value());
    EXPECT_EQ(error->code, ErrorCode::internal);
    EXPECT_TRUE(std::all_of(got.begin(), got.end(), [](float x) { return x == 0; }));
  }
  EXPECT_EQ(values(model.logits(good)), want);
  EXPECT_FALSE(model.ops->take_error().has_value());
}

TEST(CpuOps, tokens_and_rows_out_of_range_are_broken_invariants) {
  const Model model({.threads = 1});
  EXPECT_THROW(model.logits(step_of({{0, 0, {kVocabulary}, RowRole::decode}})), BrokenInvariant);
  EXPECT_THROW(model.logits(step_of({{0, 0, {-1}, RowRole::decode}})), BrokenInvariant);
  Step step = step_of({{0, 0, {1}, RowRole::decode}});
  step.logit_rows = {1};
  EXPECT_THROW(model.logits(step), BrokenInvariant);
}

TEST(CpuOps, options_out_of_range_are_errors) {
  EXPECT_EQ(make_cpu_ops({.threads = 65}).error().message,
            "threads must be in [1, 64], or 0 for the number of cores, got 65");
  ASSERT_EQ(setenv("MLXS_FORCE_ISA", "avx9", 1), 0);  // NOLINT(concurrency-mt-unsafe)
  const auto ops = make_cpu_ops({.threads = 1});
  unsetenv("MLXS_FORCE_ISA");  // NOLINT(concurrency-mt-unsafe)
  ASSERT_FALSE(ops.ok());
  EXPECT_EQ(ops.error().param, "MLXS_FORCE_ISA");
}

TEST(CpuOps, kv_pools_have_the_layouts_size) {
  const Model model({.threads = 1});
  EXPECT_EQ(model.cache->bytes(), int64_t{2} * 16 * kKvHeads * 2 * kPageTokens * kHeadDim * 2);
}

}  // namespace
}  // namespace mlxserving::nn
