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
    const float code = std::rint((values[i] - grid.bias) / grid.scale);  // a NaN becomes 0
    codes[i] = static_cast<uint8_t>(std::min(std::max(0.0F, code), code_max));
  }
}

// MLX's CPU device makes the small-float modes of ordinary ops, each of which rounds to the type of the weights: so do
// we, or ties would fall otherwise.
float rounded(DType dtype, float value) {
  if (dtype == DType::f16) return format::f32_from_f16(format::f16_from_f32(value));
  if (dtype == DType::bf16) return format::f32_from_bf16(format::bf16_from_f32(value));
  return value;
}

// The first of the 16 values that is nearest; what is infinite or not a number is near none.
uint8_t nearest_e2m1(DType dtype, float value) {
  uint8_t best = 0;
  float least = std::fabs(rounded(dtype, value - format::f32_from_e2m1(0)));
  for (uint8_t code = 1; code < 16; ++code) {
    const float distance = std::fabs(rounded(dtype, value - format::f32_from_e2m1(code)));
    if (!(distance < least)) continue;
    least = distance;
    best = code;
  }
  return best;
}

struct GroupScale {
  uint8_t bits;
  float value;
};

// The smallest power of two that is not below `ideal`, so that no element leaves the range; 1 for a group of zeros.
GroupScale e8m0_scale(DType dtype, float ideal) {
  if (ideal == 0) return {127, 1};
  const float exponent = std::rint(rounded(dtype, std::log2(ideal)));
  auto whole = static_cast<int>(exponent);
  if (rounded(dtype, std::exp2(exponent)) < ideal) ++whole;
  const auto narrow = static_cast<int8_t>(whole);  // below 2^-128 it wraps, in MLX too
  return {static_cast<uint8_t>(narrow + 127), rounded(dtype, std::exp2(static_cast<float>(narrow)))};
}

GroupScale e4m3_scale(DType dtype, float ideal) {
  const uint8_t bits = format::e4m3_from_f32(ideal);
  return {bits, rounded(dtype, format::f32_from_e4m3(bits))};
}

uint8_t float_group(QuantMode mode, DType dtype, const float* values, size_t count, uint8_t* codes) {
  float largest = 0;
  for (size_t i = 0; i < count; ++i) largest = std::max(largest, std::fabs(values[i]));
  if (!std::isfinite(largest)) largest = 0;  // reported by who reads the values
  const float ideal = rounded(dtype, largest / (mode == QuantMode::mxfp8 ? 448.0F : 6.0F));
  const GroupScale scale = mode == QuantMode::nvfp4 ? e4m3_scale(dtype, ideal) : e8m0_scale(dtype, ideal);
  for (size_t i = 0; i < count; ++i) {
    const float value = rounded(dtype, values[i] / scale.value);
    codes[i] = mode == QuantMode::mxfp8 ? format::e4m3_from_f32(value) : nearest_e2m1(dtype, value);
  }
  return scale.bits;
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
      out.scales[group] = static_cast<std::byte>(float_group(spec.mode, dtype, values + at, group_size, codes + at));
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
