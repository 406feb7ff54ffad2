#include "kernels/self_test.h"

#include <cmath>
#include <cstring>
#include <random>

#include "kernels/dispatch.h"
#include "kernels/linear.h"

namespace mlxserving::kernels {
namespace {

constexpr int64_t kRows = 96;
constexpr int64_t kColumns = 512;
constexpr int kTokens = 5;
constexpr int kGroup = 64;

uint16_t bf16(float x) {
  uint32_t bits = 0;
  std::memcpy(&bits, &x, sizeof bits);
  return static_cast<uint16_t>(bits >> 16U);
}

struct Weights {
  const char* name;
  Matrix matrix;
  std::vector<uint8_t> codes;
  std::vector<uint16_t> scales;
  std::vector<uint16_t> biases;
};

Weights four_bits(std::mt19937& random) {
  Weights w{.name = "4-bit affine", .matrix = {}, .codes = {}, .scales = {}, .biases = {}};
  w.codes.resize(kRows * kColumns / 2);
  for (uint8_t& code : w.codes) code = static_cast<uint8_t>(random());
  std::uniform_real_distribution<float> scale(0.002F, 0.006F);
  for (int64_t i = 0; i < kRows * kColumns / kGroup; ++i) {
    const float s = scale(random);
    w.scales.push_back(bf16(s));
    w.biases.push_back(bf16(-7.5F * s));
  }
  w.matrix = {.packing = Packing::affine, .type = Float::bf16, .bits = 4, .group_size = kGroup};
  return w;
}

Weights dense(std::mt19937& random) {
  Weights w{.name = "bf16", .matrix = {}, .codes = {}, .scales = {}, .biases = {}};
  std::normal_distribution<float> value(0, 0.02F);
  w.codes.resize(kRows * kColumns * sizeof(uint16_t));
  for (int64_t i = 0; i < kRows * kColumns; ++i) {
    const uint16_t bits = bf16(value(random));
    std::memcpy(w.codes.data() + i * static_cast<int64_t>(sizeof bits), &bits, sizeof bits);
  }
  w.matrix = {.packing = Packing::dense, .type = Float::bf16};
  return w;
}

// Pointers into what the owner holds, once it stays where it is.
const Matrix& bind(Weights& w) {
  w.matrix.rows = kRows;
  w.matrix.columns = kColumns;
  w.matrix.weight = w.codes.data();
  w.matrix.scales = reinterpret_cast<const uint8_t*>(w.scales.data());
  w.matrix.biases = reinterpret_cast<const uint8_t*>(w.biases.data());
  return w.matrix;
}

std::vector<float> product(const Matrix& w, const LinearKernel& kernel, const std::vector<float>& x) {
  ThreadPool pool(1);
  Workspace workspace;
  std::vector<float> y(kTokens * kRows);
  const Product products[] = {{&w, &kernel, {y.data(), kRows}}};
  multiply(pool, workspace, {x.data(), kColumns, kTokens}, products);
  return y;
}

double relative_error(const std::vector<float>& y, const std::vector<float>& want) {
  double error = 0;
  double length = 0;
  for (size_t i = 0; i < y.size(); ++i) {
    error += (static_cast<double>(y[i]) - want[i]) * (static_cast<double>(y[i]) - want[i]);
    length += static_cast<double>(want[i]) * want[i];
  }
  return std::sqrt(error / length);
}

}  // namespace

std::vector<SelfTestRow> self_test() {
  std::mt19937 random(1);
  std::vector<float> x(kTokens * kColumns);
  std::normal_distribution<float> value;
  for (float& e : x) e = value(random);
  std::vector<SelfTestRow> rows;
  Weights all[] = {four_bits(random), dense(random)};
  const Kernels& scalar = *runnable_kernels().front();
  for (Weights& weights : all) {
    const Matrix& w = bind(weights);
    const std::vector<float> want = product(w, *scalar.linear(w, Numerics::exact).decode, x);
    for (const Kernels* kernels : runnable_kernels()) {
      for (const Numerics numerics : {Numerics::exact, Numerics::standard}) {
        const LinearKernels chosen = kernels->linear(w, numerics);
        for (const LinearKernel* kernel : {chosen.decode, chosen.prefill}) {
          const bool rounds = numerics == Numerics::standard;
          const double allowed = !rounds ? 2e-6 : (kernel == chosen.decode ? 2e-4 : 5e-3);
          rows.push_back(
              {kernels->isa, kernel->name, weights.name, relative_error(product(w, *kernel, x), want), allowed});
        }
      }
    }
  }
  return rows;
}

}  // namespace mlxserving::kernels
