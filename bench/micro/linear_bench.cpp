// Linear kernels against the machine's limits: decode rows in bytes of weights a second, beside plain reads of the same
// memory; prefill rows in floating-point operations a second. Sizes in KiB say whether caches or DRAM are measured.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

#include "kernels/aligned_buffer.h"
#include "kernels/dispatch.h"
#include "kernels/linear.h"

namespace mlxserving::kernels {
namespace {

constexpr size_t kDramBytes = size_t{1} << 30U;  // more than any third-level cache hands to one machine

ThreadPool& pool() {
  static ThreadPool threads(default_thread_count());
  return threads;
}

const Kernels& best() {
  static const Kernels& kernels = *choose_kernels_from_environment().value();
  return kernels;
}

// Memory that looks like weights: every two bytes are a bf16 of about +-0.01, so that wherever a matrix puts its scales
// nothing is denormal, and random enough as codes.
uint8_t* weight_memory() {
  static HugePages memory(kDramBytes + (size_t{64} << 20U));
  static const bool filled = [] {
    std::mt19937_64 random(1);
    for (size_t i = 0; i < memory.size(); i += 8) {
      const uint64_t word = (random() & 0x80FF80FF80FF80FFULL) | 0x3C003C003C003C00ULL;
      std::memcpy(memory.data() + i, &word, 8);
    }
    return true;
  }();
  (void)filled;
  return memory.data();
}

struct Layer {
  Matrix matrix;
  size_t bytes;
};

Layer layer_at(uint8_t* at, int64_t rows, int64_t columns, int bits, int group) {
  Matrix m{.rows = rows, .columns = columns};
  if (bits == 16) {
    m.type = Float::bf16;
    m.weight = at;
    return {m, static_cast<size_t>(rows * m.row_bytes())};
  }
  m.packing = Packing::affine;
  m.type = Float::bf16;
  m.bits = bits;
  m.group_size = group;
  const auto codes = static_cast<size_t>(rows * m.row_bytes());
  const auto scales = static_cast<size_t>(rows * m.groups() * 2);
  m.weight = at;
  m.scales = at + codes;
  m.biases = at + codes + scales;
  return {m, (codes + 2 * scales + 4095) / 4096 * 4096};
}

// Copies of one matrix, walked in turn, filling `bytes`.
std::vector<Layer> copies(int64_t rows, int64_t columns, int bits, int group, size_t bytes) {
  std::vector<Layer> layers;
  uint8_t* at = weight_memory();
  do {
    layers.push_back(layer_at(at, rows, columns, bits, group));
    at += layers.back().bytes;
  } while (at + layers.back().bytes <= weight_memory() + bytes);
  return layers;
}

void read_bandwidth(benchmark::State& state) {
  const auto bytes = static_cast<size_t>(state.range(0)) << 20U;
  const uint8_t* data = weight_memory();
  constexpr size_t kTaskBytes = size_t{1} << 18U;
  std::vector<uint64_t> sums(static_cast<size_t>(pool().threads()) * 8);
  for (auto _ : state) {
    pool().run(static_cast<int>(bytes / kTaskBytes), [&](int task, int thread) {
      const auto* words = reinterpret_cast<const uint64_t*>(data + static_cast<size_t>(task) * kTaskBytes);
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

// Arguments: rows, columns, bits, group, tokens, numerics, MiB of weights walked.
void linear(benchmark::State& state, bool prefill) {
  const int64_t rows = state.range(0);
  const int64_t columns = state.range(1);
  const auto tokens = static_cast<int>(state.range(4));
  const auto layers = copies(rows, columns, static_cast<int>(state.range(2)), static_cast<int>(state.range(3)),
                             static_cast<size_t>(state.range(6)) << 20U);
  std::mt19937 random(2);
  std::normal_distribution<float> normal;
  std::vector<float> x(static_cast<size_t>(tokens * columns));
  for (float& v : x) v = normal(random);
  std::vector<float> y(static_cast<size_t>(tokens * rows));
  const auto kernels = best().linear(layers[0].matrix, static_cast<Numerics>(state.range(5)));
  const LinearKernel* kernel = prefill ? kernels.prefill : kernels.decode;
  Workspace workspace;
  size_t next = 0;
  for (auto _ : state) {
    const Product products[] = {{&layers[next].matrix, kernel, {y.data(), rows}}};
    multiply(pool(), workspace, {x.data(), columns, tokens}, products);
    next = (next + 1) % layers.size();
  }
  state.SetLabel(kernel->name);
  state.SetBytesProcessed(static_cast<int64_t>(layers[0].bytes) * state.iterations());
  state.counters["FLOP/s"] = benchmark::Counter(2.0 * static_cast<double>(rows * columns * tokens),
                                                benchmark::Counter::kIsIterationInvariantRate);
}

void decode(benchmark::State& state) { linear(state, false); }
void prefill(benchmark::State& state) { linear(state, true); }

BENCHMARK(read_bandwidth)->Arg(64)->Arg(1024)->UseRealTime();
BENCHMARK(decode)
    ->ArgNames({"rows", "columns", "bits", "group", "tokens", "numerics", "MiB"})
    ->ArgsProduct({{8192}, {2048}, {4}, {64}, {1}, {0, 1, 2}, {64, 1024}})
    ->ArgsProduct({{8192}, {2048}, {4}, {64}, {2, 4, 8, 16}, {1, 2}, {1024}})
    ->ArgsProduct({{8192}, {2048}, {2, 3, 5, 6, 8}, {64}, {1}, {1}, {1024}})
    ->ArgsProduct({{8192}, {2048}, {16}, {64}, {1}, {1}, {1024}})
    ->ArgsProduct({{1536}, {576}, {4, 8}, {32}, {1}, {1}, {64}})
    ->UseRealTime();
BENCHMARK(prefill)
    ->ArgNames({"rows", "columns", "bits", "group", "tokens", "numerics", "MiB"})
    ->ArgsProduct({{8192}, {2048}, {4}, {64}, {32, 128, 512}, {1}, {64}})
    ->ArgsProduct({{8192}, {2048}, {4}, {64}, {2, 4, 8, 16}, {1, 2}, {1024}})
    ->ArgsProduct({{2048}, {8192}, {4}, {64}, {128}, {1}, {64}})
    ->ArgsProduct({{1536}, {576}, {4}, {32}, {128}, {1}, {64}})
    ->UseRealTime();

}  // namespace
}  // namespace mlxserving::kernels
