// Scales and small floats of the packings, one at a time. For the anonymous namespace of a kernel file.
#pragma once

inline float scale_at(const Matrix& w, const uint8_t* table, int64_t index) {
  const uint8_t* p = table + index * bytes_of(w.type);
  return w.type == Float::f32 ? f32_at(p) : w.type == Float::bf16 ? bf16_at(p) : f16_at(p);
}

// 2^(u - 127)
inline float e8m0(uint8_t u) { return float_of(u == 0 ? 0x00400000U : static_cast<uint32_t>(u) << 23U); }

// Sign, 4 exponent bits of bias 7, 3 mantissa bits: shifted into place the value is short by 2^120, denormals included.
inline float e4m3(uint8_t u) {
  const float magnitude = float_of(static_cast<uint32_t>(u & 0x7FU) << 20U) * 0x1p120F;
  return (u & 0x80U) != 0 ? -magnitude : magnitude;
}

// Code -> value of E2M1.
alignas(64) constexpr float kE2m1[16] = {0, 0.5F, 1, 1.5F, 2, 3, 4, 6, -0.0F, -0.5F, -1, -1.5F, -2, -3, -4, -6};
