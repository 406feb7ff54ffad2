// Single numbers: bits to f32 and back, codes out of a word. For the anonymous namespace of a kernel file.
#pragma once

inline float float_of(uint32_t bits) { return __builtin_bit_cast(float, bits); }
inline uint32_t bits_of(float x) { return __builtin_bit_cast(uint32_t, x); }

template <typename T>
inline T unaligned(const uint8_t* p) {
  T value;
  __builtin_memcpy(&value, p, sizeof value);
  return value;
}

inline float f32_at(const uint8_t* p) { return unaligned<float>(p); }
inline float bf16_at(const uint8_t* p) { return float_of(static_cast<uint32_t>(unaligned<uint16_t>(p)) << 16U); }

// 5 exponent bits of bias 15: shifted into place a finite value is short by 2^112, denormals included.
inline float f16_at(const uint8_t* p) {
  const uint32_t h = unaligned<uint16_t>(p);
  const uint32_t sign = (h & 0x8000U) << 16U;
  if ((h & 0x7C00U) == 0x7C00U) return float_of(sign | 0x7F800000U | (h & 0x3FFU) << 13U);
  return float_of(sign | bits_of(float_of((h & 0x7FFFU) << 13U) * 0x1p112F));
}

// Round to nearest, ties to even; NaN stays NaN.
inline uint16_t bf16_of(float x) {
  const uint32_t u = bits_of(x);
  if ((u & 0x7FFFFFFFU) > 0x7F800000U) return static_cast<uint16_t>(u >> 16U | 0x40U);
  return static_cast<uint16_t>((u + 0x7FFFU + (u >> 16U & 1U)) >> 16U);
}

inline uint16_t f16_of(float x) {
  const uint32_t u = bits_of(x);
  const uint32_t sign = u >> 16U & 0x8000U;
  const uint32_t magnitude = u & 0x7FFFFFFFU;
  if (magnitude > 0x7F800000U) return static_cast<uint16_t>(sign | 0x7E00U);
  if (magnitude >= 0x477FF000U) return static_cast<uint16_t>(sign | 0x7C00U);  // rounds to 2^16 or more
  if (magnitude < 0x38800000U) {  // below 2^-14: adding 1/2 leaves the denormal's bits, rounded, at the bottom
    return static_cast<uint16_t>(sign | (bits_of(float_of(magnitude) + 0.5F) - bits_of(0.5F)));
  }
  return static_cast<uint16_t>(sign | (magnitude - 0x38000000U + 0xFFFU + (magnitude >> 13U & 1U)) >> 13U);
}

// Eight codes of kBits, LSB first, to one a byte.
template <int kBits>
inline uint64_t spread_bytes(uint64_t word) {
  uint64_t out = 0;
  for (unsigned i = 0; i < 8; ++i) out |= (word >> (i * kBits) & ((1U << kBits) - 1U)) << (8 * i);
  return out;
}
