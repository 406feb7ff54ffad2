// AVX-512: what runs on floats. Linear kernels on dot products of bytes are in avx512_rows.cpp and avx512_panels.cpp.
#include <immintrin.h>

#include "kernels/kernels.h"
#include "kernels/tables.h"

namespace mlxserving::kernels {
namespace {

#include "kernels/f32_bits.inl"

#include "kernels/avx512_vector.inl"
#include "kernels/generic.inl"

LinearKernels linear(const Matrix& w, Numerics numerics) {
  const LinearKernel* rows = avx512_rows(w, numerics);
  if (rows == nullptr) rows = &kF32Kernel;
  return {rows, rows};
}

}  // namespace

extern const Kernels kAvx512 = generic_table("avx512", linear);

}  // namespace mlxserving::kernels
