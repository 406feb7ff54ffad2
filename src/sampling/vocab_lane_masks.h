// Comparisons where the machine has no mask registers: a lane is -1 where true.
#pragma once

#include "sampling/vocab_lanes.h"

namespace {

struct Mask {
  IntRegister part[kRegisters];
};

template <typename Part>
inline Mask each_mask(Part part) {
  Mask mask;
  for (size_t i = 0; i < kRegisters; ++i) mask.part[i] = part(i);
  return mask;
}

inline Mask less(Floats a, Floats b) {
  return each_mask([&](size_t i) { return a.part[i] < b.part[i]; });
}
inline Mask at_least(Floats a, Floats b) {
  return each_mask([&](size_t i) { return a.part[i] >= b.part[i]; });
}
inline Mask equal(Floats a, Floats b) {
  return each_mask([&](size_t i) { return a.part[i] == b.part[i]; });
}
inline Mask operator&(Mask a, Mask b) {
  return each_mask([&](size_t i) { return a.part[i] & b.part[i]; });
}
inline Floats choose(Mask mask, Floats yes, Floats no) {
  return each([&](size_t i) {
    return (FloatRegister)(((IntRegister)yes.part[i] & mask.part[i]) | ((IntRegister)no.part[i] & ~mask.part[i]));
  });
}
inline Floats only(Mask mask, Floats v) {
  return each([&](size_t i) { return (FloatRegister)((IntRegister)v.part[i] & mask.part[i]); });
}

// True in the lanes whose bit is set.
inline Mask mask_of(unsigned bits) {
  return each_mask([&](size_t i) {
    IntRegister lane;
    for (size_t j = 0; j < 16 / kRegisters; ++j) lane[j] = 1 << (i * (16 / kRegisters) + j);
    return ((IntRegister{} + (int32_t)bits) & lane) != 0;
  });
}

}  // namespace
