// Inverse frequencies of rotary positions, for each way a checkpoint may stretch them.
#pragma once

#include <cstdint>

#include "format/model_config.h"
#include "nn/ops.h"

namespace mlxserving::models {

// Frequencies and scale of `config` for heads of `head_dim`; numbers as mlx-lm computes them, in double and rounded
// once. Whatever the type, the result rotates by position alone: two references that choose by the length of the whole
// sequence are followed as each method below says.
nn::RopeSpec rope_spec(const format::RopeConfig& config, int head_dim);

}  // namespace mlxserving::models
