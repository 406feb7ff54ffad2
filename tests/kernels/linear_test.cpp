// Linear kernels of every instruction set this CPU runs, against sums in double.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string_view>
#include <vector>

#include "kernels/aligned_buffer.h"
#include "kernels/dispatch.h"
#include "kernels/linear.h"
#include "kernels/tables.h"
#include "kernels/weights.h"

namespace mlxserving::kernels::testing {
namespace {

struct Reference {
  std::vector<double> y;
  double magnitude = 0;  // of y for vectors in random directions, which sums near zero do not lower
};

Reference reference(const RandomMatrix& w, const std::vector<float>& x, int rows) {
  Reference result;
  for (int row = 0; row < rows; ++row) {
    for (int64_t n = 0; n < w.matrix.rows; ++n) {
      double sum = w.bias.empty() ? 0 : w.bias[static_cast<size_t>(n)];
      double squares = 0;
      for (int64_t k = 0; k < w.matrix.columns; ++k) {
        const double term = w.values[static_cast<size_t>(n * w.matrix.columns + k)] *
                            x[static_cast<size_t>(row * w.matrix.columns + k)];
        sum += term;
        squares += term * term;
      }
      result.y.push_back(sum);
      result.magnitude += squares;
    }
  }
  result.magnitude = std::sqrt(result.magnitude);
  return result;
}

double error_of(const std::vector<float>& y, const Reference& want) {
  double error = 0;
  for (size_t i = 0; i < y.size(); ++i) error += (y[i] - want.y[i]) * (y[i] - want.y[i]);
  return std::sqrt(error) / want.magnitude;
}

std::vector<float> product(ThreadPool& pool, const RandomMatrix& w, const LinearKernel* kernel,
                           const std::vector<float>& x, int rows) {
  Workspace workspace;
  std::vector<float> y(static_cast<size_t>(rows * w.matrix.rows), -1.0F);
  const Product products[] = {{&w.matrix, kernel, {y.data(), w.matrix.rows}}};
  multiply(pool, workspace, {x.data(), w.matrix.columns, rows}, products);
  return y;
}

// Relative to sums in double. Activations of 15 bits must stay within 2e-4; prefill may use bf16.
double tolerance(Numerics numerics, const LinearKernels& chosen, const LinearKernel* kernel) {
  if (numerics == Numerics::exact) return 2e-6;
  if (numerics == Numerics::fast) return 4e-2;
  const bool is_bf16 = kernel != chosen.decode && std::string_view(kernel->name).find("bf16") != std::string_view::npos;
  return is_bf16 ? 5e-3 : 2e-4;
}

TEST(Dequantize, gives_the_exact_weights_of_every_format_and_isa) {
  for (const auto* kernels : runnable_kernels()) {
    for (const auto& format : all_formats()) {
      const RandomMatrix w(format, 3, 384, 11);
      std::vector<float> row(384);
      kernels->dequantize(w.matrix, 2, 0, 384, row.data());
      const std::vector<double> want(w.values.begin() + 768, w.values.end());
      EXPECT_LT(relative_error(row, want), 1e-7) << kernels->isa << " " << format.name();
    }
  }
}

TEST(Dequantize, starts_at_any_group) {
  for (const auto* kernels : runnable_kernels()) {
    for (const auto& format : all_formats()) {
      const RandomMatrix w(format, 2, 384, 12);
      std::vector<float> part(128);
      kernels->dequantize(w.matrix, 1, 256, 128, part.data());
      const std::vector<double> want(w.values.begin() + 384 + 256, w.values.end());
      EXPECT_LT(relative_error(part, want), 1e-7) << kernels->isa << " " << format.name();
    }
  }
}

TEST(Linear, every_format_role_and_numerics_is_near_the_sum_in_double) {
  ThreadPool pool(2);
  for (const auto* kernels : runnable_kernels()) {
    for (const auto& format : all_formats()) {
      const RandomMatrix w(format, 37, 384, 21, true);
      Random random(5);
      const auto x = normal_floats(random, 5 * 384);
      const auto want = reference(w, x, 5);
      for (const Numerics numerics : {Numerics::exact, Numerics::standard, Numerics::fast}) {
        const LinearKernels chosen = kernels->linear(w.matrix, numerics);
        for (const auto* kernel : {chosen.decode, chosen.prefill}) {
          EXPECT_LT(error_of(product(pool, w, kernel, x, 5), want), tolerance(numerics, chosen, kernel))
              << kernels->isa << " " << kernel->name << " " << format.name();
        }
      }
    }
  }
}

// SmolLM2's 576 columns are no multiple of 128; single rows, single columns blocks and tails of every block size.
TEST(Linear, odd_sizes_have_right_tails) {
  ThreadPool pool(3);
  const Format formats[] = {{Packing::affine, Float::bf16, 4, 64}, {Packing::affine, Float::f16, 8, 32},
                            {Packing::affine, Float::f32, 3, 32},  {Packing::dense, Float::bf16, 0, 0},
                            {Packing::mxfp4, Float::f32, 4, 32},   {Packing::nvfp4, Float::f32, 4, 16}};
  for (const auto* kernels : runnable_kernels()) {
    for (const auto& format : formats) {
      for (const int64_t columns : {32, 64, 96, 160, 576, 1088}) {
        if (format.group_size > 0 && columns % format.group_size != 0) continue;
        for (const int64_t rows : {1, 7, 18}) {
          const RandomMatrix w(format, rows, columns, static_cast<uint32_t>(columns + rows));
          for (const int tokens : {1, 2, 3, 4, 6, 9, 17}) {
            Random random(7);
            const auto x = normal_floats(random, static_cast<size_t>(tokens * columns));
            const auto want = reference(w, x, tokens);
            for (const Numerics numerics : {Numerics::exact, Numerics::standard}) {
              const LinearKernels chosen = kernels->linear(w.matrix, numerics);
              for (const auto* kernel : {chosen.decode, chosen.prefill}) {
                ASSERT_LT(error_of(product(pool, w, kernel, x, tokens), want), tolerance(numerics, chosen, kernel))
                    << kernels->isa << " " << kernel->name << " " << format.name() << " [" << rows << ", " << columns
                    << "] tokens " << tokens;
              }
            }
          }
        }
      }
    }
  }
}

TEST(Linear, dense_rows_of_any_length) {
  ThreadPool pool(1);
  for (const auto* kernels : runnable_kernels()) {
    for (const Float type : {Float::f32, Float::f16, Float::bf16}) {
      for (const int64_t columns : {1, 3, 15, 17, 31, 33, 50}) {
        const RandomMatrix w({Packing::dense, type, 0, 0}, 5, columns, static_cast<uint32_t>(columns));
        Random random(3);
        const auto x = normal_floats(random, static_cast<size_t>(columns * 6));
        const auto kernel = kernels->linear(w.matrix, Numerics::exact).prefill;
        EXPECT_LT(error_of(product(pool, w, kernel, x, 6), reference(w, x, 6)), 2e-6) << kernels->isa << columns;
      }
    }
  }
}

// A row's bits depend on itself and the matrix: not on its neighbours, the number of threads, or its place.
TEST(Linear, a_row_has_the_same_bits_alone_and_among_others) {
  ThreadPool one(1);
  ThreadPool three(3);
  for (const auto* kernels : runnable_kernels()) {
    for (const auto& format : all_formats()) {
      const RandomMatrix w(format, 35, 384, 31);
      Random random(9);
      const auto x = normal_floats(random, 19 * 384);
      for (const Numerics numerics : {Numerics::exact, Numerics::standard, Numerics::fast}) {
        const LinearKernels chosen = kernels->linear(w.matrix, numerics);
        for (const auto* kernel : {chosen.decode, chosen.prefill}) {
          const auto together = product(three, w, kernel, x, 19);
          for (const int row : {0, 1, 4, 16, 18}) {
            const auto begin = x.begin() + row * 384;
            const auto alone = product(one, w, kernel, std::vector<float>(begin, begin + 384), 1);
            ASSERT_TRUE(std::equal(alone.begin(), alone.end(), together.begin() + row * 35))
                << kernels->isa << " " << kernel->name << " " << format.name() << " row " << row;
          }
        }
      }
    }
  }
}

// Rows that end within a block, a vector of scales or a piece of columns; from one row to more than a block of rows.
TEST(Linear, a_row_has_the_same_bits_in_every_batch_of_every_size) {
  ThreadPool pool(2);
  const Format formats[] = {{Packing::affine, Float::bf16, 4, 64}, {Packing::affine, Float::f16, 8, 128},
                            {Packing::affine, Float::f32, 3, 32},  {Packing::affine, Float::bf16, 2, 128},
                            {Packing::affine, Float::bf16, 6, 64}, {Packing::nvfp4, Float::f32, 4, 16}};
  for (const auto* kernels : runnable_kernels()) {
    for (const auto& format : formats) {
      for (const int64_t columns : {128, 576, 1664}) {
        if (columns % format.group_size != 0) continue;
        const RandomMatrix w(format, 50, columns, static_cast<uint32_t>(columns), true);
        Random random(10);
        const auto x = normal_floats(random, static_cast<size_t>(13 * columns));
        const auto* kernel = kernels->linear(w.matrix, Numerics::standard).decode;
        const auto want = product(pool, w, kernel, x, 13);
        for (const int rows : {1, 2, 4, 5, 8, 9}) {
          const auto few = product(pool, w, kernel, x, rows);
          ASSERT_TRUE(std::equal(few.begin(), few.end(), want.begin()))
              << kernels->isa << " " << kernel->name << " " << format.name() << " " << columns << " rows " << rows;
        }
      }
    }
  }
}

#if MLXS_KERNELS_X86
// Shapes that cross every edge of the blocking: halves of token blocks, panels, pieces, held rows, chunks.
TEST(Linear, tile_kernels_agree_with_double_on_the_machine_and_on_a_model_of_it) {
  const auto runnable = runnable_kernels();
  const auto has = [&](const std::string& isa) {
    return std::any_of(runnable.begin(), runnable.end(), [&](const Kernels* k) { return isa == k->isa; });
  };
  if (!has("avx512")) GTEST_SKIP() << "the model of the tiles needs AVX-512";
  std::vector<const LinearKernel*> kernels{&kAmxModelBf16};
  if (has("amx")) kernels.push_back(&kAmxBf16);
  struct Shape {
    int64_t rows, columns;
    int tokens;
  };
  ThreadPool pool(2);
  for (const auto* kernel : kernels) {
    for (const auto& shape : {Shape{33, 576, 17}, {300, 64, 5}, {16, 2176, 33}, {40, 4160, 2}, {31, 96, 270}}) {
      for (const auto& format : {Format{Packing::affine, Float::bf16, 4, 32},
                                 {Packing::dense, Float::f32, 0, 0},
                                 {Packing::dense, Float::bf16, 0, 0},
                                 {Packing::nvfp4, Float::f32, 4, 16}}) {
        const RandomMatrix w(format, shape.rows, shape.columns, 7, true);
        Random random(8);
        const auto x = normal_floats(random, static_cast<size_t>(shape.tokens * shape.columns));
        EXPECT_LT(error_of(product(pool, w, kernel, x, shape.tokens), reference(w, x, shape.tokens)), 5e-3)
            << kernel->name << " " << format.name() << " " << shape.rows << "x" << shape.columns;
      }
    }
  }
}
#endif

TEST(Linear, products_of_one_x_are_as_if_made_one_by_one) {
  ThreadPool pool(2);
  for (const auto* kernels : runnable_kernels()) {
    const RandomMatrix a({Packing::affine, Float::bf16, 4, 64}, 40, 256, 1);
    const RandomMatrix b({Packing::affine, Float::bf16, 8, 32}, 24, 256, 2);
    const RandomMatrix c({Packing::affine, Float::bf16, 4, 64}, 8, 256, 3);
    Random random(4);
    const auto x = normal_floats(random, 3 * 256);
    Workspace workspace;
    std::vector<Product> products;
    std::vector<std::vector<float>> together;
    for (const auto* w : {&a, &b, &c}) {
      together.emplace_back(static_cast<size_t>(3 * w->matrix.rows));
      products.push_back({&w->matrix,
                          kernels->linear(w->matrix, Numerics::standard).decode,
                          {together.back().data(), w->matrix.rows}});
    }
    multiply(pool, workspace, {x.data(), 256, 3}, products);
    EXPECT_EQ(together[0], product(pool, a, products[0].kernel, x, 3));
    EXPECT_EQ(together[1], product(pool, b, products[1].kernel, x, 3));
    EXPECT_EQ(together[2], product(pool, c, products[2].kernel, x, 3));
  }
}

// Experts with no rows, with one and with many; a row may choose an expert twice.
TEST(Linear, experts_give_each_row_the_bits_of_a_loop_over_rows) {
  constexpr int kExperts = 5;
  constexpr int kChoices = 3;
  constexpr int kRows = 21;
  ThreadPool pool(3);
  for (const auto* kernels : runnable_kernels()) {
    std::vector<std::unique_ptr<RandomMatrix>> matrices;
    for (uint32_t e = 0; e < kExperts; ++e) {
      matrices.push_back(std::make_unique<RandomMatrix>(Format{Packing::affine, Float::bf16, 4, 64}, 70, 192, e));
    }
    Random random(6);
    const auto x = normal_floats(random, kRows * 192);
    std::vector<int32_t> chosen;
    for (int i = 0; i < kRows * kChoices; ++i) chosen.push_back(i == 0 ? 4 : static_cast<int32_t>(random() % 3));
    for (const bool prefill : {false, true}) {
      const auto kernel_of = [&](const Matrix& w) {
        const LinearKernels chosen_kernels = kernels->linear(w, Numerics::standard);
        return prefill ? chosen_kernels.prefill : chosen_kernels.decode;
      };
      std::vector<Expert> experts;
      for (const auto& w : matrices) experts.push_back({&w->matrix, kernel_of(w->matrix)});
      std::vector<float> y(chosen.size() * 70);
      Workspace workspace;
      multiply_experts(pool, workspace, {x.data(), 192, kRows}, chosen, experts, {y.data(), 70});
      for (size_t i = 0; i < chosen.size(); ++i) {
        const RandomMatrix& w = *matrices[static_cast<size_t>(chosen[i])];
        const auto begin = x.begin() + static_cast<std::ptrdiff_t>(i) / kChoices * 192;
        const auto want = product(pool, w, kernel_of(w.matrix), std::vector<float>(begin, begin + 192), 1);
        ASSERT_TRUE(std::equal(want.begin(), want.end(), y.begin() + static_cast<std::ptrdiff_t>(i) * 70))
            << kernels->isa << " choice " << i;
      }
    }
  }
}

}  // namespace
}  // namespace mlxserving::kernels::testing
