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
};

// y = x · wᵀ + bias
struct Product {
  const Matrix* w;
  const LinearKernel* kernel;
  MutableRows y;
};

// All products of one x. Products whose kernels prepare x alike share the preparation.
void multiply(ThreadPool& pool, Workspace& workspace, Rows x, std::span<const Product> products);

}  // namespace mlxserving::kernels
