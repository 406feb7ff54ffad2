// The tables of the instruction sets this build has. dispatch.cpp chooses.
#pragma once

#include "kernels/kernels.h"

namespace mlxserving::kernels {

extern const Kernels kScalar;
#if MLXS_KERNELS_X86
extern const Kernels kAvx2;    // AVX2, FMA, F16C, BMI2
extern const Kernels kAvx512;  // F, BW, VL, DQ, VBMI, VNNI
#endif

}  // namespace mlxserving::kernels
