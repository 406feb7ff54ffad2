// The vector types of the vocabulary passes: sixteen lanes, which the compiler splits into the registers there are.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace {

typedef float Floats __attribute__((vector_size(64)));
typedef int32_t Ints __attribute__((vector_size(64)));

}  // namespace
