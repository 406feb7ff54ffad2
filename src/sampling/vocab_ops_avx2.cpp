// The passes with AVX2; built with -mavx2 and called only on a CPU that has it.
#include <immintrin.h>

#define MLXS_REGISTER_BYTES 32
#include "sampling/vocab_lane_masks.h"
#include "sampling/vocab_ops.h"

namespace mlxserving::sampling {
namespace {

inline unsigned lane_bits(Mask mask) {
  return static_cast<unsigned>(_mm256_movemask_ps((__m256)mask.part[0])) |
         static_cast<unsigned>(_mm256_movemask_ps((__m256)mask.part[1])) << 8;
}

// For each byte of bits, which lanes are chosen, in order: one byte a lane.
struct LaneOrders {
  uint64_t order[256];
};

constexpr LaneOrders lane_orders() {
  LaneOrders all = {};
  for (unsigned bits = 0; bits < 256; ++bits) {
    unsigned at = 0;
    for (unsigned lane = 0; lane < 8; ++lane) {
      if ((bits >> lane & 1U) != 0) all.order[bits] |= static_cast<uint64_t>(lane) << (8 * at++);
    }
  }
  return all;
}

constexpr LaneOrders kLaneOrders = lane_orders();

inline void compress_half(__m256 v, unsigned bits, float* out) {
  const __m128i bytes = _mm_cvtsi64_si128(static_cast<long long>(kLaneOrders.order[bits]));
  _mm256_storeu_ps(out, _mm256_permutevar8x32_ps(v, _mm256_cvtepu8_epi32(bytes)));
}

inline void compress(Floats v, unsigned bits, float* out) {
  compress_half((__m256)v.part[0], bits & 0xFFU, out);
  compress_half((__m256)v.part[1], bits >> 8, out + __builtin_popcount(bits & 0xFFU));
}

#include "sampling/vocab_ops.inl"

}  // namespace

extern const VocabOps kVocabOpsAvx2;
const VocabOps kVocabOpsAvx2 = table("avx2");

}  // namespace mlxserving::sampling
