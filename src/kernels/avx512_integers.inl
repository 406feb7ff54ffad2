// Activation rows as integers, for byte dot products (vpdpbusd). Each group of a row becomes 15-bit integers in two
// bytes, q = 128 * high + low (relative error about 5e-5), or one byte in fast mode. A group's offset multiplies the
// sum of the *quantised* activations, so that rounding errors do not meet the uncentred code.
#pragma once

#include "kernels/avx512_codes.inl"
#include "kernels/avx512_vector.inl"

template <typename Codes>
constexpr int kBlockCodes = 64 * Codes::kPlanes;

// Groups whose scales one vector holds.
constexpr int kScaleGroups = 16;

constexpr int64_t rounded_up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

// An activation row in integers: [block][plane][high 64, low 64] (fast: high alone), then a scale and a scaled sum for
// each group, both padded with zeros to whole vectors, then room to quantise in.
template <typename Codes, bool kPair>
struct IntegerRow {
  static constexpr int64_t kBlockBytes = int64_t{kBlockCodes<Codes>} * (kPair ? 2 : 1);

  static int64_t blocks(const Matrix& w) { return (w.columns + kBlockCodes<Codes> - 1) / kBlockCodes<Codes>; }
  static int64_t groups(const Matrix& w) { return rounded_up(w.groups(), kScaleGroups); }
  static int64_t scales_at(const Matrix& w) { return blocks(w) * kBlockBytes; }
  static int64_t sums_at(const Matrix& w) { return scales_at(w) + groups(w) * 4; }
  static int64_t codes_at(const Matrix& w) { return sums_at(w) + groups(w) * 4; }
  static int64_t bytes(const Matrix& w) { return rounded_up(codes_at(w) + blocks(w) * kBlockCodes<Codes> * 2, 64); }
};

// One group as integers; gives its scale and the scaled sum of what was stored. Anything not finite makes the scale
// NaN.
template <bool kPair>
void quantize_group(const float* x, int count, int8_t* high, int8_t* low, float* scale, float* sum) {
  constexpr float kLargest = kPair ? 16256.0F : 127.0F;  // 127 * 128, 127
  V::F largest = V::set(0);
  V::F poison = V::set(0);
  for (int i = 0; i < count; i += V::kWidth) {
    const V::F v = V::load(x + i);
    largest = V::max(_mm512_abs_ps(v), largest);
    poison = V::fma(v, V::set(0), poison);
  }
  const float absmax = V::largest(largest);
  const float factor = absmax > 0 ? kLargest / absmax : 0.0F;
  __m512i total = _mm512_setzero_si512();
  for (int i = 0; i < count; i += V::kWidth) {
    const __m512i q = _mm512_cvtps_epi32(V::mul(V::load(x + i), V::set(factor)));
    total = _mm512_add_epi32(total, q);
    const __m512i h = kPair ? _mm512_srai_epi32(_mm512_add_epi32(q, _mm512_set1_epi32(64)), 7) : q;
    _mm_storeu_si128(reinterpret_cast<__m128i*>(high + i), _mm512_cvtepi32_epi8(h));
    if constexpr (kPair) {
      const __m512i l = _mm512_sub_epi32(q, _mm512_slli_epi32(h, 7));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(low + i), _mm512_cvtepi32_epi8(l));
    }
  }
  *scale = absmax / kLargest + V::sum(poison);
  *sum = static_cast<float>(_mm512_reduce_add_epi32(total)) * *scale;
}

// Bytes 0, 2, 4 … of 128 at `from`, then bytes 1, 3, 5 ….
inline void split_pairs(const int8_t* from, __m512i* even, __m512i* odd) {
  const __m512i a = _mm512_loadu_si512(from);
  const __m512i b = _mm512_loadu_si512(from + 64);
  alignas(64) static constexpr auto kEven = [] {
    struct Table {
      uint8_t index[64];
    } t{};
    for (int i = 0; i < 64; ++i) t.index[i] = static_cast<uint8_t>(2 * i);
    return t;
  }();
  const __m512i index = _mm512_load_si512(kEven.index);
  *even = _mm512_permutex2var_epi8(a, index, b);
  *odd = _mm512_permutex2var_epi8(a, _mm512_or_si512(index, _mm512_set1_epi8(1)), b);
}

// The planes of a block of kPlanes * 64 codes in natural order.
template <int kPlanes>
void split_planes(const int8_t* codes, __m512i* planes) {
  if constexpr (kPlanes == 1) {
    planes[0] = _mm512_loadu_si512(codes);
  } else if constexpr (kPlanes == 2) {
    split_pairs(codes, &planes[0], &planes[1]);
  } else {
    alignas(64) int8_t even[128];
    alignas(64) int8_t odd[128];
    for (int half = 0; half < 2; ++half) {
      __m512i e;
      __m512i o;
      split_pairs(codes + half * 128, &e, &o);
      _mm512_store_si512(even + half * 64, e);
      _mm512_store_si512(odd + half * 64, o);
    }
    split_pairs(even, &planes[0], &planes[2]);
    split_pairs(odd, &planes[1], &planes[3]);
  }
}

template <typename Codes, bool kPair>
void prepare_integers(const Matrix& w, Rows x, uint8_t* prepared) {
  using Row = IntegerRow<Codes, kPair>;
  auto* scales = reinterpret_cast<float*>(prepared + Row::scales_at(w));
  auto* sums = reinterpret_cast<float*>(prepared + Row::sums_at(w));
  const int64_t padded = Row::blocks(w) * kBlockCodes<Codes>;
  auto* high = reinterpret_cast<int8_t*>(prepared + Row::codes_at(w));
  int8_t* low = high + padded;
  __builtin_memset(scales, 0, static_cast<size_t>(Row::groups(w)) * 8);
  __builtin_memset(high + w.columns, 0, static_cast<size_t>(padded - w.columns));
  __builtin_memset(low + w.columns, 0, static_cast<size_t>(padded - w.columns));
  for (int64_t g = 0; g < w.groups(); ++g) {
    const int64_t k = g * w.group_size;
    quantize_group<kPair>(x.data + k, w.group_size, high + k, low + k, scales + g, sums + g);
  }
  for (int64_t block = 0; block < Row::blocks(w); ++block) {
    __m512i h[Codes::kPlanes];
    __m512i l[Codes::kPlanes];
    split_planes<Codes::kPlanes>(high + block * kBlockCodes<Codes>, h);
    if constexpr (kPair) split_planes<Codes::kPlanes>(low + block * kBlockCodes<Codes>, l);
    uint8_t* to = prepared + block * Row::kBlockBytes;
    for (int p = 0; p < Codes::kPlanes; ++p) {
      _mm512_store_si512(to, h[p]);
      to += 64;
      if constexpr (!kPair) continue;
      _mm512_store_si512(to, l[p]);
      to += 64;
    }
  }
}
