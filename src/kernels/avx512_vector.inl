// Sixteen floats a vector. For the anonymous namespace of a kernel file.
#pragma once

inline __mmask16 lanes(int n) { return static_cast<__mmask16>((1U << static_cast<unsigned>(n)) - 1U); }

struct V {
  using F = __m512;
  static constexpr int kWidth = 16;
  static constexpr int kRowBlock = 8;
  static constexpr int kTokenBlock = 3;
  static constexpr int kQueryBlock = 6;
  static constexpr int kValueVectors = 4;

  static F set(float x) { return _mm512_set1_ps(x); }
  static F load(const float* p) { return _mm512_loadu_ps(p); }
  static F load_part(const float* p, int n) { return _mm512_maskz_loadu_ps(lanes(n), p); }
  static void store(float* p, F v) { _mm512_storeu_ps(p, v); }
  static void store_part(float* p, int n, F v) { _mm512_mask_storeu_ps(p, lanes(n), v); }

  static F widened(Float type, __m256i v) {
    if (type == Float::f16) return _mm512_cvtph_ps(v);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(v), 16));
  }
  static __m256i narrowed(Float type, F v) {
    if (type == Float::f16) return _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    const __m512i u = _mm512_castps_si512(v);
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(1));
    const __m512i rounded = _mm512_add_epi32(u, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7FFF)));
    const __m512i quiet = _mm512_or_si512(u, _mm512_set1_epi32(0x400000));
    const __mmask16 nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
    return _mm512_cvtepi32_epi16(_mm512_srli_epi32(_mm512_mask_mov_epi32(rounded, nan, quiet), 16));
  }
  template <Float kType>
  static F load_as(const uint8_t* p) {
    if constexpr (kType == Float::f32) return _mm512_loadu_ps(p);
    return widened(kType, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  template <Float kType>
  static F load_part_as(const uint8_t* p, int n) {
    if constexpr (kType == Float::f32) return _mm512_maskz_loadu_ps(lanes(n), p);
    return widened(kType, _mm256_maskz_loadu_epi16(lanes(n), p));
  }
  template <Float kType>
  static void store_as(uint8_t* p, F v) {
    if constexpr (kType == Float::f32) {
      _mm512_storeu_ps(p, v);
    } else {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), narrowed(kType, v));
    }
  }
  template <Float kType>
  static void store_part_as(uint8_t* p, int n, F v) {
    if constexpr (kType == Float::f32) {
      _mm512_mask_storeu_ps(p, lanes(n), v);
    } else {
      _mm256_mask_storeu_epi16(p, lanes(n), narrowed(kType, v));
    }
  }
  static __m512i bytes(const uint8_t* p) {
    return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  static F from_u8(const uint8_t* p) { return _mm512_cvtepi32_ps(bytes(p)); }
  static F from_e4m3(const uint8_t* p) {
    const __m512i u = bytes(p);
    const __m512i magnitude = _mm512_slli_epi32(_mm512_and_si512(u, _mm512_set1_epi32(0x7F)), 20);
    const __m512i sign = _mm512_slli_epi32(_mm512_and_si512(u, _mm512_set1_epi32(0x80)), 24);
    const F value = _mm512_mul_ps(_mm512_castsi512_ps(magnitude), _mm512_set1_ps(0x1p120F));
    return _mm512_or_ps(value, _mm512_castsi512_ps(sign));
  }
  static F lookup16(const float* table, const uint8_t* p) {
    return _mm512_permutexvar_ps(bytes(p), _mm512_loadu_ps(table));
  }

  static F add(F a, F b) { return _mm512_add_ps(a, b); }
  static F sub(F a, F b) { return _mm512_sub_ps(a, b); }
  static F mul(F a, F b) { return _mm512_mul_ps(a, b); }
  static F div(F a, F b) { return _mm512_div_ps(a, b); }
  static F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
  static F min(F a, F b) { return _mm512_min_ps(a, b); }
  static F max(F a, F b) { return _mm512_max_ps(a, b); }
  static F round(F a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
  static F pow2(F n) {
    const __m512i exponent = _mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127));
    return _mm512_castsi512_ps(_mm512_slli_epi32(exponent, 23));
  }
  static F zero_where_less(F x, F limit, F v) {
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, limit, _CMP_NLT_UQ), v);
  }
  static float first(F v) { return _mm512_cvtss_f32(v); }
  static float sum(F v) { return _mm512_reduce_add_ps(v); }
  static float largest(F v) { return _mm512_reduce_max_ps(v); }

  template <int kBits>
  static uint64_t spread(uint64_t word) {
    return _pdep_u64(word, 0x0101010101010101ULL * ((1U << kBits) - 1U));
  }
};
