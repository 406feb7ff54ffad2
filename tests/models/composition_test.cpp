// A row's logits are its own: they do not depend on what else the step holds, and decoding runs only on our kernels.
#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "models/model.h"
#include "nn/cpu_ops.h"
#include "nn/graph_walk.h"
#include "nn/mlx_ops.h"
#include "support/model_files.h"
#include "support/test_directory.h"

namespace mlxserving::models {
namespace {

using ::mlxserving::test::model_files;
using ::mlxserving::test::ModelFiles;
using ::mlxserving::test::pack_4_by_32;
using ::mlxserving::test::test_directory;

constexpr int32_t kChunk = 16;
constexpr int32_t kPagesEach = 4;  // of every group: all of 128 tokens, more than a tiny ring needs

// One of several sequences in the same pools.
struct Sequence {
  std::vector<int32_t> tokens;
  int32_t prompt = 0;  // tokens that run as prefill, in chunks of kChunk
  std::vector<int32_t> pages;
  int32_t next = 0;
  std::vector<std::vector<float>> logits;  // of the last row of each step, in order

  bool is_done() const { return next == static_cast<int32_t>(tokens.size()); }
};

Sequence sequence(int index, int32_t prompt, int32_t answer) {
  Sequence out{.tokens = {}, .prompt = prompt, .pages = std::vector<int32_t>(kPagesEach), .next = 0, .logits = {}};
  for (int32_t i = 0; i < prompt + answer; ++i) out.tokens.push_back((i * 17 + index * 5 + 3) % 48);
  // Pages of the sequences interleave, and run backwards.
  for (int32_t i = 0; i < kPagesEach; ++i) out.pages[static_cast<size_t>(i)] = (kPagesEach - 1 - i) * 3 + index;
  return out;
}

void append(nn::Step& step, Sequence& sequence, size_t groups) {
  const bool prefills = sequence.next < sequence.prompt;
  const int32_t end = prefills ? std::min(sequence.next + kChunk, sequence.prompt) : sequence.next + 1;
  const auto row_begin = static_cast<int32_t>(step.tokens.size());
  for (int32_t position = sequence.next; position < end; ++position) {
    step.tokens.push_back(sequence.tokens[static_cast<size_t>(position)]);
    step.positions.push_back(position);
  }
  step.segments.push_back({.row_begin = row_begin,
                           .row_count = end - sequence.next,
                           .position_begin = sequence.next,
                           .role = prefills ? nn::RowRole::prefill : nn::RowRole::decode,
                           .page_tables = std::vector<nn::PageTable>(groups, sequence.pages)});
  step.logit_rows.push_back(static_cast<int32_t>(step.tokens.size()) - 1);
  sequence.next = end;
}

// Runs one step of each of `running`, all together.
void run_step(const Model& model, nn::Ops& ops, nn::KvStore& kv, const std::vector<Sequence*>& running) {
  nn::Step step;
  for (Sequence* sequence : running) append(step, *sequence, model.kv_layout().windows.size());
  ops.begin_step(step);
  auto logits = mlx::core::contiguous(mlx::core::astype(model.logits(step, kv), mlx::core::float32));
  logits.eval();
  const auto error = ops.take_error();
  ASSERT_FALSE(error) << error->message;
  const auto width = static_cast<size_t>(logits.shape(1));
  for (size_t i = 0; i < running.size(); ++i) {
    const float* row = logits.data<float>() + i * width;
    running[i]->logits.emplace_back(row, row + width);
  }
}

std::unique_ptr<nn::KvStore> pools(const Model& model, nn::Ops& ops) {
  const std::vector<int32_t> pages(model.kv_layout().windows.size(), kPagesEach * 3);
  return ops.make_kv_store(model.kv_layout(), pages, nn::KvType::f32);
}

std::vector<Sequence> three_sequences() { return {sequence(0, 40, 8), sequence(1, 7, 20), sequence(2, 90, 3)}; }

std::vector<Sequence> run_alone(const Model& model, nn::Ops& ops) {
  std::vector<Sequence> out = three_sequences();
  const auto kv = pools(model, ops);
  for (Sequence& one : out) {
    while (!one.is_done()) run_step(model, ops, *kv, {&one});
  }
  return out;
}

// The second joins after a step, the third after three: every mix of prefill and decode occurs.
std::vector<Sequence> run_together(const Model& model, nn::Ops& ops) {
  std::vector<Sequence> out = three_sequences();
  const auto kv = pools(model, ops);
  for (int step = 0; !std::ranges::all_of(out, &Sequence::is_done); ++step) {
    std::vector<Sequence*> running;
    for (int i = 0; i < 3; ++i) {
      const int joins_at[] = {0, 1, 3};
      Sequence& one = out[static_cast<size_t>(i)];
      if (step >= joins_at[i] && !one.is_done()) running.push_back(&one);
    }
    run_step(model, ops, *kv, running);
  }
  return out;
}

float largest_difference(const Sequence& a, const Sequence& b) {
  EXPECT_EQ(a.logits.size(), b.logits.size());
  float largest = 0.0F;
  for (size_t i = 0; i < a.logits.size(); ++i) {
    for (size_t j = 0; j < a.logits[i].size(); ++j) {
      largest = std::max(largest, std::abs(a.logits[i][j] - b.logits[i][j]));
    }
  }
  return largest;
}

ModelFiles packed(const std::string& name) {
  ModelFiles model = model_files(name);
  model.config["quantization"] = {{"group_size", 32}, {"bits", 4}};
  pack_4_by_32(model, "model.layers.0.mlp.down_proj");
  pack_4_by_32(model, "lm_head");
  return model;
}

class Composition : public ::testing::TestWithParam<std::string_view> {};

TEST_P(Composition, neighbours_change_no_bit_on_our_kernels) {
  for (const kernels::Numerics numerics :
       {kernels::Numerics::exact, kernels::Numerics::standard, kernels::Numerics::fast}) {
    const auto ops = nn::make_cpu_ops({.threads = 2, .numerics = numerics, .kernels = nullptr});
    ASSERT_TRUE(ops) << ops.error().message;
    const auto loaded = load_model(packed(std::string(GetParam())).write(test_directory()), **ops);
    ASSERT_TRUE(loaded) << loaded.error().message;
    const std::vector<Sequence> alone = run_alone(*loaded->model, **ops);
    const std::vector<Sequence> together = run_together(*loaded->model, **ops);
    for (size_t i = 0; i < alone.size(); ++i) EXPECT_EQ(alone[i].logits, together[i].logits) << "sequence " << i;
  }
}

TEST_P(Composition, neighbours_change_only_rounding_on_mlx) {
  const auto ops = nn::make_mlx_ops(nn::Numerics::f32);
  const auto loaded = load_model(packed(std::string(GetParam())).write(test_directory()), *ops);
  ASSERT_TRUE(loaded) << loaded.error().message;
  const std::vector<Sequence> alone = run_alone(*loaded->model, *ops);
  const std::vector<Sequence> together = run_together(*loaded->model, *ops);
  for (size_t i = 0; i < alone.size(); ++i) EXPECT_LT(largest_difference(alone[i], together[i]), 1e-4F);
}

TEST_P(Composition, our_kernels_and_mlx_agree_in_f32) {
  const std::string directory = packed(std::string(GetParam())).write(test_directory());
  const auto mlx = nn::make_mlx_ops(nn::Numerics::f32);
  const auto cpu = nn::make_cpu_ops({.threads = 2, .numerics = kernels::Numerics::exact, .kernels = nullptr});
  ASSERT_TRUE(cpu);
  const auto on_mlx = load_model(directory, *mlx);
  const auto on_cpu = load_model(directory, **cpu);
  ASSERT_TRUE(on_mlx && on_cpu);
  const std::vector<Sequence> a = run_together(*on_mlx->model, *mlx);
  const std::vector<Sequence> b = run_together(*on_cpu->model, **cpu);
  for (size_t i = 0; i < a.size(); ++i) EXPECT_LT(largest_difference(a[i], b[i]), 1e-4F) << "sequence " << i;
}

TEST_P(Composition, a_decode_step_runs_nothing_but_our_primitives) {
  const auto ops = nn::make_cpu_ops({.threads = 1, .numerics = kernels::Numerics::standard, .kernels = nullptr});
  ASSERT_TRUE(ops);
  const auto loaded = load_model(packed(std::string(GetParam())).write(test_directory()), **ops);
  ASSERT_TRUE(loaded) << loaded.error().message;
  const auto kv = pools(*loaded->model, **ops);
  Sequence one = sequence(0, 5, 2);
  run_step(*loaded->model, **ops, *kv, {&one});
  nn::Step step;
  append(step, one, loaded->model->kv_layout().windows.size());
  (*ops)->begin_step(step);
  const auto logits = loaded->model->logits(step, *kv);
  EXPECT_EQ(nn::testing::forbidden_primitives(logits), std::vector<std::string>{});
  // The embedding, all layers, the head: what MLX charges for is the number of primitives.
  int count = 0;
  for (const auto& [name, times] : nn::testing::cpu_primitives({logits})) count += times;
  EXPECT_EQ(count, 3);
}

INSTANTIATE_TEST_SUITE_P(EveryArchitecture, Composition, ::testing::ValuesIn(architectures()),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace mlxserving::models
