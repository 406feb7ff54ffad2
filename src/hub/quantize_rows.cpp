#include "hub/quantize_rows.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/check.h"
#include "format/float_types.h"
#include "hub/parallel_rows.h"

namespace mlxserving::hub {
namespace {

using format::DType;
using format::QuantMode;
using format::QuantSpec;

// One group of an affine row: the grid has 2^bits points from the end of the range that is further from zero, stretched
// so that zero is one of them. The codes are taken with the unrounded scale and bias.
struct AffineGrid {
  float scale;
  float bias;
};

AffineGrid affine_grid(const float* values, size_t count, float code_max) {
  constexpr float kScaleMin = 1e-7F;
  float least = std::numeric_limits<float>::infinity();
  float most = -least;
  for (size_t i = 0; i < count; ++i) {
    least = std::min(least, values[i]);
    most = std::max(most, values[i]);
  }
  const bool from_least = std::fabs(least) > std::fabs(most);
  const float step = std::max((most - least) / code_max, kScaleMin);
  const float scale = from_least ? step : -step;
  const float edge = from_least ? least : most;
  const float zero_code = std::rint(edge / scale);
  if (zero_code == 0) return {scale, 0};
  return {edge / zero_code, edge};
}

void affine_group(const float* values, size_t count, int bits, uint8_t* codes, AffineGrid& grid) {
  const auto code_max = static_cast<float>((1 << bits) - 1);
  grid = affine_grid(values, count, code_max);
  for (size_t i = 0; i < count; ++i) {
    const float code = std::rint((values[i] - grid.bias) / grid.scale);
    codes[i] = static_cast<uint8_t>(std::min(std::max(code, 0.0F), code_max));
  }
}

// The smallest power of two that is not below `value`, so that no element leaves the range; as E8M0.
uint8_t e8m0_not_below(float value) {
  if (!std::isfinite(value)) return 0xFF;
  const int exponent = std::clamp(static_cast<int>(std::round(std::log2(value))), -127, 127);
  auto bits = static_cast<uint8_t>(exponent + 127);
  if (bits < 0xFE && format::f32_from_e8m0(bits) < value) ++bits;
  return bits;
}

uint8_t float_group(QuantMode mode, const float* values, size_t count, uint8_t* codes) {
  float largest = 0;
  for (size_t i = 0; i < count; ++i) largest = std::max(largest, std::fabs(values[i]));
  const float ideal = largest / (mode == QuantMode::mxfp8 ? 448.0F : 6.0F);
  const uint8_t bits = mode == QuantMode::nvfp4 ? format::e4m3_from_f32(ideal) : e8m0_not_below(ideal);
  const float scale = mode == QuantMode::nvfp4 ? format::f32_from_e4m3(bits) : format::f32_from_e8m0(bits);
  const float inverse = scale == 0 ? 0 : 1 / scale;
  for (size_t i = 0; i < count; ++i) {
    const float value = values[i] * inverse;
    codes[i] = mode == QuantMode::mxfp8 ? format::e4m3_from_f32(value) : format::e2m1_from_f32(value);
  }
  return bits;
}

void quantize_row(const QuantSpec& spec, DType dtype, const float* values, size_t columns, uint8_t* codes,
                  const QuantizedOut& out) {
  const auto group_size = static_cast<size_t>(spec.group_size);
  for (size_t group = 0; group < columns / group_size; ++group) {
    const size_t at = group * group_size;
    if (spec.mode == QuantMode::affine) {
      AffineGrid grid{};
      affine_group(values + at, group_size, spec.bits, codes + at, grid);
      format::from_f32(dtype, &grid.scale, 1, out.scales + group * size_of(dtype));
      format::from_f32(dtype, &grid.bias, 1, out.biases + group * size_of(dtype));
    } else {
      out.scales[group] = static_cast<std::byte>(float_group(spec.mode, values + at, group_size, codes + at));
    }
  }
  format::pack_codes(codes, columns, spec.bits, out.packed);
}

}  // namespace

void quantize_matrix(const QuantSpec& spec, DType dtype, size_t rows, size_t columns, const ReadRow& read,
                     const QuantizedOut& out) {
  check(columns % static_cast<size_t>(spec.group_size) == 0, "rows are whole groups");
  const size_t packed_row = format::packed_bytes(spec, columns);
  const size_t scales_row = columns / static_cast<size_t>(spec.group_size) * size_of(scale_dtype(spec, dtype));
  parallel_rows(rows, [&](size_t begin, size_t end) {
    std::vector<float> values(columns);
    std::vector<uint8_t> codes(columns);
    for (size_t row = begin; row < end; ++row) {
      read(row, values.data());
      const QuantizedOut place{out.packed + row * packed_row, out.scales + row * scales_row,
                               out.biases == nullptr ? nullptr : out.biases + row * scales_row};
      quantize_row(spec, dtype, values.data(), columns, codes.data(), place);
    }
  });
}

}  // namespace mlxserving::hub
