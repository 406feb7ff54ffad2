// Decode rows on the dot products of bytes (sdot), weights as the file has them. Activations become 15-bit integers in
// two signed bytes, q = 128 * high + low; codes are signed or small enough to be. The formula is that of
// avx512_rows.cpp; sixteen elements at a time, in their order.
#pragma once

#include "kernels/generic_integers.inl"

// Sixteen codes as signed bytes; kCentre is what has been taken off each.
template <int kWidth>
struct SignedCodes {
  static constexpr int kBits = kWidth;
  static constexpr int kCentre = 0;
  static int8x16_t load(const uint8_t* p) {
    const uint64_t low = V::spread<kWidth>(bits_at(p, kWidth));
    const uint64_t high = V::spread<kWidth>(bits_at(p + kWidth, kWidth));
    return vreinterpretq_s8_u64(vcombine_u64(vcreate_u64(low), vcreate_u64(high)));
  }
};
template <>
struct SignedCodes<4> {
  static constexpr int kBits = 4;
  static constexpr int kCentre = 0;
  static int8x16_t load(const uint8_t* p) {
    const uint8x8_t bytes = vld1_u8(p);
    const uint8x8x2_t pairs = vzip_u8(vand_u8(bytes, vdup_n_u8(15)), vshr_n_u8(bytes, 4));
    return vreinterpretq_s8_u8(vcombine_u8(pairs.val[0], pairs.val[1]));
  }
};
template <>
struct SignedCodes<8> {
  static constexpr int kBits = 8;
  static constexpr int kCentre = 128;
  static int8x16_t load(const uint8_t* p) { return vreinterpretq_s8_u8(veorq_u8(vld1q_u8(p), vdupq_n_u8(0x80))); }
};
// E2M1 as 2 * value + 12.
struct SignedE2m1 {
  static constexpr int kBits = 4;
  static constexpr int kCentre = 0;
  static int8x16_t load(const uint8_t* p) {
    alignas(16) static constexpr int8_t kTable[16] = {12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0};
    return vqtbl1q_s8(vld1q_s8(kTable), vreinterpretq_u8_s8(SignedCodes<4>::load(p)));
  }
};

// An activation row: [high, low][columns], then a scale and a scaled sum for each group.
struct ByteRow {
  static int64_t scales_at(const Matrix& w) { return w.columns * 2; }
  static int64_t sums_at(const Matrix& w) { return scales_at(w) + w.groups() * 4; }
  static int64_t bytes(const Matrix& w) { return (sums_at(w) + w.groups() * 4 + 63) / 64 * 64; }
};

void prepare_bytes(const Matrix& w, Rows x, uint8_t* prepared) {
  auto* high = reinterpret_cast<int8_t*>(prepared);
  int8_t* low = high + w.columns;
  auto* scales = reinterpret_cast<float*>(prepared + ByteRow::scales_at(w));
  auto* sums = reinterpret_cast<float*>(prepared + ByteRow::sums_at(w));
  for (int64_t g = 0; g < w.groups(); ++g) {
    int16_t q[kGroupMax];
    const GroupOf15 group = quantize_15(x.data + g * w.group_size, w.group_size, q);
    for (int i = 0; i < w.group_size; ++i) {
      const int h = (q[i] + 64) >> 7;
      high[g * w.group_size + i] = static_cast<int8_t>(h);
      low[g * w.group_size + i] = static_cast<int8_t>(q[i] - h * 128);
    }
    scales[g] = group.scale;
    sums[g] = group.sum;
  }
}

constexpr int kByteTokens = 4;

