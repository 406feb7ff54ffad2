// Scales and offsets of sixteen groups of a weight row at a time, as floats.
#pragma once

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
