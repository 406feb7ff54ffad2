#include "format/quantization.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "core/check.h"
#include "core/result.h"
#include "format/float_types.h"

namespace mlxserving::format {
namespace {

constexpr int kAffineBits[] = {2, 3, 4, 5, 6, 8};
constexpr int kAffineGroups[] = {32, 64, 128};
constexpr QuantMode kModes[] = {QuantMode::affine, QuantMode::mxfp4, QuantMode::mxfp8, QuantMode::nvfp4};

template <size_t n>
bool is_one_of(const int (&allowed)[n], int value) {
  return std::find(std::begin(allowed), std::end(allowed), value) != std::end(allowed);
}

float scale_at(const QuantSpec& spec, DType dtype, const std::byte* scales, size_t group) {
  if (spec.mode == QuantMode::affine) {
    float scale = 0;
    to_f32(dtype, scales + group * size_of(dtype), 1, &scale);
    return scale;
  }
  const auto bits = std::to_integer<uint8_t>(scales[group]);
  return spec.mode == QuantMode::nvfp4 ? f32_from_e4m3(bits) : f32_from_e8m0(bits);
}

}  // namespace

std::string_view to_string(QuantMode mode) {
  switch (mode) {
    case QuantMode::affine: return "affine";
    case QuantMode::mxfp4: return "mxfp4";
    case QuantMode::mxfp8: return "mxfp8";
    case QuantMode::nvfp4: return "nvfp4";
  }
  return "unknown";
}

std::optional<QuantMode> quant_mode_from_name(std::string_view name) {
  for (const QuantMode mode : kModes) {
    if (to_string(mode) == name) return mode;
  }
  return std::nullopt;
}

QuantSpec default_spec(QuantMode mode) {
  switch (mode) {
    case QuantMode::affine: return {mode, 4, 64};
    case QuantMode::mxfp4: return {mode, 4, 32};
    case QuantMode::mxfp8: return {mode, 8, 32};
    case QuantMode::nvfp4: return {mode, 4, 16};
  }
  return {};
}

Result<void> validate(const QuantSpec& spec, const std::string& where) {
  if (spec.mode != QuantMode::affine) {
    const QuantSpec only = default_spec(spec.mode);
    if (spec == only) return {};
    return fail(ErrorCode::unsupported_model, where, "{}: {} has {} bits in groups of {}, got {} bits in groups of {}",
                where, to_string(spec.mode), only.bits, only.group_size, spec.bits, spec.group_size);
  }
  if (!is_one_of(kAffineBits, spec.bits)) {
    return fail(ErrorCode::unsupported_model, where, "{}: bits must be 2, 3, 4, 5, 6 or 8, got {}", where, spec.bits);
  }
  if (!is_one_of(kAffineGroups, spec.group_size)) {
    return fail(ErrorCode::unsupported_model, where, "{}: group_size must be 32, 64 or 128, got {}", where,
                spec.group_size);
  }
  return {};
}

DType scale_dtype(const QuantSpec& spec, DType weight_dtype) {
  return spec.mode == QuantMode::affine ? weight_dtype : DType::u8;
}

bool has_biases(const QuantSpec& spec) { return spec.mode == QuantMode::affine; }

bool fits(const QuantSpec& spec, const Shape& dense) {
  return dense.size() >= 2 && dense.back() > 0 && dense.back() % spec.group_size == 0 &&
         dense.back() * spec.bits % 32 == 0;
}

Shape packed_shape(const QuantSpec& spec, const Shape& dense) {
  Shape shape = dense;
  shape.back() = dense.back() * spec.bits / 32;
  return shape;
}

Shape scales_shape(const QuantSpec& spec, const Shape& dense) {
  Shape shape = dense;
  shape.back() = dense.back() / spec.group_size;
  return shape;
}

size_t packed_bytes(const QuantSpec& spec, size_t elements) { return elements * static_cast<size_t>(spec.bits) / 8; }

void pack_codes(const uint8_t* codes, size_t count, int bits, std::byte* packed) {
  uint32_t pending = 0;
  int pending_bits = 0;
  for (size_t i = 0; i < count; ++i) {
    pending |= static_cast<uint32_t>(codes[i]) << pending_bits;
    for (pending_bits += bits; pending_bits >= 8; pending_bits -= 8) {
      *packed++ = static_cast<std::byte>(pending & 0xFF);
      pending >>= 8;
    }
  }
  check(pending_bits == 0, "rows end on a whole byte");
}

void unpack_codes(const std::byte* packed, size_t count, int bits, uint8_t* codes) {
  const uint32_t mask = (1U << bits) - 1;
  uint32_t pending = 0;
  int pending_bits = 0;
  for (size_t i = 0; i < count; ++i) {
    while (pending_bits < bits) {
      pending |= std::to_integer<uint32_t>(*packed++) << pending_bits;
      pending_bits += 8;
    }
    codes[i] = static_cast<uint8_t>(pending & mask);
    pending >>= bits;
    pending_bits -= bits;
  }
}

void dequantize_row(const QuantSpec& spec, DType dtype, const std::byte* packed, const std::byte* scales,
                    const std::byte* biases, size_t count, float* out) {
  std::vector<uint8_t> codes(count);
  unpack_codes(packed, count, spec.bits, codes.data());
  const auto group_size = static_cast<size_t>(spec.group_size);
  for (size_t group = 0; group < count / group_size; ++group) {
    const float scale = scale_at(spec, dtype, scales, group);
    float bias = 0;
    if (has_biases(spec)) to_f32(dtype, biases + group * size_of(dtype), 1, &bias);
    for (size_t i = group * group_size; i < (group + 1) * group_size; ++i) {
      switch (spec.mode) {
        case QuantMode::affine: out[i] = static_cast<float>(codes[i]) * scale + bias; break;
        case QuantMode::mxfp4:
        case QuantMode::nvfp4: out[i] = f32_from_e2m1(codes[i]) * scale; break;
        case QuantMode::mxfp8: out[i] = f32_from_e4m3(codes[i]) * scale; break;
      }
    }
  }
}

}  // namespace mlxserving::format