// y of one weight row and kTokens tokens.
template <typename Codes, int kTokens>
void multiply_bytes(const Matrix& w, int64_t row, const uint8_t* tokens, const float* row_scales, float* y,
                    int64_t y_stride) {
  const int64_t token_bytes = ByteRow::bytes(w);
  const int64_t groups = w.groups();
  const uint8_t* p = w.weight + row * w.row_bytes();
  V::F sums[kTokens];
  float offsets[kTokens] = {};
  for (auto& sum : sums) sum = V::set(0);
  for (int64_t g = 0; g < groups; ++g) {
    int32x4_t high[kTokens];
    int32x4_t low[kTokens];
    for (int t = 0; t < kTokens; ++t) high[t] = low[t] = vdupq_n_s32(0);
    for (int64_t k = g * w.group_size; k < (g + 1) * w.group_size; k += 16, p += 2 * Codes::kBits) {
      const int8x16_t codes = Codes::load(p);
      for (int t = 0; t < kTokens; ++t) {
        const auto* q = reinterpret_cast<const int8_t*>(tokens + t * token_bytes) + k;
        high[t] = vdotq_s32(high[t], codes, vld1q_s8(q));
        low[t] = vdotq_s32(low[t], codes, vld1q_s8(q + w.columns));
      }
    }
    const float scale = row_scales[g];
    const float offset = row_scales[groups + g] + static_cast<float>(Codes::kCentre) * scale;
    for (int t = 0; t < kTokens; ++t) {
      const auto* scales_x = reinterpret_cast<const float*>(tokens + t * token_bytes + ByteRow::scales_at(w));
      const int32x4_t dot = vaddq_s32(vshlq_n_s32(high[t], 7), low[t]);
      sums[t] = V::fma(vcvtq_f32_s32(dot), V::set(scale * scales_x[g]), sums[t]);
      offsets[t] = __builtin_fmaf(offset, scales_x[groups + g], offsets[t]);
    }
  }
  const float bias = w.bias != nullptr ? w.bias[row] : 0.0F;
  for (int t = 0; t < kTokens; ++t) y[t * y_stride] = V::sum(sums[t]) + offsets[t] + bias;
}

template <typename Codes>
void multiply_byte_rows(const Matrix& w, Rows x, const uint8_t* prepared, int64_t begin, int64_t end, MutableRows y,
                        uint8_t* scratch) {
  auto* scales = reinterpret_cast<float*>(scratch);
  const int64_t token_bytes = ByteRow::bytes(w);
  for (int64_t row = begin; row < end; ++row) {
    load_row_scales(w, row, w.groups(), scales);
    int t = 0;
    for (; t + kByteTokens <= x.count; t += kByteTokens) {
      multiply_bytes<Codes, kByteTokens>(w, row, prepared + t * token_bytes, scales, y.data + t * y.stride + row,
                                         y.stride);
    }
    for (; t < x.count; ++t) {
      multiply_bytes<Codes, 1>(w, row, prepared + t * token_bytes, scales, y.data + t * y.stride + row, y.stride);
    }
  }
}

int64_t row_scale_bytes(const Matrix& w) { return w.groups() * 8; }

template <typename Codes>
constexpr LinearKernel kByteKernel = {.name = "sdot 15-bit",
                                      .row_block = 1,
                                      .prepared_bytes = ByteRow::bytes,
                                      .prepare = prepare_bytes,
                                      .scratch_bytes = row_scale_bytes,
                                      .multiply = multiply_byte_rows<Codes>};

// Null where integers do not help: dense weights, fp8 codes, exact numerics. Fast numerics are 15 bits too.
const LinearKernel* byte_kernel_for(const Matrix& w, Numerics numerics) {
  if (numerics == Numerics::exact) return nullptr;
  if (w.packing == Packing::mxfp4 || w.packing == Packing::nvfp4) return &kByteKernel<SignedE2m1>;
  if (w.packing != Packing::affine) return nullptr;
  switch (w.bits) {
    case 2: return &kByteKernel<SignedCodes<2>>;
    case 3: return &kByteKernel<SignedCodes<3>>;
    case 4: return &kByteKernel<SignedCodes<4>>;
    case 5: return &kByteKernel<SignedCodes<5>>;
    case 6: return &kByteKernel<SignedCodes<6>>;
    default: return &kByteKernel<SignedCodes<8>>;
  }
}
