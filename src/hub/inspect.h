// What a model directory, a GGUF file or a safetensors file holds, and what is wrong with it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/json.h"
#include "format/tensor.h"
#include "mlxserving/error.h"

namespace mlxserving::hub {

struct InspectedTensor {
  std::string name;
  std::string packing;  // "BF16", "affine 4 bits by 64", "Q4_K"
  format::Shape shape;  // of the values, not of the packed words
  uint64_t bytes = 0;   // with scales and biases
};

struct PackingTotal {
  size_t tensors = 0;
  uint64_t elements = 0;
  uint64_t bytes = 0;
};

struct Inspection {
  std::string kind;          // "MLX model directory", "GGUF file", "safetensors file"
  std::string architecture;  // empty: not said
  uint64_t parameters = 0;
  uint64_t bytes = 0;
  std::vector<std::string> files;
  std::vector<InspectedTensor> tensors;
  std::map<std::string, PackingTotal> packings;
  Json metadata;                      // of the file, long arrays as their length; null: none
  std::vector<std::string> problems;  // each a sentence; empty: none found
};

// Looks at `path`, whatever of the three it is. A fault of the content is a problem of the Inspection; errors are left
// for what cannot be looked at: not_found, io, a file of another kind.
Result<Inspection> inspect(const std::string& path);

}  // namespace mlxserving::hub
