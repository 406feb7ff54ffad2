// Scales and offsets of sixteen groups of a weight row at a time, as floats.
#pragma once

#include "kernels/avx512_transpose.inl"
#include "kernels/avx512_vector.inl"

// E8M0 or E4M3 scales of sixteen groups.
inline V::F load_scale_bytes(const Matrix& w, int64_t group, __mmask16 mask) {
  alignas(16) uint8_t bytes[16];
  _mm_store_si128(reinterpret_cast<__m128i*>(bytes), _mm_maskz_loadu_epi8(mask, w.scales + group));
  if (w.packing == Packing::nvfp4) return V::from_e4m3(bytes);
  const __m512i exponent = _mm512_slli_epi32(V::bytes(bytes), 23);
  const __mmask16 least = _mm512_cmpeq_epi32_mask(exponent, _mm512_setzero_si512());
  return _mm512_castsi512_ps(_mm512_mask_mov_epi32(exponent, least, _mm512_set1_epi32(0x00400000)));
}

template <Float kType>
inline V::F load_floats(const uint8_t* p, __mmask16 mask) {
  if constexpr (kType == Float::f32) return _mm512_maskz_loadu_ps(mask, p);
  return V::widened(kType, _mm256_maskz_loadu_epi16(mask, p));
}

// Scales and offsets of sixteen groups of a weight row, zero where there is none.
struct GroupScales {
  V::F scale;
  V::F offset;
};

// Of codes that are 2 * value + 12.
inline GroupScales e2m1_scales(const Matrix& w, int64_t group, __mmask16 mask) {
  const V::F scale = _mm512_maskz_mul_ps(mask, load_scale_bytes(w, group, mask), V::set(0.5F));
  return {scale, V::mul(scale, V::set(-12.0F))};
}

inline GroupScales load_group_scales(const Matrix& w, int64_t group, __mmask16 mask) {
  if (w.packing != Packing::affine) return e2m1_scales(w, group, mask);
  const int64_t at = group * bytes_of(w.type);
  switch (w.type) {
    case Float::f32:
      return {load_floats<Float::f32>(w.scales + at, mask), load_floats<Float::f32>(w.biases + at, mask)};
    case Float::f16:
      return {load_floats<Float::f16>(w.scales + at, mask), load_floats<Float::f16>(w.biases + at, mask)};
    case Float::bf16: break;
  }
  return {load_floats<Float::bf16>(w.scales + at, mask), load_floats<Float::bf16>(w.biases + at, mask)};
}

// What a group of columns adds to a sum. One order of operations for every kernel, whatever its lanes are, so that a
// row's bits do not tell which kernel met it.
inline V::F group_term(__m512i dot, const GroupScales& w, V::F scale_x, V::F sum_x) {
  return V::fma(_mm512_cvtepi32_ps(dot), V::mul(w.scale, scale_x), V::mul(w.offset, sum_x));
}

constexpr int64_t kRowsAhead = 32;

// Scales of sixteen rows and groups, [group][row], rows `stride` floats apart.
inline void fill_scales(const Matrix& w, int64_t row, int rows, int64_t group, float* scales, float* offsets,
                        int stride) {
  alignas(64) float of_rows[2][16][16];
  const __mmask16 mask = rows_mask(w.groups() - group);
  for (int r = 0; r < 16; ++r) {
    GroupScales s{_mm512_setzero_ps(), _mm512_setzero_ps()};
    if (r < rows) {
      const int64_t at = (row + r) * w.groups() + group;
      const int64_t ahead = (at + kRowsAhead * w.groups()) * w.scale_bytes();
      _mm_prefetch(reinterpret_cast<const char*>(w.scales) + ahead, _MM_HINT_T1);
      _mm_prefetch(reinterpret_cast<const char*>(w.biases) + ahead, _MM_HINT_T1);
      s = load_group_scales(w, at, mask);
    }
    _mm512_store_ps(of_rows[0][r], s.scale);
    _mm512_store_ps(of_rows[1][r], s.offset);
  }
  const auto to = [&](float* out) {
    return [out, stride](int g, __m512i v) { _mm512_store_si512(out + g * stride, v); };
  };
  transpose_rows(reinterpret_cast<const uint8_t*>(of_rows[0]), 64, to(scales));
  transpose_rows(reinterpret_cast<const uint8_t*>(of_rows[1]), 64, to(offsets));
}
