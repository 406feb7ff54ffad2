// Attention over pages: decode rows in bytes of keys and values a second, beside plain reads of as much memory; prefill
// in floating-point operations a second. The shape is Llama-3.2-1B's: 32 heads, 8 of keys and values, 64 wide.
#include <benchmark/benchmark.h>

#include <cstring>
#include <numeric>
#include <random>
#include <vector>

#include "kernels/aligned_buffer.h"
#include "kernels/attention.h"
#include "kernels/dispatch.h"

namespace mlxserving::kernels {
namespace {

constexpr int kContextMax = 4096 + 512;
constexpr int kLayers = 16;  // walked in turn, as a model does: a layer's pages are cold when it comes again

constexpr int kSomeByte = 0x3C;  // small numbers in every type; untouched pages would all be the one page of zeros

struct Cache {
  AttentionShape shape{.heads = 32, .kv_heads = 8, .head_dim = 64, .scale = 0.125F};
  std::vector<int32_t> pages = std::vector<int32_t>(kContextMax / kPageTokens);
  KvPool pool{.data = nullptr, .page_bytes = 0, .head_dim = 64, .type = KvType::bf16};

  explicit Cache(KvType type) {
    std::iota(pages.begin(), pages.end(), 0);
    pool.type = type;
    pool.page_bytes = shape.kv_heads * pool.head_bytes();
  }
};

ThreadPool& pool() {
  static ThreadPool threads(default_thread_count());
  return threads;
}

// Keys and values of one layer are `context` tokens long.
int64_t kv_bytes(const Cache& cache, int64_t context) {
  return context * cache.shape.kv_heads * cache.pool.head_bytes() / kPageTokens;
}

// Arguments: context, rows, cache type.
void attention(benchmark::State& state, bool is_decode) {
  const Kernels& kernels = *choose_kernels_from_environment().value();
  Cache cache(static_cast<KvType>(state.range(2)));
  const auto layer_bytes = static_cast<size_t>(cache.pool.page_bytes) * cache.pages.size();
  const HugePages memory(layer_bytes * kLayers);
  std::memset(memory.data(), kSomeByte, memory.size());
  const auto rows = static_cast<int>(state.range(1));
  const int64_t position = state.range(0);

  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> qkv(static_cast<size_t>(rows) * 64 * (32 + 8 + 8));
  for (float& v : qkv) v = normal(random);
  const float* k = qkv.data() + static_cast<size_t>(rows) * 64 * 32;
  const AttentionInput input{qkv.data(), k, k + static_cast<size_t>(rows) * 64 * 8, nullptr, nullptr, rows};
  const AttentionSegment segment{
      0, rows, position, is_decode, {cache.pages.data(), static_cast<int64_t>(cache.pages.size())}};
  std::vector<float> out(static_cast<size_t>(rows) * 64 * 32);
  Workspace workspace;
  size_t layer = 0;
  for (auto _ : state) {
    cache.pool.data = memory.data() + layer * layer_bytes;
    attend(pool(), workspace, kernels, cache.shape, cache.pool, {&segment, 1}, input, out.data());
    layer = (layer + 1) % kLayers;
  }
  state.SetLabel(kernels.isa);
  state.SetBytesProcessed(state.iterations() * kv_bytes(cache, position + rows));
  const double pairs = static_cast<double>(rows) * (static_cast<double>(position) + rows / 2.0);
  state.counters["FLOP/s"] = benchmark::Counter(pairs * 32 * 64 * 4, benchmark::Counter::kIsIterationInvariantRate);
}

void decode(benchmark::State& state) { attention(state, true); }
void prefill(benchmark::State& state) { attention(state, false); }

// What the caches of all layers cost merely to read.
void read_bandwidth(benchmark::State& state) {
  const auto bytes = static_cast<size_t>(kv_bytes(Cache(KvType::bf16), state.range(0))) * kLayers;
  const HugePages memory(bytes);
  std::memset(memory.data(), kSomeByte, memory.size());
  constexpr size_t kTaskBytes = size_t{1} << 16U;
  std::vector<uint64_t> sums(static_cast<size_t>(pool().threads()) * 8);
  for (auto _ : state) {
    pool().run(static_cast<int>(bytes / kTaskBytes), [&](int task, int thread) {
      const auto* words = reinterpret_cast<const uint64_t*>(memory.data() + static_cast<size_t>(task) * kTaskBytes);
      uint64_t sum[8] = {};
      for (size_t i = 0; i < kTaskBytes / 8; i += 8) {
        for (size_t j = 0; j < 8; ++j) sum[j] += words[i + j];
      }
      for (const uint64_t s : sum) sums[static_cast<size_t>(thread) * 8] += s;
    });
  }
  benchmark::DoNotOptimize(sums);
  state.SetBytesProcessed(static_cast<int64_t>(bytes) * state.iterations());
}

BENCHMARK(read_bandwidth)->ArgName("context")->Arg(512)->Arg(4096)->UseRealTime();
BENCHMARK(decode)
    ->ArgNames({"context", "rows", "type"})
    ->ArgsProduct({{511, 4095}, {1}, {0, 1, 2, 3}})
    ->ArgsProduct({{4095}, {4}, {2}})
    ->UseRealTime();
BENCHMARK(prefill)->ArgNames({"context", "rows", "type"})->ArgsProduct({{0, 3584}, {128, 512}, {2}})->UseRealTime();

}  // namespace
}  // namespace mlxserving::kernels
