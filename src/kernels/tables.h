// The tables of the instruction sets this build has. dispatch.cpp chooses.
#pragma once

#include "kernels/kernels.h"

namespace mlxserving::kernels {

extern const Kernels kScalar;
#if MLXS_KERNELS_ARM
extern const Kernels kNeon;     // any 64-bit Arm
extern const Kernels kNeonDot;  // FEAT_DotProd
#endif
#if MLXS_KERNELS_X86
extern const Kernels kAvx2;     // AVX2, FMA, F16C, BMI2
extern const Kernels kAvxVnni;  // AVX-VNNI besides
extern const Kernels kAvx512;   // F, BW, VL, DQ, VBMI, VNNI

// Prefill of dense bf16 weights; needs AVX-512 BF16 besides what kAvx512 needs.
extern const LinearKernel kAvx512Bf16;

// Prefill kernels for any matrix.
extern const LinearKernel kAmxBf16;       // AMX tiles and BF16, besides what kAvx512 needs
extern const LinearKernel kAmxModelBf16;  // the same without the tiles, for tests
#endif

}  // namespace mlxserving::kernels
