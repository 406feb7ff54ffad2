// Prints the relative error (L2) of every linear kernel this machine runs, and of attention by cache type, against sums
// in double over the exact weights: for activations as they are in the mean, with outliers, and with heavy tails.
#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <numeric>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "kernels/aligned_buffer.h"
#include "kernels/attention.h"
#include "kernels/dispatch.h"
#include "kernels/linear.h"

namespace mlxserving::kernels {
namespace {

constexpr int64_t kRows = 256;
constexpr int64_t kColumns = 2048;
constexpr int kTokens = 8;

using Random = std::mt19937_64;

struct Distribution {
  const char* name;
  float (*draw)(Random& random);
};

float normal(Random& random) {
  std::normal_distribution<float> value;
  return value(random);
}
constexpr Distribution kDistributions[] = {
    {"N(0, 1)", normal},
    {"1 % outliers x 8", [](Random& random) { return normal(random) * (random() % 100 == 0 ? 8.0F : 1.0F); }},
    {"N(0, 1)^3",
     [](Random& random) {
       const float x = normal(random);
       return x * x * x;
     }},
};

std::vector<float> draw(Random& random, const Distribution& distribution, size_t count) {
  std::vector<float> x(count);
  for (float& v : x) v = distribution.draw(random);
  return x;
}

double relative_error(const std::vector<float>& got, const std::vector<double>& expected) {
  double difference = 0;
  double size = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    difference += (got[i] - expected[i]) * (got[i] - expected[i]);
    size += expected[i] * expected[i];
  }
  return std::sqrt(difference / size);
}

uint16_t bf16(float x) { return static_cast<uint16_t>(std::bit_cast<uint32_t>(x) >> 16U); }

// Random codes; scales and biases that make weights of about N(0, 0.02), different from group to group.
struct Weights {
  std::vector<uint8_t> codes;
  std::vector<uint16_t> scales;
  std::vector<uint16_t> biases;
  Matrix matrix;

  Weights(int bits, Random& random) : matrix{.type = Float::bf16, .rows = kRows, .columns = kColumns} {
    codes.resize(static_cast<size_t>(kRows * kColumns * bits / 8));
    if (bits == 16) {
      for (size_t i = 0; i < codes.size(); i += 2) {
        const uint16_t x = bf16(normal(random) * 0.02F);
        std::memcpy(codes.data() + i, &x, 2);
      }
    } else {
      for (uint8_t& code : codes) code = static_cast<uint8_t>(random());
      const float step = 0.07F / static_cast<float>((1 << bits) - 1);
      for (int64_t i = 0; i < kRows * kColumns / 64; ++i) {
        const float scale = step * (1 + 0.2F * normal(random));
        scales.push_back(bf16(scale));
        biases.push_back(bf16(-scale * static_cast<float>((1 << bits) - 1) / 2));
      }
      matrix.packing = Packing::affine;
      matrix.bits = bits;
      matrix.group_size = 64;
      matrix.scales = reinterpret_cast<const uint8_t*>(scales.data());
      matrix.biases = reinterpret_cast<const uint8_t*>(biases.data());
    }
    matrix.weight = codes.data();
  }

