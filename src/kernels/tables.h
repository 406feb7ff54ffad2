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

// Linear kernels on dot products of bytes, from one activation row to any number; null where integers do not help:
// dense weights, fp8 codes, exact numerics.
const LinearKernel* avx512_rows(const Matrix& w, Numerics numerics);
// Those for several rows, which the former refer to: [codes, in the order of avx512_codes.inl][15 bits, 8 bits].
extern const LinearKernel kAvx512Panels[7][2];

// Prefill of dense bf16 weights; needs AVX-512 BF16 besides what kAvx512 needs.
extern const LinearKernel kAvx512Bf16;

// Prefill kernels for any matrix.
extern const LinearKernel kAmxBf16;       // AMX tiles and BF16, besides what kAvx512 needs
extern const LinearKernel kAmxModelBf16;  // the same without the tiles, for tests
#endif

}  // namespace mlxserving::kernels
