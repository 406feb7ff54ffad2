// Runs linear kernels on the pool: activations prepared once, weight rows cut into tasks.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/aligned_buffer.h"
#include "kernels/kernels.h"
#include "kernels/thread_pool.h"

namespace mlxserving::kernels {

// Working memory of the drivers; grows, is never given back. One user at a time.
struct Workspace {
  AlignedBuffer prepared;
  AlignedBuffer scratch;  // [thread]
  AlignedBuffer floats[4];
  AlignedBuffer gathered;  // rows sorted by expert, then their products
};

// y = x · wᵀ + bias
struct Product {
  const Matrix* w;
  const LinearKernel* kernel;
  MutableRows y;
};

// All products of one x. Products whose kernels prepare x alike share the preparation.
void multiply(ThreadPool& pool, Workspace& workspace, Rows x, std::span<const Product> products);

// One of a mixture's experts; all have one shape.
struct Expert {
  const Matrix* w;
  const LinearKernel* kernel;
};

// Each row of x goes through the experts chosen for it: y[r * k + j] = x[r] · W(chosen[r * k + j])ᵀ, with k choices a
// row, chosen [rows * k]. Rows are sorted by expert, so that an expert's weights are read once, and all experts are one
// run of the pool. Shazeer et al., Outrageously Large Neural Networks, 2017.
void multiply_experts(ThreadPool& pool, Workspace& workspace, Rows x, std::span<const int32_t> chosen,
                      std::span<const Expert> experts, MutableRows y);

}  // namespace mlxserving::kernels
