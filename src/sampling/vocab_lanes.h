// Sixteen float lanes in registers of MLXS_REGISTER_BYTES, which the including file defines. Compilers do not split a
// wider vector type into registers well (GCC 12 compares it lane by lane), so the split is written out here.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace {

typedef float FloatRegister __attribute__((vector_size(MLXS_REGISTER_BYTES)));
typedef int32_t IntRegister __attribute__((vector_size(MLXS_REGISTER_BYTES)));
typedef uint32_t UintRegister __attribute__((vector_size(MLXS_REGISTER_BYTES)));

constexpr size_t kRegisters = 64 / MLXS_REGISTER_BYTES;

struct Floats {
  FloatRegister part[kRegisters];
};

template <typename Part>
inline Floats each(Part part) {
  Floats v;
  for (size_t i = 0; i < kRegisters; ++i) v.part[i] = part(i);
  return v;
}

// Register by register: a copy of the whole would go through narrower moves.
inline Floats load(const float* p) {
  return each([&](size_t i) {
    FloatRegister v;
    __builtin_memcpy(&v, p + i * (16 / kRegisters), sizeof v);
    return v;
  });
}
inline void store(float* p, Floats v) {
  for (size_t i = 0; i < kRegisters; ++i) __builtin_memcpy(p + i * (16 / kRegisters), &v.part[i], sizeof v.part[i]);
}

inline Floats splat(float value) {
  return each([&](size_t) { return FloatRegister{} + value; });
}
inline Floats operator+(Floats a, Floats b) {
  return each([&](size_t i) { return a.part[i] + b.part[i]; });
}
inline Floats operator-(Floats a, Floats b) {
  return each([&](size_t i) { return a.part[i] - b.part[i]; });
}
inline Floats operator*(Floats a, Floats b) {
  return each([&](size_t i) { return a.part[i] * b.part[i]; });
}
inline Floats operator+(Floats a, float b) { return a + splat(b); }
inline Floats operator-(Floats a, float b) { return a - splat(b); }
inline Floats operator*(Floats a, float b) { return a * splat(b); }

// Numbers from `from` on, as the bits of floats.
inline Floats index_lanes(size_t from) {
  return each([&](size_t i) {
    IntRegister lane;
    for (size_t j = 0; j < 16 / kRegisters; ++j) lane[j] = static_cast<int32_t>(i * (16 / kRegisters) + j);
    return (FloatRegister)(lane + static_cast<int32_t>(from));
  });
}

// -|v|
inline Floats negative_magnitude(Floats v) {
  return each([&](size_t i) { return (FloatRegister)((IntRegister)v.part[i] | INT32_MIN); });
}

// v times two to the whole number in the low bits of `power`, which becomes part of the exponent. Wraps where the
// result is no number: the caller masks those lanes.
inline Floats times_power_of_two(Floats v, Floats power) {
  return each([&](size_t i) { return (FloatRegister)((UintRegister)v.part[i] + ((UintRegister)power.part[i] << 23)); });
}

}  // namespace
