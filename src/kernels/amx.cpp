// Prefill on Intel's matrix tiles (AMX-BF16).
#include <immintrin.h>

#include "kernels/kernels.h"
#include "kernels/tables.h"

namespace mlxserving::kernels {
namespace {

#include "kernels/f32_bits.inl"

inline __mmask16 lanes(int n) { return static_cast<__mmask16>((1U << static_cast<unsigned>(n)) - 1U); }

#include "kernels/amx_tiles.inl"

struct Tiles : TileRegisters {
  // Elements 0-15 from `low`, 16-31 from `high`.
  static __m512i pack_bf16(__m512 low, __m512 high) {
    return reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low));
  }
};

#include "kernels/amx_bf16.inl"

}  // namespace

extern const LinearKernel kAmxBf16 = bf16_kernel("amx bf16");

}  // namespace mlxserving::kernels
