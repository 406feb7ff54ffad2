// Writes a model's weights as mlx-lm does: shards of at most 5 GB with {"format": "mlx"}, and an index. Streaming: one
// tensor's bytes at a time are in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "format/tensor.h"
#include "mlxserving/error.h"

namespace mlxserving::format {

// Tensors that are made together, such as the weight, scales and biases of one matrix.
struct TensorSource {
  std::vector<TensorInfo> tensors;
  // Fills out[i] with all bytes of tensors[i]. Called once, from the thread that writes.
  std::function<Result<void>(std::span<const std::span<std::byte>> out)> fill;
};

struct WriteOptions {
  uint64_t shard_bytes_max = uint64_t{5} << 30;  // of tensors; mlx-lm's
  // Called after each source with its bytes. An error ends the writing with that error: how a command is cancelled.
  std::function<Result<void>(uint64_t bytes)> on_written = [](uint64_t) { return Result<void>(); };
};

struct WrittenWeights {
  std::vector<std::string> files;  // names of the shards
  uint64_t bytes = 0;              // of tensors
};

// Writes model.safetensors, or model-0000i-of-0000n.safetensors, and model.safetensors.index.json into `directory`.
// `parameters` stands in the index. Each file appears under its name when it is complete; on an error none of this call
// remains. Errors: io (also when the disk has too little room), those of `fill` and `on_written`.
Result<WrittenWeights> write_model_weights(const std::string& directory, std::span<const TensorSource> sources,
                                           uint64_t parameters, const WriteOptions& options = {});

}  // namespace mlxserving::format
