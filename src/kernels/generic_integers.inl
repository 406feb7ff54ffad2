// Activations as 15-bit integers and the scales of a weight row: what the decode kernels on integers share.
#pragma once

#include "kernels/generic_weights.inl"

constexpr float kLargest15 = 16256.0F;  // 127 * 128: high and low parts of 7 bits fit a signed byte each

struct GroupOf15 {
  float scale;
  float sum;  // of the integers, scaled
};

// One group of an activation row, `count` a multiple of eight; q[i] * scale is x[i] within half a scale. Anything not
// finite makes the scale NaN.
inline GroupOf15 quantize_15(const float* x, int count, int16_t* q) {
  V::F largest = V::set(0);
  V::F poison = V::set(0);
  for (int i = 0; i < count; i += V::kWidth) {
    const V::F v = V::load(x + i);
    largest = V::max(V::max(v, V::sub(V::set(0), v)), largest);
    poison = V::fma(v, V::set(0), poison);
  }
  const float absmax = V::largest(largest);
  const float factor = absmax > 0 ? kLargest15 / absmax : 0.0F;
  int32_t total = 0;
  for (int i = 0; i < count; i += V::kWidth) {
    float rounded[V::kWidth];
    V::store(rounded, V::round(V::mul(V::load(x + i), V::set(factor))));
    for (int j = 0; j < V::kWidth; ++j) {
      const auto whole = static_cast<int32_t>(rounded[j]);
      q[i + j] = static_cast<int16_t>(whole);
      total += whole;
    }
  }
  const float scale = absmax / kLargest15 + V::sum(poison);
  return {scale, static_cast<float>(total) * scale};
}

// Scales [padded] then offsets [padded] of a weight row's groups, behind its own zeros. Of E2M1 codes that are
// 2 * value + 12 the scale is s / 2 and the offset -6 s.
inline void load_row_scales(const Matrix& w, int64_t row, int64_t padded, float* out) {
  const int64_t groups = w.groups();
  const int64_t first = row * groups;
  __builtin_memset(out, 0, static_cast<size_t>(padded) * 8);
  if (w.packing != Packing::affine) {
    for (int64_t g = 0; g < groups; ++g) {
      const uint8_t scale = w.scales[first + g];
      out[g] = (w.packing == Packing::mxfp4 ? e8m0(scale) : e4m3(scale)) * 0.5F;
      out[padded + g] = out[g] * -12.0F;
    }
    return;
  }
  const int64_t at = first * bytes_of(w.type);
  switch (w.type) {
    case Float::f32:
      widen<Float::f32>(w.scales + at, groups, out);
      return widen<Float::f32>(w.biases + at, groups, out + padded);
    case Float::f16:
      widen<Float::f16>(w.scales + at, groups, out);
      return widen<Float::f16>(w.biases + at, groups, out + padded);
    case Float::bf16:
      widen<Float::bf16>(w.scales + at, groups, out);
      return widen<Float::bf16>(w.biases + at, groups, out + padded);
  }
}
