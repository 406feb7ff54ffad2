// AVX2 with FMA, F16C and BMI2: eight floats a vector, sixteen registers. With and without the dot products of
// AVX-VNNI.
#include <immintrin.h>

#include "kernels/kernels.h"
#include "kernels/tables.h"

namespace mlxserving::kernels {
namespace {

#include "kernels/f32_bits.inl"

// Lanes [0, n) of a partial vector.
inline __m256i lanes(int n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

struct V {
  using F = __m256;
  static constexpr int kWidth = 8;
  static constexpr int kRowBlock = 4;
  static constexpr int kTokenBlock = 2;
  static constexpr int kQueryBlock = 2;
  static constexpr int kValueVectors = 4;

  static F set(float x) { return _mm256_set1_ps(x); }
  static F load(const float* p) { return _mm256_loadu_ps(p); }
  static F load_part(const float* p, int n) { return _mm256_maskload_ps(p, lanes(n)); }
  static void store(float* p, F v) { _mm256_storeu_ps(p, v); }
  static void store_part(float* p, int n, F v) { _mm256_maskstore_ps(p, lanes(n), v); }

  static F widened(Float type, __m128i v) {
    if (type == Float::f16) return _mm256_cvtph_ps(v);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(v), 16));
  }
  static __m128i narrowed(Float type, F v) {
    if (type == Float::f16) return _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    const __m256i u = _mm256_castps_si256(v);
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(u, 16), _mm256_set1_epi32(1));
    const __m256i rounded = _mm256_add_epi32(u, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7FFF)));
    const __m256i quiet = _mm256_or_si256(u, _mm256_set1_epi32(0x400000));
    const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q));
    const __m256i high = _mm256_srli_epi32(_mm256_blendv_epi8(rounded, quiet, nan), 16);
    return _mm_packus_epi32(_mm256_castsi256_si128(high), _mm256_extracti128_si256(high, 1));
  }
  template <Float kType>
  static F load_as(const uint8_t* p) {
    if constexpr (kType == Float::f32) return _mm256_loadu_ps(reinterpret_cast<const float*>(p));
    return widened(kType, _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  template <Float kType>
  static F load_part_as(const uint8_t* p, int n) {
    alignas(32) uint8_t bytes[32] = {};
    __builtin_memcpy(bytes, p, static_cast<size_t>(n) * bytes_of(kType));
    return load_as<kType>(bytes);
  }
  template <Float kType>
  static void store_as(uint8_t* p, F v) {
    if constexpr (kType == Float::f32) {
      _mm256_storeu_ps(reinterpret_cast<float*>(p), v);
    } else {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(p), narrowed(kType, v));
    }
  }
  template <Float kType>
  static void store_part_as(uint8_t* p, int n, F v) {
    alignas(32) uint8_t bytes[32];
    store_as<kType>(bytes, v);
    __builtin_memcpy(p, bytes, static_cast<size_t>(n) * bytes_of(kType));
  }
  static __m256i bytes(const uint8_t* p) {
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
  }
  static F from_u8(const uint8_t* p) { return _mm256_cvtepi32_ps(bytes(p)); }
  static F from_e4m3(const uint8_t* p) {
    const __m256i u = bytes(p);
    const __m256i magnitude = _mm256_slli_epi32(_mm256_and_si256(u, _mm256_set1_epi32(0x7F)), 20);
    const __m256i sign = _mm256_slli_epi32(_mm256_and_si256(u, _mm256_set1_epi32(0x80)), 24);
    const F value = _mm256_mul_ps(_mm256_castsi256_ps(magnitude), _mm256_set1_ps(0x1p120F));
    return _mm256_or_ps(value, _mm256_castsi256_ps(sign));
  }
  static F lookup16(const float* table, const uint8_t* p) { return _mm256_i32gather_ps(table, bytes(p), 4); }

  static F add(F a, F b) { return _mm256_add_ps(a, b); }
  static F sub(F a, F b) { return _mm256_sub_ps(a, b); }
  static F mul(F a, F b) { return _mm256_mul_ps(a, b); }
  static F div(F a, F b) { return _mm256_div_ps(a, b); }
  static F fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }
  static F min(F a, F b) { return _mm256_min_ps(a, b); }
  static F max(F a, F b) { return _mm256_max_ps(a, b); }
  static F round(F a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
  static F pow2(F n) {
    const __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
    return _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23));
  }
  static F zero_where_less(F x, F limit, F v) { return _mm256_andnot_ps(_mm256_cmp_ps(x, limit, _CMP_LT_OQ), v); }
  static float first(F v) { return _mm256_cvtss_f32(v); }
  static float sum(F v) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
  }
  static float largest(F v) {
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
  }

  template <int kBits>
  static uint64_t spread(uint64_t word) {
    return _pdep_u64(word, 0x0101010101010101ULL * ((1U << kBits) - 1U));
  }
};

#include "kernels/generic.inl"

#include "kernels/avx2_integers.inl"

template <bool kVnni>
LinearKernels linear(const Matrix& w, Numerics numerics) {
  const LinearKernel* words = word_kernel_for<kVnni>(w, numerics);
  return {words != nullptr ? words : &kF32Kernel, &kF32Kernel};
}

}  // namespace

extern const Kernels kAvx2 = generic_table("avx2", linear<false>);
extern const Kernels kAvxVnni = generic_table("avxvnni", linear<true>);

}  // namespace mlxserving::kernels
