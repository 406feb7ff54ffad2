// Comparisons where the machine has no mask registers: a lane is -1 where true.
#pragma once

#include "sampling/vocab_lanes.h"

namespace {

typedef Ints Mask;

inline Mask less(Floats a, Floats b) { return a < b; }
inline Mask at_least(Floats a, Floats b) { return a >= b; }
inline Mask equal(Floats a, Floats b) { return a == b; }
inline Floats choose(Mask mask, Floats yes, Floats no) { return (Floats)(((Ints)yes & mask) | ((Ints)no & ~mask)); }
inline Floats only(Mask mask, Floats v) { return (Floats)((Ints)v & mask); }

}  // namespace
