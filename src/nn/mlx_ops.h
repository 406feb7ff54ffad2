// The op layer over MLX's stock and fast ops: what Metal and CUDA run. On MLX's CPU device it serves tests only, in
// f32, for that backend is slow and sums half types in half precision.
#pragma once

#include <memory>

#include "nn/ops.h"

namespace mlxserving::nn {

// What activations, scales and dense weights are computed in.
enum class Numerics : uint8_t {
  checkpoint,  // the type the files have
  f32,         // everything widened: the reference
};

// Uses the calling thread's default stream: call from the thread that will evaluate.
std::unique_ptr<Ops> make_mlx_ops(Numerics numerics = Numerics::checkpoint);

}  // namespace mlxserving::nn
