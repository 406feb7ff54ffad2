// Dense values to MLX's quantised layout, bit for bit what mlx.core.quantize makes of them.
#pragma once

#include <cstddef>
#include <functional>

#include "format/quantization.h"

namespace mlxserving::hub {

// Where one matrix goes: packed codes, scales, and biases (affine only), rows end to end.
struct QuantizedOut {
  std::byte* packed = nullptr;
  std::byte* scales = nullptr;
  std::byte* biases = nullptr;
};

// Reads row `row` as `columns` f32 values into `out`.
using ReadRow = std::function<void(size_t row, float* out)>;

// Quantises rows x columns; `columns` is a multiple of the group. `dtype` is that of affine scales and biases, and the
// type the values had, so that the result is MLX's. Uses all cores.
void quantize_matrix(const format::QuantSpec& spec, format::DType dtype, size_t rows, size_t columns,
                     const ReadRow& read, const QuantizedOut& out);

}  // namespace mlxserving::hub
