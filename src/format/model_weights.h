// The weights of a model directory: all its safetensors shards as one table of tensors.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "format/safetensors.h"
#include "format/tensor.h"
#include "mlxserving/error.h"

namespace mlxserving::format {

struct ModelWeights {
  std::string directory;
  std::vector<std::string> files;                            // paths of the shards, in the order read
  std::map<std::string, Tensor, std::less<>> tensors;        // by name; each keeps its mapping alive
  std::map<std::string, std::string, std::less<>> shard_of;  // by tensor: the file name of its shard

  const Tensor* find(std::string_view name) const {
    const auto it = tensors.find(name);
    return it == tensors.end() ? nullptr : &it->second;
  }
};

// Which files hold the weights: those that model.safetensors.index.json names, else model*.safetensors, else
// *.safetensors but for consolidated* and adapter*. Every shard is checked whole. Errors: not_found (no directory, no
// weights), invalid_model (the index names a shard or tensor that is not there, a tensor is in two shards), and those
// of open_safetensors.
Result<ModelWeights> open_model_weights(const std::string& directory, const SafetensorsLimits& limits = {});

}  // namespace mlxserving::format
