// 64-bit Arm as every one of them is: NEON in f32.
#include <arm_neon.h>

#include "kernels/kernels.h"
#include "kernels/tables.h"

namespace mlxserving::kernels {
namespace {

#include "kernels/neon_vector.inl"

#include "kernels/generic.inl"

LinearKernels linear(const Matrix&, Numerics) { return {&kF32Kernel, &kF32Kernel}; }

}  // namespace

extern const Kernels kNeon = generic_table("neon", linear);

}  // namespace mlxserving::kernels
