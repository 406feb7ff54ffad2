// NEON with dot products of bytes (FEAT_DotProd): decode rows in integers.
#include <arm_neon.h>

#include "kernels/kernels.h"
#include "kernels/tables.h"

namespace mlxserving::kernels {
namespace {

#include "kernels/neon_vector.inl"

#include "kernels/generic.inl"

#include "kernels/neon_integers.inl"

LinearKernels linear(const Matrix& w, Numerics numerics) {
  const LinearKernel* decode = byte_kernel_for(w, numerics);
  return {decode != nullptr ? decode : &kF32Kernel, &kF32Kernel};
}

}  // namespace

extern const Kernels kNeonDot = generic_table("neondot", linear);

}  // namespace mlxserving::kernels
