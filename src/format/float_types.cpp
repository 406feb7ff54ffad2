#include "format/float_types.h"

#include <array>
#include <cmath>
#include <cstring>

#include "core/check.h"

namespace mlxserving::format {
namespace {

constexpr float kE2m1[8] = {0.0F, 0.5F, 1.0F, 1.5F, 2.0F, 3.0F, 4.0F, 6.0F};

float decode_e4m3(int bits) {
  const int exponent = (bits >> 3) & 15;
  const int mantissa = bits & 7;
  if (exponent == 15 && mantissa == 7) return std::nanf("");
  const float magnitude = exponent == 0 ? std::ldexp(static_cast<float>(mantissa), -9)
                                        : std::ldexp(static_cast<float>(8 + mantissa), exponent - 10);
  return (bits & 0x80) != 0 ? -magnitude : magnitude;
}

const std::array<float, 256>& e4m3_table() {
  static const std::array<float, 256> table = [] {
    std::array<float, 256> values{};
    for (int bits = 0; bits < 256; ++bits) values[static_cast<size_t>(bits)] = decode_e4m3(bits);
    return values;
  }();
  return table;
}

template <typename Element, typename Convert>
void widen(const std::byte* bytes, size_t count, float* out, Convert convert) {
  for (size_t i = 0; i < count; ++i) {
    Element element;
    std::memcpy(&element, bytes + i * sizeof(Element), sizeof(Element));
    out[i] = convert(element);
  }
}

template <typename Convert>
void narrow(const float* values, size_t count, std::byte* out, Convert convert) {
  for (size_t i = 0; i < count; ++i) {
    const uint16_t element = convert(values[i]);
    std::memcpy(out + i * sizeof(element), &element, sizeof(element));
  }
}

}  // namespace

float f32_from_f16(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
  const uint32_t exponent = (bits >> 10) & 31;
  const uint32_t mantissa = bits & 0x3FF;
  if (exponent == 0) {  // zero or subnormal: mantissa * 2^-24 is exact
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24F;
    return sign != 0 ? -magnitude : magnitude;
  }
  const uint32_t wide = exponent == 31 ? 255 : exponent + 112;
  return std::bit_cast<float>(sign | (wide << 23) | (mantissa << 13));
}

uint16_t f16_from_f32(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>((bits >> 16) & 0x8000);
  const uint32_t magnitude = bits & 0x7FFFFFFF;
  if (magnitude > 0x7F800000) return static_cast<uint16_t>(sign | 0x7E00);
  if (magnitude >= 0x477FF000) return static_cast<uint16_t>(sign | 0x7C00);  // 65520 rounds to infinity
  if (magnitude < 0x38800000) {  // below 2^-14: the sum's last bit is worth 2^-24, so the addition rounds for us
    const float sum = std::bit_cast<float>(magnitude) + 0.5F;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(sum) - std::bit_cast<uint32_t>(0.5F)));
  }
  const uint32_t rounded = magnitude + 0xFFF + ((magnitude >> 13) & 1);
  return static_cast<uint16_t>(sign | ((rounded - 0x38000000) >> 13));
}

float f32_from_e2m1(uint8_t code) { return (code & 8) != 0 ? -kE2m1[code & 7] : kE2m1[code & 7]; }

float f32_from_e4m3(uint8_t bits) { return e4m3_table()[bits]; }

uint8_t e4m3_from_f32(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint8_t>((bits >> 24) & 0x80);
  const uint32_t magnitude = bits & 0x7FFFFFFF;
  if (magnitude >= std::bit_cast<uint32_t>(480.0F)) return static_cast<uint8_t>(sign | 0x7E);
  if (magnitude < std::bit_cast<uint32_t>(0x1p-6F)) {  // subnormal: steps of 2^-9, which the addition rounds to
    const float sum = std::bit_cast<float>(magnitude) + 0x1p14F;
    return static_cast<uint8_t>(sign | (std::bit_cast<uint32_t>(sum) - std::bit_cast<uint32_t>(0x1p14F)));
  }
  const uint32_t rounded = magnitude + 0x7FFFF + ((magnitude >> 20) & 1);
  const uint32_t code = (rounded >> 20) - (120 << 3);
  return static_cast<uint8_t>(sign | (code > 0x7E ? 0x7E : code));
}

float f32_from_e8m0(uint8_t bits) {
  return std::bit_cast<float>(bits == 0 ? uint32_t{0x400000} : static_cast<uint32_t>(bits) << 23);
}

void to_f32(DType dtype, const std::byte* bytes, size_t count, float* out) {
  check(is_float(dtype), "to_f32 takes f16, bf16 and f32");
  if (dtype == DType::f16) return widen<uint16_t>(bytes, count, out, f32_from_f16);
  if (dtype == DType::bf16) return widen<uint16_t>(bytes, count, out, f32_from_bf16);
  std::memcpy(out, bytes, count * sizeof(float));
}

void from_f32(DType dtype, const float* values, size_t count, std::byte* out) {
  check(is_float(dtype), "from_f32 gives f16, bf16 and f32");
  if (dtype == DType::f16) return narrow(values, count, out, f16_from_f32);
  if (dtype == DType::bf16) return narrow(values, count, out, bf16_from_f32);
  std::memcpy(out, values, count * sizeof(float));
}

}  // namespace mlxserving::format
