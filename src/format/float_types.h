// The narrow floats of model files, to and from f32. All conversions to them round to nearest, ties to even.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "format/tensor.h"

namespace mlxserving::format {

inline float f32_from_bf16(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

inline uint16_t bf16_from_f32(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  if (value != value) return static_cast<uint16_t>((bits >> 16) | 0x40);  // stays a NaN
  return static_cast<uint16_t>((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}

float f32_from_f16(uint16_t bits);
uint16_t f16_from_f32(float value);  // over 65519: infinity

// E2M1: 0, .5, 1, 1.5, 2, 3, 4, 6 by the low three bits, bit 3 the sign (OCP Microscaling Formats 1.0).
float f32_from_e2m1(uint8_t code);

// E4M3 without infinities: 448 at most, 0x7F a NaN (OCP 8-bit Floating Point 1.0).
float f32_from_e4m3(uint8_t bits);
uint8_t e4m3_from_f32(float value);  // saturates at 448

// E8M0, a power of two: 2^(bits - 127).
float f32_from_e8m0(uint8_t bits);

// `count` elements of f16, bf16 or f32 bytes, aligned or not, as f32; and back.
void to_f32(DType dtype, const std::byte* bytes, size_t count, float* out);
void from_f32(DType dtype, const float* values, size_t count, std::byte* out);

}  // namespace mlxserving::format
