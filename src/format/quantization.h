// How packed codes become weights.
#pragma once

#include <cstdint>

namespace mlxserving::format {

// The modes of MLX: affine codes are q * scale + bias, the others small floats times a shared scale.
enum class QuantMode : uint8_t { affine, mxfp4, mxfp8, nvfp4 };

struct QuantSpec {
  QuantMode mode = QuantMode::affine;
  int bits = 4;
  int group_size = 64;

  friend bool operator==(const QuantSpec&, const QuantSpec&) = default;
};

}  // namespace mlxserving::format
