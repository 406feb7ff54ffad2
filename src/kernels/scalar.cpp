// The specification: every kernel one element at a time, in plain C++. Other instruction sets are tested against it.
#include "kernels/kernels.h"
#include "kernels/tables.h"

namespace mlxserving::kernels {
namespace {

#include "kernels/f32_bits.inl"

// What the algorithms ask of a vector type. F holds kWidth floats. *_part touch `n` elements in memory, the other lanes
// read as zero. *_as convert from and to the number types of files; bytes may be unaligned.
struct V {
  using F = float;
  static constexpr int kWidth = 1;
  static constexpr int kRowBlock = 1;  // weight rows and tokens whose sums are held at once
  static constexpr int kTokenBlock = 1;
  static constexpr int kQueryBlock = 1;    // queries that share a page's keys while they are in registers
  static constexpr int kValueVectors = 1;  // vectors of a value row held at once

  static F set(float x) { return x; }
  static F load(const float* p) { return *p; }
  static F load_part(const float* p, int) { return *p; }
  static void store(float* p, F v) { *p = v; }
  static void store_part(float* p, int, F v) { *p = v; }
  template <Float kType>
  static F load_as(const uint8_t* p) {
    return kType == Float::f32 ? f32_at(p) : kType == Float::bf16 ? bf16_at(p) : f16_at(p);
  }
  template <Float kType>
  static F load_part_as(const uint8_t* p, int) {
    return load_as<kType>(p);
  }
  template <Float kType>
  static void store_as(uint8_t* p, F v) {
    const uint32_t bits = kType == Float::f32 ? bits_of(v) : kType == Float::bf16 ? bf16_of(v) : f16_of(v);
    __builtin_memcpy(p, &bits, bytes_of(kType));
  }
  template <Float kType>
  static void store_part_as(uint8_t* p, int, F v) {
    store_as<kType>(p, v);
  }
  static F from_u8(const uint8_t* p) { return *p; }
  static F from_e4m3(const uint8_t* p) {
    const float magnitude = float_of((*p & 0x7FU) << 20U) * 0x1p120F;
    return (*p & 0x80U) != 0 ? -magnitude : magnitude;
  }
  static F lookup16(const float* table, const uint8_t* p) { return table[*p]; }

  static F add(F a, F b) { return a + b; }
  static F sub(F a, F b) { return a - b; }
  static F mul(F a, F b) { return a * b; }
  static F div(F a, F b) { return a / b; }
  static F fma(F a, F b, F c) { return __builtin_fmaf(a, b, c); }
  static F min(F a, F b) { return a < b ? a : b; }  // b when either is NaN
  static F max(F a, F b) { return a > b ? a : b; }
  static F round(F a) { return __builtin_rintf(a); }
  static F pow2(F n) { return float_of(static_cast<uint32_t>(static_cast<int32_t>(n) + 127) << 23U); }
  static F zero_where_less(F x, F limit, F v) { return x < limit ? 0.0F : v; }
  static float sum(F v) { return v; }
  static float largest(F v) { return v; }
  static float first(F v) { return v; }

  // Eight codes of kBits, LSB first, to one a byte.
  template <int kBits>
  static uint64_t spread(uint64_t word) {
    return spread_bytes<kBits>(word);
  }
};

#include "kernels/generic.inl"

LinearKernels linear(const Matrix&, Numerics) { return {&kF32Kernel, &kF32Kernel}; }

}  // namespace

extern const Kernels kScalar = generic_table("scalar", linear);

}  // namespace mlxserving::kernels
