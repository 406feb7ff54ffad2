// Four floats a vector, thirty-two registers. For the anonymous namespace of a kernel file.
#pragma once

#include "kernels/f32_bits.inl"

struct V {
  using F = float32x4_t;
  static constexpr int kWidth = 4;
  static constexpr int kRowBlock = 4;
  static constexpr int kTokenBlock = 4;
  static constexpr int kQueryBlock = 4;
  static constexpr int kValueVectors = 4;

  static F set(float x) { return vdupq_n_f32(x); }
  static F load(const float* p) { return vld1q_f32(p); }
  static F load_part(const float* p, int n) {
    float floats[4] = {};
    __builtin_memcpy(floats, p, static_cast<size_t>(n) * 4);
    return vld1q_f32(floats);
  }
  static void store(float* p, F v) { vst1q_f32(p, v); }
  static void store_part(float* p, int n, F v) {
    float floats[4];
    vst1q_f32(floats, v);
    __builtin_memcpy(p, floats, static_cast<size_t>(n) * 4);
  }

  static F widened(Float type, uint16x4_t v) {
    if (type == Float::f16) return vcvt_f32_f16(vreinterpret_f16_u16(v));
    return vreinterpretq_f32_u32(vshll_n_u16(v, 16));
  }
  static uint16x4_t narrowed(Float type, F v) {
    if (type == Float::f16) return vreinterpret_u16_f16(vcvt_f16_f32(v));
    const uint32x4_t u = vreinterpretq_u32_f32(v);
    const uint32x4_t odd = vandq_u32(vshrq_n_u32(u, 16), vdupq_n_u32(1));
    const uint32x4_t rounded = vaddq_u32(u, vaddq_u32(odd, vdupq_n_u32(0x7FFF)));
    const uint32x4_t quiet = vorrq_u32(u, vdupq_n_u32(0x400000));
    return vshrn_n_u32(vbslq_u32(vceqq_f32(v, v), rounded, quiet), 16);
  }
  template <Float kType>
  static F load_as(const uint8_t* p) {
    if constexpr (kType == Float::f32) return vreinterpretq_f32_u8(vld1q_u8(p));
    return widened(kType, vreinterpret_u16_u8(vld1_u8(p)));
  }
  template <Float kType>
  static F load_part_as(const uint8_t* p, int n) {
    uint8_t bytes[16] = {};
    __builtin_memcpy(bytes, p, static_cast<size_t>(n) * bytes_of(kType));
    return load_as<kType>(bytes);
  }
  template <Float kType>
  static void store_as(uint8_t* p, F v) {
    if constexpr (kType == Float::f32) {
      vst1q_u8(p, vreinterpretq_u8_f32(v));
    } else {
      vst1_u8(p, vreinterpret_u8_u16(narrowed(kType, v)));
    }
  }
  template <Float kType>
  static void store_part_as(uint8_t* p, int n, F v) {
    uint8_t bytes[16];
    store_as<kType>(bytes, v);
    __builtin_memcpy(p, bytes, static_cast<size_t>(n) * bytes_of(kType));
  }
  static uint32x4_t bytes(const uint8_t* p) {
    const uint8x8_t four = vreinterpret_u8_u32(vdup_n_u32(unaligned<uint32_t>(p)));
    return vmovl_u16(vget_low_u16(vmovl_u8(four)));
  }
  static F from_u8(const uint8_t* p) { return vcvtq_f32_u32(bytes(p)); }
  static F from_e4m3(const uint8_t* p) {
    const uint32x4_t u = bytes(p);
    const uint32x4_t magnitude = vshlq_n_u32(vandq_u32(u, vdupq_n_u32(0x7F)), 20);
    const uint32x4_t sign = vshlq_n_u32(vandq_u32(u, vdupq_n_u32(0x80)), 24);
    const F value = vmulq_f32(vreinterpretq_f32_u32(magnitude), vdupq_n_f32(0x1p120F));
    return vreinterpretq_f32_u32(vorrq_u32(vreinterpretq_u32_f32(value), sign));
  }
  static F lookup16(const float* table, const uint8_t* p) {
    const float floats[4] = {table[p[0]], table[p[1]], table[p[2]], table[p[3]]};
    return vld1q_f32(floats);
  }

  static F add(F a, F b) { return vaddq_f32(a, b); }
  static F sub(F a, F b) { return vsubq_f32(a, b); }
  static F mul(F a, F b) { return vmulq_f32(a, b); }
  static F div(F a, F b) { return vdivq_f32(a, b); }
  static F fma(F a, F b, F c) { return vfmaq_f32(c, a, b); }
  static F min(F a, F b) { return vbslq_f32(vcltq_f32(a, b), a, b); }  // b when either is NaN
  static F max(F a, F b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
  static F round(F a) { return vrndnq_f32(a); }
  static F pow2(F n) {
    return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(vcvtnq_s32_f32(n), vdupq_n_s32(127)), 23));
  }
  static F zero_where_less(F x, F limit, F v) {
    return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(v), vcltq_f32(x, limit)));
  }
  static float first(F v) { return vgetq_lane_f32(v, 0); }
  static float sum(F v) { return vaddvq_f32(v); }
  static float largest(F v) { return vmaxvq_f32(v); }

  template <int kBits>
  static uint64_t spread(uint64_t word) {
    return spread_bytes<kBits>(word);
  }
};
