// The algorithms of every instruction set, written once. An ISA file defines in its anonymous namespace a vector type
// `V` (scalar.cpp says what it must have), includes this file, and exports `kTable<V>`.
//
// Sums have one order, fixed by the vector width and by nothing else: not by the number of rows, threads or blocks.
#include "kernels/generic_attention.inl"
#include "kernels/generic_linear.inl"
#include "kernels/generic_rows.inl"

constexpr Kernels generic_table(const char* isa, LinearKernels (*linear)(const Matrix&, Numerics)) {
  return {.isa = isa,
          .linear = linear,
          .dequantize = dequantize,
          .add = add,
          .scale = scale,
          .gate = gate,
          .soft_cap = soft_cap,
          .rms_norm = rms_norm,
          .rotate = rotate,
          .write_kv = write_kv,
          .attend = attend,
          .merge = merge};
}
