// The passes with AVX-512 (F, DQ, BW, VL); built with those flags and called only on a CPU that has them.
#include <immintrin.h>

#define MLXS_REGISTER_BYTES 64
#include "sampling/vocab_lanes.h"
#include "sampling/vocab_ops.h"

namespace mlxserving::sampling {
namespace {

typedef __mmask16 Mask;

inline Mask less(Floats a, Floats b) { return _mm512_cmp_ps_mask((__m512)a.part[0], (__m512)b.part[0], _CMP_LT_OQ); }
inline Mask at_least(Floats a, Floats b) {
  return _mm512_cmp_ps_mask((__m512)a.part[0], (__m512)b.part[0], _CMP_GE_OQ);
}
inline Mask equal(Floats a, Floats b) { return _mm512_cmp_ps_mask((__m512)a.part[0], (__m512)b.part[0], _CMP_EQ_OQ); }
inline Floats choose(Mask mask, Floats yes, Floats no) {
  return {{(FloatRegister)_mm512_mask_blend_ps(mask, (__m512)no.part[0], (__m512)yes.part[0])}};
}
inline Floats only(Mask mask, Floats v) { return {{(FloatRegister)_mm512_maskz_mov_ps(mask, (__m512)v.part[0])}}; }
inline unsigned lane_bits(Mask mask) { return mask; }
inline Mask mask_of(unsigned bits) { return static_cast<Mask>(bits); }

// Compressed in the register and stored whole: a compressing store is microcode on some CPUs.
inline void compress(Floats v, unsigned bits, float* out) {
  _mm512_storeu_ps(out, _mm512_maskz_compress_ps(static_cast<__mmask16>(bits), (__m512)v.part[0]));
}

#include "sampling/vocab_ops.inl"

}  // namespace

extern const VocabOps kVocabOpsAvx512;
const VocabOps kVocabOpsAvx512 = table("avx512");

}  // namespace mlxserving::sampling
