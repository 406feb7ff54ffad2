// Whole tokens of a real model over CpuOps: decode after a context, prefill of a prompt, and the cost of the graph
// alone. The model: MLXS_BENCH_MODEL, or what `make demo` fetched.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "models/model.h"
#include "nn/cpu_ops.h"

namespace mlxserving {
namespace {

constexpr int kContextMax = 4096;

struct World {
  std::unique_ptr<nn::Ops> ops;
  models::LoadedModel model;
  std::unique_ptr<nn::KvStore> cache;
  std::vector<int32_t> pages;
};

std::string model_directory() {
  const char* named = std::getenv("MLXS_BENCH_MODEL");  // NOLINT(concurrency-mt-unsafe): one thread
  return named != nullptr ? named : MLXS_SOURCE_DIR "/build/models/SmolLM2-135M-Instruct";
}

// Null where there is no model.
World* world(kernels::Numerics numerics) {
  static std::unique_ptr<World> worlds[3];
  auto& found = worlds[static_cast<size_t>(numerics)];
  if (found) return found.get();
  auto ops = nn::make_cpu_ops({.numerics = numerics});
  if (!ops) return nullptr;
  auto model = models::load_model(model_directory(), **ops);
  if (!model) return nullptr;
  const nn::KvLayout layout = model->model->kv_layout();
  std::vector<int32_t> pages(kContextMax / nn::kPageTokens);
  std::iota(pages.begin(), pages.end(), 0);
  const std::vector<int32_t> counts(layout.windows.size(), static_cast<int32_t>(pages.size()));
  auto cache = (*ops)->make_kv_store(layout, counts, nn::KvType::bf16);
  found = std::make_unique<World>(std::move(*ops), std::move(*model), std::move(cache), std::move(pages));
  return found.get();
}

nn::Step step_of(const World& w, int position, int rows, nn::RowRole role) {
  nn::Step step;
  for (int i = 0; i < rows; ++i) {
    step.tokens.push_back((position + i) * 7 % 1000);
    step.positions.push_back(position + i);
  }
  nn::Segment segment;
  segment.row_count = rows;
  segment.position_begin = position;
  segment.role = role;
  segment.page_tables.assign(w.model.model->kv_layout().windows.size(), w.pages);
  step.segments = {segment};
  step.logit_rows = {rows - 1};
  return step;
}

float run(World& w, const nn::Step& step) {
  w.ops->begin_step(step);
  mlx::core::array logits = w.model.model->logits(step, *w.cache);
  w.ops->evaluate(logits);
  return logits.data<float>()[0];
}

// Arguments: context, numerics.
void decode(benchmark::State& state) {
  World* w = world(static_cast<kernels::Numerics>(state.range(1)));
  if (w == nullptr) return state.SkipWithError("no model");
  const nn::Step step = step_of(*w, static_cast<int>(state.range(0)), 1, nn::RowRole::decode);
  for (auto _ : state) benchmark::DoNotOptimize(run(*w, step));
  state.SetItemsProcessed(state.iterations());
  state.counters["weights_B/s"] = benchmark::Counter(static_cast<double>(w->model.sizes.weight_bytes),
                                                     benchmark::Counter::kIsIterationInvariantRate);
}

void graph_alone(benchmark::State& state) {
  World* w = world(kernels::Numerics::standard);
  if (w == nullptr) return state.SkipWithError("no model");
  const nn::Step step = step_of(*w, 10, 1, nn::RowRole::decode);
  for (auto _ : state) {
    w->ops->begin_step(step);
    benchmark::DoNotOptimize(w->model.model->logits(step, *w->cache));
  }
}

// Arguments: rows, numerics.
void prefill(benchmark::State& state) {
  World* w = world(static_cast<kernels::Numerics>(state.range(1)));
  if (w == nullptr) return state.SkipWithError("no model");
  const auto rows = static_cast<int>(state.range(0));
  const nn::Step step = step_of(*w, 0, rows, nn::RowRole::prefill);
  for (auto _ : state) benchmark::DoNotOptimize(run(*w, step));
  state.SetItemsProcessed(state.iterations() * rows);
}

BENCHMARK(decode)
    ->ArgNames({"context", "numerics"})
    ->ArgsProduct({{0, 512, 4000}, {1, 2}})
    ->Args({0, 0})
    ->UseRealTime();
BENCHMARK(graph_alone);
BENCHMARK(prefill)->ArgNames({"rows", "numerics"})->ArgsProduct({{32, 128, 512}, {1}})->Args({128, 0})->UseRealTime();

}  // namespace
}  // namespace mlxserving
