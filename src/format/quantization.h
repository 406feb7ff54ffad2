// How MLX stores a quantised matrix: the allowed modes, their geometry, and a scalar reference that unpacks them.
//
//   weight  u32 [..., out, in * bits / 32]   a little-endian stream: element i of a row is bits [i*bits, i*bits + bits)
//   scales      [..., out, in / group_size]  affine: the weight's float type; mxfp4, mxfp8: E8M0; nvfp4: E4M3
//   biases      [..., out, in / group_size]  affine only, the type of the scales
//
//   affine: code * scale + bias    mxfp4, nvfp4: e2m1(code) * scale    mxfp8: e4m3(code) * scale
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "format/tensor.h"
#include "mlxserving/error.h"

namespace mlxserving::format {

// The enumerators are the names in config.json.
enum class QuantMode : uint8_t { affine, mxfp4, mxfp8, nvfp4 };

struct QuantSpec {
  QuantMode mode = QuantMode::affine;
  int bits = 4;
  int group_size = 64;
  bool operator==(const QuantSpec&) const = default;
};

std::string_view to_string(QuantMode mode);
std::optional<QuantMode> quant_mode_from_name(std::string_view name);

// What a mode means when config.json gives no more: affine 4 bits by 64, mxfp4 4 by 32, mxfp8 8 by 32, nvfp4 4 by 16.
QuantSpec default_spec(QuantMode mode);

// Whether MLX has such a mode. `where` is the error's param: the layer or option that asked.
Result<void> validate(const QuantSpec& spec, const std::string& where);

DType scale_dtype(const QuantSpec& spec, DType weight_dtype);  // of scales made from a dense weight of that type
bool has_biases(const QuantSpec& spec);

// Whether a dense [..., out, in] can be stored so: the last dimension is a multiple of the group.
bool fits(const QuantSpec& spec, const Shape& dense);

Shape packed_shape(const QuantSpec& spec, const Shape& dense);  // of weight, in words
Shape scales_shape(const QuantSpec& spec, const Shape& dense);
size_t packed_bytes(const QuantSpec& spec, size_t elements);  // whole rows

// Codes, one a byte, to and from the bit stream of one row. `count * bits` is a multiple of 32.
void pack_codes(const uint8_t* codes, size_t count, int bits, std::byte* packed);
void unpack_codes(const std::byte* packed, size_t count, int bits, uint8_t* codes);

// `count` elements (whole groups) of a row in f32. `biases` is used by affine alone; `dtype` is that of scales and
// biases.
void dequantize_row(const QuantSpec& spec, DType dtype, const std::byte* packed, const std::byte* scales,
                    const std::byte* biases, size_t count, float* out);

}  // namespace mlxserving::format