  std::vector<double> times(const std::vector<float>& x) const {
    std::vector<double> y;
    std::vector<float> row(static_cast<size_t>(kColumns));
    for (int token = 0; token < kTokens; ++token) {
      for (int64_t r = 0; r < kRows; ++r) {
        runnable_kernels()[0]->dequantize(matrix, r, 0, kColumns, row.data());
        y.push_back(std::inner_product(row.begin(), row.end(), x.begin() + token * kColumns, 0.0));
      }
    }
    return y;
  }
};

void print_linear(ThreadPool& pool, const char* isa, const char* role, int bits, const LinearKernel& kernel) {
  fmt::print("| {} | {} | {} | {} |", bits == 16 ? "bf16" : fmt::format("{} bits, groups of 64", bits), isa,
             kernel.name, role);
  for (const auto& distribution : kDistributions) {
    Random random(7);
    const Weights w(bits, random);
    const auto x = draw(random, distribution, static_cast<size_t>(kTokens * kColumns));
    std::vector<float> y(static_cast<size_t>(kTokens * kRows));
    Workspace workspace;
    const Product products[] = {{&w.matrix, &kernel, {y.data(), kRows}}};
    multiply(pool, workspace, {x.data(), kColumns, kTokens}, products);
    fmt::print(" {:.1e} |", relative_error(y, w.times(x)));
  }
  fmt::print("\n");
}

void print_linears(ThreadPool& pool) {
  fmt::print("| weights | instructions | kernel | for |");
  for (const auto& distribution : kDistributions) fmt::print(" {} |", distribution.name);
  fmt::print("\n|---|---|---|---|---|---|---|\n");
  for (const int bits : {4, 8, 16}) {
    Random random(7);
    const Weights w(bits, random);
    for (const Kernels* table : runnable_kernels()) {
      std::set<std::string> seen;
      for (const auto numerics : {Numerics::exact, Numerics::standard, Numerics::fast}) {
        const LinearKernels kernels = table->linear(w.matrix, numerics);
        const std::pair<const char*, const LinearKernel*> roles[] = {{"decode", kernels.decode},
                                                                     {"prefill", kernels.prefill}};
        for (const auto& [role, kernel] : roles) {
          if (seen.insert(std::string(role) + kernel->name).second) print_linear(pool, table->isa, role, bits, *kernel);
        }
      }
    }
  }
}

// One query at the end of a context, alone in its head.
double attention_error(ThreadPool& pool, const Kernels& kernels, KvType type, const Distribution& distribution) {
  constexpr int kContext = 512;
  constexpr int kWidth = 64;
  Random random(8);
  const auto q = draw(random, kDistributions[0], kContext * kWidth);
  const auto k = draw(random, distribution, kContext * kWidth);
  const auto v = draw(random, distribution, kContext * kWidth);
  std::vector<int32_t> pages(kContext / kPageTokens);
  std::iota(pages.begin(), pages.end(), 0);
  KvPool kv{.data = nullptr, .page_bytes = 0, .head_dim = kWidth, .type = type};
  kv.page_bytes = kv.head_bytes();
  AlignedBuffer memory;
  kv.data = memory.bytes(static_cast<size_t>(kv.page_bytes) * pages.size());
  const AttentionShape shape{.heads = 1, .kv_heads = 1, .head_dim = kWidth, .scale = 0.125F};
  const AttentionSegment segment{0, kContext, 0, false, {pages.data(), static_cast<int64_t>(pages.size())}};
  std::vector<float> out(q.size());
  Workspace workspace;
  attend(pool, workspace, kernels, shape, kv, {&segment, 1}, {q.data(), k.data(), v.data(), nullptr, nullptr, kContext},
         out.data());
  std::vector<double> expected;
  for (int row = 0; row < kContext; ++row) {
    std::vector<double> weights;
    for (int key = 0; key <= row; ++key) {
      weights.push_back(std::exp(0.125 * std::inner_product(q.begin() + row * kWidth, q.begin() + (row + 1) * kWidth,
                                                            k.begin() + key * kWidth, 0.0)));
    }
    const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
    for (int d = 0; d < kWidth; ++d) {
      double sum = 0;
      for (int key = 0; key <= row; ++key) {
        sum += weights[static_cast<size_t>(key)] * v[static_cast<size_t>(key * kWidth + d)];
      }
      expected.push_back(sum / total);
    }
  }
  return relative_error(out, expected);
}

void print_attention(ThreadPool& pool) {
  fmt::print("\n| attention, cache | instructions |");
  for (const auto& distribution : kDistributions) fmt::print(" {} |", distribution.name);
  fmt::print("\n|---|---|---|---|---|\n");
  constexpr std::pair<const char*, KvType> kTypes[] = {
      {"f32", KvType::f32}, {"f16", KvType::f16}, {"bf16", KvType::bf16}, {"int8", KvType::int8}};
  for (const auto& [name, type] : kTypes) {
    for (const Kernels* table : runnable_kernels()) {
      fmt::print("| {} | {} |", name, table->isa);
      for (const auto& distribution : kDistributions) {
        fmt::print(" {:.1e} |", attention_error(pool, *table, type, distribution));
      }
      fmt::print("\n");
    }
  }
}

}  // namespace
}  // namespace mlxserving::kernels

int main() {
  mlxserving::kernels::ThreadPool pool(mlxserving::kernels::default_thread_count());
  mlxserving::kernels::print_linears(pool);
  mlxserving::kernels::print_attention(pool);
}
